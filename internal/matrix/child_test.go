package matrix

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path"
	"runtime/debug"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/cli"
	"github.com/lambda-rollout/lambda-rollout/internal/journal"
	"github.com/lambda-rollout/lambda-rollout/internal/rehearse"
)

// childCut makes this test binary the program itself, with a cut.
const childCut = "MATRIX_CUT"

// TestMain is the program where a test asks for it: no hook ships.
func TestMain(m *testing.M) {
	text, child := os.LookupEnv(childCut)
	if !child {
		for _, v := range os.Environ() {
			if name, _, _ := strings.Cut(v, "="); strings.HasPrefix(name, "AWS_") {
				_ = os.Unsetenv(name)
			}
		}
		// Hundreds of small worlds: memory is cheaper than collecting it often.
		debug.SetGCPercent(400)
		// The SDK reads this machine's own settings otherwise.
		_ = os.Setenv("AWS_CONFIG_FILE", os.DevNull)
		_ = os.Setenv("AWS_SHARED_CREDENTIALS_FILE", os.DevNull)
		os.Exit(m.Run())
	}
	var c cut
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		panic(err)
	}
	os.Exit(program(c))
}

// program is a real process that kills itself at its cut.
func program(c cut) int {
	p, err := cli.OS()
	if err != nil {
		panic(err)
	}
	if name := path.Base(p.Args[0]); name != "rollback" {
		p.Args[0] = "lambda-rollout"
	}
	// No call of a real process is late.
	p.Timing.Watch = time.Millisecond
	m := &rehearse.Machine{Cut: rehearse.Cut(c), Base: http.DefaultTransport, Kill: func() {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	}}
	p.HTTPClient = &http.Client{Transport: m}
	p.Store = func(root, path string) journal.Store {
		return rehearse.Mortal(journal.NewFileBelow(root, path), m)
	}
	return cli.Main(context.Background(), p)
}

// hang is when a real process counts as one that hangs.
const hang = 2 * time.Minute

// spawn starts a real process of the program.
func (w *world) spawn(p process) (running, error) {
	spec, err := json.Marshal(p.cut)
	if err != nil {
		return running{}, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), hang)
	w.t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, os.Args[0], p.args...)
	cmd.Args[0] = p.argv0()
	cmd.Env = append(p.environ(), childCut+"="+string(spec))
	var out bytes.Buffer
	cmd.Dir, cmd.Stdout, cmd.Stderr = w.dir, &out, &out
	if err := cmd.Start(); err != nil {
		return running{}, err
	}
	return running{w: w, signal: cmd.Process.Signal, wait: func() (ended, error) {
		err := cmd.Wait()
		if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
			err = nil
		}
		return ended{code: cmd.ProcessState.ExitCode(), output: out.String()}, err
	}}, nil
}
