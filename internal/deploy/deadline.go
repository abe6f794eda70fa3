package deploy

import (
	"fmt"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/plan"
	"github.com/lambda-rollout/lambda-rollout/internal/session"
	"github.com/lambda-rollout/lambda-rollout/internal/traffic"
)

// Deadline is a time at which a run ends, whatever it does then.
type Deadline struct {
	At time.Time
	// Why is what ends then, for the user: "the job (CI_JOB_TIMEOUT: 1h)".
	Why string
}

// CheckDeadlines refuses a run whose traffic cannot have shifted before a deadline,
// and warns of one that may still be shifting, or rolling back, then. Its error is a
// *NotStartedError.
func CheckDeadlines(planned []Planned, deadlines []Deadline, rollback time.Duration, w Work) error {
	least, most := duration(planned)
	if most == 0 {
		return nil // what else takes time is bounded by the timeout
	}
	var all []error
	for _, d := range deadlines {
		left := d.At.Sub(w.Now())
		switch {
		case least > left:
			all = append(all, fmt.Errorf("nothing was changed: the traffic takes at least %s to shift, but %s in %s: %s",
				traffic.FormatDuration(least), d.Why, traffic.FormatDuration(max(0, left.Round(time.Second))), moreTime(planned)))
		case most+rollback > left:
			warn(w.Events, "%s in %s, and the traffic may take up to %s to shift and %s to be rolled back: what is interrupted then is rolled back by the post step or by hand, or continued with lambda-rollout shift --resume",
				d.Why, traffic.FormatDuration(left.Round(time.Second)), traffic.FormatDuration(most), traffic.FormatDuration(rollback))
		}
	}
	return notStarted(session.Join(all...))
}

// moreTime is what to do about a shift that takes longer than its job.
func moreTime(planned []Planned) string {
	if planned[0].Resumes != nil {
		return "run shift --resume in a job that lasts longer, or roll the run back"
	}
	return "shorten traffic or alarm-bake, leave the rest to a later job (traffic: 10%, then the command shift), or let CodeDeploy shift it when the job is gone (traffic: codedeploy:APPLICATION/GROUP, traffic-wait: false)"
}

// duration is how long the traffic of all waves takes to shift, at least and at
// most. Gates may decide at once.
func duration(planned []Planned) (least, most time.Duration) {
	waves := map[int][]plan.Plan{}
	handedOver := map[int]time.Duration{}
	for _, p := range planned {
		if !p.Plan.Empty() {
			waves[p.Wave] = append(waves[p.Wave], p.Plan)
			handedOver[p.Wave] = max(handedOver[p.Wave], p.waitsForCodeDeploy())
		}
	}
	for wave, plans := range waves {
		if d := handedOver[wave]; d > 0 {
			least, most = least+d, most+d+handOverSlack
		}
		watch, schedule := planned[0].Watch, planned[0].Want.Traffic.Stages()
		shifts := schedule[:plan.Stages(plans...)]
		for _, s := range shifts[:len(shifts)-1] {
			least += s.Wait
		}
		if len(watch.Alarms) > 0 {
			least += watch.Bake
		}
		if len(shifts) == 1 {
			watch.Guard.Off = true
		}
		most += watch.longest(shifts)
	}
	return least, most
}
