// Package cli is the commands: it wires the other packages together, prints
// what they found, and turns how a run ended into an exit code. It holds no
// rule of its own about Lambda.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/deploy"
	"github.com/lambda-rollout/lambda-rollout/internal/diag"
	"github.com/lambda-rollout/lambda-rollout/internal/embedded"
	"github.com/lambda-rollout/lambda-rollout/internal/host"
	"github.com/lambda-rollout/lambda-rollout/internal/input"
	"github.com/lambda-rollout/lambda-rollout/internal/notify"
	"github.com/lambda-rollout/lambda-rollout/internal/rehearse"
	"github.com/lambda-rollout/lambda-rollout/internal/report"
	"github.com/lambda-rollout/lambda-rollout/internal/session"
	"github.com/lambda-rollout/lambda-rollout/internal/values"
)

// The exit codes: they are part of the contract with workflows.
const (
	exitDone       = 0
	exitFailed     = 1
	exitChanges    = 2
	exitInput      = 3
	exitIncomplete = 4
	exitStopped    = 5
)

// Main runs one command and returns the exit code.
func Main(ctx context.Context, p Process) int {
	h := host.Detect(host.Options{
		Env: p.Env, Args0: p.Args[0], Args: p.Args[1:], Dir: p.Dir, Stdout: p.Stdout, Stderr: p.Stderr,
		Stdin: p.Stdin, Interactive: p.Interactive, Now: p.Now,
		StdoutWindow: p.StdoutWindow, StderrWindow: p.StderrWindow,
	})
	a := &app{Process: p, host: h, limits: session.NewLimits(), began: p.Now()}
	if p.CaptureLog != nil {
		p.CaptureLog(withoutQuotes{h.Log()})
	}
	code := a.main(ctx)
	h.Log().Flush()
	// Both may be full or closed; the exit code stays true.
	_, _ = flush(p.Stdout), flush(p.Stderr)
	return code
}

func (a *app) main(ctx context.Context) int {
	command := ""
	if a.host.IsPost() {
		command = "rollback"
	}
	request, err := input.Parse(input.Options{Args: a.Args[1:], Env: a.Env, Prefixes: a.host.Prefixes(), Command: command})
	if a.asksJSON = request.JSON; a.asksJSON {
		a.host.LogToStderr()
	}
	if err != nil {
		return a.ended(a.report(err), request.Command, err)
	}
	if request.Help != "" {
		return a.report(a.print(request.Help))
	}
	a.in = request.Set
	a.embedded = embedded.NewPool(embedded.Options{
		Verbose: a.verbose(), ReadOnly: a.dryRun(),
		Default: a.absolute(defaultLocalDir), Workspace: a.host.Workspace(),
	})
	if printsResult(request.Command) {
		a.host.LogToStderr()
	}
	for _, secret := range a.in.Secrets() {
		a.host.Mask(secret.Name, secret.Value)
	}
	a.warnings(request.Warnings)
	if event, is := a.host.PullRequestCheckout(); is {
		a.warnings(diag.List{{
			Message: "this run of " + event + " has the repository's secrets, and its workspace holds the commit of a pull request: whoever wrote that can read them and decides what is deployed",
			Hint:    "plan pull requests from pull_request with a role that can only read, and deploy from a branch", Warning: true,
		}})
	}
	a.recorder = report.NewRecorder(&lateSink{app: a}, a.Now)
	ctx, cancel := a.withSignals(ctx)
	defer cancel()
	err = a.run(ctx, request.Command)
	a.view().close()
	a.writeReport(ctx, request.Command, err)
	if closing := a.embedded.Close(); closing != nil {
		err = errors.Join(err, closing)
	}
	a.housekeeping(ctx)
	code := a.ended(a.report(err), request.Command, err)
	a.tellEnd(ctx, code, err)
	// A signal ends the wait for a reader here, too.
	a.host.Log().Flush()
	return code
}

