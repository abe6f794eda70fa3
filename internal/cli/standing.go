package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/deploy"
	"github.com/lambda-rollout/lambda-rollout/internal/diag"
	"github.com/lambda-rollout/lambda-rollout/internal/journal"
	"github.com/lambda-rollout/lambda-rollout/internal/lambdaapi"
	"github.com/lambda-rollout/lambda-rollout/internal/session"
)

// order is what a person asks for one function that is deployed: where each
// alias shall point.
type order struct {
	function, region string
	// account is a hash to compare, "" where nobody knows.
	account string
	// connector names the role to work as in the input connectors, "" for the
	// run's own.
	connector string
	// version is the one that the deployment published, or that is named; "" for
	// none.
	version string
	// aliases are the versions that a rollback leads to, by alias; "" reads the
	// served version's marker.
	aliases map[string]string
	// weights are what an alias gave to another version than that.
	weights map[string]map[string]float64
	// latest asks for $LATEST too, from the version point; "" is the one that
	// the first alias will serve.
	latest bool
	point  string
}

// nearOrders is the first Region that an order names.
func nearOrders(orders []order) string {
	for _, o := range orders {
		if o.region != "" {
			return o.region
		}
	}
	return ""
}

// orders reads the inputs: rollback-data of another job, or function and alias.
func (a *app) orders() ([]order, error) {
	latest := a.asked("latest")
	if text := a.in.String("rollback-data"); text != "" {
		var data []rollbackData
		if err := json.Unmarshal([]byte(text), &data); err != nil {
			return nil, diag.List{{Message: fmt.Sprintf("input rollback-data: %v", err), Hint: "give the output rollback-data of a deploy as it is"}}
		}
		var orders []order
		for _, d := range data {
			o := order{function: d.Function, region: d.Region, account: d.Account, connector: d.Connector, version: d.Version, aliases: d.Aliases, weights: d.Weights, latest: latest, point: d.Restore}
			if len(o.aliases) == 0 && !o.latest {
				hint := "an alias is what shares its traffic: name one at the deploy"
				if a.in.Has("latest") {
					hint = "rollback with latest brings $LATEST back"
				}
				return nil, diag.List{{Message: "the deployment of " + d.Function + " named no alias", Hint: hint}}
			}
			orders = append(orders, o)
		}
		return orders, nil
	}
	name, err := definition.ParseFunctionName(a.in.String("function"))
	if err != nil {
		return nil, &deploy.InputError{Err: err}
	}
	o := order{function: name.Name, region: name.Region, aliases: map[string]string{}, latest: latest}
	if v := a.in.Int("to-version"); v > 0 {
		o.version = strconv.Itoa(v)
	}
	for _, alias := range a.in.List("alias") {
		o.aliases[alias] = o.version
	}
	if len(o.aliases) == 0 {
		return nil, diag.List{{Message: "no alias is named", Hint: "lambda-rollout rollback --function " + name.Name + " --alias live"}}
	}
	return []order{o}, nil
}

// standing is what AWS shows of an order.
type standing struct {
	order
	api      *lambdaapi.Client
	session  *session.Session
	identity session.Identity
	latest   *definition.Observed
	now      map[string]*definition.ObservedAlias
}

// look connects to where a function stands and reads it and its aliases.
func (a *app) look(ctx context.Context, w *world, o order) (*standing, error) {
	b := &builder{app: a, world: w}
	region, err := b.region(o.region, "")
	if err != nil {
		return nil, err
	}
	own, err := a.connector(w.base, a.in.Map("connectors")[o.connector])
	if err != nil {
		return nil, err
	}
	s := &standing{order: o, session: own, api: lambdaapi.New(own, region, w.pace), now: map[string]*definition.ObservedAlias{}}
	return s, s.observe(ctx)
}

// journal is where the function stands, as a journal keeps it.
func (s *standing) journal(a *app) journal.Target {
	t := journal.Target{
		Function: s.function, Region: s.api.Region(), Account: s.identity.Account, Partition: s.identity.Partition,
		Endpoint: s.session.Endpoint(), Role: a.in.String("role-to-assume"), Connector: a.in.Map("connectors")[s.connector],
	}
	if a.in.Bool("local") {
		t.Endpoint = journal.LocalEndpoint + a.localDir()
	}
	return t
}

// observe reads the function and its aliases, and checks the account.
func (s *standing) observe(ctx context.Context) (err error) {
	if s.identity, err = s.session.Identity(ctx); err != nil {
		return err
	}
	if s.account != "" && s.account != accountHash(s.identity.Account) {
		return fmt.Errorf("the rollback-data of %s are of another account than %s, to which the credentials belong", s.function, s.identity.Account)
	}
	if s.latest, err = s.api.Find(ctx, s.function, ""); err != nil {
		return err
	}
	if s.latest == nil {
		return fmt.Errorf("there is no function %s in %s", s.function, s.api.Region())
	}
	for _, name := range s.names() {
		found, err := s.api.FindAlias(ctx, s.function, name)
		if err != nil {
			return err
		}
		if found == nil && s.aliases[name] != "none" {
			return fmt.Errorf("function %s in %s has no alias %s", s.function, s.api.Region(), name)
		}
		s.now[name] = found
	}
	return nil
}

func (s *standing) names() []string { return slices.Sorted(maps.Keys(s.aliases)) }

// choose is the error that helps a person to name a version.
func (s *standing) choose(ctx context.Context, alias, why string) error {
	var b strings.Builder
	fmt.Fprintf(&b, "alias %s of %s serves version %s: %s; name one with to-version:", alias, s.function, s.now[alias].Version, why)
	versions, err := s.api.ListVersions(ctx, s.function)
	if err != nil {
		return fmt.Errorf("%s\n  %w", &b, err)
	}
	const newest = 10
	for _, v := range slices.Backward(versions[max(0, len(versions)-newest):]) {
		fmt.Fprintf(&b, "\n  %s  %s  %s", v.Number, v.LastModified, v.Description)
	}
	return errors.New(b.String())
}
