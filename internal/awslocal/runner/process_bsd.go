//go:build unix && !linux

package runner

import (
	"os"
	"syscall"
)

// groupAttributes make a process the head of a group.
func groupAttributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// peakMemory is not known here.
func peakMemory(_ *os.Process, fallback int) int { return fallback }
