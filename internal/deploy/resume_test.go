package deploy

import (
	stdcmp "cmp"
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/google/go-cmp/cmp"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/awstest"
	"github.com/lambda-rollout/lambda-rollout/internal/event"
	"github.com/lambda-rollout/lambda-rollout/internal/gate"
	"github.com/lambda-rollout/lambda-rollout/internal/guard"
	"github.com/lambda-rollout/lambda-rollout/internal/journal"
	"github.com/lambda-rollout/lambda-rollout/internal/plan"
	"github.com/lambda-rollout/lambda-rollout/internal/traffic"
)

// cutOff deploys, and a signal with a post step to come stops the run when an event
// comes for the nth time; the post step never runs.
func (f *fixture) cutOff(schedule string, nth int, at func(event.Event) bool, files ...string) {
	f.Helper()
	if len(files) == 0 {
		files = []string{"function.yaml"}
	}
	f.options.Traffic = parseTraffic(f.T, schedule)
	run := f.newRun()
	ctx, cancel := context.WithCancelCause(f.Context())
	defer cancel(nil)
	targets, err := f.resolve(ctx, run, files...)
	if err != nil {
		f.Fatal(err)
	}
	execution := f.execution(run)
	execution.PostFollows = true
	var one sync.Mutex // events come from several goroutines
	execution.Events = also{execution.Events, func(e event.Event) {
		one.Lock()
		defer one.Unlock()
		if at(e) {
			if nth--; nth == 0 {
				cancel(ErrSignal)
			}
		}
	}}
	_, err = f.change(ctx, targets, execution)
	var stopped *StoppedError
	if !errors.As(err, &stopped) {
		f.Fatalf("ends with %v\n%s", err, f.log)
	}
}

// resume goes on with the last run.
func (f *fixture) resume(gates Gates) ([]Result, error) {
	f.Helper()
	_, targets, err := Resume(f.Context(), journal.NewFile(f.saved[len(f.saved)-1]), f.access, gates, f.work())
	if err != nil {
		return nil, err
	}
	return f.change(f.Context(), targets, f.execution("resumed"))
}

func stageOf(percent float64) func(event.Event) bool {
	return func(e event.Event) bool {
		switch e := e.(type) {
		case event.StageHeld:
			return e.Percent == percent
		case event.StageWatched:
			return e.Percent == percent
		}
		return false
	}
}

// A shift that was stopped goes on: with its interrupted stage anew, then with the
// others, and its journal rolls back everything, the deployment included.
func TestAStoppedShiftGoesOn(t *testing.T) {
	rates := newRates(1, nil)
	run(t, awslocal.Options{Handler: rates.handle, Seed: 5}, func(f *fixture) {
		f.access.Timing.MetricDelay = 0
		f.deployCode("1")
		stop := f.load(f.Context(), 200)
		defer stop()
		time.Sleep(time.Minute)
		f.write("function.yaml", definitionOf("shop", "tags: {team: b}\n"))
		f.write("code/index.js", "2")
		f.cutOff("10%/2m, 50%/2m", 2, stageOf(50))
		if f.alias("live") != "1" || f.weights()["2"] != 0.5 || f.journal().State != journal.Open {
			f.Fatalf("live is %s with %v", f.alias("live"), f.weights())
		}
		time.Sleep(10 * time.Minute)
		counted := evidenceOf(f.journal())
		began := time.Now()
		results, err := f.resume(Gates{})
		if err != nil || f.alias("live") != "2" || len(f.weights()) > 0 {
			f.Fatalf("%v; live is %s with %v\n%s", err, f.alias("live"), f.weights(), f.log)
		}
		if took := time.Since(began); took < 2*time.Minute || took > 3*time.Minute {
			f.Errorf("the rest of the schedule took %s, want the 2m of its last stage", took)
		}
		if r := results[0]; r.Version != "2" || r.Previous() != "1" || !r.Changed {
			f.Errorf("result %+v", r)
		}
		after := evidenceOf(f.journal())
		if after.Invocations-counted.Invocations < 800 {
			f.Errorf("the guard saw %d invocations of the new version before, %d after: those of the ten minutes between are missing", counted.Invocations, after.Invocations)
		}
		if f.journal().State != journal.Deployed {
			f.Errorf("the journal is %s", f.journal().State)
		}
		if f.tags() != "team=b" {
			f.Errorf("the tags are %q", f.tags())
		}
		if _, err := f.rollback(); err != nil || f.alias("live") != "1" || len(f.weights()) > 0 || f.tags() != "" {
			f.Errorf("%v; live is %s with %v, tags %s", err, f.alias("live"), f.weights(), f.tags())
		}
	})
}

