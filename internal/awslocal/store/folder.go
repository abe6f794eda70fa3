package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"syscall"

	"github.com/lambda-rollout/lambda-rollout/internal/lazyregexp"
)

// ErrInUse means that another process has the folder.
var ErrInUse = errors.New("another process uses this folder")

// ErrForeign means that a folder holds what the store did not write.
var ErrForeign = errors.New("the folder holds files that are not the embedded AWS's: name a new or empty one")

// What lies in a folder of the store.
const (
	stateFolder = "state"
	tempFolder  = "tmp"
	blobFolder  = "blobs"
	lockFile    = "lock"
	// markerFile proves that a folder is the store's.
	markerFile = "lambda-rollout-local"
	markerText = "The embedded AWS of lambda-rollout keeps its state in this folder.\n"
)

var subfolders = []string{stateFolder, tempFolder, blobFolder}

// blobName is a hash, which is what blobs are called.
var blobName = lazyregexp.New(`^[0-9a-f]{64}$`)

// claim opens dir, or makes it, and marks it as the store's. A folder that is
// neither new, empty nor the store's is ErrForeign.
func claim(dir string) (_ *os.Root, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, root.Close())
		}
	}()
	ours, err := isOurs(root)
	if err != nil {
		return nil, err
	}
	if !ours {
		empty, err := isEmpty(root)
		if err != nil {
			return nil, err
		}
		if !empty {
			return nil, ErrForeign
		}
	}
	return root, mark(root)
}

// mark writes the marker, unless it is there.
func mark(root *os.Root) error {
	f, err := root.OpenFile(markerFile, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = f.WriteString(markerText)
	return errors.Join(err, f.Close())
}

// keepers are files that make Git keep an empty folder, or that a desktop leaves.
var keepers = []string{".gitignore", ".gitkeep", ".DS_Store"}

func isEmpty(root *os.Root) (bool, error) {
	entries, err := fs.ReadDir(root.FS(), ".")
	return !slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return !slices.Contains(keepers, e.Name()) }), err
}

// isOurs reports whether a folder carries the marker or has the layout of the
// release before the marker. A subfolder that is a link makes it foreign.
func isOurs(root *os.Root) (bool, error) {
	for _, name := range subfolders {
		info, err := root.Lstat(name)
		if err == nil && !info.IsDir() {
			return false, nil
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return false, err
		}
	}
	marked, err := isMarked(root)
	if marked || err != nil {
		return marked, err
	}
	return isUnmarked(root)
}

func isMarked(root *os.Root) (bool, error) {
	info, err := root.Lstat(markerFile)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil || !info.Mode().IsRegular() || info.Size() != int64(len(markerText)) {
		return false, err
	}
	text, err := root.ReadFile(markerFile)
	return string(text) == markerText, err
}

// isUnmarked recognises a folder that a release without marker wrote: exactly its
// three folders and its empty lock, with nothing but the store's names in them.
func isUnmarked(root *os.Root) (bool, error) {
	want := append([]string{lockFile}, subfolders...)
	entries, err := fs.ReadDir(root.FS(), ".")
	if err != nil {
		return false, err
	}
	found := 0
	for _, e := range entries {
		switch {
		case slices.Contains(keepers, e.Name()):
		case !slices.Contains(want, e.Name()):
			return false, nil
		default:
			found++
		}
	}
	lock, err := root.Lstat(lockFile)
	if err != nil || found != len(want) || !lock.Mode().IsRegular() || lock.Size() != 0 {
		return false, nil //nolint:nilerr // without its lock it is no folder of ours
	}
	for folder, ours := range map[string]func(string) bool{
		stateFolder: func(name string) bool { return strings.HasPrefix(name, "_") },
		tempFolder:  unfinished.MatchString,
		blobFolder:  blobName.MatchString,
	} {
		entries, err := fs.ReadDir(root.FS(), folder)
		if err != nil || slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return !ours(e.Name()) }) {
			return false, err
		}
	}
	return true, nil
}

// lockFolder makes this process the folder's only one.
func lockFolder(root *os.Root) (*os.File, error) {
	f, err := root.OpenFile(lockFile, os.O_CREATE|os.O_RDWR|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	return flock(f, syscall.LOCK_EX)
}

// shareFolder keeps writers out of the folder while it is read; nil where no
// process has ever locked it.
func shareFolder(root *os.Root) (*os.File, error) {
	f, err := root.Open(lockFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return flock(f, syscall.LOCK_SH)
}

func flock(f *os.File, how int) (*os.File, error) {
	err := syscall.Flock(int(f.Fd()), how|syscall.LOCK_NB)
	if err == nil {
		return f, nil
	}
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = ErrInUse
	}
	return nil, errors.Join(err, f.Close())
}

// unlock gives the folder free. Closing the file would not do: a process that was
// forked just now has a copy of it, and keeps the lock until it executes its program.
func unlock(f *os.File) error {
	return errors.Join(syscall.Flock(int(f.Fd()), syscall.LOCK_UN), f.Close())
}

// CheckDefault refuses a default folder that a link leads to: a repository can
// hold one, and the user has named no folder. Parents above base are the user's
// own. dir must lie below base.
func CheckDefault(base, dir string) error {
	for path := dir; path != base && len(path) > len(base); path = parent(path) {
		info, err := os.Lstat(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		if info.Mode()&fs.ModeSymlink != 0 {
			return fmt.Errorf("%s is a symbolic link: name the folder where the embedded AWS keeps its state", path)
		}
	}
	return nil
}

func parent(path string) string {
	i := strings.LastIndexByte(path, os.PathSeparator)
	return path[:max(i, 0)]
}
