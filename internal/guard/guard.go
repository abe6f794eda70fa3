// Package guard decides by evidence whether a new version that shares its
// traffic with the old one fails more often.
//
// It promises that a run is called bad with a probability of at most [Alpha],
// over all its functions, aliases, stages, looks and criteria together, while
// in every minute the new version's error rate is at most the old one's plus the
// tolerance, and at most max-error-rate where one is set. Invocations must fail
// independently of each other at that minute's rates: docs/guard.md shows what
// happens where they do not.
//
// The package is pure: it makes no call, waits for nothing, and knows neither
// AWS nor a clock.
package guard

// Count is how often a version was invoked, and how often it failed.
type Count struct {
	Invocations, Errors int64
}

// valid is the count with at most as many errors as invocations: CloudWatch may
// know of an error before it knows of the invocation.
func (c Count) valid() Count {
	c.Invocations = max(0, c.Invocations)
	c.Errors = min(max(0, c.Errors), c.Invocations)
	return c
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

// Plus returns the sum of two looks at a minute.
func (m Minute) Plus(other Minute) Minute { return m.plus(other) }

func (m Minute) valid() Minute { return Minute{New: m.New.valid(), Old: m.Old.valid()} }

// Whole reports whether a look at a minute has no more errors than invocations: it has
// where errors arrive after the invocations that an earlier look has counted.
func (m Minute) Whole() bool {
	return m.New.Errors <= m.New.Invocations && m.Old.Errors <= m.Old.Invocations && m.New.Errors >= 0 && m.Old.Errors >= 0
}

// Minus returns what a minute has beyond an earlier look at it.
func (m Minute) Minus(earlier Minute) Minute {
	return Minute{New: m.New.minus(earlier.New), Old: m.Old.minus(earlier.Old)}
}

func (c Count) minus(earlier Count) Count {
	return Count{Invocations: c.Invocations - earlier.Invocations, Errors: c.Errors - earlier.Errors}
}
