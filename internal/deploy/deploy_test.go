package deploy

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
	"github.com/lambda-rollout/lambda-rollout/internal/event"
	"github.com/lambda-rollout/lambda-rollout/internal/journal"
	"github.com/lambda-rollout/lambda-rollout/internal/plan"
)

func TestANewFunctionIsDeployedAndRolledBack(t *testing.T) {
	run(t, awslocal.Options{Pending: time.Minute}, func(f *fixture) {
		before := f.state()
		r := f.mustDeploy()[0]
		if r.Version != "1" || !r.Changed || f.alias("live") != "1" || r.Arn != r.Unqualified+":1" {
			f.Errorf("deployed %+v, live is %q", r, f.alias("live"))
		}
		if state := f.journal().State; state != journal.Deployed {
			f.Errorf("the journal is %s", state)
		}
		if _, err := f.rollback(); err != nil {
			f.Fatal(err)
		}
		if diff := cmp.Diff(before.Functions, f.state().Functions); diff != "" {
			f.Errorf("left behind: %s", diff)
		}
	})
}

func TestAnUnchangedFunctionMakesNoChangeAndNoJournal(t *testing.T) {
	run(t, awslocal.Options{}, func(f *fixture) {
		f.mustDeploy()
		f.aws.ResetCalls()
		r := f.mustDeploy()[0]
		if r.Changed || r.Version != "1" || len(f.saved) != 1 {
			f.Errorf("changed %v, version %s, %d journals", r.Changed, r.Version, len(f.saved))
		}
		for _, c := range f.aws.Calls() {
			if !strings.HasPrefix(c.Operation, "Get") {
				f.Errorf("it called %s", c.Operation)
			}
		}
	})
}

func TestAFailedDeploymentIsRolledBackAtOnce(t *testing.T) {
	run(t, awslocal.Options{InProgress: 10 * time.Second}, func(f *fixture) {
		f.mustDeploy()
		f.write("code/index.js", "2")
		f.write("function.yaml", definitionOf("shop", "timeout: 9\n"))
		f.aws.Inject(awslocal.Fault{Operation: "UpdateAlias", Action: awslocal.Error, Status: 400, Code: "InvalidParameterValueException", Message: "no"})
		_, err := f.deploy(f.Context(), "function.yaml")
		var failed *FailedError
		var back *RolledBackError
		if !errors.As(err, &failed) || !errors.As(err, &back) || len(back.Targets) != 1 || len(back.Targets[0].Changes) == 0 {
			f.Fatalf("ends with %T: %v", err, err)
		}
		if f.alias("live") != "1" || f.journal().State != journal.RolledBack {
			f.Errorf("live is %s, the journal %s", f.alias("live"), f.journal().State)
		}
		if p := f.plan("function.yaml")[0].Before; *p.Latest.Timeout != 3 || p.Latest.CodeSha256 != p.Served.CodeSha256 {
			f.Errorf("$LATEST is not what it was: %+v", p.Latest)
		}
	})
}

// A signal that comes while the last call is under way asks for a rollback like
// every other. Where a post step follows, it decides.
func TestASignalDuringTheLastCallIsHeeded(t *testing.T) {
	for name, post := range map[string]bool{"alone": false, "with a post step": true} {
		t.Run(name, func(t *testing.T) {
			run(t, awslocal.Options{}, func(f *fixture) {
				f.mustDeploy()
				f.write("code/index.js", "2")
				f.write("function.yaml", definitionOf("shop", "tags: {last: call}\n"))
				f.postFollows = post
				ctx, cancel := context.WithCancelCause(f.Context())
				defer cancel(nil)
				fired := false
				f.aws.Inject(awslocal.Fault{Operation: "TagResource", Action: awslocal.Delay, Delay: time.Second, Fired: func() {
					fired = true
					time.Sleep(time.Millisecond) // until the question beside this call is answered
					cancel(ErrSignal)
				}})
				_, err := f.deploy(ctx, "function.yaml")
				if !fired {
					f.Fatal("the signal never came")
				}
				if post {
					if err != nil || f.alias("live") != "2" || f.journal().State != journal.Deployed {
						f.Errorf("ends with %v, live is %s, the journal %s", err, f.alias("live"), f.journal().State)
					}
					return
				}
				var failed *FailedError
				if !errors.As(err, &failed) || !errors.Is(err, ErrSignal) || f.alias("live") != "1" || f.journal().State != journal.RolledBack {
					f.Errorf("ends with %v, live is %s, the journal %s", err, f.alias("live"), f.journal().State)
				}
			})
		})
	}
}

