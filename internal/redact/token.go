package redact

import (
	"bytes"
	"unicode"
	"unicode/utf8"
)

// word reports whether a character joins its neighbours to one token.
func word(r rune) bool {
	return r == '_' || r == '-' || r == '.' || unicode.IsLetter(r) || unicode.IsDigit(r)
}

// tokenBegins reports whether a token may begin at a place. The value of a flag
// is none: commands that are printed for the user hold names and no secrets, and
// must run as they are.
func tokenBegins(text []byte, at int) bool {
	before, _ := utf8.DecodeLastRune(text[:at])
	if at > 0 && word(before) {
		return false
	}
	return !flagBefore(text[:at])
}

// tokenEnds reports whether a token ends at a place; known is false where the
// text ends there.
func tokenEnds(text []byte, at int) (ends, known bool) {
	rest := text[at:]
	if len(rest) == 0 || !utf8.FullRune(rest) {
		return true, false
	}
	if rest[0] == '.' && (len(rest) == 1 || !word(rune(rest[1]))) {
		// The end of a sentence.
		return true, len(rest) > 1
	}
	after, _ := utf8.DecodeRune(rest)
	return !word(after), true
}

// lookBehind is how much of a stream is kept to see what is before a place.
const lookBehind = 64

// flagBefore reports whether a text ends with `--flag ` or `--flag=`.
func flagBefore(text []byte) bool {
	text = text[max(0, len(text)-lookBehind):]
	if len(text) == 0 || text[len(text)-1] != ' ' && text[len(text)-1] != '=' {
		return false
	}
	text = text[:len(text)-1]
	text = text[bytes.LastIndexAny(text, " \t\r\n`'\"(")+1:]
	return len(text) > 2 && text[0] == '-' && text[1] == '-'
}
