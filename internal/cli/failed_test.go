package cli

import (
	"encoding/json"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/awstest"
	"github.com/lambda-rollout/lambda-rollout/internal/input"
)

// failure runs a command that fails and returns the one document on stdout, which its
// schema describes.
func (b *bench) failure(wantCode int, wantOutcome string, args ...string) failedDocument {
	b.t.Helper()
	code, out, errs := b.run(append(args, "--output", "json")...)
	if wrong := violations(b.t, "failure", out); code != wantCode || len(wrong) > 0 {
		b.t.Fatalf("%q: exit %d, want %d\n%s\n%s%s", args, code, wantCode, strings.Join(wrong, "\n"), out, errs)
	}
	var d failedDocument
	if err := json.Unmarshal([]byte(out), &d); err != nil {
		b.t.Fatal(err)
	}
	if d.Command != args[0] || d.ExitCode != wantCode || string(d.Outcome) != wantOutcome || d.Error == "" {
		b.t.Errorf("%q: %+v", args, d)
	}
	return d
}

// What is wrong with the inputs of any command is one document, too.
func TestProblemsOfInputsAreADocument(t *testing.T) {
	t.Parallel()
	b := newBench(t, awslocal.Options{})
	for _, command := range input.Commands() {
		if noDocument[command.Name] != "" {
			continue
		}
		d := b.failure(exitInput, "refused", command.Name, "--funtion", "x", "--local=perhaps")
		if len(d.Problems) < 2 || !strings.Contains(d.Error, "--funtion") {
			t.Errorf("%s: %+v", command.Name, d)
		}
	}
	b.write("function.yaml", "functionName: hello\ntimeout: long\nmemorySize: 1\n")
	for _, command := range []string{"deploy", "plan", "render", "policy", "rehearse", "status"} {
		d := b.failure(exitInput, "refused", command, "--function-definition", "function.yaml")
		if len(d.Problems) < 2 || d.Problems[1].File != "function.yaml" || d.Problems[1].Line != 2 || d.Problems[1].Message == "" {
			t.Errorf("%s: %+v", command, d)
		}
	}
	var failed failedDocument
	if b.document(exitInput, &failed, "deplyo"); failed.Command != "" || len(failed.Problems) != 1 {
		t.Errorf("an unknown command: %+v", failed)
	}
}

// A deployment that fails says which call failed, and what was restored.
func TestADeploymentThatFailsIsADocument(t *testing.T) {
	t.Parallel()
	b := newBench(t, awslocal.Options{})
	deploy := append([]string{"deploy"}, b.minimal()...)
	b.must(deploy...)
	b.write("code/index.js", "2")
	refuse := awslocal.Fault{Operation: "UpdateAlias", Action: awslocal.Error, Status: 400, Code: "InvalidParameterValueException", Message: "no"}
	b.aws.Inject(refuse)
	d := b.failure(exitFailed, "rolled-back", deploy...)
	if len(d.Failures) != 1 || d.Failures[0].Function != "hello" || d.Failures[0].Region != "eu-central-1" || d.Failures[0].Call != "UpdateAlias" || d.Failures[0].Rollback || d.Failures[0].Error == "" {
		t.Errorf("failures: %+v", d.Failures)
	}
	if len(d.Restored) != 1 || d.Restored[0].Function != "hello" || len(d.Restored[0].Changes) == 0 || len(d.Restored[0].Left) > 0 || len(d.Recovery) > 0 || d.Run == "" || d.Journal == "" {
		t.Errorf("%+v", d)
	}

	stuck := awslocal.Fault{Operation: "UpdateFunctionCode", Nth: 2, Count: -1, Action: awslocal.Error, Status: 400, Code: "InvalidParameterValueException", Message: "no"}
	b.aws.Inject(refuse, stuck)
	d = b.failure(exitIncomplete, "incomplete", deploy...)
	if len(d.Failures) != 2 || !d.Failures[1].Rollback || len(d.Restored) != 1 || len(d.Restored[0].Left) == 0 || len(d.Recovery) != 1 || d.Recovery[0] != "lambda-rollout rollback --journal "+d.Journal {
		t.Errorf("%+v", d)
	}
	again := b.failure(exitIncomplete, "incomplete", "rollback", "--journal", d.Journal)
	if len(again.Restored) != 1 || len(again.Restored[0].Left) == 0 || again.Recovery[0] != d.Recovery[0] {
		t.Errorf("the rollback: %+v", again)
	}
	b.aws.ClearFaults()
	b.must("rollback", "--journal", d.Journal)
}

