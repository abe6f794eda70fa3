package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"
)

// unread is a pipe that is full and that nobody reads.
func unread(j *ciJob) *os.File {
	var ends [2]int
	if err := syscall.Pipe2(ends[:], syscall.O_CLOEXEC|syscall.O_NONBLOCK); err != nil {
		j.t.Fatal(err)
	}
	for {
		_, err := syscall.Write(ends[1], make([]byte, 4096))
		if errors.Is(err, syscall.EAGAIN) {
			break
		}
		if err != nil {
			j.t.Fatal(err)
		}
	}
	if err := syscall.SetNonblock(ends[1], false); err != nil {
		j.t.Fatal(err)
	}
	w := os.NewFile(uintptr(ends[1]), "unread")
	j.t.Cleanup(func() { _, _ = w.Close(), syscall.Close(ends[0]) })
	return w
}

// limit is what a runner leaves a container after the first signal.
const limit = 6 * time.Second

// stop sends a process a signal and returns its exit code; it must end in time.
func (j *ciJob) stop(cmd *exec.Cmd, s os.Signal) int {
	j.t.Helper()
	sent := time.Now()
	if err := cmd.Process.Signal(s); err != nil {
		j.t.Fatal(err)
	}
	_ = cmd.Wait()
	if took := time.Since(sent); took > limit {
		j.t.Errorf("it took %s to stop", took)
	}
	return cmd.ProcessState.ExitCode()
}

func (j *ciJob) await(operation string) {
	j.t.Helper()
	deadline := time.Now().Add(time.Minute)
	for {
		for _, c := range j.aws.Calls() {
			if c.Operation == operation {
				return
			}
		}
		if time.Now().After(deadline) {
			j.t.Fatalf("%s was not called", operation)
		}
		time.Sleep(time.Millisecond)
	}
}

// A deploy does not wait for a reader: it is done although nobody reads. A signal
// afterwards ends the wait for the reader and changes nothing of the exit code.
func TestADeployDoesNotWaitForAReader(t *testing.T) {
	t.Parallel()
	j := newJob(t)
	j.must(deployArgs("small.json")...)
	j.keep()
	for _, written := range []string{"output", "summary"} {
		if err := os.Remove(j.path(written)); err != nil {
			t.Fatal(err)
		}
	}
	cmd := j.command(deployArgs("large.json")...)
	cmd.Stdout, cmd.Stderr = unread(j), unread(j)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	j.await("UpdateAlias")
	awaitFile(t, j.path("output"), "results<<")
	awaitFile(t, j.path("summary"), "ledger")
	if code := j.stop(cmd, syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if j.changed() == "" {
		t.Error("nothing was deployed")
	}
}

func awaitFile(t *testing.T, path, text string) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for {
		if content, err := os.ReadFile(path); err == nil && strings.Contains(string(content), text) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s never held %q", path, text)
		}
		time.Sleep(time.Millisecond)
	}
}

// Every signal that ends a process by default stops a deploy between two stages,
// in a terminal by a rollback, before a post step at once; one that was ignored at
// the start stays so.
func TestEverySignalStopsADeploy(t *testing.T) {
	t.Parallel()
	inheritNone()
	for name, s := range map[string]syscall.Signal{"INT": syscall.SIGINT, "TERM": syscall.SIGTERM, "HUP": syscall.SIGHUP, "QUIT": syscall.SIGQUIT} {
		for _, post := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				j := newJob(t)
				want := 1
				if post {
					j.env["LAMBDA_ROLLOUT_POST"], want = "1", 5
				}
				j.must(deployArgs("small.json")...)
				j.keep()
				var log bytes.Buffer
				cmd := j.command(deployArgs("large.json", "--traffic", "10%/1h")...)
				cmd.Stdout, cmd.Stderr = &log, &log
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				j.await("UpdateAlias")
				if code := j.stop(cmd, s); code != want {
					t.Fatalf("exit code %d, want %d\n%s", code, want, &log)
				}
				j.holds(want, moment{}, log.String())
				says := "Everything is as it was before the deployment"
				if post {
					says = "the post step rolls back what was changed"
				}
				if !strings.Contains(log.String(), says) {
					t.Errorf("it does not say %q:\n%s", says, &log)
				}
			})
		}
	}
}

// inheritNone lets processes that begin from here on ignore no signal: the shell or
// nohup may have begun these tests so, and what is handled here is not inherited.
func inheritNone() {
	for _, s := range []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT} {
		if signal.Ignored(s) {
			signal.Notify(make(chan os.Signal, 1), s)
		}
	}
}

func TestASignalThatWasIgnoredStaysIgnored(t *testing.T) {
	t.Parallel()
	inheritNone()
	shell, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("there is no shell")
	}
	j := newJob(t)
	j.must(deployArgs("small.json")...)
	j.keep()
	cmd := j.command(deployArgs("large.json", "--traffic", "10%/1h")...)
	cmd.Args = append([]string{"sh", "-c", `trap "" HUP; exec "$0" "$@"`}, cmd.Args...)
	cmd.Path = shell
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	j.await("UpdateAlias")
	if err := cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	// The second signal shows that the first did nothing: it is the one that stops.
	if code := j.stop(cmd, syscall.SIGTERM); code != 1 || j.changed() != "" || !strings.Contains(log.String(), "stopped by a signal: terminated") {
		t.Errorf("exit code %d, changes %s\n%s", code, j.changed(), &log)
	}
}

// Nothing that hangs before the first change outlives a signal.
func TestASignalEndsWhatHangsBeforeTheFirstChange(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{
		"a definition that is a pipe": deployArgs("pipe"),
		"a secret that is a pipe":     deployArgs("small.json", "--secrets-from", "db=file:pipe"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := newJob(t)
			var log bytes.Buffer
			pipe := j.path("workspace/pipe")
			if err := syscall.Mkfifo(pipe, 0o600); err != nil {
				t.Fatal(err)
			}
			cmd := j.command(args...)
			cmd.Stdout, cmd.Stderr = &log, &log
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			// It opens once the program has opened it to read.
			w, err := os.OpenFile(pipe, os.O_WRONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = w.Close() }()
			if code := j.stop(cmd, syscall.SIGTERM); code != 3 {
				t.Errorf("exit code %d\n%s", code, &log)
			}
		})
	}
}
