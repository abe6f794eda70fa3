package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"

	"golang.org/x/sync/errgroup"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/event"
	"github.com/lambda-rollout/lambda-rollout/internal/journal"
	"github.com/lambda-rollout/lambda-rollout/internal/lambdaapi"
	"github.com/lambda-rollout/lambda-rollout/internal/plan"
)

// do carries out one step of a plan, forward or back.
func (e *Engine) do(ctx context.Context, s plan.Step, back bool) error {
	c := e.changeOf(s)
	c.intent.Call, c.intent.Back = s.Operation(), back
	if back {
		return e.carryFresh(ctx, c)
	}
	return e.carry(ctx, c)
}

// changeOf is how the engine sends a step whose values are all known.
func (e *Engine) changeOf(s plan.Step) change {
	switch s := s.(type) {
	case plan.CreateFunction:
		return e.createFunction(s)
	case plan.UpdateConfiguration:
		return e.updateConfiguration(s)
	case plan.UpdateCode:
		return e.updateCode(s)
	case plan.PublishRestorePoint:
		return e.publish(s.Description, true)
	case plan.PublishVersion:
		return e.publish(s.Description, false)
	case plan.CreateAlias:
		return e.createAlias(definition.Alias{Name: s.Name, Description: s.Description, Version: e.target})
	case plan.MoveAlias:
		return e.updateAlias(s.Resolve(e.target, e.RestorePoint()))
	case plan.LeaveLatest:
		return e.updateAlias(definition.Alias{Name: s.Name, Version: e.RestorePoint()})
	case plan.UpdateAlias:
		return e.updateAlias(s.Alias)
	case plan.DeleteAlias:
		return e.deleteAlias(s)
	case plan.TagResource:
		return e.tag(s.Tags, nil)
	case plan.UntagResource:
		return e.tag(nil, s.Keys)
	case plan.PutCodeSigning:
		return e.codeSigning(s.Arn)
	case plan.DeleteCodeSigning:
		return e.codeSigning("")
	case plan.DeleteFunction:
		return e.deleteFunction("")
	case plan.DeleteVersion:
		return e.deleteFunction(s.Version)
	}
	panic(fmt.Sprintf("engine: no change for step %T", s))
}

// carryFresh carries out a step of a rollback, whose RevisionId may be stale
// because an earlier step of it moved it.
func (e *Engine) carryFresh(ctx context.Context, c change) error {
	if c.intent.Content != nil && e.latest != nil && !e.latest.Settled() {
		if err := e.settle(ctx); err != nil {
			var failed *lambdaapi.FailedError
			if !errors.As(err, &failed) {
				return err
			}
		}
	}
	return e.carry(ctx, c)
}

func (e *Engine) createFunction(s plan.CreateFunction) change {
	content := plan.ContentOf(&definition.Observed{Function: s.Function, CodeSha256: s.Code.Sha256}, e.salt)
	return change{
		intent:   journal.Intent{Content: &content},
		unfenced: true,
		send:     func(ctx context.Context) error { return e.API.CreateFunction(ctx, s.Function, s.Code) },
		look: func(ctx context.Context) (verdict, error) {
			if err := e.refresh(ctx); err != nil {
				return 0, err
			}
			switch {
			case e.latest == nil:
				return untouched, nil
			case e.latest.Tags[plan.RunTag] == s.Function.Tags[plan.RunTag]:
				return landed, nil
			}
			return foreign, nil
		},
		finish: e.finishLatest,
	}
}

// finishLatest waits for an update of $LATEST and records what it left.
func (e *Engine) finishLatest(ctx context.Context, o *journal.Outcome) error {
	e.Log.Emit(event.WaitBegan{Function: e.function})
	err := e.settle(ctx)
	if e.latest != nil {
		o.Content = e.content(e.latest)
	}
	return err
}

