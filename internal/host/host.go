// Package host is the machine that a run is on: GitHub Actions (and act,
// Gitea and Forgejo, which imitate it), Woodpecker, Drone, Harness CI, or a
// terminal. It knows where settings come from, and where outputs, state, masks,
// groups, annotations and the summary go.
//
// It promises that no masked value reaches a log whole, also where two writes
// meet inside it; that no text of somebody else's can issue a workflow command
// or inject an output; and that a file that cannot be written is an error and
// not a panic. It never decides what to deploy, and reads the environment only
// from its Options.
//
// Sources: docs.github.com "Workflow commands for GitHub Actions" and the source
// of actions/runner (ActionCommand.cs, FileCommandManager.cs), nektos/act,
// Woodpecker's metadata/environment.go, drone/runner-go's environ package,
// Harness' lite-engine.
package host

import (
	"cmp"
	"crypto/rand"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/printable"
	"github.com/lambda-rollout/lambda-rollout/internal/redact"
)

// Kind is a family of hosts.
type Kind string

// The hosts that are told apart.
const (
	GitHub     Kind = "github"
	Act        Kind = "act"
	Woodpecker Kind = "woodpecker"
	Drone      Kind = "drone"
	Harness    Kind = "harness"
	// Plugin is a server of no kind above that hands out settings as PLUGIN_
	// variables: nobody types those in a terminal.
	Plugin   Kind = "plugin"
	Terminal Kind = "terminal"
)

// Options are what a process knows of itself.
type Options struct {
	// Env is the environment, as os.Environ returns it.
	Env []string
	// Args0 is the name that the program was called by, Args the words behind it.
	Args0 string
	Args  []string
	// Dir is the current folder.
	Dir string
	// Stdout takes results and the log, Stderr the log where stdout is kept
	// for results, or broken.
	Stdout, Stderr io.Writer
	// StdoutWindow and StderrWindow are their sizes where they are terminals; nil
	// where they never are.
	StdoutWindow, StderrWindow Window
	// Stdin is read for the answer to a question, and only where Interactive is
	// true: stdin and stderr both are terminals.
	Stdin       io.Reader
	Interactive bool
	// Now and Rand are the clock and the source of random bytes; nil means the
	// machine's own.
	Now  func() time.Time
	Rand io.Reader
}

// Host is the machine of one run.
type Host struct {
	kind    Kind
	options Options
	env     map[string]string
	log     *Log
	run     Run
	dialect dialect
	secrets *redact.Set
	// masked are the secrets that need no second command.
	masked sync.Map
}

// dialect is what hosts do each in their own way.
type dialect interface {
	mask(secret string)
	group(title string)
	endGroup()
	// annotate reports whether the host shows the remark.
	annotate(Annotation) bool
	summary(markdown string) error
	saveState(name, value string) error
	setOutputs([]Output) error
	checkOutputs() error
}

// Detect tells the hosts apart by what each sets. Woodpecker comes before Drone
// because it sets Drone's variables too, and Harness CI likewise.
func Detect(o Options) *Host {
	o.Rand = cmp.Or[io.Reader](o.Rand, rand.Reader)
	if o.Now == nil {
		o.Now = time.Now
	}
	h := &Host{options: o, env: map[string]string{}, secrets: &redact.Set{}}
	for _, kv := range o.Env {
		if name, value, ok := strings.Cut(kv, "="); ok {
			h.env[name] = value
		}
	}
	h.kind = h.detect()
	h.log = newLog(o.Stdout, o.Stderr, h.secrets, h.isActions())
	h.run = h.identify()
	if h.isActions() {
		h.dialect = newGitHub(h)
	} else {
		h.dialect = &plain{h}
	}
	return h
}

func (h *Host) detect() Kind {
	switch {
	case h.env["GITHUB_ACTIONS"] == "true":
		if h.env["ACT"] == "true" || h.env["GITEA_ACTIONS"] == "true" || h.env["FORGEJO_ACTIONS"] == "true" {
			return Act
		}
		return GitHub
	case h.env["CI"] == "woodpecker":
		return Woodpecker
	case h.env["HARNESS_BUILD_ID"] != "" || h.env["HARNESS_EXECUTION_ID"] != "" || h.env["HARNESS_OUTPUT_FILE"] != "":
		return Harness
	case h.env["DRONE"] == "true":
		return Drone
	case h.hasSettings() && (len(h.options.Args) == 0 || h.env["CI"] != ""):
		return Plugin
	}
	return Terminal
}

// hasSettings reports whether the process has settings as plugins get them.
func (h *Host) hasSettings() bool {
	for name, value := range h.env {
		if strings.HasPrefix(name, "PLUGIN_") && value != "" {
			return true
		}
	}
	return false
}

func (h *Host) isActions() bool { return h.kind == GitHub || h.kind == Act }

