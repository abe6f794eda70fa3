package guard

import (
	"fmt"
	"iter"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// canary is one gradual shift, minute by minute: 10%/5m, 50%/5m.
type canary struct {
	before  Count
	order   uint64
	minutes []Minute
}

// allowed is the factor of a new version that is as bad as it may be.
const allowed = 0

// scenario is how a simulated function behaves.
type scenario struct {
	perMinute int64
	base      float64
	// factor is the new version's error rate by the old one's.
	factor float64
	// rates changes the two rates of a minute; nil changes nothing.
	rates func(r *rand.Rand, minute int, old, new float64) (float64, float64)
}

func (s scenario) run(r *rand.Rand) canary {
	c := canary{before: Count{60 * s.perMinute, binomial(r, 60*s.perMinute, s.base)}}
	for minute := range 10 {
		share := 0.1
		if minute >= 5 {
			share = 0.5
		}
		old, new := s.base, min(1, s.base*s.factor)
		if s.factor == allowed {
			new = s.base + Tolerance(DefaultAbsolute, DefaultRelative, c.before)
		}
		if s.rates != nil {
			old, new = s.rates(r, minute, old, new)
		}
		n := binomial(r, s.perMinute, share)
		c.minutes = append(c.minutes, Minute{New: Count{n, binomial(r, n, new)}, Old: Count{s.perMinute - n, binomial(r, s.perMinute-n, old)}})
	}
	return c
}

// binomial draws how many of n succeed at a rate.
func binomial(r *rand.Rand, n int64, p float64) int64 {
	switch mean := float64(n) * p; {
	case p <= 0:
		return 0
	case p >= 1:
		return n
	case mean*(1-p) > 400:
		return min(n, max(0, int64(math.Round(mean+r.NormFloat64()*math.Sqrt(mean*(1-p))))))
	case p > 0.5:
		return n - binomial(r, n, 1-p)
	}
	// The gaps between successes are geometric.
	var successes, at int64
	for scale := math.Log1p(-p); ; successes++ {
		if at += 1 + int64(math.Log(1-r.Float64())/scale); at > n {
			return successes
		}
	}
}

// judge looks at a canary after each minute and returns the minute in which it
// rolled back, 10 for never, and the new version's invocations until then.
type judge func(c canary) (minute int, served int64)

func eProcess(c canary) (int, int64) {
	return compare(c, Tolerance(DefaultAbsolute, DefaultRelative, c.before))
}

// intolerant is the guard with error-tolerance 0.
func intolerant(c canary) (int, int64) { return compare(c, 0) }

func compare(c canary, tolerance float64) (int, int64) {
	comparison := NewComparison(Criteria{Tolerance: tolerance, MinInvocations: 50, Before: c.before, Order: c.order})
	r := NewRun(comparison)
	return look(c, func(m Minute) bool { comparison.Add(m); return r.Bad() })
}

func look(c canary, bad func(Minute) bool) (int, int64) {
	served := int64(0)
	for i, m := range c.minutes {
		served += m.New.Invocations
		if bad(m) {
			return i, served
		}
	}
	return len(c.minutes), served
}

// mannWhitney compares the minutes' error rates by ranks, one-sided at 5 %, as
// PipeCD's analysis does, once all ten minutes are there: with five it would see
// nothing below a difference in every single one.
func mannWhitney(c canary) (int, int64) {
	var new, old []float64
	return look(c, func(m Minute) bool {
		if m.New.Invocations > 0 && m.Old.Invocations > 0 {
			new, old = append(new, rate(m.New)), append(old, rate(m.Old))
		}
		const significance = 0.05
		return len(new) == 10 && greater(new, old) < significance
	})
}

func rate(c Count) float64 {
	if c.Invocations == 0 {
		return 0
	}
	return float64(c.Errors) / float64(c.Invocations)
}

// greater is the p-value of "a tends to be greater than b", by the normal
// approximation with corrections for ties and continuity.
func greater(a, b []float64) float64 {
	n, m := float64(len(a)), float64(len(b))
	if n < 2 {
		return 1
	}
	u := 0.0
	for _, x := range a {
		for _, y := range b {
			switch {
			case x > y:
				u++
			case x == y:
				u += 0.5
			}
		}
	}
	all := slices.Sorted(slices.Values(append(slices.Clone(a), b...)))
	ties := 0.0
	for i := 0; i < len(all); {
		j := i
		for j < len(all) && all[j] == all[i] {
			j++
		}
		t := float64(j - i)
		ties += t*t*t - t
		i = j
	}
	variance := n * m / 12 * (n + m + 1 - ties/((n+m)*(n+m-1)))
	if variance == 0 {
		return 1
	}
	return math.Erfc((u-n*m/2-0.5)/math.Sqrt(variance)/math.Sqrt2) / 2
}

// alarm rolls back when a figure of one minute of the new version exceeds a
// threshold.
func alarm(figure func(Count) float64, threshold float64) judge {
	return func(c canary) (int, int64) {
		return look(c, func(m Minute) bool { return figure(m.New) > threshold })
	}
}

func sum(c Count) float64 { return float64(c.Errors) }

// tuned is the alarm with 1 % false rollbacks in a scenario where both versions
// are alike: nobody can know that threshold beforehand.
func tuned(s scenario, figure func(Count) float64) judge {
	const runs = 4000
	s.factor = 1
	r := rand.New(rand.NewPCG(7, 7))
	var worst []float64
	for range runs {
		most := 0.0
		for _, m := range s.run(r).minutes {
			most = max(most, figure(m.New))
		}
		worst = append(worst, most)
	}
	slices.Sort(worst)
	return alarm(figure, worst[len(worst)*99/100])
}

type outcome struct{ caught, served float64 }

func simulate(s scenario, j judge, runs int, seed uint64) outcome {
	r, orders := rand.New(rand.NewPCG(seed, 1)), rand.New(rand.NewPCG(seed, 2))
	var o outcome
	for range runs {
		c := s.run(r)
		c.order = orders.Uint64()
		minute, served := j(c)
		if minute < len(c.minutes) {
			o.caught++
		}
		o.served += float64(served)
	}
	return outcome{caught: o.caught / float64(runs), served: o.served / float64(runs)}
}

// limits are the least share of canaries that the guard must catch.
var limits = map[[3]float64]float64{
	{0.01, 5000, 2}: 0.99, {0.05, 500, 2}: 0.90, {0.05, 5000, 2}: 0.99,
	{0.001, 500, 10}: 0.45, {0.001, 5000, 10}: 0.99, {0.01, 50, 10}: 0.70, {0.01, 500, 10}: 0.99, {0.05, 50, 10}: 0.99,
}

// The cells that depend most on chance, with few canaries; the benchmark has all
// cells.
func TestTheGuardCatchesWhatItMustAndBlamesNobody(t *testing.T) {
	t.Parallel()
	const runs = 150
	for cell, least := range map[[3]float64]float64{{0.01, 50, 10}: 0.6, {0.05, 500, 2}: 0.8, {0.05, 500, 1}: 0} {
		s := scenario{base: cell[0], perMinute: int64(cell[1]), factor: cell[2]}
		caught := simulate(s, eProcess, runs, 5).caught
		if caught < least || least == 0 && caught > 0.02 {
			t.Errorf("base %g, %g a minute, times %g: %.1f %% rolled back", cell[0], cell[1], cell[2], 100*caught)
		}
	}
}

const runs = 4000

// BenchmarkCanaries prints, for each cell, how many canaries were rolled back and
// how many invocations of the new version had been served until then; "limit" is
// the least share to be caught. Served "at best" is what an oracle reaches.
func BenchmarkCanaries(b *testing.B) {
	for range b.N {
		fmt.Println("| old rate | requests a minute | new rate | guard | limit | Mann-Whitney | alarm on the rate | alarm on the sum | served: guard | at best | Mann-Whitney | alarm, rate | alarm, sum |")
		fmt.Println("|---|---|---|---|---|---|---|---|---|---|---|---|---|")
		for s := range cells(1, 2, 10) {
			fmt.Println(row(s))
		}
	}
}

// cells are all base rates and volumes, with each factor.
func cells(factors ...float64) iter.Seq[scenario] {
	return func(yield func(scenario) bool) {
		for _, base := range []float64{0.001, 0.01, 0.05} {
			for _, perMinute := range []int64{50, 500, 5000} {
				for _, factor := range factors {
					if !yield(scenario{perMinute: perMinute, base: base, factor: factor}) {
						return
					}
				}
			}
		}
	}
}

func row(s scenario) string {
	text := fmt.Sprintf("| %.1f %% | %d | x %g |", 100*s.base, s.perMinute, s.factor)
	var served string
	for i, j := range []judge{eProcess, mannWhitney, tuned(s, rate), tuned(s, sum)} {
		o := simulate(s, j, runs, 3)
		text += fmt.Sprintf(" %.1f %% |", 100*o.caught)
		served += fmt.Sprintf(" %.0f |", o.served)
		if i > 0 {
			continue
		}
		switch limit, has := limits[[3]float64{s.base, float64(s.perMinute), s.factor}]; {
		case s.factor == 1:
			text, served = text+" at most 1 % |", served+" |"
			continue
		case has:
			text += fmt.Sprintf(" at least %.0f %% |", 100*limit)
		default:
			text += " |"
		}
		served += fmt.Sprintf(" %.0f |", newOracle(s, max(DefaultAbsolute, DefaultRelative*s.base), false).served())
	}
	return text + served
}

// BenchmarkTolerance prints what the tolerance costs where the rate doubles: the
// invocations that the new version had served, with and without it, beside the least that
// is possible then. It also prints how often the guard rolls back where the new version
// is as bad as it may be.
func BenchmarkTolerance(b *testing.B) {
	for range b.N {
		fmt.Println("| old rate | requests a minute | guard | at best | guard, tolerance 0 | at best | at best, old rate known | alarm, rate | alarm, sum | as bad as allowed |")
		fmt.Println("|---|---|---|---|---|---|---|---|---|---|")
		for s := range cells(2) {
			edge := s
			edge.factor = allowed
			tolerance := max(DefaultAbsolute, DefaultRelative*s.base)
			fmt.Printf("| %.1f %% | %d | %.0f | %.0f | %.0f | %.0f | %.0f | %.0f | %.0f | %.1f %% |\n", 100*s.base, s.perMinute,
				simulate(s, eProcess, runs, 3).served, newOracle(s, tolerance, false).served(),
				simulate(s, intolerant, runs, 3).served, newOracle(s, 0, false).served(), newOracle(s, 0, true).served(),
				simulate(s, tuned(s, rate), runs, 3).served, simulate(s, tuned(s, sum), runs, 3).served,
				100*simulate(edge, eProcess, runs, 3).caught)
		}
	}
}

// BenchmarkBrokenAssumptions prints false rollbacks where the assumptions
// of the statistics do not hold, and where a run holds two hundred functions.
func BenchmarkBrokenAssumptions(b *testing.B) {
	const runs = 2000
	outage := func(_ *rand.Rand, minute int, old, new float64) (float64, float64) {
		if minute == 3 || minute == 4 {
			return 0.5, 0.5
		}
		return old, new
	}
	restless := func(r *rand.Rand, _ int, old, new float64) (float64, float64) {
		const deviation = 0.5
		return min(1, old*math.Exp(deviation*r.NormFloat64())), min(1, new*math.Exp(deviation*r.NormFloat64()))
	}
	cold := func(_ *rand.Rand, minute int, old, new float64) (float64, float64) {
		if minute == 0 {
			new += 0.05
		}
		return old, new
	}
	// fromOutage leaves out what was decided before the outage.
	fromOutage := func(c canary) (int, int64) {
		minute, served := eProcess(c)
		if minute < 3 {
			minute = len(c.minutes)
		}
		return minute, served
	}
	for range b.N {
		fmt.Println("| scenario | requests a minute | false rollbacks |\n|---|---|---|")
		for _, c := range []struct {
			name  string
			rates func(*rand.Rand, int, float64, float64) (float64, float64)
			judge judge
		}{
			{"both fail half of the time for two minutes: from then on", outage, fromOutage},
			{"rates vary by minute and version", restless, eProcess}, {"cold starts fail in the first minute", cold, eProcess},
		} {
			for _, perMinute := range []int64{50, 500, 5000} {
				o := simulate(scenario{perMinute: perMinute, base: 0.01, factor: 1, rates: c.rates}, c.judge, runs, 11)
				fmt.Printf("| %s | %d | %.1f %% |\n", c.name, perMinute, 100*o.caught)
			}
		}
		fmt.Printf("| two hundred functions in a run | 500 | %.1f %% |\n", 100*fleet(200))
	}
}

// fleet is the share of runs with so many equal functions that are rolled back.
func fleet(functions int) float64 {
	const runs = 200
	r, orders := rand.New(rand.NewPCG(13, 1)), rand.New(rand.NewPCG(13, 2))
	bad := 0
	for range runs {
		var all []*Comparison
		var canaries []canary
		for range functions {
			c := scenario{perMinute: 500, base: 0.01, factor: 1}.run(r)
			c.order = orders.Uint64()
			canaries = append(canaries, c)
			all = append(all, NewComparison(Criteria{Tolerance: Tolerance(DefaultAbsolute, DefaultRelative, c.before), Before: c.before, Order: c.order}))
		}
		run := NewRun(all...)
		for minute := range 10 {
			for i, c := range all {
				c.Add(canaries[i].minutes[minute])
			}
			if run.Bad() {
				bad++
				break
			}
		}
	}
	return float64(bad) / runs
}
