package cloudwatch

import (
	"fmt"
	"hash/fnv"
	"math"
	"time"
)

// Delay is how long after an invocation its metrics can be read, at least and at
// most. Within these bounds it differs by function, minute and metric, but not from
// run to run, and Errors never arrives before Invocations. The zero value is no
// delay.
type Delay struct{ From, To time.Duration }

// AWSDelay is what users of the real service see.
var AWSDelay = Delay{From: time.Minute, To: 3 * time.Minute}

// of is the delay of one metric of a function's minute.
func (d Delay) of(i Invocation, metric string, slot int64) time.Duration {
	if d.To <= d.From {
		return max(0, d.From)
	}
	of := d.From + time.Duration(fraction(i.Account, i.Region, i.Function, slot)*float64(d.To-d.From))
	if metric == "Errors" {
		of += time.Duration(fraction(i.Account, i.Region, i.Function, metric, slot) * float64(d.To-of))
	}
	return of
}

// fraction is a number from 0 to 1 that is fixed for its parts.
func fraction(parts ...any) float64 {
	h := fnv.New64a()
	for _, p := range parts {
		_, _ = fmt.Fprintf(h, "%v\x00", p) // a hash takes everything
	}
	x := h.Sum64() // FNV changes little in the high bits for a change at the end: mix
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	return float64(x) / math.MaxUint64
}

// SetDelay changes the delay of what is recorded from now on.
func (s *Service) SetDelay(d Delay) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.delay = d
}

// pending are the metrics that have not arrived, by the Unix second in which
// they will.
type pending struct {
	due   map[int64]map[pendingMinute]*minute
	count int
}

type pendingMinute struct {
	series string
	slot   int64
}

// await keeps a sample until it arrives. Where too many wait it arrives at once.
func (m *metrics) await(arrives time.Time, where pendingMinute, s sample) {
	second := arrives.Unix()
	if arrives.Nanosecond() > 0 {
		second++
	}
	into := m.pending.due[second][where]
	if into == nil {
		if m.pending.count >= maxMinutes {
			m.add(where.series, time.Unix(where.slot*60, 0), s)
			return
		}
		if m.pending.due[second] == nil {
			m.pending.due[second] = map[pendingMinute]*minute{}
		}
		into = newMinute()
		m.pending.due[second][where] = into
		m.pending.count++
	}
	into.take(s)
}

// arrive makes readable what has arrived by now.
func (m *metrics) arrive(now time.Time) {
	for second, minutes := range m.pending.due {
		if second > now.Unix() {
			continue
		}
		for where, one := range minutes {
			m.merge(where.series, where.slot, one)
		}
		m.pending.count -= len(minutes)
		delete(m.pending.due, second)
	}
}
