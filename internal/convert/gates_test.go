package convert

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// ran is a run of a generated workflow in which every gate says no, but for the first
// approvals: the jobs and steps that GitHub would run, and how far traffic rose.
type ran struct {
	approvals int
	highest   float64
	results   map[string]string
	// rolledBack is set where a step or job rolls back.
	rolledBack bool
	stopped    bool
}

type workflowJob struct {
	Needs       yaml.Node
	If          string
	Environment string
	Steps       []struct {
		If, Run, Uses string
		Env, With     map[string]string

		ContinueOnError bool `yaml:"continue-on-error"`
	}
}

// play runs a workflow as GitHub does, as far as this package's workflows go: a job
// runs when all that it needs succeeded, and its condition may ask for less.
func play(t *testing.T, text []byte) ran { return playApproved(t, text, 0) }

// playApproved runs a workflow whose first approvals say yes.
func playApproved(t *testing.T, text []byte, approvals int) ran {
	t.Helper()
	var w struct{ Jobs yaml.Node }
	if err := yaml.Unmarshal(text, &w); err != nil {
		t.Fatal(err)
	}
	r := ran{approvals: approvals, results: map[string]string{}}
	for i := 0; i+1 < len(w.Jobs.Content); i += 2 {
		var job workflowJob
		if err := w.Jobs.Content[i+1].Decode(&job); err != nil {
			t.Fatal(err)
		}
		id := w.Jobs.Content[i].Value
		var needs []string
		if job.Needs.Kind == yaml.ScalarNode {
			needs = []string{job.Needs.Value}
		} else if err := job.Needs.Decode(&needs); err != nil && job.Needs.Kind != 0 {
			t.Fatal(err)
		}
		r.results[id] = r.job(t, job, needs)
	}
	return r
}

func (r *ran) job(t *testing.T, job workflowJob, needs []string) string {
	failed := slices.ContainsFunc(needs, func(id string) bool { return r.results[id] == "failure" })
	other := slices.ContainsFunc(needs, func(id string) bool { return r.results[id] != "success" })
	for _, id := range needs {
		if r.results[id] == "" {
			t.Fatalf("a job needs %s, which comes later", id)
		}
	}
	runs := !other
	for term := range strings.SplitSeq(strings.TrimSuffix(strings.TrimPrefix(job.If, "${{ "), " }}"), " && ") {
		id, is := strings.CutSuffix(strings.TrimPrefix(term, "needs."), ".result == 'success'")
		switch {
		case term == "", term == "!cancelled()":
		case term == "!failure()":
			runs = !failed && !slices.ContainsFunc(needs, func(id string) bool { return r.results[id] == "skipped" && r.failed() })
		case term == "always()":
			runs = true
		case term == "(contains(needs.*.result, 'failure') || contains(needs.*.result, 'cancelled'))":
			runs = runs && failed
		case is:
			runs = runs && r.results[id] == "success"
		default:
			t.Fatalf("a condition that this test does not know: %s", term)
		}
	}
	if !runs {
		return "skipped"
	}
	if job.Environment != "" && strings.Contains(fmt.Sprint(job.Steps), "reviewer") {
		if r.approvals--; r.approvals < 0 {
			return "failure" // refused
		}
		return "success"
	}
	for _, step := range job.Steps {
		switch {
		case step.Env["STOPPED_AT"] != "":
			r.stopped = true
			if step.If != "" {
				t.Errorf("a stop has the condition %s", step.If)
			}
			return "failure"
		case step.With["command"] == "rollback":
			r.rolledBack = true
		case strings.HasPrefix(step.With["gates"], "before-traffic="):
			r.rolledBack = true // the action itself rolls back
			return "failure"
		case step.With["guard"] != "":
			// The guard says no at the stage that it watches, and all is rolled back.
			stage, _, _ := strings.Cut(step.With["traffic"], "/15m")
			r.highest = max(r.highest, reached(t, map[string]string{"traffic": stage}))
			if step.ContinueOnError {
				r.highest = 100
				continue
			}
			r.rolledBack = true
			return "failure"
		case strings.HasPrefix(step.Uses, "lambda-rollout/"):
			r.highest = max(r.highest, reached(t, step.With))
		}
	}
	return "success"
}

