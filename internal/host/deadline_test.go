package host

import (
	"testing"
	"time"
)

func TestHostsSayWhenTheyEndAJob(t *testing.T) {
	t.Parallel()
	began := time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		env  []string
		left time.Duration
	}{
		{[]string{"CI_JOB_TIMEOUT=3600", "CI_JOB_STARTED_AT=2026-11-02T08:50:00Z"}, 50 * time.Minute},
		{[]string{"CI_JOB_TIMEOUT=3600", "CI_JOB_STARTED_AT=2026-11-02T09:40:00Z"}, time.Hour}, // another clock
		{[]string{"CI_JOB_TIMEOUT=3600"}, time.Hour},
		{[]string{"BUILDKITE_TIMEOUT=90"}, 90 * time.Minute},
		{[]string{"RUNNER_ENVIRONMENT=github-hosted"}, 6 * time.Hour},
		{[]string{"BUILDKITE_TIMEOUT=false"}, 0},
		{[]string{"BUILDKITE_TIMEOUT=0"}, 0},
		{[]string{"CI_JOB_TIMEOUT=0"}, 0},
		{[]string{"RUNNER_ENVIRONMENT=self-hosted"}, 0},
		{nil, 0},
	} {
		all := Detect(Options{Env: c.env}).Deadlines(began)
		switch {
		case c.left == 0 && len(all) > 0:
			t.Errorf("%v: %v", c.env, all)
		case c.left > 0 && (len(all) != 1 || all[0].At.Sub(began) != c.left):
			t.Errorf("%v: %v, want %s", c.env, all, c.left)
		}
	}
}
