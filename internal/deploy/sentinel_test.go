package deploy

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/event"
	"github.com/lambda-rollout/lambda-rollout/internal/guard"
	"github.com/lambda-rollout/lambda-rollout/internal/journal"
	"github.com/lambda-rollout/lambda-rollout/internal/plan"
	"github.com/lambda-rollout/lambda-rollout/internal/traffic"
)

// Each stage needs a minimum of its own: what ran in the one before does not count.
func TestTheInvocationsOfAStageAreCountedAnew(t *testing.T) {
	t.Parallel()
	c := &comparison{Comparison: guard.NewComparison(guard.Criteria{Tolerance: 0.001, MinInvocations: 50}), added: map[time.Time]guard.Minute{}}
	g := &sentinel{run: guard.NewRun(c.Comparison), live: []*comparison{c}}
	first := held{began: time.Date(2026, 8, 1, 12, 0, 30, 0, time.UTC)}
	second := held{began: first.began.Add(5 * time.Minute)}
	minute := func(at time.Time, h held) []journal.Measured {
		return g.add([]map[time.Time]guard.Minute{{at: {New: guard.Count{Invocations: 40}, Old: guard.Count{Invocations: 40}}}}, h)
	}
	for i, step := range []struct {
		at   time.Time
		h    held
		want guard.Verdict
	}{
		{first.began.Truncate(time.Minute), first, guard.Inconclusive},
		{first.began.Add(time.Minute).Truncate(time.Minute), first, guard.Good},
		// A minute of the stage before, which CloudWatch shows late.
		{first.began.Add(4 * time.Minute).Truncate(time.Minute), second, guard.Good},
		{second.began.Truncate(time.Minute), second, guard.Inconclusive},
		{second.began.Add(time.Minute).Truncate(time.Minute), second, guard.Good},
	} {
		if measured := minute(step.at, step.h); len(measured) != 1 || measured[0].New != [2]int64{40, 0} {
			t.Errorf("step %d: measured %+v", i, measured)
		}
		if again := minute(step.at, step.h); len(again) > 0 {
			t.Errorf("step %d: measured again: %+v", i, again)
		}
		if got := g.run.Judge(c.Comparison); got != step.want {
			t.Errorf("step %d: %v, want %v", i, got, step.want)
		}
	}
	if got, want := c.from(first.began), second.began.Add(time.Minute).Truncate(time.Minute); !got.Equal(want) {
		t.Errorf("asks from %s on, want %s: it may have grown", got, want)
	}
	if late := second.began.Add(time.Hour); !c.from(late).Equal(late) {
		t.Error("asks about minutes before the first one that counts")
	}
}

// An alias is compared once, from the stage on in which it shares its traffic for a time.
func TestOnlyAliasesThatShareTheirTrafficForATimeAreCompared(t *testing.T) {
	t.Parallel()
	move := func(alias string, stage int, percent float64) plan.Step {
		return plan.MoveAlias{Name: alias, Stage: stage, Percent: percent, Base: "1"}
	}
	schedule := traffic.Schedule{{Percent: 10, Wait: time.Minute}, {Percent: 50, Wait: time.Minute}, {Percent: 100}}
	for name, tc := range map[string]struct {
		schedule traffic.Schedule
		steps    []plan.Step
		want     []string
	}{
		"gradually":           {schedule, []plan.Step{plan.UpdateCode{}, move("live", 0, 10), move("beta", 0, 10), move("live", 1, 50), move("beta", 1, 50), move("live", 2, 100), move("beta", 2, 100)}, []string{"live 0", "beta 0"}},
		"a new alias":         {schedule, []plan.Step{plan.CreateAlias{Name: "live"}}, nil},
		"at once":             {traffic.AllAtOnce(), []plan.Step{move("live", 0, 100)}, nil},
		"a canary that stays": {traffic.Schedule{{Percent: 10}}, []plan.Step{move("live", 0, 10)}, nil},
		"nothing":             {traffic.Schedule{{Percent: 0, Wait: time.Minute}}, []plan.Step{move("live", 0, 0)}, nil},
		"from the second on":  {traffic.Schedule{{Percent: 10}, {Percent: 50, Wait: time.Minute}}, []plan.Step{move("live", 0, 10), move("live", 1, 50)}, []string{"live 1"}},
	} {
		p := Planned{Target: Target{Want: plan.Wanted{Traffic: tc.schedule, Aliases: []definition.Alias{{Name: "live"}}}}, Plan: plan.Plan{Steps: tc.steps}}
		var got []string
		for _, m := range p.shares() {
			got = append(got, m.Name+" "+string(rune('0'+m.Stage)))
		}
		if !slices.Equal(got, tc.want) {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
}

// A version that is worse ends the run, and what ended it is recorded.
func TestTheEvidenceThatEndsARunIsRecorded(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 8, 1, 12, 3, 0, 0, time.UTC)
	full := errors.New("the disk is full")
	for name, tc := range map[string]struct {
		errors int64
		note   error
		bad    bool
		notes  int
	}{
		"worse":                             {errors: 90, bad: true, notes: 1},
		"worse, and it cannot be written":   {errors: 90, note: full, bad: true, notes: 1},
		"as good":                           {notes: 1},
		"as good, and it cannot be written": {note: full, bad: true, notes: 1},
	} {
		var told recordedEvents
		var notes []journal.Evidence
		c := &comparison{Comparison: guard.NewComparison(guard.Criteria{Tolerance: 0.001}), added: map[time.Time]guard.Minute{}, alias: "live", new: "2", old: "1", at: event.Target{Function: "f"}}
		g := &sentinel{
			Work: Work{Now: func() time.Time { return now }, Events: &told}, run: guard.NewRun(c.Comparison), aliases: []*comparison{c}, live: []*comparison{c},
			note: func(_ context.Context, e journal.Evidence) error { notes = append(notes, e); return tc.note },
		}
		minutes := []map[time.Time]guard.Minute{{now.Add(-time.Minute): {New: guard.Count{Invocations: 100, Errors: tc.errors}, Old: guard.Count{Invocations: 900}}}}
		err := g.judge(t.Context(), held{Stage: traffic.Stage{Percent: 10}, began: now.Add(-2 * time.Minute), end: now}, minutes, now, false)
		if (err != nil) != tc.bad || tc.note != nil && !errors.Is(err, full) || len(notes) != tc.notes {
			t.Errorf("%s: %v, recorded %+v", name, err, notes)
		}
		if decision := notes[0].Decision; (decision == "rollback") != (tc.errors > 0) || len(notes[0].Minutes) != 1 || notes[0].Percent != 10 {
			t.Errorf("%s: recorded %+v", name, notes[0])
		}
		if len(told) > 0 != (tc.errors > 0) {
			t.Errorf("%s: told %+v", name, told)
		}
	}
}
