// Package cli is the commands: it wires the other packages together, prints
// what they found, and turns how a run ended into an exit code. It holds no
// rule of its own about Lambda.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/lambda-rollout/lambda-rollout/internal/deploy"
	"github.com/lambda-rollout/lambda-rollout/internal/diag"
	"github.com/lambda-rollout/lambda-rollout/internal/embedded"
	"github.com/lambda-rollout/lambda-rollout/internal/engine"
	"github.com/lambda-rollout/lambda-rollout/internal/host"
	"github.com/lambda-rollout/lambda-rollout/internal/input"
	"github.com/lambda-rollout/lambda-rollout/internal/journal"
	"github.com/lambda-rollout/lambda-rollout/internal/lambdaapi"
	"github.com/lambda-rollout/lambda-rollout/internal/session"
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

// Process is everything that the program is given from outside.
type Process struct {
	// Args are the program's name and its arguments.
	Args           []string
	Env            []string
	Dir            string
	Stdout, Stderr io.Writer
	Now            func() time.Time
	// Signals ends a run early; nil means that nothing does.
	Signals <-chan os.Signal
	// HTTPClient carries every call to AWS; nil means the SDK's own.
	HTTPClient aws.HTTPClient
	// CallTimeout bounds one call; 0 means the session's own default.
	CallTimeout time.Duration
	// ReadBackoff is the longest pause before a read is tried again; 0 means
	// the session's own default.
	ReadBackoff time.Duration
	Pace        lambdaapi.Pace
	Timing      engine.Timing
	// Store keeps a journal on the local disk.
	Store func(path string) journal.Store
}

// OS is the process as the operating system runs it.
func OS() (Process, error) {
	dir, err := os.Getwd()
	if err != nil {
		return Process{}, fmt.Errorf("find the current folder: %w", err)
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	return Process{
		Args: os.Args, Env: os.Environ(), Dir: dir, Stdout: os.Stdout, Stderr: os.Stderr,
		Now: time.Now, Signals: signals, Pace: lambdaapi.DefaultPace(), Timing: engine.DefaultTiming(),
		Store: func(path string) journal.Store { return journal.NewFile(path) },
	}, nil
}

// Main runs one command and gives the exit code.
func Main(ctx context.Context, p Process) int {
	h := host.Detect(host.Options{Env: p.Env, Args0: p.Args[0], Dir: p.Dir, Stdout: p.Stdout, Stderr: p.Stderr, Now: p.Now})
	command := ""
	if h.IsPost() {
		command = "rollback"
	}
	request, err := input.Parse(input.Options{Args: p.Args[1:], Env: p.Env, Prefixes: h.Prefixes(), Command: command})
	if err != nil {
		return (&app{Process: p, host: h}).report(err)
	}
	if request.Help != "" {
		_, _ = io.WriteString(p.Stdout, request.Help)
		return exitDone
	}
	a := &app{Process: p, host: h, in: request.Set, limits: session.NewLimits()}
	a.embedded = embedded.NewPool(a.verbose())
	if a.json() || printsResult(request.Command) {
		h.LogToStderr()
	}
	for _, secret := range a.in.Secrets() {
		h.Mask(secret.Name, secret.Value)
	}
	a.warnings(request.Warnings)
	ctx, cancel := withSignals(ctx, p.Signals)
	defer cancel()
	code := a.report(errors.Join(a.command(ctx, request.Command), a.embedded.Close()))
	h.Log().Flush()
	return code
}

// printsResult says that stdout belongs to the command's own product.
func printsResult(command string) bool {
	return command == "render" || command == "invoke" || command == "policy" || command == "schema" || command == "convert"
}

type app struct {
	Process
	host *host.Host
	in   *input.Set
	// limits hold all sessions of this process to an account's quotas.
	limits *session.Limits
	// embedded are the embedded AWSs of this process.
	embedded *embedded.Pool
	// folded says that a part of the log is open that the host folds.
	folded bool
}

func (a *app) json() bool { return a.in != nil && a.in.String("output") == "json" }

// asked says that a Bool is true which not every command takes.
func (a *app) asked(name string) bool { return a.in.Has(name) && a.in.Bool(name) }

func (a *app) command(ctx context.Context, name string) error {
	switch name {
	case "deploy":
		return a.deploy(ctx)
	case "plan":
		return a.plan(ctx)
	case "policy":
		return a.policy(ctx)
	case "validate":
		return a.validate(ctx)
	case "render":
		return a.render()
	case "schema":
		return a.schema()
	case "convert":
		return a.convert()
	case "rollback":
		return a.rollback(ctx)
	case "shift":
		return a.shift(ctx)
	case "local":
		return a.local(ctx)
	case "invoke":
		return a.invoke(ctx)
	case "version":
		return a.version()
	}
	return diag.List{{Message: fmt.Sprintf("command %s is not known", name), Hint: "lambda-rollout --help lists the commands"}}
}

// withSignals ends the context at the first signal.
func withSignals(ctx context.Context, signals <-chan os.Signal) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	go func() {
		select {
		case s := <-signals:
			cancel(fmt.Errorf("%w: %v", deploy.ErrSignal, s))
		case <-ctx.Done():
		}
	}()
	return ctx, func() { cancel(context.Canceled) }
}

// exitError gives an error an exit code of its own.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }

// report prints what went wrong and gives the exit code.
func (a *app) report(err error) int {
	if err == nil {
		return exitDone
	}
	var own *exitError
	if errors.As(err, &own) && own.err == nil {
		return own.code
	}
	if a.host.Kind() == host.Terminal {
		// There stderr is where people and scripts look for errors; a CI server
		// shows both streams, and two of them in no certain order.
		a.host.LogToStderr()
	}
	var faults diag.List
	if errors.As(err, &faults) {
		a.faults(faults)
		return exitInput
	}
	a.host.Annotate(host.Annotation{Title: "lambda-rollout", Message: err.Error()})
	_, _ = fmt.Fprintf(a.host.Log(), "error: %v\n", err)
	return exitCode(err)
}

func exitCode(err error) int {
	var own *exitError
	var incomplete *deploy.IncompleteError
	var blocked *deploy.BlockedError
	var stopped *deploy.StoppedError
	var notStarted *deploy.NotStartedError
	switch {
	case errors.As(err, &own):
		return own.code
	case errors.As(err, &incomplete), errors.As(err, &blocked):
		return exitIncomplete
	case errors.As(err, &stopped):
		return exitStopped
	case errors.As(err, &notStarted):
		return exitInput
	}
	return exitFailed
}

func (a *app) faults(list diag.List) {
	for _, f := range list.Sorted() {
		message := f.Message
		if f.Hint != "" {
			message += " (" + f.Hint + ")"
		}
		a.host.Annotate(host.Annotation{Warning: f.Warning, File: f.File, Line: f.Line, Col: f.Col, Title: "lambda-rollout", Message: message})
	}
	list.Print(a.host.Log())
}

func (a *app) warnings(list diag.List) {
	if len(list) > 0 {
		a.faults(list)
	}
}
