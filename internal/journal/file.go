package journal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
	"time"
)

// File keeps a journal on the local disk as JSON lines, under flock(2). Beside
// it NAME.stop asks the writer to stop, and NAME.lock says who holds it and
// keeps space for a rollback.
type File struct {
	place  place
	folder *os.Root
	file   *os.File
	size   int64
	// dirty marks bytes behind size that a failed write may have left.
	dirty   bool
	settled bool
	// turn admits one writer at a time.
	turn chan struct{}
}

// NewFile returns the journal at a path that the user or the host named;
// nothing is opened yet. The path may lead through symbolic links.
func NewFile(path string) *File { return newFile(place{path: path}) }

// NewFileBelow returns the journal at a default path below a folder, where
// whoever wrote the repository may have put files: no part of the path below
// that folder may be a symbolic link.
func NewFileBelow(folder, path string) *File { return newFile(place{path: path, below: folder}) }

func newFile(p place) *File { return &File{place: p, turn: make(chan struct{}, 1)} }

// Name returns the file's path.
func (f *File) Name() string { return f.place.path }

// lockPoll is how often a taken lock is tried again; createWait and takeWait
// are how long. A new run does not wait for another one to end, a rollback
// waits until it stopped.
const (
	lockPoll   = 20 * time.Millisecond
	createWait = time.Second
	takeWait   = time.Minute
)

// Read implements Store.
func (f *File) Read(context.Context) (*RunState, error) {
	folder, name, err := f.place.open(false)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer folder.Close()
	file, err := openRegular(folder, name, os.O_RDONLY)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	content, err := readAll(file, maxFile)
	if err := errors.Join(err, file.Close()); err != nil {
		return nil, err
	}
	return parse(content)
}

// maxFile bounds what is read of a file, in bytes, and maxForeign of one that does
// not begin as a journal: it takes no more to say so.
const (
	maxFile    = 256 << 20
	maxForeign = 64 << 10
)

// readAll reads a journal that is no larger than limit, or the beginning of a file that is none.
func readAll(file io.ReaderAt, limit int64) ([]byte, error) {
	begin := make([]byte, len(beginning))
	n, err := file.ReadAt(begin, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if !tornHeader(begin[:n]) {
		return io.ReadAll(io.NewSectionReader(file, 0, maxForeign))
	}
	content, err := io.ReadAll(io.NewSectionReader(file, 0, limit+1))
	if err == nil && int64(len(content)) > limit {
		err = fmt.Errorf("it is larger than %d bytes, which no journal is", limit)
	}
	return content, err
}

// parse returns nil for a file whose header is missing or torn.
func parse(content []byte) (*RunState, error) {
	state, err := Parse(content)
	if err != nil || state.Header.Run == "" {
		return nil, err
	}
	return state, nil
}

// Create implements Store.
func (f *File) Create(ctx context.Context, header []byte, run RunState, by Holder) error {
	if err := f.lock(ctx, createWait, os.O_RDWR|os.O_CREATE); err != nil {
		return err
	}
	if err := f.begin(header, len(run.Targets), by); err != nil {
		return errors.Join(err, f.Close())
	}
	return nil
}

func (f *File) begin(header []byte, targets int, by Holder) error {
	content, err := f.load()
	if err != nil {
		return err
	}
	old, err := parse(content)
	if err != nil {
		return err
	}
	if err := replaceable(f.Name(), old); err != nil {
		return err
	}
	if err := f.side().withdrawStop(); err != nil {
		return err
	}
	if err := f.side().hold(by, reserveFor(targets)); err != nil {
		return fmt.Errorf("reserve space for a rollback: %w", err)
	}
	if err := f.cut(0); err != nil {
		return err
	}
	if err := f.Append(context.Background(), -1, header); err != nil {
		return err
	}
	return syncFolder(f.folder)
}

// TakeOver implements Store.
func (f *File) TakeOver(ctx context.Context, by Holder) (*RunState, error) {
	err := f.lock(ctx, takeWait, os.O_RDWR)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	state, err := f.take(by)
	if err != nil || state == nil {
		return nil, errors.Join(err, f.Close())
	}
	return state, nil
}

func (f *File) take(by Holder) (*RunState, error) {
	content, err := f.load()
	if err != nil {
		return nil, err
	}
	state, err := parse(content)
	if err != nil || state == nil {
		return nil, err
	}
	if err := f.side().withdrawStop(); err != nil {
		return nil, err
	}
	f.settled = state.State.Settled()
	if f.size = int64(state.sound); state.sound < len(content) {
		if err := f.cut(f.size); err != nil {
			return nil, err
		}
	}
	if !f.settled {
		// A rollback goes on without a reserve, and without saying who it is.
		_ = f.side().hold(by, reserveFor(len(state.Targets)))
	}
	return state, nil
}

// lock opens the file and locks it.
func (f *File) lock(ctx context.Context, patience time.Duration, flags int) error {
	folder, name, err := f.place.open(flags&os.O_CREATE != 0)
	if err != nil {
		return err
	}
	file, err := openRegular(folder, name, flags)
	if err != nil {
		return errors.Join(f.place.explain(err), folder.Close())
	}
	ctx, cancel := context.WithTimeoutCause(ctx, patience, fmt.Errorf("waited %s for it", patience))
	defer cancel()
	f.folder, f.place.name = folder, name
	for {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			f.file = file
			return nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			return errors.Join(fmt.Errorf("lock: %w", err), file.Close(), f.Close())
		}
		select {
		case <-ctx.Done():
			held := &HeldError{By: f.side().holder(), Err: context.Cause(ctx)}
			return errors.Join(held, file.Close(), f.Close())
		case <-time.After(lockPoll):
		}
	}
}

