package runner

import (
	"os"
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
