package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/lambda-rollout/lambda-rollout/internal/deploy"
	"github.com/lambda-rollout/lambda-rollout/internal/lambdaapi"
	"github.com/lambda-rollout/lambda-rollout/internal/plan"
	"github.com/lambda-rollout/lambda-rollout/internal/policy"
	"github.com/lambda-rollout/lambda-rollout/internal/preflight"
	"github.com/lambda-rollout/lambda-rollout/internal/service"
	"github.com/lambda-rollout/lambda-rollout/internal/session"
)

const (
	// preflightTimeout bounds what is asked beforehand: it helps, and must not
	// be what a deployment waits for.
	preflightTimeout = 15 * time.Second
	// dryRunLimit is the largest zip, in bytes, that is sent twice.
	dryRunLimit = 4 << 20
)

// preflight asks, side by side and before the first change, whether the roles
// exist, whether every action is allowed, and whether AWS would take the code.
func (b *builder) preflight(ctx context.Context, set *service.Set, results []deploy.Result) error {
	ctx, cancel := context.WithTimeout(ctx, preflightTimeout)
	defer cancel()
	const questions = 3 // about each function
	errs := make([]error, 1+questions*len(results))
	var all errgroup.Group
	all.SetLimit(b.in.Int("max-parallel") + questions)
	ask := func(at int, question func() error) {
		all.Go(func() error { errs[at] = question(); return nil })
	}
	ask(0, func() error {
		return b.permitted(ctx, results, func(i int) []policy.Need {
			return policy.Needs(b.policyTarget(set.Targets[i], b.code[i], results[i]))
		})
	})
	for i, r := range results {
		at := 1 + questions*i
		ask(at, func() error { return b.dryRun(ctx, i, r) })
		ask(at+1, func() error { return b.wayBack(ctx, r) })
		ask(at+2, func() error { return provisioned(ctx, r) })
	}
	_ = all.Wait()
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("nothing was changed: %w", err)
	}
	return nil
}

// permitted asks IAM, once for each set of credentials; needs says what a
// result's changes need.
func (b *builder) permitted(ctx context.Context, results []deploy.Result, needs func(i int) []policy.Need) error {
	if b.in.Bool("local") {
		return nil
	}
	type caller struct{ account, connector, region string }
	questions := map[caller]*preflight.Question{}
	for i, r := range results {
		if r.Plan.Empty() {
			continue
		}
		key := caller{r.Target.Journal.Account, r.Target.Journal.Connector, r.Target.Journal.Region}
		if questions[key] == nil {
			questions[key] = &preflight.Question{Session: sessionOf(r), Region: key.region}
		}
		questions[key].Needs = append(questions[key].Needs, needs(i)...)
	}
	var errs []error
	for _, q := range questions {
		answer, err := preflight.Ask(ctx, *q)
		for _, w := range answer.Warnings {
			b.log().Warn("%s", w)
		}
		errs = append(append(errs, err), answer.Refused...)
	}
	return errors.Join(errs...)
}

// sessionOf is what a Target is deployed with.
func sessionOf(r deploy.Result) *session.Session { return r.Target.Code.(*fetcher).session }

// dryRun lets AWS check the new code of a function that exists. What is not a
// clear no, such as a call that is throttled, stops nothing.
func (b *builder) dryRun(ctx context.Context, i int, r deploy.Result) error {
	for _, s := range r.Plan.Steps {
		s, updates := s.(plan.UpdateCode)
		if !updates || !b.code[i].Direct() || s.Code.ZipPath != "" && s.Code.Size > dryRunLimit {
			continue
		}
		err := r.Target.API.UpdateCode(ctx, lambdaapi.CodeUpdate{
			Function: r.Target.Journal.Function, Code: s.Code, Architectures: s.Architectures,
			RevisionId: r.Before.Latest.RevisionId, DryRun: true,
		})
		if refused(err) {
			return fmt.Errorf("AWS does not take the code: %w", err)
		}
	}
	return nil
}

// provisioned makes sure of a permission that would be missed only after an
// alias moved.
func provisioned(ctx context.Context, r deploy.Result) error {
	asked := map[string]bool{}
	for _, s := range r.Plan.Steps {
		name := plan.MovedAlias(s)
		if name == "" || asked[name] {
			continue
		}
		asked[name] = true
		if _, err := r.Target.API.Provisioned(ctx, r.Target.Journal.Function, name); refused(err) {
			return err
		}
	}
	return nil
}

func refused(err error) bool {
	if err == nil {
		return false
	}
	class := lambdaapi.Classify(err)
	return class == lambdaapi.Refused || class == lambdaapi.Denied
}
