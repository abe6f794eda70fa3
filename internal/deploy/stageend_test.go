package deploy

import (
	"errors"
	"testing"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/guard"
	"github.com/lambda-rollout/lambda-rollout/internal/traffic"
)

// A stage lasts until its minimum of invocations is reached at the rate that was seen,
// and at most twice its time.
func TestAStageLastsAsLongAsItsMinimumTakes(t *testing.T) {
	t.Parallel()
	began := time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)
	one := func(hour, stage int64) *comparison {
		c := &comparison{Comparison: guard.NewComparison(guard.Criteria{}), hour: guard.Count{Invocations: hour}}
		c.Add(guard.Minute{New: guard.Count{Invocations: stage}, Old: guard.Count{Invocations: stage}})
		return c
	}
	for name, tc := range map[string]struct {
		wait, delay time.Duration
		first       time.Time
		few         []*comparison
		blind       error
		want        time.Duration
	}{
		// Eleven minutes count, the current one included: 30 need 7:20 more, the minute
		// in which that ends is 12:18.
		"a little":             {wait: 10 * time.Minute, few: []*comparison{one(0, 30)}, want: 9 * time.Minute},
		"too much":             {wait: 10 * time.Minute, few: []*comparison{one(0, 20)}},
		"nothing ran":          {wait: 10 * time.Minute, few: []*comparison{one(600, 0)}},
		"the slowest counts":   {wait: 10 * time.Minute, few: []*comparison{one(0, 45), one(0, 30)}, want: 9 * time.Minute},
		"one takes too long":   {wait: 10 * time.Minute, few: []*comparison{one(0, 45), one(0, 2)}},
		"after a warm-up":      {wait: 10 * time.Minute, first: began.Add(5 * time.Minute), few: []*comparison{one(0, 30)}, want: 6 * time.Minute},
		"CloudWatch is silent": {wait: 10 * time.Minute, few: []*comparison{one(0, 30)}, blind: errors.New("no answer")},
		// Nothing is known of the stage yet: 12,000 in the hour before are 20 a minute of a
		// tenth of the traffic. What runs up to 12:03 is in CloudWatch at 12:08.
		"nothing is shown yet":              {wait: 5 * time.Minute, delay: 5 * time.Minute, few: []*comparison{one(12_000, 0)}, want: 3 * time.Minute},
		"nothing is shown, and little runs": {wait: 5 * time.Minute, delay: 5 * time.Minute, few: []*comparison{one(600, 0)}},
		// The first minute ends at 12:01 and is in CloudWatch at 12:03.
		"it would be shown too late": {wait: time.Minute, delay: 2 * time.Minute, few: []*comparison{one(600_000, 0)}},
	} {
		now := began.Add(tc.wait)
		g := &sentinel{Work: Work{Now: func() time.Time { return now }}, Guard: Guard{MinInvocations: 50}, reader: metricsReader{delay: tc.delay}, first: tc.first, blind: tc.blind}
		h := held{Stage: traffic.Stage{Percent: 10, Wait: tc.wait}, began: began, end: now}
		if got := g.missing(tc.few, h); got != tc.want {
			t.Errorf("%s: %s more, want %s", name, got, tc.want)
		}
	}
}

// A minute counts whole or not at all: with a warm-up from the first one that begins
// after it, without from the one in which the shift began.
func TestTheFirstMinuteIsWhole(t *testing.T) {
	t.Parallel()
	began := time.Date(2026, 8, 1, 12, 0, 30, 0, time.UTC)
	for warmUp, want := range map[time.Duration]string{0: "12:00", time.Second: "12:01", 30 * time.Second: "12:01", 31 * time.Second: "12:02", 2 * time.Minute: "12:03"} {
		g := &sentinel{Guard: Guard{WarmUp: warmUp}}
		if got := g.firstMinute(began).Format("15:04"); got != want {
			t.Errorf("after a warm-up of %s: %s, want %s", warmUp, got, want)
		}
	}
}

func TestAStageWakesWhenSomethingIsDue(t *testing.T) {
	t.Parallel()
	at := func(minute int) time.Time { return time.Date(2026, 8, 1, 12, minute, 0, 0, time.UTC) }
	never := time.Time{}
	for name, tc := range map[string]struct {
		end, sign  time.Time
		watchers   []time.Time
		want, next time.Time
	}{
		"the end":               {at(3), at(5), nil, at(3), never},
		"the sign of life":      {at(9), at(5), nil, at(5), never},
		"a watcher":             {at(9), at(5), []time.Time{at(4)}, at(4), at(4)},
		"a watcher, later":      {at(3), at(5), []time.Time{at(4)}, at(3), at(4)},
		"the first of watchers": {at(9), at(8), []time.Time{at(7), never, at(6), at(7)}, at(6), at(6)},
		"one that never looks":  {at(9), at(5), []time.Time{never}, at(5), never},
	} {
		d := &deployment{}
		for _, next := range tc.watchers {
			d.watchers = append(d.watchers, watched{next: next})
		}
		if got := d.nextLook(held{end: tc.end}, tc.sign); !got.Equal(tc.want) {
			t.Errorf("%s: at %s, want %s", name, got, tc.want)
		}
		if got := d.nextWatch(); !got.Equal(tc.next) {
			t.Errorf("%s: a watcher looks at %s, want %s", name, got, tc.next)
		}
	}
}
