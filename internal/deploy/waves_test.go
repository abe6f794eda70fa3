package deploy

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
	"github.com/lambda-rollout/lambda-rollout/internal/event"
	"github.com/lambda-rollout/lambda-rollout/internal/journal"
)

func targetsNamed(names ...string) []Target {
	var all []Target
	for _, n := range names {
		region, function, _ := strings.Cut(n, ":")
		all = append(all, Target{At: journal.Target{Function: function, Region: region}})
	}
	return all
}

func TestEachFunctionBelongsToTheFirstWaveThatNamesIt(t *testing.T) {
	t.Parallel()
	targets := targetsNamed("eu:orders-a", "us:orders-a", "eu:orders-b", "us:payments", "us:rest")
	if err := assignWaves([]string{"us:orders-* payments", "orders-*"}, targets); err != nil {
		t.Fatal(err)
	}
	var got []int
	for _, target := range targets {
		got = append(got, target.Wave)
	}
	if diff := cmp.Diff([]int{1, 0, 1, 0, 2}, got); diff != "" {
		t.Error(diff)
	}
	if n := countWaves(targets); n != 3 {
		t.Errorf("%d waves", n)
	}
	if n := countWaves(targetsNamed("eu:a", "eu:b")); n != 1 {
		t.Errorf("%d waves where none are named", n)
	}
}

func TestAWaveThatMatchesNothingIsAnError(t *testing.T) {
	t.Parallel()
	for waves, want := range map[string]string{
		"odrers-*":     "waves: no function of this deployment matches odrers-*: it deploys orders in eu",
		"us:orders":    "waves: no function of this deployment matches us:orders: it deploys orders in eu",
		"orders eu:":   `waves: "eu:" is not a function name, glob or REGION:GLOB`,
		"orders lost*": "waves: no function of this deployment matches lost*: it deploys orders in eu",
	} {
		if err := assignWaves([]string{waves}, targetsNamed("eu:orders")); err == nil || err.Error() != want {
			t.Errorf("%s: %v", waves, err)
		}
	}
}

// waved deploys five functions in waves of two, one and the rest, and records what
// happened in which order.
func waved(f *fixture, changed string) (events []string, err error) {
	files := f.numbered(5, "")
	f.mustDeploy(files...)
	f.write("code/index.js", changed)
	f.options.Waves = []string{"f03 f04", "f0[01]"}
	run := f.newRun()
	targets, err := f.resolve(f.Context(), run, files...)
	if err != nil {
		f.Fatal(err)
	}
	f.aws.ResetCalls()
	_, err = f.change(f.Context(), targets, f.execution(run))
	for _, c := range f.aws.Calls() {
		if c.Operation == "UpdateAlias" || c.Operation == "PublishVersion" {
			events = append(events, fmt.Sprintf("%s %s", c.Operation, functionIn(c.Resource)))
		}
	}
	return events, err
}

// functionIn is the function's name in what a call is about.
func functionIn(resource string) string {
	i := strings.Index(resource, "f0")
	if i < 0 {
		return ""
	}
	return resource[i : i+3]
}

func TestAWaveBeginsWhenTheOneBeforeIsDone(t *testing.T) {
	run(t, awslocal.Options{}, func(f *fixture) {
		events, err := waved(f, "2")
		if err != nil {
			f.Fatal(err)
		}
		waves := map[string]int{"f03": 0, "f04": 0, "f00": 1, "f01": 1, "f02": 2}
		last := 0
		for _, e := range events {
			operation, function, _ := strings.Cut(e, " ")
			at := 2 * waves[function]
			if operation == "UpdateAlias" {
				at++
			}
			if at < last {
				f.Fatalf("%s comes too late: %v", e, events)
			}
			last = at
		}
		if len(events) != 10 {
			f.Errorf("%v", events)
		}
		f.logged("Wave 1 of 3: f03 in us-east-1, f04 in us-east-1\n", "2 aliases moved within ")
	})
}

func TestAWaveThatFailsTakesTheEarlierOnesBack(t *testing.T) {
	run(t, awslocal.Options{}, func(f *fixture) {
		f.mustDeploy(f.numbered(5, "")...)
		before := f.state().Functions
		f.aws.Inject(awslocal.Fault{Operation: "UpdateAlias", Path: "/f02", Action: awslocal.Error, Status: 400, Code: "InvalidParameterValueException", Message: "struck"})
		_, err := waved(f, "2")
		var back *RolledBackError
		if !errors.As(err, &back) || back.Targets[0].Target.Function != "f02" {
			f.Fatalf("ends with %v", err)
		}
		if diff := cmp.Diff(before, f.state().Functions); diff != "" {
			f.Errorf("not as before: %s", diff)
		}
	})
}

func TestWavesLengthenTheTimeThatADeploymentMayTake(t *testing.T) {
	t.Parallel()
	targets := targetsNamed("eu:a", "eu:b", "eu:c")
	for i := range targets {
		targets[i].Want.Traffic = parseTraffic(t, "10%/5m")
		targets[i].Wave, targets[i].Watch.Guard.Off = i, true
	}
	ctx, cancel := WithTimeout(t.Context(), targets, time.Minute)
	defer cancel()
	end, _ := ctx.Deadline()
	if left := time.Until(end); left < 15*time.Minute || left > 16*time.Minute {
		t.Errorf("%s", left)
	}
}

// Aliases move all at once, however few targets are worked on side by side: one
// that waits for its provisioned concurrency holds up no other.
func TestTheWindowOfAMixIsMeasured(t *testing.T) {
	run(t, awslocal.Options{}, func(f *fixture) {
		files := f.numbered(20, "")
		f.mustDeploy(files...)
		f.write("code/index.js", "2")
		f.options.MaxParallel = 2
		run := f.newRun()
		targets, err := f.resolve(f.Context(), run, files...)
		if err != nil {
			f.Fatal(err)
		}
		execution := f.execution(run)
		var moved event.AliasesMoved
		execution.Events = also{execution.Events, func(e event.Event) {
			if m, is := e.(event.AliasesMoved); is {
				moved = m
			}
		}}
		if _, err := f.change(f.Context(), targets, execution); err != nil {
			f.Fatal(err)
		}
		// 14 of 20 go out at once, the others a second later.
		if moved.Aliases != 20 || moved.Within < time.Second || moved.Within > 1500*time.Millisecond {
			f.Errorf("%+v", moved)
		}
	})
}

func TestATargetThatOnlyAnotherEndedIsNotNamed(t *testing.T) {
	t.Parallel()
	own := errors.New("its own")
	err := each(t.Context(), 3, targetsNamed("eu:a", "eu:b", "eu:c"), func(ctx context.Context, target Target) error {
		if target.At.Function == "b" {
			return own
		}
		<-ctx.Done()
		return fmt.Errorf("not sent: %w", context.Cause(ctx))
	})
	if err == nil || err.Error() != "b in eu: its own" || !errors.Is(err, own) {
		t.Errorf("%v", err)
	}
	err = each(t.Context(), 3, targetsNamed("eu:a", "eu:b"), func(context.Context, Target) error { return context.Canceled })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}
