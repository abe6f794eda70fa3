package definition

import (
	"strings"

	"gopkg.in/yaml.v3"
)

// hideSecrets puts asterisks over the environment's values in the source lines
// that faults show: a fault beside a value must not carry it into a log. The
// columns stay where they are.
func (d *decoder) hideSecrets() {
	for _, n := range d.secrets {
		at := d.doc.Fault(n, "", "")
		for i := range d.faults {
			if f := &d.faults[i]; f.File == at.File && f.Line == at.Line && f.Source != "" {
				f.Source = hideAt([]rune(f.Source), at.Col-1, n)
			}
		}
	}
}

// hideAt covers a value that begins at an index: to its closing quote, or as
// many characters as a plain value has, or, where it is an expression or
// anything else, to the end of the line.
func hideAt(line []rune, start int, n *yaml.Node) string {
	if start < 0 || start >= len(line) {
		return string(line)
	}
	end := len(line)
	switch quote := line[start]; {
	case n.Kind != yaml.ScalarNode:
	case quote == '"' || quote == '\'':
		start++
		if end = closing(line, start, quote); strings.Contains(string(line[start:end]), "<+") {
			end = len(line) // the quote may be one of the expression's own
		}
	case strings.HasPrefix(string(line[start:]), n.Value):
		end = start + len([]rune(n.Value))
	}
	for i := start; i < end; i++ {
		line[i] = '*'
	}
	return string(line)
}

// closing is the index of the quote that ends a scalar, or the line's end.
func closing(line []rune, from int, quote rune) int {
	for i := from; i < len(line); i++ {
		switch {
		case quote == '"' && line[i] == '\\', quote == '\'' && line[i] == '\'' && i+1 < len(line) && line[i+1] == '\'':
			i++
		case line[i] == quote:
			return i
		}
	}
	return len(line)
}
