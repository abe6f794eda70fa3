package host

import (
	"github.com/lambda-rollout/lambda-rollout/internal/terminal"
)

// Window is the size of a terminal, in characters; columns is 0 where there is
// none.
type Window func() (columns, rows int)

// Screen is the terminal on which the log is read. It shows lines in colour, and a
// block below the log that is drawn again and again.
type Screen struct {
	host   *Host
	window Window
	colour bool
}

// Screen returns the terminal of the log; nil where there is none, where it takes
// no control sequences, or where CI keeps what is written. NO_COLOR takes the
// colours away and nothing else (https://no-color.org).
func (h *Host) Screen() *Screen {
	window := h.options.StdoutWindow
	if h.log.isTo(h.options.Stderr) {
		window = h.options.StderrWindow
	}
	if term := h.env["TERM"]; window == nil || h.kind != Terminal || h.env["CI"] != "" || term == "" || term == "dumb" {
		return nil
	}
	if columns, _ := window(); columns == 0 {
		return nil
	}
	return &Screen{host: h, window: window, colour: h.env["NO_COLOR"] == ""}
}

// Size is how large the terminal is now: users resize it.
func (s *Screen) Size() (columns, rows int) {
	const leastColumns, usualRows = 20, 24
	columns, rows = s.window()
	if rows == 0 {
		rows = usualRows
	}
	return max(columns, leastColumns), rows
}

// Print shows lines for good.
func (s *Screen) Print(lines ...terminal.Line) {
	var text []byte
	for _, line := range lines {
		text = append(text, s.hide(line).Render(s.colour)...)
		text = append(text, '\n')
	}
	s.host.log.print(text)
}

// Draw shows lines below the log instead of those that it showed before; none
// takes them away.
func (s *Screen) Draw(lines []terminal.Line) {
	hidden := make([]terminal.Line, 0, len(lines))
	for _, line := range lines {
		hidden = append(hidden, s.hide(line))
	}
	s.host.log.draw(hidden, s)
}

func (s *Screen) hide(line terminal.Line) terminal.Line {
	out := make(terminal.Line, 0, len(line))
	for _, span := range line {
		out = append(out, terminal.Span{Style: span.Style, Text: s.host.Redact(span.Text)})
	}
	return out
}

// live is the block of a Screen below a Log.
type live struct {
	screen *Screen
	lines  []terminal.Line
	block  terminal.Block
}

// erase is what makes room for a line of the log.
func (l *live) erase() []byte {
	if !l.block.Shown() {
		return nil
	}
	columns, _ := l.screen.Size()
	return []byte(l.block.Erase(columns))
}

// again is what draws the block below the line.
func (l *live) again() []byte {
	if len(l.lines) == 0 {
		return nil
	}
	columns, _ := l.screen.Size()
	return []byte(l.block.Draw(l.lines, columns, l.screen.colour))
}

// print writes what is safe to show as it is.
func (l *Log) print(text []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.flush()
	l.put(text)
}

// draw replaces the block.
func (l *Log) draw(lines []terminal.Line, s *Screen) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.live.screen, l.live.lines = s, lines
	if !l.lineOpen {
		if len(lines) == 0 {
			l.send(l.live.erase())
			return
		}
		l.send(l.live.again())
	}
}

// isTo reports whether the log goes to a stream.
func (l *Log) isTo(w any) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.to == w
}