func (r *ran) failed() bool {
	for _, result := range r.results {
		if result == "failure" {
			return true
		}
	}
	return false
}

// reached is the highest percentage of a step of the action.
func reached(t *testing.T, with map[string]string) float64 {
	t.Helper()
	text := with["percentage"]
	if with["command"] == "" {
		if text = with["traffic"]; text == "" {
			return 100
		}
		text = text[strings.LastIndexByte(text, ' ')+1:]
		text, _, _ = strings.Cut(text, "/")
	}
	n, err := strconv.ParseFloat(strings.TrimSuffix(text, "%"), 64)
	if err != nil {
		t.Fatalf("%v: %v", with, err)
	}
	return n
}

// gates are steps that somebody or something has to pass.
var gates = map[string]string{
	"an approval":              "step: {name: g, identifier: g, type: HarnessApproval, spec: {}}",
	"Jira":                     "step: {name: g, identifier: g, type: JiraApproval, spec: {}}",
	"ServiceNow":               "step: {name: g, identifier: g, type: ServiceNowApproval, spec: {}}",
	"a custom approval":        "step: {name: g, identifier: g, type: CustomApproval, spec: {}}",
	"a conditional approval":   "step: {name: g, identifier: g, type: HarnessApproval, when: {stageStatus: Success, condition: <+env.name> == \"x\"}, spec: {}}",
	"an ignored approval":      "step: {name: g, identifier: g, type: HarnessApproval, spec: {}, failureStrategies: [{onFailure: {errors: [AllErrors], action: {type: Ignore}}}]}",
	"a call":                   "step: {name: g, identifier: g, type: Http, spec: {url: x}}",
	"a call that asks":         "step: {name: g, identifier: g, type: Http, spec: {url: 'https://a/b', method: POST, assertion: <+httpResponseCode> == 200}}",
	"a call with a body":       "step: {name: g, identifier: g, type: Http, spec: {url: 'https://a/b', method: POST, requestBody: x}}",
	"an ignored call":          "step: {name: g, identifier: g, type: Http, spec: {url: 'https://a/b', method: POST}, failureStrategies: [{onFailure: {errors: [AllErrors], action: {type: Ignore}}}]}",
	"a conditional call":       "step: {name: g, identifier: g, type: Http, when: {stageStatus: All, condition: <+unknown.thing> > 3}, spec: {url: x}}",
	"a call that may fail":     "step: {name: g, identifier: g, type: Http, spec: {url: x}, failureStrategies: [{onFailure: {errors: [AllErrors], action: {type: MarkAsSuccess}}}]}",
	"a verification":           "step: {name: g, identifier: g, type: Verify, spec: {}}",
	"a timed verification":     "step: {name: g, identifier: g, type: Verify, spec: {type: Canary, spec: {duration: 15m, sensitivity: HIGH}}}",
	"one that others decide":   "step: {name: g, identifier: g, type: Verify, spec: {type: Canary, spec: {duration: <+input>}}}",
	"something unknown":        "step: {name: g, identifier: g, type: Tomorrow, spec: {}}",
	"a wait without end":       "step: {name: g, identifier: g, type: Wait, spec: {duration: <+serviceVariables.d>}}",
	"an approval in a group":   "stepGroup: {name: a, identifier: a, steps: [{step: {name: g, identifier: g, type: HarnessApproval, spec: {}}}]}",
	"a call in a group":        "stepGroup: {name: a, identifier: a, steps: [{step: {name: g, identifier: g, type: Http, spec: {}}}]}",
	"an approval side by side": "parallel: [{step: {name: g, identifier: g, type: HarnessApproval, spec: {}}}, {step: {name: h, identifier: h, type: Email, spec: {}}}]",
}

