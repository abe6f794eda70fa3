package guard

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// canary is one gradual shift, minute by minute: 10%/5m, 50%/5m.
type canary struct {
	before  Count
	minutes []Minute
}

// world says how a simulated function behaves.
type world struct {
	perMinute int64
	base      float64
	// factor is the new version's error rate by the old one's.
	factor float64
	// rates changes the two rates of a minute; nil leaves them.
	rates func(r *rand.Rand, minute int, old, new float64) (float64, float64)
}

func (w world) run(r *rand.Rand) canary {
	c := canary{before: Count{60 * w.perMinute, binomial(r, 60*w.perMinute, w.base)}}
	for minute := range 10 {
		share := 0.1
		if minute >= 5 {
			share = 0.5
		}
		old, new := w.base, min(1, w.base*w.factor)
		if w.rates != nil {
			old, new = w.rates(r, minute, old, new)
		}
		n := binomial(r, w.perMinute, share)
		c.minutes = append(c.minutes, Minute{New: Count{n, binomial(r, n, new)}, Old: Count{w.perMinute - n, binomial(r, w.perMinute-n, old)}})
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

// judge looks after each minute, and says in which one it rolled back; 10 for
// never. served are the new version's invocations until then.
type judge func(c canary) (minute int, served int64)

func eProcess(c canary) (int, int64) {
	comparison := NewComparison(Criteria{Tolerance: Tolerance(DefaultAbsolute, DefaultRelative, c.before), MinInvocations: 50, Before: c.before})
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

// mannWhitney compares the minutes' error rates so far by ranks, one-sided at
// 5 %, as PipeCD's analysis does.
func mannWhitney(c canary) (int, int64) {
	var new, old []float64
	return look(c, func(m Minute) bool {
		if m.New.Invocations > 0 && m.Old.Invocations > 0 {
			new, old = append(new, rate(m.New)), append(old, rate(m.Old))
		}
		const significance = 0.05
		return greater(new, old) < significance
	})
}

func rate(c Count) float64 { return float64(c.Errors) / float64(c.Invocations) }

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

// alarm rolls back when the new version's error rate of one minute exceeds a
// threshold.
func alarm(threshold float64) judge {
	return func(c canary) (int, int64) {
		return look(c, func(m Minute) bool { return m.New.Invocations > 0 && rate(m.New) > threshold })
	}
}

// tuned is the alarm with 1 % false rollbacks in a world where both versions
// are alike: nobody can know that threshold beforehand.
func tuned(w world, runs int) judge {
	w.factor = 1
	r := rand.New(rand.NewPCG(7, 7))
	var worst []float64
	for range runs {
		most := 0.0
		for _, m := range w.run(r).minutes {
			if m.New.Invocations > 0 {
				most = max(most, rate(m.New))
			}
		}
		worst = append(worst, most)
	}
	slices.Sort(worst)
	return alarm(worst[len(worst)*99/100])
}

type outcome struct{ caught, served float64 }

func simulate(w world, j judge, runs int, seed uint64) outcome {
	r := rand.New(rand.NewPCG(seed, 1))
	var o outcome
	for range runs {
		c := w.run(r)
		minute, served := j(c)
		if minute < len(c.minutes) {
			o.caught++
		}
		o.served += float64(served)
	}
	return outcome{caught: o.caught / float64(runs), served: o.served / float64(runs)}
}

func TestTable(t *testing.T) {
	const runs = 1000
	var b strings.Builder
	for _, base := range []float64{0.001, 0.01, 0.05} {
		for _, perMinute := range []int64{50, 500, 5000} {
			for _, factor := range []float64{1, 2, 10} {
				w := world{perMinute: perMinute, base: base, factor: factor}
				e, mw, al := simulate(w, eProcess, runs, 3), simulate(w, mannWhitney, runs, 3), simulate(w, tuned(w, 4000), runs, 3)
				fmt.Fprintf(&b, "%4.1f%% %5d x%-3g  e %5.1f%% %6.0f   MW %5.1f%% %6.0f   alarm %5.1f%% %6.0f   ratios %.2f %.2f\n", base*100, perMinute, factor,
					100*e.caught, e.served, 100*mw.caught, mw.served, 100*al.caught, al.served, e.served/mw.served, e.served/al.served)
			}
		}
	}
	t.Log("\n" + b.String())
}
