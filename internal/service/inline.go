package service

import (
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/lambda-rollout/lambda-rollout/internal/diag"
	"github.com/lambda-rollout/lambda-rollout/internal/document"
)

// inline is a definition that is part of its manifest, with its expressions
// and at its place, so that problems in it have the lines and columns of the
// document. Folded text has only its first line there.
func inline(t document.Text) string {
	text, n := t.Raw(), t.Node
	switch {
	case n.Style&yaml.LiteralStyle != 0:
		return strings.Repeat("\n", n.Line) + indented(text, literalIndent(t))
	case strings.Contains(text, "\n"):
		return strings.Repeat("\n", n.Line-1) + text
	}
	col := n.Column
	if n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0 {
		col++
	}
	return strings.Repeat("\n", n.Line-1) + strings.Repeat(" ", col-1) + text
}

// literalIndent is how far a block of literal text is indented in its document.
func literalIndent(t document.Text) int {
	for i, line := range strings.Split(t.Raw(), "\n") {
		if strings.TrimSpace(line) != "" {
			source := diag.Line(t.Doc.Raw(), t.Node.Line+1+i)
			return max(0, blanks(source)-blanks(line))
		}
	}
	return 0
}

func blanks(line string) int { return len(line) - len(strings.TrimLeft(line, " ")) }

func indented(text string, by int) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if line != "" {
			lines[i] = strings.Repeat(" ", by) + line
		}
	}
	return strings.Join(lines, "\n")
}
