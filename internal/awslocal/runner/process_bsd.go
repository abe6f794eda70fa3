//go:build unix && !linux

package runner

import (
	"os"
	"os/exec"
	"syscall"
)

// groupAttributes make a process the head of a group.
func groupAttributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// peakMemory is not known here.
func peakMemory(_ *os.Process, fallback int) int { return fallback }

// startConfined starts a process. Only Linux can take root's right from it to
// read what a file's mode forbids.
func startConfined(c *exec.Cmd) error { return c.Start() }