// stage of a pipeline with the steps.
func gatedStage(id, more string, steps ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "    - stage:\n        name: %s\n        identifier: %s\n        type: Deployment\n%s        spec:\n          deploymentType: AwsLambda\n          service: {serviceRef: a}\n          environment: {environmentRef: e, infrastructureDefinitions: [{identifier: i}]}\n          execution:\n            steps:\n", id, id, more)
	for _, s := range steps {
		b.WriteString("              - " + s + "\n")
	}
	b.WriteString("            rollbackSteps: [{step: {name: b, identifier: b, type: AwsLambdaCanaryRollback, spec: {}}}]\n")
	return b.String()
}

const pipelineHead = "pipeline:\n  name: p\n  identifier: p\n  stages:\n"

// Wherever a gate is, traffic never rises past one that said no, and what was
// deployed before it is rolled back.
func TestTrafficNeverRisesPastAGate(t *testing.T) {
	t.Parallel()
	shifts := []string{"step: {name: c, identifier: c, type: AwsLambdaCanaryDeploy, spec: {}}"}
	levels := []float64{0}
	for _, percent := range []int{10, 50, 100} {
		shifts = append(shifts, fmt.Sprintf("step: {name: t%d, identifier: t%d, type: AwsLambdaTrafficShift, spec: {trafficPercentage: %d}}", percent, percent, percent))
		levels = append(levels, float64(percent))
	}
	count := 0
	for _, name := range slices.Sorted(maps.Keys(gates)) {
		gate := gates[name]
		for at := 0; at < len(shifts); at++ {
			for _, more := range []string{"", "        when: {pipelineStatus: Success, condition: <+pipeline.variables.v> == \"x\"}\n", "        failureStrategies: [{onFailure: {errors: [AllErrors], action: {type: Ignore}}}]\n", "        strategy: {matrix: {m: [a, b]}}\n"} {
				if count++; !*full && more != "" && count%5 > 0 {
					continue
				}
				steps := slices.Insert(slices.Clone(shifts), at, gate)
				text := pipelineHead + gatedStage("s", strings.ReplaceAll(more, "<+pipeline.variables.v> == \"x\"", "true"), steps...)
				w, problems := Pipeline(File{"pipeline.yaml", []byte(text)}, nil)
				if problems.Err() != nil {
					t.Fatalf("%s at %d: %v\n%s", name, at, problems, text)
				}
				r := play(t, w.Text)
				allowed := 0.0
				if at > 0 {
					allowed = levels[at-1]
				}
				if r.highest > allowed {
					t.Errorf("%s at %d: %g%% of the traffic, past a gate that allowed %g%%:\n%s", name, at, r.highest, allowed, w.Text)
				}
				if !r.failed() {
					t.Errorf("%s at %d: nothing failed: the gate is gone:\n%s", name, at, w.Text)
				}
				if !r.stopped && at > 0 && !r.rolledBack && !strings.Contains(more, "Ignore") {
					t.Errorf("%s at %d: refused, and nothing rolls back:\n%s", name, at, w.Text)
				}
				if r.stopped != (w.Stops > 0) {
					t.Errorf("%s at %d: stops %d, and stopped %v", name, at, w.Stops, r.stopped)
				}
			}
		}
	}
}

