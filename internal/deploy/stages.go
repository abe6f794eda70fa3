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
		err := each(ctx, d.MaxParallel, d.targets, func(ctx context.Context, t *target) error {
			if err := t.engine.Shift(ctx, t.Plan, t.newVersion(), i); err != nil || i < last {
				return err
			}
			t.took = d.Now().Sub(t.started)
			d.of(t.At).Emit(event.TargetEnded{Took: t.took})
			return nil
		})
		if err == nil && i < last {
			err = d.dwell(ctx, stage)
		}
		if err != nil {
			return err
		}
	}
	return nil
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
