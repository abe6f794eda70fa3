package artifact

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// Ignore is a list of rules in the syntax of gitignore
// (https://git-scm.com/docs/gitignore): the last one that matches decides, `!`
// takes back, a slash at the start or in the middle ties a rule to the root, one
// at the end means folders only, `**` crosses folders.
type Ignore struct{ rules []rule }

type rule struct {
	segments []string
	negated  bool
	dirOnly  bool
}

// ParseIgnore reads rules, one a line. There are no wrong rules: git passes over
// what it cannot make sense of, and so does this.
func ParseIgnore(text string) *Ignore {
	var out Ignore
	text = strings.TrimPrefix(text, "\ufeff")
	for line := range strings.SplitSeq(text, "\n") {
		if r, ok := parseRule(strings.TrimSuffix(line, "\r")); ok {
			out.rules = append(out.rules, r)
		}
	}
	return &out
}

func parseRule(line string) (rule, bool) {
	line = trimTrailingSpaces(line)
	if line == "" || line[0] == '#' {
		return rule{}, false
	}
	var r rule
	if line[0] == '!' {
		r.negated, line = true, line[1:]
	}
	if rest, ok := strings.CutSuffix(line, "/"); ok {
		r.dirOnly, line = true, rest
	}
	anchored := strings.Contains(line, "/")
	line = strings.TrimPrefix(line, "/")
	if line == "" {
		return rule{}, false
	}
	r.segments = strings.Split(line, "/")
	if !anchored {
		r.segments = []string{"**", line}
	}
	return r, true
}

// trimTrailingSpaces keeps a space that a backslash quotes.
func trimTrailingSpaces(line string) string {
	end := len(line)
	for end > 0 && line[end-1] == ' ' {
		slashes := 0
		for i := end - 2; i >= 0 && line[i] == '\\'; i-- {
			slashes++
		}
		if slashes%2 == 1 {
			break
		}
		end--
	}
	return line[:end]
}

// Match reports whether the rules leave out a path with forward slashes, relative
// to the root. It looks at this path alone: who walks a tree does not enter a
// folder that is left out, as git does not, so nothing below can come back.
func (ig *Ignore) Match(name string, isDir bool) bool {
	path := strings.Split(name, "/")
	for _, r := range slices.Backward(ig.rules) {
		if r.dirOnly && !isDir {
			continue
		}
		if matchPath(r.segments, path) {
			return !r.negated
		}
	}
	return false
}

// matchPath matches a rule against a path, segment by segment. Row i of the
// table says which beginnings of the path the first i segments match, so that
// many `**` cost no more than their product.
func matchPath(rule, path []string) bool {
	row := make([]bool, len(path)+1)
	row[0] = true
	for i, segment := range rule {
		next := make([]bool, len(path)+1)
		switch {
		case segment == "**" && i == len(rule)-1:
			// At the end it stands for what is inside, at least one name.
			for j, seen := 0, false; j < len(path); j++ {
				seen = seen || row[j]
				next[j+1] = seen
			}
		case segment == "**":
			seen := false
			for j := range row {
				seen = seen || row[j]
				next[j] = seen
			}
		default:
			for j := range path {
				next[j+1] = row[j] && matchName(segment, path[j])
			}
		}
		row = next
	}
	return row[len(path)]
}

// matchName matches one name: `*`, `?`, classes and backslashes. On a mismatch
// it goes back to the last `*` alone, which is enough and never exponential.
func matchName(pattern, name string) bool {
	star, mark := -1, 0
	p, n := 0, 0
	for n < len(name) {
		if p < len(pattern) && pattern[p] == '*' {
			star, mark = p, n
			p++
			continue
		}
		if width, size, ok := matchOne(pattern[p:], name[n:]); ok {
			p, n = p+width, n+size
			continue
		}
		if star < 0 {
			return false
		}
		_, size := utf8.DecodeRuneInString(name[mark:])
		mark += size
		p, n = star+1, mark
	}
	return strings.Trim(pattern[p:], "*") == ""
}

// matchOne matches the first element of a pattern with the first character of a
// name, and gives the widths of both.
func matchOne(pattern, name string) (width, size int, ok bool) {
	if pattern == "" {
		return 0, 0, false
	}
	c, size := utf8.DecodeRuneInString(name)
	switch pattern[0] {
	case '?':
		return 1, size, true
	case '[':
		in, width, valid := matchClass(pattern, c)
		return width, size, valid && in
	case '\\':
		if len(pattern) == 1 {
			return 0, 0, false
		}
		want, w := utf8.DecodeRuneInString(pattern[1:])
		return 1 + w, size, want == c
	}
	want, w := utf8.DecodeRuneInString(pattern)
	return w, size, want == c
}

// matchClass matches [a-z], [!a-z], [^a-z] and [[:alpha:]]; a class without its
// end is not valid and matches nothing.
func matchClass(pattern string, c rune) (in bool, width int, valid bool) {
	i := 1
	negated := strings.HasPrefix(pattern[i:], "!") || strings.HasPrefix(pattern[i:], "^")
	if negated {
		i++
	}
	for first := true; ; first = false {
		if i >= len(pattern) {
			return false, 0, false
		}
		if pattern[i] == ']' && !first {
			return in != negated, i + 1, true
		}
		if name, rest, ok := posixClass(pattern[i:]); ok {
			member, known := inPosixClass(name, c)
			if !known {
				return false, 0, false
			}
			in = in || member
			i = len(pattern) - len(rest)
			continue
		}
		low, w, ok := classRune(pattern[i:])
		if !ok {
			return false, 0, false
		}
		i += w
		high := low
		if i+1 < len(pattern) && pattern[i] == '-' && pattern[i+1] != ']' {
			if high, w, ok = classRune(pattern[i+1:]); !ok {
				return false, 0, false
			}
			i += 1 + w
		}
		in = in || low <= c && c <= high
	}
}

func classRune(s string) (c rune, width int, ok bool) {
	if s[0] == '\\' {
		if len(s) == 1 {
			return 0, 0, false
		}
		c, w := utf8.DecodeRuneInString(s[1:])
		return c, 1 + w, true
	}
	c, width = utf8.DecodeRuneInString(s)
	return c, width, true
}

func posixClass(s string) (name, rest string, ok bool) {
	inner, found := strings.CutPrefix(s, "[:")
	if !found {
		return "", s, false
	}
	return strings.Cut(inner, ":]")
}

// inPosixClass knows the classes of POSIX for ASCII, as git's own matcher does.
func inPosixClass(name string, c rune) (member, known bool) {
	lower, upper, digit := c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9'
	graph := c > ' ' && c < 0x7f
	switch name {
	case "alpha":
		return lower || upper, true
	case "digit":
		return digit, true
	case "alnum":
		return lower || upper || digit, true
	case "lower":
		return lower, true
	case "upper":
		return upper, true
	case "xdigit":
		return digit || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F', true
	case "space":
		return c == ' ' || c >= '\t' && c <= '\r', true
	case "blank":
		return c == ' ' || c == '\t', true
	case "punct":
		return graph && !lower && !upper && !digit, true
	case "graph":
		return graph, true
	case "print":
		return graph || c == ' ', true
	case "cntrl":
		return c < ' ' || c == 0x7f, true
	}
	return false, false
}
