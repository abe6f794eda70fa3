// Package printable makes characters visible that would otherwise act on the
// terminal or the browser that shows a log: escape sequences that move the cursor,
// change the title or the clipboard, and marks that turn the direction of a text.
//
// It promises that what it returns holds none of them, and that every other
// character, line feeds and tabs included, stays as it is.
package printable

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Rune returns how a character is shown that must not be shown as it is; ok is
// false for every other one.
//
// Besides control characters these are the bidirectional formatting characters of
// Unicode's annex 9 (https://www.unicode.org/reports/tr9/), line and paragraph
// separators, the byte order mark and the invisible tags
// (https://www.unicode.org/reports/tr36/).
func Rune(r rune) (shown string, ok bool) {
	switch {
	case r == '\n' || r == '\t':
		return "", false
	case r < 0x20 || r >= 0x7f && r <= 0x9f:
		return fmt.Sprintf(`\x%02x`, r), true
	case r == 0x061c, r == 0x200e, r == 0x200f, r >= 0x2028 && r <= 0x202e, r >= 0x2066 && r <= 0x2069, r == 0xfeff:
		return fmt.Sprintf(`\u%04x`, r), true
	case r >= 0xe0000 && r <= 0xe007f:
		return fmt.Sprintf(`\U%08x`, r), true
	}
	return "", false
}

// Byte returns how a byte is shown that is no part of a character.
func Byte(b byte) string { return fmt.Sprintf(`\x%02x`, b) }

// Text returns a text with all such characters made visible.
func Text(text string) string {
	var b strings.Builder
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		shown, ok := Rune(r)
		switch {
		case r == utf8.RuneError && size == 1:
			b.WriteString(Byte(text[i]))
		case ok:
			b.WriteString(shown)
		default:
			b.WriteString(text[i : i+size])
		}
		i += size
	}
	return b.String()
}