// Held implements Store.
func (f *File) Held() (Holder, bool, error) {
	err := f.lock(context.Background(), 0, os.O_RDWR)
	var held *HeldError
	switch {
	case errors.As(err, &held):
		return held.By, true, nil
	case errors.Is(err, fs.ErrNotExist):
		return Holder{}, false, nil
	case err != nil:
		return Holder{}, false, err
	}
	return Holder{}, false, f.release()
}

// load reads the locked file.
func (f *File) load() ([]byte, error) {
	content, err := readAll(f.file, maxFile)
	f.size = int64(len(content))
	return content, err
}

func (f *File) cut(size int64) error {
	if err := f.file.Truncate(size); err != nil {
		return err
	}
	f.size, f.dirty = size, false
	return f.file.Sync()
}

// Append implements Store: the line is synced to the disk.
func (f *File) Append(ctx context.Context, _ int, line []byte) error {
	select {
	case f.turn <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	defer func() { <-f.turn }()
	if f.dirty {
		if err := f.cut(f.size); err != nil {
			return noSpace(err)
		}
	}
	_, err := f.file.WriteAt(line, f.size)
	if err == nil {
		err = f.file.Sync()
	}
	if err != nil {
		f.dirty = f.file.Truncate(f.size) != nil
		return noSpace(err)
	}
	f.size += int64(len(line))
	return nil
}

// noSpace makes a full disk and a used-up quota ErrNoSpace.
func noSpace(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fmt.Errorf("%w: %w", ErrNoSpace, err)
	}
	return err
}

// Ended implements Store: the reserve of a settled run is not needed any more.
func (f *File) Ended(_ context.Context, state State) { f.settled = state.Settled() }

// FreeReserve implements Store.
func (f *File) FreeReserve() bool { return f.side().freeReserve() }

// Stop implements Store: it leaves a mark beside the journal.
func (f *File) Stop(context.Context) error {
	folder, name, err := f.place.open(false)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	switch err := checkRegular(folder, name); {
	case errors.Is(err, fs.ErrNotExist):
		return folder.Close() // nobody holds what is not there
	case err != nil:
		return errors.Join(err, folder.Close())
	}
	return errors.Join(side{folder, name}.stop(), folder.Close())
}

// Stopped implements Store: it looks for the mark.
func (f *File) Stopped() bool { return f.folder != nil && f.side().stopped() }

// Close implements Store.
func (f *File) Close() error {
	if f.file != nil && f.settled {
		_ = f.side().remove() // what stays behind is no reason to fail
	}
	return f.release()
}

func (f *File) release() error {
	var err error
	if f.file != nil {
		err = f.file.Close()
	}
	if f.folder != nil {
		err = errors.Join(err, f.folder.Close())
	}
	f.file, f.folder = nil, nil
	return err
}

func (f *File) side() side { return side{f.folder, f.place.name} }
