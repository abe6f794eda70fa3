package verify

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Path names a part of a JSON value: the keys of objects and the places in lists
// that lead to it. "*" is every key or place.
type Path []string

var errPath = errors.New("write it as body.items[*].id, or as $[\"a.b\"].id")

// ParsePath reads $.body.items[0].id; the "$." may be left out. Keys with dots
// or brackets stand in quotes: $["a.b"]. [*] and * stand for all.
func ParsePath(text string) (Path, error) {
	rest := strings.TrimPrefix(strings.TrimSpace(text), "$")
	if rest == "" {
		return nil, fmt.Errorf("%q names the whole answer: %w", text, errPath)
	}
	if rest[0] != '.' && rest[0] != '[' {
		rest = "." + rest
	}
	var p Path
	for rest != "" {
		part, after, ok := segment(rest)
		if !ok {
			return nil, fmt.Errorf("%q is not a path: %w", text, errPath)
		}
		p, rest = append(p, part), after
	}
	return p, nil
}

// segment cuts the first part off a path.
func segment(text string) (part, rest string, ok bool) {
	if after, dotted := strings.CutPrefix(text, "."); dotted {
		end := strings.IndexAny(after, ".[")
		if end < 0 {
			end = len(after)
		}
		return after[:end], after[end:], end > 0
	}
	inside, isBracket := strings.CutPrefix(text, "[")
	if !isBracket {
		return "", "", false
	}
	if quoted, err := strconv.QuotedPrefix(inside); err == nil {
		part, err = strconv.Unquote(quoted)
		rest, ok = strings.CutPrefix(inside[len(quoted):], "]")
		return part, rest, ok && err == nil
	}
	part, rest, ok = strings.Cut(inside, "]")
	if _, err := strconv.ParseUint(part, 10, 31); err != nil && part != "*" {
		return "", "", false
	}
	return part, rest, ok
}

// covers reports whether at is what the path names, or a part of it.
func (p Path) covers(at Path) bool {
	if len(at) < len(p) {
		return false
	}
	for i, part := range p {
		if part != "*" && part != at[i] {
			return false
		}
	}
	return true
}

// with is the path of a part of what p names.
func (p Path) with(part string) Path { return append(p[:len(p):len(p)], part) }

// String writes the path as ParsePath reads it.
func (p Path) String() string {
	var b strings.Builder
	b.WriteByte('$')
	for _, part := range p {
		switch _, err := strconv.ParseUint(part, 10, 31); {
		case err == nil:
			b.WriteString("[" + part + "]")
		case part == "" || strings.ContainsAny(part, ".[]\" "):
			b.WriteString("[" + strconv.Quote(part) + "]")
		default:
			b.WriteString("." + part)
		}
	}
	return b.String()
}
