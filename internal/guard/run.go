package guard

import (
	"fmt"
	"math"
	"slices"
)

// Alpha is the largest share of runs that are called bad although no new version
// is worse than its criteria allow.
const Alpha = 0.01

// Verdict is what the evidence says.
type Verdict int

// The verdicts. Bad needs no minimum of invocations; Good needs it.
const (
	Inconclusive Verdict = iota
	Good
	Bad
)

func (v Verdict) String() string {
	switch v {
	case Inconclusive:
		return "inconclusive"
	case Good:
		return "good"
	case Bad:
		return "bad"
	}
	panic(fmt.Sprintf("guard: no verdict %d", int(v)))
}

// Criteria are what a new version is held to.
type Criteria struct {
	// Tolerance is by how much the new version's error rate may lie above the
	// old one's, as a fraction: see [Tolerance].
	Tolerance float64
	// MaxErrorRate is a bound of its own, as a fraction; 0 means none.
	MaxErrorRate float64
	// MinInvocations is how many invocations of the new version a stage needs
	// before it can be called good.
	MinInvocations int64
	// Before is what the old version did before the shift.
	Before Count
	// Order chooses the order of the invocations of a minute, of which only sums are
	// known. It must not depend on what is measured.
	Order uint64
}

// Comparison is the new version of one function against the old one, behind one
// alias.
type Comparison struct {
	criteria Criteria
	worse    *Worse
	// tests are worse, and the bound of its own where there is one.
	tests []Evidence
	total Minute
	stage Minute
}

// NewComparison returns a Comparison without evidence.
func NewComparison(c Criteria) *Comparison {
	worse := NewWorse(c.Tolerance, c.Before, c.Order)
	tests := []Evidence{worse}
	if c.MaxErrorRate > 0 {
		tests = append(tests, NewBound(c.MaxErrorRate, c.Order))
	}
	return &Comparison{criteria: c, worse: worse, tests: tests}
}

// Add takes the next minute into account.
func (c *Comparison) Add(m Minute) {
	m = m.valid()
	c.total, c.stage = c.total.plus(m), c.stage.plus(m)
	for _, t := range c.tests {
		t.Add(m)
	}
}

// Revise takes all minutes into account anew, in the order of time: where CloudWatch
// shows errors of invocations that were counted before, they are in the minute of these.
func (c *Comparison) Revise(minutes []Minute) {
	again := NewComparison(c.criteria)
	for _, m := range minutes {
		again.Add(m)
	}
	c.worse, c.tests, c.total = again.worse, again.tests, again.total
}

// Total returns what both versions did so far.
func (c *Comparison) Total() Minute { return c.total }

// Stage returns what both versions did since the last BeginStage.
func (c *Comparison) Stage() Minute { return c.stage }

// log returns the mean of the criteria's evidence, as a logarithm.
func (c *Comparison) log() float64 {
	total := math.Inf(-1)
	for _, t := range c.tests {
		total = sumLogs(total, t.Log())
	}
	return total - math.Log(float64(len(c.tests)))
}

// most is the largest evidence that counts, as a logarithm.
func (c *Comparison) most() float64 {
	most := c.log()
	for _, t := range c.tests {
		most = max(most, t.Peak()-math.Log(float64(len(c.tests))))
	}
	return most
}

// Run is the evidence of a run: all functions and aliases that shift together.
//
// The mean of e-processes is an e-process however they depend on each other, so
// the mean is compared with 1/Alpha: two hundred comparisons raise no more false
// alarms than one (Vovk, Wang, "E-values: calibration,
// combination, and applications", https://arxiv.org/abs/1912.06116).
type Run struct {
	comparisons []*Comparison
}

// NewRun returns the run of these comparisons. All are named at the start: each
// has the same share of [Alpha].
func NewRun(comparisons ...*Comparison) *Run { return &Run{comparisons: comparisons} }

// BeginStage restarts the count of invocations that MinInvocations is about.
func (r *Run) BeginStage() {
	for _, c := range r.comparisons {
		c.stage = Minute{}
	}
}

// Bad reports whether the evidence against the new versions of the run is
// decisive. Evidence may shrink again: a caller acts on the first Bad.
//
// Within a minute, invocations of several functions may depend on each other, so there
// the evidence of each counts alone: with what the mean counts at the end of the minute,
// and with what alone suffices for the mean as soon as it does.
func (r *Run) Bad() bool {
	return len(r.comparisons) > 0 && (r.log() >= math.Log(1/Alpha) || r.alone())
}

// alone reports whether the evidence of one comparison sufficed for the run at some
// time.
func (r *Run) alone() bool {
	return slices.ContainsFunc(r.comparisons, func(c *Comparison) bool {
		return c.most()-math.Log(float64(len(r.comparisons))) >= math.Log(1/Alpha)
	})
}

func (r *Run) log() float64 {
	total := math.Inf(-1)
	for _, c := range r.comparisons {
		total = sumLogs(total, c.log())
	}
	return total - math.Log(float64(len(r.comparisons)))
}

// Judge returns the verdict on one comparison of the run. In a bad run those
// comparisons are bad that have at least half of the evidence of the strongest
// one.
func (r *Run) Judge(c *Comparison) Verdict {
	switch {
	case r.Bad() && c.most() >= r.strongest()-math.Ln2:
		return Bad
	case c.stage.New.Invocations >= c.criteria.MinInvocations && c.stage.New.Invocations > 0:
		return Good
	}
	return Inconclusive
}

func (r *Run) strongest() float64 {
	most := math.Inf(-1)
	for _, c := range r.comparisons {
		most = max(most, c.most())
	}
	return most
}

// Detectable returns the lowest error rate of the comparison's new version that
// would, with a probability of about 80 %, have made the run bad by now; NaN where
// there is no such rate.
func (r *Run) Detectable(c *Comparison) float64 {
	alpha := Alpha / float64(len(r.comparisons)*len(c.tests))
	return c.worse.Detectable(alpha)
}
