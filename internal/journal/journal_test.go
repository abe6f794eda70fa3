package journal

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var header = Header{Run: "r1", Salt: []byte("salt"), Targets: []Target{{Function: "f", Region: "us-east-1", Account: "000000000000"}}}

func clock() time.Time { return time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC) }

// written is a journal of a whole run, as bytes.
func written(t testing.TB) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "j.jsonl")
	ctx := context.Background()
	j, err := Create(ctx, NewFile(path), header, clock)
	must(t, err)
	must(t, j.Append(ctx, Record{Snapshot: &Snapshot{Exists: true, Content: Content{CodeSha256: "old"}}}))
	step, err := j.Begin(ctx, 0, Intent{Call: "PublishVersion", RestorePoint: true})
	must(t, err)
	must(t, j.Again(ctx, 0, step))
	must(t, j.End(ctx, 0, step, Outcome{Result: Done, Version: "7"}))
	step, err = j.Begin(ctx, 0, Intent{Call: "UpdateAlias", AliasName: "live", Alias: &Alias{Name: "live", Version: "8"}})
	must(t, err)
	must(t, j.End(ctx, 0, step, Outcome{Result: Unknown}))
	must(t, j.Settle(ctx, Deployed))
	must(t, j.Close())
	content, err := os.ReadFile(path)
	must(t, err)
	return content
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

var exact = cmpopts.IgnoreUnexported(Log{})

// A crash can cut the last line at any byte: what is read is the state at the
// last whole line, whatever the cut.
func TestAnyPrefixReadsAsItsLastWholeLine(t *testing.T) {
	t.Parallel()
	content := written(t)
	for n := range len(content) + 1 {
		whole := bytes.LastIndexByte(content[:n], '\n') + 1
		want, err := Parse(content[:whole])
		must(t, err)
		got, err := Parse(content[:n])
		if err != nil {
			t.Fatalf("the first %d bytes: %v", n, err)
		}
		if diff := cmp.Diff(want, got, exact); diff != "" || got.sound != whole {
			t.Fatalf("the first %d bytes: sound %d, want %d\n%s", n, got.sound, whole, diff)
		}
	}
	log, err := Parse(content)
	must(t, err)
	if target := log.Targets[0]; log.State != Deployed || target.Snapshot.RestorePoint != "7" || !target.Steps[1].Open() || len(target.Steps) != 2 {
		t.Errorf("read %+v", log)
	}
}

