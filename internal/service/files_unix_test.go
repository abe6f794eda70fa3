//go:build unix

package service

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/diag"
)

// workspace is a folder with a pipe and a file.
func workspace(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe.yaml"), 0o600); err != nil {
		t.Skipf("no pipes here: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "file.yaml"), []byte("a: b\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

func opened(t *testing.T, ctx context.Context, dir string) Files {
	t.Helper()
	files, done, err := OpenFiles(ctx, dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { done() })
	return files
}

func TestAPipeThatTheUserNamedIsRead(t *testing.T) {
	t.Parallel()
	dir := workspace(t)
	files := opened(t, t.Context(), dir)
	written := make(chan error, 1)
	go func() { written <- os.WriteFile(filepath.Join(dir, "pipe.yaml"), []byte("c: d\n"), 0) }()
	got, problems := files.Read([]string{"pipe.yaml"})
	if problems.Err() != nil || len(got) != 1 || string(got[0].Content) != "c: d\n" {
		t.Errorf("got %v, %v", got, problems)
	}
	if err := <-written; err != nil {
		t.Error(err)
	}
}

func TestAPipeThatNobodyNamedIsNotOpened(t *testing.T) {
	t.Parallel()
	// One that is opened is waited for until then, and says so.
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	files := opened(t, ctx, workspace(t))
	got, problems := files.Read([]string{"*.yaml"})
	if len(got) != 1 || got[0].Name != "file.yaml" || len(problems) != 1 || problems[0].File != "pipe.yaml" || !strings.Contains(problems.Error(), "is neither a file nor a folder") {
		t.Errorf("by a glob: got %v, %v", got, problems)
	}
	if _, problem := files.readRegular("pipe.yaml"); problem == nil || !strings.Contains(problem.Message, "is neither a file nor a folder") {
		t.Errorf("named in another file: got %v", problem)
	}
}

func TestAReadEndsWithTheRun(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	dir := workspace(t)
	files := opened(t, ctx, dir)
	ended := make(chan diag.List, 1)
	go func() {
		_, problems := files.Read([]string{"pipe.yaml"})
		ended <- problems
	}()
	cancel()
	if problems := <-ended; !strings.Contains(problems.Error(), "the run was stopped") {
		t.Errorf("got %v", problems)
	}
	// Nobody else is left waiting: the one that opens the pipe gets its writer.
	if pipe, err := os.OpenFile(filepath.Join(dir, "pipe.yaml"), os.O_RDWR, 0); err == nil {
		pipe.Close()
	}
}

func TestReadsAreBounded(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/dev/zero"); err != nil {
		t.Skip(err)
	}
	files := opened(t, t.Context(), workspace(t))
	if _, problems := files.Read([]string{"/dev/zero"}); !strings.Contains(problems.Error(), "more than the limit of 10485760 bytes") {
		t.Errorf("got %v", problems)
	}
}

func TestNothingIsRenderedOnceTheRunIsStopped(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	dir := workspace(t)
	if err := os.WriteFile(filepath.Join(dir, "function.yaml"), []byte(functionYAML), 0o600); err != nil {
		t.Fatal(err)
	}
	opts := Options{Files: opened(t, ctx, dir), Definitions: []string{"function.yaml"}, Artifact: "build", Serialised: true}
	if set, problems := Load(opts); problems.Err() != nil || len(set.Targets) != 1 {
		t.Fatalf("%d targets, %v", len(set.Targets), problems)
	}
	cancel()
	if set, problems := Load(opts); !strings.Contains(problems.Error(), "the run was stopped") || len(set.Targets) != 0 {
		t.Errorf("%d targets, %v", len(set.Targets), problems)
	}
}
