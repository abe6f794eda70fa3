package expression

import (
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/lambda-rollout/lambda-rollout/internal/diag"
)

// concealed replaces, in an excerpt, a value that no log may show. It reveals
// nothing about the value, not even its length.
const concealed = "***"

// region is a part of the text that no excerpt shows, from its first character
// to the one before end.
type region struct{ start, end place }

// endOfText lies behind every place.
var endOfText = place{1 << 30, 1}

// Hide keeps the nodes' values out of the source lines of problems, together
// with all that follows them up to the next node: where a value ends, the tree
// does not say. Of an expression the names stay, and its literals go.
func (d *Document) Hide(nodes ...*yaml.Node) {
	if len(nodes) == 0 {
		return
	}
	hide := make(map[*yaml.Node]bool, len(nodes))
	for _, n := range nodes {
		hide[n] = true
	}
	open := len(d.hidden)
	var walk func(n *yaml.Node)
	walk = func(n *yaml.Node) {
		for ; n.Line > 0 && open < len(d.hidden); open++ {
			d.hidden[open].end = place{n.Line, n.Column}
		}
		if hide[n] {
			d.hidden = append(d.hidden, region{d.shownUpTo(n), endOfText})
			return
		}
		for _, child := range n.Content {
			walk(child)
		}
	}
	walk(d.root)
}

// shownUpTo is where a value begins to be hidden: at its place, or, where it is
// an expression, at the first literal in it or at its end.
func (s *Source) shownUpTo(n *yaml.Node) place {
	at := place{n.Line, n.Column}
	line := diag.Line(s.text, n.Line)
	rest := line[byteOf(line, n.Column):]
	quote := ""
	if n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0 && rest != "" {
		quote, rest = rest[:1], rest[1:]
	}
	if n.Kind != yaml.ScalarNode || !strings.HasPrefix(rest, open) {
		return at
	}
	end := spanEnd(rest, 0)
	if end < 0 {
		return at
	}
	if literal := strings.IndexAny(rest[:end], `"'`); literal >= 0 {
		end = literal
	}
	return at.advance(quote + rest[:end])
}

// byteOf is the offset of a column in a line.
func byteOf(line string, col int) int {
	for i := range line {
		if col--; col == 0 {
			return i
		}
	}
	return len(line)
}

// excerpt is a line of the text for a problem at a column; empty where it would
// show what is hidden, or where the caret would not be under its character.
func (s *Source) excerpt(line, col int) string {
	text := diag.Line(s.text, line)
	for _, r := range s.hidden {
		if r.start.line > line || r.end.compare(place{line, 1}) <= 0 {
			continue
		}
		if r.start.line < line {
			if r.end.line == line && strings.TrimSpace(text[:byteOf(text, r.end.col)]) == "" {
				continue
			}
			return ""
		}
		if col > r.start.col {
			return ""
		}
		if from := byteOf(text, r.start.col); strings.TrimSpace(text[from:]) != "" {
			text = text[:from] + concealed
		}
	}
	if strings.TrimSpace(text) == concealed {
		return ""
	}
	return text
}
