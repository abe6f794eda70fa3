package journal

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
)

var (
	outcomeDone    = &Outcome{Result: Done}
	outcomeDoubt   = &Outcome{Result: Done, Doubt: true}
	outcomeUnknown = &Outcome{Result: Unknown}
	outcomeRefused = &Outcome{Result: Refused}
)

func TestAnAliasMayBeAsAnyStepLeftItThatAWSDidNotRefuse(t *testing.T) {
	t.Parallel()
	to := func(version string, o *Outcome) Step {
		return Step{Intent: Intent{AliasName: "live", Alias: &Alias{Name: "live", Version: version}}, Outcome: o}
	}
	gone := func(o *Outcome) Step { return Step{Intent: Intent{AliasName: "live"}, Outcome: o} }
	other := Step{Intent: Intent{AliasName: "next", Alias: &Alias{Name: "next", Version: "9"}}, Outcome: outcomeDone}
	foreign := Step{Intent: Intent{AliasName: "next"}, Outcome: outcomeDone}
	for name, tc := range map[string]struct {
		new   bool
		steps []Step
		// any are the versions that the alias may have pointed to at some time, last
		// those that it may point to now; "absent" where it may be missing.
		any, last string
	}{
		"nothing":                       {false, nil, "1", "1"},
		"new, nothing":                  {true, nil, "absent", "absent"},
		"moved":                         {false, []Step{to("2", outcomeDone)}, "1 2", "2"},
		"moved twice":                   {false, []Step{to("2", outcomeDone), to("3", outcomeDone)}, "1 2 3", "3"},
		"the second move has no answer": {false, []Step{to("2", outcomeDone), to("3", outcomeUnknown)}, "1 2 3", "2 3"},
		"the second move was cut off":   {false, []Step{to("2", outcomeDone), to("3", nil)}, "1 2 3", "2 3"},
		"a copy of the move may come":   {false, []Step{to("2", outcomeDoubt)}, "1 2", "1 2"},
		"AWS refused":                   {false, []Step{to("2", outcomeRefused)}, "1", "1"},
		"created":                       {true, []Step{to("2", outcomeDone)}, "2 absent", "2"},
		"the creation has no answer":    {true, []Step{to("2", outcomeUnknown)}, "2 absent", "2 absent"},
		"AWS refused the creation":      {true, []Step{to("2", outcomeRefused)}, "absent", "absent"},
		"deleted":                       {false, []Step{gone(outcomeDone)}, "1 absent", "1"},
		"AWS refused the deletion":      {false, []Step{gone(outcomeRefused)}, "1", "1"},
		"another alias moved":           {false, []Step{other, foreign}, "1", "1"},
	} {
		log := TargetLog{Snapshot: &Snapshot{Aliases: []Alias{{Name: "live", Version: "1"}, {Name: "beta", Version: "8"}}, Missing: []string{"gamma"}}, Steps: tc.steps}
		if tc.new {
			log.Snapshot = &Snapshot{Missing: []string{"live", "gamma"}}
		}
		text := func(states []Alias, absent bool) string {
			var all []string
			for _, s := range states {
				all = append(all, s.Version)
			}
			if absent {
				all = append(all, "absent")
			}
			return strings.Join(all, " ")
		}
		if got := text(log.AliasStates("live")); got != tc.any {
			t.Errorf("%s: at some time %q, want %q", name, got, tc.any)
		}
		if got := text(log.LastStates("live")); got != tc.last {
			t.Errorf("%s: now %q, want %q", name, got, tc.last)
		}
	}
	if states, absent := (&TargetLog{}).LastStates("live"); len(states) > 0 || absent {
		t.Errorf("without a snapshot: %v, %v", states, absent)
	}
}