// lookLatest tells a lost update of $LATEST that landed from one that did not,
// and both from a stranger's.
func (e *Engine) lookLatest(wanted journal.Content) func(context.Context) (verdict, error) {
	before := *e.content(e.latest)
	return func(ctx context.Context) (verdict, error) {
		if err := e.refresh(ctx); err != nil {
			return 0, err
		}
		if e.latest == nil {
			return foreign, nil
		}
		switch now := *e.content(e.latest); {
		case now.Equal(wanted) && !wanted.Equal(before):
			return landed, nil
		case now.Equal(before):
			return untouched, nil
		}
		return foreign, nil
	}
}

func (e *Engine) updateConfiguration(s plan.UpdateConfiguration) change {
	predicted := *e.latest
	predicted.Function = e.latest.Function.With(s.Patch)
	content := plan.ContentOf(&predicted, e.salt)
	return change{
		intent: journal.Intent{Content: &content},
		send: func(ctx context.Context) error {
			return e.API.UpdateConfiguration(ctx, e.function, s.Patch, e.latest.RevisionId)
		},
		look:   e.lookLatest(content),
		finish: e.finishLatest,
	}
}

func (e *Engine) updateCode(s plan.UpdateCode) change {
	predicted := *e.latest
	predicted.Architectures, predicted.CodeSha256 = s.Architectures, s.Code.Sha256
	content := plan.ContentOf(&predicted, e.salt)
	return change{
		intent: journal.Intent{Content: &content},
		send: func(ctx context.Context) error {
			return e.API.UpdateCode(ctx, lambdaapi.CodeUpdate{
				Function: e.function, Code: s.Code, Architectures: s.Architectures, RevisionId: e.latest.RevisionId,
			})
		},
		look:   e.lookLatest(content),
		finish: e.finishLatest,
	}
}

func (e *Engine) deleteAlias(s plan.DeleteAlias) change {
	return change{
		intent: journal.Intent{AliasName: s.Name}, unfenced: true,
		send: func(ctx context.Context) error { return e.API.DeleteAlias(ctx, e.function, s.Name) },
		look: e.lookAlias(nil, s.Name),
	}
}

func (e *Engine) createAlias(a definition.Alias) change {
	wanted := journal.AliasOf(a)
	return change{
		intent: journal.Intent{AliasName: a.Name, Alias: &wanted}, unfenced: true,
		send: func(ctx context.Context) error { return e.API.CreateAlias(ctx, e.function, a) },
		look: e.lookAlias(&wanted, a.Name),
	}
}

func (e *Engine) updateAlias(a definition.Alias) change {
	name, wanted := a.Name, journal.AliasOf(a)
	if now := e.aliases[name]; now != nil && a.Description == nil {
		wanted.Description = journal.AliasOf(now.Alias).Description
	}
	c := change{intent: journal.Intent{AliasName: name, Alias: &wanted}, look: e.lookAlias(&wanted, name)}
	var concurrency provisioned
	c.send = func(ctx context.Context) error {
		// Whether there is provisioned concurrency does not depend on the move.
		var beside errgroup.Group
		beside.Go(func() error {
			concurrency.status, concurrency.err = e.API.Provisioned(ctx, e.function, name)
			return nil
		})
		now, err := e.API.UpdateAlias(ctx, e.function, a, e.aliases[name].RevisionId)
		if err == nil {
			e.aliases[name] = &now
		}
		_ = beside.Wait() // it never fails: follow sees to what was answered
		return err
	}
	c.finish = func(ctx context.Context, _ *journal.Outcome) error { return e.follow(ctx, wanted, concurrency) }
	return c
}

func (e *Engine) lookAlias(wanted *journal.Alias, name string) func(context.Context) (verdict, error) {
	before := e.aliases[name]
	return func(ctx context.Context) (verdict, error) {
		now, err := e.API.FindAlias(ctx, e.function, name)
		if err != nil {
			return 0, err
		}
		switch {
		case now == nil && wanted == nil, now != nil && wanted != nil && wanted.Equal(journal.AliasOf(now.Alias)) && (before == nil || now.RevisionId != before.RevisionId):
			e.aliases[name] = now
			return landed, nil
		case now == nil && before == nil:
			return untouched, nil
		case now != nil && before != nil && journal.AliasOf(now.Alias).Equal(journal.AliasOf(before.Alias)):
			e.aliases[name] = now
			return untouched, nil
		}
		return foreign, nil
	}
}

