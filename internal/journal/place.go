package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// place is where a journal's file is.
type place struct {
	// path is the file's path as the user knows it.
	path string
	// below is the folder below which no symbolic link is followed; "" where
	// links may be.
	below string
	// name is the file's name in its folder, once that was opened.
	name string
}

// open opens the folder of the file, made first where create asks for it.
func (p place) open(create bool) (*os.Root, string, error) {
	if p.below != "" {
		return p.openBelow(create)
	}
	path := p.path
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	} else if info, err := os.Lstat(path); err == nil && info.Mode()&fs.ModeSymlink != 0 {
		return nil, "", fmt.Errorf("%s is a symbolic link that leads nowhere", path)
	}
	if create {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return nil, "", p.explain(err)
		}
	}
	folder, err := os.OpenRoot(filepath.Dir(path))
	if err != nil {
		return nil, "", p.explain(err)
	}
	return folder, filepath.Base(path), nil
}

// openBelow walks down from below and follows no link.
func (p place) openBelow(create bool) (*os.Root, string, error) {
	rest, err := filepath.Rel(p.below, p.path)
	if err != nil || !filepath.IsLocal(rest) {
		return nil, "", fmt.Errorf("%s is not below %s", p.path, p.below)
	}
	folder, err := os.OpenRoot(p.below)
	if err != nil {
		return nil, "", p.explain(err)
	}
	names := strings.Split(rest, string(filepath.Separator))
	for _, name := range names[:len(names)-1] {
		next, err := descend(folder, name, create)
		if err := errors.Join(err, folder.Close()); err != nil {
			return nil, "", p.explain(err)
		}
		folder = next
	}
	return folder, names[len(names)-1], nil
}

func descend(folder *os.Root, name string, create bool) (*os.Root, error) {
	info, err := folder.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) && create {
		if err := folder.Mkdir(name, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, err
		}
		info, err = folder.Lstat(name)
	}
	if err != nil {
		return nil, err
	}
	if info.Mode()&fs.ModeSymlink != 0 {
		return nil, linkError(filepath.Join(folder.Name(), name))
	}
	return folder.OpenRoot(name)
}

func linkError(path string) error {
	return fmt.Errorf("%s is a symbolic link: nothing is written through it; remove the link, or name a journal file", path)
}

// explain says what helps where the folder may not be written to, as when a CI
// step's user is not the owner of the workspace.
func (p place) explain(err error) error {
	if !errors.Is(err, fs.ErrPermission) {
		return err
	}
	return fmt.Errorf("user %d may not write to the folder %s: %w (let the step run as the owner of the workspace, or set journal to a file that this user may write, or to s3://bucket/prefix)",
		os.Getuid(), filepath.Dir(p.path), err)
}

// openRegular opens a regular file and nothing else: a pipe would block, a link
// lead elsewhere.
func openRegular(folder *os.Root, name string, flags int) (*os.File, error) {
	if err := checkRegular(folder, name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return folder.OpenFile(name, flags, 0o600)
}

// checkRegular returns an error for what is not a regular file, fs.ErrNotExist where
// there is nothing.
func checkRegular(folder *os.Root, name string) error {
	path := filepath.Join(folder.Name(), name)
	info, err := folder.Lstat(name)
	switch {
	case err != nil:
		return err
	case info.Mode()&fs.ModeSymlink != 0:
		return linkError(path)
	case !info.Mode().IsRegular():
		return &irregularError{path, kindOf(info.Mode())}
	}
	return nil
}

// irregularError reports what cannot be a journal, because it is no file: it is
// ErrForeign, too.
type irregularError struct{ path, kind string }

func (e *irregularError) Error() string {
	return e.path + " is a " + e.kind + ", not a regular file: name a file"
}

func (e *irregularError) Is(target error) bool { return target == ErrForeign }

func kindOf(mode fs.FileMode) string {
	switch {
	case mode.IsDir():
		return "folder"
	case mode&fs.ModeNamedPipe != 0:
		return "named pipe"
	case mode&fs.ModeDevice != 0:
		return "device"
	}
	return "socket"
}

func syncFolder(folder *os.Root) error {
	dir, err := folder.Open(".")
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// OwnershipWarning says what is odd about the owner and the mode of a journal that
// was found; "" where nothing is. It is no reason to refuse: the volumes of CI
// servers change both.
func OwnershipWarning(path string) string {
	info, err := os.Lstat(path)
	if err != nil {
		return ""
	}
	owner := os.Getuid()
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		owner = int(stat.Uid)
	}
	return ownershipWarning(info.Mode(), owner, os.Getuid())
}

func ownershipWarning(mode fs.FileMode, owner, self int) string {
	var odd []string
	if owner != self {
		odd = append(odd, fmt.Sprintf("belongs to user %d, and this is user %d", owner, self))
	}
	if mode.Perm()&0o022 != 0 {
		odd = append(odd, fmt.Sprintf("may be written by others (mode %#o)", mode.Perm()))
	}
	return strings.Join(odd, ", and ")
}
