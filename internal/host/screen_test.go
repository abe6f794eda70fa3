package host

import (
	"bytes"
	"testing"

	"github.com/lambda-rollout/lambda-rollout/internal/terminal"
)

func screenOf(out *bytes.Buffer, env ...string) (*Host, *Screen) {
	h := Detect(Options{Env: append(env, "TERM=xterm"), Stdout: out, StdoutWindow: func() (int, int) { return 40, 10 }})
	return h, h.Screen()
}

// A line of the log takes the place of the block, which is drawn again below it;
// a line that is not complete keeps the block away.
func TestTheLogIsWrittenAboveTheBlock(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	h, screen := screenOf(&out, "NO_COLOR=1")
	sends := func(want string, f func()) {
		t.Helper()
		out.Reset()
		f()
		h.Log().Flush()
		if out.String() != want {
			t.Errorf("%q, want %q", &out, want)
		}
	}
	block := []terminal.Line{terminal.Text(terminal.Busy, "busy")}
	sends("busy\x1b[K\n\x1b[J", func() { screen.Draw(block) })
	sends("\r\x1b[1A\x1b[Jline\nbusy\x1b[K\n\x1b[J", func() { screen.Print(terminal.Text(terminal.Good, "line")) })
	sends("\r\x1b[1A\x1b[Jhalf", func() { _, _ = h.Log().Write([]byte("half")) })
	sends("", func() { screen.Draw(block) })
	sends(" line\nbusy\x1b[K\n\x1b[J", func() { _, _ = h.Log().Write([]byte(" line\n")) })
	sends("\r\x1b[1A\x1b[J", func() { screen.Draw(nil) })
	sends("", func() { screen.Draw(nil) })
}

func TestAScreenShowsNoSecret(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	h, screen := screenOf(&out, "NO_COLOR=1")
	h.Mask("password", "open-sesame-42")
	screen.Draw([]terminal.Line{terminal.Text(terminal.Plain, "x open-sesame-42")})
	screen.Print(terminal.Text(terminal.Plain, "y open-sesame-42"))
	h.Log().Flush()
	if bytes.Contains(out.Bytes(), []byte("sesame")) || !bytes.Contains(out.Bytes(), []byte("y ***")) {
		t.Errorf("%q", &out)
	}
}

func TestAScreenNeedsATerminal(t *testing.T) {
	t.Parallel()
	window := func() (int, int) { return 40, 10 }
	for name, o := range map[string]Options{
		"no terminal":   {Env: []string{"TERM=xterm"}, StdoutWindow: func() (int, int) { return 0, 0 }},
		"TERM=dumb":     {Env: []string{"TERM=dumb"}, StdoutWindow: window},
		"TERM is unset": {StdoutWindow: window},
		"CI":            {Env: []string{"TERM=xterm", "CI=1"}, StdoutWindow: window},
		"GitHub":        {Env: []string{"TERM=xterm", "GITHUB_ACTIONS=true"}, StdoutWindow: window},
		"Woodpecker":    {Env: []string{"TERM=xterm", "CI=woodpecker"}, StdoutWindow: window},
	} {
		o.Stdout, o.Stderr = &bytes.Buffer{}, &bytes.Buffer{}
		if Detect(o).Screen() != nil {
			t.Errorf("%s: there is a screen", name)
		}
	}
	// With --output json the log is on stderr, and so is its screen.
	h := Detect(Options{Env: []string{"TERM=xterm"}, Stdout: &bytes.Buffer{}, Stderr: &bytes.Buffer{}, StderrWindow: window})
	if h.Screen() != nil {
		t.Error("stdout is no terminal")
	}
	if h.LogToStderr(); h.Screen() == nil {
		t.Error("stderr is one")
	}
}