// A run that a signal stops leaves the rest to the post step, and says so in one document.
func TestAStoppedRunIsADocument(t *testing.T) {
	t.Parallel()
	awstest.Run(t, func(t *testing.T) {
		b := virtualBench(t, awslocal.Options{})
		deploy := append([]string{"deploy"}, b.minimal()...)
		b.must(deploy...)
		b.write("code/index.js", "2")
		b.env = append(b.env, "LAMBDA_ROLLOUT_POST=1")
		b.signals = make(chan os.Signal, 1)
		b.aws.Inject(awslocal.Fault{Operation: "PublishVersion", Action: awslocal.Silence, Fired: func() { b.signals <- syscall.SIGTERM }})
		d := b.failure(exitStopped, "stopped", deploy...)
		if len(d.Recovery) != 1 || d.Recovery[0] != "lambda-rollout rollback --journal "+d.Journal || len(d.Restored) > 0 {
			t.Errorf("%+v", d)
		}
	})
}

// A prune that fails says what it has deleted.
func TestAPruneThatFailsIsADocument(t *testing.T) {
	t.Parallel()
	b := newBench(t, awslocal.Options{})
	deploy := append([]string{"deploy"}, b.minimal()...)
	for _, code := range []string{"1", "2", "3", "4"} {
		b.write("code/index.js", code)
		b.must(deploy...)
	}
	b.aws.Inject(awslocal.Fault{Operation: "DeleteFunction", Nth: 2, Count: -1, Action: awslocal.Error, Status: 403, Code: "AccessDeniedException", Message: "no"})
	d := b.failure(exitStopped, "stopped", "prune", "--function", "hello", "--keep-versions", "1")
	if len(d.Pruned) != 1 || d.Pruned[0].Function != "hello" || len(d.Pruned[0].Versions) != 4 || !d.Pruned[0].Versions[0].Deleted || d.Pruned[0].Versions[1].Deleted || !strings.Contains(d.Error, "run the same command again to continue") {
		t.Errorf("%+v", d)
	}
}

// An invocation that cannot be made says what others answered before it.
func TestAnInvocationThatFailsIsADocument(t *testing.T) {
	t.Parallel()
	b := newBench(t, awslocal.Options{Handler: answers})
	b.must(append([]string{"deploy"}, b.minimal()...)...)
	if d := b.failure(exitInput, "refused", "invoke", "--function", "nobody"); len(d.Invoked) > 0 {
		t.Errorf("%+v", d)
	}
	b.aws.Inject(awslocal.Fault{Operation: "Invoke", Nth: 2, Count: -1, Action: awslocal.Error, Status: 403, Code: "AccessDeniedException", Message: "no"})
	if d := b.failure(exitFailed, "failed", "invoke", "--function", "hello", "--payload", "1 2"); len(d.Invoked) != 1 || d.Invoked[0].Version == "" {
		t.Errorf("%+v", d)
	}
}

// What is followed is one document a line, also at the end.
func TestWhatFailsWhileItIsFollowedIsOneLine(t *testing.T) {
	t.Parallel()
	b := newBench(t, awslocal.Options{})
	for _, args := range [][]string{{"logs", "--follow", "--function", "nobody"}, {"status", "--watch", "--function", "nobody"}} {
		_, out, _ := b.run(append(args, "--output", "json")...)
		if strings.Count(out, "\n") != 1 || len(violations(t, "failure", out)) > 0 {
			t.Errorf("%q prints %q", args, out)
		}
	}
}
