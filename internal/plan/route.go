package plan

import (
	"fmt"
	"maps"
	"slices"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/traffic"
)

// Route is where a step sends the callers of its alias. The zero Route leads to
// the new version alone.
type Route struct {
	// Shared says that the new version has Percent of the traffic, and Base the
	// rest; Base is "" for the restore point that the plan publishes.
	Shared  bool
	Percent float64
	Base    string
	// Ahead leads from $LATEST to the restore point, before $LATEST changes.
	Ahead bool
}

// Routed is the alias that a step leaves behind, once the new version and the
// restore point are known.
func Routed(s Step, version, restorePoint string) definition.Alias {
	a := s.Alias
	if s.Route.Ahead {
		a.Version = restorePoint
		return a
	}
	if !s.Route.Shared {
		if a.Version == "" {
			a.Version = version
		}
		return a
	}
	a.Version = s.Route.Base
	if a.Version == "" {
		a.Version = restorePoint
	}
	switch {
	case a.Version == version || s.Route.Percent == 0:
	default:
		a.Weights = map[string]float64{version: traffic.Weight(s.Route.Percent)}
	}
	return a
}

// sameRouting says that two aliases send their callers to the same versions.
func sameRouting(a, b definition.Alias) bool {
	return a.Version == b.Version && maps.Equal(a.Weights, b.Weights)
}

// described says that an alias has the description that is wanted, if any is.
func described(wanted, now definition.Alias) bool {
	return wanted.Description == nil || text(wanted.Description) == text(now.Description)
}

// Stands says that an alias is as it is wanted already.
func Stands(wanted, now definition.Alias) bool {
	return sameRouting(wanted, now) && described(wanted, now)
}

// Serves says what an alias serves: "41", or "41, 10% to 42".
func Serves(a definition.Alias) string {
	s := a.Version
	for _, v := range slices.Sorted(maps.Keys(a.Weights)) {
		s += fmt.Sprintf(", %s to %s", traffic.Percent(traffic.OfWeight(a.Weights[v])), v)
	}
	return s
}
