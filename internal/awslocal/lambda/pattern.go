package lambda

import "github.com/lambda-rollout/lambda-rollout/internal/lazyregexp"

// pattern is a regular expression of the API model, as its messages show it. A
// value has to match it whole.
type pattern struct {
	shown string
	whole *lazyregexp.Regexp
}

func newPattern(shown string) pattern {
	return pattern{shown, lazyregexp.New(`^(?:` + shown + `)$`)}
}

func (p pattern) matches(s string) bool { return p.whole.MatchString(s) }

// find returns the whole match and each group of s, nil where s does not match.
func (p pattern) find(s string) []string { return p.whole.FindStringSubmatch(s) }