func TestLatestMayBeAsAnyStepLeftItThatAWSDidNotRefuse(t *testing.T) {
	t.Parallel()
	meant := func(code string, o *Outcome) Step {
		return Step{Intent: Intent{Content: &Content{CodeSha256: code}}, Outcome: o}
	}
	log := TargetLog{Snapshot: &Snapshot{Exists: true, Content: Content{CodeSha256: "before"}}, Steps: []Step{
		meant("refused", outcomeRefused), meant("done", outcomeDone), meant("cut off", nil), {Outcome: &Outcome{Result: Done, Content: &Content{CodeSha256: "seen"}}}, {},
	}}
	codes := func() (all []string) {
		for _, c := range log.Contents() {
			all = append(all, c.CodeSha256)
		}
		return all
	}
	if got := codes(); !slices.Equal(got, []string{"before", "done", "cut off", "seen"}) {
		t.Errorf("%q", got)
	}
	log.Snapshot.Exists = false
	if got := codes(); !slices.Equal(got, []string{"done", "cut off", "seen"}) {
		t.Errorf("of a new function: %q", got)
	}
}

func TestVersionsThatTheRunPublishedAreKnown(t *testing.T) {
	t.Parallel()
	log := TargetLog{Steps: []Step{
		{Intent: Intent{Call: "PublishVersion"}, Outcome: &Outcome{Result: Done, Version: "7"}},
		{Intent: Intent{Call: "PublishVersion"}, Outcome: &Outcome{Result: Done, FailedVersion: "8"}},
		{Intent: Intent{Call: "PublishVersion"}, Outcome: &Outcome{Result: Done, FailedVersion: "9"}},
		{Intent: Intent{Call: "PublishVersion"}},
		{Intent: Intent{Call: "DeleteFunction", Version: "8"}, Outcome: outcomeRefused},
		{Intent: Intent{Call: "DeleteFunction", Version: "8"}},
		{Intent: Intent{Call: "DeleteFunction", Version: "9"}, Outcome: outcomeDone},
	}}
	if got := log.Published(); !slices.Equal(got, []string{"7"}) {
		t.Errorf("published %q", got)
	}
	if got := log.FailedVersions(); !slices.Equal(got, []string{"8"}) {
		t.Errorf("to be deleted: %q; AWS refused the deletion of 8 and did that of 9", got)
	}
}

func TestSettingsThatTheRunMayHaveChangedAreKnown(t *testing.T) {
	t.Parallel()
	key := func(alias string) definition.SettingKey {
		return definition.SettingKey{Kind: definition.FunctionURLSetting, Qualifier: alias}
	}
	step := func(alias string, o *Outcome) Step {
		return Step{Intent: Intent{Setting: &definition.Setting{SettingKey: key(alias)}}, Outcome: o}
	}
	before := definition.Setting{SettingKey: key("late"), Value: definition.FunctionURL{AuthType: "NONE"}}
	late := step("late", outcomeDone)
	late.Intent.Before = &before
	log := TargetLog{
		Snapshot: &Snapshot{Settings: []definition.Setting{{SettingKey: key("saved")}}},
		Steps:    []Step{{}, step("done", outcomeDone), step("done", outcomeDone), step("cut off", nil), step("unknown", outcomeUnknown), step("refused", outcomeRefused), late},
	}
	var got []string
	for _, k := range log.SettingKeys() {
		got = append(got, k.Qualifier)
	}
	if !slices.Equal(got, []string{"done", "cut off", "unknown", "late"}) {
		t.Errorf("%q", got)
	}
	for alias, want := range map[string]bool{"saved": true, "done": true, "late": true, "other": false} {
		if got := log.KnowsSetting(key(alias)); got != want {
			t.Errorf("what %s was before is known: %v", alias, got)
		}
	}
	if was, _ := log.SettingStates(key("late")); was != before.Value {
		t.Errorf("before: %v", was)
	}
	if was, _ := log.SettingStates(key("done")); was != nil {
		t.Errorf("before: %v", was)
	}
	for o, want := range map[*Outcome]bool{nil: true, outcomeDone: true, outcomeUnknown: true, outcomeRefused: false} {
		log := TargetLog{Steps: []Step{{Intent: Intent{LatestPublished: &Published{}}, Outcome: o}, {}}}
		if got := log.PublishesLatest(); got != want {
			t.Errorf("published with %+v: %v", o, got)
		}
	}
}

