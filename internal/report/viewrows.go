package report

import (
	"strings"

	"github.com/lambda-rollout/lambda-rollout/internal/terminal"
)

// widest is how wide a line becomes on a wide terminal: its time would be far from
// what it belongs to.
const widest = 100

// layout lays out lines of a certain width.
type layout struct{ width int }

// The marks in front of a line.
var (
	ok      = terminal.Span{Style: terminal.Good, Text: "✓"}
	wrong   = terminal.Span{Style: terminal.Bad, Text: "✗"}
	undone  = terminal.Span{Style: terminal.Good, Text: "↩"}
	warning = terminal.Span{Style: terminal.Caution, Text: "!"}
	note    = terminal.Span{Style: terminal.Dim, Text: "·"}
)

const rowIndent = "    "

// leastName is how much of a name stays at least: what is told apart by less than
// that is not read.
const leastName = 24

// row is one line with a mark in front and a time at its end: a long name loses
// its middle, and a text that is still too long goes on in further lines.
func (p layout) row(mark terminal.Span, name, text, took string) []terminal.Line {
	if name != "" {
		// Where the text takes more than a line anyway, the name stays whole.
		if room := p.width - len(rowIndent) - terminal.Width(": "+text) - timeWidth(took); room >= leastName {
			name = terminal.Shorten(name, room)
		}
		name += ": "
	}
	wrapped := terminal.Wrap(name+text, p.width-len(rowIndent)-timeWidth(took), "")
	var lines []terminal.Line
	for i, part := range wrapped {
		if i > 0 {
			lines = append(lines, terminal.Text(textStyle(mark), rowIndent+part))
			continue
		}
		line := terminal.Line{{Text: "  "}, mark, {Text: " "}, {Style: textStyle(mark), Text: part}}
		if took != "" {
			gap := max(2, p.width-line.Width()-terminal.Width(took))
			line = append(line, terminal.Span{Style: terminal.Dim, Text: strings.Repeat(" ", gap) + took})
		}
		lines = append(lines, line)
	}
	return lines
}

// timeWidth is what a time at the end of a line takes, with the gap before it.
func timeWidth(took string) int {
	if took == "" {
		return 0
	}
	return terminal.Width(took) + 2
}

// textStyle is how the text behind a mark looks: what went as it should does not
// stand out.
func textStyle(mark terminal.Span) terminal.Style {
	switch mark.Style {
	case terminal.Bad, terminal.Caution, terminal.Dim:
		return mark.Style
	case terminal.Plain, terminal.Good, terminal.Bold, terminal.Busy:
	}
	return terminal.Plain
}

// text is a text of its own, at the margin.
func (p layout) text(s terminal.Style, text string) []terminal.Line {
	var lines []terminal.Line
	for _, part := range terminal.Wrap(text, p.width, "  ") {
		lines = append(lines, terminal.Text(s, part))
	}
	return lines
}

// below is what belongs to the row before, dimmed.
func (p layout) below(text string) []terminal.Line {
	var lines []terminal.Line
	for _, part := range terminal.Wrap(text, p.width-len(rowIndent), "") {
		lines = append(lines, terminal.Text(terminal.Dim, rowIndent+part))
	}
	return lines
}

// block is text of several lines that belongs to the row before and keeps its
// indents.
func (p layout) block(text string) []terminal.Line {
	var lines []terminal.Line
	for _, line := range strings.Split(terminal.WrapKept(strings.TrimRight(text, "\n"), p.width-len(rowIndent)), "\n") {
		lines = append(lines, terminal.Text(terminal.Plain, rowIndent+line))
	}
	return lines
}
