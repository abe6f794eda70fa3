package cli

import (
	"strings"
	"testing"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
)

// harnessFiles are a service, environments and infrastructures without a problem, and
// pipelines of both formats that use them.
var harnessFiles = map[string]string{
	"h/service.yaml": `service:
  name: Shop
  identifier: shop
  serviceDefinition:
    type: AwsLambda
    spec:
      manifests:
        - manifest: {identifier: f, type: AwsLambdaFunctionDefinition, spec: {store: {type: Harness, spec: {files: [function.yaml]}}}}
        - manifest: {identifier: l, type: AwsLambdaFunctionAliasDefinition, spec: {store: {type: Harness, spec: {files: [alias.yaml]}}}}
      artifacts: {primary: {primaryArtifactRef: code, sources: [{identifier: code, type: Local, spec: {path: code}}]}}
`,
	"function.yaml":   minimal + "description: <+env.variables.zone> <+pipeline.variables.tag>\n",
	"alias.yaml":      "name: live\n",
	"h/dev.yaml":      "environment: {name: Dev, identifier: dev, type: PreProduction, variables: [{name: zone, type: String, value: a}]}\n",
	"h/prod.yaml":     "environment: {name: Prod, identifier: prod, type: Production, variables: [{name: zone, type: String, value: b}]}\n",
	"h/dev-eu.yaml":   "infrastructureDefinition: {identifier: dev_eu, environmentRef: dev, type: AwsLambda, deploymentType: AwsLambda, spec: {connectorRef: aws, region: eu-central-1}, allowSimultaneousDeployments: true}\n",
	"h/prod-eu.yaml":  "infrastructureDefinition: {identifier: prod_eu, environmentRef: prod, type: AwsLambda, deploymentType: AwsLambda, spec: {connectorRef: aws, region: eu-central-1}, allowSimultaneousDeployments: true}\n",
	"h/pipeline.yaml": "pipeline:\n  name: p\n  identifier: p\n  variables: [{name: tag, type: String, value: <+input>}]\n  stages:\n" + harnessStage("dev") + harnessStage("prod"),
	"h/flat.yaml": `pipeline:
  id: p
  inputs: {tag: {type: string}}
  stages:
    - id: dev
      service: shop
      environment: {id: dev, deploy-to: dev_eu}
      steps: [{id: deploy, template: {uses: awsLambdaRollingDeployStep}}]
      rollback: {template: {uses: awsLambdaRollingRollbackStep}}
    - id: prod
      service: {id: shop}
      environment: {id: prod, deploy-to: prod_eu}
      steps:
        - {id: deploy, template: {uses: awsLambdaCanaryDeployStep}}
        - {id: shift, template: {uses: awsLambdaTrafficShiftStep, with: {traffic_percentage: "100"}}}
      rollback: {template: {uses: awsLambdaCanaryRollbackStep}}
`,
}

func harnessStage(environment string) string {
	return `    - stage:
        name: ENV
        identifier: ENV
        type: Deployment
        spec:
          deploymentType: AwsLambda
          service: {serviceRef: shop}
          environment: {environmentRef: ENV, infrastructureDefinitions: [{identifier: ENV_eu}]}
          execution:
            steps: [{step: {name: deploy, identifier: deploy, type: AwsLambdaDeploy, spec: {}, timeout: 10m}}]
            rollbackSteps: [{step: {name: back, identifier: back, type: AwsLambdaRollback, spec: {}}}]
`
}

// harnessBench has the files, with edits: what is replaced, and with what.
func harnessBench(t *testing.T, edits map[string][]string) *bench {
	t.Helper()
	b := newBench(t, awslocal.Options{})
	b.write("code/index.js", "exports.handler = async () => 1\n")
	for name, content := range harnessFiles {
		content = strings.ReplaceAll(content, "ENV", "dev")
		if name == "h/pipeline.yaml" {
			head, stages, _ := strings.Cut(harnessFiles[name], "  stages:\n")
			dev, prod := stages[:len(stages)/2], stages[len(stages)/2:]
			content = head + "  stages:\n" + strings.ReplaceAll(dev, "ENV", "dev") + strings.ReplaceAll(prod, "ENV", "prod")
		}
		edited := strings.NewReplacer(edits[name]...).Replace(content)
		if len(edits[name]) > 0 && edited == content {
			t.Fatalf("%s: nothing was replaced", name)
		}
		b.write(name, edited)
	}
	return b
}