func TestParseRefusesWhatNoCrashLeaves(t *testing.T) {
	t.Parallel()
	head := `{"format":1,"run":"r","salt":"","targets":[{"function":"f","region":"r","account":"a"}]}` + "\n"
	for name, tt := range map[string]struct{ content, says string }{
		"another format":     {`{"format":2,"run":"r","targets":[{}]}` + "\n", "format is 2"},
		"no target":          {`{"format":1,"run":"r"}` + "\n", "names no run or no target"},
		"broken in between":  {head + "{\n" + `{"target":-1,"state":"deployed"}` + "\n", "line 2: not a record"},
		"no such target":     {head + `{"target":3,"snapshot":{}}` + "\n", "the header has no target 3"},
		"an outcome alone":   {head + `{"target":0,"step":4,"outcome":{"result":"done"}}` + "\n", "never begun"},
		"a line without end": {head + strings.Repeat("x", maxLine+1) + "\n" + head, "longer than"},
	} {
		if _, err := Parse([]byte(tt.content)); err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %v, want %q", name, err, tt.says)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(written(f))
	f.Add([]byte("\n{}\n"))
	f.Fuzz(func(t *testing.T, content []byte) {
		log, err := Parse(content)
		if err != nil {
			return
		}
		if log.sound > len(content) {
			t.Fatalf("sound %d of %d bytes", log.sound, len(content))
		}
		again, err := Parse(content[:log.sound])
		if err != nil {
			t.Fatalf("the sound part does not read: %v", err)
		}
		if diff := cmp.Diff(log, again, exact); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestResumeRepairsATornTailAndWithdrawsAStop(t *testing.T) {
	t.Parallel()
	content := written(t)
	path := filepath.Join(t.TempDir(), "j.jsonl")
	must(t, os.WriteFile(path, append(bytes.Clone(content), `{"target":0,"st`...), 0o600))
	ctx := context.Background()
	store := NewFile(path)
	must(t, store.Stop(ctx))
	j, err := Resume(ctx, store, clock)
	must(t, err)
	if store.Stopped() {
		t.Error("the stop still stands")
	}
	must(t, j.Settle(ctx, RolledBack))
	must(t, j.Close())
	log, err := Read(ctx, NewFile(path))
	must(t, err)
	if log.State != RolledBack {
		t.Errorf("state %s", log.State)
	}
}

func TestAStopHoldsBackTheNextCallAndNoRollback(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "j.jsonl")
	j, err := Create(ctx, NewFile(path), header, clock)
	must(t, err)
	forward, err := j.Begin(ctx, 0, Intent{Call: "UpdateAlias"})
	must(t, err)
	must(t, NewFile(path).Stop(ctx))
	if _, err := j.Begin(ctx, 0, Intent{Call: "UpdateAlias"}); !errors.Is(err, ErrStopped) {
		t.Errorf("another call: %v", err)
	}
	if err := j.Again(ctx, 0, forward); !errors.Is(err, ErrStopped) {
		t.Errorf("the same call again: %v", err)
	}
	must(t, j.End(ctx, 0, forward, Outcome{Result: Done}))
	back, err := j.Begin(ctx, 0, Intent{Call: "UpdateAlias", Back: true})
	must(t, err)
	must(t, j.Again(ctx, 0, back))
	must(t, j.Close())
}

func TestTheLockKeepsOthersOut(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "j.jsonl")
	j, err := Create(ctx, NewFile(path), header, clock)
	must(t, err)
	wait, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
	defer cancel()
	if _, err := Resume(wait, NewFile(path), clock); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a second process: %v", err)
	}
	must(t, j.Close())
	again, err := Resume(ctx, NewFile(path), clock)
	must(t, err)
	must(t, again.Close())
}

// bucket is S3 with its conditional writes.
type bucket struct {
	objects map[string][]byte
	tags    map[string]string
}

func newBucket() *bucket { return &bucket{map[string][]byte{}, map[string]string{}} }

func (b *bucket) Get(_ context.Context, key string) ([]byte, string, error) {
	return b.objects[key], b.tags[key], nil
}

// Put tags by content, as S3 does.
func (b *bucket) Put(_ context.Context, key string, content []byte, etag string) (string, error) {
	if b.tags[key] != etag {
		return "", ErrTaken
	}
	b.objects[key], b.tags[key] = bytes.Clone(content), "tag of "+string(content)
	return b.tags[key], nil
}

func TestWhoeverTakesAJournalInS3OverStopsTheOther(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	b := newBucket()
	open := func() *Object {
		o, err := NewObject(b, "s3://bucket/runs/j.jsonl")
		must(t, err)
		return o
	}
	j, err := Create(ctx, open(), header, clock)
	must(t, err)
	step, err := j.Begin(ctx, 0, Intent{Call: "UpdateFunctionCode"})
	must(t, err)
	other := open()
	must(t, other.Stop(ctx))
	taken, err := Resume(ctx, other, clock)
	must(t, err)
	for what, err := range map[string]error{
		"the same call again": j.Again(ctx, 0, step),
		"its outcome":         j.End(ctx, 0, step, Outcome{Result: Done}),
		"its end":             j.Settle(ctx, Deployed),
	} {
		if !errors.Is(err, ErrTaken) {
			t.Errorf("%s: %v", what, err)
		}
	}
	must(t, taken.Settle(ctx, RolledBack))
}

func TestALockIsFreeWhenItsRunHasEnded(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	b := newBucket()
	begin := func(run string) (*Journal, error) {
		o, err := NewObject(b, "s3://bucket/runs/"+run+".jsonl")
		must(t, err)
		h := header
		h.Run = run
		j, err := Create(ctx, o, h, clock)
		must(t, err)
		return j, NewLocks(b, "s3://bucket/runs").Claim(ctx, run, o.Name(), clock(), h.Targets)
	}
	one, err := begin("one")
	must(t, err)
	var busy *BusyError
	if _, err := begin("two"); !errors.As(err, &busy) || busy.Run != "one" {
		t.Errorf("while one is open: %v", err)
	}
	must(t, one.Settle(ctx, Deployed))
	_, err = begin("three")
	must(t, err)
	found, err := NewLocks(b, "s3://bucket/runs").Find(ctx, header.Targets[0])
	if must(t, err); found != "s3://bucket/runs/three.jsonl" {
		t.Errorf("found %s", found)
	}
}
