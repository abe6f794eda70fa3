package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/lambda-rollout/lambda-rollout/internal/awsfacts"
	"github.com/lambda-rollout/lambda-rollout/internal/deploy"
	"github.com/lambda-rollout/lambda-rollout/internal/plan"
	"github.com/lambda-rollout/lambda-rollout/internal/report"
	"github.com/lambda-rollout/lambda-rollout/internal/traffic"
)

// deployment is what the summary says of a run that succeeded.
func (a *app) deployment(results []deploy.Result) (report.Deployment, error) {
	undo, err := a.undo(results)
	run := a.host.Run()
	d := report.Deployment{
		Rows: a.rows(results), Took: a.Now().Sub(a.began),
		By:     report.By{Actor: run.Actor, Commit: run.Commit, CommitURL: run.CommitURL, RunURL: run.URL},
		Course: a.recorder.Course(),
		Next:   report.Next{Promote: a.promote(results), Undo: undo},
	}
	for _, r := range results {
		diff := a.diff(r.Planned)
		for i, line := range diff.Changes {
			if line.To == plan.NewVersion {
				diff.Changes[i].To = r.Version
			}
		}
		d.Diffs = append(d.Diffs, diff)
	}
	return d, err
}

func (a *app) rows(results []deploy.Result) []report.Row {
	var rows []report.Row
	for _, r := range results {
		row := report.Row{
			Function: r.At.Function, Region: r.At.Region, From: r.Previous(), To: r.Version,
			New: r.Before.Latest == nil, CodeSha: r.CodeSha256, Took: r.Took, Changed: r.Changed,
		}
		if r.Before.Served != nil {
			row.CodeFrom = r.Before.Served.CodeSha256
		}
		if r.At.Endpoint == "" {
			row.Console = console(row.Region, row.Function, row.To)
		}
		if len(r.Partial()) > 0 {
			row.Share = traffic.Percent(r.Want.Traffic.Last())
		}
		for _, alias := range r.Want.Aliases {
			row.Aliases = append(row.Aliases, alias.Name)
		}
		rows = append(rows, row)
	}
	return rows
}

// promote are the commands by which the new version gets the traffic that it does
// not have yet.
func (a *app) promote(results []deploy.Result) []string {
	var lines []string
	for _, r := range results {
		if r.Want.ShiftTo != "" && r.Want.Traffic.Last() == 0 {
			continue // that was to take it out
		}
		if names := r.Partial(); len(names) > 0 {
			lines = append(lines, fmt.Sprintf("lambda-rollout shift --function %s --alias %s --to-version %s --percentage 100%s",
				r.At.Function, strings.Join(names, ","), r.Version, a.place(r)))
		}
	}
	return lines
}

// place are the flags that lead a command to the function.
func (a *app) place(r deploy.Result) string {
	flags := " --aws-region " + r.At.Region
	if a.in.Bool("local") {
		flags += " --local"
	}
	if a.in.Given("local-dir") {
		flags += " --local-dir " + a.in.String("local-dir")
	}
	return flags
}

// console is the address of a version in AWS' console.
func console(region, function, version string) string {
	domain := awsfacts.PartitionOf(region).Console
	if domain == "" {
		return ""
	}
	return fmt.Sprintf("https://%s.%s/lambda/home?region=%s#/functions/%s/versions/%s", region, domain, region, url.PathEscape(function), url.PathEscape(version))
}

// undo are the commands that point the aliases to what they pointed to before: by
// the versions' markers, or by the run's own data where the markers do not say: of
// a new alias, of one that shared its traffic, and of a shift, whose version another
// deployment published.
func (a *app) undo(results []deploy.Result) ([]string, error) {
	var lines []string
	for _, r := range results {
		aliases := r.Want.Aliases
		if !r.Changed || len(aliases) == 0 {
			continue
		}
		place := a.place(r)
		if !r.MarkersSuffice() {
			data, err := json.Marshal([]deploy.RollbackData{r.RollbackData()})
			if err != nil {
				return nil, err
			}
			lines = append(lines, "lambda-rollout rollback --rollback-data '"+string(data)+"'"+place)
			continue
		}
		for _, alias := range aliases {
			lines = append(lines, "lambda-rollout rollback --function "+r.At.Function+" --alias "+alias.Name+place)
		}
	}
	return lines, nil
}

// failedSummary says what a deployment that failed left behind.
func (a *app) failedSummary(failure error) {
	var incomplete *deploy.IncompleteError
	var back *deploy.RolledBackError
	switch {
	case errors.As(failure, &incomplete):
		reason := ""
		if incomplete.Err != nil {
			reason = firstLine(incomplete.Err.Error())
		}
		a.rollbackSummary(reason, incomplete.Targets, a.recovery(failure))
	case errors.As(failure, &back):
		a.rollbackSummary(firstLine(back.Err.Error()), back.Targets, nil)
	}
}

func (a *app) rollbackSummary(reason string, targets []deploy.Restored, next []string) {
	var lines []report.Back
	for _, t := range targets {
		for _, c := range t.Changes {
			line := report.Back{Function: t.Target.Function, Region: t.Target.Region, Field: c.Field, From: c.From, To: c.To}
			if c.From == "" && c.To == "" {
				// An environment variable: its values are shown nowhere.
				line.To = string(c.Kind)
			}
			lines = append(lines, line)
		}
		for _, left := range t.Left() {
			lines = append(lines, report.Back{Function: t.Target.Function, Region: t.Target.Region, Problem: left})
		}
	}
	a.summary(report.RollbackSummary(reason, a.recorder.Course(), lines, next))
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}
