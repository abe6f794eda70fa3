package cli

import (
	"github.com/lambda-rollout/lambda-rollout/internal/deploy"
	"github.com/lambda-rollout/lambda-rollout/internal/report"
)

// unchanged names the functions that a deployment did not change: each where there
// are few, else their number.
func (a *app) unchanged(results []deploy.Result) {
	same := 0
	for _, r := range results {
		if r.Changed {
			continue
		}
		same++
		if !report.Fleet(len(results)) || a.in.Bool("verbose") {
			a.log().Line("Function %s in %s is unchanged: version %s", r.At.Function, r.At.Region, r.Version)
		}
	}
	if report.Fleet(len(results)) && !a.in.Bool("verbose") && same > 0 {
		a.log().Line("%d of %d functions are unchanged", same, len(results))
	}
}

// budget shows what the deployment took of Lambda's quota beside what it may take.
func (a *app) budget(results []deploy.Result) {
	if !report.Fleet(len(results)) && !a.in.Bool("verbose") {
		return
	}
	var planned []deploy.Planned
	for _, r := range results {
		planned = append(planned, r.Planned)
	}
	a.log().Line("%s", deploy.BudgetOf(planned).Compared(a.limits.Calls()))
}
