// Package yamltext prepares JSON for a YAML parser.
package yamltext

import (
	"bytes"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/lambda-rollout/lambda-rollout/internal/lazyregexp"
)

var jsonOnly = lazyregexp.New(`\\/|\\u[dD][89abAB]`)

// OfJSON makes of JSON what the YAML parser understands. YAML 1.2 has all of JSON,
// but yaml.v3 knows neither the escape \/, which PHP writes for every slash, nor a
// pair of surrogates like \ud83d\ude00, which Python writes for an emoji
// (https://www.rfc-editor.org/rfc/rfc8259#section-7). Each becomes its character;
// spaces after the string keep the columns of what follows. Text that is not JSON
// stays as it is.
func OfJSON(src []byte) []byte {
	trimmed := bytes.TrimLeft(src, " \t\r\n")
	if len(trimmed) == 0 || trimmed[0] != '{' && trimmed[0] != '[' || !jsonOnly.Match(src) {
		return src
	}
	var out bytes.Buffer
	quoted, missing := false, 0
	for i := 0; i < len(src); {
		switch c := src[i]; {
		case c == '"':
			out.WriteByte(c)
			if quoted {
				out.WriteString(strings.Repeat(" ", missing))
			}
			quoted, missing = !quoted, 0
			i++
		case c == '\\' && quoted:
			text, n := Unescaped(src[i:])
			out.Write(text)
			missing += n - utf8.RuneCount(text)
			i += n
		default:
			out.WriteByte(c)
			i++
		}
	}
	return out.Bytes()
}

// Unescaped returns the meaning of the escape that src begins with, where YAML has
// not the same one, or else the escape itself; n is how long the escape is.
func Unescaped(src []byte) (text []byte, n int) {
	if bytes.HasPrefix(src, []byte(`\/`)) {
		return src[1:2], 2
	}
	if high, ok := hexEscape(src); ok && utf16.IsSurrogate(high) {
		if low, ok := hexEscape(src[6:]); ok {
			if r := utf16.DecodeRune(high, low); r != utf8.RuneError {
				return utf8.AppendRune(nil, r), 12
			}
		}
	}
	n = min(2, len(src))
	return src[:n], n
}

// hexEscape reads \uXXXX.
func hexEscape(src []byte) (rune, bool) {
	if len(src) < 6 || src[0] != '\\' || src[1] != 'u' {
		return 0, false
	}
	v, err := strconv.ParseUint(string(src[2:6]), 16, 16)
	return rune(v), err == nil
}