// With an approval at every place, traffic rises exactly as far as they say yes, in
// both formats, and what was deployed is rolled back where one says no.
func TestTrafficRisesAsFarAsItIsApproved(t *testing.T) {
	t.Parallel()
	older := []string{gates["an approval"], "step: {name: c, identifier: c, type: AwsLambdaCanaryDeploy, spec: {}}"}
	flat := []string{flatGates["an approval"], "{id: c, template: {uses: awsLambdaCanaryDeployStep}}"}
	for _, percent := range []int{10, 50, 100} {
		older = append(older, strings.ReplaceAll(gates["an approval"], "g,", fmt.Sprintf("g%d,", percent)),
			fmt.Sprintf("step: {name: t%d, identifier: t%d, type: AwsLambdaTrafficShift, spec: {trafficPercentage: %d}}", percent, percent, percent))
		flat = append(flat, strings.ReplaceAll(flatGates["an approval"], "g,", fmt.Sprintf("g%d,", percent)), fmt.Sprintf(flatShift, percent, "", percent))
	}
	for format, text := range map[string]string{"v0": pipelineHead + gatedStage("s", "", older...), "v1": flatHead + flatStage("s", "", flat...)} {
		w, problems := Pipeline(File{"pipeline.yaml", []byte(text)}, nil)
		if problems.Err() != nil || w.Stops != 0 {
			t.Fatalf("%s: %v\n%s", format, problems, w.Text)
		}
		for approvals, want := range []float64{0, 0, 10, 50, 100} {
			r := playApproved(t, w.Text, approvals)
			if r.highest != want || r.failed() != (approvals < 4) || r.rolledBack != (approvals > 0 && approvals < 4) {
				t.Errorf("%s with %d approvals: %g%% of the traffic, want %g%%; %+v\n%s", format, approvals, r.highest, want, r, w.Text)
			}
		}
	}
}

// A gate between stages keeps all behind it, however many there are.
func TestNoStageRunsBehindAGateThatSaidNo(t *testing.T) {
	t.Parallel()
	deploy := func(id string) string {
		return gatedStage(id, "", "step: {name: d, identifier: d, type: AwsLambdaDeploy, spec: {}}")
	}
	for name, gate := range map[string]string{
		"an approval":             "    - stage: {name: g, identifier: g, type: Approval, spec: {execution: {steps: [{step: {name: x, identifier: x, type: HarnessApproval, spec: {}}}]}}}\n",
		"a conditional one":       "    - stage: {name: g, identifier: g, type: Approval, when: {pipelineStatus: Success, condition: <+x.y> == 1}, spec: {}}\n",
		"a build":                 "    - stage: {name: g, identifier: g, type: CI, spec: {}}\n",
		"a template":              "    - stage: {name: g, identifier: g, template: {templateRef: account.t}}\n",
		"something else":          "    - stage: {name: g, identifier: g, type: Deployment, spec: {deploymentType: Kubernetes}}\n",
		"one of several, at once": "    - parallel:\n        - stage: {name: h, identifier: h, type: Custom, spec: {execution: {steps: [{step: {name: x, identifier: x, type: ShellScript, spec: {shell: Bash, source: {type: Inline, spec: {script: \"true\"}}}}}]}}}\n        - stage: {name: g, identifier: g, type: Approval, spec: {}}\n",
	} {
		for _, status := range []string{"Success", "All"} {
			text := pipelineHead + gate + deploy("one") + strings.Replace(deploy("two"), "        spec:\n", "        when: {pipelineStatus: "+status+", condition: \"true\"}\n        spec:\n", 1)
			w, problems := Pipeline(File{"pipeline.yaml", []byte(text)}, nil)
			if problems.Err() != nil {
				t.Fatalf("%s: %v\n%s", name, problems, text)
			}
			if r := play(t, w.Text); r.highest > 0 || !r.failed() {
				t.Errorf("%s: %g%%\n%s", name, r.highest, w.Text)
			}
		}
	}
}

// The play of this file sees traffic where there is no gate.
func TestTrafficRisesWithoutAGate(t *testing.T) {
	t.Parallel()
	w, _ := Pipeline(File{"pipeline.yaml", []byte(pipelineHead + gatedStage("s", "", "step: {name: c, identifier: c, type: AwsLambdaCanaryDeploy, spec: {}}", "step: {name: t, identifier: t, type: AwsLambdaTrafficShift, spec: {trafficPercentage: 100}}"))}, nil)
	if r := play(t, w.Text); r.highest != 100 || r.failed() || w.Stops != 0 {
		t.Errorf("%+v\n%s", r, w.Text)
	}
}

