package artifact

import (
	"slices"
	"strings"

	"github.com/lambda-rollout/lambda-rollout/internal/glob"
)

// Ignore is a list of rules in the syntax of gitignore
// (https://git-scm.com/docs/gitignore): the last one that matches decides, `!`
// takes back, a slash at the start or in the middle ties a rule to the root, one
// at the end means folders only, `**` crosses folders.
//
// It decides as git does, byte by byte, where the manual leaves a choice too.
type Ignore struct{ rules []rule }

type rule struct {
	negated, dirOnly bool
	// anywhere marks a rule without a slash, which looks at a path's last name.
	anywhere bool
	// prefix is what precedes the first special character.
	prefix string
	glob   glob.Glob
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
	r.anywhere = !strings.Contains(line, "/")
	line = strings.TrimPrefix(line, "/")
	if line == "" {
		return rule{}, false
	}
	special := strings.IndexAny(line, `*?[\`)
	if special < 0 {
		r.prefix = line
		return r, true
	}
	var err error
	r.prefix = line[:special]
	r.glob, err = glob.Parse(line[special:])
	return r, err == nil
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
func (ig *Ignore) Match(path string, isDir bool) bool {
	for _, r := range slices.Backward(ig.rules) {
		if (isDir || !r.dirOnly) && r.match(path) {
			return !r.negated
		}
	}
	return false
}

func (r rule) match(path string) bool {
	if r.anywhere {
		path = path[strings.LastIndexByte(path, '/')+1:]
	}
	rest, ok := strings.CutPrefix(path, r.prefix)
	return ok && r.glob.Match(rest)
}
