package deploy

import (
	"fmt"
	"testing"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/journal"
)

// fleetSize is enough for what is asked once to show.
const fleetSize = 12

// fleet writes definitions of functions f0, f1, … with the same code.
func (f *fixture) fleet(more string) []string {
	f.Helper()
	var files []string
	for i := range fleetSize {
		name := fmt.Sprintf("f%d", i)
		f.write(name+".yaml", definitionOf(name, more))
		files = append(files, name+".yaml")
	}
	return files
}

// budgeted counts the calls within the shared quota.
func (f *fixture) budgeted() (n int) {
	for _, c := range f.aws.Calls() {
		switch c.Operation {
		case "GetFunction", "GetPolicy", "Invoke":
		default:
			if c.Service == "lambda" {
				n++
			}
		}
	}
	return n
}

func TestEachFunctionTakesTheCallsOfItsBudgetAndNoMore(t *testing.T) {
	for name, c := range map[string]struct {
		change func(f *fixture)
		more   string
		// each is for one function with one alias. An AWS that is neither AWS' own nor
		// embedded gets no dry run.
		each int
	}{
		"unchanged":     {change: func(*fixture) {}, each: 1},
		"code":          {change: func(f *fixture) { f.write("code/index.js", "2") }, each: 5},
		"configuration": {change: func(*fixture) {}, more: "memorySize: 256\n", each: 5},
		"both":          {change: func(f *fixture) { f.write("code/index.js", "2") }, more: "memorySize: 256\n", each: 6},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, awslocal.Options{}, func(f *fixture) {
				f.mustDeploy(f.fleet("")...)
				c.change(f)
				f.aws.ResetCalls()
				results := f.mustDeploy(f.fleet(c.more)...)
				want := fleetSize * c.each
				if n := f.budgeted(); n != want {
					f.Errorf("%d calls, want %d: %v", n, want, f.operations())
				}
				var planned []Planned
				for _, r := range results {
					planned = append(planned, r.Planned)
				}
				if b := BudgetOf(planned); b.Calls != want || b.DryRuns != 0 {
					f.Errorf("budget %+v, want %d calls", b, want)
				}
			})
		})
	}
}

// Settings cost a question each, and each that changes two calls more.
func TestSettingsTakeTheCallsOfTheirBudget(t *testing.T) {
	const document = `{"reservedConcurrency": %d, "recursiveLoop": "Allow", "eventInvokeConfig": {"qualifier": "live", "maximumRetryAttempts": %[1]d},
		"functionUrl": {"qualifier": "live", "authType": "NONE"},
		"permissions": [{"sid": "a", "qualifier": "live", "action": "lambda:InvokeFunction", "principal": "sns.amazonaws.com"}],
		"provisionedConcurrency": {"qualifier": "live", "provisionedConcurrentExecutions": 1%s}}`
	for name, c := range map[string]struct {
		before, after string
		code          string
	}{
		"unchanged":      {fmt.Sprintf(document, 1, ""), fmt.Sprintf(document, 1, ""), "1"},
		"changed":        {fmt.Sprintf(document, 2, ""), fmt.Sprintf(document, 1, ""), "1"},
		"added":          {"{}", fmt.Sprintf(document, 1, ""), "1"},
		"with code":      {fmt.Sprintf(document, 2, ""), fmt.Sprintf(document, 2, ""), "2"},
		"on the version": {fmt.Sprintf(document, 2, `, "onVersion": true`), fmt.Sprintf(document, 2, `, "onVersion": true`), "2"},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, awslocal.Options{}, func(f *fixture) {
				f.settings = []string{"settings.json"}
				f.write("settings.json", c.before)
				f.write("code/index.js", "1")
				f.mustDeploy()
				f.write("settings.json", c.after)
				f.write("code/index.js", c.code)
				f.aws.ResetCalls()
				var planned []Planned
				for _, r := range f.mustDeploy() {
					planned = append(planned, r.Planned)
				}
				calls := f.operations()
				if b, n := BudgetOf(planned), f.budgeted(); b.Calls+b.DryRuns != n {
					f.Errorf("%d calls of a budget of %+v: %v", n, b, calls)
				}
			})
		})
	}
}