// Kind returns which host it is.
func (h *Host) Kind() Kind { return h.kind }

// Prefixes are those of the variables that carry settings, the first wins. A
// terminal has none: there only flags count.
func (h *Host) Prefixes() []string {
	switch h.kind {
	case GitHub, Act:
		return []string{"INPUT_"}
	case Terminal:
		return nil
	}
	return []string{"PLUGIN_", "INPUT_"}
}

// Workspace is the folder that relative paths start from.
func (h *Host) Workspace() string {
	var names []string
	switch h.kind {
	case GitHub, Act:
		names = []string{"GITHUB_WORKSPACE"}
	case Harness:
		names = []string{"HARNESS_WORKSPACE", "DRONE_WORKSPACE", "CI_WORKSPACE"}
	case Woodpecker, Drone, Plugin:
		names = []string{"CI_WORKSPACE", "DRONE_WORKSPACE"}
	}
	for _, name := range names {
		if dir := h.env[name]; dir != "" && isDir(dir) {
			return dir
		}
	}
	return h.options.Dir
}

// IsPost reports whether the process is the post step of an action: it was called
// by the name of action.yml's post-entrypoint.
func (h *Host) IsPost() bool {
	return filepath.Base(h.options.Args0) == "rollback"
}

// PostFollows reports whether a post step comes after this process, whatever becomes
// of it, so that a signal need not be answered by a rollback here.
func (h *Host) PostFollows() bool {
	return h.env["LAMBDA_ROLLOUT_POST"] == "1" && !h.IsPost()
}

// JobStatus is what the host says of the job so far: success, failure,
// cancelled, or "" where it says nothing. Woodpecker's compatible variable
// DRONE_BUILD_STATUS is always success, so it is not asked.
func (h *Host) JobStatus() string {
	switch h.kind {
	case GitHub, Act:
		return strings.ToLower(strings.TrimSpace(h.env["INPUT_JOB-STATUS"]))
	case Woodpecker:
		return strings.ToLower(h.env["CI_PIPELINE_STATUS"])
	case Drone, Harness, Plugin:
		return strings.ToLower(h.env["DRONE_BUILD_STATUS"])
	}
	return ""
}

// Run is who runs: for markers in version descriptions, names of journals and
// the pipeline expressions.
func (h *Host) Run() Run { return h.run }

// Log takes every line for the user. It hides masked values, makes control
// characters visible, and on GitHub it breaks what would be read as a workflow
// command. Flush it at the end.
func (h *Host) Log() *Log { return h.log }

// LogToStderr keeps stdout free for a machine-readable result from now on.
func (h *Host) LogToStderr() { h.log.setDestination(h.options.Stderr) }

// Group starts a part of the log that the host may fold.
func (h *Host) Group(title string) { h.dialect.group(title) }

// EndGroup ends it.
func (h *Host) EndGroup() { h.dialect.endGroup() }

// Annotation is a remark at a place of the repository.
type Annotation struct {
	// Warning is a yellow remark; otherwise it is a red one.
	Warning bool
	// File is relative to the workspace or absolute; empty for a remark on the
	// run as a whole.
	File string
	// Line and Col count from 1; 0 is no place in the file.
	Line, Col int
	Title     string
	Message   string
}

// Annotate shows a remark where the host has a place for it; elsewhere the log
// alone has it.
func (h *Host) Annotate(a Annotation) { h.dialect.annotate(a) }

// Warn shows a warning on the run as a whole: as an annotation, which the log
// holds too, or as a line of the log where the host has no place, or none left.
func (h *Host) Warn(message string) {
	if !h.dialect.annotate(Annotation{Warning: true, Title: "lambda-rollout", Message: message}) {
		_, _ = fmt.Fprintf(h.log, "warning: %s\n", message)
	}
}

// Summary adds markdown to the page of the run, where there is one.
func (h *Host) Summary(markdown string) error {
	return h.dialect.summary(h.shown(markdown))
}

// shown is a text as it may leave the process beside the log: without secrets, its
// control characters visible.
func (h *Host) shown(text string) string { return printable.Text(h.Redact(text)) }

// SaveState keeps a value for the post step. It is durable when it returns.
func (h *Host) SaveState(name, value string) error { return h.dialect.saveState(name, value) }

// State is what SaveState kept in main.
func (h *Host) State(name string) string { return h.env["STATE_"+name] }

// Output is one result, for the steps that follow.
type Output struct{ Name, Value string }

// SetOutputs hands results to the steps that follow.
func (h *Host) SetOutputs(outputs []Output) error { return h.dialect.setOutputs(outputs) }

// CheckOutputs opens the place of the outputs for writing, so that a run that
// could not hand out its results fails before its first change.
func (h *Host) CheckOutputs() error { return h.dialect.checkOutputs() }

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
