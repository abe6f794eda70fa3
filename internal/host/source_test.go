package host

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestAValueComesFromTheEnvironmentOrAFile(t *testing.T) {
	t.Parallel()
	m := newMachine(t, "terminal", "lambda-rollout", "DB=s3cret\n", "EMPTY=")
	workspace := filepath.Join(m.dir, "workspace")
	for name, content := range map[string]string{"pw": "line\n", "windows": "a\r\n", "two": "a\nb\n\n", "none": "\n"} {
		if err := os.WriteFile(filepath.Join(workspace, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	outside := filepath.Join(t.TempDir(), "outside")
	if err := os.WriteFile(outside, []byte("theirs"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, to := range map[string]string{"inside": "pw", "out": outside, "folder": filepath.Dir(outside), "loop": "loop"} {
		if err := os.Symlink(to, filepath.Join(workspace, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(workspace, "large"), make([]byte, maxSource+1), 0o600); err != nil {
		t.Fatal(err)
	}
	for source, want := range map[string]string{
		"env:DB": "s3cret\n", "file:pw": "line", "file:windows": "a", "file:two": "a\nb\n", "file:" + filepath.Join(workspace, "pw"): "line",
		"file:inside": "line", "file:" + filepath.Join(workspace, "out"): "theirs",
	} {
		if got, err := m.host.Value(t.Context(), source); err != nil || got != want {
			t.Errorf("%s: %q, %v", source, got, err)
		}
	}
	for source, want := range map[string]string{
		"env:NONE": "NONE is not set", "env:EMPTY": "EMPTY is empty", "file:none": "none is empty", "file:missing": "no such file",
		"file:../x": "leads out of the workspace", "ssm:/x": "neither env: nor file:", "file:large": "more than 6 MB",
		"file:out": "a symbolic link leads out of the workspace", "file:folder/outside": "a symbolic link leads out of the workspace", "file:loop": "too many", "file:.": "is a directory",
	} {
		if _, err := m.host.Value(t.Context(), source); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", source, err)
		}
	}
}

// A pipe that nobody writes to ends with the signal.
func TestASignalEndsARead(t *testing.T) {
	t.Parallel()
	m := newMachine(t, "terminal", "lambda-rollout")
	pipe := filepath.Join(m.dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	stop := errors.New("stopped")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(stop)
	if _, err := m.host.ReadFile(ctx, pipe); !errors.Is(err, stop) {
		t.Errorf("error %v", err)
	}
	// Whoever still waits for the pipe is let go.
	w, err := os.OpenFile(pipe, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

// A file with a JSON object gives each of its values by key.
func TestValueOfAKeyOfAFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, content := range map[string]string{"values.json": `{"A": "one\n", "EMPTY": ""}`, "odd#A": "whole", "list.json": "[]"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	h := Detect(Options{Dir: dir, Args0: "lambda-rollout"})
	for source, want := range map[string]string{
		"file:values.json#A": "one\n", "file:odd#A": "whole",
		"file:values.json#B": "", "file:values.json#EMPTY": "", "file:list.json#A": "", "file:none.json#A": "",
	} {
		got, err := h.Value(t.Context(), source)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%s: %q, %v", source, got, err)
		}
	}
}
