package host

import (
	"bytes"
	"fmt"
	"io"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/lambda-rollout/lambda-rollout/internal/printable"
	"github.com/lambda-rollout/lambda-rollout/internal/redact"
)

// Log is the stream that a user reads. Many goroutines may write to it; a write
// is not torn by another.
//
// A log that cannot be written must not stop a deployment, nor its rollback: no
// method fails. The log goes on on the spare stream, and is dropped where that
// one is broken too.
type Log struct {
	mu sync.Mutex
	to io.Writer
	// spare takes over when to is broken; nil where there is none left.
	spare  io.Writer
	secret *redact.Stream
	// commands means that the reader obeys workflow commands.
	commands bool
	guard    guard
	// live is what is drawn below the log on a terminal; lineOpen means that a line
	// of the log has no end yet, below which nothing can be drawn.
	live     live
	lineOpen bool
}

func newLog(to, spare io.Writer, secrets *redact.Set, commands bool) *Log {
	return &Log{to: to, spare: spare, secret: secrets.Stream(), commands: commands, guard: guard{lineStart: true}}
}

// Write hides secrets, breaks workflow commands and makes control characters
// visible. What may be the beginning of a secret waits for the next write, or for
// Flush. Its error is always nil.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.put(l.guard.pass(l.secret.Next(p), l.commands))
	return len(p), nil
}

// Flush writes what was kept back, and waits until the stream has taken it. Call
// it when nothing follows.
func (l *Log) Flush() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.flush()
	if s, ok := l.to.(interface{ Flush() error }); ok {
		if err := s.Flush(); err != nil {
			l.broken(err)
		}
	}
}

func (l *Log) flush() {
	l.put(l.guard.pass(l.secret.Flush(), l.commands))
	l.put(l.guard.rest())
}

// put writes above what is drawn.
func (l *Log) put(p []byte) {
	if len(p) == 0 {
		return
	}
	l.lineOpen = p[len(p)-1] != '\n'
	p = append(l.live.erase(), p...)
	if !l.lineOpen {
		p = append(p, l.live.again()...)
	}
	l.send(p)
}

func (l *Log) send(p []byte) {
	if len(p) == 0 || l.to == nil {
		return
	}
	if _, err := l.to.Write(p); err != nil && l.broken(err) {
		l.send(p)
	}
}

// broken goes over to the spare stream; ok is false where none is left.
func (l *Log) broken(err error) (ok bool) {
	lost, _ := l.to.(interface{ Unsent() []byte })
	l.to, l.spare = l.spare, nil
	if l.to == nil {
		return false
	}
	l.live = live{}
	l.send(fmt.Appendf(nil, "lambda-rollout: the log cannot be written to stdout (%v), so it continues here; the run continues, too\n", err))
	if lost != nil {
		l.send(lost.Unsent())
	}
	return true
}

// command writes a line of the program's own that the host obeys. It begins a
// line, whatever was written before.
func (l *Log) command(line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.flush()
	if !l.guard.lineStart {
		line = "\n" + line
	}
	l.put([]byte(line))
	l.guard = guard{lineStart: true}
}

// setDestination sends what follows elsewhere. What was written before stays
// before it.
func (l *Log) setDestination(to io.Writer) {
	l.Flush()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.to == nil || l.to == to {
		return
	}
	l.send(l.live.erase())
	l.live = live{}
	l.to, l.spare = to, nil
}

// guard breaks what GitHub's runner would obey: `::` after nothing but white
// space on a line, and `##[` anywhere (ActionCommand.TryParseV2 and TryParse).
// On every host it makes control characters visible, lone carriage returns among
// them: the runner ends a line there, and a terminal writes over it.
type guard struct {
	// lineStart means that only white space was seen since the last line break.
	lineStart bool
	// colon means that one colon followed it.
	colon bool
	// hashes counts up to two # before this place.
	hashes int
	// partial is the beginning of a character, or a carriage return, that the next
	// write decides.
	partial []byte
}

func (g *guard) pass(p []byte, commands bool) []byte {
	text := append(g.partial, p...)
	g.partial = nil
	out := make([]byte, 0, len(text)+2)
	for len(text) > 0 {
		if !utf8.FullRune(text) || len(text) == 1 && text[0] == '\r' {
			g.partial = bytes.Clone(text)
			break
		}
		r, size := utf8.DecodeRune(text)
		shown, hidden := printable.Rune(r)
		switch {
		case r == '\r' && text[1] == '\n':
			// The line break of Windows is one.
		case r == utf8.RuneError && size == 1:
			out = append(out, printable.Byte(text[0])...)
			g.see('?')
		case hidden:
			out = append(out, shown...)
			g.see('?')
		default:
			if commands && g.breaks(r) {
				out = append(out, ' ')
			}
			out = append(out, text[:size]...)
			g.see(r)
		}
		text = text[size:]
	}
	return out
}

// rest is what waits for a write that does not come.
func (g *guard) rest() []byte {
	rest := g.partial
	g.partial = nil
	var out []byte
	for _, b := range rest {
		out = append(out, printable.Byte(b)...)
	}
	return out
}

// breaks reports whether a blank is needed before the next character.
func (g *guard) breaks(r rune) bool {
	return (g.colon && r == ':') || (g.hashes == 2 && r == '[')
}

func (g *guard) see(r rune) {
	switch {
	case r == '\n':
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
