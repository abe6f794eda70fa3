package redact

import (
	"bytes"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// speller finds how much of a text spells one character.
type speller struct {
	text []byte
	// lengths are those of the spellings that the text begins with.
	lengths []int
	// partial means that the text ends inside a spelling.
	partial bool
}

func (s *speller) spell(r rune) {
	s.plain(string(r))
	if r == '\n' {
		s.lineBreak()
	}
	if len(s.text) == 0 {
		return
	}
	switch s.text[0] {
	case '\\':
		s.backslash(r)
	case '%':
		s.percent(r)
		if r == ' ' {
			// A query's blank that was encoded once more.
			s.percent('+')
		}
	case '&':
		s.entity(1, r)
	case '=':
		s.quotedPrintable(r)
	case '+':
		if r == ' ' {
			s.lengths = append(s.lengths, 1)
		}
	case '\'':
		// YAML doubles the quote, a shell ends the text and begins it anew.
		if r == '\'' {
			s.plain(`''`)
			s.plain(`'\''`)
		}
	case '"':
		if r == '"' {
			s.plain(`""`)
		}
	}
}

// plain accepts a spelling as it is.
func (s *speller) plain(spelling string) {
	if n := min(len(s.text), len(spelling)); string(s.text[:n]) == spelling[:n] {
		if n == len(spelling) {
			s.lengths = append(s.lengths, n)
		} else {
			s.partial = true
		}
	}
}

// maxIndent is how far the lines of a block may be indented.
const maxIndent = 64

// lineBreak accepts every line break, and the indentation that a block has.
func (s *speller) lineBreak() {
	n := 0
	switch {
	case bytes.HasPrefix(s.text, []byte("\r\n")):
		n = 2
	case len(s.text) > 0 && (s.text[0] == '\r' || s.text[0] == '\n'):
		n = 1
	default:
		return
	}
	s.lengths = append(s.lengths, n)
	for i := n; i < min(len(s.text), n+maxIndent) && (s.text[i] == ' ' || s.text[i] == '\t'); i++ {
		s.lengths = append(s.lengths, i+1)
	}
	s.partial = s.partial || s.lengths[len(s.lengths)-1] == len(s.text)
}

// letters are the escapes of one letter in JSON, Go, YAML and JavaScript.
var letters = map[byte]rune{'a': '\a', 'b': '\b', 'e': 0x1b, 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t', 'v': '\v', '0': 0}

// maxSlashes is how often escapes may be escaped again: JSON inside JSON doubles
// its backslashes.
const maxSlashes = 8

// backslash accepts \n, \", \u00e9, \u{e9}, \ud83d\ude00, \xe9, \xc3\xa9, \U0001f600 and
// \351, behind any number of backslashes.
func (s *speller) backslash(r rune) {
	slashes := leading(s.text)
	if r == '\\' {
		for n := 2; n <= slashes; n++ {
			s.lengths = append(s.lengths, n)
		}
		s.partial = s.partial || slashes == len(s.text)
	}
	rest := s.text[slashes:]
	if len(rest) == 0 {
		s.partial = true
		return
	}
	if got, ok := letters[rest[0]]; ok && got == r {
		s.lengths = append(s.lengths, slashes+1)
	}
	if size := utf8.RuneLen(r); r != '\\' && (unicode.IsPunct(r) || unicode.IsSymbol(r) || r == ' ') && bytes.HasPrefix(rest, []byte(string(r))) {
		s.lengths = append(s.lengths, slashes+size)
	}
	switch rest[0] {
	case 'u':
		s.unicodeEscape(slashes, r)
	case 'U':
		if got, ok := s.digits(rest[1:], 8, 16); ok && got == r {
			s.lengths = append(s.lengths, slashes+9)
		}
	case 'x':
		s.hexBytes(r)
	case '0', '1', '2', '3':
		if got, ok := s.digits(rest, 3, 8); ok && got == r {
			s.lengths = append(s.lengths, slashes+3)
		}
	}
}

func leading(text []byte) int {
	n := 0
	for n < min(len(text), maxSlashes) && text[n] == '\\' {
		n++
	}
	return n
}

// digits reads a number of so many digits; the text may end inside it.
func (s *speller) digits(text []byte, n, base int) (rune, bool) {
	var v uint32
	for _, c := range text[:min(n, len(text))] {
		d := digit(c)
		if d >= base {
			return 0, false
		}
		v = v*uint32(base) + uint32(d)
	}
	s.partial = s.partial || len(text) < n
	return rune(v), len(text) >= n
}

// digit is the value of a digit; 16 for what is none.
func digit(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	}
	return 16
}

// unicodeEscape accepts \uXXXX, two of them for a character beyond the first
// plane.
func (s *speller) unicodeEscape(slashes int, r rune) {
	const size = 5 // u and four digits
	if digits, braced := bytes.CutPrefix(s.text[slashes+1:], []byte("{")); braced {
		end := bytes.IndexByte(digits[:min(len(digits), maxEntity)], '}')
		v, err := strconv.ParseUint(string(digits[:max(end, 0)]), 16, 32)
		if err == nil && rune(v) == r {
			s.lengths = append(s.lengths, slashes+len("u{")+end+1)
		}
		s.partial = s.partial || end < 0 && len(digits) < maxEntity
		return
	}
	first, ok := s.digits(s.text[slashes+1:], 4, 16)
	if !ok {
		return
	}
	if first == r {
		s.lengths = append(s.lengths, slashes+size)
	}
	if first == '&' {
		// JSON around HTML: \u0026amp;
		s.entity(slashes+size, r)
	}
	if high, _ := utf16.EncodeRune(r); first != high || high == unicode.ReplacementChar {
		return
	}
	rest := s.text[slashes+size:]
	again := leading(rest)
	if len(rest) == again {
		s.partial = true
		return
	}
	if rest[again] != 'u' || again == 0 {
		return
	}
	if second, ok := s.digits(rest[again+1:], 4, 16); ok && utf16.DecodeRune(first, second) == r {
		s.lengths = append(s.lengths, slashes+size+again+size)
	}
}

// hexBytes accepts \xe9, and \xc3\xa9 for the bytes of the same character.
func (s *speller) hexBytes(r rune) {
	slashes := leading(s.text)
	if got, ok := s.digits(s.text[slashes+1:], 2, 16); ok && got == r {
		s.lengths = append(s.lengths, slashes+3)
	}
	at := 0
	for _, want := range []byte(string(r)) {
		n := leading(s.text[at:])
		switch rest := s.text[at+n:]; {
		case len(rest) == 0:
			s.partial = true
			return
		case n == 0 || rest[0] != 'x':
			return
		default:
			if got, ok := s.digits(rest[1:], 2, 16); !ok || byte(got) != want {
				return
			}
			at += n + 3
		}
	}
	s.lengths = append(s.lengths, at)
}

// percent accepts %C3%A9, also where the percent signs were encoded again.
func (s *speller) percent(r rune) {
	at := 0
	for _, want := range []byte(string(r)) {
		if at == len(s.text) {
			s.partial = true
			return
		}
		if s.text[at] != '%' {
			return
		}
		for at++; ; at += 2 {
			got, ok := s.digits(s.text[at:], 2, 16)
			if !ok {
				return
			}
			if byte(got) == want {
				at += 2
				break
			}
			if got != '%' {
				return
			}
		}
	}
	s.lengths = append(s.lengths, at)
	for r == '%' && bytes.HasPrefix(s.text[at:], []byte("25")) {
		at += 2
		s.lengths = append(s.lengths, at)
	}
	if tail := s.text[at:]; r == '%' && (len(tail) == 0 || string(tail) == "2") {
		s.partial = true
	}
}

// quotedPrintable accepts =C3=A9, as mails have it
// (https://www.rfc-editor.org/rfc/rfc2045#section-6.7).
func (s *speller) quotedPrintable(r rune) {
	at := 0
	for i, want := range []byte(string(r)) {
		if i > 0 {
			n, open := softBreak(s.text[at:])
			at, s.partial = at+n, s.partial || open
		}
		if at == len(s.text) {
			s.partial = true
			return
		}
		if s.text[at] != '=' {
			return
		}
		if got, ok := s.digits(s.text[at+1:], 2, 16); !ok || byte(got) != want {
			return
		}
		at += 3
	}
	s.lengths = append(s.lengths, at)
}

// softBreak is the length of a line break of quoted-printable, which is none in
// the value; 0 for none.
func softBreak(text []byte) (n int, partial bool) {
	for _, form := range []string{"=\n", "=\r\n"} {
		if bytes.HasPrefix(text, []byte(form)) {
			return len(form), false
		}
	}
	return 0, string(text) == "=" || string(text) == "=\r"
}

var entities = map[string]rune{"amp": '&', "lt": '<', "gt": '>', "quot": '"', "apos": '\''}

// maxEntity is the length of the longest entity read, without its &: #1114111;
// and #x10ffff;.
const maxEntity = 9

// entity accepts &amp;, &#38; and &#x26; whose & ends at a place.
func (s *speller) entity(at int, r rune) {
	s.entityAt(at, r)
	for again := 0; again < maxAgain && bytes.HasPrefix(s.text[at:], []byte("amp;")); again++ {
		at += len("amp;")
		s.entityAt(at, r)
	}
}

// maxAgain is how often an entity may be escaped again: &amp;lt; is < twice.
const maxAgain = 4

func (s *speller) entityAt(at int, r rune) {
	rest := s.text[at:]
	end := bytes.IndexByte(rest[:min(len(rest), maxEntity)], ';')
	if end < 0 {
		s.partial = s.partial || len(rest) < maxEntity
		return
	}
	name := string(rest[:end])
	got, ok := entities[name]
	if digits, numeric := strings.CutPrefix(name, "#"); numeric {
		base := 10
		if digits != "" && (digits[0] == 'x' || digits[0] == 'X') {
			digits, base = digits[1:], 16
		}
		v, err := strconv.ParseUint(digits, base, 32)
		got, ok = rune(v), err == nil
	}
	if ok && got == r {
		s.lengths = append(s.lengths, at+end+1)
	}
}
