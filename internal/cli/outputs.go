package cli

import (
	"crypto/sha256"
	"encoding/hex"
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

// rollbackData is what another job needs to undo a deployment. It holds no ARN
// and no account id: GitHub drops an output that contains a masked value.
type rollbackData struct {
	Function string `json:"function"`
	Region   string `json:"region"`
	Account  string `json:"account"`
	Version  string `json:"version"`
	Restore  string `json:"restorePoint,omitempty"`
	// Connector is the infrastructure's connectorRef.
	Connector string `json:"connector,omitempty"`
	// Aliases are what each alias served before, "none" for a new one.
	Aliases map[string]string `json:"aliases,omitempty"`
	// Weights are those of the aliases that shared their traffic before.
	Weights map[string]map[string]float64 `json:"weights,omitempty"`
}

// accountHash tells accounts apart without naming them.
func accountHash(account string) string {
	sum := sha256.Sum256([]byte("lambda-rollout account " + account))
	return hex.EncodeToString(sum[:6])
}

func resultOf(r deploy.Result) result {
	out := result{
		FunctionName: r.Target.Journal.Function, FunctionArn: r.Arn, UnqualifiedFunctionArn: r.Unqualified,
		Region: r.Target.Journal.Region, Version: r.Version, PreviousVersion: r.Previous(),
		CodeSha256: r.CodeSha256, Artifact: r.Target.Artifact, AliasArns: map[string]string{}, Changed: r.Changed,
	}
	if r.Function.Runtime != nil {
		out.Runtime = *r.Function.Runtime
	}
	for _, a := range r.Target.Wanted.Aliases {
		out.AliasArns[a.Name] = r.Unqualified + ":" + a.Name
	}
	return out
}

func rollbackDataOf(r deploy.Result) rollbackData {
	out := rollbackData{
		Function: r.Target.Journal.Function, Region: r.Target.Journal.Region, Account: accountHash(r.Target.Journal.Account),
		Version: r.Version, Restore: r.RestorePoint, Connector: r.Target.Connector, Aliases: map[string]string{},
		Weights: map[string]map[string]float64{},
	}
	for _, was := range r.Before.Serving(r.Target.Wanted.Aliases) {
		out.Aliases[was.Alias] = was.Version
		if now := r.Before.Aliases[was.Alias]; now != nil && len(now.Weights) > 0 {
			out.Weights[was.Alias] = now.Weights
		}
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
			a.log().Line("Function %s in %s is unchanged: version %s", r.Target.Journal.Function, r.Target.Journal.Region, r.Version)
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
	var data []rollbackData
	var diffs []report.Diff
	changed := false
	for _, r := range results {
		diffs = append(diffs, a.diff(r))
		all, data = append(all, resultOf(r)), append(data, rollbackDataOf(r))
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
