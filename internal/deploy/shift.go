package deploy

import (
	"context"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/plan"
	"github.com/lambda-rollout/lambda-rollout/internal/traffic"
)

// course is the one that all Targets of a run take.
func course(targets []Target) traffic.Course {
	if len(targets) == 0 {
		return nil
	}
	return targets[0].Wanted.Traffic
}

// shift moves the aliases of all Targets, stage by stage: no Target is ahead of
// another, and one that fails takes all of them back.
func (d *deployment) shift(ctx context.Context) error {
	d.opts.Log.Section("Aliases")
	var plans []plan.Plan
	for _, t := range d.targets {
		plans = append(plans, t.plan)
		if t.Wanted.ShiftTo == "" {
			aliasManifests(d.log(t), t)
		}
	}
	last := plan.Stages(plans...) - 1
	for i, stage := range d.course.Stages()[:last+1] {
		err := d.each(ctx, func(ctx context.Context, t *target) error {
			if err := t.engine.Shift(ctx, t.plan, t.serving(), i); err != nil || i < last {
				return err
			}
			d.log(t).Line("Done")
			t.took = d.opts.Now().Sub(t.started)
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

// serving is the version that the aliases go over to.
func (t *target) serving() string {
	if t.version != nil {
		return t.version.Version
	}
	return t.plan.Version
}

// dwell lets a stage stand for its time, and says so every minute.
func (d *deployment) dwell(ctx context.Context, s traffic.Stage) error {
	end := d.opts.Now().Add(s.Wait)
	d.opts.Log.Line("Waiting %s with %s of the traffic on the new version", traffic.Short(s.Wait), traffic.Percent(s.Percent))
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
			d.opts.Log.Line("%s left with %s of the traffic on the new version", traffic.Short(end.Sub(d.opts.Now()).Round(time.Second)), traffic.Percent(s.Percent))
		}
	}
}
