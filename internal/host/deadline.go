package host

import (
	"fmt"
	"strconv"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/traffic"
)

// Deadline is a time at which the host ends the job. Why says so, without the time.
type Deadline struct {
	At  time.Time
	Why string
}

// hostedJob is how long a job may take on a runner of GitHub's own
// (https://docs.github.com/en/actions/reference/limits).
const hostedJob = 6 * time.Hour

// Deadlines are the times at which the host ends the job, as far as its variables
// say so. began is when this process did: where a host does not say when the job
// began, that was not later.
//
// GitLab counts seconds from CI_JOB_STARTED_AT
// (https://docs.gitlab.com/ci/variables/predefined_variables/), Buildkite minutes
// (https://buildkite.com/docs/pipelines/configure/environment-variables).
func (h *Host) Deadlines(began time.Time) []Deadline {
	var all []Deadline
	if seconds, err := strconv.Atoi(h.env["CI_JOB_TIMEOUT"]); err == nil && seconds > 0 {
		limit := time.Duration(seconds) * time.Second
		all = append(all, Deadline{startedAt(h.env["CI_JOB_STARTED_AT"], began).Add(limit), ends("CI_JOB_TIMEOUT", limit)})
	}
	if minutes, err := strconv.Atoi(h.env["BUILDKITE_TIMEOUT"]); err == nil && minutes > 0 {
		limit := time.Duration(minutes) * time.Minute
		all = append(all, Deadline{began.Add(limit), ends("BUILDKITE_TIMEOUT", limit)})
	}
	if h.env["RUNNER_ENVIRONMENT"] == "github-hosted" {
		all = append(all, Deadline{began.Add(hostedJob), ends("on GitHub's own runners", hostedJob)})
	}
	return all
}

func ends(source string, limit time.Duration) string {
	return fmt.Sprintf("the job ends (%s: %s)", source, traffic.FormatDuration(limit))
}

// startedAt is the time that a host says, where it is a time before began.
func startedAt(text string, began time.Time) time.Time {
	if at, err := time.Parse(time.RFC3339, text); err == nil && at.Before(began) {
		return at
	}
	return began
}
