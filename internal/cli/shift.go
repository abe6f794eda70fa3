package cli

import (
	"context"

	"github.com/lambda-rollout/lambda-rollout/internal/deploy"
	"github.com/lambda-rollout/lambda-rollout/internal/traffic"
)

// shift moves aliases between the version that they point to and a new one: a
// deployment of traffic alone, recorded and rolled back as every other.
func (a *app) shift(ctx context.Context) error {
	if a.flag("resume") {
		return a.resume(ctx)
	}
	requests, err := a.requests(ctx)
	if err != nil {
		return err
	}
	if err := a.refuseOpenJournals(ctx); err != nil {
		return err
	}
	c, err := a.connect(ctx, regionHint(requests))
	if err != nil {
		return err
	}
	run, schedule := a.runID(), a.in.Course("traffic")
	if a.in.Given("percentage") {
		schedule = traffic.Schedule{{Percent: a.in.Percent("percentage")}}
	}
	targets, err := deploy.ResolveShift(ctx, c, requests, deploy.ShiftOptions{Run: run, Traffic: schedule, Watch: a.watch(c)})
	if err != nil {
		return err
	}
	if a.in.Bool("dry-run") {
		return a.show(ctx, targets)
	}
	execution, err := a.execution(ctx, c, a.header("shift", run), deploy.Folders{})
	if err != nil {
		return err
	}
	results, err := a.change(ctx, targets, execution)
	return a.deployed(results, err)
}
