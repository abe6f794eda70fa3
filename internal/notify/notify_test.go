package notify

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lambda-rollout/lambda-rollout/internal/event"
)

// receiver answers with statuses, the last one again and again; 0 never answers, -1
// cannot be reached.
type receiver struct {
	mu       sync.Mutex
	statuses []int
	answer   string
	// torn breaks every answer off.
	torn bool
	got  []received
}

type received struct {
	path, authorization string
	body                map[string]any
	at                  time.Time
}

func (r *receiver) Do(req *http.Request) (*http.Response, error) {
	text, _ := io.ReadAll(req.Body)
	r.mu.Lock()
	got := received{path: req.URL.RequestURI(), authorization: req.Header.Get("Authorization"), at: time.Now()}
	_ = json.Unmarshal(text, &got.body)
	r.got = append(r.got, got)
	status := r.statuses[0]
	if len(r.statuses) > 1 {
		r.statuses = r.statuses[1:]
	}
	r.mu.Unlock()
	switch status {
	case 0:
		<-req.Context().Done()
		return nil, &url.Error{Op: "Post", URL: req.URL.String(), Err: req.Context().Err()}
	case -1:
		return nil, &url.Error{Op: "Post", URL: req.URL.String(), Err: errors.New("connection refused")}
	}
	var answer io.Reader = strings.NewReader(r.answer)
	if r.torn {
		answer = iotest.ErrReader(io.ErrUnexpectedEOF)
	}
	return &http.Response{StatusCode: status, Status: http.StatusText(status), Body: io.NopCloser(answer)}, nil
}

// types are the kinds of the events that arrived, in their order.
func (r *receiver) types() []string {
	var all []string
	for _, g := range r.got {
		name, _ := g.body["type"].(string)
		all = append(all, strings.TrimPrefix(name, typePrefix))
	}
	return all
}

// ofTarget says of which target each event is.
type ofTarget struct{ to event.Sink }

func (o ofTarget) Emit(e event.Event) {
	if _, is := e.(event.OfTarget); !is {
		e = event.OfTarget{Target: event.Target{Function: "shop"}, Event: e}
	}
	o.to.Emit(e)
}

func same(text string) string { return text }

func cloudEvents(r *receiver) *CloudEvents {
	return New(Options{
		URL: "https://hooks.example.com/services/T0/secret-path?key=secret-query", Client: r, Now: time.Now, ID: "id", Redact: same,
		Run: func() Run {
			return Run{Command: "deploy", Run: "run-1", RunURL: "https://github.com/acme/shop/actions/runs/7"}
		},
	})
}

// course is a run with two stages that fails.
func course(s event.Sink) {
	s.Emit(event.RunBegan{Targets: []event.Target{{Function: "shop", Region: "eu-central-1"}}})
	s.Emit(event.StageHeld{Percent: 10, Wait: time.Minute, Left: time.Minute})
	s.Emit(event.StageHeld{Percent: 10, Wait: time.Minute, Left: time.Second})
	s.Emit(event.DeploymentFailed{Err: errors.New("too many errors")})
	s.Emit(event.OfTarget{Target: event.Target{Function: "shop"}, Event: event.RollbackBegan{Function: "shop"}})
}

var rolledBack = End{Outcome: RolledBack, ExitCode: 1, Err: "too many errors", Took: 90 * time.Second}

func TestARunIsToldAsCloudEvents(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &receiver{statuses: []int{202}}
		c := cloudEvents(r)
		course(c)
		if err := c.End(rolledBack, LastWords); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"begin", "stage", "rollback", "end"}, r.types()); diff != "" {
			t.Fatal(diff)
		}
		now := r.got[0].at.UTC().Format(time.RFC3339Nano)
		functions := []any{map[string]any{"function": "shop", "region": "eu-central-1"}}
		run := map[string]any{"command": "deploy", "run": "run-1", "runUrl": "https://github.com/acme/shop/actions/runs/7", "functions": functions}
		want := map[string]any{
			"specversion": "1.0", "id": "id-2", "source": "https://github.com/acme/shop/actions/runs/7", "type": "com.github.lambda-rollout.stage",
			"subject": "shop", "time": now, "datacontenttype": "application/json", "data": with(run, "stage", map[string]any{"percent": 10.0, "seconds": 60.0}),
		}
		if diff := cmp.Diff(want, r.got[1].body); diff != "" {
			t.Errorf("a stage: %s", diff)
		}
		end := with(with(with(with(run, "outcome", "rolled-back"), "exitCode", 1.0), "seconds", 90.0), "error", "too many errors")
		if diff := cmp.Diff(end, r.got[3].body["data"]); diff != "" {
			t.Errorf("the end: %s", diff)
		}
	})
}

