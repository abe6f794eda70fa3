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
	if err := os.WriteFile(filepath.Join(workspace, "large"), make([]byte, maxSource+1), 0o600); err != nil {
		t.Fatal(err)
	}
	for source, want := range map[string]string{
		"env:DB": "s3cret\n", "file:pw": "line", "file:windows": "a", "file:two": "a\nb\n", "file:" + filepath.Join(workspace, "pw"): "line",
	} {
		if got, err := m.host.Value(t.Context(), source); err != nil || got != want {
			t.Errorf("%s: %q, %v", source, got, err)
		}
	}
	for source, want := range map[string]string{
		"env:NONE": "NONE is not set", "env:EMPTY": "EMPTY is empty", "file:none": "none is empty", "file:missing": "no such file",
		"file:../x": "leads out of the workspace", "ssm:/x": "neither env: nor file:", "file:large": "more than 6 MB", "file:.": "is a directory",
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
