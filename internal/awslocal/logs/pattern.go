package logs

import (
	"regexp"
	"strings"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/api"
	"github.com/lambda-rollout/lambda-rollout/internal/lazyregexp"
)

var patternToken = lazyregexp.New(`[?-]?(?:"[^"]*"|%[^%]*%|[^\s"]+)`)

// parsePattern reads a filter pattern of terms ("Filter pattern syntax for metric
// filters, subscription filters, filter log events, and Live Tail"): all plain
// terms, at least one of those with a question mark, none of those with a minus.
// Terms are case-sensitive; question marks count only where no other term is.
func parsePattern(pattern string) (func(string) bool, *api.Error) {
	trimmed := strings.TrimSpace(pattern)
	if strings.HasPrefix(trimmed, "{") || strings.HasPrefix(trimmed, "[") {
		return nil, invalid("Invalid filter pattern: the embedded CloudWatch Logs knows terms and regular expressions, no fields.")
	}
	var all, some, none []func(string) bool
	for _, token := range patternToken.FindAllString(trimmed, -1) {
		list := &all
		switch {
		case strings.HasPrefix(token, "?") && len(token) > 1:
			list, token = &some, token[1:]
		case strings.HasPrefix(token, "-") && len(token) > 1:
			list, token = &none, token[1:]
		}
		if inner, ok := strings.CutPrefix(token, "%"); ok && strings.HasSuffix(inner, "%") {
			expression, err := regexp.Compile(strings.TrimSuffix(inner, "%"))
			if err != nil {
				return nil, invalid("Invalid filter pattern: %s", err)
			}
			*list = append(*list, expression.MatchString)
			continue
		}
		term := strings.Trim(token, `"`)
		*list = append(*list, func(text string) bool { return strings.Contains(text, term) })
	}
	return func(text string) bool {
		for _, has := range none {
			if has(text) {
				return false
			}
		}
		for _, has := range all {
			if !has(text) {
				return false
			}
		}
		if len(all) > 0 || len(some) == 0 {
			return true
		}
		for _, has := range some {
			if has(text) {
				return true
			}
		}
		return false
	}, nil
}
