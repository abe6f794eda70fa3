// Package terminal lays out what a user reads on a terminal: lines with
// colours, names that are shortened to fit, text that is wrapped at words, and a
// block of lines that is drawn again and again below the log.
//
// It promises that no text acts on the terminal, whatever it holds, that no line
// of a block is wider than the terminal, and that a block that is erased leaves
// nothing behind and takes nothing else with it, also after the window became
// narrower. It writes nothing itself.
package terminal

import (
	"strings"
	"unicode"

	"github.com/lambda-rollout/lambda-rollout/internal/printable"
)

// Style is how a text looks. Colours are the sixteen that every user's theme
// sets, so that they are readable on dark and light.
type Style string

// The styles; each is the parameters of a select graphic rendition sequence
// (ECMA-48, 8.3.117).
const (
	Plain   Style = ""
	Dim     Style = "2"
	Bold    Style = "1"
	Good    Style = "32"
	Bad     Style = "31"
	Caution Style = "33"
	Busy    Style = "36"
)

// Span is a text in one style.
type Span struct {
	Style Style
	Text  string
}

// Line is one line, without its end.
type Line []Span

// Text is a line in one style.
func Text(s Style, text string) Line { return Line{{s, text}} }

// Width is how many columns a text takes.
func Width(text string) int {
	n := 0
	for _, r := range text {
		n += columns(r)
	}
	return n
}

// columns is how many columns a character takes: none where it joins the one
// before, two where it is wide (https://www.unicode.org/reports/tr11/).
func columns(r rune) int {
	switch {
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		return 0
	case r >= 0x1100 && r <= 0x115f, r >= 0x2e80 && r <= 0xa4cf && r != 0x303f, r >= 0xac00 && r <= 0xd7a3, r >= 0xf900 && r <= 0xfaff,
		r >= 0xfe30 && r <= 0xfe6f, r >= 0xff00 && r <= 0xff60, r >= 0xffe0 && r <= 0xffe6, r >= 0x1f300 && r <= 0x1f64f, r >= 0x1f900 && r <= 0x1f9ff, r >= 0x20000 && r <= 0x3fffd:
		return 2
	}
	return 1
}

// Width is how many columns the line takes.
func (l Line) Width() int {
	n := 0
	for _, s := range l {
		n += Width(s.Text)
	}
	return n
}

// String is the line without colours.
func (l Line) String() string { return l.Render(false) }

// Render is the line as it is sent to the terminal. Nothing in its texts acts on
// the terminal.
func (l Line) Render(colour bool) string {
	var b strings.Builder
	for _, s := range l {
		text := printable.Text(flat(s.Text))
		if !colour || s.Style == Plain || text == "" {
			b.WriteString(text)
			continue
		}
		b.WriteString("\x1b[" + string(s.Style) + "m" + text + "\x1b[0m")
	}
	return b.String()
}

// flat is a text on one line.
func flat(text string) string {
	return strings.NewReplacer("\r\n", " ", "\n", " ", "\t", " ").Replace(text)
}

// visible is the line as its reader sees it: what would act on the terminal is
// written out, and takes its columns.
func (l Line) visible() Line {
	out := make(Line, 0, len(l))
	for _, s := range l {
		out = append(out, Span{s.Style, printable.Text(flat(s.Text))})
	}
	return out
}

const ellipsis = "…"

// Cut is the line in at most so many columns: the end is left out.
func (l Line) Cut(width int) Line {
	l = l.visible()
	if l.Width() <= width {
		return l
	}
	var out Line
	left := width - 1
	for _, s := range l {
		if w := Width(s.Text); w <= left {
			out, left = append(out, s), left-w
			continue
		}
		head, _ := split(s.Text, left)
		out = append(out, Span{s.Style, head + ellipsis})
		break
	}
	return out
}

// split parts a text before the column.
func split(text string, width int) (head, tail string) {
	for i, r := range text {
		if width -= columns(r); width < 0 {
			return text[:i], text[i:]
		}
	}
	return text, ""
}

// Shorten is a name in at most so many columns: the middle is left out, because
// names differ at both ends.
func Shorten(name string, width int) string {
	if Width(name) <= width {
		return name
	}
	if width <= 1 {
		return ellipsis
	}
	head, _ := split(name, width/2)
	runes, tail := []rune(name), ""
	left := width - 1 - Width(head)
	for i := len(runes) - 1; i >= 0 && left >= columns(runes[i]); i-- {
		left -= columns(runes[i])
		tail = string(runes[i]) + tail
	}
	return head + ellipsis + tail
}

// Wrap breaks a text at blanks so that no line is wider than width; the lines
// after the first begin with the indent. A word that is wider stays whole, so
// that a command or a path can be copied.
func Wrap(text string, width int, indent string) []string {
	var lines []string
	line, words := "", 0
	for _, word := range strings.Fields(text) {
		switch {
		case words == 0:
			line += word
		case Width(line)+1+Width(word) > width:
			lines = append(lines, line)
			line = indent + word
		default:
			line += " " + word
		}
		words++
	}
	return append(lines, line)
}

// WrapKept is Wrap for a text whose lines, their indents and their columns mean
// something: only lines that do not fit are broken. A tab is a blank.
func WrapKept(text string, width int) string {
	var out []string
	for _, line := range strings.Split(strings.ReplaceAll(text, "\t", " "), "\n") {
		indent := line[:len(line)-len(strings.TrimLeft(line, " "))] + "  "
		for Width(line) > width {
			head, rest := breakAt(line, width)
			if rest == "" {
				break
			}
			out, line = append(out, head), indent+rest
		}
		out = append(out, line)
	}
	return strings.Join(out, "\n")
}

// breakAt parts a line at its last blank before the column, or, where the first word is
// wider, at the first behind it. rest is "" where there is none.
func breakAt(line string, width int) (head, rest string) {
	begin := len(line) - len(strings.TrimLeft(line, " "))
	fits, _ := split(line, width+1)
	at := strings.LastIndex(fits, " ")
	if at < begin {
		if at = strings.Index(line[begin:], " "); at < 0 {
			return line, ""
		}
		at += begin
	}
	return strings.TrimRight(line[:at], " "), strings.TrimLeft(line[at:], " ")
}
