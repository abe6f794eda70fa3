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

// Functions that are all a little worse make a run bad together, though none would alone.
func TestEvidenceOfSeveralFunctionsAddsUp(t *testing.T) {
	t.Parallel()
	together := 0
	for errors := range int64(8) {
		var all []*Comparison
		for range 10 {
			c := NewComparison(Criteria{Tolerance: 0.001, Before: Count{1000, 1}})
			c.Add(Minute{New: Count{20, errors}, Old: Count{180, 0}})
			all = append(all, c)
		}
		r := NewRun(all...)
		switch enough := all[0].log() >= math.Log(1/Alpha); {
		case r.alone():
		case r.Bad() != enough:
			t.Errorf("%d of 20 failed in each of ten functions: e^%.1f each, bad is %v", errors, all[0].log(), r.Bad())
		case enough:
			together++
		}
	}
	if together == 0 {
		t.Error("the evidence of one function always sufficed for all, or that of all never")
	}
	if NewRun().Bad() {
		t.Error("a run without a function is bad")
	}
}

// Errors that CloudWatch shows late belong to the minute of their invocations: what was
// judged without them is judged anew.
func TestMinutesThatAreRevisedCountAsIfTheyHadBeenKnown(t *testing.T) {
	t.Parallel()
	criteria := Criteria{Tolerance: 0.001, MaxErrorRate: 0.05, MinInvocations: 50, Before: Count{1000, 1}}
	early := []Minute{{New: Count{50, 0}, Old: Count{450, 0}}, {New: Count{50, 0}, Old: Count{450, 1}}}
	late := []Minute{{New: Count{50, 20}, Old: Count{450, 0}}, {New: Count{50, 15}, Old: Count{450, 1}}}
	c, want := NewComparison(criteria), NewComparison(criteria)
	for i := range early {
		c.Add(early[i])
		want.Add(late[i])
	}
	r := NewRun(c)
	if r.Bad() {
		t.Fatal("nothing failed yet, and the run is bad")
	}
	c.Revise(late)
	if !r.Bad() || c.log() != want.log() || c.Total() != want.Total() || r.Detectable(c) != NewRun(want).Detectable(want) {
		t.Errorf("evidence %g of %+v, want %g of %+v", c.log(), c.Total(), want.log(), want.Total())
	}
	if got := c.Stage().New.Invocations; got != 100 {
		t.Errorf("%d invocations in the stage: none were added", got)
	}
}

func TestALookAtAMinuteIsWholeWhereEveryErrorHasItsInvocation(t *testing.T) {
	t.Parallel()
	for m, whole := range map[Minute]bool{
		{}: true, {New: Count{2, 2}, Old: Count{3, 3}}: true,
		{New: Count{2, 3}}: false, {Old: Count{2, 3}}: false, {New: Count{2, -1}}: false, {Old: Count{2, -1}}: false,
	} {
		if m.Whole() != whole {
			t.Errorf("%+v is whole: %v", m, !whole)
		}
	}
	if got := (Count{-3, 2}).valid(); got != (Count{}) {
		t.Errorf("fewer than no invocations: %+v", got)
	}
}

// The old version's rate is learned from the hour before and from the minutes of the run.
func TestTheOldRateIsLearned(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		before      Count
		low, middle float64
	}{
		{Count{}, 0.01, 0.01}, {Count{1000, 100}, 0.099, 0.1}, {Count{1_000_000, 100_000}, 0.099, 0.1},
	} {
		e := newEstimate(tc.before)
		if got := e.rate(); got < tc.low || got > tc.middle {
			t.Errorf("%+v: %g", tc.before, got)
		}
	}
	// Of very many invocations before no more count than 20 000.
	e := newEstimate(Count{1_000_000, 100_000})
	e.add(Count{20_001, 20_000})
	if got := e.rate(); math.Abs(got-0.55) > 0.001 {
		t.Errorf("after as many failures: %g, want 0.55", got)
	}
	w := NewWorse(0.001, Count{}, 1)
	w.Add(Minute{New: Count{100, 50}, Old: Count{1000, 500}})
	if got := w.old.rate(); math.Abs(got-0.5) > 0.01 {
		t.Errorf("half of the old version's invocations failed, and its rate is taken for %g", got)
	}
}
