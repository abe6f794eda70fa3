package awslocal_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/google/go-cmp/cmp"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/awstest"
)

// setTimeout is a call with an effect that can be seen.
func setTimeout(ctx context.Context, h *harness, seconds int32) error {
	_, err := h.lambda.UpdateFunctionConfiguration(ctx, &awslambda.UpdateFunctionConfigurationInput{
		FunctionName: aws.String("fn"), Timeout: &seconds})
	return err
}

func TestAFaultStrikesTheNthCallAsOrdered(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name     string
		fault    awslocal.Fault
		code     string // "" is no answer at all
		answered bool
		effect   bool
	}{
		{"error", awslocal.Fault{Action: awslocal.Error, Status: 500, Code: "ServiceException"}, "ServiceException", false, false},
		{"error after", awslocal.Fault{Action: awslocal.ErrorAfter, Status: 503, Code: "ServiceException"}, "ServiceException", false, true},
		{"drop", awslocal.Fault{Action: awslocal.Drop}, "", false, false},
		{"drop after", awslocal.Fault{Action: awslocal.DropAfter}, "", false, true},
		{"silence", awslocal.Fault{Action: awslocal.Silence}, "", false, false},
		{"silence after", awslocal.Fault{Action: awslocal.SilenceAfter}, "", false, true},
		{"delay", awslocal.Fault{Action: awslocal.Delay, Delay: time.Millisecond}, "", true, true},
		{"late", awslocal.Fault{Action: awslocal.Late, Delay: time.Millisecond}, "", false, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			awstest.Run(t, func(t *testing.T) {
				h := startInProcess(t, awslocal.Options{})
				h.create(t, "fn")
				test.fault.Operation, test.fault.Nth = "UpdateFunctionConfiguration", 2
				h.Inject(test.fault)
				if err := setTimeout(t.Context(), h, 10); err != nil {
					t.Fatalf("the first call: %v", err)
				}
				// Nobody waits for ever for an answer that never comes.
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				err := setTimeout(ctx, h, 20)
				switch {
				case test.answered && err != nil, !test.answered && err == nil:
					t.Errorf("the second call: %v", err)
				case test.code != "":
					awstest.WantCode(t, err, test.code)
				}
				h.WaitLate()
				want := int32(10)
				if test.effect {
					want = 20
				}
				if got := *h.get(t, "fn", "").Configuration.Timeout; got != want {
					t.Errorf("timeout %d, want %d", got, want)
				}
				if err := setTimeout(t.Context(), h, 30); err != nil {
					t.Errorf("the third call: %v", err)
				}
			})
		})
	}
}

