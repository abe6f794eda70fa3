package engine

import (
	"context"
	"fmt"
	"maps"

	"golang.org/x/sync/errgroup"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/event"
	"github.com/lambda-rollout/lambda-rollout/internal/journal"
	"github.com/lambda-rollout/lambda-rollout/internal/lambdaapi"
	"github.com/lambda-rollout/lambda-rollout/internal/plan"
)

func (e *Engine) deleteAlias(s plan.DeleteAlias) change {
	return change{
		intent: journal.Intent{AliasName: s.Name}, unfenced: true,
		send: func(ctx context.Context) error { return e.api.DeleteAlias(ctx, e.live.function, s.Name) },
		look: e.lookAlias(nil, s.Name),
	}
}

func (e *Engine) createAlias(a definition.Alias) change {
	wanted := journal.AliasOf(a)
	return change{
		intent: journal.Intent{AliasName: a.Name, Alias: &wanted}, unfenced: true,
		send: func(ctx context.Context) error {
			answer, err := e.api.CreateAlias(ctx, e.live.function, a)
			return e.tookAlias(answer, wanted, (plan.CreateAlias{}).Operation(), err)
		},
		look: e.lookAlias(&wanted, a.Name),
	}
}

func (e *Engine) updateAlias(a definition.Alias) change {
	name, wanted := a.Name, journal.AliasOf(a)
	if now := e.live.aliases[name]; now != nil && a.Description == nil {
		wanted.Description = journal.AliasOf(now.Alias).Description
	}
	var concurrency provisioned
	return change{
		intent: journal.Intent{AliasName: name, Alias: &wanted},
		look:   e.lookAlias(&wanted, name),
		send: func(ctx context.Context) error {
			// Whether there is provisioned concurrency does not depend on the move:
			// what was asked before the first change need not be asked again.
			var beside errgroup.Group
			if has, known := e.live.provisioned[name]; has || !known {
				beside.Go(func() error {
					concurrency.status, concurrency.err = e.api.Provisioned(ctx, e.live.function, name)
					return nil
				})
			}
			answer, err := e.api.UpdateAlias(ctx, e.live.function, a, e.live.aliases[name].RevisionId)
			_ = beside.Wait() // it never fails: waitProvisioned sees to what was answered
			return e.tookAlias(answer, wanted, (plan.UpdateAlias{}).Operation(), err)
		},
		finish: func(ctx context.Context, o *journal.Outcome) error {
			err := e.waitProvisioned(ctx, wanted, concurrency)
			o.Revision = e.live.aliases[name].RevisionId
			return err
		},
	}
}

// tookAlias checks the answer to a change of an alias and remembers it.
func (e *Engine) tookAlias(answer definition.ObservedAlias, wanted journal.Alias, operation string, err error) error {
	if err != nil {
		return err
	}
	if !wanted.Equal(journal.AliasOf(answer.Alias)) {
		// Weights of AWS' own are distinguished from a foreign answer by the look that
		// follows.
		return &lambdaapi.AnswerError{Operation: operation, Subject: e.live.function + ":" + wanted.Name}
	}
	e.live.aliases[wanted.Name] = &answer
	return nil
}

func (e *Engine) lookAlias(wanted *journal.Alias, name string) func(context.Context) (sight, error) {
	before := e.live.aliases[name]
	return func(ctx context.Context) (sight, error) {
		now, err := e.api.FindAlias(ctx, e.live.function, name)
		if err != nil {
			return unreadable, err
		}
		is, err := e.isAlias(ctx, wanted, now)
		if err != nil {
			return unreadable, err
		}
		if is && (now == nil || before == nil || now.RevisionId != before.RevisionId) {
			e.live.aliases[name] = now
			return applied, nil
		}
		var old *journal.Alias
		if before != nil {
			state := journal.AliasOf(before.Alias)
			old = &state
		}
		if is, err = e.isAlias(ctx, old, now); err != nil || !is {
			return foreign, err
		}
		e.live.aliases[name] = now
		return unchanged, nil
	}
}

