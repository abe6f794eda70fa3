package guard

import (
	"math"
	"slices"
	"testing"
)

func TestBadNeedsNoMinimum(t *testing.T) {
	t.Parallel()
	c := NewComparison(Criteria{Tolerance: 0.001, MinInvocations: 50, Before: Count{1000, 0}})
	r := NewRun(c)
	c.Add(Minute{New: Count{40, 40}, Old: Count{360, 0}})
	if got := r.Judge(c); got != Bad {
		t.Errorf("40 of 40 failed: %v, want bad, whatever the minimum", got)
	}
}

// Evidence that suffices in the middle of a minute is not lost at its end; of several
// functions, it must suffice for all.
func TestEvidenceInTheMiddleOfAMinuteSuffices(t *testing.T) {
	t.Parallel()
	criteria := Criteria{Tolerance: 0.001, Before: Count{100_000, 1000}}
	found, among := 0, 0
	for order := range uint64(200) {
		criteria.Order = order
		c := NewComparison(criteria)
		c.Add(Minute{New: Count{500, 16}, Old: Count{4500, 45}})
		if r := NewRun(c); !r.Bad() || r.log() >= math.Log(1/Alpha) {
			continue
		}
		found++
		if got := NewRun(c).Judge(c); got != Bad {
			t.Errorf("order %d: %v in a bad run", order, got)
		}
		crowd := []*Comparison{c}
		for range 99 {
			crowd = append(crowd, NewComparison(criteria))
		}
		if NewRun(crowd...).Bad() {
			among++
		}
	}
	if found < 20 || among > found/10 {
		t.Errorf("in %d of 200 orders the evidence sufficed in the middle only, in %d also among a hundred functions", found, among)
	}
}

func TestAVerdictIsGoodFromTheMinimumOn(t *testing.T) {
	t.Parallel()
	c := NewComparison(Criteria{Tolerance: 0.001, MinInvocations: 50})
	r := NewRun(c)
	for minute, want := range []Verdict{Inconclusive, Good} {
		c.Add(Minute{New: Count{25, 0}, Old: Count{225, 0}})
		if got := r.Judge(c); got != want {
			t.Errorf("minute %d: %v, want %v", minute+1, got, want)
		}
	}
	r.BeginStage()
	if got := r.Judge(c); got != Inconclusive {
		t.Errorf("a new stage begins: %v, want inconclusive", got)
	}
}

func TestNoMinimumIsStillNotGoodWithoutAnInvocation(t *testing.T) {
	t.Parallel()
	c := NewComparison(Criteria{Tolerance: 0.001})
	if got := NewRun(c).Judge(c); got != Inconclusive {
		t.Errorf("nothing ran: %v, want inconclusive", got)
	}
}

func TestASharedOutageIsNoEvidence(t *testing.T) {
	t.Parallel()
	c := NewComparison(Criteria{Tolerance: 0.001, MinInvocations: 50, Before: Count{30000, 30}})
	r := NewRun(c)
	for range 10 {
		c.Add(Minute{New: Count{50, 25}, Old: Count{450, 225}})
		if r.Bad() {
			t.Fatal("both versions fail alike, and the new one is called bad")
		}
	}
}

// After a minute that looked as far from any bet as can be, a fault that begins
// later is still seen.
func TestAFaultAfterASharedOutageIsSeen(t *testing.T) {
	t.Parallel()
	c := NewComparison(Criteria{Tolerance: 0.001, Before: Count{30000, 30}})
	r := NewRun(c)
	c.Add(Minute{New: Count{5000, 2500}, Old: Count{45_000, 22_500}})
	for minute := range 8 {
		c.Add(Minute{New: Count{50, 20}, Old: Count{450, 1}})
		if r.Bad() {
			t.Logf("seen in minute %d", minute+1)
			return
		}
	}
	t.Error("four in ten fail for eight minutes, and nothing is seen")
}

func TestOneBadFunctionAmongTwoHundredIsNamed(t *testing.T) {
	t.Parallel()
	var all []*Comparison
	for range 200 {
		all = append(all, NewComparison(Criteria{Tolerance: 0.001, MinInvocations: 10, Before: Count{1000, 1}}))
	}
	r := NewRun(all...)
	for i, c := range all {
		errors := int64(0)
		if i == 7 {
			errors = 40
		}
		c.Add(Minute{New: Count{50, errors}, Old: Count{450, 0}})
	}
	if !r.Bad() {
		t.Fatal("40 of 50 failed, and the run is not bad")
	}
	for i, c := range all {
		want := Good
		if i == 7 {
			want = Bad
		}
		if got := r.Judge(c); got != want {
			t.Errorf("function %d: %v, want %v", i, got, want)
		}
	}
}

func TestABoundIsHeldWhateverTheOldVersionDoes(t *testing.T) {
	t.Parallel()
	c := NewComparison(Criteria{Tolerance: 0.001, MaxErrorRate: 0.01, Before: Count{1000, 500}})
	r := NewRun(c)
	c.Add(Minute{New: Count{100, 50}, Old: Count{100, 50}})
	if !r.Bad() {
		t.Error("half of the invocations fail where one in a hundred may")
	}
}

func TestDetectableNamesARateThatWouldHaveBeenSeen(t *testing.T) {
	t.Parallel()
	c := NewComparison(Criteria{Tolerance: 0.001, Before: Count{30000, 30}})
	r := NewRun(c)
	if got := r.Detectable(c); !math.IsNaN(got) {
		t.Errorf("nothing ran, and %g would have been seen", got)
	}
	last := 1.0
	for range 3 {
		c.Add(Minute{New: Count{400, 0}, Old: Count{3600, 3}})
		got := r.Detectable(c)
		if !(got > 0.002 && got < last) {
			t.Errorf("detectable %g after %g: more invocations see lower rates", got, last)
		}
		last = got
	}
}

func TestMoreComparisonsNeedMoreEvidence(t *testing.T) {
	t.Parallel()
	minute := Minute{New: Count{20, 4}, Old: Count{180, 0}}
	alone := NewComparison(Criteria{Tolerance: 0.001, Before: Count{1000, 1}})
	alone.Add(minute)
	quiet := NewComparison(Criteria{Tolerance: 0.001})
	crowd := append(slices.Repeat([]*Comparison{quiet}, 40_000), alone)
	if !NewRun(alone).Bad() || NewRun(crowd...).Bad() {
		t.Errorf("evidence e^%.1f: alone %v, among 40,000 %v", alone.log(), NewRun(alone).Bad(), NewRun(crowd...).Bad())
	}
}

func TestAnErrorThatCloudWatchKnowsBeforeItsInvocationIsIgnored(t *testing.T) {
	t.Parallel()
	c := NewComparison(Criteria{Tolerance: 0.001, MaxErrorRate: 0.01})
	c.Add(Minute{New: Count{0, 3}, Old: Count{10, 12}})
	if got, want := c.Total(), (Minute{Old: Count{10, 10}}); got != want {
		t.Errorf("counted %v, want %v", got, want)
	}
	c.Add(Minute{New: Count{2, 5}, Old: Count{10, 0}})
	if log := c.log(); math.IsNaN(log) || math.IsInf(log, 0) {
		t.Errorf("evidence %g", log)
	}
}
