package runner

import (
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
)

// groupAttributes make a process the head of a group, and end it with this
// process, should that be killed.
func groupAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// peakMemory is the most memory a process has used, in MB; fallback where it
// cannot be read any more.
func peakMemory(p *os.Process, fallback int) int {
	if p == nil {
		return fallback
	}
	status, err := os.ReadFile("/proc/" + strconv.Itoa(p.Pid) + "/status")
	if err != nil {
		return fallback
	}
	_, rest, _ := strings.Cut(string(status), "\nVmHWM:")
	text, _, _ := strings.Cut(rest, " kB")
	kb, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil {
		return fallback
	}
	return (kb + 1023) / 1024
}

// Capabilities that let root read and run what a file's mode forbids, and the
// call that takes one from all that a thread will start (capabilities(7),
// PR_CAPBSET_DROP of prctl(2)).
const (
	capDACOverride   = 1
	capDACReadSearch = 2
	prCapbsetDrop    = 24
)

// startConfined starts a process that a file's mode holds even where the user is
// root, since Lambda's user is not. The right is taken from one thread for good, so
// the process gets a thread of its own; the thread has to live as long as the
// process, which groupAttributes ends with it.
func startConfined(c *exec.Cmd) error {
	if os.Geteuid() != 0 {
		return c.Start()
	}
	started := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with this goroutine
		for _, capability := range []uintptr{capDACOverride, capDACReadSearch} {
			// A root without the right to drop rights runs the function as it is.
			_, _, _ = syscall.RawSyscall(syscall.SYS_PRCTL, prCapbsetDrop, capability, 0)
		}
		err := c.Start()
		started <- err
		if err == nil {
			waitForExit(c.Process.Pid)
		}
	}()
	return <-started
}

// waitForExit returns once a child has ended, and leaves its status to be read.
func waitForExit(pid int) {
	const wExited, wNoWait, pPID = 4, 0x1000000, 1
	for {
		_, _, err := syscall.Syscall6(syscall.SYS_WAITID, pPID, uintptr(pid), 0, wExited|wNoWait, 0, 0)
		if err != syscall.EINTR {
			return
		}
	}
}
