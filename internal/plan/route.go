package plan

import (
	"fmt"
	"maps"
	"slices"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/traffic"
)

// sameRouting reports whether two aliases send their callers to the same versions.
func sameRouting(a, b definition.Alias) bool {
	return a.Version == b.Version && maps.Equal(a.Weights, b.Weights)
}

// described reports whether an alias has the description that is wanted, if any is.
func described(wanted, now definition.Alias) bool {
	return wanted.Description == nil || text(wanted.Description) == text(now.Description)
}

// UpToDate reports whether an alias is as it is wanted already.
func UpToDate(wanted, now definition.Alias) bool {
	return sameRouting(wanted, now) && described(wanted, now)
}

// DescribeRouting describes what an alias points to: "41", or "41, 10% to 42".
func DescribeRouting(a definition.Alias) string {
	s := a.Version
	for _, v := range slices.Sorted(maps.Keys(a.Weights)) {
		s += fmt.Sprintf(", %s to %s", traffic.Percent(traffic.PercentOf(a.Weights[v])), v)
	}
	return s
}
