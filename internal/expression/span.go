package expression

import (
	"strings"
)

const open = "<+"

// A span that is longer than this, or nested deeper, was never closed: looking
// further would make a file of opening brackets quadratic to read.
const (
	maxSpan      = 16 << 10
	maxSpanDepth = 32
)

// spanEnd finds the end (exclusive) of the span that starts at text[start:],
// which begins with <+. -1 means that it is never closed.
func spanEnd(text string, start int) int {
	limit := min(len(text), start+maxSpan)
	if end := smartEnd(text[:limit], start); end > 0 {
		return end
	}
	return simpleEnd(text[:limit], start)
}

// frame is one open <+ : how many brackets are open in it, and in which quotes
// the reader is.
type frame struct {
	brackets int
	quote    string
}

// smartEnd knows quotes, brackets and the operator >.
func smartEnd(text string, start int) int {
	var stack [maxSpanDepth]frame
	depth := 0
	for i := start + len(open); i < len(text); {
		top := &stack[depth]
		rest := text[i:]
		switch {
		case strings.HasPrefix(rest, open):
			if depth++; depth == maxSpanDepth {
				return -1
			}
			stack[depth] = frame{}
			i += len(open)
		case top.quote != "":
			i += inQuote(rest, &top.quote)
		case rest[0] == '"' || rest[0] == '\'':
			top.quote = rest[:1]
			i++
		case strings.HasPrefix(rest, `\"`) || strings.HasPrefix(rest, `\'`):
			top.quote = rest[:2]
			i += 2
		case strings.HasPrefix(rest, `\>`):
			i += 2
		case strings.IndexByte("([{", rest[0]) >= 0:
			top.brackets++
			i++
		case strings.IndexByte(")]}", rest[0]) >= 0:
			top.brackets--
			i++
		case rest[0] == '>' && !(top.brackets > 0 || isGreaterThan(text, i)):
			i++
			if depth--; depth < 0 {
				return i
			}
		default:
			i++
		}
	}
	return -1
}

// inQuote steps over one character of a string literal and closes it at its
// own delimiter.
func inQuote(rest string, quote *string) int {
	switch {
	case strings.HasPrefix(rest, *quote):
		n := len(*quote)
		*quote = ""
		return n
	case rest[0] == '\\' && len(rest) > 1:
		return 2
	}
	return 1
}

// isGreaterThan distinguishes the operator from the end of a span: it has a blank on
// its left, a blank or = on its right, and the span's end further right.
func isGreaterThan(text string, i int) bool {
	if i == 0 || i+1 >= len(text) || !isBlank(text[i-1]) || !(isBlank(text[i+1]) || text[i+1] == '=') {
		return false
	}
	depth := 0
	for j := i + 1; j < len(text) && text[j] != '\n'; j++ {
		switch {
		case strings.HasPrefix(text[j:], open):
			depth++
			j++
		case text[j] == '>' && depth == 0:
			return true
		case text[j] == '>':
			depth--
		}
	}
	return false
}

// simpleEnd is Harness' own rule, for text with an apostrophe or an odd
// parenthesis in it.
func simpleEnd(text string, start int) int {
	depth := 1
	for i := start + len(open); i < len(text); i++ {
		switch {
		case strings.HasPrefix(text[i:], open):
			if depth == maxSpanDepth {
				return -1
			}
			depth++
			i++
		case strings.HasPrefix(text[i:], `\>`):
			i++
		case text[i] == '>':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return -1
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

// nextSpan finds the first span at or after from, with the method chain that a
// runtime input carries outside its brackets; ok is false when there is none.
// An opening that is never closed is stepped over: it is text.
func nextSpan(text string, from int) (start, end int, ok bool) {
	closing := -1 // the first > behind start: without it there is no end
	for from < len(text) {
		i := strings.Index(text[from:], open)
		if i < 0 {
			return 0, 0, false
		}
		start = from + i
		if closing < start {
			i := strings.IndexByte(text[start:], '>')
			if i < 0 {
				return 0, 0, false
			}
			closing = start + i
		}
		end = -1
		if closing-start < maxSpan {
			end = spanEnd(text, start)
		}
		if end > 0 {
			if isInput(text[start:end]) {
				end = chainEnd(text, end)
			}
			return start, end, true
		}
		from = start + len(open)
	}
	return 0, 0, false
}
