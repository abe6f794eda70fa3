package host

import (
	"cmp"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Whatever a repository plants where the outputs go by default, nothing is written
// through it; the path of a file that the host names may be a link.
func TestOutputsFollowNoLinkOfTheRepository(t *testing.T) {
	t.Parallel()
	plants := map[string]func(workspace, outside string) error{
		"the folder is a link out of the workspace": func(w, out string) error { return os.Symlink(out, filepath.Join(w, StateDir)) },
		"the folder is a relative link":             func(w, _ string) error { return os.Symlink("../outside", filepath.Join(w, StateDir)) },
		"the folder is a link inside the workspace": func(w, _ string) error {
			return os.Symlink("src", filepath.Join(w, StateDir))
		},
		"the folder is a dangling link": func(w, _ string) error { return os.Symlink("nowhere", filepath.Join(w, StateDir)) },
		"the folder is a file":          func(w, _ string) error { return os.WriteFile(filepath.Join(w, StateDir), nil, 0o644) },
		"the file is a link out of the workspace": func(w, out string) error {
			return os.Symlink(filepath.Join(out, "profile"), filepath.Join(w, StateDir, "outputs.env"))
		},
		"the file is a link inside the workspace": func(w, _ string) error {
			return os.Symlink("../src/profile", filepath.Join(w, StateDir, "outputs.env"))
		},
		"the file is a folder": func(w, _ string) error { return os.Mkdir(filepath.Join(w, StateDir, "outputs.env"), 0o755) },
	}
	for name, plant := range plants {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMachine(t, "woodpecker", "/lambda-rollout")
			workspace, outside := filepath.Join(m.dir, "workspace"), filepath.Join(m.dir, "outside")
			for _, dir := range []string{outside, filepath.Join(workspace, "src")} {
				if err := os.Mkdir(dir, 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(dir, "profile"), []byte("mine\n"), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if strings.HasPrefix(name, "the file") {
				if err := os.Mkdir(filepath.Join(workspace, StateDir), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			if err := plant(workspace, outside); err != nil {
				t.Fatal(err)
			}
			for _, err := range []error{m.host.CheckOutputs(), m.host.SetOutputs([]Output{{"version", "2"}})} {
				if err == nil || !strings.Contains(err.Error(), StateDir) {
					t.Errorf("error %v", err)
				}
			}
			for _, dir := range []string{outside, filepath.Join(workspace, "src")} {
				entries, err := os.ReadDir(dir)
				text, readErr := os.ReadFile(filepath.Join(dir, "profile"))
				if err != nil || readErr != nil || len(entries) != 1 || string(text) != "mine\n" {
					t.Errorf("%s was written to: %v %q %v %v", dir, entries, text, err, readErr)
				}
			}
		})
	}
	m := newMachine(t, "harness", "/lambda-rollout")
	file := filepath.Join(m.dir, "real.env")
	link := cmp.Or(m.host.env["HARNESS_OUTPUT_FILE"], m.host.env["DRONE_OUTPUT"])
	if err := os.Symlink(file, link); err != nil {
		t.Fatal(err)
	}
	if err := m.host.SetOutputs([]Output{{"version", "2"}}); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(file); err != nil || string(text) != "version=2\n" {
		t.Errorf("%q %v", text, err)
	}
}

// A place that cannot be written is known before the first change.
func TestOutputsAreCheckedBeforehand(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"github", "act", "woodpecker", "drone", "harness", "gitlab"} {
		m := newMachine(t, name, "/lambda-rollout")
		if err := m.host.CheckOutputs(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := os.RemoveAll(m.dir); err != nil {
			t.Fatal(err)
		}
		if err := m.host.CheckOutputs(); err == nil {
			t.Errorf("%s: no error without its folders", name)
		}
	}
	m := newMachine(t, "terminal", "/lambda-rollout")
	if err := os.RemoveAll(m.dir); err != nil {
		t.Fatal(err)
	}
	if err := m.host.CheckOutputs(); err != nil {
		t.Errorf("a terminal, which prints them: %v", err)
	}
}
