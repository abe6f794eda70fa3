package guard

import "math"

// nearest returns the point (new x, old y) on the edge of the null hypothesis,
// x = y + tolerance, with the least Kullback-Leibler divergence from the
// alternative, weighted by the invocations. The derivative along the edge
// increases, so bisection finds its zero.
func (w *Worse) nearest(b block, alternative float64) (x, y float64) {
	n, o := float64(b.New.Invocations), float64(b.Old.Invocations)
	low, high := b.old, alternative-w.tolerance
	const steps = 45
	for range steps {
		y = (low + high) / 2
		x = y + w.tolerance
		if n*(x-alternative)/(x*(1-x))+o*(y-b.old)/(y*(1-y)) > 0 {
			high = y
		} else {
			low = y
		}
	}
	y = (low + high) / 2
	return y + w.tolerance, y
}

// logLikelihood returns the logarithm of a count's probability at a rate, without
// the binomial coefficient, which does not depend on the rate.
func logLikelihood(c Count, rate float64) float64 {
	return float64(c.Errors)*math.Log(rate) + float64(c.Invocations-c.Errors)*math.Log1p(-rate)
}

// divergence returns the Kullback-Leibler divergence of one invocation: the mean
// evidence of one invocation at rate p against rate q.
func divergence(p, q float64) float64 {
	return p*math.Log(p/q) + (1-p)*math.Log((1-p)/(1-q))
}

// variance returns the variance of the evidence of one invocation at rate p
// against rate q.
func variance(p, q float64) float64 {
	d := math.Log(p/q) - math.Log((1-p)/(1-q))
	return p * (1 - p) * d * d
}

// detectable returns the lowest rate above lowest whose evidence reaches 1/alpha
// with a probability of about 80 %, by the normal approximation; NaN where no
// rate does. moments returns the mean and the variance of the evidence's
// logarithm at a rate.
func detectable(lowest, alpha float64, moments func(rate float64) (mean, variance float64)) float64 {
	const (
		// fourInFive is the standard normal distribution's quantile at 0.8.
		fourInFive = 0.8416
		steps      = 40
	)
	// The mixture spends part of its stake on alternatives that turn out wrong.
	need := math.Log(1/alpha) + math.Log(float64(len(alternatives)))/2
	detects := func(rate float64) bool {
		mean, variance := moments(rate)
		return mean-fourInFive*math.Sqrt(variance) >= need
	}
	low, high := lowest, lastRate
	if !detects(high) {
		return math.NaN()
	}
	for range steps {
		if middle := (low + high) / 2; detects(middle) {
			high = middle
		} else {
			low = middle
		}
	}
	return high
}

// estimate estimates the old version's error rate from what it did so far. It
// only chooses the bets: a wrong estimate makes the guard slower, and no false
// alarm more likely.
type estimate struct{ ran, failed float64 }

const (
	// remembered limits how many invocations before the shift count: rates differ
	// between hours.
	remembered = 20_000
	// lowestRate is the lowest estimate, also of a version that never failed.
	lowestRate = 1e-6
)

func newEstimate(baseline Count) estimate {
	e := estimate{ran: 1, failed: 0.01}
	if n := float64(baseline.Invocations); n > 0 {
		share := min(1, remembered/n)
		e.ran += n * share
		e.failed += float64(baseline.Errors) * share
	}
	return e
}

func (e *estimate) add(c Count) {
	e.ran += float64(c.Invocations)
	e.failed += float64(c.Errors)
}

func (e *estimate) rate() float64 { return min(0.99, max(lowestRate, e.failed/e.ran)) }

// mixture is the weighted mean of the evidence of several bets, as logarithms. A
// bet starts with its weight. A small reserve is set aside, and half of what is
// left of it is added to the bets after every minute, so that one misleading
// minute does not silence a bet for good. Bets and reserve start with 1 in sum,
// and moving money between them keeps the sum.
type mixture struct {
	prior   []float64
	bets    []float64
	reserve float64
}

const restart = 0.02

func newMixture() mixture {
	n := len(alternatives)
	m := mixture{prior: make([]float64, n), bets: make([]float64, n)}
	total := 0.0
	for _, a := range alternatives {
		total += a.weight
	}
	for i, a := range alternatives {
		m.prior[i] = math.Log(a.weight / total)
		m.bets[i] = m.prior[i] + math.Log1p(-restart)
	}
	m.reserve = math.Log(restart)
	return m
}

// multiply multiplies the evidence of bet i by exp(log).
func (m *mixture) multiply(i int, log float64) { m.bets[i] += log }

// endMinute moves half of the reserve to the bets.
func (m *mixture) endMinute() {
	m.reserve -= math.Ln2
	for i := range m.bets {
		m.bets[i] = sumLogs(m.bets[i], m.prior[i]+m.reserve)
	}
}

func (m *mixture) log() float64 {
	total := m.reserve
	for _, b := range m.bets {
		total = sumLogs(total, b)
	}
	return total
}

// sumLogs returns log(exp(a) + exp(b)).
func sumLogs(a, b float64) float64 {
	if a < b {
		a, b = b, a
	}
	if math.IsInf(b, -1) {
		return a
	}
	return a + math.Log1p(math.Exp(b-a))
}
