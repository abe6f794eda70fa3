package event

import (
	"strconv"
	"time"
)

// DurationsCompared is emitted once a stage, and when the new version is found to be
// slower.
type DurationsCompared struct {
	Percent float64
	Aliases []AliasDurations
}

// AliasDurations is how long the versions behind an alias took.
type AliasDurations struct {
	Target
	Alias string
	// New and Old are the medians of the last minute that counts.
	New, Old time.Duration
	// In Worse of so many Minutes the new version was slower.
	Worse, Minutes int
}

func (DurationsCompared) sealed() {}

// Milliseconds writes a duration as Lambda's users know it: 12.3 ms.
func Milliseconds(d time.Duration) string {
	decimals := 0
	if d < 100*time.Millisecond {
		decimals = 1
	}
	return strconv.FormatFloat(float64(d)/float64(time.Millisecond), 'f', decimals, 64) + " ms"
}
