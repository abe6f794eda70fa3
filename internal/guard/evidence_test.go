package guard

import (
	"flag"
	"math"
	"testing"
)

// chance of k of n at a rate.
func chance(n, k int64, p float64) float64 {
	choose, _ := math.Lgamma(float64(n + 1))
	a, _ := math.Lgamma(float64(k + 1))
	b, _ := math.Lgamma(float64(n - k + 1))
	if p == 0 || p == 1 {
		if p == 0 && k == 0 || p == 1 && k == n {
			return 1
		}
		return 0
	}
	return math.Exp(choose - a - b + float64(k)*math.Log(p) + float64(n-k)*math.Log1p(-p))
}

// parted is evidence that is given the parts of a minute.
type parted interface {
	Evidence
	addParts(whole Minute, parts []Minute)
}

// outcomes calls f with the evidence after every possible outcome of the minutes, each of
// so many invocations (new, old), and with the outcome's probability at the true rates
// (new, old) of each minute: what the parts of minutes contain is exact, too.
func outcomes(start func() parted, sizes [][2]int64, rates [][2]float64, f func(e Evidence, probability float64)) {
	type part struct{ minute, new, old int64 }
	var all []part
	var joined [2]int64
	for i, s := range sizes {
		// Minutes in which a version did not run are joined.
		if joined[0], joined[1] = joined[0]+s[0], joined[1]+s[1]; joined[0] == 0 || joined[1] == 0 {
			continue
		}
		for _, p := range inSomeOrder(Minute{New: Count{Invocations: joined[0]}, Old: Count{Invocations: joined[1]}}, 1, 1) {
			all = append(all, part{int64(i), p.New.Invocations, p.Old.Invocations})
		}
		joined = [2]int64{}
	}
	var walk func(seen []Minute, weight float64)
	walk = func(seen []Minute, weight float64) {
		if len(seen) == len(all) {
			e := start()
			for i := 0; i < len(all); {
				first, whole := i, Minute{}
				for ; i < len(all) && all[i].minute == all[first].minute; i++ {
					whole = whole.plus(seen[i])
				}
				e.addParts(whole, seen[first:i])
			}
			f(e, weight)
			return
		}
		p := all[len(seen)]
		for k := range p.new + 1 {
			for j := range p.old + 1 {
				weight := weight * chance(p.new, k, rates[p.minute][0]) * chance(p.old, j, rates[p.minute][1])
				walk(append(seen[:len(seen):len(seen)], Minute{New: Count{p.new, k}, Old: Count{p.old, j}}), weight)
			}
		}
	}
	walk(nil, 1)
}

func TestMinutesInWhichAVersionDidNotRunAreJoined(t *testing.T) {
	t.Parallel()
	apart, together := NewWorse(0.001, Count{1000, 10}, 1), NewWorse(0.001, Count{1000, 10}, 1)
	for _, m := range []Minute{{New: Count{2, 1}}, {Old: Count{3, 0}}, {New: Count{1, 1}}} {
		apart.Add(m)
	}
	together.Add(Minute{New: Count{2, 1}, Old: Count{3, 0}})
	if apart.Log() != together.Log() || apart.Log() == 0 {
		t.Errorf("evidence %g, joined %g", apart.Log(), together.Log())
	}
}

// expectation is the exact expectation of the evidence after the minutes.
func expectation(start func() parted, sizes [][2]int64, rates [][2]float64) (mean float64) {
	outcomes(start, sizes, rates, func(e Evidence, p float64) { mean += p * math.Exp(e.Log()) })
	return mean
}

var sizes = map[string][][2]int64{
	"a tenth":               {{1, 6}, {1, 3}},
	"half":                  {{2, 2}, {2, 2}},
	"mostly new":            {{4, 1}, {3, 1}},
	"a minute without old":  {{2, 0}, {2, 2}},
	"a minute without new":  {{0, 3}, {2, 2}},
	"one large, one small":  {{3, 7}, {1, 0}},
	"three minutes":         {{1, 1}, {1, 2}, {1, 1}},
	"the old one ran alone": {{0, 3}, {0, 3}},
}

