package cli

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/deploy"
	"github.com/lambda-rollout/lambda-rollout/internal/host"
	"github.com/lambda-rollout/lambda-rollout/internal/report"
	"github.com/lambda-rollout/lambda-rollout/internal/terminal"
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
			a.note("Function %s in %s is unchanged: version %s", r.At.Function, r.At.Region, r.Version)
		}
	}
	if report.Fleet(len(results)) && !a.in.Bool("verbose") && same > 0 {
		a.note("%d of %d functions are unchanged", same, len(results))
	}
}

// fleetMemory is what a fleet aims at: what the SDK makes of an answer is garbage soon, and by
// default as much garbage is kept as there is memory in use.
const fleetMemory = 110 << 20

// limitMemory keeps a fleet small. An AWS in this process needs memory of its own.
func (a *app) limitMemory(targets int) {
	if a.LimitMemory != nil && report.Fleet(targets) && !a.in.Bool("local") {
		a.LimitMemory(fleetMemory)
	}
}

// note is a remark about the run.
func (a *app) note(format string, args ...any) {
	if a.view() == nil {
		a.log().Line(format, args...)
		return
	}
	a.view().print(func(columns int) []terminal.Line { return report.NoteLines(columns, fmt.Sprintf(format, args...)) })
}

// cutResults takes the place of outputs that are too large for the host.
type cutResults struct {
	Functions int `json:"functions"`
	Changed   int `json:"changed"`
	// File has everything, relative to the workspace.
	File string `json:"file"`
}

// cut replaces the outputs results and rollback-data, where all outputs together
// are too large for the host, by counts and the name of a file that has both.
func (a *app) cut(outputs []host.Output, results []deploy.Result) ([]host.Output, error) {
	size, limit := 0, a.host.OutputLimit()
	for _, o := range outputs {
		size += len(o.Value)
	}
	if limit == 0 || size <= limit {
		return outputs, nil
	}
	var all []resultDocument
	small := cutResults{Functions: len(results)}
	for _, r := range results {
		all = append(all, resultDocument{resultOf(r), r.RollbackData()})
		if r.Changed {
			small.Changed++
		}
	}
	text, err := json.Marshal(all)
	if err != nil {
		return nil, err
	}
	if small.File, err = a.host.KeepResults(text); err != nil {
		return nil, fmt.Errorf("write the results of %d functions, which are too large for outputs: %w", len(results), err)
	}
	short, err := json.Marshal(small)
	if err != nil {
		return nil, err
	}
	for i := range outputs {
		if name := outputs[i].Name; name == "results" || name == "rollback-data" {
			outputs[i].Value = string(short)
		}
	}
	a.log().Line("The outputs results and rollback-data of %d functions are too large for this host: they hold counts, and %s has everything", len(results), small.File)
	return outputs, nil
}

// cancelledPost is how long a rollback in the post step of a cancelled job may take:
// GitHub ends the job five minutes after it was cancelled
// (https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-cancellation),
// of which the step that was cancelled had some.
const cancelledPost = 4*time.Minute + 30*time.Second

// rollbackTime is how long a rollback may take here.
func (a *app) rollbackTime() time.Duration {
	limit := a.in.Duration("rollback-timeout")
	if a.host.IsPost() && a.host.Kind() == host.GitHub && a.host.JobStatus() == "cancelled" {
		return min(limit, cancelledPost)
	}
	return limit
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
	a.note("%s", deploy.BudgetOf(planned).Compared(a.limits.Calls()))
}
