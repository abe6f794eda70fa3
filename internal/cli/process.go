package cli

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"runtime/debug"
	"sync"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"golang.org/x/sys/unix"

	"github.com/lambda-rollout/lambda-rollout/internal/deploy"
	"github.com/lambda-rollout/lambda-rollout/internal/host"
	"github.com/lambda-rollout/lambda-rollout/internal/journal"
	"github.com/lambda-rollout/lambda-rollout/internal/report"
	"github.com/lambda-rollout/lambda-rollout/internal/terminal"
	"github.com/lambda-rollout/lambda-rollout/internal/timing"
	"github.com/lambda-rollout/lambda-rollout/internal/traffic"
)

// Process is everything that the program gets from outside.
type Process struct {
	// Args are the program's name and its arguments.
	Args           []string
	Env            []string
	Dir            string
	Stdout, Stderr io.Writer
	// Stdin is read for answers and payloads. Interactive means that stdin and
	// stderr both are terminals.
	Stdin       io.Reader
	Interactive bool
	// StdoutWindow and StderrWindow are the sizes of the terminals that the streams
	// are; nil where they never are.
	StdoutWindow, StderrWindow host.Window
	// Redraws means that stdout is a terminal on which a text can take the place of
	// another.
	Redraws bool
	Now     func() time.Time
	// Signals ends a run early; nil means that nothing does.
	Signals <-chan os.Signal
	// CaptureLog sends the lines of Go's default logger to a writer: packages of
	// the standard library write there past the host's masks. nil leaves it.
	CaptureLog func(io.Writer)
	// LimitMemory asks the collector to keep the process below so many bytes where it
	// can; nil leaves it alone.
	LimitMemory func(bytes int64)
	// HTTPClient carries every call to AWS; nil means the SDK's own.
	HTTPClient aws.HTTPClient
	// Unlimited lets calls to AWS go out at any rate: an embedded one without quotas
	// takes them.
	Unlimited bool
	// Salt goes into the digests of journals; nil means one of its own for each.
	// Tests share one, so that an environment is digested once.
	Salt []byte
	// Timing is how patient the run is.
	Timing timing.Timing
	// Store keeps a journal on the local disk. Where root is not "", no symbolic
	// link below it may lead to the path.
	Store func(root, path string) journal.Store
}

// OS is the process as the operating system runs it.
func OS() (Process, error) {
	dir, err := os.Getwd()
	if err != nil {
		return Process{}, fmt.Errorf("find the current folder: %w", err)
	}
	return Process{
		Args: os.Args, Env: os.Environ(), Dir: dir,
		Stdout: host.NewStream(os.Stdout), Stderr: host.NewStream(os.Stderr),
		Stdin: os.Stdin, Interactive: isTerminal(os.Stdin) && isTerminal(os.Stderr),
		StdoutWindow: windowOf(os.Stdout), StderrWindow: windowOf(os.Stderr),
		Redraws: isTerminal(os.Stdout) && os.Getenv("TERM") != "dumb",
		Now:     time.Now, Signals: signals(), CaptureLog: log.SetOutput,
		LimitMemory: limitMemory,
		Timing:      timing.Default(),
		Store:       func(root, path string) journal.Store { return journal.NewFileBelow(root, path) },
	}, nil
}

// withoutQuotes leaves out of a line what a connection brought: where an answer is longer
// than it says, net/http prints the rest, which may hold a value of an environment
// (net/http, transport.go, logf "Unsolicited response").
type withoutQuotes struct{ to io.Writer }

func (w withoutQuotes) Write(line []byte) (int, error) {
	shown, _, quotes := bytes.Cut(line, []byte(" starting with "))
	if quotes {
		shown = append(bytes.Clone(shown), '\n')
	}
	_, err := w.to.Write(shown)
	return len(line), err
}

// limitMemory leaves the limit alone that the user's environment sets.
func limitMemory(bytes int64) {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(bytes)
	}
}

func isTerminal(f *os.File) bool {
	_, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	return err == nil
}

// windowOf asks for the size of a terminal each time: users resize it. One that
// does not know its size is taken for the usual 80 columns.
func windowOf(f *os.File) host.Window {
	const usual = 80
	return func() (columns, rows int) {
		size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
		if err != nil {
			return 0, 0
		}
		return cmp.Or(int(size.Col), usual), int(size.Row)
	}
}

// signals are those that stop a run. One that was ignored when the process began
// stays ignored: nohup wants that of SIGHUP, a shell of SIGINT and SIGQUIT for a
// command in the background.
func signals() <-chan os.Signal {
	// The second signal must not get lost while the first is at work.
	stop := make(chan os.Signal, 8)
	for _, s := range []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT} {
		if !signal.Ignored(s) {
			signal.Notify(stop, s)
		}
	}
	// A broken pipe is an error of the write and kills nobody:
	// `deploy | head` must not end between two calls (os/signal, SIGPIPE).
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	return stop
}