func with(m map[string]any, key string, value any) map[string]any {
	out := map[string]any{key: value}
	for k, v := range m {
		out[k] = v
	}
	return out
}

// What may pass is tried again, in order; what will not, is not.
func TestAMessageIsTriedAgainWhereThatMayHelp(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		statuses []int
		tries    int
		lost     bool
	}{
		"at once":      {[]int{204}, 2, false},
		"then":         {[]int{503, -1, 200}, 4, false},
		"too often":    {[]int{429, 429, 429, 200}, 4, true},
		"refused":      {[]int{400, 200}, 2, true},
		"a redirect":   {[]int{302, 200}, 2, true},
		"never again":  {[]int{500}, 4, true}, // three times, and the second message once
		"not one host": {[]int{-1}, 4, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := &receiver{statuses: c.statuses}
				s := cloudEvents(r)
				s.Emit(event.RunBegan{})
				err := s.End(End{}, LastWords)
				if len(r.got) != c.tries || (err != nil) != c.lost {
					t.Errorf("%d tries: %v", len(r.got), err)
				}
				if err != nil && (strings.Contains(err.Error(), "secret") || !strings.Contains(err.Error(), "hooks.example.com")) {
					t.Errorf("the warning: %v", err)
				}
			})
		})
	}
}

// Somebody who never answers holds no event up, and the end for as long as was allowed.
func TestADeadReceiverHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for _, within := range []time.Duration{LastWords, time.Second} {
			r := &receiver{statuses: []int{0}}
			c := cloudEvents(r)
			began := time.Now()
			for range 3 * queueSize {
				course(c)
			}
			if took := time.Since(began); took > 0 {
				t.Errorf("the events took %s", took)
			}
			err := c.End(rolledBack, within)
			if took := time.Since(began); took > within || err == nil || !strings.Contains(err.Error(), "were not delivered") {
				t.Errorf("the end took %s of %s: %v", took, within, err)
			}
			c.Emit(event.RunBegan{}) // from a call that a signal left behind
		}
	})
}

// Where nothing began, nobody is told of an end.
func TestARunThatDidNotBeginHasNoEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &receiver{statuses: []int{200}}
		if err := errors.Join(cloudEvents(r).End(End{Outcome: Refused}, LastWords), gitHub(r, 0).End(End{Outcome: Refused}, LastWords)); err != nil || len(r.got) > 0 {
			t.Errorf("%d events: %v", len(r.got), err)
		}
	})
}

func gitHub(r *receiver, deployment int64) *GitHub {
	return NewGitHub(GitHubOptions{
		Client: r, API: "https://ghe.example.com/api/v3", Repository: "acme/shop", Commit: "3f2a91c", Environment: "live", Token: "token",
		RunURL: "https://ghe.example.com/acme/shop/actions/runs/7", Deployment: deployment, Redact: same,
	})
}

