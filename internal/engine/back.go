package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
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
	r := e.BeginRollback()
	r.Traffic(ctx)
	return r.Complete(ctx)
}

// Rollback is one on its way: first the traffic, then everything else.
type Rollback struct {
	*Engine
	fences plan.Fences
	watch  time.Time
	result Restored
	// seen is a plan that has nothing to do, as far as the first look tells; err is
	// why there was none.
	seen *plan.Plan
	err  error
	// followed are the deployments of CodeDeploy's whose rollback is over.
	followed map[string]bool
	// begun is the round whose aliases moved already.
	begun *round
}

// BeginRollback returns the rollback of the target. It makes no call.
func (e *Engine) BeginRollback() *Rollback {
	return &Rollback{Engine: e, fences: plan.Fences{Aliases: map[string]bool{}}, followed: map[string]bool{}}
}

// Traffic looks at the target and moves the aliases that point to a version back,
// so that of many functions none serves the new version while the code of another
// is restored. What fails is left to Complete.
func (r *Rollback) Traffic(ctx context.Context) {
	if r.nothing() {
		return
	}
	recalled := recalledAliases(r.record.Target())
	p, err := r.observe(ctx, recalled)
	switch {
	case err != nil:
		r.err = err
		return
	case p.Empty():
		r.seen = &p
		return
	}
	r.begun = r.roundOf(p)
	r.begun.recalled = len(recalled) > 0
	for len(r.begun.steps) > 0 && movesTraffic(r.begun.steps[0]) {
		r.next(ctx, r.begun)
	}
}

// movesTraffic reports whether a step points an alias to a published version.
func movesTraffic(s plan.Step) bool {
	u, is := s.(plan.UpdateAlias)
	return is && u.Alias.Version != plan.Latest
}

func (r *Rollback) nothing() bool {
	t := r.record.Target()
	return t.Snapshot == nil || len(t.Steps) == 0
}

// Complete restores the rest.
func (r *Rollback) Complete(ctx context.Context) (Restored, error) {
	if r.err != nil || r.nothing() {
		return r.result, r.err
	}
	for range rounds {
		again, err := r.round(ctx)
		if err != nil || !again {
			return r.result, err
		}
	}
	return r.result, fmt.Errorf("roll back %s: it keeps changing during the rollback", r.live.function)
}

// LookBack plans what a rollback of a Target would do now, and does nothing.
func LookBack(ctx context.Context, api Reader, shifts Shifts, t journal.TargetLog) (plan.Plan, error) {
	if t.Snapshot == nil {
		return plan.Plan{Function: t.Function}, nil
	}
	o, err := observeBack(ctx, api, t, nil)
	if err == nil {
		o.Shifting, _, err = handedOver(ctx, shifts, t)
	}
	return plan.Back(t, o, plan.Fences{Watched: true}), err
}

// round is one pass over a plan: its steps that are still to be carried out, and
// how it went so far.
type round struct {
	steps    []plan.Step
	progress bool
	// changes is where its own begin among those of the result.
	changes int
	// recalled is set where aliases were not read before the round was planned.
	recalled bool
	// lost is why $LATEST is not what it was.
	lost error
}

func (r *Rollback) roundOf(p plan.Plan) *round {
	r.result.Refused, r.result.Remaining = p.Refused, nil
	begin := len(r.result.Changes)
	r.result.Changes = append(r.result.Changes, p.Changes...)
	return &round{steps: p.Steps, changes: begin}
}

// round observes, plans and applies once, or completes the round that was begun;
// again is true where another look is due.
func (r *Rollback) round(ctx context.Context) (again bool, _ error) {
	now := r.begun
	if r.begun = nil; now == nil {
		p, err := r.look(ctx)
		if err != nil {
			return false, err
		}
		if now = r.roundOf(p); p.Empty() {
			return false, nil
		}
	}
	for len(now.steps) > 0 {
		r.next(ctx, now)
	}
	if len(r.result.Remaining) > 0 && !now.recalled && !r.retry(now.progress) {
		return false, nil
	}
	return ctx.Err() == nil, nil
}

