package deploy

import (
	"context"
	"slices"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/engine"
	"github.com/lambda-rollout/lambda-rollout/internal/event"
	"github.com/lambda-rollout/lambda-rollout/internal/gate"
	"github.com/lambda-rollout/lambda-rollout/internal/plan"
	"github.com/lambda-rollout/lambda-rollout/internal/traffic"
)

// schedule is the one by which the traffic of all targets of a run shifts.
func schedule(targets []Target) traffic.Schedule {
	if len(targets) == 0 {
		return nil
	}
	return targets[0].Want.Traffic
}

// shift moves the aliases of all Targets, stage by stage: no Target is ahead of
// another, and one that fails takes all of them back.
func (d *deployment) shift(ctx context.Context) error {
	d.Events.Emit(event.SectionBegan{Title: "Aliases"})
	var plans []plan.Plan
	for _, t := range d.targets {
		plans = append(plans, t.Plan)
		if t.Want.ShiftTo == "" {
			d.of(t.At).Emit(aliasManifests(t.Want.Aliases))
		}
	}
	last := -1
	if slices.ContainsFunc(plans, movesAlias) {
		last = plan.Stages(plans...) - 1
	}
	if err := d.ready(ctx); err != nil {
		return err
	}
	if err := d.shiftStages(ctx, last); err != nil {
		return err
	}
	return d.finish(ctx)
}

// movesAlias reports whether a plan gives the new version traffic.
func movesAlias(p plan.Plan) bool {
	for stage := range plan.Stages(p) {
		if p.AliasesIn(stage) > 0 {
			return true
		}
	}
	return false
}

// shiftStages goes through the stages up to the last one, -1 where no alias moves.
func (d *deployment) shiftStages(ctx context.Context, last int) error {
	h, stages, r := held{began: d.Now()}, d.targets[0].Want.Traffic.Stages(), d.resumption()
	switch {
	case last < 0 && r == nil:
		return d.bake(ctx, h)
	case r != nil:
		last = len(stages) - 1
	}
	// Until the new version has some of the traffic, there is nothing to compare.
	d.watchers = d.Watching.after(d)
	if !r.hasBegun(0) {
		if err := d.ask(ctx, position{gate.BeforeTraffic, 0, h}); err != nil {
			return err
		}
	}
	for i, stage := range stages[:last+1] {
		at := position{gate.BeforeStage, i, h}
		if err := d.beginStage(ctx, at, stage); err != nil {
			return err
		}
		err := d.burst(ctx, i)
		if err == nil {
			d.happened(toldStageBegan, at)
		}
		if err == nil && i < last {
			h, err = d.dwell(ctx, stage, i == last-1)
		}
		if err != nil {
			return err
		}
	}
	if err := d.followHandOver(ctx); err != nil || d.leaves() {
		return err
	}
	h = held{Stage: traffic.Stage{Percent: d.targets[0].Want.Traffic.Last()}, began: d.Now()}
	if err := d.bake(ctx, h); err != nil {
		return err
	}
	at := position{gate.AfterTraffic, last, h}
	if err := d.ask(ctx, at); err != nil {
		return err
	}
	d.happened(toldShifted, at)
	return nil
}

// beginStage asks the gates of a stage, and records that its aliases are about to
// move. A stage that had begun when the run was interrupted asks nobody again.
func (d *deployment) beginStage(ctx context.Context, at position, s traffic.Stage) error {
	if !d.resumption().hasBegun(at.stage) {
		if err := d.ask(ctx, at); err != nil {
			return err
		}
	}
	if at.stage == 0 {
		d.watchers = d.Watching.watchers(d)
		if err := d.lookFirst(ctx, s); err != nil {
			return err
		}
	}
	return d.noteStage(ctx, at.stage, s)
}

// finish changes tags and settings, where they change: a signal that comes when
// nothing is left to do ends nothing.
func (d *deployment) finish(ctx context.Context) error {
	var unfinished []*target
	for _, t := range d.targets {
		if engine.Finishes(t.Plan) {
			unfinished = append(unfinished, t)
			continue
		}
		d.ended(t)
	}
	return each(ctx, d.MaxParallel, unfinished, func(ctx context.Context, t *target) error {
		if err := t.engine.Finish(ctx, t.Plan); err != nil {
			return err
		}
		d.ended(t)
		return nil
	})
}

func (d *deployment) ended(t *target) {
	t.took = d.Now().Sub(t.started)
	d.of(t.At).Emit(event.TargetEnded{Took: t.took})
}

