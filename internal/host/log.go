package host

import (
	"bytes"
	"io"
	"sync"
	"unicode"
	"unicode/utf8"
)

// Log is the stream that a person reads. Many goroutines may write to it; a
// write is not torn by another.
type Log struct {
	mu       sync.Mutex
	to       io.Writer
	redactor redactor
	// commands says that the reader obeys workflow commands.
	commands bool
	guard    guard
}

func newLog(to io.Writer, commands bool) *Log {
	return &Log{to: to, commands: commands, guard: guard{lineStart: true}}
}

// Write hides secrets and breaks workflow commands. What may be the beginning
// of a secret waits for the next write, or for Flush.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.put(l.redactor.next(p)); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Flush writes what was kept back. Call it when nothing follows.
func (l *Log) Flush() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.put(l.redactor.flush()); err != nil {
		return err
	}
	half := l.guard.partial
	l.guard.partial = nil
	if len(half) == 0 {
		return nil
	}
	_, err := l.to.Write(half)
	return err
}

func (l *Log) put(p []byte) error {
	if len(p) == 0 {
		return nil
	}
	_, err := l.to.Write(l.guard.pass(p, l.commands))
	return err
}

// command writes a line of the program's own that the host obeys. It begins a
// line, whatever was written before.
func (l *Log) command(line string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.put(l.redactor.flush()); err != nil {
		return err
	}
	if !l.guard.lineStart {
		line = "\n" + line
	}
	_, err := io.WriteString(l.to, line)
	l.guard = guard{lineStart: true}
	return err
}

func (l *Log) setDestination(to io.Writer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.to = to
}

func (l *Log) hide(secret string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.redactor.add(secret)
}

func (l *Log) redact(text string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.redactor.text(text)
}

// guard breaks what GitHub's runner would obey: `::` after nothing but white
// space on a line, and `##[` anywhere. The runner ends a line at \r too
// (ActionCommand.TryParseV2 and TryParse; StreamReader.ReadLine).
type guard struct {
	// lineStart says that only white space was seen since the last line break.
	lineStart bool
	// colon says that one colon followed it.
	colon bool
	// hashes counts up to two # before this place.
	hashes int
	// partial is the beginning of a character that the next write ends.
	partial []byte
}

func (g *guard) pass(p []byte, commands bool) []byte {
	text := append(g.partial, p...)
	g.partial = nil
	out := make([]byte, 0, len(text)+2)
	for len(text) > 0 {
		if commands && !utf8.FullRune(text) {
			g.partial = bytes.Clone(text)
			break
		}
		r, size := utf8.DecodeRune(text)
		if commands && g.breaks(r) {
			out = append(out, ' ')
		}
		out = append(out, text[:size]...)
		text = text[size:]
		g.see(r)
	}
	return out
}

// breaks says whether a blank is needed before the next character.
func (g *guard) breaks(r rune) bool {
	return (g.colon && r == ':') || (g.hashes == 2 && r == '[')
}

func (g *guard) see(r rune) {
	switch {
	case r == '\n' || r == '\r':
		g.lineStart, g.colon = true, false
	case g.lineStart && r == ':':
		g.lineStart, g.colon = false, true
	case g.lineStart && (unicode.IsSpace(r) || unicode.Is(unicode.Cf, r)):
	default:
		g.lineStart, g.colon = false, false
	}
	if r == '#' {
		g.hashes = min(g.hashes+1, 2)
	} else {
		g.hashes = 0
	}
}
