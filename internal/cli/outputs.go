package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/lambda-rollout/lambda-rollout/internal/deploy"
	"github.com/lambda-rollout/lambda-rollout/internal/host"
	"github.com/lambda-rollout/lambda-rollout/internal/report"
)

// result is one Target of the output `results`, and of --output json.
type result struct {
	FunctionName           string            `json:"functionName"`
	FunctionArn            string            `json:"functionArn"`
	UnqualifiedFunctionArn string            `json:"unqualifiedFunctionArn"`
	Region                 string            `json:"region"`
	Version                string            `json:"version"`
	PreviousVersion        string            `json:"previousVersion,omitempty"`
	Runtime                string            `json:"runtime,omitempty"`
	CodeSha256             string            `json:"codeSha256"`
	Artifact               string            `json:"artifact"`
	AliasArns              map[string]string `json:"aliasArns"`
	Changed                bool              `json:"changed"`
}

func resultOf(r deploy.Result) result {
	out := result{
		FunctionName: r.At.Function, FunctionArn: r.Arn, UnqualifiedFunctionArn: r.Unqualified,
		Region: r.At.Region, Version: r.Version, PreviousVersion: r.Previous(),
		CodeSha256: r.CodeSha256, Artifact: r.Pinned(), AliasArns: map[string]string{}, Changed: r.Changed,
	}
	if r.Function.Runtime != nil {
		out.Runtime = *r.Function.Runtime
	}
	for _, a := range r.Want.Aliases {
		out.AliasArns[a.Name] = r.Unqualified + ":" + a.Name
	}
	return out
}

// deployed hands out what a deployment came to: outputs and summary, and the
// error that it ended with.
func (a *app) deployed(results []deploy.Result, failure error) error {
	if failure != nil {
		return errors.Join(failure, a.failedSummary(results, failure))
	}
	outputs, err := a.outputsOf(results)
	if err != nil {
		return err
	}
	if a.json() {
		var all []result
		for _, r := range results {
			all = append(all, resultOf(r))
		}
		text, err := json.MarshalIndent(all, "", "  ")
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(a.Stdout, "%s\n", text); err != nil {
			return err
		}
	}
	for _, r := range results {
		if !r.Changed {
			a.log().Line("Function %s in %s is unchanged: version %s", r.At.Function, r.At.Region, r.Version)
		}
	}
	if a.host.Kind() == host.Terminal {
		// The log has just told it in other words.
		outputs = slices.DeleteFunc(outputs, func(o host.Output) bool { return o.Name == "plan" })
	}
	undo, err := a.undo(results)
	next := report.Next{Promote: a.promote(results), Undo: undo}
	for _, line := range next.Promote {
		a.log().Line("To give the new version all the traffic: %s", line)
	}
	return errors.Join(err, a.host.SetOutputs(outputs), a.host.Summary(report.Summary(a.rows(results), next)))
}

func (a *app) outputsOf(results []deploy.Result) ([]host.Output, error) {
	var all []result
	var data []deploy.RollbackData
	var diffs []report.Diff
	changed := false
	for _, r := range results {
		diffs = append(diffs, a.diff(r.Planned))
		all, data = append(all, resultOf(r)), append(data, r.RollbackData())
		changed = changed || r.Changed
	}
	first := all[0]
	lists := map[string]any{"alias-arns": first.AliasArns, "rollback-data": data, "results": all}
	texts := map[string]string{}
	for name, value := range lists {
		text, err := json.Marshal(value)
		if err != nil {
			return nil, err
		}
		texts[name] = string(text)
	}
	return []host.Output{
		{Name: "function-name", Value: first.FunctionName},
		{Name: "function-arn", Value: first.FunctionArn},
		{Name: "unqualified-function-arn", Value: first.UnqualifiedFunctionArn},
		{Name: "version", Value: first.Version},
		{Name: "runtime", Value: first.Runtime},
		{Name: "code-sha256", Value: first.CodeSha256},
		{Name: "artifact", Value: first.Artifact},
		{Name: "alias-arns", Value: texts["alias-arns"]},
		{Name: "previous-version", Value: first.PreviousVersion},
		{Name: "changed", Value: strconv.FormatBool(changed)},
		{Name: "plan", Value: a.comment(diffs)},
		{Name: "rollback-data", Value: texts["rollback-data"]},
		{Name: "results", Value: texts["results"]},
	}, nil
}
