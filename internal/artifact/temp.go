package artifact

import (
	"fmt"
	"os"
	"path/filepath"
)

// NewTemp makes a folder for what one run zips and fetches, below the runner's
// own temporary folder where there is one, else below the workspace: a scratch
// image has no /tmp. remove takes it away again.
func NewTemp(runnerTemp, workspace string) (dir string, remove func() error, err error) {
	parent := runnerTemp
	if info, err := os.Stat(parent); parent == "" || err != nil || !info.IsDir() {
		parent = filepath.Join(workspace, ".lambda-rollout", "tmp")
	}
	if err := os.MkdirAll(parent, 0o700); err != nil {
		return "", nil, fmt.Errorf("make a temporary folder: %w", err)
	}
	dir, err = os.MkdirTemp(parent, "lambda-rollout-")
	if err != nil {
		return "", nil, fmt.Errorf("make a temporary folder: %w", err)
	}
	return dir, func() error { return os.RemoveAll(dir) }, nil
}
