// Package redact hides secrets in text, in whatever spelling they come.
//
// It promises that a secret is hidden in every usual spelling (as it is, inside
// JSON, Go, YAML, HTML and shell quotes, percent-encoded, as base64, hex and lists of
// bytes, also inside longer text, with other line breaks, and in base64 once more),
// that a stream hides it however its writes are cut, and that a short or common
// value never tears a longer word apart. It knows no host and no AWS, and imports
// nothing of the project.
package redact

import (
	"cmp"
	"encoding/base64"
	"encoding/hex"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"
)

// Stars replace a secret, whatever its length.
const Stars = "***"

const (
	// weakBelow is the length below which a value is hidden only as a
	// whole token: shorter ones are parts of ordinary words and numbers.
	weakBelow = 8
	// encodedFrom is the least length of a value whose encodings are hidden too:
	// the hex form of one letter is a number that means something else.
	encodedFrom = 4
	// lineFrom is the least length of a line of a secret that is hidden by itself:
	// the braces of a JSON key would otherwise hide every brace.
	lineFrom = 4
)

// commonWords are values that hide nothing worth hiding and would tear apart the
// names of aliases, stages and commands.
var commonWords = map[string]bool{
	"changeit": true, "changeme": true, "database": true, "defaults": true, "developer": true, "development": true,
	"disabled": true, "enabled": true, "function": true, "functions": true, "localhost": true, "localstack": true,
	"password": true, "postgres": true, "production": true, "username": true,
}

// Weak reports whether a value is hidden only as a whole token or a quoted value,
// because it has fewer than 8 characters or is a common word.
func Weak(value string) bool {
	value = strings.TrimSpace(value)
	return utf8.RuneCountInString(value) < weakBelow || commonWords[strings.ToLower(value)]
}

// accessKeyID is the form of an access key's id
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-prefixes).
var accessKeyID = regexp.MustCompile(`^A(?:KI|SI)A[A-Z0-9]{12,124}$`)

// AccessKeyID reports whether a text has the form of a real access key id. What
// emulators take instead, such as test, is no secret.
func AccessKeyID(id string) bool { return accessKeyID.MatchString(id) }

// Set is the secrets of one process. It is safe for use by several goroutines.
// The zero value is empty and ready.
type Set struct {
	mu sync.RWMutex
	// byFirst holds the patterns by the first byte of their plain spelling, escaped
	// those whose first character may be escaped by that character; the longest
	// first.
	byFirst [256][]*pattern
	escaped map[rune][]*pattern
	known   map[string]bool
}

// pattern is one text to hide, in every spelling that spell knows.
type pattern struct {
	runes []rune
	// weak patterns match whole tokens only.
	weak bool
	// wraps allows line breaks between characters, as base64 has them.
	wraps bool
}

// Add hides a value from now on: the whole of it, each of its lines, and its
// encodings. White space around it is no part of it.
func (s *Set) Add(values ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, value := range values {
		value = strings.TrimSpace(value)
		if value == "" || s.known[value] {
			continue
		}
		if s.known == nil {
			s.known = map[string]bool{}
		}
		s.known[value] = true
		s.addValue(value)
	}
}

func (s *Set) addValue(value string) {
	weak := Weak(value)
	s.addPattern(value, weak, false)
	if lines := strings.FieldsFunc(value, func(r rune) bool { return r == '\n' || r == '\r' }); len(lines) > 1 {
		for _, line := range lines {
			if line = strings.TrimSpace(line); len(line) >= lineFrom {
				s.addPattern(line, Weak(line), false)
			}
		}
	}
	if len(value) < encodedFrom {
		return
	}
	for _, form := range []string{hex.EncodeToString([]byte(value)), strings.ToUpper(hex.EncodeToString([]byte(value)))} {
		s.addPattern(form, weak, false)
	}
	s.addPattern(base64.RawStdEncoding.EncodeToString([]byte(value)), weak, true)
	s.addPattern(base64.RawURLEncoding.EncodeToString([]byte(value)), weak, true)
	if weak {
		return
	}
	quoted := jsonForms(value)
	for _, form := range slices.Concat(quoted, byteLists(value)) {
		s.addPattern(form, false, false)
	}
	for _, text := range unique(slices.Concat([]string{value}, quoted, encodings(value))) {
		for _, inner := range innerBase64(text) {
			s.addPattern(inner, false, true)
		}
	}
}

