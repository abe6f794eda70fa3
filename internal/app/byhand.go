package app

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
	"github.com/lambda-rollout/lambda-rollout/internal/fault"
	"github.com/lambda-rollout/lambda-rollout/internal/journal"
	"github.com/lambda-rollout/lambda-rollout/internal/lambdaapi"
	"github.com/lambda-rollout/lambda-rollout/internal/plan"
	"github.com/lambda-rollout/lambda-rollout/internal/run"
	"github.com/lambda-rollout/lambda-rollout/internal/session"
)

// order is what a person asks to be put back: where each alias shall point.
type order struct {
	function, region string
	// account is a hash to compare, "" where nobody knows.
	account string
	// aliases are the wanted versions by alias; "" reads the version's marker.
	aliases map[string]string
	// latest asks for $LATEST too, from the version point; "" is the one that
	// the first alias will serve.
	latest bool
	point  string
}

// byHand moves aliases back without a journal of the deployment: to what they
// served before, or to the version that is named.
func (a *app) byHand(ctx context.Context) error {
	orders, err := a.orders()
	if err != nil {
		return err
	}
	w, err := a.connect(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for _, o := range orders {
		errs = append(errs, a.carryOut(ctx, w, o))
	}
	return errors.Join(errs...)
}

// orders reads the inputs: rollback-data of another job, or function and alias.
func (a *app) orders() ([]order, error) {
	if text := a.in.String("rollback-data"); text != "" {
		var data []rollbackData
		if err := json.Unmarshal([]byte(text), &data); err != nil {
			return nil, fault.List{{Message: fmt.Sprintf("input rollback-data: %v", err), Hint: "give the output rollback-data of a deploy as it is"}}
		}
		var orders []order
		for _, d := range data {
			o := order{function: d.Function, region: d.Region, account: d.Account, aliases: d.Aliases, latest: a.in.Bool("latest"), point: d.Restore}
			if len(o.aliases) == 0 && !o.latest {
				return nil, fault.List{{Message: "the deployment of " + d.Function + " named no alias", Hint: "latest brings $LATEST back"}}
			}
			orders = append(orders, o)
		}
		return orders, nil
	}
	name, err := definition.ParseFunctionName(a.in.String("function"))
	if err != nil {
		return nil, &run.InputError{Err: err}
	}
	o := order{function: name.Name, region: name.Region, aliases: map[string]string{}, latest: a.in.Bool("latest")}
	version := ""
	if v := a.in.Int("to-version"); v > 0 {
		version = strconv.Itoa(v)
	}
	for _, alias := range a.in.List("alias") {
		o.aliases[alias] = version
	}
	if len(o.aliases) == 0 {
		return nil, fault.List{{Message: "no alias is named", Hint: "lambda-rollout rollback --function " + name.Name + " --alias live"}}
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

func (a *app) carryOut(ctx context.Context, w *world, o order) error {
	b := &builder{app: a, world: w}
	region, err := b.region(o.region, "")
	if err != nil {
		return &run.InputError{Err: err}
	}
	s := standing{order: o, session: w.base, api: lambdaapi.New(w.base, region, w.pace), now: map[string]*definition.ObservedAlias{}}
	if err := s.observe(ctx); err != nil {
		return &run.InputError{Err: err}
	}
	if err := s.target(ctx); err != nil {
		return &run.InputError{Err: err}
	}
	log, err := s.record(ctx, a)
	if err != nil {
		return &run.InputError{Err: err}
	}
	if a.in.Bool("dry-run") {
		return a.showBack(ctx, s.api, *log)
	}
	return a.restore(ctx, w, log)
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

// target finds out, for each alias that names no version, what it served before
// the version that it serves now. A version that is named must be there.
func (s *standing) target(ctx context.Context) error {
	for _, name := range s.names() {
		switch version := s.aliases[name]; version {
		case "none", plan.Latest:
			continue
		case "":
		default:
			found, err := s.api.Find(ctx, s.function, version)
			if err != nil {
				return err
			}
			if found == nil {
				return s.choose(ctx, name, "there is no version "+version)
			}
			continue
		}
		served, err := s.api.Find(ctx, s.function, s.now[name].Version)
		if err != nil {
			return err
		}
		description := ""
		if served != nil && served.Description != nil {
			description = *served.Description
		}
		was := plan.ParseWas(description, name)
		switch was {
		case "":
			return s.choose(ctx, name, "its description does not say what the alias served before")
		case "none":
			return s.choose(ctx, name, "it is the first one that the alias served")
		}
		s.aliases[name] = was
	}
	return nil
}

// choose is the error that helps a person to name a version.
func (s *standing) choose(ctx context.Context, alias, why string) error {
	versions, err := s.api.ListVersions(ctx, s.function)
	if err != nil {
		return err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "alias %s of %s serves version %s: %s; name one with to-version:", alias, s.function, s.now[alias].Version, why)
	const newest = 10
	for _, v := range slices.Backward(versions[max(0, len(versions)-newest):]) {
		fmt.Fprintf(&b, "\n  %s  %s  %s", v.Number, v.LastModified, v.Description)
	}
	return errors.New(b.String())
}

// record writes the order as the journal of a run that changed from the wanted
// state to what stands now: the way back is then the one of every rollback,
// and one that is cut off can be finished.
func (s *standing) record(ctx context.Context, a *app) (*journal.TargetLog, error) {
	target := journal.Target{
		Function: s.function, Region: s.api.Region(), Account: s.identity.Account, Partition: s.identity.Partition,
		Role: a.in.String("role-to-assume"),
	}
	if a.in.Bool("local") {
		target.Endpoint = journal.LocalEndpoint + a.localDir()
	} else {
		target.Endpoint = s.session.Endpoint()
	}
	salt := newSalt()
	log := &journal.TargetLog{Target: target, Run: a.runID(), Salt: salt}
	snapshot := &journal.Snapshot{Exists: true, Content: plan.ContentOf(s.latest, salt), Tags: s.latest.Tags}
	if s.latest.Description != nil {
		snapshot.Description = *s.latest.Description
	}
	snapshot.Architectures = s.latest.Architectures
	for _, name := range s.names() {
		if s.now[name] == nil {
			continue
		}
		now := journal.AliasOf(s.now[name].Alias)
		log.Steps = append(log.Steps, found(plan.UpdateAlias, journal.Intent{Alias: &now, AliasName: name}))
		if s.aliases[name] == "none" {
			snapshot.Missing = append(snapshot.Missing, name)
			continue
		}
		was := now
		was.Version, was.Weights = s.aliases[name], nil
		snapshot.Aliases = append(snapshot.Aliases, was)
	}
	if s.order.latest {
		if err := s.recordLatest(ctx, log, snapshot); err != nil {
			return nil, err
		}
	}
	log.Snapshot = snapshot
	return log, nil
}

// found is what stands now, as a step that is done.
func found(call plan.Call, intent journal.Intent) journal.Step {
	intent.Call = string(call)
	return journal.Step{Intent: intent, Outcome: &journal.Outcome{Result: journal.Done}}
}

func (s *standing) recordLatest(ctx context.Context, log *journal.TargetLog, snapshot *journal.Snapshot) error {
	version := s.point
	if version == "" && len(snapshot.Aliases) > 0 {
		version = snapshot.Aliases[0].Version
	}
	if version == "" {
		return fmt.Errorf("$LATEST of %s cannot be brought back: no alias names the version to take", s.function)
	}
	point, err := s.api.Find(ctx, s.function, version)
	if err != nil {
		return err
	}
	if point == nil {
		return fmt.Errorf("function %s has no version %s", s.function, version)
	}
	standing := snapshot.Content
	log.Steps = append(log.Steps, found(plan.UpdateConfiguration, journal.Intent{Content: &standing}))
	wanted := *point
	wanted.Description = s.latest.Description
	snapshot.Content = plan.ContentOf(&wanted, log.Salt)
	snapshot.RestorePoint, snapshot.Architectures = version, point.Architectures
	return nil
}

// restore journals the order and rolls it back.
func (a *app) restore(ctx context.Context, w *world, log *journal.TargetLog) error {
	opts, err := a.rollbackOptions(w, log.Run)
	if err != nil {
		return &run.InputError{Err: err}
	}
	header := opts.Header
	header.Salt, header.Targets = log.Salt, []journal.Target{log.Target}
	j, err := journal.Create(ctx, opts.Store, header, a.Now)
	if err != nil {
		return &run.InputError{Err: err}
	}
	if opts.Claim != nil {
		if err := opts.Claim(ctx, j.Name(), header.Targets); err != nil {
			return errors.Join(&run.InputError{Err: err}, j.Settle(ctx, journal.Kept), j.Close())
		}
	}
	// A post step finishes what is cut off here.
	if err := errors.Join(a.host.SaveState("journal", j.Name()), j.Adopt(ctx, log)); err != nil {
		return errors.Join(&run.InputError{Err: err}, j.Close())
	}
	return errors.Join(a.rollBack(ctx, j), j.Close())
}
