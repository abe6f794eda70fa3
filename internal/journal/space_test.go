package journal

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// fullDisk is a file on a disk that becomes full, and takes some lines more once
// the reserve is given up.
type fullDisk struct {
	*File
	full  bool
	room  int
	freed int
	error error
}

func (d *fullDisk) Append(ctx context.Context, target int, line []byte) error {
	if d.full && d.room == 0 {
		return d.error
	}
	d.room--
	return d.File.Append(ctx, target, line)
}

// FreeReserve gives room for the lines that the reserve holds.
func (d *fullDisk) FreeReserve() bool {
	if !d.File.FreeReserve() {
		return false
	}
	d.freed++
	d.room = 3
	return true
}

// run begins a run with one step and fills the disk.
func (d *fullDisk) run(t *testing.T) (j *Journal, step int) {
	t.Helper()
	d.File, d.error = NewFile(filepath.Join(t.TempDir(), "j.jsonl")), noSpace(syscall.ENOSPC)
	j, err := Create(context.Background(), d, header, clock)
	must(t, err)
	must(t, j.Append(context.Background(), Record{Snapshot: &Snapshot{}}))
	step, err = j.Begin(context.Background(), 0, Intent{Call: "UpdateAlias"})
	must(t, err)
	d.full, d.room = true, 0
	return j, step
}

func TestADeploymentOnAFullDiskBeginsNoCall(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	d := &fullDisk{}
	j, step := d.run(t)
	if _, err := j.Begin(ctx, 0, Intent{Call: "UpdateAlias"}); !errors.Is(err, ErrNoSpace) {
		t.Errorf("another call: %v", err)
	}
	if err := j.Again(ctx, 0, step); !errors.Is(err, ErrNoSpace) {
		t.Errorf("the same call again: %v", err)
	}
	if err := j.Note(ctx, Evidence{Decision: "continue"}); !errors.Is(err, ErrNoSpace) {
		t.Errorf("what the guard measured: %v", err)
	}
	if err := j.Settle(ctx, Deployed); !errors.Is(err, ErrNoSpace) {
		t.Errorf("its end: %v", err)
	}
	if d.freed != 0 {
		t.Error("the deployment used what is reserved for the rollback")
	}
	must(t, j.End(ctx, 0, step, Outcome{Result: Done}))
	if d.freed != 1 || j.Unrecorded() != nil {
		t.Errorf("the outcome of a call that went out: reserve freed %d times, %v", d.freed, j.Unrecorded())
	}
}

// A rollback goes on when even its reserve is used up, and what it leaves can be
// read and finished.
func TestARollbackOnAFullDiskGoesOn(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	d := &fullDisk{}
	j, step := d.run(t)
	must(t, j.End(ctx, 0, step, Outcome{Result: Done}))
	for range 4 {
		back, err := j.Begin(ctx, 0, Intent{Call: "UpdateAlias", Back: true})
		must(t, err)
		must(t, j.Again(ctx, 0, back))
		must(t, j.End(ctx, 0, back, Outcome{Result: Done}))
	}
	if err := j.Unrecorded(); !errors.Is(err, ErrNoSpace) || d.freed != 1 {
		t.Errorf("reserve freed %d times, %v", d.freed, err)
	}
	// The disk has room again: the outcome of a step whose intent is missing is
	// left out, too.
	open, err := j.Begin(ctx, 0, Intent{Call: "UpdateAlias", Back: true})
	must(t, err)
	d.full = false
	must(t, j.End(ctx, 0, open, Outcome{Result: Done}))
	if got := len(j.Target(0).Steps); got != 6 {
		t.Errorf("%d steps in memory", got)
	}
	must(t, j.Settle(ctx, RolledBack))
	must(t, j.Close())
	state, err := Read(ctx, NewFile(d.Name()))
	must(t, err)
	if steps := len(state.Targets[0].Steps); state.State != RolledBack || steps != 2 {
		t.Errorf("on disk: %s, %d steps", state.State, steps)
	}
}