// evidenceOf is what a journal holds of the new version.
func evidenceOf(log *journal.RunState) (all event.Count) {
	for _, e := range log.Evidence {
		for _, m := range e.Minutes {
			all.Invocations, all.Errors = all.Invocations+m.New[0], all.Errors+m.New[1]
		}
	}
	return all
}

// tags are shop's, but for this program's own.
func (f *fixture) tags() string {
	f.Helper()
	out, err := f.lambda.GetFunction(f.Context(), &lambda.GetFunctionInput{FunctionName: aws.String("shop")})
	if err != nil {
		f.Fatal(err)
	}
	var all []string
	for key, value := range out.Tags {
		if key != plan.RunTag {
			all = append(all, key+"="+value)
		}
	}
	return strings.Join(all, " ")
}

// What failed while nobody looked is judged before any more traffic shifts.
func TestAStoppedShiftWhoseVersionFailedMeanwhileIsRolledBack(t *testing.T) {
	rates := newRates(1, nil)
	run(t, awslocal.Options{Handler: rates.handle, Seed: 5}, func(f *fixture) {
		f.access.Timing.MetricDelay = 0
		f.deployCode("1")
		stop := f.load(f.Context(), 600)
		defer stop()
		f.write("code/index.js", "2")
		f.cutOff("10%/2m, 50%/2m", 2, stageOf(10))
		rates.mu.Lock()
		rates.rates = map[string]float64{"2": 0.3}
		rates.mu.Unlock()
		time.Sleep(5 * time.Minute)
		moves, began := f.called("UpdateAlias"), time.Now()
		_, err := f.resume(Gates{})
		if took := time.Since(began); took > 4*time.Second {
			f.Errorf("the traffic was back after %s: nobody looked before the stage began again", took)
		}
		var failed *FailedError
		if !errors.As(err, &failed) || !strings.Contains(err.Error(), "version 2 of function shop failed in") {
			f.Fatalf("ends with %v\n%s", err, f.log)
		}
		if f.alias("live") != "1" || len(f.weights()) > 0 || f.called("UpdateAlias") != moves+1 || f.journal().State != journal.RolledBack {
			f.Errorf("live is %s with %v after %d moves; the journal is %s", f.alias("live"), f.weights(), f.called("UpdateAlias")-moves, f.journal().State)
		}
	})
}

// liveOf is the version to which alias live of a function points.
func (f *fixture) liveOf(function string) string {
	f.Helper()
	out, err := f.lambda.GetAlias(f.Context(), &lambda.GetAliasInput{FunctionName: &function, Name: aws.String("live")})
	if err != nil {
		f.Fatal(err)
	}
	return *out.FunctionVersion
}

// inWave is when something happens for the first time in a wave.
func inWave(number int, at func(event.Event) bool) func(event.Event) bool {
	wave := 0
	return func(e event.Event) bool {
		if w, is := e.(event.WaveBegan); is {
			wave = w.Number
		}
		return wave == number && at(e)
	}
}

// twoWaves deploys two functions, one after the other, and is cut off in one of the waves.
func (f *fixture) twoWaves(wave int, at func(event.Event) bool) {
	f.Helper()
	files := append(f.numbered(1, ""), "function.yaml")
	f.write("function.yaml", definitionOf("shop", ""))
	f.write("code/index.js", "1")
	f.mustDeploy(files...)
	f.write("code/index.js", "2")
	f.options.Waves = []string{"f00", "shop"}
	f.cutOff("10%/2m, 50%/2m", 1, inWave(wave, at), files...)
}

