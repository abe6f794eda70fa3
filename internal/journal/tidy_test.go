package journal

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Of old files only the journals of settled runs are removed: a run that a crash cut
// off before its header ended is not known to be settled.
func TestOnlyOldSettledJournalsAreRemoved(t *testing.T) {
	t.Parallel()
	settled := append(written(t), []byte(`{"at":"2026-08-01T12:00:00Z","target":-1,"state":"rolled-back"}`+"\n")...)
	old, young := time.Hour, -time.Hour
	for name, tt := range map[string]struct {
		content []byte
		age     time.Duration
		removed bool
	}{
		"settled":             {settled, old, true},
		"settled a while ago": {settled, young, false},
		"deployed":            {written(t), old, false},
		"empty":               {nil, old, false},
		"torn":                {[]byte(beginning), old, false},
		"somebody's":          {[]byte("hello\n"), old, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			folder := t.TempDir()
			path := filepath.Join(folder, "j.jsonl")
			must(t, os.WriteFile(path, tt.content, 0o600))
			must(t, os.Chtimes(path, clock().Add(-tt.age), clock().Add(-tt.age)))
			removed, err := RemoveSettled(context.Background(), folder, path, clock())
			if removed != tt.removed || (err != nil) != (name == "somebody's") {
				t.Errorf("removed: %v, %v", removed, err)
			}
			if _, err := os.Stat(path); (err != nil) != tt.removed {
				t.Errorf("the file: %v", err)
			}
		})
	}
}
