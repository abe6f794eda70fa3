package artifact

import (
	"os"
	"path/filepath"
	"testing"
)

func TestTemporaryFilesLieWhereTheRunnerWantsThem(t *testing.T) {
	t.Parallel()
	workspace, runner := t.TempDir(), t.TempDir()
	for runnerTemp, want := range map[string]string{
		runner:                           runner,
		"":                               filepath.Join(workspace, ".lambda-rollout", "tmp"),
		filepath.Join(runner, "missing"): filepath.Join(workspace, ".lambda-rollout", "tmp"),
	} {
		dir, remove, err := NewTemp(runnerTemp, workspace)
		if err != nil {
			t.Fatal(err)
		}
		if got := filepath.Dir(dir); got != want {
			t.Errorf("with %q: below %s, want %s", runnerTemp, got, want)
		}
		if err := os.WriteFile(filepath.Join(dir, "x"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := remove(); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(dir); err == nil {
			t.Errorf("%s is still there", dir)
		}
	}
}
