package deploy

import (
	"errors"
	"fmt"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/journal"
	"github.com/lambda-rollout/lambda-rollout/internal/plan"
	"github.com/lambda-rollout/lambda-rollout/internal/traffic"
)

// scheduleOf is what a journal keeps of a run's schedule, so that it can be resumed;
// nil where no traffic is shared for a time, or CodeDeploy shifts it.
func scheduleOf(targets []*target, waves int) *journal.Schedule {
	var plans []plan.Plan
	for _, t := range targets {
		plans = append(plans, t.Plan)
	}
	want, watch := targets[0].Want, targets[0].Watch
	if targets[0].HandOver != nil || plan.Stages(plans...) < 2 {
		return nil
	}
	g := watch.Guard
	s := &journal.Schedule{
		Traffic: want.Traffic.String(), Waves: waves, Bake: duration0(watch.Bake),
		Guard: journal.Guard{
			Off: g.Off, Required: g.Required, WarmUp: duration0(g.WarmUp), MaxErrorRate: g.MaxErrorRate, Tolerance: g.Tolerance,
			MinInvocations: g.MinInvocations, OnInconclusive: onInconclusive[g.OnInconclusive], OnSlower: onSlower[g.Slower],
		},
	}
	for _, a := range watch.Alarms {
		name := a.Name
		if a.Known {
			name += "!"
		}
		s.Alarms = append(s.Alarms, name)
	}
	for _, one := range watch.Gates.All {
		s.Gates = append(s.Gates, string(one.Moment))
	}
	return s
}

// The words of a journal.
var (
	onInconclusive = map[OnInconclusive]string{ExtendStage: "extend", ContinueStage: "continue", RollBackStage: "rollback"}
	onSlower       = map[OnSlower]string{IgnoreSlower: "", WarnOfSlower: "warn", RollBackSlower: "rollback"}
)

func duration0(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return traffic.FormatDuration(d)
}

// readSchedule reads what scheduleOf wrote.
func readSchedule(s *journal.Schedule) (traffic.Schedule, Watch, error) {
	var errs []error
	read := func(text string) time.Duration {
		if text == "" {
			return 0
		}
		d, err := time.ParseDuration(text)
		errs = append(errs, err)
		return d
	}
	g := s.Guard
	watch := Watch{Bake: read(s.Bake), Guard: Guard{
		Off: g.Off, Required: g.Required, WarmUp: read(g.WarmUp), MaxErrorRate: g.MaxErrorRate, Tolerance: g.Tolerance, MinInvocations: g.MinInvocations,
	}}
	var known bool
	watch.Guard.OnInconclusive, known = meaning(onInconclusive, g.OnInconclusive)
	if !known {
		errs = append(errs, fmt.Errorf("it knows no on-inconclusive %q", g.OnInconclusive))
	}
	if watch.Guard.Slower, known = meaning(onSlower, g.OnSlower); !known {
		errs = append(errs, fmt.Errorf("it knows no reaction %q to a slower version", g.OnSlower))
	}
	for _, text := range s.Alarms {
		watch.Alarms = append(watch.Alarms, ParseAlarm(text))
	}
	schedule, err := traffic.ParseText(s.Traffic)
	return schedule, watch, errors.Join(append(errs, err)...)
}

func meaning[K comparable](words map[K]string, word string) (K, bool) {
	for k, w := range words {
		if w == word {
			return k, true
		}
	}
	var none K
	return none, false
}
