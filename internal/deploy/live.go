package deploy

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/journal"
	"github.com/lambda-rollout/lambda-rollout/internal/lambdaapi"
	"github.com/lambda-rollout/lambda-rollout/internal/session"
)

// Request is what a user asks for one function that is deployed: where each
// alias shall point.
type Request struct {
	Function, Region string
	// Account is a hash to compare, "" where nobody knows.
	Account string
	// OfDeployment reports whether Version, where there is one, is what a deployment
	// published: an alias
	// that points to neither that nor the version before was moved since, and is
	// not touched.
	OfDeployment bool
	// Connector names the role to work as in the input connectors, "" for the
	// run's own.
	Connector string
	// Version is the one that the deployment published, or that is named; "" for
	// none.
	Version string
	// Aliases are the versions that a rollback leads to, by alias: "" reads the
	// marker of the version that it points to, None deletes the alias.
	Aliases map[string]string
	// Weights are what an alias gave to another version than that.
	Weights map[string]map[string]float64
	// Latest asks for $LATEST too, from the version RestorePoint; "" is the one
	// that the first alias will point to.
	Latest       bool
	RestorePoint string
}

// RequestOf returns a request for a function by its name or ARN.
func RequestOf(name definition.Name) Request {
	r := Request{Function: name.Name, Region: name.Region, Aliases: map[string]string{}}
	if name.Account != "" {
		r.Account = accountHash(name.Account)
	}
	return r
}

// None takes the place of the version of an alias that did not exist.
const None = "none"

// liveFunction is what AWS shows of a request.
type liveFunction struct {
	Request
	connection *Connection
	api        *lambdaapi.Client
	session    *session.Session
	identity   session.Identity
	latest     *definition.Observed
	// now are the aliases as they are; nil for one that does not exist.
	now map[string]*definition.ObservedAlias
	// versions are the published ones, once they were read.
	versions []lambdaapi.Version
}

// look connects to the account of a function and reads it and its aliases.
func look(ctx context.Context, c *Connection, r Request) (*liveFunction, error) {
	region, err := c.regionOf(r.Region, "")
	if err != nil {
		return nil, err
	}
	s, err := c.access.assume(c.base, c.access.Connectors[r.Connector])
	if err != nil {
		return nil, err
	}
	l := &liveFunction{
		Request: r, connection: c, session: s, api: lambdaapi.New(s, region, c.timing),
		now: map[string]*definition.ObservedAlias{},
	}
	return l, l.observe(ctx)
}

// at is where the function is, as a journal records it.
func (l *liveFunction) at() journal.Target {
	t := l.connection.at(l.Function, l.api.Region(), l.identity)
	t.Connector = l.connection.access.Connectors[l.Connector]
	return t
}

// observe reads the function and its aliases, and checks the account.
func (l *liveFunction) observe(ctx context.Context) (err error) {
	if l.identity, err = l.session.Identity(ctx); err != nil {
		return err
	}
	if l.Account != "" && l.Account != accountHash(l.identity.Account) {
		if !l.OfDeployment {
			return fmt.Errorf("function %s is of another account than %s, to which the credentials belong", l.Function, l.identity.Account)
		}
		return fmt.Errorf("the rollback-data of %s are of another account than %s, to which the credentials belong", l.Function, l.identity.Account)
	}
	if l.latest, err = l.api.Find(ctx, l.Function, ""); err != nil {
		return err
	}
	if l.latest == nil {
		return l.connection.missing(l.Function, l.api.Region())
	}
	for _, name := range l.names() {
		found, err := l.api.FindAlias(ctx, l.Function, name)
		if err != nil {
			return err
		}
		if found == nil && l.Aliases[name] != None {
			return l.noAlias(name)
		}
		l.now[name] = found
	}
	return nil
}

func (l *liveFunction) noAlias(name string) error {
	return fmt.Errorf("function %s in %s has no alias %s", l.Function, l.api.Region(), name)
}

// listVersions reads the published versions once, the oldest first.
func (l *liveFunction) listVersions(ctx context.Context) (_ []lambdaapi.Version, err error) {
	if l.versions == nil {
		l.versions, err = l.api.ListVersions(ctx, l.Function)
	}
	return l.versions, err
}

func (l *liveFunction) names() []string { return slices.Sorted(maps.Keys(l.Aliases)) }

// choose is the error that helps the user to name a version.
func (l *liveFunction) choose(ctx context.Context, alias, why string) error {
	var b strings.Builder
	fmt.Fprintf(&b, "alias %s of %s points to version %s: %s; name one with to-version:", alias, l.Function, l.now[alias].Version, why)
	versions, err := l.listVersions(ctx)
	if err != nil {
		return fmt.Errorf("%s\n  %w", &b, err)
	}
	const newest = 10
	for _, v := range slices.Backward(versions[max(0, len(versions)-newest):]) {
		fmt.Fprintf(&b, "\n  %s  %s  %s", v.Number, v.LastModified, v.Description)
	}
	return errors.New(b.String())
}
