package expression

import (
	"strings"
	"unicode/utf8"
)

type tokenKind uint8

const (
	tokEnd tokenKind = iota
	tokName
	tokNumber
	tokString
	tokSpan
	tokOp
)

// token is a piece of a block; text is its source, and for tokString what
// is between the quotes.
type token struct {
	kind  tokenKind
	text  string
	at    int
	inner int // where the content of a string or span starts
}

func (t token) describe() string {
	switch t.kind {
	case tokEnd:
		return "the end of the expression"
	case tokString:
		return "a string"
	case tokSpan:
		return "an inner expression"
	}
	return `"` + t.text + `"`
}

// operators, longest first.
var operators = []string{
	`\>=`, `\>`, "==", "!=", "<=", ">=", "&&", "||", "=~", "!~", "=^", "!^", "=$", "!$", "?:", "??",
	"<", ">", "!", "+", "-", "*", "/", "%", "?", ":", "(", ")", "[", "]", "{", "}", ",", ".",
}

// lex cuts the block that starts at base (an offset into the whole text).
func lex(block string, base int) ([]token, *Error) {
	out := make([]token, 0, 2+len(block)/6)
	for i := 0; i < len(block); {
		c := block[i]
		var t token
		var n int
		switch {
		case isBlank(c):
			i++
			continue
		case strings.HasPrefix(block[i:], open):
			end := spanEnd(block, i)
			if end < 0 {
				return nil, errorAt(base+i, "an inner <+ is not closed").hint("close it with >")
			}
			t, n = token{kind: tokSpan, text: block[i+len(open) : end-1], inner: base + i + len(open)}, end-i
		case c == '"' || c == '\'' || strings.HasPrefix(block[i:], `\"`) || strings.HasPrefix(block[i:], `\'`):
			var err *Error
			if t, n, err = lexString(block, i, base); err != nil {
				return nil, err
			}
		case isDigit(c):
			n = numberLength(block[i:])
			t = token{kind: tokNumber, text: block[i : i+n]}
		case isNameStart(c):
			n = nameLength(block[i:])
			t = token{kind: tokName, text: block[i : i+n]}
		default:
			op := operatorAt(block[i:])
			if op == "" {
				r, _ := utf8.DecodeRuneInString(block[i:])
				return nil, errorAt(base+i, "unexpected %q", r)
			}
			t, n = token{kind: tokOp, text: strings.TrimPrefix(op, `\`)}, len(op)
		}
		t.at = base + i
		out = append(out, t)
		i += n
		if len(out) > maxTokens {
			return nil, errorAt(base+i, "the expression is too long")
		}
	}
	return append(out, token{kind: tokEnd, at: base + len(block)}), nil
}

// lexString reads a literal in ", ', \" or \'; spans inside it may hold quotes
// of their own.
func lexString(block string, i, base int) (token, int, *Error) {
	quote := block[i : i+1]
	if quote == `\` {
		quote = block[i : i+2]
	}
	from := i + len(quote)
	for j := from; j < len(block); {
		switch {
		case strings.HasPrefix(block[j:], quote):
			t := token{kind: tokString, text: block[from:j], inner: base + from}
			return t, j + len(quote) - i, nil
		case block[j] == '\\' && j+1 < len(block):
			j += 2
		case strings.HasPrefix(block[j:], open):
			end := spanEnd(block, j)
			if end < 0 {
				end = j + len(open)
			}
			j = end
		default:
			j++
		}
	}
	return token{}, 0, errorAt(base+i, "the string that starts here is not closed")
}

func operatorAt(s string) string {
	for _, op := range operators {
		if strings.HasPrefix(s, op) {
			return op
		}
	}
	return ""
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isNameStart(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_' || c == '$' || c >= utf8.RuneSelf
}

func nameLength(s string) int {
	n := 0
	for n < len(s) && (isNameStart(s[n]) || isDigit(s[n])) {
		n++
	}
	return n
}

// numberLength takes 12, 1.5 and 1e-3; the point of 1.size() is not its.
func numberLength(s string) int {
	n := digits(s)
	if n+1 < len(s) && s[n] == '.' && isDigit(s[n+1]) {
		n += 1 + digits(s[n+1:])
	}
	if n < len(s) && (s[n] == 'e' || s[n] == 'E') {
		sign := n + 1
		if sign < len(s) && (s[sign] == '-' || s[sign] == '+') {
			sign++
		}
		if d := digits(s[sign:]); d > 0 {
			n = sign + d
		}
	}
	return n
}

func digits(s string) int {
	n := 0
	for n < len(s) && isDigit(s[n]) {
		n++
	}
	return n
}

// unescape reads the escapes of a JEXL string: \\ \" \' \n \t \r \uXXXX. A
// backslash before anything else stays, so that '\.' is a regular expression.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		i++
		switch s[i] {
		case '\\', '"', '\'':
			b.WriteByte(s[i])
		case 'n':
			b.WriteByte('\n')
		case 't':
			b.WriteByte('\t')
		case 'r':
			b.WriteByte('\r')
		case 'u':
			r, ok := hexRune(s[i+1:])
			if !ok {
				b.WriteString(`\u`)
				continue
			}
			b.WriteRune(r)
			i += 4
		default:
			b.WriteByte('\\')
			b.WriteByte(s[i])
		}
	}
	return b.String()
}

func hexRune(s string) (rune, bool) {
	if len(s) < 4 {
		return 0, false
	}
	var r rune
	for _, c := range []byte(s[:4]) {
		d := strings.IndexByte("0123456789abcdef", c|0x20)
		if d < 0 {
			return 0, false
		}
		r = r<<4 | rune(d)
	}
	return r, true
}
