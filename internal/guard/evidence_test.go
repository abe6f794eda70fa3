package guard

import (
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

// expectation is the exact expectation of the evidence after the minutes, each
// of so many invocations (new, old), at the true rates (new, old) of each.
func expectation(start func() Evidence, sizes [][2]int64, rates [][2]float64) float64 {
	var walk func(minutes []Minute, weight float64) float64
	walk = func(minutes []Minute, weight float64) float64 {
		i := len(minutes)
		if i == len(sizes) {
			e := start()
			for _, m := range minutes {
				e.Add(m)
			}
			return weight * math.Exp(e.Log())
		}
		total := 0.0
		n, o := sizes[i][0], sizes[i][1]
		for k := range n + 1 {
			for j := range o + 1 {
				p := chance(n, k, rates[i][0]) * chance(o, j, rates[i][1])
				next := append(minutes[:i:i], Minute{New: Count{n, k}, Old: Count{o, j}})
				total += walk(next, weight*p)
			}
		}
		return total
	}
	return walk(nil, 1)
}

var sizes = map[string][][2]int64{
	"a tenth":               {{1, 6}, {1, 3}},
	"half":                  {{3, 3}, {2, 2}},
	"mostly new":            {{4, 1}, {3, 1}},
	"a minute without old":  {{2, 0}, {2, 2}},
	"a minute without new":  {{0, 3}, {2, 2}},
	"one large, one small":  {{9, 9}, {1, 0}},
	"three minutes":         {{1, 1}, {1, 2}, {1, 1}},
	"the old one ran alone": {{0, 3}, {0, 3}},
}

// Whatever the true rates are, as long as each minute's are tolerated, the
// evidence is expected to be 1 at most: the promise that everything rests on,
// computed over all outcomes.
func TestEvidenceIsExpectedToStayAtOneWhileTheNewVersionIsTolerated(t *testing.T) {
	t.Parallel()
	rates := []float64{0, 0.01, 0.3, 0.95}
	for name, minutes := range sizes {
		for _, before := range []Count{{}, {1000, 100}} {
			for _, tolerance := range []float64{0.001, 0.05} {
				start := func() Evidence { return NewWorse(tolerance, before) }
				for _, first := range rates {
					for _, later := range rates {
						truth := make([][2]float64, len(minutes))
						for i := range truth {
							old := first
							if i > 0 {
								old = later
							}
							truth[i] = [2]float64{min(1, old+tolerance), old}
						}
						if minutes[0][1] == 0 || minutes[0][0] == 0 {
							// Minutes are joined: the rates are taken as the same in both.
							for i := range truth {
								truth[i] = truth[0]
							}
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

func TestBoundIsExpectedToStayAtOneBelowIt(t *testing.T) {
	t.Parallel()
	for _, bound := range []float64{0.001, 0.01, 0.2} {
		start := func() Evidence { return NewBound(bound) }
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
	start := func() Evidence { return NewWorse(0.001, Count{1000, 1}) }
	if e := expectation(start, [][2]int64{{4, 4}, {4, 4}}, [][2]float64{{0.5, 0.001}, {0.5, 0.001}}); e < 10 {
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