func TestASignalBeforeTheEndLeavesTheRestToAPostStep(t *testing.T) {
	run(t, awslocal.Options{InProgress: time.Minute}, func(f *fixture) {
		f.mustDeploy()
		f.write("code/index.js", "2")
		f.postFollows = true
		ctx, cancel := context.WithCancelCause(f.Context())
		defer cancel(nil)
		f.aws.Inject(awslocal.Fault{Operation: "UpdateFunctionCode", Action: awslocal.Delay, Fired: func() { cancel(ErrSignal) }})
		began := time.Now()
		_, err := f.deploy(ctx, "function.yaml")
		var stopped *StoppedError
		if !errors.As(err, &stopped) || stopped.Journal != f.saved[1] || !strings.Contains(err.Error(), "lambda-rollout rollback --journal ") {
			f.Fatalf("ends with %v", err)
		}
		if took := time.Since(began); took > 6*time.Second {
			f.Errorf("it took %s to stop", took)
		}
		if f.journal().State != journal.Open {
			f.Errorf("the journal is %s", f.journal().State)
		}
		if _, err := f.rollback(); err != nil {
			f.Fatal(err)
		}
		if p := f.plan("function.yaml")[0].Before; p.Latest.CodeSha256 != p.Served.CodeSha256 || f.alias("live") != "1" {
			f.Errorf("$LATEST is not what it was: %+v", p.Latest)
		}
	})
}

// Another process that takes over asks the run to stop; it notices in a wait,
// too.
func TestADeploymentStopsForAnotherProcess(t *testing.T) {
	run(t, awslocal.Options{InProgress: time.Hour}, func(f *fixture) {
		f.mustDeploy()
		f.write("code/index.js", "2")
		f.timeout = 2 * time.Hour
		f.aws.Inject(awslocal.Fault{Operation: "UpdateFunctionCode", Action: awslocal.Delay, Fired: func() {
			if err := journal.NewFile(f.saved[1]).Stop(context.Background()); err != nil {
				f.Error(err)
			}
		}})
		began := time.Now()
		_, err := f.deploy(f.Context(), "function.yaml")
		var stopped *StoppedError
		if !errors.As(err, &stopped) || !errors.Is(err, journal.ErrStopped) || time.Since(began) > time.Minute {
			f.Errorf("ends after %s with %v", time.Since(began), err)
		}
	})
}

func TestADeploymentEndsWithItsTimeout(t *testing.T) {
	run(t, awslocal.Options{InProgress: 2 * time.Minute}, func(f *fixture) {
		f.mustDeploy()
		f.write("code/index.js", "2")
		f.timeout, f.rollbackTimeout = time.Minute, 10*time.Minute
		_, err := f.deploy(f.Context(), "function.yaml")
		var failed *FailedError
		if !errors.As(err, &failed) || !strings.Contains(err.Error(), "the deployment took longer than its timeout of 1m0s") {
			f.Errorf("ends with %v", err)
		}
	})
}

func TestARollbackThatTakesTooLongIsIncomplete(t *testing.T) {
	run(t, awslocal.Options{InProgress: time.Hour}, func(f *fixture) {
		f.mustDeploy()
		f.write("code/index.js", "2")
		f.timeout, f.rollbackTimeout = time.Minute, time.Minute
		_, err := f.deploy(f.Context(), "function.yaml")
		var incomplete *IncompleteError
		if !errors.As(err, &incomplete) || incomplete.Err == nil || incomplete.Journal != f.saved[1] ||
			!strings.Contains(err.Error(), "the rollback took longer than its timeout of 1m0s") {
			f.Errorf("ends with %v", err)
		}
	})
}

