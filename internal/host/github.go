package host

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"

	githubactions "github.com/sethvargo/go-githubactions"
)

const (
	// summaryLimit is what GitHub takes of one step's summary.
	summaryLimit = 1 << 20
	// outputLimit is what GitHub takes of one output.
	outputLimit = 1 << 20
	// annotationLimit is how many errors, and warnings, a step may show.
	annotationLimit = 10
)

// github speaks the workflow commands through go-githubactions, which escapes
// them. It makes up for two weaknesses of that package: the delimiter of its
// heredocs is known to everybody, so that a value could end it and inject an
// output, and it panics where it cannot write.
type github struct {
	host   *Host
	action *githubactions.Action

	mu               sync.Mutex
	errors, warnings int
}

func newGitHub(h *Host) *github {
	return &github{host: h, action: githubactions.New(
		githubactions.WithWriter(commandWriter{h.log}),
		githubactions.WithGetenv(func(name string) string { return h.env[name] }),
	)}
}

// commandWriter lets a command past the guard of the log.
type commandWriter struct{ log *Log }

func (w commandWriter) Write(p []byte) (int, error) {
	w.log.command(string(p))
	return len(p), nil
}

// attempt turns the library's panics into errors. A mistake of the program
// stays a panic.
func attempt(f func()) (err error) {
	defer func() {
		r := recover()
		if r == nil {
			return
		}
		var broken runtime.Error
		if e, ok := r.(error); ok && !errors.As(e, &broken) {
			err = e
			return
		}
		panic(r)
	}()
	f()
	return nil
}

func (g *github) issue(name, message string, properties githubactions.CommandProperties) {
	// The log takes everything, so nothing is lost here.
	_ = attempt(func() {
		g.action.IssueCommand(&githubactions.Command{Name: name, Message: message, Properties: properties})
	})
}

func (g *github) mask(secret string) { g.issue("add-mask", secret, nil) }
func (g *github) group(title string) { g.issue("group", g.host.shown(title), nil) }
func (g *github) endGroup()          { g.issue("endgroup", "", nil) }

func (g *github) annotate(a Annotation) bool {
	name := "error"
	if a.Warning {
		name = "warning"
	}
	if !g.hasRoom(a.Warning) {
		return false
	}
	properties := githubactions.CommandProperties{}
	if a.Title != "" {
		properties["title"] = g.host.shown(a.Title)
	}
	if a.File != "" {
		properties["file"] = g.host.shown(g.inRepository(a.File))
	}
	if a.Line > 0 {
		properties["line"] = strconv.Itoa(a.Line)
	}
	if a.Col > 0 {
		properties["col"] = strconv.Itoa(a.Col)
	}
	g.issue(name, g.host.shown(a.Message), properties)
	return true
}

// hasRoom counts one more error or warning, and reports whether GitHub shows it.
func (g *github) hasRoom(warning bool) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	count := &g.errors
	if warning {
		count = &g.warnings
	}
	*count++
	return *count <= annotationLimit
}

// inRepository is a path as GitHub knows it: the container's own names for the
// workspace mean nothing there.
func (g *github) inRepository(file string) string {
	if rel, err := filepath.Rel(g.host.Workspace(), file); err == nil && filepath.IsAbs(file) && filepath.IsLocal(rel) {
		return filepath.ToSlash(rel)
	}
	return filepath.ToSlash(file)
}

func (g *github) summary(markdown string) error {
	file := g.host.env["GITHUB_STEP_SUMMARY"]
	room := summaryLimit
	if info, err := os.Stat(file); err == nil {
		room -= int(info.Size())
	}
	// The library adds a line break of its own.
	markdown = cut(markdown, room-1)
	if markdown == "" {
		return nil
	}
	err := g.ready("GITHUB_STEP_SUMMARY")
	if err == nil {
		err = attempt(func() { g.action.AddStepSummary(markdown) })
	}
	if err != nil {
		return fmt.Errorf("write the step summary: %w", err)
	}
	return nil
}

const cutNotice = "\n\nThe rest is in the log: a summary holds 1 MiB.\n"

// cut shortens markdown at a line break.
func cut(markdown string, room int) string {
	if len(markdown) <= room {
		return markdown
	}
	end := strings.LastIndexByte(markdown[:max(0, room-len(cutNotice))], '\n')
	if end <= 0 {
		return ""
	}
	return markdown[:end] + cutNotice
}

func (g *github) saveState(name, value string) error {
	if err := g.heredoc("state", Output{name, value}); err != nil {
		return fmt.Errorf("save the state %q: %w", name, err)
	}
	return nil
}

// setOutputs writes them all, and warns of those that GitHub will not hand to
// another job because they hold a masked value.
func (g *github) setOutputs(outputs []Output) error {
	var errs []error
	for _, o := range outputs {
		if len(o.Value) > outputLimit {
			errs = append(errs, fmt.Errorf("set the output %q: %d bytes, but GitHub accepts at most %d", o.Name, len(o.Value), outputLimit))
			continue
		}
		if g.host.secrets.HasStrong(o.Value) {
			g.host.Warn(fmt.Sprintf("the output %s holds a masked value, so GitHub does not hand it to other jobs", o.Name))
		}
		if err := g.heredoc("output", o); err != nil {
			errs = append(errs, fmt.Errorf("set the output %q: %w", o.Name, err))
		}
	}
	return errors.Join(errs...)
}

// checkOutputs opens what setOutputs will write.
func (g *github) checkOutputs() error {
	return g.ready("GITHUB_OUTPUT")
}

// ready reports whether one of the runner's files can be opened without waiting:
// the library would wait for whoever reads a pipe.
func (g *github) ready(variable string) error {
	path := g.host.env[variable]
	if path == "" {
		return fmt.Errorf("GITHUB_ACTIONS is set, but %s is not: the runner names a file there", variable)
	}
	file, err := openToAppend(path)
	if err != nil {
		return fmt.Errorf("open %s: %w", variable, err)
	}
	return file.Close()
}

// heredoc appends one value to a file that the runner reads, behind a delimiter
// that nobody can guess.
func (g *github) heredoc(file string, o Output) error {
	delimiter, err := g.delimiter(o.Value)
	if err != nil {
		return err
	}
	if err := g.ready("GITHUB_" + strings.ToUpper(file)); err != nil {
		return err
	}
	return attempt(func() {
		g.action.IssueFileCommand(&githubactions.Command{
			Name:    file,
			Message: o.Name + "<<" + delimiter + "\n" + o.Value + "\n" + delimiter,
		})
	})
}

func (g *github) delimiter(value string) (string, error) {
	b := make([]byte, 16)
	for {
		if _, err := io.ReadFull(g.host.options.Rand, b); err != nil {
			return "", fmt.Errorf("draw random bytes: %w", err)
		}
		if d := "lambda_rollout_" + hex.EncodeToString(b); !strings.Contains(value, d) {
			return d, nil
		}
	}
}
