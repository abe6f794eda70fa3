package host

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// StateDir is the folder in the workspace where runs outside GitHub keep their
// state and outputs.
const StateDir = ".lambda-rollout"

// JournalPath is a new path for the journal of this run. The file may need its
// folder made first. A second use of the action under one step name, as in a
// composite action that is used twice, gets a path of its own.
func (h *Host) JournalPath() string {
	base := filepath.Join(h.journalDir(), "lambda-rollout-"+h.run.Key())
	path := base + ".jsonl"
	for n := 2; exists(path); n++ {
		path = fmt.Sprintf("%s-%d.jsonl", base, n)
	}
	return path
}

// Journals are the journals that a rollback may read, the newest first. In
// GitHub's post step that is what main left in its state, and nothing else.
// Where main left no state, as under act, and in a step or a terminal of its
// own, it is what this run left in the host's place.
func (h *Host) Journals() []string {
	if path := h.State("journal"); path != "" {
		return []string{path}
	}
	if h.kind == GitHub && h.IsPost() {
		return nil
	}
	prefix := h.JournalPrefix()
	found := newestFirst(h.journalDir(), prefix)
	if h.kind == Act && h.IsPost() {
		// The prefix of step deploy begins the names of step deployment too.
		found = slices.DeleteFunc(found, func(path string) bool {
			rest := strings.TrimPrefix(filepath.Base(path), prefix)
			return strings.Trim(strings.TrimSuffix(rest, ".jsonl"), "-0123456789") != ""
		})
	}
	return found
}

// JournalPrefix is what the names of the run's own journals begin with. The
// step counts only for act's post; elsewhere the step that rolls back is
// another than the one that deployed. A terminal's run has just begun, so any
// journal will do.
func (h *Host) JournalPrefix() string {
	const name = "lambda-rollout-"
	switch {
	case h.kind == Terminal && h.env["GITLAB_CI"] != "true":
		return name
	case h.kind == Act && h.IsPost():
		return name + h.run.Key()
	case h.isActions():
		return name + Run{ID: h.run.ID, Attempt: h.run.Attempt, Job: h.run.Job}.Key() + "-"
	}
	return name + Run{ID: h.run.ID}.Key() + "-"
}

// journalDir outlives the step's container. On GitHub it is never in the
// workspace, where a second checkout cleans it and files of root break the next
// one. act mounts neither RUNNER_TEMP nor HOME, only the folder of its command
// files.
func (h *Host) journalDir() string {
	switch h.kind {
	case GitHub:
		for _, dir := range []string{h.env["RUNNER_TEMP"], h.env["HOME"]} {
			if dir != "" && isDir(dir) {
				return dir
			}
		}
	case Act:
		if file := h.env["GITHUB_STATE"]; file != "" && isDir(filepath.Dir(file)) {
			return filepath.Dir(file)
		}
	}
	return filepath.Join(h.Workspace(), StateDir)
}

// TempDir is a folder for files that need not outlive the process. A scratch
// image has no /tmp.
func (h *Host) TempDir() string {
	for _, dir := range []string{h.env["RUNNER_TEMP"], h.env["TMPDIR"], "/tmp", h.env["HOME"]} {
		if dir != "" && isDir(dir) {
			return dir
		}
	}
	return h.Workspace()
}

func newestFirst(dir, prefix string) []string {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	type journal struct {
		path string
		time time.Time
	}
	var found []*journal
	for _, e := range entries {
		info, err := e.Info()
		if err == nil && info.Mode().IsRegular() && strings.HasPrefix(e.Name(), prefix) && strings.HasSuffix(e.Name(), ".jsonl") {
			found = append(found, &journal{filepath.Join(dir, e.Name()), info.ModTime()})
		}
	}
	slices.SortFunc(found, func(a, b *journal) int {
		return cmp.Or(b.time.Compare(a.time), cmp.Compare(b.path, a.path))
	})
	paths := make([]string, len(found))
	for i, j := range found {
		paths[i] = j.path
	}
	return paths
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// fileName keeps of a name what every file system takes.
func fileName(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '_', r == '.', r == '-':
			return r
		}
		return '_'
	}, name)
}
