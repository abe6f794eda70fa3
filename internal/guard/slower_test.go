package guard

import (
	"math"
	"testing"
	"time"
)

func of(ms float64) Typical {
	return Typical{Median: time.Duration(ms * float64(time.Millisecond)), Invocations: fewest}
}

func TestASlowerVersionIsFoundAfterEightMinutes(t *testing.T) {
	t.Parallel()
	var s Slower
	for minute := 1; minute <= 8; minute++ {
		if AnySlower(&s) {
			t.Fatalf("after %d minutes", minute-1)
		}
		s.Add(of(130), of(100))
	}
	if !AnySlower(&s) {
		t.Error("eight of eight minutes are not enough")
	}
	s = Slower{}
	s.Add(of(100), of(130))
	for range 15 {
		s.Add(of(130), of(100))
	}
	if !AnySlower(&s) {
		t.Error("one minute hides fifteen")
	}
	s.Add(Typical{}, of(1))
	if now, old := s.Last(); now != of(130) || old != of(100) {
		t.Errorf("the last minute that counts: %v, %v", now, old)
	}
	if AnySlower() {
		t.Error("none is slower than nothing")
	}
}

func TestOnlyWhatIsSlowerThanTheToleranceCounts(t *testing.T) {
	t.Parallel()
	few := Typical{Median: time.Second, Invocations: fewest - 1}
	for name, c := range map[string]struct {
		now, old      Typical
		worse, counts int
	}{
		"a fifth": {of(120), of(100), 0, 1}, "more": {of(121), of(100), 1, 1}, "10 ms": {of(12), of(2), 0, 1}, "11 ms": {of(13.1), of(2), 1, 1},
		"faster": {of(1), of(100), 0, 1}, "few of the new": {few, of(1), 0, 0}, "few of the old": {of(100), Typical{Median: 1, Invocations: 1}, 0, 0},
	} {
		var s Slower
		s.Add(c.now, c.old)
		if worse, all := s.Minutes(); worse != c.worse || all != c.counts {
			t.Errorf("%s: %d of %d", name, worse, all)
		}
	}
}

// Over all courses of twelve minutes that are a coin's, the share that is ever
// decisive is at most Alpha.
func TestAVersionThatIsNotSlowerIsCalledSoInAtMostOneOfAHundredCourses(t *testing.T) {
	t.Parallel()
	const minutes = 12
	wrong := 0
	for course := range 1 << minutes {
		var s Slower
		for m := range minutes {
			now := of(100)
			if course>>m&1 == 1 {
				now = of(200)
			}
			s.Add(now, of(100))
			if AnySlower(&s) {
				wrong++
				break
			}
		}
	}
	if share := float64(wrong) / math.Pow(2, minutes); share > Alpha || share == 0 {
		t.Errorf("%.4f of the courses", share)
	}
}