func TestTheLogSaysWhichCallsChangedSomething(t *testing.T) {
	t.Parallel()
	h := start(t, awslocal.Options{})
	h.create(t, "fn")
	h.Inject(awslocal.Fault{Operation: "UpdateFunctionConfiguration", Action: awslocal.DropAfter})
	if err := setTimeout(t.Context(), h, 10); err == nil {
		t.Error("a dropped call succeeded")
	}
	h.get(t, "fn", "")
	type line struct {
		Operation string
		Resource  string
		Changed   bool
		Status    int
	}
	var got []line
	for _, c := range h.Calls() {
		got = append(got, line{c.Operation, c.Resource, c.Changed, c.Status})
	}
	want := []line{{"CreateFunction", "fn", true, 201}, {"UpdateFunctionConfiguration", "fn", true, 0}, {"GetFunction", "fn", false, 200}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestOrderedFailuresEndAsFailed(t *testing.T) {
	t.Parallel()
	h := start(t, awslocal.Options{})
	h.Fail("create", "", "InvalidSubnet", "no such subnet")
	h.create(t, "fn")
	c := h.get(t, "fn", "").Configuration
	if c.State != "Failed" || c.StateReasonCode != "InvalidSubnet" || *c.StateReason != "no such subnet" {
		t.Errorf("created: %s %s", c.State, c.StateReasonCode)
	}
	h.create(t, "other")
	h.Fail("update", "other", "InvalidSecurityGroup", "gone")
	_, err := h.lambda.UpdateFunctionConfiguration(t.Context(), &awslambda.UpdateFunctionConfigurationInput{FunctionName: aws.String("other")})
	if err != nil {
		t.Fatal(err)
	}
	c = h.get(t, "other", "").Configuration
	if c.State != "Active" || c.LastUpdateStatus != "Failed" || c.LastUpdateStatusReasonCode != "InvalidSecurityGroup" {
		t.Errorf("updated: %s %s %s", c.State, c.LastUpdateStatus, c.LastUpdateStatusReasonCode)
	}
	h.Fail("version", "other", "InternalError", "broken")
	v, err := h.lambda.PublishVersion(t.Context(), &awslambda.PublishVersionInput{FunctionName: aws.String("other")})
	if err != nil {
		t.Fatal(err)
	}
	if state := h.get(t, "other", *v.Version).Configuration.State; state != "Failed" {
		t.Errorf("version is %s", state)
	}
}

func TestEqualDumpsMeanEqualState(t *testing.T) {
	t.Parallel()
	h := start(t, awslocal.Options{})
	h.create(t, "fn")
	dump := func() awslocal.State {
		d, err := h.Dump("000000000000")
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	before := dump()
	for _, seconds := range []int32{10, 3} {
		if err := setTimeout(t.Context(), h, seconds); err != nil {
			t.Fatal(err)
		}
		if same := cmp.Equal(before, dump()); same != (seconds == 3) {
			t.Logf("state with timeout %d: %v (before its update ended)", seconds, same)
		}
	}
	h.get(t, "fn", "")
	if diff := cmp.Diff(before, dump()); diff != "" {
		t.Error(diff)
	}
}

func TestQuotasHoldFifteenCallsASecond(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	h := start(t, awslocal.Options{Quotas: true, Clock: func() time.Time { return now }})
	list := func() error {
		_, err := h.lambda.ListFunctions(t.Context(), &awslambda.ListFunctionsInput{})
		return err
	}
	for range 15 {
		if err := list(); err != nil {
			t.Fatal(err)
		}
	}
	awstest.WantCode(t, list(), "TooManyRequestsException")
	h.Advance(time.Second)
	if err := list(); err != nil {
		t.Error(err)
	}
}

func TestSwitchesAreServedOnlyWhereControlIsOn(t *testing.T) {
	t.Parallel()
	for _, on := range []bool{true, false} {
		h := start(t, awslocal.Options{Control: on})
		post := func(path, body string) int {
			resp, err := http.Post(h.URL+path, "application/json", strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			if err := resp.Body.Close(); err != nil {
				t.Fatal(err)
			}
			return resp.StatusCode
		}
		h.create(t, "fn")
		status := post("/_local/faults", `{"Operation": "ListFunctions", "Action": "error", "Status": 418}`)
		if on != (status == http.StatusOK) {
			t.Errorf("control %v: status %d", on, status)
		}
		if _, err := h.lambda.ListFunctions(t.Context(), nil); on != (err != nil) {
			t.Errorf("control %v: the armed call ended with %v", on, err)
		}
		if !on {
			continue
		}
		for path, body := range map[string]string{"/_local/faults": `{"Action":`, "/_local/fail": `{"No": 1}`, "/_local/none": ""} {
			if status := post(path, body); status != http.StatusBadRequest {
				t.Errorf("POST %s %s: %d", path, body, status)
			}
		}
		resp, err := http.Get(h.URL + "/_local/dump")
		if err != nil {
			t.Fatal(err)
		}
		var state awslocal.State
		if err := errors.Join(json.NewDecoder(resp.Body).Decode(&state), resp.Body.Close()); err != nil || state.Functions == nil {
			t.Errorf("dump: %v, %v", state, err)
		}
	}
}
