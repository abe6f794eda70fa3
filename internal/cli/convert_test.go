package cli

import (
	"strings"
	"testing"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
)

// A workflow that stops is printed, and the exit code tells that it is incomplete.
func TestConvertEndsWithOneWhereTheWorkflowStops(t *testing.T) {
	t.Parallel()
	b := newBench(t, awslocal.Options{})
	pipeline := `pipeline:
  name: p
  identifier: p
  stages:
    - stage:
        name: s
        identifier: s
        type: Custom
        spec: {execution: {steps: [{step: {name: ask, identifier: ask, type: TYPE, spec: SPEC}}]}}
`
	script := "{shell: Bash, source: {type: Inline, spec: {script: 'true'}}}"
	for typ, want := range map[string]int{"Http": exitFailed, "ShellScript": exitDone} {
		b.write("pipeline.yaml", strings.NewReplacer("TYPE", typ, "SPEC", map[string]string{"Http": "{url: x}", "ShellScript": script}[typ]).Replace(pipeline))
		code, out, errs := b.run("convert", "pipeline.yaml")
		if code != want || !strings.Contains(out, "runs-on:") || strings.Contains(errs, "it stops at 1 place(s)") != (want == exitFailed) {
			t.Errorf("%s: exit %d\n%s%s", typ, code, out, errs)
		}
	}
}

// What a workflow of aws-lambda-deploy, and a folder of lambroll, are converted to
// deploys with the values that a run fills in, all or none of it written.
func TestWhatPeersAreConvertedToDeploys(t *testing.T) {
	t.Parallel()
	b := newBench(t, awslocal.Options{})
	b.write("build/index.js", "exports.handler = async () => 1\n")
	b.write("ci/deploy.yml", `on: push
jobs:
  deploy:
    runs-on: ubuntu-24.04
    steps:
      - uses: actions/checkout@v5
      - uses: aws-actions/aws-lambda-deploy@v1.1.0
        with:
          function-name: ${{ vars.NAME }}
          code-artifacts-dir: build
          role: arn:aws:iam::123456789012:role/shop
          memory-size: ${{ vars.MEMORY }}
          environment: '{"DB_URL": "${{ secrets.DB }}", "STAGE": "prod"}'
`)
	if out := b.must("convert", "ci/deploy.yml", "--output-dir", "new"); out != "new/ci/deploy.yml\nnew/function.yaml\n" {
		t.Errorf("wrote %q", out)
	}
	if code, _, errs := b.run("convert", "ci/deploy.yml", "--output-dir", "new"); code != exitInput || !strings.Contains(errs, "nothing was written") {
		t.Errorf("again: exit %d: %s", code, errs)
	}
	plan := b.must("plan", "--function-definition", "new/function.yaml", "--artifact", "build", "--variables", `{"in_function_name": "shop", "in_memory_size": "512"}`, "--secrets", `{"in_environment_DB_URL": "postgres://a-secret"}`)
	for _, want := range []string{"shop", "512", "nodejs20.x", "DB_URL"} {
		if !strings.Contains(plan, want) {
			t.Errorf("the plan has no %s:\n%s", want, plan)
		}
	}
	b.write("fn/function.json", `{"FunctionName": "bill", "Role": "arn:aws:iam::123456789012:role/bill", "Runtime": "nodejs24.x", "Handler": "index.handler"}`)
	b.write("fn/index.js", "exports.handler = async () => 1\n")
	var doc convertDocument
	b.document(exitDone, &doc, "convert", "fn")
	if len(doc.Files) != 1 || doc.Files[0].Name != ".github/workflows/deploy-bill.yml" || doc.Stops != 0 {
		t.Errorf("%+v", doc)
	}
	for _, alone := range []string{"fn/function.json", "fn/"} {
		if out := b.must("convert", alone); !strings.Contains(out, "alias: current") || !strings.Contains(out, "artifact: fn\n") {
			t.Errorf("%s: %s", alone, out)
		}
	}
}
