package journal

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// File keeps a journal on the local disk, under flock(2), with a file
// name.stop beside it that asks the writer to stop.
type File struct {
	path string
	file *os.File
}

// NewFile names the journal's file; nothing is opened yet.
func NewFile(path string) *File { return &File{path: path} }

// Name is the file's path.
func (f *File) Name() string { return f.path }

func (f *File) stopPath() string { return f.path + ".stop" }

// lockPoll is how often a taken lock is tried again.
const lockPoll = 20 * time.Millisecond

// Lock opens the file, created where it is missing, and locks it.
func (f *File) Lock(ctx context.Context) error {
	if err := os.MkdirAll(filepath.Dir(f.path), 0o755); err != nil {
		return err
	}
	file, err := os.OpenFile(f.path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	for {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			f.file = file
			return syncFolder(filepath.Dir(f.path))
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			return errors.Join(fmt.Errorf("lock: %w", err), file.Close())
		}
		select {
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("another process still holds the journal: %w", context.Cause(ctx)), file.Close())
		case <-time.After(lockPoll):
		}
	}
}

// Load reads the whole file, without the lock too.
func (f *File) Load(context.Context) ([]byte, error) {
	if f.file == nil {
		content, err := os.ReadFile(f.path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
		return content, err
	}
	info, err := f.file.Stat()
	if err != nil {
		return nil, err
	}
	content := make([]byte, info.Size())
	if _, err := f.file.ReadAt(content, 0); err != nil && info.Size() > 0 {
		return nil, err
	}
	return content, nil
}

// Replace cuts the file to content and withdraws an earlier Stop: whoever
// replaces the content owns the run.
func (f *File) Replace(_ context.Context, content []byte) error {
	if err := os.Remove(f.stopPath()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	current, err := f.Load(context.Background())
	if err != nil {
		return err
	}
	if string(current) == string(content) {
		return nil
	}
	if len(content) > 0 && len(current) > len(content) && string(current[:len(content)]) == string(content) {
		return f.cut(len(content))
	}
	if err := f.cut(0); err != nil {
		return err
	}
	return f.Append(context.Background(), content)
}

func (f *File) cut(size int) error {
	if err := f.file.Truncate(int64(size)); err != nil {
		return err
	}
	return f.file.Sync()
}

// Append writes a line at the end and syncs it.
func (f *File) Append(_ context.Context, line []byte) error {
	info, err := f.file.Stat()
	if err != nil {
		return err
	}
	if _, err := f.file.WriteAt(line, info.Size()); err != nil {
		return errors.Join(err, f.file.Truncate(info.Size()))
	}
	return f.file.Sync()
}

// Stop leaves a mark beside the journal.
func (f *File) Stop(context.Context) error {
	if err := os.MkdirAll(filepath.Dir(f.path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(f.stopPath(), nil, 0o600)
}

// Stopped looks for the mark.
func (f *File) Stopped() bool {
	_, err := os.Stat(f.stopPath())
	return err == nil
}

// Close gives the lock back.
func (f *File) Close() error {
	if f.file == nil {
		return nil
	}
	err := f.file.Close()
	f.file = nil
	return err
}

func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
