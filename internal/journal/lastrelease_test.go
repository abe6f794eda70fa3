package journal

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// lastRelease is a journal that the last release wrote.
func lastRelease(t testing.TB, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("testdata", "last-release", name+".jsonl"))
	must(t, err)
	return content
}

// Journals of the last release, in a file and as one object in S3, are read,
// taken over and rolled back.
func TestJournalsOfTheLastReleaseAreRolledBack(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	for name, want := range map[string]State{"deployed": Deployed, "interrupted": Open} {
		content := lastRelease(t, name)
		path := filepath.Join(t.TempDir(), "old.jsonl")
		must(t, os.WriteFile(path, content, 0o600))
		b := newBucket()
		b.objects["runs/old.jsonl"] = content
		for place, open := range map[string]func() Store{
			"a file": func() Store { return NewFile(path) },
			"an object": func() Store {
				store, err := NewObject(b, "s3://bucket/runs/old.jsonl")
				must(t, err)
				return store
			},
		} {
			state, err := Read(ctx, open())
			must(t, err)
			if target := state.Targets[0]; state.State != want || target.Snapshot.RestorePoint != "1" || len(target.Contents()) < 4 || !state.Changed() {
				t.Errorf("%s in %s: %+v", name, place, state)
			}
			j, err := Resume(ctx, open(), clock)
			must(t, err)
			step, err := j.Begin(ctx, 0, Intent{Call: "UpdateAlias", Back: true})
			must(t, err)
			must(t, j.End(ctx, 0, step, Outcome{Result: Done}))
			must(t, j.Settle(ctx, RolledBack))
			must(t, j.Close())
			back, err := Read(ctx, open())
			must(t, err)
			if steps := back.Targets[0].Steps; back.State != RolledBack || len(steps) != len(state.Targets[0].Steps)+1 {
				t.Errorf("%s in %s: after the rollback %+v", name, place, back)
			}
		}
	}
}

// A process of the last release that still writes fails at its next append.
func TestTakingOverAJournalOfTheLastReleaseChangesItsTag(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	b := newBucket()
	torn := append(lastRelease(t, "interrupted"), `{"at":"20`...)
	b.objects["old.jsonl"] = torn
	store, err := NewObject(b, "s3://bucket/old.jsonl")
	must(t, err)
	j, err := Resume(ctx, store, clock)
	must(t, err)
	if _, err := b.Put(ctx, "old.jsonl", nil, tag(torn)); !errors.Is(err, ErrTaken) {
		t.Errorf("the former owner: %v", err)
	}
	must(t, store.Stop(ctx))
	// A second takeover stops the first.
	other, err := NewObject(b, "s3://bucket/old.jsonl")
	must(t, err)
	_, err = Resume(ctx, other, clock)
	must(t, err)
	if err := j.Settle(ctx, RolledBack); !errors.Is(err, ErrTaken) || j.Stopped() {
		t.Errorf("after the second takeover: %v", err)
	}
	// New runs write no such objects.
	if _, err := Create(ctx, store, header, clock); err == nil {
		t.Error("a new journal in an old object")
	}
	if none, err := Resume(ctx, &singleObject{bucket: newBucket(), name: "x", key: "x"}, clock); none != nil || err != nil {
		t.Errorf("no object: %v, %v", none, err)
	}
	// An own write whose answer was lost meets its own content.
	twice := &resending{bucket: b}
	again, err := Resume(ctx, &singleObject{bucket: twice, name: "s3://bucket/old.jsonl", key: "old.jsonl"}, clock)
	must(t, err)
	must(t, again.Settle(ctx, RolledBack))
	puts := b.puts
	if settled, err := Resume(ctx, other, clock); err != nil || settled.RunState().State != RolledBack || b.puts != puts {
		t.Errorf("a settled run is taken over: %v", err)
	}
}
