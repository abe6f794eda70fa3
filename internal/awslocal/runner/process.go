//go:build unix

package runner

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"
)

// output carries what a process and its children print into a log.
type output struct {
	pipe *os.File
	raw  syscall.RawConn

	mu  sync.Mutex // one reader at a time, so that lines stay in order
	log io.Writer
	buf [32 << 10]byte
}

// startGroup starts a process as the head of a process group of its own, with
// both its streams going to log.
func startGroup(c *exec.Cmd, log io.Writer) (*output, error) {
	read, write, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("pipe for a function's log: %w", err)
	}
	o := &output{pipe: read, log: log}
	if o.raw, err = read.SyscallConn(); err != nil {
		return nil, errors.Join(err, read.Close(), write.Close())
	}
	c.Stdout, c.Stderr = write, write
	c.SysProcAttr = groupAttributes()
	err = startConfined(c)
	_ = write.Close() // the process has its own
	if err != nil {
		o.close()
		var cause syscall.Errno
		if errors.As(err, &cause) {
			return nil, &startError{"fork/exec /var/task/bootstrap: " + cause.Error()}
		}
		return nil, fmt.Errorf("start the function's process: %w", err)
	}
	go o.follow()
	return o, nil
}

// follow reads until the last process that can write is gone.
func (o *output) follow() {
	for {
		ended := false
		err := o.raw.Read(func(fd uintptr) bool {
			n, again := o.read(fd)
			ended = n == 0 && !again
			return !again
		})
		if err != nil || ended {
			return
		}
	}
}

// drain reads what was printed before it is called. A pipe holds 64 KB, so a
// process that never stops printing cannot hold it up.
func (o *output) drain() {
	if o == nil {
		return
	}
	_ = o.raw.Control(func(fd uintptr) { // closed: everything was read
		for range 4 {
			if n, again := o.read(fd); again || n == 0 {
				return
			}
		}
	})
}

// read takes one piece from the pipe into the log; again means that there is
// none now but may be later.
func (o *output) read(fd uintptr) (n int, again bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for {
		n, err := syscall.Read(int(fd), o.buf[:])
		switch {
		case errors.Is(err, syscall.EINTR):
			continue
		case errors.Is(err, syscall.EAGAIN):
			return 0, true
		case err != nil || n <= 0:
			return 0, false
		}
		_, _ = o.log.Write(o.buf[:n]) // a tail takes everything
		return n, false
	}
}

func (o *output) close() { _ = o.pipe.Close() } // only read from

// killGroup ends a process with all that it started.
func killGroup(p *os.Process) {
	_ = syscall.Kill(-p.Pid, syscall.SIGKILL) // gone already: nothing to do
}
