package guard

import "math/rand/v2"

// looks is into how many parts a minute is cut, where it has enough invocations.
const looks = 16

// inSomeOrder cuts a minute into parts of like size, with a look after each.
//
// CloudWatch sums a minute up: the order of its invocations is lost. While they fail
// independently of each other, every order is equally likely whatever the sums are, so
// one that is drawn is as good as the true one, and evidence that suffices in the middle
// of the minute suffices. Looking only at the end of minutes would waste that by which
// the evidence exceeds what is needed there.
//
// The order must not depend on what was measured: seed is the run's own. It is the same
// whenever the same minute is taken into account again.
func inSomeOrder(m Minute, seed, number uint64) []Minute {
	parts := max(1, min(looks, m.New.Invocations, max(m.Old.Invocations, 1)))
	all := make([]Minute, parts)
	const golden = 0x9E3779B97F4A7C15
	draw := rand.New(rand.NewPCG(seed, number*golden))
	for i, c := range inOrder(draw, m.New, parts) {
		all[i].New = c
	}
	for i, c := range inOrder(draw, m.Old, parts) {
		all[i].Old = c
	}
	return all
}

// inOrder draws an order of a version's invocations and cuts it into parts.
func inOrder(draw *rand.Rand, whole Count, parts int64) []Count {
	all := make([]Count, parts)
	for i := range parts {
		all[i].Invocations = whole.Invocations*(i+1)/parts - whole.Invocations*i/parts
	}
	// What is rarer is put into places that are still free.
	rare := min(whole.Errors, whole.Invocations-whole.Errors)
	for range rare {
		for {
			place := draw.Int64N(whole.Invocations)
			c := &all[((place+1)*parts+whole.Invocations-1)/whole.Invocations-1]
			if draw.Int64N(c.Invocations) >= c.Errors {
				c.Errors++
				break
			}
		}
	}
	if rare != whole.Errors {
		for i := range all {
			all[i].Errors = all[i].Invocations - all[i].Errors
		}
	}
	return all
}
