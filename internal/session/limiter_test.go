package session

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// get calls STS the way that Lambda's control plane is called: within limits.
func get(ctx context.Context, s *Session, region string) error {
	client := sts.NewFromConfig(s.Config(region), func(o *sts.Options) {
		o.APIOptions = append(o.APIOptions, s.Limit(region))
		o.Retryer = NoRetry()
	})
	_, err := client.GetCallerIdentity(ctx, nil)
	return err
}

func TestCallsOfAnAccountAndRegionStayBelowTheQuota(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		limits := NewLimits()
		sessions := []*Session{
			open(t, &fakeAWS{}, keysEnv, Options{Limits: limits}),
			open(t, &fakeAWS{}, keysEnv, Options{Limits: limits}),
		}
		start := time.Now()
		for i := range 43 {
			if err := get(t.Context(), sessions[i%2], "us-east-1"); err != nil {
				t.Fatal(err)
			}
			if at, want := time.Since(start), time.Duration(i/callsPerSecond)*time.Second; at != want {
				t.Errorf("call %d went out at %s, want %s", i, at, want)
			}
		}
		last := time.Since(start)
		if err := get(t.Context(), sessions[0], "eu-west-1"); err != nil {
			t.Fatal(err)
		}
		if now := time.Since(start); now != last {
			t.Errorf("another Region waited %s", now-last)
		}
	})
}

func TestGetFunctionAndGetPolicyHaveQuotasOfTheirOwnAndInvokeNone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := open(t, &fakeAWS{}, keysEnv, Options{})
		for operation, want := range map[string]time.Duration{
			"GetFunction": 200 / getFunctionPerSecond * time.Second,
			"GetPolicy":   200 / getPolicyPerSecond * time.Second,
			"GetAlias":    200 / callsPerSecond * time.Second,
			"Invoke":      0,
		} {
			ctx := awsmiddleware.SetOperationName(t.Context(), operation)
			began := time.Now()
			for range 200 {
				if _, err := s.takeTurn(ctx, "us-east-1"); err != nil {
					t.Fatal(err)
				}
			}
			if took := time.Since(began); took != want {
				t.Errorf("200 calls of %s took %s, want %s", operation, took, want)
			}
		}
	})
}

func TestQuotasThatAWSCountsApartDoNotWaitForEachOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := open(t, &fakeAWS{}, keysEnv, Options{})
		began := time.Now()
		for operation, calls := range map[string]int{"GetFunction": getFunctionPerSecond, "GetPolicy": getPolicyPerSecond, "GetAlias": callsPerSecond} {
			for range calls {
				if _, err := s.takeTurn(awsmiddleware.SetOperationName(t.Context(), operation), "us-east-1"); err != nil {
					t.Fatal(err)
				}
			}
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("the calls of one second waited %s for those of another quota", took)
		}
	})
}

func TestWaitingForATurnEndsWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		aws := &fakeAWS{}
		s := open(t, aws, keysEnv, Options{})
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		for range callsPerSecond {
			if err := get(ctx, s, "us-east-1"); err != nil {
				t.Fatal(err)
			}
		}
		if err := get(ctx, s, "us-east-1"); !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, ErrNotSent) {
			t.Errorf("got %v, want ErrNotSent and the context's error", err)
		}
		if len(aws.calls) != callsPerSecond {
			t.Errorf("%d calls went out, want %d", len(aws.calls), callsPerSecond)
		}
	})
}

func TestACallThatWaitsForItsTurnDoesNotGoOutAfterTheStop(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for _, after := range []time.Duration{0, time.Millisecond, time.Second - 1} {
			aws := &fakeAWS{}
			s := open(t, aws, keysEnv, Options{})
			turns, stop := context.WithCancel(t.Context())
			ctx := SendBefore(t.Context(), turns)
			for range callsPerSecond {
				if err := get(ctx, s, "us-east-1"); err != nil {
					t.Fatal(err)
				}
			}
			time.AfterFunc(after, stop)
			synctest.Wait()
			start := time.Now()
			if err := get(ctx, s, "us-east-1"); !errors.Is(err, ErrNotSent) {
				t.Errorf("stop after %s: got %v, want ErrNotSent", after, err)
			}
			if took := time.Since(start); took != after || len(aws.calls) != callsPerSecond {
				t.Errorf("stop after %s: %d calls, the last ended after %s", after, len(aws.calls), took)
			}
			stop()
		}
	})
}