// The run is one deployment, with a status at each stage and at the end; the post
// step's rollback gives the same deployment its last status.
func TestARunIsADeploymentOnGitHub(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &receiver{statuses: []int{201}, answer: `{"id":42}`}
		g := gitHub(r, 0)
		g.Emit(event.RunBegan{Targets: []event.Target{{Function: "shop"}}})
		g.Emit(event.StageHeld{Percent: 10, Wait: time.Minute, Left: time.Minute})
		if err := g.End(End{Outcome: Succeeded, URL: "https://shop.example.com"}, LastWords); err != nil || g.Deployment() != 42 {
			t.Fatalf("deployment %d: %v", g.Deployment(), err)
		}
		post := gitHub(r, g.Deployment())
		post.Emit(event.RunBegan{Targets: []event.Target{{Function: "shop"}}})
		if err := post.End(End{Outcome: RolledBack}, LastWords); err != nil {
			t.Fatal(err)
		}
		const base, log = "/api/v3/repos/acme/shop/deployments", "https://ghe.example.com/acme/shop/actions/runs/7"
		status := func(state, description string) map[string]any {
			return map[string]any{"state": state, "description": description, "log_url": log}
		}
		want := []received{
			{path: base, body: map[string]any{"ref": "3f2a91c", "environment": "live", "description": "lambda-rollout: shop", "auto_merge": false, "required_contexts": []any{}}},
			{path: base + "/42/statuses", body: status("in_progress", "")},
			{path: base + "/42/statuses", body: status("in_progress", "10% of the traffic for 1m0s")},
			{path: base + "/42/statuses", body: with(status("success", ""), "environment_url", "https://shop.example.com")},
			{path: base + "/42/statuses", body: status("failure", "Rolled back")},
		}
		for i := range r.got {
			if r.got[i].authorization != "Bearer token" {
				t.Errorf("%s is not authorized", r.got[i].path)
			}
			r.got[i].authorization, r.got[i].at = "", time.Time{}
		}
		if diff := cmp.Diff(want, r.got, cmp.AllowUnexported(received{})); diff != "" {
			t.Error(diff)
		}
	})
}

// A token that may not create deployments is one warning, and no status follows.
func TestADeploymentThatGitHubRefusesIsAWarning(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &receiver{statuses: []int{403}}
		g := gitHub(r, 0)
		course(g)
		if err := g.End(rolledBack, LastWords); err == nil || len(r.got) != 1 {
			t.Errorf("%d requests: %v", len(r.got), err)
		}
	})
}

// Who has accepted a message has it, whatever becomes of an answer that nobody reads.
func TestAMessageIsNotRepeatedForTheTextOfItsAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &receiver{statuses: []int{200}, torn: true}
		c := cloudEvents(r)
		c.Emit(event.RunBegan{})
		if err := c.End(End{Outcome: Succeeded}, LastWords); err != nil || len(r.got) != 2 {
			t.Errorf("%d requests: %v", len(r.got), err)
		}
		// The number of a deployment is in the answer.
		r = &receiver{statuses: []int{201}, torn: true}
		g := gitHub(r, 0)
		g.Emit(event.RunBegan{})
		if err := g.End(End{Outcome: Succeeded}, LastWords); err == nil || !strings.HasPrefix(err.Error(), "1 message was not delivered") || len(r.got) != attempts {
			t.Errorf("%d requests: %v", len(r.got), err)
		}
	})
}

// The last status says how the run ended, and why; one run is one deployment, also
// where each of its targets tells of it.
func TestTheLastStatusOfADeploymentIsTheOutcome(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		outcome            Outcome
		state, description string
	}{
		{Succeeded, "success", ""},
		{RolledBack, "failure", "Rolled back"},
		{Failed, "failure", "boom"},
		{Refused, "failure", "boom"},
		{Incomplete, "error", "boom"},
		{Stopped, "error", "boom"},
	} {
		t.Run(string(c.outcome), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := &receiver{statuses: []int{201}, answer: `{"id":42}`}
				g := gitHub(r, 0)
				course(ofTarget{g})
				g.Emit(event.RunBegan{})
				if err := g.End(End{Outcome: c.outcome, Err: "boom"}, LastWords); err != nil {
					t.Fatal(err)
				}
				var got []string
				for _, one := range r.got[1:] {
					got = append(got, fmt.Sprint(one.body["state"], ": ", one.body["description"]))
				}
				want := []string{"in_progress: ", "in_progress: 10% of the traffic for 1m0s", "in_progress: Rolling back: too many errors", c.state + ": " + c.description}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
}

// A command that rolls back has no deployment that failed before.
func TestARollbackOfItsOwnIsTold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &receiver{statuses: []int{200}}
		c := cloudEvents(r)
		c.Emit(event.RollbackBegan{Function: "shop"})
		c.Emit(event.RollbackBegan{Function: "stock"})
		if err := c.End(End{Outcome: RolledBack, Functions: []Function{{Function: "shop", Version: "41"}}}, LastWords); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"rollback", "end"}, r.types()); diff != "" {
			t.Error(diff)
		}
		if r.got[1].body["subject"] != "shop" {
			t.Errorf("the end is of %v", r.got[1].body["subject"])
		}
	})
}