// giveUp ends the patience with a reader that does not read.
func giveUp(streams ...io.Writer) {
	for _, s := range streams {
		if s, ok := s.(interface{ Release() }); ok {
			s.Release()
		}
	}
}

func flush(w io.Writer) error {
	if s, ok := w.(interface{ Flush() error }); ok {
		return s.Flush()
	}
	return nil
}

// progress is what a signal has to know of the run that it stops.
type progress struct {
	mu      sync.Mutex
	journal string
	// restored reports whether a rollback command has restored something.
	restored bool
}

// restoredSome notes that not everything is as it was when the process began.
func (p *progress) restoredSome() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.restored = true
}

func (p *progress) hasRestored() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.restored
}

// began keeps the name of the journal that the run writes: from now on there may
// be something to roll back.
func (p *progress) began(journal string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.journal = journal
}

// journalName is the journal that the run writes; "" before its first change.
func (p *progress) journalName() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.journal
}

// withSignals ends the context at the first signal. A later one ends nothing, but
// says what it would cost.
func (a *app) withSignals(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	over := make(chan struct{})
	go func() {
		for n := 0; ; n++ {
			select {
			case s := <-a.Signals:
				if n == 0 {
					giveUp(a.Stdout, a.Stderr) // so that the line below waits for nobody
				}
				a.tellSignal(n)
				if n == 0 {
					cancel(fmt.Errorf("%w: %v", deploy.ErrSignal, s))
				}
			case <-over:
				return
			}
		}
	}()
	return ctx, sync.OnceFunc(func() {
		close(over)
		cancel(context.Canceled)
	})
}

// tellSignal says what the signal with that number does.
func (a *app) tellSignal(n int) {
	text := a.stopping(n)
	switch v := a.view(); {
	case text == "":
	case v != nil:
		v.print(func(columns int) []terminal.Line { return report.SignalLines(columns, text) })
	default:
		a.log().Line("%s", text)
	}
}

// stopping is what to tell the user at the signal with that number, from 0.
func (a *app) stopping(n int) string {
	name := a.progress.journalName()
	switch {
	case name == "":
		return ""
	case a.host.PostFollows() && n == 0:
		return "Stopping: the post step rolls back what was changed"
	case a.host.PostFollows():
		return "Still stopping: the post step rolls back what was changed. If it is killed now, the outcome of the current call is unknown; in that case run: lambda-rollout rollback --journal " + name
	}
	return a.rollingBack(n, name)
}

// ofResumed is what a resumed shift rolls back: the changes of the run before are in the
// journal alone.
const ofResumed = "what the interrupted run and this one changed"

// rollingBack is what to tell where this process rolls back by itself.
func (a *app) rollingBack(n int, name string) string {
	what, about := a.recorder.Undoing()
	most := "at most " + traffic.FormatDuration(a.in.Duration("rollback-timeout"))
	switch {
	case a.in.Command() == "rollback" && n == 0:
		return "The rollback continues, because half a rollback is worse: it takes " + most
	case n == 0 && a.flag("resume"):
		return "Stopping: rolling back " + ofResumed + ", which takes " + most
	case n == 0 && what == "":
		return "Stopping: nothing was changed yet"
	case n == 0:
		return fmt.Sprintf("Stopping: rolling back %s, which takes about %s, %s", what, report.Took(about), most)
	}
	switch {
	case a.flag("resume"):
		what = ofResumed
	case what == "":
		what = "what was changed"
	}
	return fmt.Sprintf("Still rolling back %s, for %s. If it is killed now, changes remain; in that case run: %s", what, most, deploy.RollbackCommand(a.relative(name)))
}

const (
	// stopBefore is how long a run that changed nothing may take to stop: it may be
	// inside a file that nobody writes or an expression without end.
	stopBefore = 2 * time.Second
	// stopAfter is how long one may take whose rollback is the post step's work.
	// GitHub kills a container 7.5 s after its first signal
	// (actions/runner, ProcessInvoker.cs).
	stopAfter = 5500 * time.Millisecond
)

// run carries out a command. It returns in time after a signal, even where the
// command does not: nothing that hangs then has changed anything, or the post step
// rolls it back.
func (a *app) run(ctx context.Context, name string) error {
	done := make(chan error, 1)
	go func() { done <- a.command(ctx, name) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	start := time.Now()
	for _, limit := range []time.Duration{stopBefore, stopAfter} {
		select {
		case err := <-done:
			return err
		case <-time.After(limit - time.Since(start)):
		}
		switch journal := a.progress.journalName(); {
		case journal == "" && name != "rollback":
			return notStarted(context.Cause(ctx))
		case limit == stopAfter && journal != "" && a.host.PostFollows():
			return &deploy.StoppedError{Err: context.Cause(ctx), Journal: journal}
		}
	}
	return <-done
}