func TestACallOnItsWayIsNotEndedByTheStop(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		turns, stop := context.WithCancel(t.Context())
		slow := httpFunc(func(r *http.Request) (*http.Response, error) {
			stop()
			time.Sleep(time.Second)
			return (&fakeAWS{}).Do(r)
		})
		e := keysEnv
		s, err := Open(t.Context(), Options{Region: "us-east-1", LookupEnv: e.lookup, HTTPClient: slow})
		if err != nil {
			t.Fatal(err)
		}
		if err := get(SendBefore(t.Context(), turns), s, "us-east-1"); err != nil {
			t.Error(err)
		}
		if err := get(SendBefore(t.Context(), turns), s, "us-east-1"); !errors.Is(err, ErrNotSent) {
			t.Errorf("the next call: got %v, want ErrNotSent", err)
		}
	})
}

func TestThrottlingLowersTheRateWhichRecovers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		throttled := &fakeAWS{refuse: map[string]string{"GetCallerIdentity": "Throttling: Rate exceeded"}}
		limits := NewLimits()
		hit := open(t, throttled, keysEnv, Options{Limits: limits})
		calm := open(t, &fakeAWS{}, keysEnv, Options{Limits: limits})
		// Two calls that are under way together count once.
		for range 2 {
			if err := get(t.Context(), hit, "us-east-1"); err == nil {
				t.Fatal("not throttled")
			}
		}
		sent := map[int]int{}
		start := time.Now()
		time.Sleep(time.Second)
		for time.Since(start) < 12*time.Second {
			if err := get(t.Context(), calm, "us-east-1"); err != nil {
				t.Fatal(err)
			}
			sent[int(time.Since(start)/time.Second)]++
		}
		if sent[1] != callsPerSecond/2+1 {
			t.Errorf("%d calls in the second after the throttled ones, want %d", sent[1], callsPerSecond/2+1)
		}
		for second := 2; second < 12; second++ {
			if sent[second] < sent[second-1] || sent[second] > callsPerSecond {
				t.Errorf("%d calls in second %d after %d in the one before", sent[second], second, sent[second-1])
			}
		}
		if sent[10] != callsPerSecond {
			t.Errorf("%d calls in the tenth second, want %d again", sent[10], callsPerSecond)
		}
	})
}

// Whatever the rate was in between, no second holds more calls than the quota.
func FuzzNoSecondHoldsMoreCallsThanTheRate(f *testing.F) {
	f.Add([]byte{0, 0, 200, 1, 255, 3, 3, 3})
	f.Fuzz(func(t *testing.T, script []byte) {
		w := newWindow(callsPerSecond)
		now := time.Unix(1_000_000, 0)
		var granted []time.Time
		for _, b := range script {
			if b%7 == 0 {
				w.slow(now)
			}
			now = now.Add(time.Duration(b) * time.Millisecond)
			for range int(b%5) + 1 {
				granted = append(granted, w.take(now))
			}
			if w.rate < 1 || w.rate > callsPerSecond {
				t.Fatalf("rate %d", w.rate)
			}
		}
		for i := range granted {
			if i > 0 && granted[i].Before(granted[i-1]) {
				t.Fatalf("turn %d comes before turn %d", i, i-1)
			}
			if i >= callsPerSecond && granted[i].Sub(granted[i-callsPerSecond]) < time.Second {
				t.Fatalf("%d calls within %s", callsPerSecond+1, granted[i].Sub(granted[i-callsPerSecond]))
			}
		}
	})
}

// The first calls go out before anybody knows whose account it is.
func TestWhatWentOutBeforeTheAccountWasKnownCounts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := open(t, &fakeAWS{}, keysEnv, Options{})
		began := time.Now()
		for i := range 2 * callsPerSecond {
			if i == callsPerSecond/2 {
				if _, err := s.Identity(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := s.takeTurn(awsmiddleware.SetOperationName(t.Context(), "GetAlias"), "us-east-1"); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(began); took != time.Second {
			t.Errorf("the calls of two seconds went out within %s", took)
		}
		if n := s.opts.Limits.Calls()["GetAlias"]; n != 2*callsPerSecond {
			t.Errorf("%d calls counted", n)
		}
	})
}

func TestAnAWSInsideThisProcessHasNoQuotas(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := open(t, &fakeAWS{}, keysEnv, Options{Unlimited: true})
		began := time.Now()
		for range 10 * callsPerSecond {
			if err := get(t.Context(), s, "us-east-1"); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("they waited %s", took)
		}
	})
}