var full = flag.Bool("full", false, "put each history beside each tolerance, not a sample of them")

// Whatever the true rates are, as long as each minute's are tolerated, the
// evidence is expected to be 1 at most: the promise that everything rests on,
// computed over all outcomes.
func TestEvidenceIsExpectedToStayAtOneWhileTheNewVersionIsTolerated(t *testing.T) {
	t.Parallel()
	rates := []float64{0, 0.3, 0.95}
	for name, minutes := range sizes {
		for i, before := range []Count{{}, {1000, 100}} {
			for j, tolerance := range []float64{0.001, 0.05} {
				if !*full && i != j {
					continue
				}
				start := func() parted { return NewWorse(tolerance, before, 1) }
				joined := minutes[0][1] == 0 || minutes[0][0] == 0
				for _, first := range rates {
					for _, later := range rates {
						if joined && later != first {
							continue // the rates are taken as the same in both
						}
						truth := make([][2]float64, len(minutes))
						for i := range truth {
							old := first
							if i > 0 {
								old = later
							}
							truth[i] = [2]float64{min(1, old+tolerance), old}
						}
						if e := expectation(start, minutes, truth); e > 1+1e-9 {
							t.Fatalf("%s, before %v, tolerance %g, old %g then %g: expectation %.12f", name, before, tolerance, first, later, e)
						}
					}
				}
			}
		}
	}
}

// The promise itself, computed over all outcomes: evidence of 1/alpha is seen in at most
// a share alpha of the runs, between the invocations of a minute, too.
func TestDecisiveEvidenceIsAsRareAsPromised(t *testing.T) {
	t.Parallel()
	const old, tolerance = 0.3, 0.05
	truth := [][2]float64{{old + tolerance, old}, {old + tolerance, old}}
	alphas := []float64{0.5, 0.2, 0.05}
	var seen, between [3]float64
	start := func() parted { return NewWorse(tolerance, Count{1000, 100}, 1) }
	outcomes(start, [][2]int64{{3, 3}, {3, 3}}, truth, func(e Evidence, p float64) {
		for i, alpha := range alphas {
			if e.Peak() < math.Log(1/alpha) {
				continue
			}
			seen[i] += p
			if e.Log() < math.Log(1/alpha) {
				between[i] += p
			}
		}
	})
	for i, alpha := range alphas {
		if seen[i] > alpha || seen[i] == 0 || between[i] == 0 {
			t.Errorf("evidence of %g is seen with a probability of %.4f, in %.4f not at the end", 1/alpha, seen[i], between[i])
		}
	}
}

func TestBoundIsExpectedToStayAtOneBelowIt(t *testing.T) {
	t.Parallel()
	for _, bound := range []float64{0.001, 0.01, 0.2} {
		start := func() parted { return NewBound(bound, 1) }
		for name, minutes := range sizes {
			for _, share := range []float64{0, 0.5, 1} {
				truth := make([][2]float64, len(minutes))
				for i := range truth {
					truth[i] = [2]float64{bound * share, 0.5}
				}
				if e := expectation(start, minutes, truth); e > 1+1e-9 {
					t.Errorf("%s, bound %g, rate %g: expectation %.12f", name, bound, bound*share, e)
				}
			}
		}
	}
}

func TestEvidenceGrowsWhereTheNewVersionIsWorse(t *testing.T) {
	t.Parallel()
	start := func() parted { return NewWorse(0.001, Count{1000, 1}, 1) }
	if e := expectation(start, [][2]int64{{3, 3}, {3, 3}}, [][2]float64{{0.5, 0.001}, {0.5, 0.001}}); e < 5 {
		t.Errorf("expectation %.3f where half of the new version's invocations fail", e)
	}
}

func TestToleranceIsTheLargerOne(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		before Count
		want   float64
	}{
		{Count{}, 0.001},
		{Count{1000, 1}, 0.001},
		{Count{1000, 50}, 0.01},
	} {
		if got := Tolerance(DefaultAbsolute, DefaultRelative, c.before); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("tolerance after %v: %g, want %g", c.before, got, c.want)
		}
	}
}
