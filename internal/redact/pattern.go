package redact

import (
	"bytes"
	"cmp"
	"slices"
	"strings"
	"unicode/utf8"
)

// pattern is one text to hide, in every spelling that spell knows.
type pattern struct {
	text string
	// weak patterns match whole tokens only.
	weak bool
	// wraps allows line breaks between characters, as base64 has them.
	wraps bool
}

func byLength(a, b *pattern) int { return cmp.Compare(len(b.text), len(a.text)) }

// match is the length of the longest spelling of the pattern that begins at a place
// of a text, 0 for none; partial means that the text ends inside such a spelling.
func (p *pattern) match(whole []byte, begin int) (n int, partial bool) {
	text := whole[begin:]
	if p.differs(text) {
		return 0, false
	}
	var these, those [8]int
	at, next := append(these[:0], 0), those[:0]
	for k, r := range p.text {
		next = next[:0]
		for _, from := range at {
			if from < len(text) && plain(text[from]) {
				// It spells itself and nothing else.
				if rune(text[from]) == r {
					next = appendNew(next, from+1)
				}
				continue
			}
			s := speller{text: text[from:]}
			p.spell(&s, r, k > 0, whole[:begin+from])
			partial = partial || s.partial
			for _, l := range s.lengths {
				next = appendNew(next, from+l)
			}
		}
		if at, next = next, at; len(at) == 0 {
			return 0, partial
		}
	}
	return slices.Max(at), partial
}

// appendNew adds a place that is not among them yet.
func appendNew(places []int, place int) []int {
	if slices.Contains(places, place) {
		return places
	}
	return append(places, place)
}

// spell finds how much of a text spells a character of the pattern; inside the
// pattern a line break may come first. The text before decides whether it may.
func (p *pattern) spell(s *speller, r rune, inside bool, before []byte) {
	s.spell(r)
	if !inside || len(s.text) == 0 {
		return
	}
	var breaks []int
	if soft, open := softBreak(s.text); soft > 0 {
		breaks = append(breaks, soft)
	} else {
		s.partial = s.partial || open
	}
	if p.wraps && runBefore(before) {
		line := speller{text: s.text}
		line.spell('\n')
		breaks, s.partial = append(breaks, line.lengths...), s.partial || line.partial
	}
	for _, n := range breaks {
		behind := speller{text: s.text[n:]}
		behind.spell(r)
		s.partial = s.partial || behind.partial
		for _, l := range behind.lengths {
			s.lengths = append(s.lengths, n+l)
		}
	}
}

// breaksFrom is the least number of letters and digits of an alphabet before a line
// break among them. Encoders break lines at 60 and more; a word at the end of a line
// must not wait for the next one.
const breaksFrom = 16

// runBefore reports whether a text ends with so many.
func runBefore(text []byte) bool {
	for n := range breaksFrom {
		i := len(text) - 1 - n
		if i < 0 || !inAlphabet(text[i]) {
			return false
		}
	}
	return true
}

func inAlphabet(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || strings.IndexByte("+/-_", c) >= 0
}

// differs reports at once, for most places, that an early character is another one.
func (p *pattern) differs(text []byte) bool {
	at := 0
	for i := range len(p.text) {
		if at == len(text) || !plain(p.text[i]) {
			return false
		}
		if text[at] == '\n' || text[at] == '\r' {
			if i == 0 || !p.wraps {
				return true
			}
			if at = nextLine(text, at); at == len(text) {
				return false
			}
		}
		if !plain(text[at]) {
			return p.escapedOtherwise(i, text[at:])
		}
		if p.text[i] != text[at] {
			return true
		}
		at++
	}
	return false
}

// escapedOtherwise reports whether a text begins with an escape that is not the
// pattern's plain character at a place, nor a line break before it.
func (p *pattern) escapedOtherwise(i int, text []byte) bool {
	if strings.IndexByte(escapes, text[0]) < 0 {
		return false
	}
	s := speller{text: text}
	s.spell(rune(p.text[i]))
	if i > 0 && p.wraps {
		s.spell('\n')
	}
	soft, open := softBreak(text)
	return len(s.lengths) == 0 && !s.partial && soft == 0 && !open
}

// nextLine is where the text goes on behind a line break and an indentation.
func nextLine(text []byte, at int) int {
	if bytes.HasPrefix(text[at:], []byte("\r\n")) {
		at++
	}
	for at++; at < len(text) && (text[at] == ' ' || text[at] == '\t'); at++ {
	}
	return at
}

// index finds the few patterns that a text may begin with, among thousands.
type index struct {
	// begins holds the patterns by their first byte, and by their first two and
	// four where those have one spelling, the longest first.
	begins map[string][]*pattern
	// escaped holds those whose first character may be escaped, by that character.
	escaped map[rune][]*pattern
	// short holds those of fewer than four bytes by the first.
	short map[string][]*pattern
}

// depths are the lengths of the prefixes that are looked up, the longest first.
var depths = []int{4, 2}

// escapes begin another spelling of a character.
const escapes = `\%&+=`

// plain reports whether a byte is a character with one spelling that has no escape.
func plain(c byte) bool {
	switch c {
	case '\\', '%', '&', '+', '=', '\'', '"', '\r', '\n':
		return false
	}
	return c < utf8.RuneSelf
}

// plainPrefix is how many bytes at the beginning of a text are plain, 4 at most.
func plainPrefix[T string | []byte](text T) int {
	n := 0
	for n < min(len(text), depths[0]) && plain(text[n]) {
		n++
	}
	return n
}

func (x *index) add(p *pattern) {
	if x.begins == nil {
		x.begins, x.escaped, x.short = map[string][]*pattern{}, map[rune][]*pattern{}, map[string][]*pattern{}
	}
	first := p.text[:1]
	x.begins[first] = append(x.begins[first], p)
	prefix := plainPrefix(p.text)
	for _, n := range depths {
		if prefix >= n {
			x.begins[p.text[:n]] = append(x.begins[p.text[:n]], p)
		}
	}
	if len(p.text) < depths[0] {
		x.short[first] = append(x.short[first], p)
	}
	// Nothing escapes letters and digits of an alphabet.
	if !p.wraps || first == "+" || first == "/" {
		r, _ := utf8.DecodeRuneInString(p.text)
		x.escaped[r] = append(x.escaped[r], p)
	}
}

func (x *index) sort() {
	for _, patterns := range x.begins {
		slices.SortStableFunc(patterns, byLength)
	}
	for _, patterns := range x.escaped {
		slices.SortStableFunc(patterns, byLength)
	}
	for _, patterns := range x.short {
		slices.SortStableFunc(patterns, byLength)
	}
}

// candidates are the patterns that the text may begin with, the longest first.
func (x *index) candidates(text []byte) []*pattern {
	if strings.IndexByte(escapes, text[0]) < 0 {
		prefix := plainPrefix(text)
		for _, n := range depths {
			if prefix >= n {
				return join(x.begins[string(text[:n])], x.short[string(text[:1])])
			}
		}
		return x.begins[string(text[:1])]
	}
	var found []*pattern
	for first, patterns := range x.escaped {
		begins := speller{text: text}
		if begins.spell(first); len(begins.lengths) > 0 || begins.partial {
			found = append(found, patterns...)
		}
	}
	slices.SortStableFunc(found, byLength)
	return found
}

func join(long, short []*pattern) []*pattern {
	if len(short) == 0 {
		return long
	}
	return slices.Concat(long, short)
}
