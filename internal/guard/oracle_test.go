package guard

import "math"

// oracle is the best possible test of a canary, 10%/5m, 50%/5m, with a look each
// minute: it knows both true rates, and has to tell them only from one other pair of
// rates that the promise allows, which it knows, too. No test that keeps the promise
// there serves fewer invocations of the new version.
type oracle struct {
	// alpha is the largest share of rollbacks at the allowed rates.
	alpha float64
	looks []oracleLook
}

// oracleLook is one minute.
type oracleLook struct {
	newRan, oldRan int64
	// new and old are the true rates, allowedNew and allowedOld those to tell them from.
	new, old, allowedNew, allowedOld float64
}

// newOracle returns the oracle for a scenario. The allowed rates are the hardest to tell
// from the true ones in each minute: those of the least divergence among all with
// new = old + tolerance. With old known they are the old version's true rate and that
// plus the tolerance, which the promise does not grant: an outage may begin.
func newOracle(s scenario, tolerance float64, oldKnown bool) oracle {
	o := oracle{alpha: Alpha}
	for minute := range 10 {
		share := 0.1
		if minute >= 5 {
			share = 0.5
		}
		n := int64(math.Round(float64(s.perMinute) * share))
		l := oracleLook{newRan: n, oldRan: s.perMinute - n, new: s.base * s.factor, old: s.base}
		l.allowedNew, l.allowedOld = s.base+tolerance, s.base
		if !oldKnown && l.new > l.allowedNew {
			w := Worse{tolerance: tolerance}
			b := block{Minute: Minute{New: Count{Invocations: n}, Old: Count{Invocations: l.oldRan}}, old: s.base}
			l.allowedNew, l.allowedOld = w.nearest(b, l.new)
		}
		o.looks = append(o.looks, l)
	}
	return o
}

// served is the least mean of the new version's invocations. Minimizing
// "invocations + price x rollbacks at the allowed rates" without any limit is a problem
// of optimal stopping; less price x alpha, its solution is a lower bound for every test
// with at most alpha of them, whatever the price: the best price gives the best bound.
func (o oracle) served() float64 {
	best := 0.0
	total := 0.0
	for _, l := range o.looks {
		total += float64(l.newRan)
	}
	for low, high := 0.0, math.Log(1e6*total); high-low > 0.01; {
		a, b := low+(high-low)/3, high-(high-low)/3
		x, y := o.bound(math.Exp(a)), o.bound(math.Exp(b))
		best = max(best, x, y)
		if x < y {
			low = a
		} else {
			high = b
		}
	}
	return best
}

// The logarithm of the likelihood ratio of the true rates to the allowed ones lies on a
// grid: what is above it surely stops, what is below it surely goes on.
const (
	gridStep  = 0.04
	gridFirst = -12
	gridLast  = 18
)

func (o oracle) bound(price float64) float64 {
	size := int((gridLast-gridFirst)/gridStep) + 1
	value := make([]float64, size) // of the invocations still to come, after the last look
	next := make([]float64, size)
	first := 0.0
	for i := len(o.looks) - 1; i >= 0; i-- {
		l := o.looks[i]
		for at := range value {
			ratio := gridFirst + gridStep*float64(at)
			value[at] = min(value[at], price*math.Exp(-ratio)) // go on, or roll back
		}
		afterOld := spread(value, next, l.oldRan, l.old, l.allowedOld)
		value, next = spread(afterOld, make([]float64, size), l.newRan, l.new, l.allowedNew), make([]float64, size)
		for at := range value {
			value[at] += float64(l.newRan)
		}
		first = value[int(math.Round(-gridFirst/gridStep))]
	}
	return first - price*o.alpha
}

// spread returns the mean of the value after n invocations at a rate.
func spread(value, into []float64, n int64, rate, allowed float64) []float64 {
	if rate == allowed || n == 0 {
		copy(into, value)
		return into
	}
	deviation := math.Sqrt(float64(n) * rate * (1 - rate))
	mean := float64(n) * rate
	least, most := int64(max(0, mean-7*deviation-7)), int64(min(float64(n), mean+7*deviation+7))
	for errors := least; errors <= most; errors++ {
		c := Count{Invocations: n, Errors: errors}
		weight := chance(n, errors, rate)
		shift := (logLikelihood(c, rate) - logLikelihood(c, allowed)) / gridStep
		whole := int(math.Floor(shift))
		part := shift - float64(whole)
		for at := range into {
			a, b := min(max(at+whole, 0), len(value)-1), min(max(at+whole+1, 0), len(value)-1)
			into[at] += weight * ((1-part)*value[a] + part*value[b])
		}
	}
	return into
}
