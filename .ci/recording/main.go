// Command recording plays commands on a terminal of its own, from a program and
// examples in a folder, and writes what the terminal gets as an asciicast
// (https://docs.asciinema.org/manual/asciicast/v2/) and its last screen as an SVG.
//
// Usage: go run ./.ci/recording FOLDER CAST SVG; the folder holds lambda-rollout and
// examples. It needs Linux and tmux.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const columns, rows = 100, 30

// scene is a command that is typed; "" for none.
type scene struct {
	command string
	// interrupt is when Ctrl-C is typed; 0 for never.
	interrupt time.Duration
}

const service = " --local --service examples/hello/service.yaml"

var scenes = []scene{
	{command: "lambda-rollout plan" + service + " --variables greeting=Hi"},
	{command: "lambda-rollout deploy" + service + " --variables greeting=Hi"},
	{command: "lambda-rollout invoke --local --function lambda-rollout-hello --qualifier live"},
	{command: "lambda-rollout rollback --local --function lambda-rollout-hello --alias live --latest"},
	{command: "lambda-rollout deploy" + service + " --variables greeting=Hey --traffic 10%/1m", interrupt: 4 * time.Second},
	{command: "lambda-rollout status --local --function lambda-rollout-hello"},
}

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: recording FOLDER CAST SVG")
		os.Exit(3)
	}
	if err := run(os.Args[1], os.Args[2], os.Args[3]); err != nil {
		fmt.Fprintln(os.Stderr, "recording:", err)
		os.Exit(1)
	}
}

func run(folder, castFile, svgFile string) error {
	c := &cast{}
	header, err := json.Marshal(map[string]any{
		"version": 2, "width": columns, "height": rows, "idle_time_limit": 2, "title": "lambda-rollout",
		"env": map[string]string{"TERM": "xterm-256color", "SHELL": "/bin/sh"},
	})
	if err != nil {
		return err
	}
	for _, s := range scenes {
		if err := c.play(folder, s); err != nil {
			return fmt.Errorf("%s: %w", s.command, err)
		}
	}
	c.add(time.Second, "\x1b[1;32m$\x1b[0m ")
	if err := os.WriteFile(castFile, append(append(header, '\n'), c.events.Bytes()...), 0o644); err != nil {
		return err
	}
	screen, err := lastScreen(c.text.Bytes())
	if err != nil {
		return err
	}
	return os.WriteFile(svgFile, []byte(drawing(screen)), 0o644)
}

// cast is a recording.
type cast struct {
	at           time.Duration
	events, text bytes.Buffer
}

// add records an output after some time.
func (c *cast) add(after time.Duration, output string) {
	c.at += after
	c.text.WriteString(output)
	line, err := json.Marshal([]any{float64(c.at.Milliseconds()) / 1000, "o", output})
	if err != nil {
		panic(err) // a number and texts always are JSON
	}
	c.events.Write(append(line, '\n'))
}

// play types a command and records what it writes to a terminal.
func (c *cast) play(folder string, s scene) error {
	c.add(time.Second, "\x1b[1;32m$\x1b[0m ")
	for _, key := range strings.SplitAfter(s.command, " ") {
		c.add(120*time.Millisecond, key)
	}
	c.add(300*time.Millisecond, "\r\n")
	terminal, other, err := openTerminal()
	if err != nil {
		return err
	}
	defer func() { _ = terminal.Close() }()
	cmd := exec.Command("sh", "-c", s.command)
	cmd.Dir, cmd.Env = folder, environment(folder)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = other, other, other
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	_ = other.Close()
	if s.interrupt > 0 {
		time.AfterFunc(s.interrupt, func() { _, _ = terminal.Write([]byte{3}) })
	}
	if err := c.record(terminal); err != nil {
		return err
	}
	var exit *exec.ExitError
	if err := cmd.Wait(); err != nil && (s.interrupt == 0 || !errors.As(err, &exit)) {
		return err
	}
	return nil
}

// record keeps what comes until the other end is closed, which Linux reports as EIO.
func (c *cast) record(terminal io.Reader) error {
	last, buffer := time.Now(), make([]byte, 64<<10)
	for {
		n, err := terminal.Read(buffer)
		if n > 0 {
			now := time.Now()
			c.add(now.Sub(last), string(buffer[:n]))
			last = now
		}
		if errors.Is(err, syscall.EIO) || errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// environment is that of a user's shell, without this machine's.
func environment(folder string) []string {
	return []string{"PATH=" + folder + ":" + os.Getenv("PATH"), "HOME=" + folder, "TERM=xterm-256color", "LANG=C.UTF-8"}
}

// openTerminal is a new pseudo-terminal: the end of the emulator, and that of the
// program.
func openTerminal() (emulator, program *os.File, err error) {
	emulator, err = os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		return nil, nil, err
	}
	fd := int(emulator.Fd())
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	err = errors.Join(err, unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0),
		unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: rows, Col: columns}))
	if err == nil {
		program, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	}
	return emulator, program, err
}
