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
