package host

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// stateFile opens a file in the workspace's own folder, which it makes where it
// is missing. It follows no symbolic link: whoever may commit to the repository
// could plant one, and have the run write over files of the machine. A path that
// the host or the user names may be a link.
func (h *Host) stateFile(name string) (*os.File, error) {
	root, err := os.OpenRoot(h.Workspace())
	if err != nil {
		return nil, fmt.Errorf("open the workspace: %w", err)
	}
	defer func() { _ = root.Close() }()
	err = root.Mkdir(StateDir, 0o755)
	if errors.Is(err, fs.ErrPermission) {
		return nil, fmt.Errorf("make the folder %s: permission denied: run the step as the user who owns the workspace, or let its group write there", filepath.Join(h.Workspace(), StateDir))
	}
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("make the folder %s: %w", filepath.Join(h.Workspace(), StateDir), err)
	}
	path := filepath.Join(StateDir, name)
	for _, part := range []string{StateDir, path} {
		info, err := root.Lstat(part)
		if errors.Is(err, fs.ErrNotExist) && part == path {
			continue
		}
		if err != nil {
			return nil, err
		}
		if !info.IsDir() && part == StateDir || part == path && !info.Mode().IsRegular() {
			return nil, fmt.Errorf("%s is %s: nothing is written through it; remove it from the repository", filepath.Join(h.Workspace(), part), kindOf(info))
		}
	}
	return root.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
}

// KeepResults writes what is too large for an output into a file of the workspace's
// own folder, and returns its path relative to the workspace. What an earlier step
// wrote there is replaced.
func (h *Host) KeepResults(content []byte) (path string, err error) {
	const name = "results.json"
	f, err := h.stateFile(name)
	if err != nil {
		return "", err
	}
	if err = f.Truncate(0); err == nil {
		_, err = f.Write(content)
	}
	return filepath.Join(StateDir, name), errors.Join(err, f.Close())
}

// OutputLimit is how many characters all outputs of a step may have together; 0 for
// any number. GitHub counts two bytes for each, up to 1 MB for the outputs of a job
// (https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax#jobsjob_idoutputs).
func (h *Host) OutputLimit() int {
	if h.isActions() {
		return 400_000
	}
	return 0
}

// openToAppend opens a file that the host names. It waits for nobody who reads: a
// pipe without a reader is an error.
func openToAppend(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY|syscall.O_NONBLOCK, 0o644)
}

func kindOf(info fs.FileInfo) string {
	switch mode := info.Mode(); {
	case mode&fs.ModeSymlink != 0:
		return "a symbolic link"
	case mode.IsDir():
		return "a folder"
	case mode.IsRegular():
		return "a file"
	}
	return "not a regular file"
}
