package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
	"github.com/lambda-rollout/lambda-rollout/internal/deploy"
	"github.com/lambda-rollout/lambda-rollout/internal/host"
	"github.com/lambda-rollout/lambda-rollout/internal/input"
	"github.com/lambda-rollout/lambda-rollout/internal/timing"
)

// A rollback that deletes a function asks the user who is there, and nobody else.
func TestARollbackAsksBeforeItDeletes(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		stdin       string
		interactive bool
		args        []string
		asks        bool
		deletes     bool
		code        int
	}{
		"no":          {stdin: "n\n", interactive: true, asks: true, code: exitInput},
		"nothing":     {stdin: "", interactive: true, asks: true, code: exitInput},
		"yes":         {stdin: "y\n", interactive: true, asks: true, deletes: true},
		"answered":    {interactive: true, args: []string{"--yes"}, deletes: true},
		"no terminal": {stdin: "n\n", deletes: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, awslocal.Options{})
			b.must(append([]string{"deploy"}, b.minimal()...)...)
			b.aws.ResetCalls()
			var out, errs bytes.Buffer
			p := b.process(&out, &errs, append([]string{"rollback"}, tc.args...)...)
			p.Stdin, p.Interactive = strings.NewReader(tc.stdin), tc.interactive
			if code := Main(t.Context(), p); code != tc.code {
				t.Errorf("exit code %d, want %d\n%s%s", code, tc.code, &out, &errs)
			}
			if asks := strings.Contains(errs.String(), "The rollback deletes what the deployment created: hello in eu-central-1. Continue? [y/N]"); asks != tc.asks {
				t.Errorf("asked %t:\n%s", asks, &errs)
			}
			if deletes := len(b.changing()) > 0; deletes != tc.deletes {
				t.Errorf("calls %v", b.changing())
			}
		})
	}
}

func TestAPayloadComesFromAFileOrStdin(t *testing.T) {
	t.Parallel()
	b := newBench(t, awslocal.Options{})
	b.write("event.json", `{"a":1}`)
	b.write("events/1.json", "{\"d\":1}\n{\"d\":2}\n")
	b.write("events/2.json", "3")
	for _, tc := range []struct{ payload, want string }{
		{`{"b":2}`, `[{"b":2}]`}, {"@event.json", `[{"a":1}]`}, {"-", `[{"c":3} {"c":4}]`}, {"@" + b.dir + "/event.json", `[{"a":1}]`},
		{"", "[]"}, {"@events/*.json\n@event.json", `[{"d":1} {"d":2} 3 {"a":1}]`},
	} {
		a := &app{host: host.Detect(host.Options{Dir: b.dir, Stdin: strings.NewReader("{\"c\":3}\n{\"c\":4}\n")})}
		got, err := a.payloads(t.Context(), tc.payload)
		if err != nil || fmt.Sprintf("%s", got) != tc.want {
			t.Errorf("%s: %q, %v", tc.payload, got, err)
		}
	}
	a := &app{host: host.Detect(host.Options{Dir: b.dir})}
	for _, payload := range []string{"@missing.json", "@../event.json", "@../*.json", "@none/*.json", "@event.json event.json", "-", "{} {"} {
		if _, err := a.payloads(t.Context(), payload); err == nil {
			t.Errorf("%s: no error", payload)
		}
	}
}

