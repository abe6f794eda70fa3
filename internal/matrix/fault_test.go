package matrix

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/awstest"
)

// trouble is what becomes of a call.
type trouble struct {
	name  string
	fault awslocal.Fault
}

func troubles() []trouble {
	answer := func(status int, code, message string) awslocal.Fault {
		return awslocal.Fault{Action: awslocal.Error, Status: status, Code: code, Message: message}
	}
	return []trouble{
		{"500", answer(500, "ServiceException", "An error occurred")},
		{"429", answer(429, "TooManyRequestsException", "Rate exceeded")},
		{"409", answer(409, "ResourceConflictException", "The operation cannot be performed at this time. An update is in progress for resource: f")},
		{"412", answer(412, "PreconditionFailedException", "The RevisionId provided does not match the latest RevisionId. Call the GetFunction/GetAlias API to retrieve the latest Revision Id")},
		{"dropped before", awslocal.Fault{Action: awslocal.Drop}},
		{"dropped after", awslocal.Fault{Action: awslocal.DropAfter}},
		{"500 after", awslocal.Fault{Action: awslocal.ErrorAfter}},
		{"silence", awslocal.Fault{Action: awslocal.Silence}},
	}
}

// often is for how many calls a trouble lasts.
var often = []struct {
	name  string
	count int
}{{"once", 1}, {"up to the limit", 7}, {"for ever", -1}}

// place is one call of a deployment: the nth of an operation.
type place struct {
	operation string
	nth       int
}

func (p place) String() string { return fmt.Sprintf("%s %d", p.operation, p.nth) }

// places are the calls that a deployment made, the first few of each operation.
func places(calls []awslocal.Call, few int) []place {
	seen := map[string]int{}
	var all []place
	for _, c := range calls {
		seen[c.Operation]++
		if seen[c.Operation] <= few {
			all = append(all, place{c.Operation, seen[c.Operation]})
		}
	}
	return all
}

// disturbance is one trouble at one place, for so many calls.
type disturbance struct {
	name  string
	fault awslocal.Fault
}

func (d disturbance) String() string { return d.name }

func disturbances(calls []awslocal.Call) []disturbance {
	var all []disturbance
	for _, p := range places(calls, 3) {
		for _, trouble := range troubles() {
			for _, o := range often {
				f := trouble.fault
				f.Operation, f.Nth, f.Count = p.operation, p.nth, o.count
				all = append(all, disturbance{fmt.Sprintf("%s %d %s %s", p.operation, p.nth, trouble.name, o.name), f})
			}
		}
	}
	return all
}

// faultScenarios are deployments that make every kind of call.
func faultScenarios() []scenario {
	args := []string{"--function-definition", "function.json", "--artifact", "code", "--alias", "live,beta"}
	files := map[string]string{"code/bootstrap": "two"}
	return []scenario{
		{name: "first deploy", before: func(*world) {}, definition: define(newEnvironment), files: files, args: args},
		{name: "everything changes", before: ahead, files: files, args: args,
			definition: define(newEnvironment + `, "memorySize": 256, "tags": {"team": "b", "new": "1"}`)},
		{name: "handed over", before: handedOver, files: files, definition: define(""),
			args: append(slices.Clone(args[:4]), "--alias", "live", "--traffic", "codedeploy:app/f-live")},
	}
}

// TestEveryFaultOfEveryCallEndsInAKnownState puts each trouble on each call of a
// deployment: once, up to the retry limit, and for ever. A run ends done, or
// back, or, where the trouble never ends, with the exact remainder listed; and
// once it has ended, a rollback finishes the work.
func TestEveryFaultOfEveryCallEndsInAKnownState(t *testing.T) {
	t.Parallel()
	var total atomic.Int64
	codes := [6]atomic.Int64{}
	for i, s := range faultScenarios() {
		t.Run(s.name, func(t *testing.T) {
			var calls []awslocal.Call
			var after string
			awstest.Run(t, func(t *testing.T) { calls, after = s.record(t) })
			each(t, some(disturbances(calls), i), func(t *testing.T, d disturbance) {
				total.Add(1)
				codes[s.disturbed(t, d.fault, after)].Add(1)
			})
		})
	}
	t.Logf("%d runs: %d done, %d back, %d not begun, %d with the remainder listed",
		total.Load(), codes[0].Load(), codes[1].Load(), codes[3].Load(), codes[4].Load())
}

// record deploys without trouble and gives the calls and the state after.
func (s scenario) record(t *testing.T) ([]awslocal.Call, string) {
	t.Helper()
	w := newWorld(t)
	s.prepare(w)
	w.ResetCalls()
	s.deploy(w, cut{}).expect(t, "the deployment", 0)
	return w.Calls(), w.dump()
}

// disturbed deploys under a fault and checks how it ended; it gives the code.
func (s scenario) disturbed(t *testing.T, f awslocal.Fault, after string) int {
	t.Helper()
	w := newWorld(t)
	before := s.prepare(w)
	struck := w.inject(f)
	done := s.deploy(w, cut{})
	w.ClearFaults()
	await(t, "the fault", struck)
	w.noSecretOnDisk()
	same := func(want string) {
		t.Helper()
		if diff := cmp.Diff(anonymous(t, want), anonymous(t, w.dump())); diff != "" {
			t.Errorf("exit %d, but the state is another (-want +got):\n%s\n%s\njournal:\n%s", done.code, diff, done.output, w.journal())
		}
	}
	switch done.code {
	case 0:
		same(after)
	case 1, 3:
		same(before)
	case 4:
		if f.Count > 0 && f.Count < 7 {
			t.Errorf("a trouble that passes left a remainder:\n%s", done.output)
		}
		if !strings.Contains(done.output, "the rollback is not complete:\n  f in us-east-1: ") || !strings.Contains(done.output, "lambda-rollout rollback --journal ") {
			t.Errorf("the remainder is not listed:\n%s", done.output)
		}
		w.restored(before)
	default:
		t.Fatalf("exit %d:\n%s", done.code, done.output)
	}
	return done.code
}

// anonymous leaves the run's own id out of a dump: it differs between worlds.
func anonymous(t *testing.T, dump string) string {
	t.Helper()
	var state map[string]any
	if err := json.Unmarshal([]byte(dump), &state); err != nil {
		t.Fatal(err)
	}
	for _, f := range state {
		if tags, ok := f.(map[string]any)["Tags"].(map[string]any); ok {
			delete(tags, "lambda-rollout:run")
		}
	}
	text, err := json.MarshalIndent(state, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