// All targets are ready before any alias moves, and one that fails takes all of
// them back.
func TestSeveralTargetsAreDeployedTogether(t *testing.T) {
	run(t, awslocal.Options{}, func(f *fixture) {
		f.write("function.yaml", definitionOf("shop", ""))
		f.write("other.yaml", definitionOf("other", ""))
		f.mustDeploy("function.yaml", "other.yaml")
		f.write("code/index.js", "2")
		f.aws.ResetCalls()
		f.mustDeploy("function.yaml", "other.yaml")
		ready := 0
		for _, c := range f.aws.Calls() {
			switch c.Operation {
			case "PublishVersion":
				ready++
			case "UpdateAlias":
				if ready < 2 {
					f.Errorf("an alias moved when %d of 2 versions were published", ready)
				}
			}
		}
		f.logged("[shop in us-east-1] Done", "[other in us-east-1] Done")

		f.write("code/index.js", "3")
		f.aws.Inject(awslocal.Fault{Operation: "PublishVersion", Path: "/other/", Action: awslocal.Error, Status: 400, Code: "InvalidParameterValueException", Message: "not this one"})
		_, err := f.deploy(f.Context(), "function.yaml", "other.yaml")
		var failed *FailedError
		if !errors.As(err, &failed) || !strings.Contains(err.Error(), "other in us-east-1: ") || f.alias("live") != "2" {
			f.Errorf("ends with %v, live is %s", err, f.alias("live"))
		}
	})
}

// name is a target with nothing but a name.
type name string

func (n name) Label() string    { return string(n) }
func (n name) inRegion() string { return "" }

func TestEveryErrorOfSeveralTargetsIsReported(t *testing.T) {
	t.Parallel()
	both := make(chan struct{}, 1)
	err := each(t.Context(), 4, []name{"one", "two", "three"}, func(ctx context.Context, n name) error {
		switch n {
		case "one":
			<-both
			return errors.New("is broken")
		case "two":
			both <- struct{}{}
			return errors.New("is broken, too")
		}
		<-ctx.Done()
		return ctx.Err()
	})
	if err == nil || err.Error() != "one: is broken\ntwo: is broken, too" {
		t.Errorf("got %v", err)
	}
}

func TestTheErrorOfOneTargetHasNoName(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	if err := each(t.Context(), 0, []name{"one"}, func(context.Context, name) error { return broken }); err == nil || err.Error() != "broken" {
		t.Errorf("got %v", err)
	}
}

func TestWhyAllTargetsEndedIsReportedOnce(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(ErrSignal)
	err := each(ctx, 2, []name{"one", "two"}, func(ctx context.Context, _ name) error { return ctx.Err() })
	if err != ErrSignal {
		t.Errorf("got %v", err)
	}
}

func TestNothingStartsBeforeEverythingWasChecked(t *testing.T) {
	run(t, awslocal.Options{}, func(f *fixture) {
		f.mustDeploy()
		for _, c := range []struct{ name, definition, want string }{
			{"twice", definitionOf("shop", ""), "is named twice: a run deploys each function once"},
			{"account", strings.ReplaceAll(definitionOf("arn:aws:lambda:us-east-1:999999999999:function:shop", ""), "::000000000000:", "::999999999999:"), "is in account 999999999999, but the credentials belong to account 000000000000"},
			{"Region", definitionOf("arn:aws:lambda:eu-west-1:000000000000:function:shop", ""), "it is in Region eu-west-1, but us-east-1 is requested"},
		} {
			f.write("other.yaml", c.definition)
			definitions := []string{"other.yaml"}
			if c.name == "twice" {
				definitions = []string{"function.yaml", "other.yaml"}
			}
			_, err := f.deploy(f.Context(), definitions...)
			var not *NotStartedError
			if !errors.As(err, &not) || !strings.Contains(err.Error(), c.want) {
				f.Errorf("%s: ends with %v", c.name, err)
			}
		}
	})
}