// Files of both versions are taken for what they hold, and are valid in every
// environment among them.
func TestHarnessFilesAreValidatedTogether(t *testing.T) {
	t.Parallel()
	b := harnessBench(t, nil)
	for _, files := range [][]string{
		{"h/pipeline.yaml", "h/service.yaml", "h/dev.yaml", "h/prod.yaml", "h/dev-eu.yaml", "h/prod-eu.yaml"},
		{"h/flat.yaml", "h/service.yaml", "h/dev.yaml", "h/prod.yaml", "h/dev-eu.yaml", "h/prod-eu.yaml", "function.yaml", "alias.yaml"},
		{"h/*.yaml"},
	} {
		b.aws.ResetCalls()
		code, log, errs := b.run(append([]string{"validate"}, files...)...)
		if code != 0 || strings.Contains(log+errs, "warning") || !strings.Contains(log+errs, "valid (2 stages)") || !strings.Contains(log+errs, "hello: valid (1 alias)") {
			t.Errorf("%s: exit %d\n%s%s", files, code, log, errs)
		}
		if calls := b.aws.Calls(); len(calls) != 0 {
			t.Errorf("%d calls", len(calls))
		}
	}
}

// What is wrong with any of the files comes out at once, with its place.
func TestAllProblemsOfHarnessFilesComeOutWithTheirPlaces(t *testing.T) {
	t.Parallel()
	b := harnessBench(t, map[string][]string{
		"h/pipeline.yaml": {"  variables:", "  varibles: []\n  variables:", "type: AwsLambdaDeploy", "type: AwsLambdaDeplyo", "serviceRef: shop", "serviceRef: shpo", "identifier: prod\n", "identifier: dev\n", "timeout: 10m", "timeout: soon"},
		"h/flat.yaml":     {"inputs: {tag: {type", "inputs: {tag: {tpye", "deploy-to: dev_eu", "deploy-to: dev_us", "\"100\"", "\"0\"", "id: shift", "id: deploy", "steps: [{id", "steps: [{if: '${{ steps.nope.output.x == 1 }}', id"},
		"h/service.yaml":  {"type: Local", "type: Lcoal", "primaryArtifactRef", "primaryArtefactRef"},
		"h/prod.yaml":     {"type: Production", "type: Prod", "value: b", "valeu: b"},
		"h/dev-eu.yaml":   {"type: AwsLambda,", "type: Kubernetes,", "region:", "regoin:"},
		"function.yaml":   {"handler:", "hanlder:"},
	})
	b.write("h/note.yaml", "{apiVersion: v1, kind: Secret}\n")
	for name, pipeline := range map[string]string{"v0": "h/pipeline.yaml", "v1": "h/flat.yaml"} {
		code, log, errs := b.run("validate", pipeline, "h/service.yaml", "h/dev.yaml", "h/prod.yaml", "h/dev-eu.yaml", "h/prod-eu.yaml", "h/note.yaml", "h/lost.yaml")
		if code != exitInput {
			t.Errorf("exit %d", code)
		}
		golden(t, "validate/harness-"+name+".txt", strings.ReplaceAll(log+errs, b.dir, "WORKSPACE"))
	}
}

func TestAFileThatIsNotRecognizedIsToldWhy(t *testing.T) {
	t.Parallel()
	b := newBench(t, awslocal.Options{})
	for content, says := range map[string]string{
		"functionName: shop\n\truntime: x\n":           "odd.yaml:2:2: is not YAML: the line is indented by a tab",
		"functionName: shop\nruntime: \"x\n":           "odd.yaml:2:1: is not YAML: a quote or bracket is not closed",
		"# nothing\n":                                  "odd.yaml: is empty",
		"functionNam: shop\nruntime: nodejs22.x\n":     "odd.yaml: is not a file that can be validated: its keys do not say what it is\n   hint: name it by its input, as in --function-definition odd.yaml",
		"apiVersion: v1\nkind: Secret\nfunction: {}\n": "odd.yaml: is not a file that can be validated, but a Kubernetes manifest",
	} {
		b.write("odd.yaml", content)
		if code, log, errs := b.run("validate", "odd.yaml"); code != exitInput || !strings.Contains(log+errs, says) {
			t.Errorf("%q: exit %d\n%s%s", content, code, log, errs)
		}
	}
}
