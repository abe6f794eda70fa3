package deploy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/lambda-rollout/lambda-rollout/internal/awsfacts"
	"github.com/lambda-rollout/lambda-rollout/internal/journal"
	"github.com/lambda-rollout/lambda-rollout/internal/lambdaapi"
	"github.com/lambda-rollout/lambda-rollout/internal/plan"
	"github.com/lambda-rollout/lambda-rollout/internal/policy"
	"github.com/lambda-rollout/lambda-rollout/internal/preflight"
	"github.com/lambda-rollout/lambda-rollout/internal/session"
)

// Terms are the conditions under which a deployment may start.
type Terms struct {
	// AllowPartial starts it although something could not be restored.
	AllowPartial bool
	// KeepNew leaves a new function in place when the deployment is rolled back.
	KeepNew bool
}

// Check refuses what AWS would refuse, and what could not be rolled back. Where
// something is to change it then asks, side by side, whether the roles exist,
// whether every action is allowed, whether AWS would take the code, and whether a
// rollback could restore everything. It changes nothing. Its error is a
// *NotStartedError.
func Check(ctx context.Context, planned []Planned, terms Terms, w Work) error {
	ctx = session.BeforeChanges(ctx)
	for _, p := range planned {
		events := w.of(p.At)
		for _, text := range p.Plan.Warnings {
			warn(events, "%s", text)
		}
		p.warnOfDrift(events)
		if terms.AllowPartial {
			for _, text := range p.Plan.Irreversible {
				warn(events, "a rollback could not restore everything: %s", text)
			}
		}
	}
	if err := Refused(planned, terms); err != nil {
		return notStarted(err)
	}
	if unchanged(planned) {
		return nil
	}
	defer w.ticking(ctx)()
	c := checker{Terms: terms, Work: w}
	if err := c.ask(ctx, planned); err != nil {
		return notStarted(fmt.Errorf("nothing was changed: %w", err))
	}
	return nil
}

// Refused returns why a deployment would not start, as far as the plans tell; nil
// where it would.
func Refused(planned []Planned, terms Terms) error {
	var all []error
	for _, p := range planned {
		for _, text := range p.Plan.Blockers {
			all = append(all, fmt.Errorf("function %s: %s", p.At.Function, text))
		}
		for _, text := range p.Plan.Irreversible {
			if !terms.AllowPartial {
				all = append(all, irreversible(p.At.Function, text))
			}
		}
	}
	return errors.Join(all...)
}

func irreversible(function, reason string) error {
	return fmt.Errorf("function %s: it could not be rolled back: %s (to deploy anyway: allow-partial-rollback)", function, reason)
}

// checker asks AWS before the first change.
type checker struct {
	Terms
	Work
}

// ask asks all questions side by side, each with a clock of its own.
func (c checker) ask(ctx context.Context, planned []Planned) error {
	trials := dryRuns(planned)
	errs := make([]error, 1+len(trials)+3*len(planned))
	var all errgroup.Group
	free := slots{size: c.MaxParallel + 1} // and one for the whole run
	ask := func(at int, region string, question func(context.Context) error) {
		turn := free.queue(region)
		all.Go(func() error {
			release := turn.take(ctx)
			if release == nil {
				errs[at] = context.Cause(ctx)
				return nil
			}
			defer release()
			ctx, cancel := context.WithTimeout(ctx, questionTimeout)
			defer cancel()
			errs[at] = question(ctx)
			return nil
		})
	}
	ask(0, "", func(ctx context.Context) error { return c.permitted(ctx, planned, preflight.Ask) })
	for i, trial := range trials {
		ask(1+i, trial.first.At.Region, trial.run)
	}
	found := make([]obstacles, len(planned))
	for i, p := range planned {
		ask(1+len(trials)+i, p.At.Region, func(ctx context.Context) error { return provisioned(ctx, p) })
		ask(1+len(trials)+len(planned)+i, p.At.Region, p.groupsFree)
		ask(1+len(trials)+2*len(planned)+i, p.At.Region, func(ctx context.Context) error {
			found[i] = p.obstacles(ctx)
			return c.obstructed(p, found[i])
		})
	}
	_ = all.Wait()
	for i := range planned { // not earlier: the other questions read the plans
		planned[i].add(found[i])
	}
	return session.Join(errs...)
}

