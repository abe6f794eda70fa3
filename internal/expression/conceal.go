package expression

import (
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"github.com/lambda-rollout/lambda-rollout/internal/diag"
)

// Conceal puts asterisks over what the scalar says literally in the source line
// of a fault in it, and over what follows on that line: where the scalar ends
// is not known any more. The names in its expressions stay.
func (s *Source) Conceal(n *yaml.Node, f diag.Problem) diag.Problem {
	if f.File != s.File || f.Line < n.Line {
		return f // the fault is in a variable's own place
	}
	line := f.Source
	for from := n.Column; f.Line == n.Line && from > 1 && line != ""; from-- {
		_, size := utf8.DecodeRuneInString(line)
		line = line[size:]
	}
	f.Source = f.Source[:len(f.Source)-len(line)] + covered(line)
	return f
}

// covered keeps of a text the blanks that it begins with and its expressions
// without their literals.
func covered(text string) string {
	indent := len(text) - len(strings.TrimLeft(text, " \t"))
	var b strings.Builder
	b.WriteString(text[:indent])
	for i := indent; i < len(text); {
		start, end, ok := nextSpan(text, i)
		if !ok {
			start, end = len(text), len(text)
		}
		b.WriteString(asterisks(text[i:start]) + withoutLiterals(text[start:end]))
		i = end
	}
	return b.String()
}

func asterisks(text string) string { return strings.Repeat("*", utf8.RuneCountInString(text)) }

// withoutLiterals covers the strings of a span, and what a runtime input's
// methods are given.
func withoutLiterals(span string) string {
	if end := spanEnd(span, 0); end > 0 && isInput(span[:end]) {
		return span[:end] + asterisks(span[end:])
	}
	quote := rune(0)
	return strings.Map(func(r rune) rune {
		switch {
		case r == quote:
			quote = 0
		case quote != 0:
			return '*'
		case r == '"' || r == '\'':
			quote = r
		}
		return r
	}, span)
}
