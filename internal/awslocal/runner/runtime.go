package runner

import (
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// The runtimes that this machine lends: small programs that load the handler
// and speak the runtime API.
var (
	//go:embed bootstrap.mjs
	nodeBootstrap []byte
	//go:embed bootstrap.py
	pythonBootstrap []byte
)

// startError is a bootstrap that could not be started, in Lambda's words.
type startError struct{ message string }

func (e *startError) Error() string { return e.message }

// command is what runs a function, without its environment.
func (p *Pool) command(f Function, dir string) (*exec.Cmd, error) {
	switch {
	case strings.HasPrefix(f.Runtime, "provided"):
		path := filepath.Join(dir, "bootstrap")
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			return nil, &startError{"Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]"}
		}
		return in(dir, exec.Command(path)), nil
	case strings.HasPrefix(f.Runtime, "nodejs"):
		return p.interpreter(f, dir, bootstrap{program: "node", name: "bootstrap.mjs", source: nodeBootstrap})
	case strings.HasPrefix(f.Runtime, "python"):
		return p.interpreter(f, dir, bootstrap{program: "python3", flags: []string{"-u"}, name: "bootstrap.py", source: pythonBootstrap})
	}
	return nil, &UnsupportedError{
		f.Runtime,
		"the embedded AWS runs provided.*, nodejs* and python* functions; this one deploys but cannot be invoked here",
	}
}

// bootstrap is a script that an interpreter runs, with the program's flags before
// it.
type bootstrap struct {
	program string
	flags   []string
	name    string
	source  []byte
}

// interpreter is what runs a function by a script, which it writes on first use.
func (p *Pool) interpreter(f Function, dir string, b bootstrap) (*exec.Cmd, error) {
	path, err := exec.LookPath(b.program)
	if err != nil {
		return nil, &UnsupportedError{f.Runtime, fmt.Sprintf("%s is not on PATH: install it to invoke this function here", b.program)}
	}
	script := filepath.Join(p.dir, b.name)
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, err := os.Stat(script); errors.Is(err, fs.ErrNotExist) {
		if err := os.WriteFile(script, b.source, 0o600); err != nil {
			return nil, fmt.Errorf("write the %s bootstrap: %w", b.program, err)
		}
	}
	return in(dir, exec.Command(path, append(b.flags, script)...)), nil
}

func in(dir string, c *exec.Cmd) *exec.Cmd {
	c.Dir = dir
	return c
}
