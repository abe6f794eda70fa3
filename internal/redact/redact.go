// Package redact hides secrets in text, in whatever spelling they come.
//
// It promises that a secret is hidden in every usual spelling: as it is, in upper
// and lower case, inside JSON, Go, YAML, HTML and shell quotes, percent-encoded,
// quoted-printable, as lists of bytes, and as base64, base32 and hex, wherever it
// begins in the text that was encoded, with line breaks, and in one of these once
// more (base64 three times). It promises that a stream hides it however its writes
// are cut, and that a short or common value never tears a longer word apart.
// What was compressed or encrypted is not looked into. The package knows no host
// and no AWS, and imports nothing of the project but lazyregexp.
package redact

import (
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/lambda-rollout/lambda-rollout/internal/lazyregexp"
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
var accessKeyID = lazyregexp.New(`^A(?:KI|SI)A[A-Z0-9]{12,124}$`)

// AccessKeyID reports whether a text has the form of a real access key id. What
// emulators take instead, such as test, is no secret.
func AccessKeyID(id string) bool { return accessKeyID.MatchString(id) }

// Set is the secrets of one process. It is safe for use by several goroutines.
// The zero value is empty and ready.
type Set struct {
	mu    sync.RWMutex
	index index
	known map[string]bool
	// pending are values whose patterns nobody needed so far.
	pending []pending
}

type pending struct {
	value string
	// once leaves out what was encoded twice.
	once bool
}

// Add hides a value from now on: the whole of it, each of its lines, and its
// encodings. White space around it is no part of it.
func (s *Set) Add(values ...string) { s.add(false, values) }

// AddOnce is Add without what was encoded more than once, for values of which there
// may be thousands.
func (s *Set) AddOnce(values ...string) { s.add(true, values) }

func (s *Set) add(once bool, values []string) {
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
		s.pending = append(s.pending, pending{value, once})
	}
}

func (s *Set) addValue(value string, once bool) {
	weak := Weak(value)
	s.index.add(&pattern{text: value, weak: weak})
	if lines := strings.FieldsFunc(value, func(r rune) bool { return r == '\n' || r == '\r' }); len(lines) > 1 {
		for _, line := range lines {
			if line = strings.TrimSpace(line); len(line) >= lineFrom {
				s.index.add(&pattern{text: line, weak: Weak(line)})
			}
		}
	}
	if len(value) < encodedFrom {
		return
	}
	if weak {
		for _, form := range weakForms(value) {
			s.index.add(&pattern{text: form, weak: true, wraps: true})
		}
		return
	}
	for _, form := range otherForms(value) {
		s.index.add(&pattern{text: form})
	}
	for _, form := range alphabetForms(value, once) {
		s.index.add(&pattern{text: form, wraps: true})
	}
}

// read locks the set for reading, with a pattern for each value.
func (s *Set) read() (unlock func()) {
	s.mu.RLock()
	if len(s.pending) == 0 {
		return s.mu.RUnlock
	}
	s.mu.RUnlock()
	s.mu.Lock()
	for _, p := range s.pending {
		s.addValue(p.value, p.once)
	}
	s.pending = nil
	s.index.sort()
	return s.mu.Unlock
}

// Text returns a text without the secrets of the set.
func (s *Set) Text(text string) string {
	out, _ := s.scan(scan{text: []byte(text), final: true})
	return string(out)
}

// HasStrong reports whether a text holds a secret that is not weak.
func (s *Set) HasStrong(text string) bool {
	defer s.read()()
	b := []byte(text)
	for i := range b {
		for _, p := range s.index.candidates(b[i:]) {
			if n, _ := p.match(b, i); n > 0 && !p.weak {
				return true
			}
		}
	}
	return false
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
	defer s.read()()
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
	for _, p := range s.index.candidates(in.text[i:]) {
		if p.weak && !tokenBegins(in.text, i) {
			continue
		}
		n, partial := p.match(in.text, i)
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