// burst moves the aliases of all targets as far as a stage goes, as fast as the
// quota allows: one that waits for its provisioned concurrency keeps no other from
// moving.
func (d *deployment) burst(ctx context.Context, stage int) error {
	began, aliases := d.Now(), 0
	for _, t := range d.targets {
		aliases += t.Plan.AliasesIn(stage)
	}
	err := each(ctx, max(d.MaxParallel, len(d.targets)), d.targets, func(ctx context.Context, t *target) error {
		return t.engine.Shift(ctx, t.Plan, t.newVersion(), stage)
	})
	if err == nil && len(d.targets) > 1 && aliases > 0 {
		d.Events.Emit(event.AliasesMoved{Aliases: aliases, Within: d.Now().Sub(began)})
	}
	return err
}

// newVersion is the version to which the traffic shifts.
func (t *target) newVersion() string {
	if t.version != nil {
		return t.version.Version
	}
	return t.Plan.Version
}

// bake goes on watching when the last stage is over, for the time that is asked for,
// and at least once.
func (d *deployment) bake(ctx context.Context, h held) error {
	if d.watchers = d.Watching.after(d); len(d.watchers) == 0 {
		return nil
	}
	h.Wait = d.Watching.bake
	_, err := d.dwell(ctx, h.Stage, false)
	return err
}

// held is a stage of the traffic that lasts.
type held struct {
	traffic.Stage
	began, end time.Time
	// last reports whether the new version gets what it gets for good when the
	// stage is over.
	last bool
}

// watcher looks at a run while traffic is shared: the guard, the alarms. Watchers
// do not know each other.
type watcher interface {
	// watch looks once. It returns when it wants to look again, the zero time for
	// never. An error ends the run, which is rolled back.
	watch(ctx context.Context, h held) (again time.Time, err error)
	// release is asked when the time of the stage is over. It returns how much
	// longer the stage must last, 0 where it may end; it is asked again then, and
	// whenever another watcher held the stage. An error ends the run.
	release(ctx context.Context, h held) (more time.Duration, err error)
}

// watched is a watcher and when it looks next; the zero time means never.
type watched struct {
	watcher
	next time.Time
}

// dwell holds a stage for its time, says so every minute, and lets the watchers
// look at it. It returns the stage as it was held.
func (d *deployment) dwell(ctx context.Context, s traffic.Stage, last bool) (held, error) {
	now := d.Now()
	h := held{Stage: s, began: now, end: now.Add(s.Wait), last: last}
	if s.Wait > 0 {
		d.Events.Emit(event.StageHeld{Percent: s.Percent, Wait: s.Wait, Left: s.Wait})
	}
	sign := now.Add(time.Minute)
	for i := range d.watchers {
		d.watchers[i].next = now
	}
	for {
		if err := d.look(ctx, h); err != nil {
			return h, err
		}
		if !d.Now().Before(h.end) {
			more, err := d.release(ctx, h)
			if err != nil || more <= 0 {
				return h, err
			}
			h.end = d.Now().Add(more)
		}
		if now := d.Now(); !now.Before(sign) {
			sign = now.Add(time.Minute)
			if !d.speaks() {
				d.Events.Emit(event.StageHeld{Percent: s.Percent, Wait: h.end.Sub(h.began), Left: h.end.Sub(now).Round(time.Second)})
			}
		}
		if err := d.Timing.Sleep(ctx, d.nextLook(h, sign).Sub(d.Now())); err != nil {
			return h, err
		}
	}
}

// speaks reports whether a watcher says by itself how a stage goes on.
func (d *deployment) speaks() bool {
	return slices.ContainsFunc(d.watchers, func(w watched) bool {
		switch w.watcher.(type) {
		case *sentinel, *follower:
			return true
		}
		return false
	})
}

// look lets the watchers look whose time it is.
func (d *deployment) look(ctx context.Context, h held) error {
	for i, w := range d.watchers {
		if w.next.IsZero() || d.Now().Before(w.next) {
			continue
		}
		again, err := w.watch(ctx, h)
		if cause := context.Cause(ctx); cause != nil {
			return cause
		}
		if err != nil {
			return err
		}
		d.watchers[i].next = again
	}
	return nil
}

// release asks every watcher whether a stage may end, and returns how much longer
// it must last.
func (d *deployment) release(ctx context.Context, h held) (time.Duration, error) {
	var longest time.Duration
	for _, w := range d.watchers {
		more, err := w.release(ctx, h)
		if cause := context.Cause(ctx); cause != nil {
			return 0, cause
		}
		if err != nil {
			return 0, err
		}
		longest = max(longest, more)
	}
	return longest, nil
}

// nextLook is when there is something to do in a stage.
func (d *deployment) nextLook(h held, sign time.Time) time.Time {
	next := h.end
	if sign.Before(next) {
		next = sign
	}
	if watch := d.nextWatch(); !watch.IsZero() && watch.Before(next) {
		next = watch
	}
	return next
}

// nextWatch is when the next watcher looks; the zero time where none will.
func (d *deployment) nextWatch() time.Time {
	var next time.Time
	for _, w := range d.watchers {
		if !w.next.IsZero() && (next.IsZero() || w.next.Before(next)) {
			next = w.next
		}
	}
	return next
}
