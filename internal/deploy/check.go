package deploy

import (
	"context"
	"errors"
	"fmt"
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

// dryRunLimit is the largest zip, in bytes, that is sent twice.
const dryRunLimit = 4 << 20

// Terms are the conditions under which a deployment may start.
type Terms struct {
	// AllowPartial starts it although something could not be restored.
	AllowPartial bool
	// KeepNew leaves a new function in place when the deployment is rolled back.
	KeepNew bool
}

// Check refuses what AWS would refuse, and what could not be rolled back. Where
// something is to change it then asks, side by side, whether the roles exist,
// whether every action is allowed, and whether AWS would take the code. It
// changes nothing. Its error is a *NotStartedError.
func Check(ctx context.Context, planned []Planned, terms Terms, w Work) error {
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
	c := checker{Terms: terms, Work: w}
	if err := c.ask(ctx, planned); err != nil {
		return notStarted(fmt.Errorf("nothing was changed: %w", err))
	}
	return nil
}

// Refused is why a deployment would not start, as far as the plans tell; nil
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
	return fmt.Errorf("function %s: it could not be rolled back: %s (to deploy all the same: allow-partial-rollback)", function, reason)
}

// checker asks AWS before the first change.
type checker struct {
	Terms
	Work
}

func (c checker) ask(ctx context.Context, planned []Planned) error {
	const questions = 2 // about each function
	errs := make([]error, 1+questions*len(planned))
	var all errgroup.Group
	all.SetLimit(c.MaxParallel + questions)
	ask := func(at int, question func(context.Context) error) {
		all.Go(func() error {
			ctx, cancel := context.WithTimeout(ctx, questionTimeout)
			defer cancel()
			errs[at] = question(ctx)
			return nil
		})
	}
	ask(0, func(ctx context.Context) error { return c.permitted(ctx, planned) })
	for i, p := range planned {
		at := 1 + questions*i
		ask(at, func(ctx context.Context) error { return dryRun(ctx, p) })
		ask(at+1, func(ctx context.Context) error { return provisioned(ctx, p) })
	}
	_ = all.Wait()
	return session.Join(errs...)
}

// permitted asks IAM, once for each set of credentials.
func (c checker) permitted(ctx context.Context, planned []Planned) error {
	type caller struct{ account, connector, region string }
	questions := map[caller]*preflight.Question{}
	for _, p := range planned {
		if p.Plan.Empty() || strings.HasPrefix(p.At.Endpoint, journal.LocalEndpoint) {
			continue
		}
		key := caller{p.At.Account, p.At.Connector, p.At.Region}
		if questions[key] == nil {
			questions[key] = &preflight.Question{Session: p.Session, Region: key.region}
		}
		questions[key].Needs = append(questions[key].Needs, policy.Needs(p.PolicyTarget(c.KeepNew))...)
	}
	var errs []error
	for _, q := range questions {
		answer, err := preflight.Ask(ctx, *q)
		for _, text := range answer.Warnings {
			warn(c.Events, "%s", text)
		}
		errs = append(append(errs, err), answer.Refused...)
	}
	return session.Join(errs...)
}

// dryRun lets AWS check the new code of a function that exists. What is not a
// clear no, such as a call that is throttled, stops nothing. An emulator may not
// know DryRun and change the function: only AWS and the embedded AWS are asked.
func dryRun(ctx context.Context, p Planned) error {
	if p.emulated() {
		return nil
	}
	for _, s := range p.Plan.Steps {
		s, updates := s.(plan.UpdateCode)
		if !updates || !p.Artifact.Direct() || s.Code.ZipPath != "" && s.Code.Size > dryRunLimit {
			continue
		}
		_, err := p.API.UpdateCode(ctx, lambdaapi.CodeUpdate{
			Function: p.At.Function, Code: s.Code, Architectures: s.Architectures,
			RevisionId: p.Before.Latest.RevisionId, DryRun: true,
		})
		if refused(err) {
			return fmt.Errorf("AWS refuses the code: %w", err)
		}
	}
	return nil
}

// provisioned makes sure of a permission that would be missed only after an
// alias moved.
func provisioned(ctx context.Context, p Planned) error {
	asked := map[string]bool{}
	for _, s := range p.Plan.Steps {
		name := plan.MovedAlias(s)
		if name == "" || asked[name] {
			continue
		}
		asked[name] = true
		if _, err := p.API.Provisioned(ctx, p.At.Function, name); refused(err) {
			return err
		}
	}
	return nil
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
