package deploy

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/awstest"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/cloudwatch"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/runner"
	"github.com/lambda-rollout/lambda-rollout/internal/event"
	"github.com/lambda-rollout/lambda-rollout/internal/guard"
	"github.com/lambda-rollout/lambda-rollout/internal/plan"
	"github.com/lambda-rollout/lambda-rollout/internal/timing"
)

// failingRates are versions of functions that fail at a rate each.
type failingRates struct {
	mu     sync.Mutex
	rates  map[string]float64
	random *rand.Rand
}

func newRates(seed uint64, rates map[string]float64) *failingRates {
	return &failingRates{rates: rates, random: rand.New(rand.NewPCG(seed, 1))}
}

func (r *failingRates) handle(_ context.Context, e awslocal.Event) awslocal.Answer {
	r.mu.Lock()
	defer r.mu.Unlock()
	a := awslocal.Answer{Payload: []byte("{}")}
	if r.random.Float64() < r.rates[e.Version] {
		a.FunctionError = runner.Unhandled
	}
	return a
}

// load invokes shop's alias live so often a minute until the test's bubble ends
// it. The calls reach the embedded AWS without a network: there are thousands.
func (f *fixture) load(ctx context.Context, perMinute int) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		every := time.NewTicker(time.Minute / time.Duration(perMinute))
		defer every.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-every.C:
			}
			if answer := f.invokeLive(); answer.Code != http.StatusOK {
				f.Errorf("Invoke: %d %s", answer.Code, answer.Body)
				return
			}
		}
	}()
	return func() {
		cancel()
		<-ended
	}
}

func (f *fixture) invokeLive() *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, f.aws.URL+"/2015-03-31/functions/shop/invocations?Qualifier=live", strings.NewReader("{}"))
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260102/"+awstest.Region+"/lambda/aws4_request, SignedHeaders=host, Signature=00")
	w := httptest.NewRecorder()
	f.aws.Server.ServeHTTP(w, r)
	return w
}

// canary deploys a second version under load and returns how long the new version
// had traffic, up to the first step that took it back.
func (f *fixture) canary(perMinute int, schedule string) (shared time.Duration, err error) {
	f.Helper()
	f.deployCode("1")
	stop := f.load(f.Context(), perMinute)
	defer stop()
	time.Sleep(time.Minute)
	f.options.Traffic = parseTraffic(f.T, schedule)
	f.write("code/index.js", "2")
	run := f.newRun()
	targets, err := f.resolve(f.Context(), run, "function.yaml")
	if err != nil {
		f.Fatal(err)
	}
	execution := f.execution(run)
	var began, ended time.Time
	execution.Events = also{execution.Events, func(e event.Event) {
		s, is := e.(event.StepEnded)
		if !is {
			return
		}
		if m, moves := s.Step.(plan.MoveAlias); moves && m.Partial() && began.IsZero() {
			began = time.Now()
		}
		if _, back := s.Step.(plan.UpdateAlias); back && s.Back && ended.IsZero() {
			ended = time.Now()
		}
	}}
	_, err = f.change(f.Context(), targets, execution)
	if ended.IsZero() {
		ended = time.Now()
	}
	return ended.Sub(began), err
}

// One request in five fails: the traffic is back soon, wherever in a minute it
// began to shift.
func TestAVersionThatFailsOneCallInFiveIsTakenBack(t *testing.T) {
	for name, c := range map[string]struct {
		delay cloudwatch.Delay
		shown time.Duration
		limit time.Duration
	}{
		"without delay": {limit: 90 * time.Second},
		"as AWS delays": {delay: cloudwatch.AWSDelay, shown: 3 * time.Minute, limit: 4*time.Minute + 30*time.Second},
	} {
		for _, offset := range []time.Duration{0, 20 * time.Second, 40 * time.Second} {
			if offset > 0 && !*full {
				continue
			}
			t.Run(name+" at "+offset.String(), func(t *testing.T) {
				rates := newRates(uint64(offset), map[string]float64{"1": 0.001, "2": 0.2})
				run(t, awslocal.Options{Handler: rates.handle, Seed: 5, MetricDelay: c.delay}, func(f *fixture) {
					f.access.Timing.MetricDelay = c.shown
					time.Sleep(offset)
					shared, err := f.canary(500, "10%/10m")
					var failed *FailedError
					if !errors.As(err, &failed) || !strings.Contains(err.Error(), "fails more often than the old one") {
						f.Fatalf("ends with %v\n%s", err, f.log)
					}
					if shared > c.limit {
						f.Errorf("the new version had traffic for %s, want at most %s\n%s", shared, c.limit, f.log)
					}
					f.Logf("the traffic was back after %s", shared.Round(time.Second))
					if f.alias("live") != "1" || len(f.weights()) > 0 {
						f.Errorf("live is %s with %v", f.alias("live"), f.weights())
					}
					evidence := f.journal().Evidence
					if n := len(evidence); n == 0 || evidence[n-1].Decision != "rollback" || len(evidence[n-1].Minutes) == 0 {
						f.Errorf("the journal holds %+v", evidence)
					}
				})
			})
		}
	}
}

