package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/deploy"
	"github.com/lambda-rollout/lambda-rollout/internal/diag"
	"github.com/lambda-rollout/lambda-rollout/internal/event"
	"github.com/lambda-rollout/lambda-rollout/internal/host"
	"github.com/lambda-rollout/lambda-rollout/internal/input"
	"github.com/lambda-rollout/lambda-rollout/internal/plan"
	"github.com/lambda-rollout/lambda-rollout/internal/report"
	"github.com/lambda-rollout/lambda-rollout/internal/terminal"
)

// scenesVariable makes the test binary play the scenes on its terminal.
const scenesVariable = "LAMBDA_ROLLOUT_TEST_SCENES"

// stage is a view on this process' terminal whose clock stands still.
type stage struct {
	*view
	clock time.Time
}

func newStage(env []string) *stage {
	s := &stage{clock: time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)}
	h := host.Detect(host.Options{Env: env, Stdout: os.Stdout, StdoutWindow: windowOf(os.Stdout)})
	s.view = newView(h.Screen(), func() time.Time { return s.clock })
	return s
}

// after emits events when some time has passed.
func (s *stage) after(d time.Duration, t event.Target, events ...event.Event) {
	s.mu.Lock()
	s.clock = s.clock.Add(d)
	s.mu.Unlock()
	for _, e := range events {
		if t.Function != "" {
			e = event.OfTarget{Target: t, Event: e}
		}
		s.Emit(e)
	}
}

// step is a step of a deployment that is complete after some time.
func (s *stage) step(d time.Duration, t event.Target, e event.StepEnded) {
	s.after(0, t, e.StepBegan)
	s.after(d, t, e)
}

// scenes are one terminal from top to bottom: runs that ended, and one that goes
// on. Each leaves behind what it showed last.
func scenes(env []string) {
	var none event.Target
	orders := event.Target{Function: "orders", Region: "eu-central-1"}
	code, publish := event.StepBegan{Step: plan.UpdateCode{}}, event.StepBegan{Step: plan.PublishVersion{}}
	move := func(p float64) event.StepBegan {
		return event.StepBegan{Step: plan.MoveAlias{Name: "live", Percent: p}, Version: "42"}
	}
	back := event.StepBegan{Back: true, Step: plan.UpdateAlias{Alias: definition.Alias{Name: "live", Version: "41"}}}

	s := newStage(env)
	s.limit(s.clock.Add(10 * time.Minute))
	s.after(0, none, event.RunBegan{Targets: []event.Target{orders}}, event.SectionBegan{Title: "Prepare rollback"})
	s.after(0, orders, event.ObserveBegan{})
	s.after(200*time.Millisecond, orders, event.ObserveEnded{Exists: true, Version: "41"})
	s.step(1200*time.Millisecond, orders, event.StepEnded{StepBegan: code})
	s.step(400*time.Millisecond, orders, event.StepEnded{StepBegan: publish, Published: "42"})
	s.step(100*time.Millisecond, orders, event.StepEnded{StepBegan: move(10)})
	s.after(0, none, event.StageHeld{Percent: 10, Wait: 5 * time.Minute, Left: 5 * time.Minute})
	evidence := event.AliasEvidence{
		Target: orders, Alias: "live", New: event.Count{Invocations: 412, Errors: 3}, Old: event.Count{Invocations: 3690, Errors: 2}, Verdict: "good", Detectable: 0.021,
	}
	s.after(5*time.Minute, none, event.StageWatched{Percent: 10, Aliases: []event.AliasEvidence{evidence}})
	s.step(100*time.Millisecond, orders, event.StepEnded{StepBegan: move(100)})
	s.after(0, none, event.SectionBegan{})
	s.close()
	done := report.Deployment{
		Rows: []report.Row{{Function: "orders", From: "41", To: "42", Aliases: []string{"live"}, Changed: true}}, Took: 5*time.Minute + 2*time.Second,
		Next: report.Next{Undo: []string{"lambda-rollout rollback --function orders --alias live --aws-region eu-central-1"}},
	}
	s.print(func(columns int) []terminal.Line { return done.ClosingLines(columns, "") })
	s.print(outputsOfOrders)

	sayProblems(s)
	stopByCtrlC(newStage(env), orders)

	s = newStage(env)
	s.after(0, none, event.RunBegan{Targets: []event.Target{orders}})
	s.after(0, orders, event.VerifyBegan{Version: "42", Cases: 1}, event.CaseFailed{
		Case: "health.json", Version: "42", Problems: []string{"$.status: \"down\", expected \"up\""}, Log: "START\n\x1b[31mno such table: orders\x1b[0m\nEND\n",
	})
	s.after(0, none, event.DeploymentFailed{Err: errors.New("verify version 42 of orders in eu-central-1: 1 of 1 cases did not answer as expected")}, event.SectionBegan{Title: "Rollback"})
	s.after(0, orders, event.RollbackBegan{})
	s.step(300*time.Millisecond, orders, event.StepEnded{StepBegan: back})
	s.after(0, orders, event.RollbackEnded{})
	s.after(0, none, event.SectionBegan{})
	s.close()

	s = newStage(env)
	s.limit(s.clock.Add(10 * time.Minute))
	var all []event.Target
	for i := range 40 {
		all = append(all, event.Target{Function: fmt.Sprintf("orders-production-fulfilment-and-billing-%02d", i), Region: []string{"eu-central-1", "us-east-1"}[i%2]})
	}
	s.after(0, none, event.RunBegan{Targets: all})
	for i, t := range all {
		s.after(0, t, event.ObserveBegan{}, event.ObserveEnded{Exists: true, Version: "41"}, event.Planned{Steps: 5})
		switch {
		case i < 20:
			s.after(0, t, code, event.StepEnded{StepBegan: code}, publish, event.StepEnded{StepBegan: publish, Published: "42"}, event.DeployEnded{})
		case i < 28:
			s.after(0, t, code)
		}
	}
	s.after(0, all[20], event.Waiting{Subject: all[20].Function, Status: "InProgress"})
	s.after(3*time.Second, all[21], event.Warning{Message: "the role of " + all[21].Function + " cannot be read"})
	s.after(time.Second, all[22], event.StepEnded{StepBegan: code, Err: errors.New("refused")})
	s.after(time.Second, none, event.Tick{})
	// Nothing is closed: the block stays as it is.
}

