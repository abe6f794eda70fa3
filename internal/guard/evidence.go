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
	// Peak returns the largest that Log was so far, also between the invocations of
	// a minute.
	Peak() float64
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
	peak      float64
	seed      uint64
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
// before the shift: it chooses the first bets and is no evidence itself. seed is
// Criteria.Order.
func NewWorse(tolerance float64, before Count, seed uint64) *Worse {
	return &Worse{seed: seed, tolerance: max(tolerance, lowestRate), old: newEstimate(before), mix: newMixture()}
}

// alternatives are the rates of the new version that are bet on: multiples of
// the tolerated rate, and rates of their own.
var alternatives = []struct{ factor, rate, weight float64 }{
	{factor: 1.3, weight: 0.5}, {factor: 1.6, weight: 11}, {factor: 2.5, weight: 1}, {factor: 4, weight: 0.5}, {factor: 8, weight: 5},
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
	m, w.pending = w.pending, Minute{}
	w.addParts(m, inSomeOrder(m, w.seed, uint64(len(w.seen))))
}

// addParts takes a minute into account that was cut into parts.
func (w *Worse) addParts(m Minute, parts []Minute) {
	old := w.old.rate()
	edges := map[[2]int64][]edge{}
	for _, part := range parts {
		b := block{Minute: part, old: old}
		sizes := [2]int64{part.New.Invocations, part.Old.Invocations}
		if edges[sizes] == nil {
			edges[sizes] = w.edges(b)
		}
		for i, e := range edges[sizes] {
			w.mix.multiply(i, b.ratio(e))
		}
		w.peak = max(w.peak, w.mix.log())
	}
	w.mix.endMinute()
	w.old.add(m.Old)
	w.seen = append(w.seen, block{Minute: m, old: old})
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

// edge is a bet on the new version's rate, and the point of the null hypothesis that is
// nearest to it.
type edge struct{ alternative, x, y float64 }

// edges returns the bets on blocks of a size.
func (w *Worse) edges(b block) []edge {
	var all []edge
	for i := range alternatives {
		e := edge{alternative: w.alternative(i, b.old)}
		e.x, e.y = e.alternative, b.old
		if e.alternative > b.old+w.tolerance { // else it is within the null hypothesis: no bet
			e.x, e.y = w.nearest(b, e.alternative)
		}
		all = append(all, e)
	}
	return all
}

// ratio returns the logarithm of the block's likelihood ratio for one bet.
func (b block) ratio(e edge) float64 {
	return logLikelihood(b.New, e.alternative) - logLikelihood(b.New, e.x) + logLikelihood(b.Old, b.old) - logLikelihood(b.Old, e.y)
}

// Log implements Evidence.
func (w *Worse) Log() float64 { return w.mix.log() }

// Peak implements Evidence.
func (w *Worse) Peak() float64 { return w.peak }

// Detectable returns the lowest error rate of the new version with which the
// evidence would, with a probability of about 80 %, have reached 1/alpha in
// the minutes so far; NaN where there is no such rate.
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
	rate    float64
	mix     mixture
	peak    float64
	seed    uint64
	minutes uint64
}

// NewBound returns a Bound without evidence. seed is Criteria.Order.
func NewBound(rate float64, seed uint64) *Bound {
	return &Bound{seed: seed, rate: min(max(rate, lowestRate), lastRate), mix: newMixture()}
}

// Add implements Evidence.
func (b *Bound) Add(m Minute) {
	m = m.valid()
	if m.New.Invocations == 0 {
		return
	}
	b.addParts(m, inSomeOrder(m, b.seed, b.minutes))
}

// addParts takes a minute into account that was cut into parts.
func (b *Bound) addParts(_ Minute, parts []Minute) {
	for _, part := range parts {
		for i, a := range alternatives {
			p := min(lastRate, max(a.factor*b.rate, a.rate))
			if p > b.rate {
				b.mix.multiply(i, logLikelihood(part.New, p)-logLikelihood(part.New, b.rate))
			}
		}
		b.peak = max(b.peak, b.mix.log())
	}
	b.mix.endMinute()
	b.minutes++
}

// Log implements Evidence.
func (b *Bound) Log() float64 { return b.mix.log() }

// Peak implements Evidence.
func (b *Bound) Peak() float64 { return b.peak }
