package report

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/event"
	"github.com/lambda-rollout/lambda-rollout/internal/plan"
	"github.com/lambda-rollout/lambda-rollout/internal/terminal"
)

// show is a view, its clock and the lines that it left.
type show struct {
	*View
	now     time.Time
	columns int
	lines   []string
}

func newShow(columns int, targets ...event.Target) *show {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	s := &show{View: NewView(now), now: now, columns: columns}
	s.take(event.RunBegan{Targets: targets})
	return s
}

func (s *show) take(events ...event.Event) {
	for _, e := range events {
		for _, line := range s.Take(e, s.now, s.columns) {
			s.lines = append(s.lines, line.String())
		}
	}
}

func (s *show) of(t event.Target, events ...event.Event) {
	for _, e := range events {
		s.take(event.OfTarget{Target: t, Event: e})
	}
}

// step begins a step and ends it after some time.
func (s *show) step(t event.Target, took time.Duration, ended event.StepEnded) {
	s.of(t, ended.StepBegan)
	s.now = s.now.Add(took)
	s.of(t, ended)
}

func (s *show) live() []string {
	var lines []string
	for _, line := range s.Live(s.now, s.columns, 24) {
		lines = append(lines, line.String())
	}
	return lines
}

func (s *show) reads(t *testing.T, got []string, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for _, line := range got {
		if terminal.Width(line) >= s.columns {
			t.Errorf("%d columns: %s", terminal.Width(line), line)
		}
	}
}

var orders = event.Target{Function: "orders", Region: "eu-central-1"}

func began(s plan.Step, version string) event.StepBegan {
	return event.StepBegan{Function: "orders", Region: "eu-central-1", Step: s, Version: version}
}

func TestEachStepHasOneLineWithItsTime(t *testing.T) {
	t.Parallel()
	s := newShow(60, orders)
	s.of(orders, event.ObserveBegan{Function: "orders"}, event.ObserveEnded{Function: "orders", Exists: true, Version: "41"})
	s.step(orders, 1200*time.Millisecond, event.StepEnded{StepBegan: began(plan.UpdateCode{}, "")})
	s.step(orders, 300*time.Millisecond, event.StepEnded{StepBegan: began(plan.PublishVersion{}, ""), Published: "42"})
	s.step(orders, 65*time.Second, event.StepEnded{StepBegan: began(plan.MoveAlias{Name: "live", Percent: 100}, "42")})
	s.step(orders, time.Second, event.StepEnded{StepBegan: began(plan.UntagResource{Keys: []string{"a", "b"}}, ""), Err: errors.New("no")})
	s.reads(t, s.lines,
		"orders in eu-central-1",
		"  ✓ found version 41                                  0.0 s",
		"  ✓ update the code                                   1.2 s",
		"  ✓ publish version 42                                0.3 s",
		"  ✓ alias live → 42                                    1m5s",
		"  ✗ remove 2 tags                                     1.0 s")
}

func TestTheLiveLineSaysWhatAndHowLongAndHowLongAtMost(t *testing.T) {
	t.Parallel()
	s := newShow(72, orders)
	s.Limit(s.now.Add(10 * time.Minute))
	s.take(event.SectionBegan{Title: "Prepare rollback"})
	s.reads(t, s.live(), "  ⠋ checking what is there and what is allowed         0 s, at most 10m")
	s.now = s.now.Add(time.Minute)
	s.of(orders, began(plan.UpdateCode{}, ""))
	s.now = s.now.Add(3200 * time.Millisecond)
	s.of(orders, event.Waiting{Subject: "orders", Status: "InProgress", Reason: "The function\nis being created"})
	s.reads(t, s.live(), "  ⠹ update the code (InProgress: The function is bein…  3 s, at most 9m")
	s.of(orders, event.WatchingForLateCall{Function: "orders", For: 30 * time.Second})
	s.now = s.now.Add(5 * time.Second)
	s.reads(t, s.live(), "  ⠹ watch for a call that got no answer               5 s, at most 30 s")
	s.of(orders, event.RollbackEnded{Function: "orders"})
	s.take(event.SectionBegan{})
	s.reads(t, s.live())
}