// print writes what the command was run for on stdout.
func (a *app) print(text string) error {
	a.printed.Store(true)
	_, err := io.WriteString(a.Stdout, text)
	if err == nil {
		err = flush(a.Stdout)
	}
	if err != nil {
		return fmt.Errorf("write to stdout: %w", err)
	}
	return nil
}

// printFitted prints a text for people: on a terminal, lines that are wider are broken
// at words.
func (a *app) printFitted(text string) error {
	if columns := a.columns(); columns > 0 {
		text = report.Fitted(columns, text)
	}
	return a.print(text)
}

// columns is how wide the terminal is that stdout is; 0 where it is none.
func (a *app) columns() int {
	if a.StdoutWindow == nil {
		return 0
	}
	columns, _ := a.StdoutWindow()
	return columns
}

// printsResult reports whether stdout belongs to the command's own product.
func printsResult(command string) bool {
	return slices.Contains([]string{"render", "invoke", "policy", "schema", "convert", "history", "logs", "prune", "init", "status", "list", "completion", "report"}, command)
}

type app struct {
	Process
	host *host.Host
	in   *input.Set
	// asksJSON means --output json; printed that something was written to stdout.
	asksJSON bool
	printed  atomic.Bool
	// sorted are files by the input that takes them, where they are named without one.
	sorted map[string][]string
	// limits hold all sessions of this process to an account's quotas.
	limits *session.Limits
	// reader reads the values that come from somewhere else; nil before the first.
	reader *values.Reader
	// asked are the sources that it was asked for, layers those whose newest version
	// was.
	asked  []values.Source
	layers []string
	// questions keep what a rehearsal reads, and refuse everything else; nil for every
	// other command.
	questions *rehearse.Reader
	// connection is the one that read values; nil where none did.
	connection *deploy.Connection
	// embedded are the embedded AWSs of this process.
	embedded *embedded.Pool
	// folded reports whether a part of the log is open that the host folds.
	folded bool
	// progress is how far the run came.
	progress progress
	// runName is the id of the run, "" before it has one; environment is the name of
	// its Harness Environment, "" without one.
	runName, environment string
	// channels tell others of the run; outcome is what they are told of its functions.
	channels []notify.Channel
	outcome  []notify.Function
	// url is where the one function of the run is called, or looked at.
	url string
	// restored is what a rollback restored, pruned what prune deleted and kept, answers
	// are those of invocations before one that could not be made.
	restored []deploy.Restored
	pruned   []pruneDocument
	answers  []invokeDocument
	// began is when the process began; recorder keeps what happened since.
	began    time.Time
	recorder *report.Recorder
	// shown shows the run on a terminal; nil where the log does.
	shown atomic.Pointer[view]
}

func (a *app) json() bool { return a.asksJSON }

// flag is a Bool that not every command takes; false where this one does not.
func (a *app) flag(name string) bool { return a.in.Has(name) && a.in.Bool(name) }

// dryRun reports whether the run changes nothing because it is asked to; a post step
// always rolls back.
func (a *app) dryRun() bool { return a.flag("dry-run") && !a.host.IsPost() }

// onlyLooks reports whether a run of the command changes no function, so that nothing is
// left behind where it gives up.
func (a *app) onlyLooks(command string) bool {
	return a.dryRun() || slices.Contains([]string{"plan", "rehearse", "policy", "validate", "render", "logs", "history", "list", "status", "init"}, command)
}

