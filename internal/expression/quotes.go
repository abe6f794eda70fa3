package expression

import (
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/lambda-rollout/lambda-rollout/internal/yamltext"
)

// unquoted undoes the escapes that the quotes around a span ask for; offset
// maps an offset in the text back to raw.
func (s *Source) unquoted(sp span, style yaml.Style) (text string, offset func(int) int) {
	raw := s.text[sp.start:sp.end]
	if sp.template {
		return raw, func(i int) int { return sp.start + i }
	}
	undo := func(raw string, limit int) (string, int) { return raw, limit }
	switch {
	case style&yaml.DoubleQuotedStyle != 0 && strings.Contains(raw, `\`) && onlyEscapedQuotes(raw):
		undo = unescapeJSON
	case style&yaml.SingleQuotedStyle != 0 && onlyDoubledQuotes(raw):
		undo = undoubled
	}
	text, _ = undo(raw, len(raw))
	return text, func(i int) int {
		_, read := undo(raw, i)
		return sp.start + read
	}
}

// onlyEscapedQuotes distinguishes a span that is written for JSON, "<+a.get(\"b\")>",
// from one that is not, "<+a.get("b")>".
func onlyEscapedQuotes(raw string) bool {
	for i := 0; i < len(raw); i++ {
		switch raw[i] {
		case '\\':
			if i+1 < len(raw) && strings.IndexByte(`'>`, raw[i+1]) >= 0 {
				return false
			}
			i++
		case '"':
			return false
		}
	}
	return true
}

func onlyDoubledQuotes(raw string) bool {
	return strings.Contains(raw, "''") && !strings.Contains(strings.ReplaceAll(raw, "''", ""), "'")
}

// undoubled reads ” as ', up to limit bytes of text; read is how much of raw
// that took.
func undoubled(raw string, limit int) (text string, read int) {
	var b strings.Builder
	i := 0
	for ; i < len(raw) && b.Len() < limit; i++ {
		b.WriteByte(raw[i])
		if strings.HasPrefix(raw[i:], "''") {
			i++
		}
	}
	return b.String(), i
}

// unescapeJSON reads the escapes of a JSON string, up to limit bytes of text;
// read is how much of raw that took.
func unescapeJSON(raw string, limit int) (text string, read int) {
	var b strings.Builder
	i := 0
	for i < len(raw) && b.Len() < limit {
		if raw[i] != '\\' || i+1 == len(raw) {
			b.WriteByte(raw[i])
			i++
			continue
		}
		plain, n := jsonEscape(raw[i:])
		b.WriteString(plain)
		i += n
	}
	return b.String(), i
}

// jsonEscape is the meaning of an escape, and its length; an escape that JSON
// does not know stays as it is.
func jsonEscape(s string) (plain string, n int) {
	if i := strings.IndexByte(`"\/ntr`, s[1]); i >= 0 {
		return "\"\\/\n\t\r"[i : i+1], 2
	}
	if text, n := yamltext.Unescaped([]byte(s)); n > 2 {
		return string(text), n
	}
	if r, ok := hexRune(s[2:]); ok && s[1] == 'u' {
		return string(r), 6
	}
	return s[:2], 2
}
