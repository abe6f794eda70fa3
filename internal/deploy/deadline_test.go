package deploy

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/event"
	"github.com/lambda-rollout/lambda-rollout/internal/plan"
)

// warned keeps the warnings of a run.
type warned []string

func (w *warned) Emit(e event.Event) {
	if e, is := e.(event.Warning); is {
		*w = append(*w, e.Message)
	}
}

// A schedule that cannot end in time does not start; one that just may gets a
// warning, and a run that shifts nothing gradually has no such limit.
func TestAScheduleThatOutlastsItsJobIsRefused(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)
	schedule := parseTraffic(t, "10%/20m, 50%/10m")
	staged := plan.Plan{Steps: []plan.Step{
		plan.PublishVersion{}, plan.MoveAlias{Name: "live", Percent: 10}, plan.MoveAlias{Name: "live", Percent: 50, Stage: 1}, plan.MoveAlias{Name: "live", Percent: 100, Stage: 2},
	}}
	target := func(wave int, p plan.Plan) Planned {
		t := Target{Wave: wave, Watch: Watch{Alarms: []Alarm{{Name: "a"}}, Bake: 5 * time.Minute}}
		t.Want.Traffic = schedule
		return Planned{Target: t, Plan: p}
	}
	resumed := target(0, staged)
	resumed.Resumes = &Resumption{}
	handed := func(wait bool) Planned {
		t := Target{HandOver: &HandOver{Wait: wait, longest: 30 * time.Minute}}
		return Planned{Target: t, Plan: plan.Plan{Steps: []plan.Step{plan.PublishVersion{}, plan.CreateDeployment{Alias: "live"}}}}
	}
	for name, c := range map[string]struct {
		planned []Planned
		limit   time.Duration
		refused string
		warned  bool
	}{
		"too short":                  {[]Planned{target(0, staged)}, 34 * time.Minute, "at least 35m", false},
		"a later job may go on":      {[]Planned{target(0, staged)}, time.Minute, "leave the rest to a later job (traffic: 10%, then the command shift)", false},
		"it was resumed":             {[]Planned{resumed}, time.Minute, "run shift --resume in a job that lasts longer", false},
		"just enough":                {[]Planned{target(0, staged)}, 35 * time.Minute, "", true},
		"enough":                     {[]Planned{target(0, staged)}, 3 * time.Hour, "", false},
		"two waves":                  {[]Planned{target(0, staged), target(1, staged)}, 69 * time.Minute, "at least 1h10m", false},
		"two in one wave":            {[]Planned{target(0, staged), target(0, staged)}, 3 * time.Hour, "", false},
		"over already":               {[]Planned{target(0, staged)}, -time.Minute, "in 0s", false},
		"nothing to do":              {[]Planned{target(0, plan.Plan{})}, time.Minute, "", false},
		"CodeDeploy takes longer":    {[]Planned{handed(true)}, 29 * time.Minute, "at least 30m", false},
		"CodeDeploy may be done":     {[]Planned{handed(true)}, 31 * time.Minute, "", true},
		"CodeDeploy goes on without": {[]Planned{handed(false)}, time.Minute, "", false},
		"another has no stage":       {[]Planned{target(0, plan.Plan{}), target(1, staged)}, 36 * time.Minute, "", true},
	} {
		var said warned
		w := Work{Events: &said, Now: func() time.Time { return now }}
		err := CheckDeadlines(c.planned, []Deadline{{now.Add(c.limit), "the job ends (a test)"}}, 10*time.Minute, w)
		var not *NotStartedError
		if errors.As(err, &not) != (c.refused != "") || c.refused != "" && !strings.Contains(err.Error(), c.refused) {
			t.Errorf("%s: %v", name, err)
		}
		if (len(said) > 0) != c.warned || c.warned && !strings.Contains(said[0], "or continued with lambda-rollout shift --resume") {
			t.Errorf("%s: warnings %q", name, said)
		}
	}
}