// Of several waves, the last one goes on: those before are over, and a rollback takes
// them back, too.
func TestAStoppedLastWaveGoesOn(t *testing.T) {
	for _, percent := range []float64{10, 50} {
		t.Run(traffic.Percent(percent), func(t *testing.T) {
			run(t, awslocal.Options{}, func(f *fixture) {
				f.twoWaves(2, stageOf(percent))
				f.aws.ResetCalls()
				began := time.Now()
				results, err := f.resume(Gates{})
				if err != nil || f.alias("live") != "2" || len(f.weights()) > 0 || f.journal().State != journal.Deployed {
					f.Fatalf("%v; live is %s with %v, the journal %s\n%s", err, f.alias("live"), f.weights(), f.journal().State, f.log)
				}
				if took, want := time.Since(began), map[float64]time.Duration{10: 4 * time.Minute, 50: 2 * time.Minute}[percent]; took < want || took > want+5*time.Minute {
					f.Errorf("the rest took %s, its stages %s", took, want)
				}
				for _, c := range f.aws.Calls() {
					if c.Operation == "UpdateAlias" && functionIn(c.Resource) == "f00" {
						f.Error("the wave that was over shifts again")
					}
				}
				if len(results) != 2 || results[0].Version != "2" || results[1].Previous() != "1" {
					f.Errorf("results %+v", results)
				}
				f.logged("Wave 2 of 2: shop in us-east-1\n")
				if _, err := f.rollback(); err != nil {
					f.Fatal(err)
				}
				if got := f.liveOf("f00") + f.liveOf("shop"); got != "11" {
					f.Errorf("after the rollback live is %s", got)
				}
			})
		})
	}
}

func TestAStoppedWaveThatOthersFollowIsRefused(t *testing.T) {
	run(t, awslocal.Options{}, func(f *fixture) {
		f.twoWaves(1, stageOf(50))
		_, err := f.resume(Gates{})
		var not *NotStartedError
		if !errors.As(err, &not) || !strings.Contains(err.Error(), "has 2 waves and was interrupted before the last one began to shift: shop is not deployed yet") {
			f.Errorf("ends with %v", err)
		}
	})
}

// What the new version of the last wave did while nobody looked takes all waves back; the
// evidence against the waves before counts as it did, so that one among them needs the same.
func TestAStoppedLastWaveThatFailsTakesAllWavesBack(t *testing.T) {
	rates := newRates(1, nil)
	run(t, awslocal.Options{Handler: rates.handle, Seed: 5}, func(f *fixture) {
		f.access.Timing.MetricDelay = 0
		f.twoWaves(2, stageOf(10))
		stop := f.load(f.Context(), 600)
		defer stop()
		rates.mu.Lock()
		rates.rates = map[string]float64{"2": 0.3}
		rates.mu.Unlock()
		time.Sleep(3 * time.Minute)
		_, err := f.resume(Gates{})
		var failed *FailedError
		if !errors.As(err, &failed) || !strings.Contains(err.Error(), "version 2 of function shop failed in") {
			f.Fatalf("ends with %v\n%s", err, f.log)
		}
		if got := f.liveOf("f00") + f.liveOf("shop"); got != "11" {
			f.Errorf("live is %s", got)
		}
	})
}

func TestTheEvidenceOfWavesThatAreOverCounts(t *testing.T) {
	t.Parallel()
	log := &journal.RunState{
		Header:   journal.Header{Schedule: &journal.Schedule{Waves: 2}},
		Evidence: []journal.Evidence{{Before: []journal.Measured{{Of: 0, Alias: "live"}, {Of: 1, Alias: "live"}, {Of: 1, Alias: "beta"}}}},
	}
	g := &sentinel{aliases: []*comparison{{of: 1, alias: "live"}}}
	r := &Resumption{log: log}
	planned := []Planned{{Target: Target{Wave: 1}}, {Target: Target{Wave: 2}}}
	for i := range planned {
		g.reader.groups = append(g.reader.groups, &metricsGroup{})
		planned[i].Resumes = r
	}
	r.addOver(t.Context(), planned, g)
	if len(g.aliases) != 2 || g.aliases[1].of != 0 || g.aliases[1].alias != "live" {
		t.Errorf("compares %d aliases", len(g.aliases))
	}
}