// isAlias reports whether an alias is as it was wanted; nil means deleted. An
// alias with provisioned concurrency gets weights from AWS while its new version
// is made ready: these are nobody's
// (https://docs.aws.amazon.com/lambda/latest/dg/provisioned-concurrency.html).
func (e *Engine) isAlias(ctx context.Context, wanted *journal.Alias, now *definition.ObservedAlias) (bool, error) {
	if wanted == nil || now == nil {
		return wanted == nil && now == nil, nil
	}
	state := journal.AliasOf(now.Alias)
	if wanted.Equal(state) {
		return true, nil
	}
	if len(wanted.Weights) > 0 || len(state.Weights) == 0 {
		return false, nil
	}
	state.Weights = nil
	if bare := *wanted; !bare.Equal(state) {
		return false, nil
	}
	concurrency, err := e.api.Provisioned(ctx, e.live.function, wanted.Name)
	return concurrency.Value != "", err
}

// provisioned is an alias' provisioned concurrency, as it was asked for while
// the alias moved.
type provisioned struct {
	status definition.Status
	err    error
}

// waitProvisioned waits for provisioned concurrency to follow a moved alias: AWS
// shifts weights of its own until the new version is ready.
func (e *Engine) waitProvisioned(ctx context.Context, wanted journal.Alias, p provisioned) error {
	status, err := p.status, p.err
	if err == nil && status.Value != "" {
		// There is some: only what is said after the move counts.
		status, err = e.api.Provisioned(ctx, e.live.function, wanted.Name)
	}
	if err == nil {
		status, err = e.provisionedAtRest(ctx, wanted.Name, status)
	}
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil {
		// The alias has moved: not knowing is no reason to move it back.
		e.events.Emit(event.Warning{Message: fmt.Sprintf("cannot see whether alias %s has provisioned concurrency: %v", wanted.Name, err)})
		return nil
	}
	if status.Value == "" {
		return nil
	}
	if status.Value != "READY" {
		return fmt.Errorf("provisioned concurrency of alias %s is %s: %s", wanted.Name, status.Value, status.Reason)
	}
	return e.waitWeights(ctx, wanted)
}

// provisionedAtRest waits until AWS works on provisioned concurrency no longer.
func (e *Engine) provisionedAtRest(ctx context.Context, alias string, status definition.Status) (_ definition.Status, err error) {
	for try := 0; err == nil && status.Value == "IN_PROGRESS"; try++ {
		e.waitingFor(alias, "provisioned concurrency "+status.Value, status.Reason)
		if !e.pause(ctx, min(try, 3)) {
			return status, context.Cause(ctx)
		}
		status, err = e.api.Provisioned(ctx, e.live.function, alias)
	}
	return status, err
}

// waitWeights waits until AWS has taken its own weights away.
func (e *Engine) waitWeights(ctx context.Context, wanted journal.Alias) error {
	for try := 0; ; try++ {
		now, err := e.api.FindAlias(ctx, e.live.function, wanted.Name)
		if err != nil {
			return err
		}
		if now == nil || now.Version != wanted.Version {
			return &ForeignError{Subject: fmt.Sprintf("alias %s of %s", wanted.Name, e.live.function)}
		}
		e.live.aliases[wanted.Name] = now
		if maps.Equal(now.Weights, wanted.Weights) {
			return nil
		}
		e.waitingFor(wanted.Name, "weights "+plan.DescribeRouting(now.Alias), "AWS moves provisioned concurrency")
		if !e.pause(ctx, min(try, 3)) {
			return context.Cause(ctx)
		}
	}
}

func (e *Engine) waitingFor(alias, status, reason string) {
	e.events.Emit(event.Waiting{Subject: e.live.function + ":" + alias, Status: status, Reason: reason})
}
