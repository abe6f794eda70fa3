package lambda

import (
	"regexp"
	"sync"
)

// pattern is a regular expression of the API model, as its messages show it. A
// value has to match it whole. It is compiled on its first use, so that a
// command that serves nothing pays nothing.
type pattern struct {
	shown    string
	compiled func() *regexp.Regexp
}

func newPattern(shown string) pattern {
	return pattern{shown, sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^(?:` + shown + `)$`) })}
}

func (p pattern) matches(s string) bool { return p.compiled().MatchString(s) }

// find returns the whole match and each group of s, nil where s does not match.
func (p pattern) find(s string) []string { return p.compiled().FindStringSubmatch(s) }