// The guard of a shift that goes on has the very evidence that it had.
func TestAStoppedShiftGoesOnWithItsEvidence(t *testing.T) {
	at := time.Date(2026, 11, 29, 10, 0, 0, 0, time.UTC)
	minute := func(n int, now, old [2]int64) journal.Measured {
		return journal.Measured{Alias: "live", Minute: at.Add(time.Duration(n) * time.Minute), New: now, Old: old}
	}
	hour := journal.Measured{Alias: "live", Old: [2]int64{6000, 60}}
	minutes := []journal.Measured{
		minute(0, [2]int64{50, 2}, [2]int64{450, 4}), minute(0, [2]int64{3, 1}, [2]int64{10, 0}), minute(1, [2]int64{48, 6}, [2]int64{452, 3}),
	}
	r := &Resumption{stages: []journal.StageBegan{{Stage: 1, At: at.Add(12 * time.Second)}}, log: &journal.RunState{
		Evidence: []journal.Evidence{{Stage: 1, Before: []journal.Measured{hour}}, {Minutes: minutes[:2]}, {Minutes: minutes[2:]}},
	}}
	c := &comparison{alias: "live", added: map[time.Time]guard.Minute{}}
	count, recorded := r.hourBefore(c)
	if !recorded || count != (guard.Count{Invocations: 6000, Errors: 60}) {
		t.Fatalf("the hour before is %+v, %v", count, recorded)
	}
	g := &sentinel{Guard: Guard{Tolerance: -1, MinInvocations: 50, WarmUp: time.Minute}, aliases: []*comparison{c}}
	c.Comparison = guard.NewComparison(g.criteria(count, 7))
	g.run = guard.NewRun(c.Comparison)
	r.replay(g)
	same := guard.NewComparison(g.criteria(count, 7))
	for _, m := range minutes {
		same.Add(guard.Minute{New: guard.Count{Invocations: m.New[0], Errors: m.New[1]}, Old: guard.Count{Invocations: m.Old[0], Errors: m.Old[1]}})
	}
	if got, want := g.run.Detectable(c.Comparison), guard.NewRun(same).Detectable(same); got != want || c.Total() != same.Total() {
		t.Errorf("detectable %v after %+v, want %v after %+v", got, c.Total(), want, same.Total())
	}
	if want := (guard.Minute{New: guard.Count{Invocations: 53, Errors: 3}, Old: guard.Count{Invocations: 460, Errors: 4}}); c.added[at] != want {
		t.Errorf("the first minute has %+v, want %+v: it would count twice", c.added[at], want)
	}
	if want := at.Add(2 * time.Minute); !g.since.Equal(want) {
		t.Errorf("counts from %s on, want %s: the warm-up is left out", g.since, want)
	}
}

func TestAScheduleIsReadAsItWasWritten(t *testing.T) {
	want := Watch{
		Guard: Guard{Required: true, WarmUp: time.Minute, MaxErrorRate: 0.02, Tolerance: -1, MinInvocations: 70, OnInconclusive: RollBackStage, Slower: WarnOfSlower},
		Bake:  90 * time.Second, Alarms: []Alarm{{Name: "errors"}, {Name: "latency", Known: true}},
	}
	stages := traffic.Schedule{{Percent: 10, Wait: 5 * time.Minute}, {Percent: 33.33, Wait: 90 * time.Second}, {Percent: 60}}
	moves := plan.Plan{Steps: []plan.Step{plan.MoveAlias{Name: "live", Stage: 1}}}
	written := scheduleOf([]*target{{Planned: Planned{Plan: moves, Target: Target{Watch: want, Want: plan.Wanted{Traffic: stages}}}}}, 1)
	schedule, watch, err := readSchedule(written)
	if diff := cmp.Diff(want, watch); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
	if diff := cmp.Diff(stages, schedule); diff != "" {
		t.Error(diff)
	}
	written.Guard.OnInconclusive, written.Bake = "wait", "soon"
	if _, _, err := readSchedule(written); err == nil || !strings.Contains(err.Error(), `no on-inconclusive "wait"`) || !strings.Contains(err.Error(), "soon") {
		t.Errorf("reads nonsense: %v", err)
	}
}