// obstructed warns of obstacles, or refuses to start, as Check does for those that the
// plan itself shows.
func (c checker) obstructed(p Planned, found obstacles) error {
	for _, text := range found.warnings {
		warn(c.of(p.At), "%s", text)
	}
	var all []error
	for _, text := range found.irreversible {
		if c.AllowPartial {
			warn(c.of(p.At), "a rollback could not restore everything: %s", text)
			continue
		}
		all = append(all, irreversible(p.At.Function, text))
	}
	return errors.Join(all...)
}

// permitted asks IAM, once for each set of credentials, in the order of the targets.
func (c checker) permitted(ctx context.Context, planned []Planned, asks Answers) error {
	var errs []error
	for _, q := range c.questions(planned) {
		answer, err := asks(ctx, *q)
		for _, text := range answer.Warnings {
			warn(c.Events, "%s", text)
		}
		errs = append(append(errs, err), answer.Refused...)
	}
	return session.Join(errs...)
}

// questions are what IAM is asked, one for each set of credentials and Region.
func (c checker) questions(planned []Planned) []*preflight.Question {
	type caller struct{ account, connector, region string }
	var all []*preflight.Question
	of := map[caller]*preflight.Question{}
	add := func(by caller, s *session.Session, needs []policy.Need) {
		if of[by] == nil {
			of[by] = &preflight.Question{Session: s, Region: by.region}
			all = append(all, of[by])
		}
		of[by].Needs = append(of[by].Needs, needs...)
	}
	// Gates are invoked as the run itself, whatever roles the connectors have.
	own := caller{region: planned[0].At.Region}
	for _, p := range planned {
		if p.Plan.Empty() || strings.HasPrefix(p.At.Endpoint, journal.LocalEndpoint) {
			continue
		}
		by := caller{p.At.Account, p.At.Connector, p.At.Region}
		if by.connector == "" && own.account == "" {
			own = by
		}
		add(by, p.Session, policy.Needs(p.PolicyTarget(c.KeepNew)))
	}
	gates := planned[0].Watch.Gates
	if needs := gates.Needs(); len(needs) > 0 && len(all) > 0 {
		if of[own] == nil {
			add(own, gates.Connection.base, nil)
		}
		of[own].Needs = append(of[own].Needs, needs...)
	}
	return all
}

// provisioned asks, once for each alias that moves, whether it has provisioned
// concurrency, and puts the answer into the plan's observation. Nothing else in the
// API shows it, and it has to be known before the move: AWS then gives the alias
// weights of its own, which the deployment waits out and a rollback must not take
// for somebody's. A permission that is missing would show only after an alias
// moved. No answer stops nothing: who moves the alias asks again.
func provisioned(ctx context.Context, p Planned) error {
	if err := room(ctx, p); err != nil {
		return err
	}
	for _, name := range asksProvisioned(p) {
		status, err := p.API.Provisioned(ctx, p.At.Function, name)
		if refused(err) {
			return err
		}
		if err == nil {
			p.Before.Provisioned[name] = status.Value != ""
		}
	}
	return nil
}

// asksProvisioned are the aliases that move and of which it is not known yet.
func asksProvisioned(p Planned) []string {
	var names []string
	for _, s := range p.Plan.Steps {
		name := plan.MovedAlias(s)
		if now := p.Before.Aliases[name]; now != nil && now.Version == plan.Latest {
			// It cannot have any
			// (https://docs.aws.amazon.com/lambda/latest/dg/provisioned-concurrency.html).
			p.Before.Provisioned[name] = false
		}
		if _, known := p.Before.Provisioned[name]; name != "" && !known && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// emulated reports whether the target's calls go to neither AWS nor the embedded
// AWS.
func (t Target) emulated() bool {
	return !strings.HasPrefix(t.At.Endpoint, journal.LocalEndpoint) && !awsfacts.IsEndpoint(t.API.Endpoint())
}

func refused(err error) bool {
	if err == nil {
		return false
	}
	class := lambdaapi.Classify(err)
	return class == lambdaapi.Refused || class == lambdaapi.Denied
}