func TestAStageCountsDownAndLeavesItsFigures(t *testing.T) {
	t.Parallel()
	s := newShow(80, orders)
	s.lines = nil
	s.take(event.StageHeld{Percent: 10, Wait: 5 * time.Minute, Left: 5 * time.Minute})
	s.now = s.now.Add(3 * time.Minute)
	look := event.AliasEvidence{Target: orders, Alias: "live", New: event.Count{Invocations: 412, Errors: 3}, Old: event.Count{Invocations: 3690, Errors: 2}, Verdict: "good", Detectable: 0.021}
	s.take(event.StageWatched{Percent: 10, Left: 2 * time.Minute, Aliases: []event.AliasEvidence{look}})
	s.reads(t, s.live(),
		"  ⠋ 10% of the traffic on the new version                         2m left of 5m",
		"    new 3/412, old 2/3,690: no sign of a worse rate; a rate above 2.1 % would",
		"    have been seen")
	s.now = s.now.Add(2 * time.Minute)
	s.take(event.StageExtended{Percent: 10, By: time.Minute, Wait: 6 * time.Minute, Reason: "a minute is missing"})
	s.reads(t, s.live()[:1], "  ⠋ 10% of the traffic on the new version                         1m left of 6m")
	s.now = s.now.Add(time.Minute)
	s.of(orders, began(plan.MoveAlias{Name: "live", Percent: 100}, "42"))
	s.reads(t, s.lines,
		"  ! the stage of 10% lasts 1m longer: a minute is missing",
		"  ✓ 10% of the traffic on the new version                                    6m",
		"    new 3/412, old 2/3,690: no sign of a worse rate; a rate above 2.1 % would",
		"    have been seen")
}

func TestAStageThatIsCutOffIsNotComplete(t *testing.T) {
	t.Parallel()
	for after, mark := range map[time.Duration]string{4 * time.Minute: "·", 5 * time.Minute: "✓"} {
		s := newShow(80, orders)
		s.lines = nil
		s.take(event.StageHeld{Percent: 10, Wait: 5 * time.Minute, Left: 5 * time.Minute})
		s.now = s.now.Add(after)
		s.take(event.DeploymentFailed{Err: errors.New("stopped by a signal: interrupt")})
		s.reads(t, s.lines,
			"  "+mark+" 10% of the traffic on the new version                                    "+Took(after),
			"  ✗ failed: stopped by a signal: interrupt")
	}
}

func TestAGateIsWaitedForAndItsAnswerStays(t *testing.T) {
	t.Parallel()
	s := newShow(80, orders)
	s.lines = nil
	gate := event.Gate{Moment: "before traffic", To: "https://gate.example.com/ask"}
	s.take(event.GateAsked{Gate: gate, Timeout: 10 * time.Minute})
	s.now = s.now.Add(time.Minute)
	s.take(event.GateWaiting{Gate: gate, Reason: "two of three agree", Left: 9 * time.Minute})
	s.reads(t, s.live(), "  ⠋ gate before traffic: asking https://gate.example.com/ask …  1m, at most 10m")
	s.take(event.GatePassed{Gate: gate, Reason: "all agree", Took: 65 * time.Second})
	s.reads(t, s.lines, "  ✓ gate before traffic: https://gate.example.com/ask says yes: all agree  1m5s")
	s.take(event.SectionBegan{})
	s.reads(t, s.live())
}

