package lambdaapi_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/lambdaapi"
	"github.com/lambda-rollout/lambda-rollout/internal/session"
	"github.com/lambda-rollout/lambda-rollout/internal/timing"
)

// answers is an AWS without a network: each GetFunction takes the next body.
type answers struct {
	at     []time.Duration
	start  time.Time
	bodies []string
	calls  atomic.Int64
}

func (a *answers) Do(*http.Request) (*http.Response, error) {
	n := a.calls.Add(1)
	a.at = append(a.at, time.Since(a.start))
	w := httptest.NewRecorder()
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.WriteString(a.bodies[min(int(n), len(a.bodies))-1])
	return w.Result(), nil
}

func (a *answers) client(t *testing.T) *lambdaapi.Client {
	t.Helper()
	a.start = time.Now()
	s, err := session.Open(context.Background(), session.Options{
		Region: "us-east-1", AccessKeyID: "id", SecretAccessKey: "key", HTTPClient: a,
		LookupEnv: func(string) (string, bool) { return "", false },
	})
	if err != nil {
		t.Fatal(err)
	}
	return lambdaapi.New(s, "us-east-1", timing.Default())
}

func (a *answers) poller(t *testing.T) lambdaapi.Poller {
	t.Helper()
	return lambdaapi.Poller{Finder: a.client(t), Timing: timing.Default()}
}

func state(state, update string) string {
	return `{"Configuration": {"FunctionName": "f", "State": "` + state + `", "LastUpdateStatus": "` + update + `",
		"StateReason": "why", "StateReasonCode": "InvalidImage", "LastUpdateStatusReason": "why", "LastUpdateStatusReasonCode": "InvalidImage"}}`
}

func TestWaitPollsQuicklyAtFirstAndEndsWhenNothingIsUnderWay(t *testing.T) {
	t.Setenv("AWS_CA_BUNDLE", "")
	synctest.Test(t, func(t *testing.T) {
		a := &answers{bodies: []string{
			state("Pending", ""), state("Pending", ""), state("Active", "InProgress"), state("Active", "Successful"),
		}}
		seen := 0
		o, err := a.poller(t).Wait(t.Context(), "f", "", func(*definition.Observed) { seen++ })
		if err != nil || o.State.Value != "Active" || seen != 4 {
			t.Fatalf("state %+v after %d looks: %v", o, seen, err)
		}
		for i, at := range a.at {
			if want := time.Duration(i+1) * 150 * time.Millisecond; at != want {
				t.Errorf("poll %d came after %s, want %s", i+1, at, want)
			}
		}
	})
}

func TestWaitGrowsToTwoSecondsBetweenPolls(t *testing.T) {
	t.Setenv("AWS_CA_BUNDLE", "")
	synctest.Test(t, func(t *testing.T) {
		a := &answers{bodies: []string{state("Pending", "")}}
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		if _, err := a.poller(t).Wait(ctx, "f", "", nil); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("the wait ended with %v", err)
		}
		for i := 1; i < len(a.at); i++ {
			if gap := a.at[i] - a.at[i-1]; gap > 2*time.Second || gap < 150*time.Millisecond {
				t.Errorf("%s between polls %d and %d", gap, i, i+1)
			}
		}
	})
}

func TestWaitStopsOnFailedWithTheServicesReason(t *testing.T) {
	t.Setenv("AWS_CA_BUNDLE", "")
	for name, body := range map[string]string{"create": state("Failed", ""), "update": state("Active", "Failed")} {
		synctest.Test(t, func(t *testing.T) {
			a := &answers{bodies: []string{body}}
			o, err := a.poller(t).Wait(t.Context(), "f", "", nil)
			var failed *lambdaapi.FailedError
			if !errors.As(err, &failed) || failed.Status.Code != "InvalidImage" || o == nil {
				t.Errorf("%s: %v", name, err)
			}
			if got, want := err.Error(), "function f failed: why (InvalidImage)"; got != want {
				t.Errorf("%s: %q, want %q", name, got, want)
			}
		})
	}
}

func TestInactiveCountsAsSettled(t *testing.T) {
	t.Setenv("AWS_CA_BUNDLE", "")
	synctest.Test(t, func(t *testing.T) {
		a := &answers{bodies: []string{state("Inactive", "Successful")}}
		if _, err := a.poller(t).Wait(t.Context(), "f", "", nil); err != nil {
			t.Error(err)
		}
	})
}
