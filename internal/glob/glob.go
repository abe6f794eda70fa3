// Package glob matches paths with forward slashes against patterns: the one
// engine for ignore files, for the globs that name files, and for the names of
// functions.
//
// The syntax is that of gitignore (https://git-scm.com/docs/gitignore): `*` and
// `?` stay within a name, `[a-z]`, `[!a-z]`, `[^a-z]` and `[[:alpha:]]` are
// classes, a backslash quotes, `**` between slashes crosses folders. It matches
// byte by byte, as git does, in time proportional to the lengths of pattern and
// path, whatever the pattern. It reads no file.
package glob

import (
	"errors"
	"slices"
	"strings"
)

// ErrPattern is a class or a backslash that has no end.
var ErrPattern = errors.New("a class [...] or a backslash is not complete")

// Glob is a parsed pattern. The zero value matches the empty path.
type Glob struct{ tokens []token }

// Parse reads a pattern; its error is ErrPattern.
func Parse(pattern string) (Glob, error) {
	tokens, ok := parseTokens(pattern)
	if !ok {
		return Glob{}, ErrPattern
	}
	return Glob{tokens}, nil
}

// IsPattern reports whether a text holds a character that stands for others, and
// so names files by a pattern and not by a path.
func IsPattern(text string) bool { return strings.ContainsAny(text, "*?[") }

// Match reports whether the pattern matches the whole path.
//
// It takes the tokens one by one and keeps, for each beginning of the path,
// whether the tokens so far match it.
func (g Glob) Match(path string) bool {
	row, next := make([]bool, len(path)+1), make([]bool, len(path)+1)
	row[0] = true
	for _, t := range g.tokens {
		before := row[0]
		next[0] = before && t.kind != oneByte
		for i := range len(path) {
			switch t.kind {
			case oneByte:
				next[i+1] = row[i] && t.set.has(path[i])
			case inName:
				next[i+1] = row[i+1] || next[i] && path[i] != '/'
			case anything:
				next[i+1] = row[i+1] || next[i]
			case folders:
				next[i+1] = row[i+1] || before && path[i] == '/'
			}
			before = before || row[i+1]
		}
		if !slices.Contains(next, true) {
			return false
		}
		row, next = next, row
	}
	return row[len(path)]
}

// token is one element of a pattern.
type token struct {
	kind tokenKind
	// set is what oneByte accepts.
	set byteSet
}

type tokenKind int

const (
	oneByte  tokenKind = iota
	inName             // `*`: any bytes but a slash
	anything           // `**` at an end: any bytes
	folders            // `**/`: nothing, or anything up to a slash
)

// byteSet is a set of bytes.
type byteSet [256 / 64]uint64

func (s *byteSet) add(low, high byte) {
	for c := int(low); c <= int(high); c++ {
		s[c/64] |= 1 << (c % 64)
	}
}

func (s *byteSet) has(c byte) bool { return s[c/64]&(1<<(c%64)) != 0 }

func (s *byteSet) remove(c byte) { s[c/64] &^= 1 << (c % 64) }

// parseTokens is not ok for a class or a backslash without its end.
func parseTokens(p string) (glob []token, ok bool) {
	atStart := true
	for len(p) > 0 {
		t, width := token{}, 1
		switch p[0] {
		case '*':
			t.kind, width = parseStars(p, atStart)
		case '?':
			t.set.add(0, 255)
			t.set.remove('/')
		case '[':
			if t.set, width = parseClass(p); width == 0 {
				return nil, false
			}
			t.set.remove('/')
		case '\\':
			if len(p) == 1 {
				return nil, false
			}
			t.set.add(p[1], p[1])
			width = 2
		default:
			t.set.add(p[0], p[0])
		}
		atStart = p[width-1] == '/'
		glob, p = append(glob, t), p[width:]
	}
	return glob, true
}

// parseStars tells `*` from `**`, which crosses folders only where it stands
// alone between slashes.
func parseStars(p string, atStart bool) (tokenKind, int) {
	rest := strings.TrimLeft(p, "*")
	width := len(p) - len(rest)
	switch {
	case width == 1 || !atStart:
		return inName, width
	case rest == "" || strings.HasPrefix(rest, `\/`):
		return anything, width
	case rest[0] == '/':
		return folders, width + 1
	}
	return inName, width
}

// parseClass reads [a-z], [!a-z], [^a-z] and [[:alpha:]]; its width is 0 where
// the class has no end or a name that does not exist.
func parseClass(p string) (set byteSet, width int) {
	i := 1
	negated := i < len(p) && (p[i] == '!' || p[i] == '^')
	if negated {
		i++
	}
	for first := true; ; first = false {
		switch {
		case i >= len(p):
			return byteSet{}, 0
		case p[i] == ']' && !first:
			if negated {
				for w := range set {
					set[w] = ^set[w]
				}
			}
			return set, i + 1
		}
		if name, ok := className(p[i:]); ok {
			if !addClass(&set, name) {
				return byteSet{}, 0
			}
			i += len("[:") + len(name) + len(":]")
			continue
		}
		low, w := classByte(p[i:])
		high := low
		if i += w; i+1 < len(p) && p[i] == '-' && p[i+1] != ']' {
			high, w = classByte(p[i+1:])
			i += 1 + w
		}
		set.add(low, high)
	}
}

// classByte reads one byte of a class, behind its backslash where it has one.
func classByte(p string) (c byte, width int) {
	if p[0] != '\\' || len(p) == 1 {
		return p[0], 1
	}
	return p[1], 2
}

// className is the name in [:name:].
func className(p string) (string, bool) {
	inner, ok := strings.CutPrefix(p, "[:")
	if !ok {
		return "", false
	}
	end := strings.IndexByte(inner, ']')
	if end < 1 || inner[end-1] != ':' {
		return "", false
	}
	return inner[:end-1], true
}

// addClass adds a class of POSIX in ASCII.
func addClass(set *byteSet, name string) bool {
	ranges, ok := map[string]string{
		"alnum":  "09AZaz",
		"alpha":  "AZaz",
		"blank":  "  \t\t",
		"cntrl":  "\x00\x1f\x7f\x7f",
		"digit":  "09",
		"graph":  "!~",
		"lower":  "az",
		"print":  " ~",
		"punct":  "!/:@[`{~",
		"space":  "  \t\r",
		"upper":  "AZ",
		"xdigit": "09AFaf",
	}[name]
	for i := 0; i+1 < len(ranges); i += 2 {
		set.add(ranges[i], ranges[i+1])
	}
	return ok
}