// What others may attach to a new function is asked about once: the answer is the
// same for all.
func TestACreationTakesFourCallsAndOneLookAtThePermissions(t *testing.T) {
	run(t, awslocal.Options{}, func(f *fixture) {
		results := f.mustDeploy(f.fleet("")...)
		calls := f.operations()
		for _, operation := range []string{"GetAlias", "CreateFunction", "PublishVersion", "CreateAlias"} {
			if calls[operation] != fleetSize {
				f.Errorf("%d calls of %s, want %d", calls[operation], operation, fleetSize)
			}
		}
		var planned []Planned
		for _, r := range results {
			planned = append(planned, r.Planned)
		}
		const look = 12
		if n, b := f.budgeted(), BudgetOf(planned); n != 4*fleetSize+look || b.Calls != n {
			f.Errorf("%d calls of a budget of %d: %v", n, b.Calls, calls)
		}
	})
}

// operations counts calls by operation.
func (f *fixture) operations() map[string]int {
	n := map[string]int{}
	for _, c := range f.aws.Calls() {
		n[c.Operation]++
	}
	return n
}

func TestAnArtifactOfManyFunctionsIsLookedUpOnce(t *testing.T) {
	run(t, awslocal.Options{}, func(f *fixture) {
		f.artifact = imageRepository + ":latest"
		f.push("1")
		var files []string
		for i := range fleetSize {
			name := fmt.Sprintf("f%d", i)
			f.write(name+".yaml", fmt.Sprintf("functionName: %s\nrole: arn:aws:iam::000000000000:role/function\npackageType: Image\n", name))
			files = append(files, name+".yaml")
		}
		f.plan(files...)
		if n := f.called("BatchGetImage") + f.called("DescribeImages"); n == 0 || n > 2 {
			f.Errorf("%d questions about the image: %v", n, f.operations())
		}
	})
}

func TestDryRunsAreSharedOnlyWhereTheAnswerIsTheSame(t *testing.T) {
	run(t, awslocal.Options{}, func(f *fixture) {
		f.mustDeploy(f.fleet("")...)
		f.write("code/index.js", "2")
		f.fleet("")
		f.write("f1.yaml", definitionOf("f1", "architectures: [arm64]\n"))
		f.write("f2.yaml", definitionOf("f2", "layers: ['arn:aws:lambda:us-east-1:000000000000:layer:tools:1']\n"))
		var files []string
		for i := range fleetSize {
			files = append(files, fmt.Sprintf("f%d.yaml", i))
		}
		planned := f.plan(files...)
		for i := range planned {
			planned[i].At.Endpoint = journal.LocalEndpoint + "here"
		}
		trials := dryRuns(planned)
		if b := BudgetOf(planned); b.DryRuns != len(trials) {
			f.Errorf("the budget counts %d dry runs", b.DryRuns)
		}
		if len(trials) != 3 || trials[0].others != fleetSize-3 {
			f.Errorf("%d dry runs, the first for %d more functions", len(trials), trials[0].others)
		}
	})
}

func TestAnAliasIsAskedAboutOnlyWhereTheAnswerTellsSomething(t *testing.T) {
	run(t, awslocal.Options{}, func(f *fixture) {
		f.mustDeploy()
		f.write("code/index.js", "2")
		p := f.plan("function.yaml")[0]
		if names := asksProvisioned(p); len(names) != 1 {
			f.Errorf("asks about %v", names)
		}
		p.Before.Aliases["live"] = &definition.ObservedAlias{Alias: definition.Alias{Name: "live", Version: "$LATEST"}}
		if names := asksProvisioned(p); len(names) != 0 {
			f.Errorf("asks about %v on $LATEST", names)
		}
	})
}

func TestTheBudgetIsShownBesideWhatWasMade(t *testing.T) {
	got := Budget{Calls: 60, DryRuns: 1}.Compared(map[string]int{"GetAlias": 12, "UpdateAlias": 49, "GetFunction": 70, "Invoke": 3})
	if want := "Calls to Lambda within the quota of 15 a second: 61 of a budget of 61, 1 of them dry runs; apart from it: 70 GetFunction"; got != want {
		t.Errorf("%s", got)
	}
}