func TestAVersionThatIsNotWorseGetsAllTraffic(t *testing.T) {
	for name, rates := range map[string]map[string]float64{
		"equal":                   {"1": 0.01, "2": 0.01},
		"as bad as the old one":   {"1": 0.3, "2": 0.3},
		"better than the old one": {"1": 0.3, "2": 0.001},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRates(3, rates)
			run(t, awslocal.Options{Handler: r.handle, Seed: 5, MetricDelay: cloudwatch.AWSDelay}, func(f *fixture) {
				if _, err := f.canary(120, "20%/5m"); err != nil {
					f.Fatalf("%v\n%s", err, f.log)
				}
				if f.alias("live") != "2" || len(f.weights()) > 0 {
					f.Errorf("live is %s with %v", f.alias("live"), f.weights())
				}
				f.logged("no sign of a worse rate; a rate above", "CloudWatch does not show the last minutes yet")
				if strings.Contains(f.log.String(), "cannot tell") {
					f.Errorf("a stage was inconclusive:\n%s", f.log)
				}
			})
		})
	}
}

// denied is CloudWatch's answer to a role that may not read metrics.
var denied = awslocal.Fault{
	Operation: "GetMetricData", Count: 1000, Action: awslocal.Error, Status: 403, Code: "AccessDenied", Message: "User: x is not authorized to perform: cloudwatch:GetMetricData",
}

func TestARoleThatMayNotReadMetricsShiftsUnwatched(t *testing.T) {
	run(t, awslocal.Options{}, func(f *fixture) {
		f.deployCode("1")
		f.aws.Inject(denied)
		f.options.Traffic = parseTraffic(t, "10%/5m")
		f.deployCode("2")
		f.logged("the traffic shifts UNWATCHED", "cloudwatch:GetMetricData", "1m left with 10% of the traffic")
	})
}

func TestAGuardThatIsAskedForStartsNothingWithoutMetrics(t *testing.T) {
	run(t, awslocal.Options{}, func(f *fixture) {
		f.deployCode("1")
		before := f.state()
		f.aws.Inject(denied)
		f.options.Traffic, f.options.Watch.Guard.Required = parseTraffic(t, "10%/5m"), true
		f.write("code/index.js", "2")
		_, err := f.deploy(f.Context(), "function.yaml")
		var not *NotStartedError
		if !errors.As(err, &not) || !strings.Contains(err.Error(), "cloudwatch:GetMetricData") {
			f.Errorf("ends with %v", err)
		}
		if diff := cmp.Diff(before, f.state()); diff != "" {
			f.Error(diff)
		}
	})
}

// What the guard does not see it does not blame.
func TestCloudWatchThatFailsMidwayIsInconclusive(t *testing.T) {
	run(t, awslocal.Options{}, func(f *fixture) {
		f.deployCode("1")
		f.options.Traffic = parseTraffic(t, "10%/5m")
		f.write("code/index.js", "2")
		outage := denied
		outage.Nth = 2 // the question before the start is answered
		f.aws.Inject(outage)
		if _, err := f.deploy(f.Context(), "function.yaml"); err != nil || f.alias("live") != "2" {
			f.Fatalf("%v; live is %s\n%s", err, f.alias("live"), f.log)
		}
		f.logged("the guard cannot read the metrics:", "the guard cannot tell after 5m with 10% of the traffic whether the new version is worse; the shift continues: CloudWatch could not be read")
	})
}

