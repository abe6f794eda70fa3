package diag

import "strings"

// Nearest is the candidate that a mistyped name most likely meant, or "" when
// none is close enough to be worth saying. Case does not count as a
// difference: memorysize means memorySize.
func Nearest(name string, candidates []string) string {
	best, bestDistance := "", tolerance(name)+1
	for _, c := range candidates {
		if c == name {
			continue
		}
		d := distance(strings.ToLower(name), strings.ToLower(c), bestDistance)
		// A name of which nothing is left was not misspelt.
		if d < bestDistance && d < len(name) {
			best, bestDistance = c, d
		}
	}
	return best
}

// DidYouMean is Nearest as a hint: `did you mean "memorySize"?`, or "".
func DidYouMean(name string, candidates []string) string {
	if n := Nearest(name, candidates); n != "" {
		return `did you mean "` + n + `"?`
	}
	return ""
}

// tolerance grows with the name: one slip in a short name, up to three in a
// long one.
func tolerance(name string) int {
	return min(1+len(name)/5, 3)
}

// distance counts the insertions, deletions, replacements and swaps of
// neighbours between a and b (optimal string alignment), giving up at limit.
func distance(a, b string, limit int) int {
	if len(a)-len(b) >= limit || len(b)-len(a) >= limit {
		return limit
	}
	before, previous, current := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range previous {
		previous[j] = j
	}
	for i := 1; i <= len(a); i++ {
		current[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			current[j] = min(previous[j]+1, current[j-1]+1, previous[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				current[j] = min(current[j], before[j-2]+1)
			}
		}
		before, previous, current = previous, current, before
	}
	return previous[len(b)]
}
