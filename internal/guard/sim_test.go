package guard

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

func binom(r *rand.Rand, n int64, p float64) int64 {
	// geometric skips: fast for small p
	if p <= 0 {
		return 0
	}
	if p >= 1 {
		return n
	}
	if p > 0.3 {
		var k int64
		for range n {
			if r.Float64() < p {
				k++
			}
		}
		return k
	}
	var k, i int64
	l := math.Log1p(-p)
	for {
		i += int64(math.Log(1-r.Float64())/l) + 1
		if i > n {
			return k
		}
		k++
	}
}

func run(r *rand.Rand, rate int64, base, bad float64) (caught bool, minute int, badServed float64) {
	hour := Count{Invocations: 60 * rate, Errors: binom(r, 60*rate, base)}
	w := NewWorse(Tolerance(DefaultAbsolute, DefaultRelative, hour), hour)
	for m := range 10 {
		share := 0.1
		if m >= 5 {
			share = 0.5
		}
		n := binom(r, rate, share)
		badServed += float64(n)
		w.Add(Minute{New: Count{n, binom(r, n, bad)}, Old: Count{rate - n, binom(r, rate-n, base)}})
		if w.Log() >= math.Log(100) {
			return true, m + 1, badServed
		}
	}
	return false, 10, badServed
}

func TestSim(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, base := range []float64{0.001, 0.01, 0.05} {
		for _, rate := range []int64{50, 500, 5000} {
			line := fmt.Sprintf("%5.1f%% %5d:", base*100, rate)
			for _, f := range []float64{1, 2, 10} {
				const runs = 2000
				k, ms, bs := 0, 0.0, 0.0
				for range runs {
					c, m, b := run(r, rate, base, min(1, base*f))
					if c {
						k++
					}
					ms += float64(m)
					bs += b
				}
				line += fmt.Sprintf("  x%g %5.1f%% (%.1f min, %.0f)", f, 100*float64(k)/runs, ms/runs, bs/runs)
			}
			t.Log(line)
		}
	}
}