func TestAStageWithTooFewInvocationsIsExtendedOrDecided(t *testing.T) {
	for _, c := range []struct {
		name      string
		decide    OnInconclusive
		perMinute int
		fails     bool
		log       string
	}{
		{"twice the time suffices", ExtendStage, 60, false, "The stage of 10% lasts"},
		{"twice the time does not suffice", ExtendStage, 4, false, "the shift continues: version 2 of shop had"},
		{"continue", ContinueStage, 60, false, "the shift continues: version 2 of shop had"},
		{"rollback", RollBackStage, 60, true, "of the 50 invocations that min-invocations asks for"},
	} {
		t.Run(c.name, func(t *testing.T) {
			rates := newRates(1, nil)
			run(t, awslocal.Options{Handler: rates.handle, Seed: 5}, func(f *fixture) {
				f.access.Timing.MetricDelay = 0
				f.options.Watch.Guard.OnInconclusive = c.decide
				_, err := f.canary(c.perMinute, "10%/5m")
				var failed *FailedError
				if errors.As(err, &failed) != c.fails || !c.fails && err != nil {
					f.Errorf("ends with %v\n%s", err, f.log)
				}
				f.logged(c.log)
				if extended := strings.Contains(f.log.String(), "lasts"); extended != (c.name == "twice the time suffices") {
					f.Errorf("extended: %v\n%s", extended, f.log)
				}
				if c.name == "twice the time suffices" && strings.Contains(f.log.String(), "cannot tell") {
					f.Errorf("extended in vain:\n%s", f.log)
				}
			})
		})
	}
}

// Cold starts that fail in the first minute are left out where that is asked for.
func TestTheWarmUpIsNoEvidence(t *testing.T) {
	for warmUp, fails := range map[time.Duration]bool{0: true, time.Minute: false} {
		t.Run(warmUp.String(), func(t *testing.T) {
			rates := newRates(1, map[string]float64{"2": 0.5})
			run(t, awslocal.Options{Handler: rates.handle, Seed: 5}, func(f *fixture) {
				f.access.Timing.MetricDelay = 0
				f.options.Watch.Guard.WarmUp = warmUp
				var warm sync.WaitGroup
				warm.Go(func() {
					time.Sleep(2 * time.Minute) // the load begins a minute before the shift
					rates.mu.Lock()
					defer rates.mu.Unlock()
					rates.rates["2"] = 0
				})
				_, err := f.canary(300, "10%/5m")
				warm.Wait()
				if (err != nil) != fails {
					f.Errorf("ends with %v\n%s", err, f.log)
				}
			})
		})
	}
}

// CloudWatch may show the errors of a minute after its invocations: they count, as if
// they had come at once, in a run that goes on, too.
func TestErrorsThatArriveLaterAreEvidence(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 29, 10, 0, 0, 0, time.UTC)
	count := func(now, failed, old int64) guard.Minute {
		return guard.Minute{New: guard.Count{Invocations: now, Errors: failed}, Old: guard.Count{Invocations: old}}
	}
	looked := func(looks ...guard.Minute) *comparison {
		c := &comparison{Comparison: guard.NewComparison(guard.Criteria{Tolerance: 0.001, MinInvocations: 50}), added: map[time.Time]guard.Minute{}}
		for i, m := range looks {
			minute := at.Add(time.Duration(i/2) * time.Minute)
			c.take(minute, m.Minus(c.added[minute]))
		}
		return c
	}
	late := looked(count(40, 0, 400), count(40, 40, 400), count(3, 1, 50))
	once := looked(count(40, 40, 400), count(40, 40, 400), count(3, 1, 50))
	if !guard.NewRun(late.Comparison).Bad() {
		t.Error("40 failures of 40 that arrived late are not bad")
	}
	if late.Total() != once.Total() || late.Total().New.Errors != 41 {
		t.Errorf("counted %+v, want %+v", late.Total(), once.Total())
	}
}

// lateClock moves between two looks at it, and wakes its sleepers late.
type lateClock struct{ looks atomic.Int64 }

func (c *lateClock) Now() time.Time {
	return time.Now().Add(time.Duration(c.looks.Add(1)) * time.Microsecond)
}

func (*lateClock) Sleep(ctx context.Context, d time.Duration) error {
	return timing.Timing{}.Sleep(ctx, d+5*time.Millisecond)
}

// A clock does not stand still between two looks at the end of a stage, which are one to
// the reader of the log.
func TestTheEndOfAStageIsSaidOnce(t *testing.T) {
	run(t, awslocal.Options{}, func(f *fixture) {
		f.access.Timing.MetricDelay = 0
		f.deployCode("1")
		f.write("code/index.js", "2")
		f.options.Traffic = parseTraffic(f.T, "10%/5s")
		name := f.newRun()
		targets, err := f.resolve(f.Context(), name, "function.yaml")
		if err != nil {
			f.Fatal(err)
		}
		execution := f.execution(name)
		execution.Timing.Clock = &lateClock{}
		execution.Now = execution.Timing.Now
		said := 0
		execution.Events = also{execution.Events, func(e event.Event) {
			if _, is := e.(event.StageWatched); is {
				said++
			}
		}}
		if _, err := f.change(f.Context(), targets, execution); err != nil {
			f.Fatal(err)
		}
		if said != 1 {
			f.Errorf("said %d times\n%s", said, f.log)
		}
	})
}
