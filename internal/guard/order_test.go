package guard

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Every part of a minute gets its share of the errors, and two errors are in the same
// part as often as chance wants it: the order is drawn among all that are possible.
func TestAllOrdersAreEquallyLikely(t *testing.T) {
	t.Parallel()
	const draws = 20_000
	for _, c := range []struct{ ran, failed, old int64 }{{10, 3, 3}, {10, 8, 3}, {7, 2, 40}} {
		var mean [3]float64
		together := 0.0
		for seed := range uint64(draws) {
			for i, m := range inSomeOrder(Minute{New: Count{c.ran, c.failed}, Old: Count{c.old, 1}}, seed, 3)[:3] {
				mean[i] += float64(m.New.Errors) / draws
				if i == 0 && m.New.Errors == m.New.Invocations {
					together += 1.0 / draws
				}
			}
		}
		parts := inSomeOrder(Minute{New: Count{Invocations: c.ran}, Old: Count{Invocations: c.old}}, 1, 1)
		first := float64(parts[0].New.Invocations)
		for i := range mean {
			want := float64(c.failed) * float64(parts[i].New.Invocations) / float64(c.ran)
			if math.Abs(mean[i]-want) > 0.03 {
				t.Errorf("%+v: part %d has %.3f errors on average, want %.3f", c, i, mean[i], want)
			}
		}
		// Without replacement.
		want := 1.0
		for i := range int(first) {
			want *= float64(c.failed-int64(i)) / float64(c.ran-int64(i))
		}
		if math.Abs(together-want) > 0.015 {
			t.Errorf("%+v: all of the first part failed in %.3f of the orders, want %.3f", c, together, want)
		}
	}
}

func TestTheOrderLeavesTheSumsAsTheyAre(t *testing.T) {
	t.Parallel()
	for _, old := range []int64{0, 1, 5, 400} {
		for ran := range int64(40) {
			for failed := range ran + 1 {
				whole := Minute{New: Count{ran, failed}, Old: Count{old, old / 3}}
				sum := Minute{}
				for _, m := range inSomeOrder(whole, 7, 1) {
					if m != m.valid() || old > 0 && ran > 0 && (m.New.Invocations == 0 || m.Old.Invocations == 0) {
						t.Fatalf("%+v has the part %+v", whole, m)
					}
					sum = sum.plus(m)
				}
				if sum != whole {
					t.Fatalf("%+v is cut into parts of %+v", whole, sum)
				}
			}
		}
	}
}

// What is measured twice is ordered alike; an error that is known later leaves the others
// where they were.
func TestTheSameMinuteHasTheSameOrder(t *testing.T) {
	t.Parallel()
	m := Minute{New: Count{300, 20}, Old: Count{2700, 30}}
	first := inSomeOrder(m, 7, 2)
	if diff := cmp.Diff(first, inSomeOrder(m, 7, 2)); diff != "" {
		t.Error(diff)
	}
	if cmp.Equal(first, inSomeOrder(m, 8, 2)) || cmp.Equal(first, inSomeOrder(m, 7, 3)) {
		t.Error("another run, or minute, has the same order")
	}
	m.New.Errors++
	for i, part := range inSomeOrder(m, 7, 2) {
		if part.New.Errors < first[i].New.Errors || part.New.Errors > first[i].New.Errors+1 {
			t.Errorf("part %d had %d errors, and has %d with one more", i, first[i].New.Errors, part.New.Errors)
		}
	}
}
