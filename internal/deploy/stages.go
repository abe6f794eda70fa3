package deploy

import (
	"context"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/event"
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
	last := plan.Stages(plans...) - 1
	for i, stage := range d.targets[0].Want.Traffic.Stages()[:last+1] {
		err := d.burst(ctx, i)
		if err == nil && i < last {
			err = d.dwell(ctx, stage)
		}
		if err != nil {
			return err
		}
	}
	return each(ctx, d.MaxParallel, d.targets, func(ctx context.Context, t *target) error {
		if err := t.engine.Finish(ctx, t.Plan); err != nil {
			return err
		}
		t.took = d.Now().Sub(t.started)
		d.of(t.At).Emit(event.TargetEnded{Took: t.took})
		return nil
	})
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

// dwell holds a stage for its time, and says so every minute.
func (d *deployment) dwell(ctx context.Context, s traffic.Stage) error {
	end := d.Now().Add(s.Wait)
	d.Events.Emit(event.StageHeld{Percent: s.Percent, Wait: s.Wait, Left: s.Wait})
	over := time.NewTimer(s.Wait)
	defer over.Stop()
	sign := time.NewTicker(time.Minute)
	defer sign.Stop()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-over.C:
			return nil
		case <-sign.C:
			d.Events.Emit(event.StageHeld{Percent: s.Percent, Wait: s.Wait, Left: end.Sub(d.Now()).Round(time.Second)})
		}
	}
}