// outputsOfOrders are the outputs below the closing line.
func outputsOfOrders(columns int) []terminal.Line {
	const arn = "arn:aws:lambda:eu-central-1:123456789012:function:orders"
	r := deploy.Result{Arn: arn + ":42", Unqualified: arn, Version: "42", CodeSha256: "mz2P8n0hCkqD0cQ5yX1oT8mQ0a6l1n2rS3uV4wX5yZ0=", FunctionURL: "https://abcdefghijklmnopqrstuvwxyz012345.lambda-url.eu-central-1.on.aws/"}
	r.Want.Aliases = []definition.Alias{{Name: "live"}, {Name: "beta"}}
	outputs, more := shownOutputs([]deploy.Result{r})
	return report.OutputLines(columns, outputs, more)
}

// sayProblems shows what is wrong with files and inputs, and an error with its command.
func sayProblems(s *stage) {
	s.print(func(columns int) []terminal.Line {
		return report.ProblemLines(columns, diag.List{
			{Message: "unknown input --funtion", Hint: "did you mean --function?"},
			{File: "services/orders/function.yaml", Line: 12, Col: 3, Message: `unknown key "memorysize": a function definition has the fields of CreateFunction, with a small first letter`, Hint: `did you mean "memorySize"? The names are those of the Lambda API, and the schema lists them for editors`, Source: "  memorysize: 512"},
			{File: "function.json", Line: 1, Col: 301, Message: "timeout must be from 1 to 900 seconds, not 9000", Source: strings.Repeat(`"x":1,`, 50) + `9000,` + strings.Repeat(`"y":2,`, 50)},
			{File: "alias.yaml", Line: 2, Col: 1, Warning: true, Message: "the description is longer than the console shows", Source: "description: x"},
		})
	})
	s.print(func(columns int) []terminal.Line {
		return report.ErrorLines(columns, "error: function orders in eu-central-1: AWS refused UpdateFunctionCode: AccessDeniedException: no identity-based policy allows the lambda:UpdateFunctionCode action\nonce that is fixed, run: lambda-rollout rollback --journal .lambda-rollout/lambda-rollout-orders-deploy-1.jsonl")
	})
}

