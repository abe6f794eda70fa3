package host

import (
	"errors"
	"os"
	"path/filepath"
)

// stateFiles say what the StateDir is, and keep it out of Git.
var stateFiles = []struct{ name, content string }{
	{".gitignore", "# Written by lambda-rollout: nothing in here belongs in a repository.\n*\n"},
	{"README.md", `# What is this folder?

lambda-rollout keeps its state here. The folder is created again if it is missing.

- lambda-rollout-*.jsonl are the journals of runs: what each changed, so that
  lambda-rollout rollback can undo it. A journal that is rolled back or kept is
  removed after 30 days. Do not delete others before you are sure that nobody
  needs to roll them back.
- outputs.env holds the outputs of the last run.
- local is the embedded AWS of --local: its functions, objects and logs. Delete it
  to start again.

Nothing in here belongs in a repository; .gitignore keeps it out.
`},
}

// DescribeStateDir adds to the StateDir, where there is one, the files that say what
// it is, unless they are there. It follows no link. What cannot be written is no
// reason to fail.
func (h *Host) DescribeStateDir() {
	workspace, err := os.OpenRoot(h.Workspace())
	if err != nil {
		return
	}
	defer workspace.Close()
	if info, err := workspace.Lstat(StateDir); err != nil || !info.IsDir() {
		return
	}
	for _, f := range stateFiles {
		file, err := workspace.OpenFile(filepath.Join(StateDir, f.name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
		if err != nil {
			continue
		}
		_, err = file.WriteString(f.content)
		if err = errors.Join(err, file.Close()); err != nil {
			// Half of it would say something else: next time it is written whole.
			_ = workspace.Remove(filepath.Join(StateDir, f.name))
		}
	}
}