func (a *app) command(ctx context.Context, name string) error {
	if a.onlyLooks(name) {
		ctx = session.BeforeChanges(ctx)
	}
	switch name {
	case "deploy":
		return a.deploy(ctx)
	case "plan":
		return a.plan(ctx)
	case "rehearse":
		return a.rehearse(ctx)
	case "policy":
		return a.policy(ctx)
	case "validate":
		return a.validate(ctx)
	case "render":
		return a.render(ctx)
	case "schema":
		return a.schema()
	case "convert":
		return a.convert(ctx)
	case "rollback":
		return a.rollback(ctx)
	case "shift":
		return a.shift(ctx)
	case "local":
		return a.local(ctx)
	case "invoke":
		return a.invoke(ctx)
	case "logs":
		return a.logs(ctx)
	case "prune":
		return a.prune(ctx)
	case "history":
		return a.history(ctx)
	case "list":
		return a.list(ctx)
	case "status":
		return a.status(ctx)
	case "init":
		return a.init(ctx)
	case "completion":
		return a.print(input.Completion(a.in.String("shell")))
	case "report":
		return a.reportCommand(ctx)
	case "version":
		return a.version()
	}
	return diag.List{{Message: fmt.Sprintf("command %s is not known", name), Hint: "lambda-rollout --help lists the commands"}}
}

// errChanges ends a plan that found changes where --exit-code asks for them. It is
// no failure: joined with one, the failure counts.
var errChanges = errors.New("something would change")

// report prints what went wrong and returns the exit code.
func (a *app) report(err error) int {
	if err == nil {
		return exitDone
	}
	if err == errChanges { //nolint:errorlint // see there
		return exitChanges
	}
	if a.host.Kind() == host.Terminal {
		// There stderr is where people and scripts look for errors; a CI server
		// shows both streams, and two of them in no certain order.
		a.host.LogToStderr()
	}
	var problems diag.List
	if errors.As(err, &problems) {
		a.problems(problems)
		return exitInput
	}
	a.host.Annotate(host.Annotation{Title: "lambda-rollout", Message: err.Error()})
	a.printError(err)
	return a.exitCode(err)
}

// printError says what went wrong, and which commands help.
func (a *app) printError(err error) {
	text := "error: " + err.Error()
	if lines := a.recovery(err); len(lines) > 1 {
		text += "\nif the journal is gone by then, run:\n  " + strings.Join(lines[1:], "\n  ")
	}
	if screen := a.host.Screen(); screen != nil {
		columns, _ := screen.Size()
		screen.Print(report.ErrorLines(columns, text)...)
		return
	}
	_, _ = fmt.Fprintln(a.host.Log(), text)
}

// exitCode is what an error means for whoever started the process. 1 promises
// that everything is as it was, so an error that says nothing of it has it only
// where no change was begun.
func (a *app) exitCode(err error) int {
	var failed *deploy.FailedError
	var incomplete *deploy.IncompleteError
	var blocked *deploy.BlockedError
	var doubt *deploy.DoubtError
	var partly *deploy.PartlyError
	var stopped *deploy.StoppedError
	var partlyPruned *deploy.PartlyPrunedError
	var notStarted *deploy.NotStartedError
	switch {
	case errors.As(err, &incomplete), errors.As(err, &blocked), errors.As(err, &doubt), errors.As(err, &partly):
		return exitIncomplete
	case errors.As(err, &stopped), errors.As(err, &partlyPruned):
		return exitStopped
	case a.progress.hasRestored():
		return exitIncomplete // of several functions or journals, one was refused
	case errors.As(err, &notStarted):
		return exitInput
	case errors.As(err, &failed), a.progress.journalName() == "":
		return exitFailed
	case a.in.Command() == "rollback":
		return exitIncomplete
	}
	return exitStopped
}

func (a *app) problems(list diag.List) {
	for _, f := range list.Sorted() {
		message := f.Message
		if f.Hint != "" {
			message += " (" + f.Hint + ")"
		}
		a.host.Annotate(host.Annotation{Warning: f.Warning, File: f.File, Line: f.Line, Col: f.Col, Title: "lambda-rollout", Message: message})
	}
	if screen := a.host.Screen(); screen != nil {
		columns, _ := screen.Size()
		screen.Print(report.ProblemLines(columns, list)...)
		return
	}
	list.Print(a.host.Log())
}

func (a *app) warnings(list diag.List) {
	if len(list) > 0 {
		a.problems(list)
	}
}
