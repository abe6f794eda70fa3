package cli

import (
	"context"
	"encoding/json"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/awstest"
	"github.com/lambda-rollout/lambda-rollout/internal/report"
)

// statusOf is what `status --output json` prints of one function.
func (b *bench) status(args ...string) report.Status {
	b.t.Helper()
	var found []report.Status
	if err := json.Unmarshal([]byte(b.must(append([]string{"status", "--output", "json"}, args...)...)), &found); err != nil || len(found) != 1 {
		b.t.Fatalf("%d functions: %v", len(found), err)
	}
	return found[0]
}

// The status says what each alias points to, what waits, what was not published, and
// where a rollback leads: the rollback then leads there.
func TestStatusTellsWhatAliasesPointToAndWhereARollbackLeads(t *testing.T) {
	t.Parallel()
	b := newBench(t, awslocal.Options{})
	files := b.minimal()
	b.must(append([]string{"deploy"}, files...)...)
	b.write("code/index.js", "2")
	b.must(append([]string{"deploy"}, files...)...)
	b.write("code/index.js", "3")
	b.must(append([]string{"deploy", "--traffic", "10%"}, files...)...)
	client := lambda.NewFromConfig(b.config())
	if _, err := client.UpdateFunctionConfiguration(t.Context(), &lambda.UpdateFunctionConfigurationInput{FunctionName: aws.String("hello"), MemorySize: aws.Int32(256)}); err != nil {
		t.Fatal(err)
	}
	found := b.status("--function", "hello")
	ignored := cmpopts.IgnoreFields(report.StatusVersion{}, "Published", "Run")
	want := []report.StatusAlias{{
		Alias: "live", Rollback: report.StatusRollback{Version: "2"}, // which takes the share of 3 away
		Routing: []report.StatusRoute{{StatusVersion: report.StatusVersion{Version: "2"}, Percent: 90, State: "Active"}, {StatusVersion: report.StatusVersion{Version: "3"}, Percent: 10, State: "Active"}},
	}}
	if diff := cmp.Diff(want, found.Aliases, ignored); diff != "" {
		t.Errorf("aliases: %s", diff)
	}
	if diff := cmp.Diff(&report.StatusLatest{Version: "3", Changes: []report.Line{{Op: "~", Field: "MemorySize", From: "128", To: "256"}}}, found.Latest); diff != "" || !found.Differs {
		t.Errorf("$LATEST: %s", diff)
	}
	if code, _, _ := b.run("status", "--function", "hello", "--exit-code"); code != 2 {
		t.Errorf("exit code %d although $LATEST differs", code)
	}
	b.must("shift", "--function", "hello", "--alias", "live", "--percentage", "100")
	if to := b.status("--function", "hello").Aliases[0].Rollback; to != (report.StatusRollback{Version: "2"}) {
		t.Errorf("a rollback leads to %+v", to)
	}
	b.must("rollback", "--function", "hello", "--alias", "live")
	found = b.status("--function", "hello")
	if now := found.Aliases[0].Routing[0].Version; now != "2" {
		t.Errorf("the rollback led to %s", now)
	}
	if to := found.Aliases[0].Rollback; !to.Done || to.Version != "" || !strings.Contains(b.must("status", "--function", "hello"), "rollback: nothing to do\n") {
		t.Errorf("after the rollback another leads to %+v", to)
	}
	if len(found.Waiting) != 1 || found.Waiting[0].Version != "3" {
		t.Errorf("after the rollback %+v waits", found.Waiting)
	}
}

// After a rollback $LATEST is the state of a published version, though not of the newest.
func TestNothingIsUnpublishedAfterARollback(t *testing.T) {
	t.Parallel()
	b := newBench(t, awslocal.Options{})
	files := b.minimal()
	b.must(append([]string{"deploy"}, files...)...)
	b.write("code/index.js", "2")
	b.must(append([]string{"deploy"}, files...)...)
	b.must("rollback", "--function", "hello", "--alias", "live", "--latest")
	if out := b.must("status", "--function", "hello", "--exit-code"); strings.Contains(out, "not published") {
		t.Errorf("%s", out)
	}
}

