package runner

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
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
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.Pid))
	if err != nil {
		return fallback
	}
	lines := bufio.NewScanner(bytes.NewReader(status))
	for lines.Scan() {
		var kb int
		if rest, ok := strings.CutPrefix(lines.Text(), "VmHWM:"); ok {
			if _, err := fmt.Sscan(rest, &kb); err == nil {
				return (kb + 1023) / 1024
			}
		}
	}
	return fallback
}
