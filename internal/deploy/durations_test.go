package deploy

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
)

// A version that is slower in every minute is found before its stage is over: with
// duration there is a warning, with duration! everything is rolled back.
func TestASlowerVersionIsSaidOrTakenBack(t *testing.T) {
	for name, c := range map[string]struct {
		what     OnSlower
		slow     time.Duration
		rollBack bool
		log      string
	}{
		"duration":  {WarnOfSlower, 300 * time.Millisecond, false, "the shift continues (guard: duration! rolls back)"},
		"duration!": {RollBackSlower, 300 * time.Millisecond, true, "in the last one 300 ms instead of 100 ms (medians)"},
		"equal":     {RollBackSlower, 110 * time.Millisecond, false, "median duration: new 110 ms, old 100 ms in the last minute; the new version was slower in 0 of"},
	} {
		if name == "equal" && !*full {
			continue
		}
		t.Run(name, func(t *testing.T) {
			handler := func(_ context.Context, e awslocal.Event) awslocal.Answer {
				time.Sleep(map[string]time.Duration{"1": 100 * time.Millisecond, "2": c.slow}[e.Version])
				return awslocal.Answer{Payload: []byte("{}")}
			}
			run(t, awslocal.Options{Handler: handler, Seed: 5}, func(f *fixture) {
				f.access.Timing.MetricDelay = 0
				f.options.Watch.Guard.Slower = c.what
				shared, err := f.canary(30, "50%/11m")
				var failed *FailedError
				if errors.As(err, &failed) != c.rollBack || !c.rollBack && err != nil {
					t.Errorf("ends with %v\n%s", err, f.log)
				}
				if c.rollBack && (!strings.Contains(err.Error(), "the new version is slower than the old one: version 2 of function shop was slower in 8 of 8 minutes of alias live") || shared > 9*time.Minute+30*time.Second) {
					t.Errorf("after %s: %v", shared, err)
				}
				f.logged(c.log)
				want := map[bool]string{true: "1", false: "2"}[c.rollBack]
				if f.alias("live") != want || len(f.weights()) > 0 {
					t.Errorf("live is %s with %v", f.alias("live"), f.weights())
				}
				if n := strings.Count(f.log.String(), "the shift continues (guard"); n > 1 {
					t.Errorf("said %d times", n)
				}
			})
		})
	}
}
