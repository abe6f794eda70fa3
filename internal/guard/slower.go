package guard

import (
	"math"
	"time"
)

const (
	// slowerShare and slowerLeast are by how much the median of the new version's
	// durations may lie above the old one's in a minute: the larger one counts.
	slowerShare, slowerLeast = 0.2, 10 * time.Millisecond
	// fewest is how many invocations of each version a minute needs to count.
	fewest = 5
)

// Typical is how long a version took in a minute: the median of so many invocations.
type Typical struct {
	Median      time.Duration
	Invocations int64
}

// Slower compares how long two versions take, minute by minute.
//
// It is a sign test that may be looked at as often as one likes: while the new
// version is not slower, a minute's median lies above the old one's plus the
// tolerance in at most half of the minutes. A stake on the opposite grows by 2p for
// such a minute and by 2(1-p) for another one, which is fair then; the stake is the
// mean of those for two values of p. It reaches 1/Alpha in a fair game with a
// probability of at most Alpha (Ville's inequality). Eight minutes are the fewest
// that suffice. The test needs no distribution of the durations, and no two
// percentiles are ever added up. Minutes must not depend on each other: a version
// that stays on slower machines looks slower, so this is no part of what the run
// promises.
type Slower struct {
	worse, minutes int
	last           [2]Typical
}

// bets are the values of p.
var bets = [...]float64{0.8, 1}

// Add takes the next minute into account, unless it has too few invocations.
func (s *Slower) Add(now, old Typical) {
	if now.Invocations < fewest || old.Invocations < fewest {
		return
	}
	s.minutes++
	s.last = [2]Typical{now, old}
	if now.Median > old.Median+max(slowerLeast, time.Duration(slowerShare*float64(old.Median))) {
		s.worse++
	}
}

// AnySlower reports whether the evidence that one of several new versions is slower
// is decisive. Evidence may shrink again: a caller acts on the first true.
func AnySlower(all ...*Slower) bool {
	total := 0.0
	for _, s := range all {
		total += s.stake()
	}
	return total >= float64(len(all))/Alpha && len(all) > 0
}

func (s *Slower) stake() float64 {
	total := 0.0
	for _, p := range bets {
		total += math.Pow(2*p, float64(s.worse)) * math.Pow(2*(1-p), float64(s.minutes-s.worse))
	}
	return total / float64(len(bets))
}

// Minutes returns in how many of the minutes the new version was slower.
func (s *Slower) Minutes() (worse, all int) { return s.worse, s.minutes }

// Last returns what both versions took in the last minute that counts.
func (s *Slower) Last() (now, old Typical) { return s.last[0], s.last[1] }