// 1 promises that everything is as it was: an error that says nothing of it has it
// only where the run began no change.
func TestAnErrorThatSaysNothingIsNoPromise(t *testing.T) {
	t.Parallel()
	plain := errors.New("disk on fire")
	inputs := map[string]*input.Set{}
	for _, args := range [][]string{{"deploy", "--service=s"}, {"rollback"}} {
		request, err := input.Parse(input.Options{Args: args})
		if err != nil {
			t.Fatal(err)
		}
		inputs[request.Command] = request.Set
	}
	for name, tc := range map[string]struct {
		err   error
		began bool
		want  int
	}{
		"before any change":     {plain, false, exitFailed},
		"after a change":        {plain, true, exitStopped},
		"rolled back":           {&deploy.RolledBackError{FailedError: deploy.FailedError{Err: plain}}, true, exitFailed},
		"rolled back and more":  {errors.Join(&deploy.RolledBackError{FailedError: deploy.FailedError{Err: plain}}, plain), true, exitFailed},
		"not started":           {&deploy.NotStartedError{Err: plain}, true, exitInput},
		"another was begun":     {&deploy.PartlyError{Function: "f", Err: &deploy.NotStartedError{Err: plain}}, true, exitIncomplete},
		"incomplete":            {errors.Join(plain, &deploy.IncompleteError{Err: plain}), true, exitIncomplete},
		"changes and a failure": {errors.Join(errChanges, plain), false, exitFailed},
	} {
		for command, set := range inputs {
			a := &app{host: host.Detect(host.Options{Stdout: io.Discard, Stderr: io.Discard}), in: set}
			if tc.began {
				a.progress.began("j.jsonl")
			}
			want := tc.want
			if command == "rollback" && want == exitStopped {
				want = exitIncomplete
			}
			if got := a.exitCode(tc.err); got != want {
				t.Errorf("%s of a %s: %d, want %d", name, command, got, want)
			}
		}
	}
}

func TestEachSignalSaysWhatItCosts(t *testing.T) {
	t.Parallel()
	deploys, resumes := []string{"deploy", "--service=s"}, []string{"shift", "--resume"}
	for _, tc := range []struct {
		args, env []string
		began     bool
		want      []string
	}{
		{deploys, nil, false, []string{"", ""}},
		{resumes, nil, true, []string{"rolling back what the interrupted run and this one changed, which takes at most 7m", "Still rolling back what the interrupted run and this one changed, for at most 7m. If it is killed"}},
		{deploys, nil, true, []string{"nothing was changed yet", "Still rolling back what was changed, for at most 7m. If it is killed now, changes remain; in that case run: lambda-rollout rollback --journal j.jsonl"}},
		{deploys, []string{"LAMBDA_ROLLOUT_POST=1"}, true, []string{"the post step rolls back", "If it is killed now, the outcome of the current call is unknown; in that case run: lambda-rollout rollback --journal j.jsonl"}},
	} {
		request, err := input.Parse(input.Options{Args: append(slices.Clone(tc.args), "--rollback-timeout=7m")})
		if err != nil {
			t.Fatal(err)
		}
		a := &app{host: host.Detect(host.Options{Env: tc.env}), in: request.Set}
		if tc.began {
			a.progress.began("j.jsonl")
		}
		for n, want := range tc.want {
			if got := a.stopping(n); !strings.Contains(got, want) || (got == "") != (want == "") {
				t.Errorf("signal %d: %q, want %q", n, got, want)
			}
		}
	}
}

// A file that is no journal of this run is refused before the first call to AWS, by an
// unchanged deploy too, since the next one would need the file.
// A server that sends more than it announced makes net/http log the rest.
func TestNoLineOfGoShowsWhatAConnectionBrought(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	logger := log.New(withoutQuotes{&out}, "", 0)
	logger.Printf("Unsolicited response received on idle HTTP channel starting with %q; err=%v", `{"PW":"hush"}`, io.EOF)
	logger.Print("another line")
	if want := "Unsolicited response received on idle HTTP channel\nanother line\n"; out.String() != want {
		t.Errorf("%q, want %q", &out, want)
	}
}

// hanging is a network that never answers, whatever the caller says.
type hanging chan struct{}

func (h hanging) Do(*http.Request) (*http.Response, error) {
	<-h
	return nil, errors.New("the test is over")
}

