package convert

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"gopkg.in/yaml.v3"
)

var full = flag.Bool("full", false, "put each gate under every condition, not under a sample of them")

// flatGates are gates of Harness 3.0, at the places of steps.
var flatGates = map[string]string{
	"an approval":            "{id: g, approval: {uses: harness, with: {approvers-min-count: 1}}}",
	"Jira":                   "{approval: {uses: jira}}",
	"ServiceNow":             "{id: g, approval: {uses: servicenow}}",
	"an approval by nobody":  "{id: g, approval: {}}",
	"a custom approval":      "{id: g, template: {uses: customApproval@1}}",
	"a conditional approval": "{id: g, if: '${{ environment.name == \"x\" }}', approval: {uses: harness}}",
	"an ignored approval":    "{id: g, approval: {uses: harness}, on-failure: {errors: all, action: ignore}}",
	"a call":                 "{id: g, template: {uses: httpStep, with: {url: x}}}",
	"a conditional call":     "{id: g, if: '${{ unknown.thing > 3 }}', template: {uses: httpStep}}",
	"a call that may fail":   "{id: g, template: {uses: httpStep}, on-failure: {errors: all, action: success}}",
	"a verification":         "{id: g, template: {uses: verifyStep, with: {duration: 15m}}}",
	"a plugin":               "{id: g, run: {container: gate}}",
	"an action of Harness":   "{id: g, action: {uses: gatekeeper}}",
	"a barrier":              "{id: g, barrier: {name: x}}",
	"a queue":                "{id: g, queue: {key: x}}",
	"a test":                 "{id: g, run-test: {script: make}}",
	"another language":       "{id: g, run: {shell: python, script: exit(1)}}",
	"something unknown":      "{id: g, tomorrow: {a: b}}",
	"nothing":                "{id: g}",
	"a repeated approval":    "{id: g, approval: {uses: harness}, strategy: {for: {iterations: 2}}}",
	"a wait without end":     "{id: g, wait: {duration: '${{ inputs.unknown }}'}}",
	"an approval in a group": "{id: a, group: {steps: [{id: g, approval: {uses: harness}}]}}",
	"a call in a group":      "{id: a, if: always(), group: {steps: [{group: {steps: [{template: {uses: httpStep}}]}}]}}",
	"one side by side":       "{parallel: {steps: [{id: g, approval: {uses: harness}}, {template: {uses: emailStep}}]}}",
}

const flatShift = "{id: t%d, %stemplate: {uses: awsLambdaTrafficShiftStep, with: {traffic_percentage: \"%d\", function_name: <+stage.steps.c.output.outputVariables.functionName>, function_version: <+stage.steps.c.output.outputVariables.version>}}}"

// flatStage is a stage of Harness 3.0 with the steps.
func flatStage(id, more string, steps ...string) string {
	text := fmt.Sprintf("    - id: %s\n      service: a\n      environment: {id: e, deploy-to: i}\n%s      steps:\n", id, more)
	for _, s := range steps {
		text += "        - " + s + "\n"
	}
	return text + "      rollback: [{template: {uses: awsLambdaCanaryRollbackStep}}]\n"
}

const flatHead = "pipeline:\n  id: p\n  stages:\n"

// Wherever a gate of a pipeline of Harness 3.0 is, traffic never rises past one that
// said no, and what was deployed before it is rolled back.
func TestTrafficNeverRisesPastAGateOfHarness3(t *testing.T) {
	t.Parallel()
	levels := []float64{0, 10, 50, 100}
	count := 0
	for _, name := range slices.Sorted(maps.Keys(flatGates)) {
		gate := flatGates[name]
		for at := range 4 {
			for _, more := range []string{"", "      if: '${{ true }}'\n", "      if: always()\n", "      on-failure: {errors: all, action: ignore}\n", "      strategy: {matrix: {m: [a, b]}}\n"} {
				for _, always := range []string{"", "if: always(), "} {
					if count++; always != "" && more != "" || !*full && more+always != "" && count%7 > 0 {
						continue
					}
					steps := []string{"{id: c, template: {uses: awsLambdaCanaryDeployStep}}"}
					for _, percent := range []int{10, 50, 100} {
						steps = append(steps, fmt.Sprintf(flatShift, percent, always, percent))
					}
					text := flatHead + flatStage("s", more, slices.Insert(steps, at, gate)...)
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
						t.Fatalf("%s at %d: %g%% of the traffic, past a gate that allowed %g%%:\n%s", name, at, r.highest, allowed, w.Text)
					}
					if !r.failed() {
						t.Fatalf("%s at %d: nothing failed: the gate is gone:\n%s", name, at, w.Text)
					}
					if !r.stopped && at > 0 && !r.rolledBack && !strings.Contains(more, "ignore") {
						t.Fatalf("%s at %d: refused, and nothing rolls back:\n%s", name, at, w.Text)
					}
				}
			}
		}
	}
}