// next carries out the next step of a round.
func (r *Rollback) next(ctx context.Context, now *round) {
	s := now.steps[0]
	now.steps = now.steps[1:]
	err := context.Cause(ctx)
	switch {
	case err != nil:
	case now.lost != nil && onLatest(s):
		err = fmt.Errorf("not tried while $LATEST is not what it was: %w", now.lost)
	default:
		err = r.step(ctx, s)
	}
	if err == nil {
		now.progress = true
		return
	}
	r.result.Remaining = append(r.result.Remaining, Remaining{Step: s, Err: err})
	made, mine := r.result.Changes[:now.changes], r.result.Changes[now.changes:]
	r.result.Changes = append(made, slices.DeleteFunc(mine, func(c definition.Change) bool { return plan.Makes(s, c.Field) })...)
	now.progress = now.progress || moved(err)
	if onLatest(s) {
		now.lost = err
	}
}

// onLatest reports whether a step changes $LATEST, or sends traffic to it: of these
// the later make sense only after the earlier.
func onLatest(s plan.Step) bool {
	switch s := s.(type) {
	case plan.UpdateConfiguration, plan.UpdateCode, plan.CreateFunction, plan.PublishLatest:
		return true
	case plan.UpdateAlias:
		return s.Alias.Version == plan.Latest
	case plan.PublishRestorePoint, plan.PublishVersion, plan.CreateAlias, plan.MoveAlias, plan.LeaveLatest, plan.DeleteAlias,
		plan.TagResource, plan.UntagResource, plan.PutCodeSigning, plan.DeleteCodeSigning, plan.DeleteFunction, plan.DeleteVersion, plan.PutSetting, plan.DeleteSetting,
		plan.CreateDeployment, plan.StopDeployment:
	}
	return false
}

// retry reports whether another round can do better than the one that left
// something undone: only where the state changed meanwhile.
func (r *Rollback) retry(progress bool) bool {
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
func (r *Rollback) look(ctx context.Context) (plan.Plan, error) {
	for {
		p, err := r.lookOnce(ctx)
		if err != nil || !p.Empty() || !p.MayArriveLate {
			return p, err
		}
		if r.watch.IsZero() {
			r.watch = r.api.Timing().Now()
			r.events.Emit(event.WatchingForLateCall{Function: r.live.function, For: r.api.Timing().Watch})
		}
		if t := r.api.Timing(); t.Now().Sub(r.watch) >= t.Watch {
			r.fences.Watched = true
		} else if !r.pause(ctx, 1) {
			return p, context.Cause(ctx)
		}
	}
}

// lookOnce is what Traffic saw, the first time.
func (r *Rollback) lookOnce(ctx context.Context) (plan.Plan, error) {
	if seen := r.seen; seen != nil {
		r.seen = nil
		return *seen, nil
	}
	return r.observe(ctx, nil)
}

// observe reads the target, but for the aliases that are recalled, and plans.
func (r *Rollback) observe(ctx context.Context, recalled map[string]*definition.ObservedAlias) (plan.Plan, error) {
	o, err := r.observeTarget(ctx, recalled)
	t := r.record.Target()
	if err != nil {
		return plan.Plan{}, fmt.Errorf("roll back %s: %w", t.Function, err)
	}
	r.live.latest, r.live.aliases, r.live.signing, r.live.settings = o.Latest, o.Aliases, o.CodeSigning, o.Settings
	if o.Latest != nil {
		r.live.tags = o.Latest.Tags
	}
	return plan.Back(t, o, r.fences), nil
}

func (r *Rollback) step(ctx context.Context, s plan.Step) error {
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
	case plan.CreateFunction, plan.PublishRestorePoint, plan.PublishVersion, plan.PublishLatest, plan.CreateAlias, plan.MoveAlias, plan.LeaveLatest, plan.DeleteAlias,
		plan.TagResource, plan.UntagResource, plan.PutCodeSigning, plan.DeleteCodeSigning, plan.DeleteFunction, plan.DeleteVersion, plan.PutSetting, plan.DeleteSetting,
		plan.CreateDeployment, plan.StopDeployment:
	}
	return nil
}
