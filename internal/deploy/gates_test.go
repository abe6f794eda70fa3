package deploy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/google/go-cmp/cmp"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/awstest"
	"github.com/lambda-rollout/lambda-rollout/internal/gate"
	"github.com/lambda-rollout/lambda-rollout/internal/journal"
)

// gatekeeper answers the questions of a run. answer returns a status and what the
// gate says; nil says yes to all.
type gatekeeper struct {
	f      *fixture
	answer func(b gate.Body) (status int, text string)

	mu   sync.Mutex
	seen []string
	said []gate.Body
}

const gateQuery = "token=t0ken-of-the-gate"

// guardedBy makes the run ask the keeper at these moments.
func (f *fixture) guardedBy(k *gatekeeper, moments ...gate.Moment) *gatekeeper {
	f.Helper()
	k.f = f
	for _, m := range moments {
		to, err := gate.ParseDestination("https://gates.example.com/ask?" + gateQuery)
		if err != nil {
			f.Fatal(err)
		}
		f.options.Watch.Gates.All = append(f.options.Watch.Gates.All, gate.Gate{Moment: m, To: to})
	}
	f.options.Watch.Gates.HTTP, f.options.Watch.Gates.Timeout = k, time.Hour
	return k
}

func (k *gatekeeper) Do(r *http.Request) (*http.Response, error) {
	var b gate.Body
	if err := json.NewDecoder(r.Body).Decode(&b); err != nil {
		return nil, err
	}
	line := fmt.Sprintf("%s%s %d->%v of %v: ", b.Moment, b.Event, b.Stage, b.To, b.From)
	if version := k.f.alias("live"); version != "" {
		line += fmt.Sprintf("live %s %v", version, k.f.weights())
	}
	k.mu.Lock()
	k.seen, k.said = append(k.seen, line), append(k.said, b)
	k.mu.Unlock()
	status, text := http.StatusOK, "fine"
	if k.answer != nil {
		status, text = k.answer(b)
	}
	if status == 0 {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	return &http.Response{StatusCode: status, Body: io.NopCloser(strings.NewReader(text))}, nil
}

// asked are the questions so far.
func (k *gatekeeper) asked() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.seen)
}

var decides = []gate.Moment{gate.BeforeWave, gate.BeforeTraffic, gate.BeforeStage, gate.AfterTraffic}

// noQuery fails where the query of a gate is in the log or the journal.
func (f *fixture) noQuery() {
	f.Helper()
	text := f.log.String()
	for _, name := range f.saved {
		content, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		text += string(content)
	}
	if strings.Contains(text, "t0ken") {
		f.Errorf("the query is in the log or the journal:\n%s", text)
	}
}

func TestGatesAreAskedInTheirOrderAndBeforeTheChange(t *testing.T) {
	run(t, awslocal.Options{}, func(f *fixture) {
		f.deployCode("1")
		k := f.guardedBy(&gatekeeper{}, append(decides, gate.Event)...)
		f.options.Traffic = parseTraffic(t, "10%/5m, 50%/5m")
		f.deployCode("2")
		want := []string{
			"before-wave 0->0 of 0: live 1 map[]",
			"before-traffic 1->10 of 0: live 1 map[]",
			"before-stage 1->10 of 0: live 1 map[]",
			"before-stage 2->50 of 10: live 1 map[2:0.1]",
			"before-stage 3->100 of 50: live 1 map[2:0.5]",
			"after-traffic 3->100 of 100: live 2 map[]",
		}
		var told []string
		got := slices.DeleteFunc(k.asked(), func(line string) bool {
			event, is := strings.CutPrefix(line, "event")
			if is {
				event, _, _ = strings.Cut(event, " ")
				told = append(told, event)
			}
			return is
		})
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]string{"wave-began", "stage-began", "stage-began", "stage-began", "traffic-shifted", "succeeded"}, told); diff != "" {
			t.Error(diff)
		}
		last := k.said[len(k.said)-2]
		if fn := last.Functions[0]; fn.Function != "shop" || fn.NewVersion != "2" || fn.Region != awstest.Region || fn.Aliases[0] != "live" || last.Run.Repository != "" && last.Run.ID == "" {
			t.Errorf("%+v", last)
		}
		ids := map[string]bool{}
		for _, b := range k.said {
			ids[b.ID] = true
		}
		if len(ids) != len(k.said) {
			t.Errorf("%d questions have %d ids", len(k.said), len(ids))
		}
		if n := len(slices.DeleteFunc(f.journal().Evidence, func(e journal.Evidence) bool { return e.Gate == nil })); n != 2*len(want) {
			t.Errorf("the journal holds %d records of gates", n)
		}
		f.noQuery()
	})
}