func TestARollbackSaysWhyAndWhatIsRestored(t *testing.T) {
	t.Parallel()
	s := newShow(60, orders)
	s.lines = nil
	s.take(event.DeploymentFailed{Err: errors.New("update the code of orders: AccessDeniedException: not authorized\nmore")},
		event.SectionBegan{Title: "Rollback"}, event.RollbackLimited{Within: 10 * time.Minute})
	s.of(orders, event.RollbackBegan{Function: "orders"})
	back := began(plan.UpdateAlias{Alias: definition.Alias{Name: "live", Version: "41"}}, "41")
	back.Back = true
	s.step(orders, time.Second, event.StepEnded{StepBegan: back})
	s.of(orders, event.RollbackEnded{Function: "orders"})
	s.of(orders, event.RollbackEnded{Function: "orders", Left: []string{"alias live was moved by somebody"}})
	s.reads(t, s.lines,
		"  ✗ failed: update the code of orders:",
		"    AccessDeniedException: not authorized",
		"Rolling back",
		"  ✓ alias live → 41                                   1.0 s",
		"  ↩ as it was before",
		"  ✗ alias live was moved by somebody")
}

func fleetOf(n int) []event.Target {
	var all []event.Target
	for i := range n {
		all = append(all, event.Target{Function: fmt.Sprintf("orders-production-fulfilment-%02d", i), Region: []string{"eu-central-1", "us-east-1"}[i%2]})
	}
	return all
}

// Many functions have one block of the same height, whatever happens in it, and
// lines of their own only for what went wrong.
func TestManyFunctionsHaveOneSteadyBlock(t *testing.T) {
	t.Parallel()
	all := fleetOf(12)
	s := newShow(80, all...)
	for i, f := range all {
		s.of(f, event.ObserveBegan{Function: f.Function}, event.ObserveEnded{Function: f.Function, Exists: true, Version: "1"}, event.Planned{Steps: 28})
		if i < 8 {
			s.of(f, event.DeployBegan{Function: f.Function}, began(plan.UpdateCode{}, ""))
		}
		if i < 1 {
			s.of(f, event.StepEnded{StepBegan: began(plan.UpdateCode{}, "")}, event.DeployEnded{Function: f.Function})
		}
	}
	s.now = s.now.Add(4 * time.Second)
	s.of(all[7], event.StepEnded{StepBegan: began(plan.UpdateCode{}, ""), Err: errors.New("no")})
	s.of(all[6], event.Warning{Message: "no tags of " + all[6].Function})
	s.of(all[5], event.Warning{Message: "no tags of " + all[5].Function})
	s.reads(t, s.live(),
		"  ░░░░░░░░░░░░░░░░░░░░ 0 of 12 done, 4 s, about 12 s left by the quota",
		"  6 running · 1 ready for traffic · 4 waiting · 1 failed",
		"  ⠋ orders-production-fulfilment-01 us-east-1: update the code              4 s",
		"  ⠋ orders-production-fulfilment-02 eu-central-1: update the code           4 s",
		"  ⠋ orders-production-fulfilment-03 us-east-1: update the code              4 s",
		"  ⠋ orders-production-fulfilment-04 eu-central-1: update the code           4 s",
		"  ⠋ orders-production-fulfilment-05 us-east-1: update the code              4 s",
		"    … 1 more")
	high := len(s.live())
	for _, f := range all {
		s.of(f, event.TargetEnded{Took: time.Second})
	}
	if got := s.live(); len(got) != high || !strings.HasPrefix(got[0], "  ████") || !strings.Contains(got[0], " 12 of 12 done") {
		t.Errorf("%d lines instead of %d: %q", len(got), high, got)
	}
	s.take(event.SectionBegan{Title: "Rollback"}, event.RollbackLimited{Within: time.Minute})
	s.of(all[0], event.RollbackEnded{Function: all[0].Function})
	if got := s.live()[0]; got != "  █░░░░░░░░░░░░░░░░░░░ 1 of 12 rolled back, 0 s, at most 1m left" {
		t.Errorf("%q", got)
	}
	s.reads(t, s.lines,
		"12 functions in 2 Regions",
		"  ✗ orders-production-fulfilment-07 us-east-1: update the code            4.0 s",
		"  ! orders-producti…06 eu-central-1: no tags of orders-production-fulfilment-06",
		"  ! the same is true of orders-production-fulfilment-05 in us-east-1: no tags",
		"    of orders-production-fulfilment-06",
		"Rolling back")
}