// stopByCtrlC is a run that gets two signals while it shifts traffic, and its rollback.
func stopByCtrlC(s *stage, orders event.Target) {
	request, err := input.Parse(input.Options{Args: []string{"deploy", "--service=s"}})
	if err != nil {
		panic(err)
	}
	now := func() time.Time { return s.clock }
	a := &app{host: host.Detect(host.Options{Dir: "/shop"}), in: request.Set, recorder: report.NewRecorder(s.view, now)}
	a.Dir = "/shop"
	a.shown.Store(s.view)
	a.progress.began("/shop/.lambda-rollout/run.jsonl")
	step := func(d time.Duration, e event.StepEnded) {
		a.recorder.Emit(event.OfTarget{Target: orders, Event: e.StepBegan})
		s.after(d, event.Target{})
		a.recorder.Emit(event.OfTarget{Target: orders, Event: e})
	}
	s.after(0, event.Target{}, event.RunBegan{Targets: []event.Target{orders}})
	step(1200*time.Millisecond, event.StepEnded{StepBegan: event.StepBegan{Step: plan.UpdateCode{}}})
	step(400*time.Millisecond, event.StepEnded{StepBegan: event.StepBegan{Step: plan.PublishVersion{}}, Published: "42"})
	step(100*time.Millisecond, event.StepEnded{StepBegan: event.StepBegan{Step: plan.MoveAlias{Name: "live", Percent: 10}, Version: "42"}})
	a.tellSignal(0)
	s.after(0, event.Target{}, event.DeploymentFailed{Err: deploy.ErrSignal}, event.SectionBegan{Title: "Rollback"})
	step(300*time.Millisecond, event.StepEnded{StepBegan: event.StepBegan{Back: true, Step: plan.UpdateAlias{Alias: definition.Alias{Name: "live", Version: "41"}}}})
	a.tellSignal(1)
	step(1100*time.Millisecond, event.StepEnded{StepBegan: event.StepBegan{Back: true, Step: plan.UpdateCode{}}})
	s.after(0, orders, event.RollbackEnded{})
	s.after(0, event.Target{}, event.SectionBegan{})
	s.close()
}

// What a user sees, as tmux shows it. No line is wrapped by the terminal.
func TestATerminalShowsARun(t *testing.T) {
	t.Parallel()
	if os.Getenv(scenesVariable) != "" {
		scenes(os.Environ())
		os.Exit(0)
	}
	tmux, err := exec.LookPath("tmux")
	if err != nil {
		t.Skip("no tmux is installed")
	}
	for _, columns := range []int{80, 120} {
		for _, colour := range []bool{true, false} {
			name := fmt.Sprintf("terminal-%d.txt", columns)
			if colour {
				name = fmt.Sprintf("terminal-%d-colour.txt", columns)
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				got := captured(t, tmux, columns, colour)
				file := filepath.Join("testdata", name)
				if *update {
					if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
						t.Fatal(err)
					}
				}
				want, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(string(want), got); diff != "" {
					t.Errorf("see %s, and -update (-want +got):\n%s", file, diff)
				}
			})
		}
	}
}

// The page shows what a terminal does.
func TestThePageOfTheTerminalShowsWhatItDoes(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "terminal.md"))
	shown, err2 := os.ReadFile(filepath.Join("testdata", "terminal-80.txt"))
	if err != nil || err2 != nil {
		t.Fatal(err, err2)
	}
	block := ""
	for _, line := range strings.Split(string(page), "\n") {
		if inner, is := strings.CutPrefix(line, "    "); is {
			block += inner + "\n"
		}
	}
	if len(block) < 100 || !strings.Contains(string(shown), block) {
		t.Errorf("no terminal shows this:\n%s", block)
	}
}