// A verification between two shifts is the guard of the stage before it, for as long as
// both take; a failure to find data is one where Harness calls it one.
func TestAVerificationBetweenShiftsIsTheGuard(t *testing.T) {
	t.Parallel()
	shift := func(percent int) string {
		return fmt.Sprintf("step: {name: t%d, identifier: t%d, type: AwsLambdaTrafficShift, spec: {trafficPercentage: %d}}", percent, percent, percent)
	}
	verify := "step: {name: v, identifier: v, type: Verify, spec: {type: Canary, spec: {duration: 15m, failOnNoAnalysis: true}}}"
	wait := "step: {name: w, identifier: w, type: Wait, spec: {duration: 5m}}"
	w, problems := Pipeline(File{"pipeline.yaml", []byte(pipelineHead + gatedStage("s", "", "step: {name: c, identifier: c, type: AwsLambdaCanaryDeploy, spec: {}}", shift(10), wait, verify, shift(50), shift(100)))}, nil)
	for _, want := range []string{"traffic: 10%/20m\n", "guard: errors\n", "on-inconclusive: rollback\n"} {
		if !strings.Contains(string(w.Text), want) {
			t.Errorf("no %q in:\n%s", want, w.Text)
		}
	}
	if w.Stops != 0 || !strings.Contains(fmt.Sprint(problems), "is the guard") {
		t.Errorf("%d stops: %v", w.Stops, problems)
	}
}

// A call by POST is a gate of the action where the action has that moment: before the
// first traffic, and when all of it has shifted.
func TestACallIsAGateOfTheActionWhereItHasTheMoment(t *testing.T) {
	t.Parallel()
	call := func(id, spec string) string {
		if !strings.Contains(spec, "method") {
			spec += ", method: POST"
		}
		return "step: {name: " + id + ", identifier: " + id + ", type: Http, spec: {url: 'https://a/" + id + "'" + spec + "}}"
	}
	deploy := "step: {name: d, identifier: d, type: AwsLambdaDeploy, spec: {}}"
	aliased := []File{{"a.yaml", []byte("service: {identifier: a, serviceDefinition: {type: AwsLambda, spec: {manifests: [{manifest: {identifier: l, type: AwsLambdaFunctionAliasDefinition}}]}}}\n")}}
	canary := "step: {name: c, identifier: c, type: AwsLambdaCanaryDeploy, spec: {}}"
	shift := func(percent int) string {
		return fmt.Sprintf("step: {name: t%d, identifier: t%d, type: AwsLambdaTrafficShift, spec: {trafficPercentage: %d}}", percent, percent, percent)
	}
	for name, tc := range map[string]struct {
		steps []string
		gates []string
		stops int
	}{
		"behind a deployment of unknown aliases": {[]string{deploy, call("x", "")}, nil, 1},
		"before the first traffic":               {[]string{canary, call("x", ""), shift(10)}, []string{"before-traffic=https://a/x"}, 0},
		"behind all of it":                       {[]string{canary, shift(10), shift(100), call("x", "")}, []string{"after-traffic=https://a/x"}, 0},
		"both":                                   {[]string{canary, call("x", ""), shift(100), call("y", "")}, []string{"before-traffic=https://a/x", "after-traffic=https://a/y"}, 0},
		"behind a deployment":                    {[]string{deploy, call("x", "")}, []string{"after-traffic=https://a/x"}, 0},
		"between two shifts":                     {[]string{canary, shift(10), call("x", ""), shift(100)}, nil, 1},
		"behind a part of it":                    {[]string{canary, shift(10), call("x", "")}, nil, 1},
		"two before the first":                   {[]string{canary, call("x", ""), call("y", ""), shift(10)}, nil, 2},
		"with another method":                    {[]string{canary, call("x", ", method: GET"), shift(10)}, nil, 1},
		"with headers":                           {[]string{canary, call("x", ", headers: [{key: a, value: b}]"), shift(10)}, nil, 1},
		"whose text decides":                     {[]string{canary, call("x", ", assertion: '<+json.select(\"ok\", httpResponseBody)>'"), shift(10)}, nil, 1},
		"with nothing to gate behind":            {[]string{canary, call("x", "")}, nil, 1},
	} {
		w, problems := Pipeline(File{"pipeline.yaml", []byte(pipelineHead + gatedStage("s", "", tc.steps...))}, map[bool][]File{false: aliased}[strings.Contains(name, "unknown")])
		if problems.Err() != nil {
			t.Errorf("%s: %v", name, problems)
		}
		for _, gate := range tc.gates {
			if !strings.Contains(string(w.Text), gate) {
				t.Errorf("%s: no %s:\n%s", name, gate, w.Text)
			}
		}
		if got := strings.Count(string(w.Text), "-traffic=https://"); got != len(tc.gates) || w.Stops != tc.stops {
			t.Errorf("%s: %d gates and %d stops, want %d and %d:\n%s", name, got, w.Stops, len(tc.gates), tc.stops, w.Text)
		}
	}
}