// A block is never higher than the terminal, which could not erase it.
func TestABlockFitsALowTerminal(t *testing.T) {
	t.Parallel()
	s := newShow(80, fleetOf(12)...)
	for _, f := range fleetOf(12) {
		s.of(f, began(plan.UpdateCode{}, ""))
	}
	if got := len(s.Live(s.now, 80, 5)); got != 4 {
		t.Errorf("%d lines on 5 rows", got)
	}
}

func TestARunClosesWithItsUndoCommand(t *testing.T) {
	t.Parallel()
	row := Row{Function: "orders", Region: "eu-central-1", From: "41", To: "42", Aliases: []string{"live"}, Changed: true}
	undo := "lambda-rollout rollback --function orders --alias live --aws-region eu-central-1"
	all := "lambda-rollout rollback --journal j.jsonl"
	created := row
	created.From, created.New = "", true
	for _, tc := range []struct {
		columns int
		row     Row
		undo    []string
		want    string
	}{
		{120, row, []string{"lambda-rollout rollback"}, "✓ orders 41 → 42 (live), 3.2 s. Undo: lambda-rollout rollback"},
		{80, row, []string{undo}, "✓ orders 41 → 42 (live), 3.2 s.\nUndo:\n  lambda-rollout rollback --function orders --alias live \\\n    --aws-region eu-central-1"},
		{80, created, []string{"lambda-rollout rollback --rollback-data '[]'"}, "✓ orders 42 (new) (live), 3.2 s.\nUndo, which deletes orders:\n  " + all},
		{120, row, []string{undo, undo}, "✓ orders 41 → 42 (live), 3.2 s. Undo: " + all},
		{80, row, nil, "✓ orders 41 → 42 (live), 3.2 s."},
	} {
		d := Deployment{Rows: []Row{tc.row}, Took: 3200 * time.Millisecond, Next: Next{Undo: tc.undo}}
		var got []string
		for _, line := range d.ClosingLines(tc.columns, all) {
			got = append(got, line.String())
		}
		if diff := cmp.Diff(tc.want, strings.Join(got, "\n")); diff != "" {
			t.Error(diff)
		}
	}
}

func TestAnErrorFitsAndItsCommandCanBeCopied(t *testing.T) {
	t.Parallel()
	text := "error: roll back /repo/journal.jsonl: the credentials are those of another account\nonce that is fixed, run: lambda-rollout rollback --journal /repo/.lambda-rollout/run.jsonl"
	var got []string
	for _, line := range ErrorLines(60, text) {
		got = append(got, line.String())
	}
	want := []string{
		"error: roll back /repo/journal.jsonl: the credentials are",
		"  those of another account",
		"once that is fixed, run:",
		"  lambda-rollout rollback \\",
		"    --journal /repo/.lambda-rollout/run.jsonl",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestARecorderKnowsWhatARollbackRestoresAndHowLongItTakes(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	r := NewRecorder(event.Discard{}, func() time.Time { return now })
	emit := func(took time.Duration, s plan.Step, t event.Target) {
		r.Emit(event.OfTarget{Target: t, Event: event.StepBegan{Step: s}})
		now = now.Add(took)
		r.Emit(event.OfTarget{Target: t, Event: event.StepEnded{StepBegan: event.StepBegan{Step: s}}})
	}
	said := func() string {
		what, about := r.Undoing()
		return fmt.Sprintf("%s, %s", what, about)
	}
	if got := said(); got != ", 0s" {
		t.Error(got)
	}
	emit(2*time.Second, plan.UpdateCode{}, orders)
	emit(time.Second, plan.PublishVersion{}, orders)
	now = now.Add(5 * time.Minute) // a stage
	emit(time.Second, plan.MoveAlias{Name: "live"}, orders)
	emit(time.Second, plan.MoveAlias{Name: "live"}, orders)
	if got := said(); got != "alias live and code of orders, 5s" {
		t.Error(got)
	}
	emit(0, plan.CreateFunction{}, event.Target{Function: "new"})
	if got := said(); got != "2 functions, 5s" {
		t.Error(got)
	}
}