// A run ends in time after a signal, even where its command does not: as one that did
// not start, or as one that the post step rolls back.
func TestARunEndsAlthoughItsCommandHangs(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		env     []string
		journal string
		within  time.Duration
		ends    func(error) bool
	}{
		"before the first change": {nil, "", stopBefore, func(err error) bool { return errors.As(err, new(*deploy.NotStartedError)) }},
		"before a post step":      {[]string{"LAMBDA_ROLLOUT_POST=1"}, "j.jsonl", stopAfter, func(err error) bool { return errors.As(err, new(*deploy.StoppedError)) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				request, err := input.Parse(input.Options{Args: []string{"invoke", "--function=f", "--aws-region=eu-west-1", "--aws-access-key-id=AKIDEXAMPLE", "--aws-secret-access-key=wJalrXUtnFEMI"}})
				if err != nil {
					t.Fatal(err)
				}
				network := make(hanging)
				a := &app{Process: Process{HTTPClient: network, Now: time.Now, Timing: timing.Default()}, host: host.Detect(host.Options{Env: tc.env, Stdout: io.Discard, Stderr: io.Discard}), in: request.Set}
				if tc.journal != "" {
					a.progress.began(tc.journal)
				}
				ctx, cancel := context.WithCancelCause(t.Context())
				ended := make(chan error, 1)
				go func() { ended <- a.run(ctx, "invoke") }()
				synctest.Wait()
				stopped := time.Now()
				cancel(deploy.ErrSignal)
				select {
				case err = <-ended:
				case <-time.After(time.Minute):
				}
				if took := time.Since(stopped); took != tc.within || !tc.ends(err) {
					t.Errorf("after %s: %v", took, err)
				}
				close(network)
			})
		})
	}
}

func TestARollbackWithoutAJournalSaysWhereItLooked(t *testing.T) {
	t.Parallel()
	b := newBench(t, awslocal.Options{})
	for _, args := range [][]string{{"rollback"}, {"rollback", "--dry-run"}} {
		want := "No journal of a deployment was found in " + filepath.Join(b.dir, ".lambda-rollout") + ": nothing to roll back there; name another one with --journal"
		if code, log, errs := b.run(args...); code != 0 || !strings.Contains(log+errs, want) {
			t.Errorf("%s: exit code %d\n%s%s", args, code, log, errs)
		}
	}
}

func TestAForeignFileAsJournalIsAWrongInput(t *testing.T) {
	t.Parallel()
	b := newBench(t, awslocal.Options{})
	b.must(append([]string{"deploy", "--journal", "own.jsonl"}, b.minimal()...)...)
	b.write("notes.txt", "to do\n")
	b.write("journals/own.jsonl", "")
	for name, args := range map[string][]string{
		"an unchanged deploy":    append([]string{"deploy", "--journal", "notes.txt"}, b.minimal()...),
		"a shift":                {"shift", "--function", "hello", "--alias", "live", "--percentage", "10", "--journal", "notes.txt"},
		"a rollback":             {"rollback", "--journal", "notes.txt"},
		"what it would do":       {"rollback", "--dry-run", "--journal", "notes.txt"},
		"a report":               {"report", "--journal", "notes.txt"},
		"a rollback of a folder": {"rollback", "--journal", "journals"},
	} {
		b.aws.ResetCalls()
		var out, errs bytes.Buffer
		if code := Main(t.Context(), b.process(&out, &errs, args...)); code != exitInput || len(b.changing()) > 0 ||
			!strings.Contains(errs.String(), "not a journal of lambda-rollout") && !strings.Contains(errs.String(), "is a folder, not a regular file: name a file") || strings.Contains(errs.String(), "once that is fixed, run") {
			t.Errorf("%s: exit code %d after %v\n%s%s", name, code, b.changing(), &out, &errs)
		}
	}
	if left, err := os.ReadFile(filepath.Join(b.dir, "notes.txt")); string(left) != "to do\n" {
		t.Errorf("the file: %q, %v", left, err)
	}
	if _, err := os.Stat(filepath.Join(b.dir, "journals.stop")); err == nil {
		t.Error("a file was left beside the folder")
	}
	b.must(append([]string{"deploy", "--journal", "own.jsonl"}, b.minimal()...)...)
}
