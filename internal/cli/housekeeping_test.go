package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
)

// The state folder says what it is, keeps itself out of Git, and loses journals that
// nothing can be rolled back from.
func TestTheStateFolderKeepsItselfInOrder(t *testing.T) {
	t.Parallel()
	b := newBench(t, awslocal.Options{})
	inputs := append([]string{"deploy"}, b.minimal()...)
	b.must(inputs...)
	folder := filepath.Join(b.dir, ".lambda-rollout")
	ignore, err := os.ReadFile(filepath.Join(folder, ".gitignore"))
	if err != nil || !strings.HasSuffix(string(ignore), "\n*\n") {
		t.Errorf("%q, %v", ignore, err)
	}
	if readme, err := os.ReadFile(filepath.Join(folder, "README.md")); err != nil || !strings.Contains(string(readme), "lambda-rollout rollback") {
		t.Errorf("%q, %v", readme, err)
	}
	// What a user wrote there stays.
	b.write(".lambda-rollout/.gitignore", "mine\n")
	b.must("rollback") // settles the first journal
	b.must(inputs...)  // leaves one that can be rolled back
	journals := func() []string {
		found, err := filepath.Glob(filepath.Join(folder, "*.jsonl"))
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	if n := len(journals()); n != 2 {
		t.Fatalf("%d journals, want 2", n)
	}
	b.must(inputs...) // unchanged; a young journal stays
	if n := len(journals()); n < 2 {
		t.Errorf("%d journals are left of young ones", n)
	}
	old := time.Now().Add(-keepJournals - time.Hour)
	for _, path := range journals() {
		if err := os.Chtimes(path, old, old); err != nil {
			t.Fatal(err)
		}
	}
	open := 0
	b.must(inputs...)
	for _, path := range journals() {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(path); err == nil && info.ModTime().Before(time.Now().Add(-keepJournals)) {
			if strings.Contains(string(text), `"rolled-back"`) {
				t.Errorf("%s is settled and old, and stayed", path)
			}
			open++
		}
	}
	if open != 1 {
		t.Errorf("%d old journals stayed, want the one that can be rolled back", open)
	}
	if ignore, err := os.ReadFile(filepath.Join(folder, ".gitignore")); err != nil || string(ignore) != "mine\n" {
		t.Errorf("%q, %v", ignore, err)
	}
}