// Nothing but space is forgiven.
func TestARollbackGoesOnWithoutItsRecordsForWantOfSpaceAlone(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	for _, err := range []error{ErrTaken, &TakenError{}, syscall.EIO, syscall.EBADF, os.ErrClosed} {
		d := &fullDisk{}
		j, _ := d.run(t)
		d.error = noSpace(err)
		if _, got := j.Begin(ctx, 0, Intent{Call: "UpdateAlias", Back: true}); !errors.Is(got, err) {
			t.Errorf("%v: %v", err, got)
		}
		if got := j.Settle(ctx, RolledBack); !errors.Is(got, err) || j.Unrecorded() != nil || d.freed != 0 {
			t.Errorf("%v: %v, %v", err, got, j.Unrecorded())
		}
	}
}

func TestTheReserveTakesSpaceUntilItIsNeededOrTheRunIsSettled(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "j.jsonl")
	size := func() int64 {
		info, err := os.Stat(path + ".lock")
		if err != nil {
			return 0
		}
		return info.Size()
	}
	j, err := Create(ctx, NewFile(path), two(), clock)
	must(t, err)
	want := int64(holderSize + reserveFor(2))
	var stat syscall.Stat_t
	must(t, syscall.Stat(path+".lock", &stat))
	if size() != want || stat.Blocks*512 < want {
		t.Errorf("%d bytes in %d blocks, want %d bytes", size(), stat.Blocks, want)
	}
	_, err = j.Begin(ctx, 0, Intent{Call: "UpdateAlias"})
	must(t, err)
	must(t, j.Settle(ctx, Deployed))
	must(t, j.Close())
	if size() != want {
		t.Error("a later rollback has no reserve")
	}
	file := NewFile(path)
	j, err = Resume(ctx, file, clock)
	must(t, err)
	if !file.FreeReserve() || size() != holderSize || file.FreeReserve() {
		t.Errorf("freed: %d bytes are left", size())
	}
	if by, _, _ := NewFile(path).Held(); by.Command != "rollback" {
		t.Errorf("held by %v", by)
	}
	must(t, j.Settle(ctx, RolledBack))
	must(t, j.Close())
	if size() != 0 {
		t.Error("a settled run keeps its lock file")
	}
}

func TestAHostWithALongNameHoldsAJournal(t *testing.T) {
	t.Parallel()
	dir, err := os.OpenRoot(t.TempDir())
	must(t, err)
	defer dir.Close()
	s := side{dir, "j"}
	must(t, s.hold(Holder{PID: 1, Host: strings.Repeat("h", 253), Command: "deploy", Since: clock()}, 10))
	if by := s.holder(); len(by.Host) != 253 {
		t.Errorf("%+v", by)
	}
	if err := s.hold(Holder{Host: strings.Repeat("h", 600)}, 10); err == nil {
		t.Error("a holder that does not fit")
	}
}

func TestAFailedWriteLeavesNoHalfLine(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "j.jsonl")
	store := NewFile(path)
	j, err := Create(ctx, store, header, clock)
	must(t, err)
	// What a write that failed, and could not be undone, left.
	store.dirty = true
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	must(t, err)
	_, err = f.WriteString(strings.Repeat("x", 1000))
	must(t, errors.Join(err, f.Close()))
	_, err = j.Begin(ctx, 0, Intent{Call: "UpdateAlias"})
	must(t, err)
	must(t, j.Close())
	state, err := Read(ctx, NewFile(path))
	if must(t, err); len(state.Targets[0].Steps) != 1 {
		t.Errorf("%+v", state)
	}
	// A file that is closed takes nothing more.
	store.file, err = os.Open(path)
	must(t, err)
	if err := store.Append(ctx, -1, []byte("x\n")); err == nil {
		t.Error("wrote to a file that is open for reading")
	}
}