func TestWhatWasMeasuredAndWhichStagesBeganIsRead(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	j, path := created(t)
	must(t, j.Note(ctx, Evidence{Percent: 10}))
	must(t, j.Note(ctx, Evidence{Stage: 1}))
	must(t, j.Note(ctx, Evidence{Stage: 2, Wave: 3}))
	must(t, j.Append(ctx, Record{Ready: &Ready{Version: "7"}}))
	must(t, j.Close())
	state, err := Read(ctx, NewFile(path))
	must(t, err)
	if diff := cmp.Diff([]StageBegan{{Stage: 1, At: clock()}, {Wave: 3, Stage: 2, At: clock()}}, state.Stages); diff != "" {
		t.Error(diff)
	}
	if len(state.Evidence) != 3 || !state.Evidence[0].At.Equal(clock()) || state.Targets[0].Ready.Version != "7" {
		t.Errorf("%+v", state)
	}
	// A shift that was interrupted can also be resumed.
	if err := replaceable("j", state); err != nil {
		t.Errorf("a run that changed nothing: %v", err)
	}
	state.Targets[0].Steps = []Step{{}}
	var open *OpenError
	if err := replaceable("j", state); !errors.As(err, &open) || !strings.Contains(err.Error(), "shift --resume --journal j; ") {
		t.Errorf("%v", err)
	}
	state.Stages = nil
	if err := replaceable("j", state); err == nil || strings.Contains(err.Error(), "resume") {
		t.Errorf("without a stage: %v", err)
	}
}

// A process that continues a run numbers its steps after those that are recorded: an
// outcome closes the step with its number.
func TestStepsOfARollbackHaveNumbersOfTheirOwn(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	j, path := created(t)
	forward, err := j.Begin(ctx, 0, Intent{Call: "UpdateAlias"})
	must(t, err)
	must(t, j.Close())
	later := func() time.Time { return clock().Add(time.Hour) }
	j, err = Resume(ctx, NewFile(path), later)
	must(t, err)
	back, err := j.Begin(ctx, 0, Intent{Call: "UpdateAlias", Back: true})
	must(t, err)
	must(t, j.End(ctx, 0, back, Outcome{Result: Done}))
	must(t, j.Close())
	state, err := Read(ctx, NewFile(path))
	must(t, err)
	steps := state.Targets[0].Steps
	if back == forward || len(steps) != 2 || !steps[0].Open() || steps[1].Open() {
		t.Errorf("%d after %d: %+v", back, forward, steps)
	}
	if !steps[0].Record.At.Equal(clock()) || !steps[1].Ended.Equal(later()) {
		t.Errorf("began %s, ended %s", steps[0].Record.At, steps[1].Ended)
	}
	if target := state.Targets[0]; target.Function != "f" || target.Run != "r1" || string(target.Salt) != "salt" {
		t.Errorf("%+v", target)
	}
}

func TestARecordOfATargetThatIsNotInTheHeaderIsNotWritten(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	j, path := created(t)
	for _, target := range []int{-2, 1, 7} {
		if _, err := j.Begin(ctx, target, Intent{Call: "UpdateAlias"}); err == nil || !strings.Contains(err.Error(), "has no target") {
			t.Errorf("target %d: %v", target, err)
		}
	}
	must(t, j.Close())
	if state, err := Read(ctx, NewFile(path)); err != nil || state.Changed() {
		t.Errorf("%+v, %v", state, err)
	}
}

func TestAliasesDifferInAnyField(t *testing.T) {
	t.Parallel()
	a := Alias{Name: "live", Description: "d", Version: "1", Weights: map[string]float64{"2": 0.1}}
	if !a.Equal(a) {
		t.Error("an alias differs from itself")
	}
	for _, b := range []Alias{
		{"next", "d", "1", a.Weights}, {"live", "x", "1", a.Weights}, {"live", "d", "2", a.Weights}, {"live", "d", "1", nil}, {"live", "d", "1", map[string]float64{"2": 0.2}},
	} {
		if a.Equal(b) {
			t.Errorf("%+v is taken for %+v", b, a)
		}
	}
	if (Content{CodeSha256: "a"}).Equal(Content{CodeSha256: "b"}) || AliasOf(definition.Alias{Description: new("d")}).Description != "d" {
		t.Error("a content, or a description")
	}
}
