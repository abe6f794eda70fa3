package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/event"
	"github.com/lambda-rollout/lambda-rollout/internal/journal"
	"github.com/lambda-rollout/lambda-rollout/internal/lambdaapi"
	"github.com/lambda-rollout/lambda-rollout/internal/plan"
)

// Restored is what a rollback of one Target came to.
type Restored struct {
	// Changes are what was restored, from what to what.
	Changes []definition.Change
	// Refused is what was not changed, with the reason.
	Refused []plan.Refusal
	// Remaining are the steps that could not be carried out, with the reason.
	Remaining []Remaining
}

// Remaining is a step of a rollback that failed.
type Remaining struct {
	Step plan.Step
	Err  error
}

// Complete reports whether everything is as it was.
func (r Restored) Complete() bool { return len(r.Refused)+len(r.Remaining) == 0 }

// rounds bounds how often a rollback plans anew because something changed
// meanwhile.
const rounds = 10

// Rollback brings a Target back to its snapshot: it observes, plans, applies,
// and observes again until nothing is left to do. An error means that AWS
// could not be read; everything else is in Restored.
func (e *Engine) Rollback(ctx context.Context) (Restored, error) {
	t := e.record.Target()
	if t.Snapshot == nil || len(t.Steps) == 0 {
		return Restored{}, nil
	}
	r := rollback{Engine: e, fences: plan.Fences{Aliases: map[string]bool{}}}
	for range rounds {
		again, err := r.round(ctx)
		if err != nil || !again {
			return r.result, err
		}
	}
	return r.result, fmt.Errorf("roll back %s: it keeps changing during the rollback", t.Function)
}

// LookBack plans what a rollback of a Target would do now, and does nothing.
func LookBack(ctx context.Context, api Reader, t journal.TargetLog) (plan.Plan, error) {
	if t.Snapshot == nil {
		return plan.Plan{Function: t.Function}, nil
	}
	o, err := observeBack(ctx, api, t)
	return plan.Back(t, o, plan.Fences{Watched: true}), err
}

type rollback struct {
	*Engine
	fences plan.Fences
	watch  time.Time
	result Restored
}

// round observes, plans and applies once; again is true where another look is due.
func (r *rollback) round(ctx context.Context) (again bool, _ error) {
	p, err := r.look(ctx)
	if err != nil {
		return false, err
	}
	r.result.Refused, r.result.Remaining = p.Refused, nil
	if p.Empty() {
		return false, nil
	}
	r.result.Changes = append(r.result.Changes, p.Changes...)
	progress := false
	var lost error
	for _, s := range p.Steps {
		err := context.Cause(ctx)
		switch {
		case err != nil:
		case lost != nil && onLatest(s):
			err = fmt.Errorf("not tried while $LATEST is not what it was: %w", lost)
		default:
			err = r.step(ctx, s)
		}
		if err == nil {
			progress = true
			continue
		}
		r.result.Remaining = append(r.result.Remaining, Remaining{Step: s, Err: err})
		progress = progress || moved(err)
		if onLatest(s) {
			lost = err
		}
	}
	if len(r.result.Remaining) > 0 && !r.retry(progress) {
		return false, nil
	}
	return ctx.Err() == nil, nil
}

// onLatest reports whether a step changes $LATEST, or sends traffic to it: of these
// the later make sense only after the earlier.
func onLatest(s plan.Step) bool {
	switch s := s.(type) {
	case plan.UpdateConfiguration, plan.UpdateCode, plan.CreateFunction:
		return true
	case plan.UpdateAlias:
		return s.Alias.Version == plan.Latest
	case plan.PublishRestorePoint, plan.PublishVersion, plan.CreateAlias, plan.MoveAlias, plan.LeaveLatest, plan.DeleteAlias,
		plan.TagResource, plan.UntagResource, plan.PutCodeSigning, plan.DeleteCodeSigning, plan.DeleteFunction, plan.DeleteVersion:
	}
	return false
}

// retry reports whether another round can do better than the one that left
// something undone: only where the state changed meanwhile.
func (r *rollback) retry(progress bool) bool {
	if !progress {
		return false
	}
	for _, left := range r.result.Remaining {
		if !moved(left.Err) {
			return false
		}
	}
	return true
}

// moved reports whether a step failed because something changed since it was planned.
func moved(err error) bool {
	var foreign *ForeignError
	return errors.As(err, &foreign) || lambdaapi.Classify(err) == lambdaapi.Stale
}

// look observes and plans; where a call without a fence may still arrive, it
// keeps looking until the time for that is over.
func (r *rollback) look(ctx context.Context) (plan.Plan, error) {
	for {
		t := r.record.Target()
		o, err := observeBack(ctx, r.api, t)
		if err != nil {
			return plan.Plan{}, fmt.Errorf("roll back %s: %w", t.Function, err)
		}
		r.live.latest, r.live.aliases, r.live.signing = o.Latest, o.Aliases, o.CodeSigning
		p := plan.Back(t, o, r.fences)
		if !p.Empty() || !p.MayArriveLate {
			return p, nil
		}
		if r.watch.IsZero() {
			r.watch = time.Now()
			r.events.Emit(event.WatchingForLateCall{Function: t.Function, For: r.api.Timing().Watch})
		}
		if time.Since(r.watch) >= r.api.Timing().Watch {
			r.fences.Watched = true
		} else if !r.pause(ctx, 1) {
			return p, context.Cause(ctx)
		}
	}
}

func (r *rollback) step(ctx context.Context, s plan.Step) error {
	if c, is := s.(plan.UpdateCode); is && c.Download != "" {
		r.events.Emit(event.Downloading{Function: r.live.function, CodeSha256: c.Code.Sha256})
		code, err := r.code.Fetch(ctx, c.Download, c.Code)
		if err != nil {
			return err
		}
		c.Code = code
		s = c
	}
	began := r.begin(s, true)
	err := r.do(ctx, s, true)
	r.end(began, err)
	if err != nil {
		return err
	}
	switch s := s.(type) {
	case plan.UpdateConfiguration, plan.UpdateCode:
		r.fences.Latest = true
	case plan.UpdateAlias:
		r.fences.Aliases[s.Alias.Name] = true
	case plan.CreateFunction, plan.PublishRestorePoint, plan.PublishVersion, plan.CreateAlias, plan.MoveAlias, plan.LeaveLatest, plan.DeleteAlias,
		plan.TagResource, plan.UntagResource, plan.PutCodeSigning, plan.DeleteCodeSigning, plan.DeleteFunction, plan.DeleteVersion:
	}
	return nil
}