// provisioned is an alias' provisioned concurrency, as it was asked for while
// the alias moved.
type provisioned struct {
	status definition.Status
	err    error
}

// follow waits for provisioned concurrency to follow a moved alias: AWS shifts
// weights of its own until the new version is ready.
func (e *Engine) follow(ctx context.Context, wanted journal.Alias, p provisioned) error {
	status, err := p.status, p.err
	if err == nil && status.Value != "" {
		// There is some: only what is said after the move counts.
		status, err = e.API.Provisioned(ctx, e.function, wanted.Name)
	}
	for try := 0; err == nil && status.Value == "IN_PROGRESS"; try++ {
		e.Log.Emit(event.Waiting{Subject: e.function + ":" + wanted.Name, Status: "provisioned concurrency " + status.Value, Reason: status.Reason})
		if !e.pause(ctx, min(try, 3)) {
			return context.Cause(ctx)
		}
		status, err = e.API.Provisioned(ctx, e.function, wanted.Name)
	}
	if err != nil {
		// The alias has moved: not knowing is no reason to move it back.
		e.Log.Emit(event.Warning{Message: fmt.Sprintf("cannot see whether alias %s has provisioned concurrency: %v", wanted.Name, err)})
		return ctx.Err()
	}
	if status.Value == "" {
		return nil
	}
	if status.Value != "READY" {
		return fmt.Errorf("provisioned concurrency of alias %s is %s: %s", wanted.Name, status.Value, status.Reason)
	}
	for try := 0; ; try++ {
		now, err := e.API.FindAlias(ctx, e.function, wanted.Name)
		if err != nil {
			return err
		}
		if now == nil {
			return &ForeignError{Subject: fmt.Sprintf("alias %s of %s", wanted.Name, e.function)}
		}
		e.aliases[wanted.Name] = now
		if maps.Equal(now.Weights, wanted.Weights) {
			return nil
		}
		e.Log.Emit(event.Waiting{Subject: e.function + ":" + wanted.Name, Status: "weights " + plan.Serves(now.Alias), Reason: "AWS moves provisioned concurrency"})
		if !e.pause(ctx, min(try, 3)) {
			return context.Cause(ctx)
		}
	}
}

func (e *Engine) tag(set map[string]string, remove []string) change {
	return change{
		intent:   journal.Intent{Tags: set, TagKeys: remove},
		unfenced: true,
		send: func(ctx context.Context) error {
			if len(set) > 0 {
				return e.API.Tag(ctx, e.Arn(), set)
			}
			return e.API.Untag(ctx, e.Arn(), remove)
		},
		look: func(ctx context.Context) (verdict, error) {
			if err := e.refresh(ctx); err != nil {
				return 0, err
			}
			if e.latest == nil {
				return foreign, nil
			}
			for k, v := range set {
				if now, has := e.latest.Tags[k]; !has || now != v {
					return untouched, nil
				}
			}
			for _, k := range remove {
				if _, has := e.latest.Tags[k]; has {
					return untouched, nil
				}
			}
			return landed, nil
		},
	}
}

func (e *Engine) codeSigning(arn string) change {
	return change{
		intent:   journal.Intent{CodeSigning: &arn},
		unfenced: true,
		send:     func(ctx context.Context) error { return e.API.SetCodeSigning(ctx, e.function, arn) },
		look: func(ctx context.Context) (verdict, error) {
			now, err := e.API.CodeSigning(ctx, e.function)
			switch {
			case err != nil:
				return 0, err
			case now == arn:
				return landed, nil
			case now == e.signing:
				return untouched, nil
			}
			return foreign, nil
		},
	}
}

func (e *Engine) deleteFunction(version string) change {
	return change{
		intent:   journal.Intent{Version: version},
		unfenced: true,
		send:     func(ctx context.Context) error { return e.API.DeleteFunction(ctx, e.function, version) },
		look: func(ctx context.Context) (verdict, error) {
			now, err := e.API.Find(ctx, e.function, version)
			switch {
			case err != nil:
				return 0, err
			case now == nil:
				return landed, nil
			}
			return untouched, nil
		},
	}
}
