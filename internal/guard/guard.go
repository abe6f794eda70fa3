// Package guard decides by evidence whether a new version that shares its
// traffic with the old one fails more often.
//
// Promises: while the new version's error rate is, minute by minute, at most
// the old one's plus the tolerance, and its criteria hold, a run is called bad
// with a chance of at most alpha, over all its functions, aliases, stages,
// looks and criteria together. The package is pure: it asks nobody, waits for
// nothing, and knows neither AWS nor a clock.
package guard

// Count is how often a version was invoked, and how often it failed.
type Count struct {
	Invocations, Errors int64
}

func (c Count) plus(other Count) Count {
	return Count{Invocations: c.Invocations + other.Invocations, Errors: c.Errors + other.Errors}
}

// Minute is what both versions did in the same minute.
type Minute struct {
	New, Old Count
}

func (m Minute) plus(other Minute) Minute {
	return Minute{New: m.New.plus(other.New), Old: m.Old.plus(other.Old)}
}
