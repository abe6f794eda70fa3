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

// journalName begins the name of every journal.
const journalName = "lambda-rollout-"

// JournalPath returns a new path for the journal of this run. The file may need
// its folder made first. A second use of the action under one step name, as in a
// composite action that is used twice, gets a path of its own.
func (h *Host) JournalPath() string {
	base := filepath.Join(h.journalDir(), journalName+h.run.Key())
	path := base + ".jsonl"
	for n := 2; exists(path); n++ {
		path = fmt.Sprintf("%s-%d.jsonl", base, n)
	}
	return path
}

// JournalRoot is the folder below which no symbolic link may lead to a journal:
// the workspace for what lies in its StateDir, since whoever wrote the repository
// may have put links there; "" for every other path.
func (h *Host) JournalRoot(path string) string {
	rest, err := filepath.Rel(filepath.Join(h.Workspace(), StateDir), path)
	if err != nil || !filepath.IsLocal(rest) {
		return ""
	}
	return h.Workspace()
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
	found := h.newestFirst(prefix)
	if h.kind == Act && h.IsPost() {
		// The prefix of step deploy begins the names of step deployment too.
		found = slices.DeleteFunc(found, func(path string) bool {
			rest := strings.TrimPrefix(filepath.Base(path), prefix)
			return strings.Trim(strings.TrimSuffix(rest, ".jsonl"), "-0123456789") != ""
		})
	}
	return found
}

// JournalsOfOthers are the journals of other runs in the place of this run's
// own, the newest first. GitHub's place is of one job alone.
func (h *Host) JournalsOfOthers() []string {
	if h.isActions() || h.run.Scope == "" {
		return nil
	}
	prefix := h.JournalPrefix()
	return slices.DeleteFunc(h.newestFirst(journalName), func(path string) bool {
		return namedBy(filepath.Base(path), prefix)
	})
}

// FindsByName reports whether a rollback of this host finds the journals of its
// run by their names, so that each run should leave one.
func (h *Host) FindsByName() bool { return h.kind != GitHub && h.run.Scope != "" }

// JournalPrefix is what the names of the run's own journals begin with. The
// step counts only for act's post; elsewhere the step that rolls back is
// another than the one that deployed. A terminal's run has just begun, so any
// journal will do.
func (h *Host) JournalPrefix() string {
	switch {
	case h.run.Scope == "":
		return journalName
	case h.kind == Act && h.IsPost():
		return journalName + h.run.Key()
	}
	return journalName + h.run.Scope + "-"
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

// newestFirst lists the journals whose names begin so. Links are no journals,
// and nothing lies behind a StateDir that is one.
func (h *Host) newestFirst(prefix string) []string {
	dir := h.journalDir()
	if info, err := os.Lstat(dir); err != nil || !info.IsDir() && h.JournalRoot(dir) != "" {
		return nil
	}
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
		if err == nil && info.Mode().IsRegular() && namedBy(e.Name(), prefix) {
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

// namedBy reports whether a file's name is that of a journal with such a prefix: a
// run whose step has no name leaves one without what follows the prefix.
func namedBy(file, prefix string) bool {
	name, ok := strings.CutSuffix(file, ".jsonl")
	return ok && strings.HasPrefix(name+"-", prefix)
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