// Whoever says no, wherever: everything is as it was.
func TestANoAtAnyMomentRollsEverythingBack(t *testing.T) {
	for _, moment := range decides {
		if !*full && moment != gate.BeforeWave && moment != gate.BeforeStage {
			continue
		}
		t.Run(string(moment), func(t *testing.T) {
			run(t, awslocal.Options{}, func(f *fixture) {
				f.deployCode("1")
				k := f.guardedBy(&gatekeeper{answer: func(b gate.Body) (int, string) {
					if b.Moment == moment && b.Stage != 1 {
						return http.StatusForbidden, "change freeze"
					}
					return http.StatusNoContent, ""
				}}, decides...)
				if moment == gate.BeforeTraffic {
					k.answer = func(b gate.Body) (int, string) {
						return map[bool]int{true: 403, false: 200}[b.Moment == moment], "change freeze"
					}
				}
				f.options.Traffic = parseTraffic(t, "10%/5m")
				f.write("code/index.js", "2")
				_, err := f.deploy(f.Context(), "function.yaml")
				var failed *FailedError
				if !errors.As(err, &failed) || !strings.Contains(err.Error(), "the gate "+string(moment)+" (https://gates.example.com/ask?***) says no: 403 Forbidden: change freeze") {
					t.Fatalf("ends with %v", err)
				}
				if f.alias("live") != "1" || len(f.weights()) > 0 {
					t.Errorf("live is %s with %v", f.alias("live"), f.weights())
				}
				evidence := f.journal().Evidence
				if last := evidence[len(evidence)-1].Gate; last == nil || last.Answer != "no" || last.To != "https://gates.example.com/ask?***" {
					t.Errorf("the journal holds %+v", evidence)
				}
				f.noQuery()
			})
		})
	}
}

// A gate that waits while two versions share the traffic keeps neither the guard nor
// an alarm from deciding; what it takes is no part of the deployment's own timeout.
func TestTheGuardAndAlarmsGoOnWhileAGateWaits(t *testing.T) {
	undecided := func(b gate.Body) (int, string) {
		if b.Stage == 2 {
			return http.StatusAccepted, "alice is asked"
		}
		return http.StatusOK, ""
	}
	t.Run("guard", func(t *testing.T) {
		rates := newRates(7, map[string]float64{"2": 0})
		run(t, awslocal.Options{Handler: rates.handle, Seed: 5}, func(f *fixture) {
			f.access.Timing.MetricDelay = 0
			k := &gatekeeper{answer: func(b gate.Body) (int, string) {
				if b.Stage == 2 {
					rates.mu.Lock()
					rates.rates["2"] = 0.5 // from now on it fails
					rates.mu.Unlock()
				}
				return undecided(b)
			}}
			f.guardedBy(k, gate.BeforeStage)
			_, err := f.canary(40, "50%/5m")
			if err == nil || !strings.Contains(err.Error(), "fails more often than the old one") {
				t.Fatalf("ends with %v\n%s", err, f.log)
			}
			f.logged("The gate before-stage has not decided: 202 Accepted: alice is asked")
			if f.alias("live") != "1" || len(f.weights()) > 0 {
				t.Errorf("live is %s with %v", f.alias("live"), f.weights())
			}
			if e := k.said[len(k.said)-1].Functions[0].Evidence; len(e) != 1 || e[0].New.Invocations == 0 || e[0].Verdict != "good" {
				t.Errorf("the gate sees %+v", e)
			}
		})
	})
	t.Run("alarm", func(t *testing.T) {
		run(t, awslocal.Options{}, func(f *fixture) {
			f.deployCode("1")
			f.alarm("errors")
			f.setAlarm("errors", types.StateValueOk)
			f.options.Watch.Alarms = []Alarm{{Name: "errors"}}
			f.guardedBy(&gatekeeper{answer: undecided}, gate.BeforeStage)
			f.options.Traffic = parseTraffic(t, "10%/5m")
			f.later(7*time.Minute, "errors", types.StateValueAlarm)
			f.write("code/index.js", "2")
			_, err := f.deploy(f.Context(), "function.yaml")
			if err == nil || !strings.Contains(err.Error(), "alarm errors in") || f.alias("live") != "1" {
				t.Errorf("ends with %v\n%s", err, f.log)
			}
			time.Sleep(2 * time.Minute) // the end of what changes the alarm
		})
	})
	t.Run("neither", func(t *testing.T) {
		run(t, awslocal.Options{}, func(f *fixture) {
			f.deployCode("1")
			asked := 0
			f.guardedBy(&gatekeeper{answer: func(b gate.Body) (int, string) {
				if asked++; asked < 70 {
					return http.StatusAccepted, ""
				}
				return http.StatusOK, "alice"
			}}, gate.BeforeTraffic)
			f.deployCode("2") // with a timeout of ten minutes
			f.logged("The gate before-traffic says yes after 11m30s: 200 OK: alice")
			if f.alias("live") != "2" {
				t.Errorf("live is %s", f.alias("live"))
			}
		})
	})
}