// A gate between stages of Harness 3.0 keeps all behind it.
func TestNoStageOfHarness3RunsBehindAGateThatSaidNo(t *testing.T) {
	t.Parallel()
	deploy := func(id, more string) string {
		return flatStage(id, more, "{id: d, template: {uses: awsLambdaRollingDeployStep}}")
	}
	for name, gate := range map[string]string{
		"an approval":             "    - {id: g, approval: {uses: harness}}\n",
		"a conditional one":       "    - {id: g, if: '${{ x.y == 1 }}', approval: {uses: jira}}\n",
		"a template":              "    - {id: g, template: {uses: account.t}}\n",
		"another pipeline":        "    - {id: g, chain: {uses: p2}}\n",
		"a loop":                  "    - {id: g, strategy: {while: {condition: x}}, steps: [make]}\n",
		"one in a group":          "    - {if: always(), group: {stages: [{id: h, steps: [make]}, {id: g, approval: {uses: harness}}]}}\n",
		"one of several, at once": "    - parallel: {stages: [{id: h, steps: [make]}, {id: g, approval: {uses: harness}}]}\n",
		"groups at once":          "    - parallel: {stages: [{id: h, steps: [make]}, {group: {stages: [{id: g, approval: {uses: harness}}, {id: k, steps: [make]}]}}]}\n",
	} {
		for _, more := range []string{"", "      if: always()\n", "      if: <+Always>\n", "      if: '${{ true }}'\n"} {
			text := flatHead + gate + deploy("one", "") + deploy("two", more)
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

// Both formats of one pipeline become the same workflow.
func TestBothFormatsOfAPipelineBecomeOneWorkflow(t *testing.T) {
	t.Parallel()
	older := pipelineHead + gatedStage("s", "", "step: {name: c, identifier: c, type: AwsLambdaCanaryDeploy, spec: {}}",
		"step: {name: t10, identifier: t10, type: AwsLambdaTrafficShift, spec: {trafficPercentage: 10}}",
		"step: {name: w, identifier: w, type: Wait, spec: {duration: 5m}}",
		"step: {name: t50, identifier: t50, type: AwsLambdaTrafficShift, spec: {trafficPercentage: 50}}",
		"step: {name: ok, identifier: ok, type: HarnessApproval, spec: {}}",
		"step: {name: t100, identifier: t100, type: AwsLambdaTrafficShift, spec: {trafficPercentage: 100}}")
	flat := "pipeline:\n  id: p\n  name: p\n  stages:\n" + flatStage("s", "", "{id: c, template: {uses: awsLambdaCanaryDeployStep}}",
		fmt.Sprintf(flatShift, 10, "", 10), "{id: w, wait: 5m}", fmt.Sprintf(flatShift, 50, "", 50), "{id: ok, approval: {uses: harness}}", fmt.Sprintf(flatShift, 100, "", 100))
	var jobs [2]any
	for i, text := range []string{older, flat} {
		w, problems := Pipeline(File{"pipeline.yaml", []byte(text)}, nil)
		if problems.Err() != nil {
			t.Fatal(problems)
		}
		if err := yaml.Unmarshal(w.Text, &jobs[i]); err != nil {
			t.Fatal(err)
		}
	}
	if a, b := fmt.Sprint(jobs[0]), fmt.Sprint(jobs[1]); a != b {
		t.Errorf("v0: %s\nv1: %s", a, b)
	}
}

func FuzzFlatPipeline(f *testing.F) {
	for _, name := range []string{"testdata/flat.txtar", "testdata/flat-forms.txtar"} {
		content, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(txtar.Parse(content).Files[0].Data)
	}
	f.Add([]byte(inlinePipeline))
	for _, gate := range flatGates {
		f.Add([]byte(flatHead + flatStage("s", "", "{id: c, template: {uses: awsLambdaCanaryDeployStep}}", gate, fmt.Sprintf(flatShift, 10, "", 10))))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		Check(File{"pipeline.yaml", content}, nil)
		w, problems := Pipeline(File{"pipeline.yaml", content}, nil)
		if problems.Err() != nil {
			if w.Text != nil {
				t.Error("a workflow beside an error")
			}
			return
		}
		var parsed map[string]any
		if err := yaml.Unmarshal(w.Text, &parsed); err != nil || parsed["jobs"] == nil && parsed["on"] == nil {
			t.Errorf("the workflow is no YAML: %v", err)
		}
	})
}

// Expressions of Harness 3.0 are those of the older format under other names.
func TestExpressionsOfHarness3(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"${{ pipeline.seq_id }}":                          "${{ github.run_number }}",
		"<+pipeline.sequenceId>":                          "${{ github.run_number }}",
		"${{ pipeline.id }}":                              "p",
		"${{ inputs.level }}":                             "${{ inputs.level }}",
		"<+pipeline.variables.level>":                     "${{ inputs.level }}",
		"${{ stage.inputs.own }}":                         "${{ inputs.own }}",
		"${{ inputs.token }}":                             "${{ secrets.ACCOUNT_TOKEN }}",
		"${{ secrets.db_password }}":                      "${{ secrets.DB_PASSWORD }}",
		"${{ trigger.commit_sha }}":                       "${{ github.sha }}",
		"${{ codebase.sha }}":                             "${{ github.sha }}",
		"${{ service.id }}":                               "shop",
		"${{ service.variables.tier }}":                   "gold",
		"<+serviceVariables.tier>":                        "gold",
		"${{ environment.name }}":                         "Prod",
		"${{ infrastructure.region }}":                    "eu-central-1",
		"${{ steps.d.output.functionName }}":              "${{ steps.d.outputs.function-name }}",
		"${{ steps.d.outputs.version }}":                  "${{ steps.d.outputs.version }}",
		"${{ stages.first.steps.s.output.x }}":            "${{ needs.first.outputs.s_x }}",
		"${{ unknown.thing }}":                            "${{ vars.UNKNOWN_THING }}",
		"${{ inputs.level == 'a' && 'x' || 'y' }}":        "${{ (((inputs.level == 'a') && 'x') || 'y') }}",
		"<+stage.steps.d.output.outputVariables.version>": "${{ steps.d.outputs.version }}",
	} {
		pipeline := `pipeline:
  id: p
  inputs: {level: {type: string, default: a}, token: {type: secret, default: account.token}}
  stages:
    - {id: first, steps: [{id: s, run: "echo x=1 >> $HARNESS_OUTPUT"}]}
    - id: second
      inputs: {own: {type: string}}
      service: shop
      environment: {id: prod, deploy-to: eu}
      steps:
        - {id: d, template: {uses: awsLambdaRollingDeployStep}}
        - run: {script: ./x, env: {V: "` + text + `"}}
`
		w, problems := Pipeline(File{"pipeline.yaml", []byte(pipeline)}, []File{
			{"s.yaml", []byte("service: {identifier: shop, serviceDefinition: {type: AwsLambda, spec: {variables: [{name: tier, type: String, value: gold}]}}}\n")},
			{"e.yaml", []byte("environment: {identifier: prod, name: Prod, type: Production}\n")},
			{"i.yaml", []byte("infrastructureDefinition: {identifier: eu, environmentRef: prod, type: AwsLambda, spec: {region: eu-central-1}}\n")},
		})
		_, got, found := strings.Cut(string(w.Text), "          V: ")
		got, _, _ = strings.Cut(got, "\n")
		if !found || got != want {
			t.Errorf("%s is %s, want %s: %v", text, got, want, problems.Errors())
		}
	}
}