// captured plays the scenes in a tmux of a certain width.
func captured(t *testing.T, tmux string, columns int, colour bool) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "tmux") // the path of a socket is short
	if err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(dir, "s")
	run := func(args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(context.WithoutCancel(t.Context()), tmux, append([]string{"-S", socket, "-f", os.DevNull, "-u"}, args...)...)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("tmux %q: %v\n%s", args, err, out)
		}
		return string(out)
	}
	noColor := "NO_COLOR=1"
	if colour {
		noColor = "NO_COLOR="
	}
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	play := fmt.Sprintf("env -u CI -u GITHUB_ACTIONS %s %s=1 '%s' -test.run='^TestATerminalShowsARun$'; '%s' -S '%s' wait-for -S played; read -r end", noColor, scenesVariable, binary, tmux, socket)
	run("new-session", "-d", "-x", fmt.Sprint(columns), "-y", "150", "sh", "-c", play)
	t.Cleanup(func() {
		run("kill-server")
		_ = os.RemoveAll(dir)
	})
	run("wait-for", "played")
	return strings.TrimRight(styled(run("capture-pane", "-p", "-e")), "\n") + "\n"
}

var rendition = regexp.MustCompile("\x1b\\[([0-9;]*)m")

// styled writes what tmux says of colours as ‹green›text‹›: versions of tmux differ
// in the sequences that they choose.
func styled(capture string) string {
	names := map[string]string{"1": "bold", "2": "dim", "31": "red", "32": "green", "33": "yellow", "36": "cyan"}
	var out strings.Builder
	shown := ""
	on := map[string]bool{}
	write := func(text string) {
		if strings.TrimSpace(text) != "" {
			want := strings.Join(slices.Sorted(maps.Keys(on)), " ")
			if want != shown {
				out.WriteString("‹" + want + "›")
			}
			shown = want
		}
		out.WriteString(text)
	}
	for {
		at := rendition.FindStringSubmatchIndex(capture)
		if at == nil {
			write(capture)
			return out.String()
		}
		write(capture[:at[0]])
		for _, code := range strings.Split(capture[at[2]:at[3]], ";") {
			switch {
			case code == "" || code == "0":
				clear(on)
			case code == "39" || code[0] == '3':
				maps.DeleteFunc(on, func(name string, _ bool) bool { return name != "bold" && name != "dim" })
			}
			if name := names[code]; name != "" {
				on[name] = true
			}
		}
		capture = capture[at[1]:]
	}
}

// The view is for a terminal alone; everywhere else the log is what it was.
func TestTheLogStaysWhereNoTerminalReadsIt(t *testing.T) {
	t.Parallel()
	b := newBench(t, awslocal.Options{})
	plain := b.env
	for name, tc := range map[string]struct {
		env  []string
		args []string
		// view means that the view is shown, colour that it has colours.
		view, colour bool
	}{
		"a terminal":      {env: []string{"TERM=xterm"}, view: true, colour: true},
		"without colours": {env: []string{"TERM=xterm", "NO_COLOR=1"}, view: true},
		"a dumb one":      {env: []string{"TERM=dumb"}},
		"on CI":           {env: []string{"TERM=xterm", "CI=true"}},
		"verbose":         {env: []string{"TERM=xterm"}, args: []string{"--verbose"}},
	} {
		t.Run(name, func(t *testing.T) {
			b := *b
			b.env = append(slices.Clone(plain), tc.env...)
			var out, errs bytes.Buffer
			p := b.process(&out, &errs, append(append([]string{"deploy"}, b.minimal()...), tc.args...)...)
			p.StdoutWindow = func() (int, int) { return 80, 24 }
			if code := Main(t.Context(), p); code != 0 {
				t.Fatalf("exit code %d: %s%s", code, &out, &errs)
			}
			shows := map[string]bool{
				"✓ hello": tc.view, "Preparing Rollback Data..": !tc.view, "results ": !tc.view && tc.args != nil || name == "a dumb one",
				"\x1b[J": tc.view, "\x1b[32m": tc.colour,
			}
			for sign, want := range shows {
				if got := strings.Contains(out.String(), sign); got != want {
					t.Errorf("%q: %t, want %t\n%q", sign, got, want, &out)
				}
			}
		})
	}
}
