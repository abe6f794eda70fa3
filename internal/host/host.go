// Package host is the machine that a run stands on: GitHub Actions (and act,
// Gitea and Forgejo, which imitate it), Woodpecker, Drone, Harness CI, or a
// terminal. It says where settings come from, and where outputs, state, masks,
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
	"context"
	"crypto/rand"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
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
	Terminal   Kind = "terminal"
)

// Options are what a process knows of itself.
type Options struct {
	// Env is the environment, as os.Environ gives it.
	Env []string
	// Args0 is the name that the program was called by.
	Args0 string
	// Dir is the current folder.
	Dir string
	// Stdout takes results and the log, Stderr the log where stdout is kept
	// for results.
	Stdout, Stderr io.Writer
	// Now and Rand are the clock and the source of random bytes; nil means the
	// machine's own.
	Now  func() time.Time
	Rand io.Reader
}

// Host is where a run stands.
type Host struct {
	kind    Kind
	options Options
	env     map[string]string
	log     *Log
	run     Run
	dialect dialect
	// masked are the secrets that need no second command.
	masked sync.Map
}

// dialect is what hosts do each in their own way.
type dialect interface {
	mask(secret string)
	group(title string)
	endGroup()
	annotate(Annotation)
	summary(markdown string) error
	saveState(name, value string) error
	setOutputs([]Output) error
}

// Detect tells the hosts apart by what each sets. Woodpecker comes before Drone
// because it sets Drone's variables too, and Harness CI likewise.
func Detect(o Options) *Host {
	o.Rand = cmp.Or[io.Reader](o.Rand, rand.Reader)
	if o.Now == nil {
		o.Now = time.Now
	}
	h := &Host{options: o, env: map[string]string{}}
	for _, kv := range o.Env {
		if name, value, ok := strings.Cut(kv, "="); ok {
			h.env[name] = value
		}
	}
	h.kind = h.detect()
	h.log = newLog(o.Stdout, h.isActions())
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
	}
	return Terminal
}

func (h *Host) isActions() bool { return h.kind == GitHub || h.kind == Act }

// Kind says which host it is.
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
	case Woodpecker, Drone:
		names = []string{"CI_WORKSPACE", "DRONE_WORKSPACE"}
	}
	for _, name := range names {
		if dir := h.env[name]; dir != "" && isDir(dir) {
			return dir
		}
	}
	return h.options.Dir
}

// IsPost says that the process is the post step of an action: it was called by
// the name that action.yml gives as post-entrypoint.
func (h *Host) IsPost() bool {
	return filepath.Base(h.options.Args0) == "rollback"
}

// PostFollows says that a post step comes after this process, whatever becomes
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
	case Drone, Harness:
		return strings.ToLower(h.env["DRONE_BUILD_STATUS"])
	}
	return ""
}

// Run is who runs: for markers in version descriptions, names of journals and
// the pipeline expressions.
func (h *Host) Run() Run { return h.run }

// HasOIDC says whether the job may mint identity tokens.
func (h *Host) HasOIDC() bool {
	return h.env["ACTIONS_ID_TOKEN_REQUEST_URL"] != "" && h.env["ACTIONS_ID_TOKEN_REQUEST_TOKEN"] != ""
}

// OIDCToken mints a fresh identity token for an audience. A token lives for a
// few minutes; ask again instead of keeping one.
func (h *Host) OIDCToken(ctx context.Context, audience string) (string, error) {
	g, ok := h.dialect.(*github)
	if !ok || !h.HasOIDC() {
		return "", errors.New("mint an OIDC token: the job has no token endpoint; on GitHub give it permissions: id-token: write")
	}
	return g.token(ctx, audience)
}

// Log takes every line for a person. It hides masked values, and on GitHub it
// breaks what would be read as a workflow command. Flush it at the end.
func (h *Host) Log() *Log { return h.log }

// LogToStderr keeps stdout free for a machine-readable result from now on. Flush
// the log first where something was logged.
func (h *Host) LogToStderr() { h.log.setDestination(h.options.Stderr) }

// Mask hides values from the log from now on: each one, each of its lines, and
// both as base64 or inside JSON.
func (h *Host) Mask(secrets ...string) {
	for _, s := range secrets {
		if _, before := h.masked.LoadOrStore(s, true); before {
			continue
		}
		for _, m := range maskForms(s) {
			h.dialect.mask(m)
		}
		h.log.hide(s)
	}
}

// Redact is a text without masked values, for what does not pass through Log.
func (h *Host) Redact(text string) string { return h.log.redact(text) }

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
	File      string
	Line, Col int
	Title     string
	Message   string
}

// Annotate shows a remark where the host has a place for it; elsewhere the log
// alone has it.
func (h *Host) Annotate(a Annotation) { h.dialect.annotate(a) }

// Summary adds markdown to the page of the run, where there is one.
func (h *Host) Summary(markdown string) error { return h.dialect.summary(h.Redact(markdown)) }

// SaveState keeps a value for the post step. It is durable when it returns.
func (h *Host) SaveState(name, value string) error { return h.dialect.saveState(name, value) }

// State is what SaveState kept in main.
func (h *Host) State(name string) string { return h.env["STATE_"+name] }

// Output is one result, for the steps that follow.
type Output struct{ Name, Value string }

// SetOutputs hands results to the steps that follow.
func (h *Host) SetOutputs(outputs []Output) error { return h.dialect.setOutputs(outputs) }

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
