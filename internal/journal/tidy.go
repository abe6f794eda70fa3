package journal

import (
	"context"
	"errors"
	"time"
)

// RemoveSettled removes a journal on this machine that is settled and was not
// written since a time; it reports whether it did. One that cannot be read, or may
// still be rolled back, stays.
func RemoveSettled(ctx context.Context, below, path string, before time.Time) (bool, error) {
	p := place{path: path, below: below}
	folder, name, err := p.open(false)
	if err != nil {
		return false, err
	}
	info, err := folder.Lstat(name)
	if err != nil || !info.Mode().IsRegular() || !info.ModTime().Before(before) {
		return false, errors.Join(err, folder.Close())
	}
	state, err := Read(ctx, newFile(p))
	if err != nil || !state.State.Settled() {
		return false, errors.Join(err, folder.Close())
	}
	return true, errors.Join(folder.Remove(name), folder.Close())
}
