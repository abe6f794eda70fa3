package guard

import (
	"math"
)

// Evidence is an e-process against one criterion: a number that is 1 at the
// start and whose expectation never exceeds 1 while the criterion holds,
// however often one looks and whenever one stops. The chance that it ever
// reaches 1/alpha while the criterion holds is at most alpha (Ville's
// inequality).
type Evidence interface {
	// Add takes the next minute into account.
	Add(Minute)
	// Log is the natural logarithm of the evidence so far.
	Log() float64
	// Detectable is the lowest rate of the new version that would, with four
	// chances in five, have shown itself in the minutes so far against the
	// threshold 1/alpha; NaN where no rate would have.
	Detectable(alpha float64) float64
}

// Worse is the evidence against "in every minute the new version's error rate is
// at most the old one's plus the tolerance".
//
// Each minute is a block of two Bernoulli streams, one for each version. For an
// alternative (a rate of the new version, a rate of the old one) the block's
// likelihood ratio against the point of the null hypothesis that is nearest to
// it in Kullback-Leibler divergence, weighted by the numbers of invocations, has
// expectation at most 1 everywhere in the null hypothesis, because that is
// convex: Turner, Ly, Grünwald, "Generic E-variables for exact sequential
// k-sample tests that allow for optional stopping"
// (https://arxiv.org/abs/2106.02693). The true rates may change from minute to
// minute: an outage that both versions share is no evidence.
//
// Alternatives are chosen before a minute is seen, from the minutes before it,
// and mixed with fixed weights.
type Worse struct {
	tolerance float64
	old       estimate
	pending   Minute
	wealth    mixture
	seen      []block
}

// Tolerance is by how much the new version's error rate may lie above the old
// one's, as a fraction of its invocations: the larger of absolute and relative,
// the second a fraction of the old version's error rate before the shift. It is
// fixed before the first minute, so that it depends on no evidence.
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

// NewWorse starts without evidence. before is what the old version did before
// the shift, which says where to look; it is no evidence itself.
func NewWorse(tolerance float64, before Count) *Worse {
	return &Worse{tolerance: max(tolerance, lowestRate), old: newEstimate(before), wealth: newMixture()}
}

// alternatives are the rates of the new version that are bet on: multiples of
// the tolerated rate, and rates of their own.
var alternatives = []struct{ factor, rate, weight float64 }{
	{factor: 1.3, weight: 0.5}, {factor: 1.5, weight: 9}, {factor: 2.5, weight: 1}, {factor: 4, weight: 0.5}, {factor: 8, weight: 5},
	{rate: 0.2, weight: 0.5}, {rate: 0.5, weight: 0.5}, {rate: 0.95, weight: 0.5},
}

// Add implements Evidence. A minute in which one of the versions did not run
// joins the next one.
func (w *Worse) Add(m Minute) {
	w.pending = w.pending.plus(m)
	if w.pending.New.Invocations == 0 || w.pending.Old.Invocations == 0 {
		return
	}
	b := block{Minute: w.pending, old: w.old.rate()}
	w.pending = Minute{}
	for i := range alternatives {
		w.wealth.grow(i, w.ratio(b, w.alternative(i, b.old)))
	}
	w.wealth.end()
	w.old.add(b.Old)
	w.seen = append(w.seen, b)
}

// alternative is the i-th rate of the new version that is bet on.
func (w *Worse) alternative(i int, old float64) float64 {
	limit := old + w.tolerance
	return min(lastRate, max(alternatives[i].factor*limit, alternatives[i].rate))
}

// lastRate keeps a bet from staking everything on one answer.
const lastRate = 0.999

// block is a minute with the old version's rate as it was estimated before.
type block struct {
	Minute
	old float64
}

// ratio is the logarithm of the block's evidence for one alternative.
func (w *Worse) ratio(b block, alternative float64) float64 {
	if alternative <= b.old+w.tolerance {
		return 0 // inside of the null hypothesis: no bet
	}
	x, y := w.nearest(b, alternative)
	return likelihood(b.New, alternative) - likelihood(b.New, x) + likelihood(b.Old, b.old) - likelihood(b.Old, y)
}

// Log implements Evidence.
func (w *Worse) Log() float64 { return w.wealth.log() }

// Detectable implements Evidence.
func (w *Worse) Detectable(alpha float64) float64 {
	if len(w.seen) == 0 {
		return math.NaN()
	}
	lowest := w.old.rate() + w.tolerance
	return detectable(lowest, alpha, func(rate float64) (mean, variance float64) {
		for _, b := range w.seen {
			n, o := float64(b.New.Invocations), float64(b.Old.Invocations)
			p, q := min(rate, lastRate), b.old
			if p <= q+w.tolerance {
				continue
			}
			x, y := w.nearest(b, p)
			mean += n*divergence(p, x) + o*divergence(q, y)
			variance += n*spread(p, x) + o*spread(q, y)
		}
		return mean, variance
	})
}

// Bound is the evidence against "in every minute the new version's error rate is
// at most a bound", whatever the old one does.
type Bound struct {
	rate   float64
	wealth mixture
	ran    int64
}

// NewBound starts without evidence.
func NewBound(rate float64) *Bound {
	return &Bound{rate: min(max(rate, lowestRate), lastRate), wealth: newMixture()}
}

// Add implements Evidence.
func (b *Bound) Add(m Minute) {
	if m.New.Invocations == 0 {
		return
	}
	for i, a := range alternatives {
		p := min(lastRate, max(a.factor*b.rate, a.rate))
		if p > b.rate {
			b.wealth.grow(i, likelihood(m.New, p)-likelihood(m.New, b.rate))
		}
	}
	b.wealth.end()
	b.ran += m.New.Invocations
}

// Log implements Evidence.
func (b *Bound) Log() float64 { return b.wealth.log() }

// Detectable implements Evidence.
func (b *Bound) Detectable(alpha float64) float64 {
	n := float64(b.ran)
	return detectable(b.rate, alpha, func(p float64) (mean, variance float64) {
		p = min(p, lastRate)
		return n * divergence(p, b.rate), n * spread(p, b.rate)
	})
}
