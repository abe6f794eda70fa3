package guard

import (
	"math"
)

// Evidence is an e-process against one criterion: a number that starts at 1 and
// whose expected value stays at most 1 while the criterion holds, however often
// it is looked at and whenever the run stops. The probability that it ever
// reaches 1/alpha while the criterion holds is at most alpha (Ville's
// inequality).
type Evidence interface {
	// Add takes the next minute into account.
	Add(Minute)
	// Log returns the natural logarithm of the evidence so far.
	Log() float64
	// Detectable returns the lowest error rate of the new version with which the
	// evidence would, with a probability of about 80 %, have reached 1/alpha in
	// the minutes so far; NaN where there is no such rate.
	Detectable(alpha float64) float64
}

// Worse is the evidence against "in every minute the new version's error rate is
// at most the old one's plus the tolerance".
//
// Each minute is a block of n invocations of the new version and o of the old
// one. A bet names an alternative: rates p and q of the two. The block's
// likelihood ratio of (p, q) to the nearest point (x, y) of the null hypothesis
// multiplies the evidence of the bet. Its expected value E is at most 1 for all
// true rates r <= s + tolerance:
//
//	log E = n log(1 + (r-x)(p-x)/(x(1-x))) + o log(1 + (s-y)(q-y)/(y(1-y)))
//	     <= n(r-x)(p-x)/(x(1-x)) + o(s-y)(q-y)/(y(1-y))
//	      = c ((r-x) - (s-y)) <= 0, with c = n(p-x)/(x(1-x)) > 0
//
// The two fractions add up to 0 without the factors r-x and s-y, because the
// divergence has its minimum along the edge x = y + tolerance there. See Turner,
// Ly, Grünwald, "Generic E-variables for exact sequential k-sample tests that
// allow for optional stopping" (https://arxiv.org/abs/2106.02693). The true rates
// may change from minute to minute: an outage that both versions share is no
// evidence.
//
// Alternatives are chosen from the minutes before, and mixed with fixed weights.
type Worse struct {
	tolerance float64
	old       estimate
	pending   Minute
	mix       mixture
	seen      []block
}

// Tolerance returns by how much the new version's error rate may lie above the old
// one's, as a fraction of its invocations: the larger of absolute and relative,
// the second a fraction of the old version's error rate before the shift. It is
// fixed before the first minute, so that it does not depend on the evidence.
func Tolerance(absolute, relative float64, before Count) float64 {
	if before.Invocations == 0 {
		return absolute
	}
	return max(absolute, relative*float64(before.Errors)/float64(before.Invocations))
}

// The default tolerance: a tenth of a percentage point, or a fifth of the old
// version's error rate.
const (
	DefaultAbsolute = 0.001
	DefaultRelative = 0.2
)

// NewWorse returns a Worse without evidence. before is what the old version did
// before the shift: it chooses the first bets and is no evidence itself.
func NewWorse(tolerance float64, before Count) *Worse {
	return &Worse{tolerance: max(tolerance, lowestRate), old: newEstimate(before), mix: newMixture()}
}

// alternatives are the rates of the new version that are bet on: multiples of
// the tolerated rate, and rates of their own.
var alternatives = []struct{ factor, rate, weight float64 }{
	{factor: 1.3, weight: 0.5}, {factor: 1.5, weight: 9}, {factor: 2.5, weight: 1}, {factor: 4, weight: 0.5}, {factor: 8, weight: 5},
	{rate: 0.2, weight: 0.5}, {rate: 0.5, weight: 0.5}, {rate: 0.95, weight: 0.5},
}

// Add implements Evidence. A minute in which one of the versions did not run is
// joined to the next one: the null hypothesis then is about the mean rates of the
// joined minutes.
func (w *Worse) Add(m Minute) {
	w.pending = w.pending.plus(m.valid())
	if w.pending.New.Invocations == 0 || w.pending.Old.Invocations == 0 {
		return
	}
	b := block{Minute: w.pending, old: w.old.rate()}
	w.pending = Minute{}
	for i := range alternatives {
		w.mix.multiply(i, w.ratio(b, w.alternative(i, b.old)))
	}
	w.mix.endMinute()
	w.old.add(b.Old)
	w.seen = append(w.seen, b)
}

// alternative returns the i-th rate of the new version that is bet on.
func (w *Worse) alternative(i int, old float64) float64 {
	limit := old + w.tolerance
	return min(lastRate, max(alternatives[i].factor*limit, alternatives[i].rate))
}

// lastRate keeps a bet from losing everything to one invocation that succeeds.
const lastRate = 0.999

// block is a minute with the estimate of the old version's rate before it.
type block struct {
	Minute
	old float64
}

// ratio returns the logarithm of the block's likelihood ratio for one
// alternative.
func (w *Worse) ratio(b block, alternative float64) float64 {
	if alternative <= b.old+w.tolerance {
		return 0 // within the null hypothesis: no bet
	}
	x, y := w.nearest(b, alternative)
	return logLikelihood(b.New, alternative) - logLikelihood(b.New, x) + logLikelihood(b.Old, b.old) - logLikelihood(b.Old, y)
}

// Log implements Evidence.
func (w *Worse) Log() float64 { return w.mix.log() }

// Detectable implements Evidence.
func (w *Worse) Detectable(alpha float64) float64 {
	if len(w.seen) == 0 {
		return math.NaN()
	}
	lowest := w.old.rate() + w.tolerance
	return detectable(lowest, alpha, func(rate float64) (mean, squares float64) {
		for _, b := range w.seen {
			n, o := float64(b.New.Invocations), float64(b.Old.Invocations)
			p, q := min(rate, lastRate), b.old
			if p <= q+w.tolerance {
				continue
			}
			x, y := w.nearest(b, p)
			mean += n*divergence(p, x) + o*divergence(q, y)
			squares += n*variance(p, x) + o*variance(q, y)
		}
		return mean, squares
	})
}

// Bound is the evidence against "in every minute the new version's error rate is
// at most a bound", whatever the old one does.
type Bound struct {
	rate float64
	mix  mixture
	ran  int64
}

// NewBound returns a Bound without evidence.
func NewBound(rate float64) *Bound {
	return &Bound{rate: min(max(rate, lowestRate), lastRate), mix: newMixture()}
}

// Add implements Evidence.
func (b *Bound) Add(m Minute) {
	m = m.valid()
	if m.New.Invocations == 0 {
		return
	}
	for i, a := range alternatives {
		p := min(lastRate, max(a.factor*b.rate, a.rate))
		if p > b.rate {
			b.mix.multiply(i, logLikelihood(m.New, p)-logLikelihood(m.New, b.rate))
		}
	}
	b.mix.endMinute()
	b.ran += m.New.Invocations
}

// Log implements Evidence.
func (b *Bound) Log() float64 { return b.mix.log() }

// Detectable implements Evidence.
func (b *Bound) Detectable(alpha float64) float64 {
	n := float64(b.ran)
	return detectable(b.rate, alpha, func(p float64) (mean, squares float64) {
		p = min(p, lastRate)
		return n * divergence(p, b.rate), n * variance(p, b.rate)
	})
}