// An alias that others made is shown without a guess, and a version that is gone is no
// place to go back to.
func TestStatusNeverGuessesARollback(t *testing.T) {
	t.Parallel()
	b := newBench(t, awslocal.Options{})
	files := b.minimal()
	for _, code := range []string{"1", "2"} {
		b.write("code/index.js", code)
		b.must(append([]string{"deploy"}, files...)...)
	}
	client := lambda.NewFromConfig(b.config())
	if _, err := client.CreateAlias(t.Context(), &lambda.CreateAliasInput{FunctionName: aws.String("hello"), Name: aws.String("other"), FunctionVersion: aws.String("2")}); err != nil {
		t.Fatal(err)
	}
	if _, err := client.DeleteFunction(t.Context(), &lambda.DeleteFunctionInput{FunctionName: aws.String("hello"), Qualifier: aws.String("1")}); err != nil {
		t.Fatal(err)
	}
	found := b.status("--function", "hello")
	want := []report.StatusRollback{{Note: "version 1 is gone"}, {Note: "no version's description says what the alias pointed to before"}}
	got := []report.StatusRollback{found.Aliases[0].Rollback, found.Aliases[1].Rollback}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// With files, the status says what a deploy of them would change, of functions that
// exist and of those that do not; nothing is changed.
func TestStatusOfFilesTellsWhatADeployWouldChange(t *testing.T) {
	t.Parallel()
	b := newBench(t, awslocal.Options{})
	files := b.minimal()
	b.write("settings.yaml", "reservedConcurrency: 5\n")
	files = append(files, "--settings", "settings.yaml")
	if s := b.status(files...); s.Exists || !s.Differs || s.Plan == nil || !s.Plan.Changed {
		t.Errorf("a new function: %+v", s)
	}
	b.must(append([]string{"deploy"}, files...)...)
	if code, out, _ := b.run(append([]string{"status", "--exit-code"}, files...)...); code != 0 || !strings.Contains(out, "nothing to change") || !strings.Contains(out, "reservedConcurrency: 5\n") {
		t.Errorf("after the deploy: exit %d\n%s", code, out)
	}
	b.write("settings.yaml", "reservedConcurrency: 6\n")
	b.aws.ResetCalls()
	code, out, _ := b.run(append([]string{"status", "--exit-code"}, files...)...)
	if code != 2 || !strings.Contains(out, "reservedConcurrency: 5 (differs from the file)") {
		t.Errorf("a setting differs: exit %d\n%s", code, out)
	}
	if changed := b.changing(); len(changed) > 0 {
		t.Errorf("status made calls that change something: %v", changed)
	}
}

// Provisioned concurrency on versions is shown where it is, not where the document
// names it.
func TestStatusShowsTheProvisionedConcurrencyOfVersions(t *testing.T) {
	t.Parallel()
	b := newBench(t, awslocal.Options{})
	b.write("settings.yaml", "provisionedConcurrency: {qualifier: live, provisionedConcurrentExecutions: 2, onVersion: true}\n")
	files := append(b.minimal(), "--settings", "settings.yaml")
	b.must(append([]string{"deploy"}, files...)...)
	out := b.must(append([]string{"status"}, files...)...)
	if !strings.Contains(out, "provisionedConcurrency of 1: 2\n") || strings.Contains(out, "of live: none") {
		t.Error(out)
	}
	b.write("settings.yaml", "provisionedConcurrency: {qualifier: live, provisionedConcurrentExecutions: 3, onVersion: true}\n")
	if out := b.must(append([]string{"status"}, files...)...); !strings.Contains(out, "provisionedConcurrency of 1: 2 (differs from the file)") {
		t.Error(out)
	}
}

// watched is a run of `status --watch` that a signal ends.
func watched(t *testing.T, redraws bool, args ...string) (code int, out string) {
	awstest.Run(t, func(t *testing.T) {
		b := virtualBench(t, awslocal.Options{})
		b.must(append([]string{"deploy"}, b.minimal()...)...)
		signals := make(chan os.Signal, 1)
		var text strings.Builder
		p := b.process(&text, &text, append([]string{"status", "--function", "hello", "--watch"}, args...)...)
		p.Redraws, p.Signals = redraws, signals
		ended := make(chan int)
		go func() { ended <- Main(context.WithoutCancel(t.Context()), p) }()
		time.Sleep(5 * watchEvery) // of the bubble
		if _, err := lambda.NewFromConfig(b.config()).UpdateFunctionConfiguration(t.Context(), &lambda.UpdateFunctionConfigurationInput{FunctionName: aws.String("hello"), Runtime: types.RuntimeNodejs24x}); err != nil {
			t.Error(err)
		}
		time.Sleep(5 * watchEvery)
		signals <- syscall.SIGINT
		code, out = <-ended, text.String()
	})
	return code, out
}

// --watch prints what changed and nothing twice; a terminal is drawn anew at each look.
func TestWatchedStatusIsPrintedWhereSomethingChanged(t *testing.T) {
	t.Parallel()
	code, out := watched(t, false, "--output", "json")
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if code != 0 || len(lines) != 2 {
		t.Fatalf("exit %d, %d lines\n%s", code, len(lines), out)
	}
	for i, differs := range []bool{false, true} {
		var found []report.Status
		if err := json.Unmarshal([]byte(lines[i]), &found); err != nil || found[0].Differs != differs {
			t.Errorf("line %d: %v\n%s", i, err, lines[i])
		}
	}
	if code, out := watched(t, false); code != 0 || strings.Count(out, "hello in eu-central-1: Active\n") != 2 || strings.Contains(out, "\x1b") {
		t.Errorf("text: exit %d\n%q", code, out)
	}
	if code, out := watched(t, true); code != 0 || strings.Count(out, redraw) < 8 {
		t.Errorf("a terminal: exit %d\n%q", code, out)
	}
}