func (s *Set) addPattern(text string, weak, wraps bool) {
	p := &pattern{runes: []rune(text), weak: weak, wraps: wraps}
	first := text[0]
	s.byFirst[first] = insert(s.byFirst[first], p)
	// Nothing escapes the letters and digits of base64.
	if !wraps || first == '+' || first == '/' {
		if s.escaped == nil {
			s.escaped = map[rune][]*pattern{}
		}
		s.escaped[p.runes[0]] = insert(s.escaped[p.runes[0]], p)
	}
}

// insert keeps the longest patterns first.
func insert(list []*pattern, p *pattern) []*pattern {
	at, _ := slices.BinarySearchFunc(list, p, byLength)
	return slices.Insert(list, at, p)
}

func byLength(a, b *pattern) int { return cmp.Compare(len(b.runes), len(a.runes)) }

// Text returns a text without the secrets of the set.
func (s *Set) Text(text string) string {
	out, _ := s.scan(scan{text: []byte(text), final: true})
	return string(out)
}

// HasStrong reports whether a text holds a secret that is not weak.
func (s *Set) HasStrong(text string) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	b := []byte(text)
	for i := range b {
		for _, p := range s.candidates(b[i:]) {
			if n, _ := p.match(b[i:]); n > 0 && !p.weak {
				return true
			}
		}
	}
	return false
}

// candidates are the patterns whose first character the text may begin with, the
// longest first.
func (s *Set) candidates(text []byte) []*pattern {
	switch text[0] {
	case '\\', '%', '&', '+':
	default:
		return s.byFirst[text[0]]
	}
	var found []*pattern
	for first, patterns := range s.escaped {
		begins := speller{text: text}
		if begins.spell(first); len(begins.lengths) > 0 || begins.partial {
			found = append(found, patterns...)
		}
	}
	slices.SortStableFunc(found, byLength)
	return found
}

// scan is a text to look through.
type scan struct {
	text []byte
	// from is where the part begins that was not shown yet; what is before it
	// tells whether a token begins there.
	from int
	// final means that nothing follows.
	final bool
}

// scan copies text, stars in place of secrets. Unless the text is final it stops
// where a secret may have begun; next is the place of what it did not copy.
func (s *Set) scan(in scan) (out []byte, next int) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	out = make([]byte, 0, len(in.text)-in.from)
	for i := in.from; i < len(in.text); {
		n, open := s.at(in, i)
		switch {
		case open:
			return out, i
		case n > 0:
			out = append(out, Stars...)
			i += n
		default:
			out = append(out, in.text[i])
			i++
		}
	}
	return out, len(in.text)
}

// at is the length of the secret that begins at a place, 0 for none; open means
// that the next write decides it.
func (s *Set) at(in scan, i int) (n int, open bool) {
	for _, p := range s.candidates(in.text[i:]) {
		if p.weak && !tokenBegins(in.text, i) {
			continue
		}
		n, partial := p.match(in.text[i:])
		if partial && !in.final {
			return 0, true
		}
		if n == 0 {
			continue
		}
		if p.weak {
			ends, known := tokenEnds(in.text, i+n)
			if !known && !in.final {
				return 0, true
			}
			if !ends {
				continue
			}
		}
		return n, false
	}
	return 0, false
}

// match is the length of the longest spelling of the pattern that the text begins
// with, 0 for none; partial means that the text ends inside such a spelling.
func (p *pattern) match(text []byte) (n int, partial bool) {
	if p.differs(text) {
		return 0, false
	}
	at := []int{0}
	for k, r := range p.runes {
		var next []int
		for _, from := range at {
			starts := []int{from}
			if p.wraps && k > 0 {
				s := speller{text: text[from:]}
				s.spell('\n')
				for _, l := range s.lengths {
					starts = append(starts, from+l)
				}
				partial = partial || s.partial
			}
			for _, start := range starts {
				s := speller{text: text[start:]}
				s.spell(r)
				partial = partial || s.partial
				for _, l := range s.lengths {
					if !slices.Contains(next, start+l) {
						next = append(next, start+l)
					}
				}
			}
		}
		if at = next; len(at) == 0 {
			return 0, partial
		}
	}
	return slices.Max(at), partial
}

// differs reports at once, for most places, that the second character is another
// one.
func (p *pattern) differs(text []byte) bool {
	if len(p.runes) < 2 || len(text) < 2 || p.runes[0] != rune(text[0]) || p.runes[0] == '\\' || p.runes[1] >= utf8.RuneSelf {
		return false
	}
	switch second := text[1]; second {
	case '\\', '%', '&', '+', '\'', '"', '\r', '\n':
		return false
	default:
		return rune(second) != p.runes[1]
	}
}