// What GitHub cannot say may have kept Harness from going on.
func TestWhatHasAConditionThatGitHubCannotSayIsNotGonePast(t *testing.T) {
	t.Parallel()
	const deploy = `{step: {identifier: dep, name: dep, type: AwsLambdaDeploy, spec: {}}}`
	script := func(when string) string {
		return `{step: {identifier: check, name: check, type: ShellScript, when: {` + when + `}, spec: {shell: Bash, source: {type: Inline, spec: {script: ./check}}}}}`
	}
	const unsaid = `stageStatus: Success, condition: <+execution.steps.x.output.httpResponseCode> == 200`
	for name, c := range map[string]struct {
		stage, steps, rollback string
		stops                  int
		want                   string
	}{
		"a step":            {"", script(unsaid) + ", " + deploy, "", 1, "STOPPED_AT: the condition of the step check"},
		"what deploys":      {"", strings.Replace(deploy, "type:", "when: {"+unsaid+"}, type:", 1), "", 1, "STOPPED_AT: the condition of the step dep"},
		"a stage":           {"when: {pipelineStatus: Success, condition: <+execution.x>}, ", deploy, "", 1, "STOPPED_AT: the condition of the stage one"},
		"a failed stage":    {"when: {pipelineStatus: Failure, condition: <+execution.x>}, ", deploy, "", 0, "if: false && success() # never"},
		"after a failure":   {"", deploy, script(unsaid), 0, "if: false && success() # never"},
		"what GitHub says":  {"", script(`stageStatus: Success, condition: <+codebase.branch> == "main"`) + ", " + deploy, "", 0, "if: ${{ "},
		"an approval's own": {"", `{step: {identifier: ok, name: ok, type: HarnessApproval, when: {` + unsaid + `}, spec: {}}}, ` + deploy, "", 0, "the approval is asked for in every run, whatever its condition says"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := `pipeline:
  identifier: p
  stages:
    - stage: {identifier: one, name: one, type: Deployment, ` + c.stage + `spec: {deploymentType: AwsLambda, service: {serviceRef: s}, environment: {environmentRef: e, infrastructureDefinitions: [{identifier: i}]}, execution: {steps: [` + c.steps + `], rollbackSteps: [` + c.rollback + `]}}}
`
			got, problems := Pipeline(File{"p.yaml", []byte(text)}, nil)
			if problems.Err() != nil || got.Stops != c.stops || !strings.Contains(string(got.Text), c.want) {
				t.Errorf("%d stops, %v, without %s:\n%s", got.Stops, problems.Err(), c.want, got.Text)
			}
		})
	}
}