func TestAFunctionIsAGate(t *testing.T) {
	const arn = "arn:aws:lambda:" + awstest.Region + ":" + awstest.Account + ":function:approve:live"
	for name, c := range map[string]struct {
		answer awslocal.Answer
		fault  *awslocal.Fault
		want   string
	}{
		"yes":       {answer: awslocal.Answer{Payload: []byte(`{"approve": true}`)}},
		"no":        {answer: awslocal.Answer{Payload: []byte(`{"approve": false, "reason": "freeze"}`)}, want: "the gate before-traffic (" + arn + ") says no: freeze"},
		"fails":     {answer: awslocal.Answer{Payload: []byte(`{"errorMessage": "boom"}`), FunctionError: "Unhandled"}, want: "says no: the function failed: {\"errorMessage\": \"boom\"}"},
		"throttled": {answer: awslocal.Answer{Payload: []byte(`null`)}, fault: &awslocal.Fault{Operation: "Invoke", Count: 3, Action: awslocal.Error, Status: 429, Code: "TooManyRequestsException", Message: "Rate exceeded"}},
		"missing":   {fault: &awslocal.Fault{Operation: "Invoke", Count: 1, Action: awslocal.Error, Status: 404, Code: "ResourceNotFoundException", Message: "Function not found"}, want: "says no: invoke "},
	} {
		t.Run(name, func(t *testing.T) {
			var got gate.Body
			handler := func(_ context.Context, e awslocal.Event) awslocal.Answer {
				if err := json.Unmarshal(e.Payload, &got); err != nil {
					t.Error(err)
				}
				return c.answer
			}
			run(t, awslocal.Options{Handler: handler}, func(f *fixture) {
				f.write("approve.yaml", definitionOf("approve", ""))
				if _, err := f.deploy(f.Context(), "approve.yaml"); err != nil {
					t.Fatal(err)
				}
				f.deployCode("1")
				to, err := gate.ParseDestination(arn)
				if err != nil {
					t.Fatal(err)
				}
				f.options.Watch.Gates = Gates{All: []gate.Gate{{Moment: gate.BeforeTraffic, To: to}}, Timeout: time.Minute, Connection: f.connect()}
				if c.fault != nil {
					f.aws.Inject(*c.fault)
				}
				f.write("code/index.js", "2")
				_, err = f.deploy(f.Context(), "function.yaml")
				if c.want == "" {
					if err != nil || f.alias("live") != "2" || got.Moment != gate.BeforeTraffic || got.Functions[0].NewVersion != "2" {
						t.Errorf("%v; live is %s, asked %+v", err, f.alias("live"), got)
					}
					return
				}
				if err == nil || !strings.Contains(err.Error(), c.want) || f.alias("live") != "1" {
					t.Errorf("ends with %v; live is %s", err, f.alias("live"))
				}
			})
		})
	}
}

// A gate that hangs keeps no signal from ending the run.
func TestASignalEndsTheWaitForAGate(t *testing.T) {
	run(t, awslocal.Options{}, func(f *fixture) {
		f.deployCode("1")
		f.guardedBy(&gatekeeper{answer: func(gate.Body) (int, string) { return 0, "" }}, gate.BeforeTraffic)
		f.postFollows = true
		ctx, cancel := context.WithCancelCause(f.Context())
		var at time.Time
		time.AfterFunc(time.Minute, func() {
			at = time.Now()
			cancel(ErrSignal)
		})
		f.write("code/index.js", "2")
		_, err := f.deploy(ctx, "function.yaml")
		var stopped *StoppedError
		if !errors.As(err, &stopped) || at.IsZero() || time.Since(at) > time.Second {
			t.Fatalf("ends with %v after %s", err, time.Since(at))
		}
		if _, err := f.rollback(); err != nil || f.alias("live") != "1" {
			t.Errorf("%v; live is %s", err, f.alias("live"))
		}
	})
}

// An event gate that never answers delays no call.
func TestNoRollbackWaitsForAnEventGate(t *testing.T) {
	run(t, awslocal.Options{}, func(f *fixture) {
		f.deployCode("1")
		k := f.guardedBy(&gatekeeper{}, gate.AfterTraffic, gate.Event)
		var no time.Time
		k.answer = func(b gate.Body) (int, string) {
			if b.Moment == gate.Event {
				return 0, ""
			}
			no = time.Now()
			return http.StatusForbidden, ""
		}
		f.write("code/index.js", "2")
		if _, err := f.deploy(f.Context(), "function.yaml"); err == nil {
			t.Fatal("it went through")
		}
		if state := f.journal().State; state != "rolled-back" {
			t.Errorf("the run is %s", state)
		}
		for _, c := range f.aws.Calls() {
			if c.Operation == "UpdateAlias" && c.Time.After(no.Add(time.Second)) {
				t.Errorf("an alias moved %s after the no", c.Time.Sub(no))
			}
		}
		f.logged("did not accept the event: no answer within 10s")
	})
}

func TestAGateThatNobodyAsksIsSaid(t *testing.T) {
	run(t, awslocal.Options{}, func(f *fixture) {
		f.aliases = nil
		k := f.guardedBy(&gatekeeper{}, gate.BeforeStage)
		f.deployCode("1")
		f.logged("gates: before-stage is never asked")
		if len(k.asked()) > 0 {
			t.Errorf("asked %v", k.asked())
		}
	})
}
