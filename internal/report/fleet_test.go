package report

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lambda-rollout/lambda-rollout/internal/event"
	"github.com/lambda-rollout/lambda-rollout/internal/plan"
)

// fleetLog is the log of twelve functions in two Regions.
type fleetLog struct {
	*Log
	out strings.Builder
	now time.Time
	all []event.Target
}

func newFleetLog(detailed bool) *fleetLog {
	f := &fleetLog{now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	f.Log = NewLog(&f.out, func() time.Time { return f.now }, nil).Detailed(detailed)
	for i := range 12 {
		f.all = append(f.all, event.Target{Function: fmt.Sprintf("f%02d", i), Region: []string{"eu", "us"}[i%2]})
	}
	f.Emit(event.RunBegan{Targets: f.all})
	return f
}

func (f *fleetLog) of(i int, events ...event.Event) {
	for _, e := range events {
		f.Emit(event.OfTarget{Target: f.all[i], Event: e})
	}
}

// deploy emits what happens to one target from its first look to its new version.
func (f *fleetLog) prepare(i int) {
	name := f.all[i].Function
	f.of(i, event.ObserveBegan{Function: name}, event.ObserveEnded{Function: name}, event.Planned{Steps: 29},
		event.DeployBegan{Function: name, Manifest: "{}"}, event.StepEnded{StepBegan: event.StepBegan{Function: name, Step: plan.PublishVersion{}}, Published: "7"},
		event.Waiting{Subject: name, Status: "InProgress"}, event.DeployEnded{Function: name})
}

func (f *fleetLog) reads(t *testing.T, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, strings.Split(strings.TrimSuffix(f.out.String(), "\n"), "\n")); diff != "" {
		t.Error(diff)
	}
	f.out.Reset()
}

func TestManyFunctionsHaveALineEach(t *testing.T) {
	t.Parallel()
	f := newFleetLog(false)
	f.reads(t, "12 functions in 2 Regions; verbose shows each step")
	for i := range 3 {
		f.prepare(i)
	}
	f.of(3, event.DeployBegan{Function: "f03"})
	f.Emit(event.Tick{})
	// Two functions of eu have 28 steps each to go: four seconds at fourteen a second.
	f.reads(t, "0 of 12 done, 1 running, 3 ready for traffic, 8 waiting, 0 failed; about 4s left by the quota")
	f.Emit(event.AliasesMoved{Aliases: 12, Within: 1234 * time.Millisecond})
	f.of(0, event.TargetEnded{Took: 2340 * time.Millisecond})
	f.reads(t, "12 aliases moved within 1.2 s: meanwhile callers could get the old version of one and the new version of another",
		"[f00 in eu] done: version 7 in 2.3s")
}

func TestTheRollbackOfManyFunctionsCountsDown(t *testing.T) {
	t.Parallel()
	f := newFleetLog(false)
	f.out.Reset()
	f.of(2, event.StepEnded{StepBegan: event.StepBegan{Function: "f02", Step: plan.UpdateCode{}}, Err: errors.New("no")})
	f.Emit(event.DeploymentFailed{Err: errors.New("f02 in eu: no\nmore")})
	f.Emit(event.RollbackLimited{Within: 5 * time.Minute})
	for i := range 12 {
		f.of(i, event.RollbackBegan{Function: f.all[i].Function})
	}
	f.of(0, event.RollbackEnded{Function: "f00"})
	f.of(1, event.RollbackEnded{Function: "f01", Left: []string{"alias live was not rolled back", "nor was beta"}})
	f.of(3, event.RollbackSkipped{Function: "f03"})
	f.now = f.now.Add(90 * time.Second)
	f.Emit(event.Tick{})
	f.reads(t, "Deployment failed: f02 in eu: no", "[f00 in eu] is as it was before", "warning: [f01 in us] alias live was not rolled back; nor was beta",
		"2 of 12 rolled back, 1 failed; 3m30s left until the rollback must end")
}

func TestAWarningOfManyFunctionsIsWrittenOnce(t *testing.T) {
	t.Parallel()
	f := newFleetLog(false)
	f.out.Reset()
	for i := range 12 {
		f.of(i, event.Warning{Message: "function " + f.all[i].Function + " has drifted"})
	}
	f.of(4, event.Warning{Message: "something else"})
	f.Emit(event.SectionBegan{Title: "Deploy"})
	f.Emit(event.SectionBegan{})
	f.reads(t, "warning: [f00 in eu] function f00 has drifted", "warning: [f04 in eu] something else",
		"warning: the same is true of f01 in us, f02 in eu, f03 in us and 8 more: function f00 has drifted")
}

func TestVerboseShowsEachStepOfManyFunctions(t *testing.T) {
	t.Parallel()
	f := newFleetLog(true)
	f.prepare(1)
	if n := strings.Count(f.out.String(), "\n"); n < 10 {
		t.Errorf("%d lines:\n%s", n, &f.out)
	}
	f.out.Reset()
	f.Emit(event.Tick{})
	if f.out.Len() > 0 {
		t.Errorf("a tick writes %s", &f.out)
	}
}

func TestFewFunctionsOfAWaveAreNamed(t *testing.T) {
	t.Parallel()
	f := newFleetLog(false)
	f.out.Reset()
	f.Emit(event.WaveBegan{Number: 1, Of: 2, Targets: []event.Target{f.all[3], f.all[0]}})
	f.Emit(event.WaveBegan{Number: 2, Of: 2, Targets: f.all[1:]})
	f.reads(t, "Wave 1 of 2: f00 in eu, f03 in us", "Wave 2 of 2: 11 functions")
}