func TestStagesHoldForTheirTime(t *testing.T) {
	run(t, awslocal.Options{}, func(f *fixture) {
		f.mustDeploy()
		f.write("code/index.js", "2")
		f.options.Traffic = parseTraffic(t, "10%/5m, 50%/2m")
		began := time.Now()
		r := f.mustDeploy()[0]
		if took := time.Since(began); took < 7*time.Minute || took > 8*time.Minute {
			f.Errorf("it took %s", took)
		}
		if f.alias("live") != "2" || r.Took < 7*time.Minute {
			f.Errorf("live is %s, took %s", f.alias("live"), r.Took)
		}
		f.logged("Waiting 5m with 10% of the traffic on the new version", "no invocation of the new version yet; 1m1s left (10%, counted until")
	})
}

func TestASignalEndsAStage(t *testing.T) {
	run(t, awslocal.Options{}, func(f *fixture) {
		f.mustDeploy()
		f.write("code/index.js", "2")
		f.options.Traffic = parseTraffic(t, "10%/5h")
		ctx, cancel := context.WithCancelCause(f.Context())
		defer cancel(nil)
		runID := f.newRun()
		targets, err := f.resolve(ctx, runID, "function.yaml")
		if err != nil {
			f.Fatal(err)
		}
		execution := f.execution(runID)
		execution.Events = also{execution.Events, func(e event.Event) {
			if _, held := e.(event.StageHeld); held {
				cancel(ErrSignal)
			}
		}}
		began := time.Now()
		_, err = f.change(ctx, targets, execution)
		var failed *FailedError
		if !errors.As(err, &failed) || !errors.Is(err, ErrSignal) || f.alias("live") != "1" || time.Since(began) > time.Hour {
			f.Errorf("ends after %s with %v; live is %s", time.Since(began), err, f.alias("live"))
		}
	})
}

func TestWhatDriftedIsNamed(t *testing.T) {
	run(t, awslocal.Options{}, func(f *fixture) {
		f.mustDeploy()
		if drift := f.plan("function.yaml")[0].Drift(); len(drift) != 0 {
			f.Errorf("nothing drifted: %v", drift)
		}
		f.update(timeout(7))
		drift := f.plan("function.yaml")[0].Drift()
		if len(drift) != 1 || drift[0].Field != "Timeout" || drift[0].From != "3" || drift[0].To != "7" {
			f.Errorf("drift %v", drift)
		}
	})
}

func TestTwoZipsAreCompared(t *testing.T) {
	run(t, awslocal.Options{}, func(f *fixture) {
		f.write("code/old.js", "1")
		f.mustDeploy()
		f.write("code/index.js", "22")
		p := f.plan("function.yaml")[0]
		if !p.ReplacesZip() {
			f.Fatal("no zip is replaced")
		}
		changes, err := p.CompareFiles(f.Context(), f.TempDir())
		if err != nil || len(changes) != 1 || changes[0].Name != "index.js" || changes[0].Op != "changed" {
			f.Errorf("%v, %v", changes, err)
		}
		p.Before.Latest.CodeLocation = ""
		if _, err := p.CompareFiles(f.Context(), f.TempDir()); err == nil {
			f.Error("no address, no error")
		}
	})
}

func TestAPublicationThatFindsNothingNewIsNoChange(t *testing.T) {
	run(t, awslocal.Options{}, func(f *fixture) {
		f.aliases = nil
		f.mustDeploy()
		r := f.mustDeploy()[0]
		if r.Changed || r.Version != "1" || f.plan("function.yaml")[0].Changes() {
			f.Errorf("changed %v, version %s", r.Changed, r.Version)
		}
		var _ plan.Plan = r.Plan
	})
}
