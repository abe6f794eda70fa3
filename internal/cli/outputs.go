package cli

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/lambda-rollout/lambda-rollout/internal/deploy"
	"github.com/lambda-rollout/lambda-rollout/internal/host"
	"github.com/lambda-rollout/lambda-rollout/internal/report"
	"github.com/lambda-rollout/lambda-rollout/internal/terminal"
)

// result is one target of the output `results`, and of --output json.
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
	FunctionURL            string            `json:"functionUrl,omitempty"`
	Changed                bool              `json:"changed"`
}

// resultDocument is a result with what undoes it.
type resultDocument struct {
	result
	RollbackData deploy.RollbackData `json:"rollbackData"`
}

func resultOf(r deploy.Result) result {
	out := result{
		FunctionName: r.At.Function, FunctionArn: r.Arn, UnqualifiedFunctionArn: r.Unqualified,
		Region: r.At.Region, Version: r.Version, PreviousVersion: r.Previous(),
		CodeSha256: r.CodeSha256, Artifact: r.Pinned(), AliasArns: map[string]string{}, Changed: r.Changed,
		FunctionURL: r.FunctionURL,
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
		a.failedSummary(failure)
		return failure
	}
	a.tellOf(results)
	a.unchanged(results)
	a.budget(results)
	done, err := a.deployment(results)
	a.promoting(done.Next.Promote)
	err = errors.Join(err, a.handOut(results))
	a.summary(report.Summary(done))
	if name := a.progress.journalName(); err != nil && name != "" {
		// The next step goes on with outputs that are not there, so the job fails and
		// the deployment with it.
		return &deploy.StoppedError{Err: err, Journal: name}
	}
	if err == nil {
		a.closing(done)
		a.showOutputs(results)
	}
	return err
}

// showOutputs prints the outputs on a terminal, but for what the closing line says.
func (a *app) showOutputs(results []deploy.Result) {
	if a.view() == nil || a.json() {
		return // they are written already
	}
	outputs, more := shownOutputs(results)
	a.view().print(func(columns int) []terminal.Line { return report.OutputLines(columns, outputs, more) })
}

// shownOutputs are the outputs that a user can read: of one function each, of several
// the versions' ARNs. more says where the others are.
func shownOutputs(results []deploy.Result) (outputs []report.Output, more string) {
	const most = 10
	more = "rollback-data and results: with --output json or --verbose"
	if len(results) > 1 {
		for _, r := range results[:min(len(results), most)] {
			outputs = append(outputs, report.Output{Name: "function-arn", Value: r.Arn})
		}
		if left := len(results) - most; left > 0 {
			more = number(left, "more function") + ", " + more
		}
		return outputs, more
	}
	one := resultOf(results[0])
	for _, o := range []report.Output{
		{Name: "function-arn", Value: one.FunctionArn}, {Name: "function-url", Value: one.FunctionURL}, {Name: "runtime", Value: one.Runtime},
		{Name: "code-sha256", Value: one.CodeSha256}, {Name: "artifact", Value: one.Artifact},
	} {
		if o.Value != "" {
			outputs = append(outputs, o)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(one.AliasArns)) {
		outputs = append(outputs, report.Output{Name: "alias-arns", Value: one.AliasArns[name]})
	}
	return outputs, more
}

// promoting shows the commands that shift the rest of the traffic.
func (a *app) promoting(commands []string) {
	const title = "To give the new version all the traffic: "
	for _, line := range commands {
		if a.view() == nil {
			a.log().Line("%s%s", title, line)
			continue
		}
		a.view().print(func(columns int) []terminal.Line {
			return report.CommandLines(columns, strings.TrimSpace(title), line)
		})
	}
}

// closing says how the deployment ended, and what undoes it. Where the groups of a
// log are folded, that is all that the user sees.
func (a *app) closing(done report.Deployment) {
	if a.view() == nil {
		if a.log().Folds() || a.host.CanAsk() {
			a.log().Line("%s", done.Closing())
		}
		return
	}
	rollback := ""
	if name := a.progress.journalName(); name != "" {
		rollback = deploy.RollbackCommand(a.relative(name))
	}
	a.view().print(func(columns int) []terminal.Line { return done.ClosingLines(columns, rollback) })
}

// handOut writes the results to where the next steps, or the user, read them.
func (a *app) handOut(results []deploy.Result) error {
	outputs, err := a.outputsOf(results)
	if err != nil {
		return err
	}
	if a.host.Kind() == host.Terminal {
		// The log has just shown the same.
		outputs = slices.DeleteFunc(outputs, func(o host.Output) bool { return o.Name == "plan" })
	}
	if outputs, err = a.cut(outputs, results); err != nil {
		return err
	}
	if a.view() == nil {
		err = a.host.SetOutputs(outputs)
	}
	if a.json() && err == nil {
		var all []resultDocument
		for _, r := range results {
			all = append(all, resultDocument{resultOf(r), r.RollbackData()})
		}
		err = a.printJSON(all)
	}
	return err
}

// printJSON prints what --output json asks for.
func (a *app) printJSON(v any) error {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	return a.print(string(text) + "\n")
}

// summary adds to the page of the run. A page that cannot be written is worth a
// warning and no more: the log and the outputs have the same.
func (a *app) summary(markdown string) {
	if err := a.host.Summary(markdown); err != nil {
		a.host.Warn(err.Error())
	}
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
	outputs := []host.Output{
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
	}
	if first.FunctionURL != "" {
		outputs = append(outputs, host.Output{Name: "function-url", Value: first.FunctionURL})
	}
	return outputs, nil
}