// A shift that cannot go on is refused, and its journal stays as it was.
func TestAShiftThatCannotGoOnIsNotStarted(t *testing.T) {
	gated := Gates{All: []gate.Gate{{Moment: gate.AfterTraffic, To: gate.Function{}}}}
	for name, c := range map[string]struct {
		schedule string
		before   func(f *fixture)
		nth      int
		at       func(event.Event) bool
		after    func(f *fixture)
		want     string
	}{
		"somebody moved the alias": {nth: 1, at: stageOf(10), after: func(f *fixture) { f.weigh("1", "", 0) }, want: "alias live of shop is 1, where this run did not leave it"},
		"somebody moved it elsewhere": {nth: 1, at: stageOf(10), after: func(f *fixture) {
			f.weigh("1", "2", 0.7)
		}, want: "alias live of shop is 1, 70% to 2, where this run did not leave it: somebody else changed it"},
		"rolled back": {nth: 1, at: stageOf(10), after: func(f *fixture) {
			if _, err := f.rollback(); err != nil {
				f.Fatal(err)
			}
		}, want: "is rolled-back: no shift is left to resume"},
		"no alias moved yet": {nth: 1, at: ended("UpdateFunctionCode"), want: "was interrupted before its traffic began to shift"},
		"a gate is missing":  {before: func(f *fixture) { f.options.Watch.Gates = gated }, nth: 1, at: stageOf(10), want: "the run had a gate after-traffic, and a journal does not hold whom gates ask"},
		"at once":            {schedule: "AllAtOnce", nth: 1, at: ended("PublishVersion"), want: "holds no schedule"},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, awslocal.Options{}, func(f *fixture) {
				f.deployCode("1")
				if c.before != nil {
					c.before(f)
				}
				f.write("code/index.js", "2")
				f.cutOff(stdcmp.Or(c.schedule, "10%/2m, 50%/2m"), c.nth, c.at)
				if c.after != nil {
					c.after(f)
				}
				before, state := f.state(), f.journal().State
				_, err := f.resume(Gates{})
				var not *NotStartedError
				if !errors.As(err, &not) || !strings.Contains(err.Error(), c.want) {
					f.Errorf("ends with %v", err)
				}
				if diff := cmp.Diff(before, f.state()); diff != "" || f.journal().State != state {
					f.Errorf("the journal is %s; %s", f.journal().State, diff)
				}
			})
		})
	}
}

func ended(operation string) func(event.Event) bool {
	return func(e event.Event) bool {
		s, is := e.(event.StepEnded)
		return is && s.Step.Operation() == operation
	}
}

// weigh gives another version a part of the traffic, or none, as somebody else would.
func (f *fixture) weigh(version, other string, weight float64) {
	f.Helper()
	weights := map[string]float64{}
	if other != "" {
		weights[other] = weight
	}
	_, err := f.lambda.UpdateAlias(f.Context(), &lambda.UpdateAliasInput{
		FunctionName: aws.String("shop"), Name: aws.String("live"), FunctionVersion: &version,
		RoutingConfig: &types.AliasRoutingConfiguration{AdditionalVersionWeights: weights},
	})
	if err != nil {
		f.Fatal(err)
	}
}

// A journal in S3 has no lock that shows whether its run is alive. One that is makes no
// other call once its shift was resumed elsewhere, and leaves the rest to that one.
func TestALivingRunGivesWayToTheShiftThatIsResumedFromS3(t *testing.T) {
	run(t, awslocal.Options{}, func(f *fixture) {
		f.deployCode("1")
		f.write("code/index.js", "2")
		f.options.Traffic = parseTraffic(f.T, "10%/3m, 50%/3m")
		place := f.place(awstest.Region)
		ended := make(chan error)
		go func() { ended <- f.deployTo(place, "function.yaml") }()
		time.Sleep(4*time.Minute + 30*time.Second)
		if f.weights()["2"] != 0.5 {
			f.Fatalf("live is %s with %v", f.alias("live"), f.weights())
		}
		store, err := f.storage(place).Open(f.saved[len(f.saved)-1])
		if err != nil {
			f.Fatal(err)
		}
		_, targets, err := Resume(f.Context(), store, f.access, Gates{}, f.work())
		if err != nil {
			f.Fatal(err)
		}
		resumed := make(chan error)
		go func() {
			_, err := f.change(f.Context(), targets, f.execution("resumed"))
			resumed <- err
		}()
		var stopped *StoppedError
		if err := <-ended; !errors.As(err, &stopped) || !errors.Is(err, journal.ErrTaken) {
			f.Errorf("the living run ends with %v", err)
		}
		if f.weights()["2"] != 0.5 {
			f.Errorf("the living run left live at %s with %v", f.alias("live"), f.weights())
		}
		if err := <-resumed; err != nil || f.alias("live") != "2" || len(f.weights()) > 0 {
			f.Errorf("%v; live is %s with %v", err, f.alias("live"), f.weights())
		}
		log, err := journal.Read(f.Context(), store)
		if err != nil || log.State != journal.Deployed {
			f.Errorf("%v; the journal is %s", err, log.State)
		}
	})
}
