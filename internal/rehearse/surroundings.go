package rehearse

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
	"github.com/lambda-rollout/lambda-rollout/internal/deploy"
	"github.com/lambda-rollout/lambda-rollout/internal/event"
	"github.com/lambda-rollout/lambda-rollout/internal/gate"
	"github.com/lambda-rollout/lambda-rollout/internal/verify"
)

// surroundings are what a deployment meets beside AWS's control plane: callers of the
// aliases, gates, and a clock that stages of the traffic wait for.
type surroundings struct {
	// rate is how many invocations each alias gets in a minute.
	rate int
	// failing is how much of the new version's invocations fails, 0 to 1.
	failing float64
	// unverified makes every answer to the cases of verify a wrong one.
	unverified bool
	// refuses is which question to a gate is answered with no, silent which is never
	// answered, counted from 1; 0 is none.
	refuses, silent int
	// onStage is called when a stage of the traffic begins to last, counted from 1.
	onStage func(n int)
	// onShift is called for each word of a deployment of CodeDeploy's that is on its way,
	// counted from 1.
	onShift func(n int, deployment string)
	// stop ends the deployment that runs.
	stop context.CancelCauseFunc

	clock sync.Mutex
	// ahead is how far the clock is ahead of the machine's, unsent for how long the callers
	// were not heard of.
	ahead, unsent time.Duration
	// deadline is when the process that runs has taken too long.
	deadline time.Time
	// questions, lasted and shifts count what the gates were asked, the stages that lasted,
	// and the words of CodeDeploy's deployments.
	questions, lasted, shifts int
}

// Now implements timing.Clock: the machine's clock, and what was slept.
func (w *world) Now() time.Time {
	w.clock.Lock()
	defer w.clock.Unlock()
	return time.Now().Add(w.ahead)
}

// Sleep implements timing.Clock: time passes at once, for the program, for AWS, and for
// the callers.
func (w *world) Sleep(ctx context.Context, d time.Duration) error {
	for d = max(d, time.Millisecond); d > 0 && ctx.Err() == nil; {
		step := min(d, time.Minute)
		d -= step
		w.aws.Advance(step)
		w.send(step)
	}
	return context.Cause(ctx)
}

// errTooLong ends a process whose timeout is over.
var errTooLong = errors.New("it took longer than its timeout")

// send moves the clock, and lets the callers call; the calls of a few seconds come together.
func (w *world) send(step time.Duration) {
	const together = 10 * time.Second
	w.clock.Lock()
	w.ahead += step
	w.unsent += step
	late := time.Now().Add(w.ahead).After(w.deadline)
	sent := w.unsent
	if late {
		w.stop(errTooLong)
	}
	if sent < together {
		w.clock.Unlock()
		return
	}
	w.unsent = 0
	w.clock.Unlock()
	for _, t := range w.targets {
		w.aws.Send(awslocal.Traffic{
			Account: t.At.Account, Region: t.At.Region, Function: t.At.Function, Duration: 10 * time.Millisecond,
			Invocations: int(float64(w.rate)*sent.Minutes() + 0.5),
			NewestFails: w.failing,
		})
	}
}

// stages are the events of a world's deployment.
type stages world

// Emit implements event.Sink.
func (s *stages) Emit(e event.Event) {
	if of, is := e.(event.OfTarget); is {
		e = of.Event
	}
	if shift, is := e.(event.ShiftFollowed); is {
		(*world)(s).followed(shift)
		return
	}
	if held, is := e.(event.StageHeld); !is || held.Left < held.Wait {
		return
	}
	s.clock.Lock()
	s.lasted++
	n := s.lasted
	s.clock.Unlock()
	if s.onStage != nil {
		s.onStage(n)
	}
}

// asked are the gates of the deployment, which are all asked here.
func (w *world) asked(g deploy.Gates) deploy.Gates {
	var all []gate.Gate
	for _, one := range g.All {
		// The address shows the gate's own name in messages.
		name := strings.NewReplacer("https://", "", "http://", "", ":", "/", "?", "/").Replace(one.To.String())
		if to, err := gate.ParseDestination("https://" + path.Clean("copy.invalid/"+name)); err == nil {
			one.To = to
		}
		all = append(all, one)
	}
	g.All, g.HTTP, g.Connection, g.Secret = all, gatekeeper{w}, nil, ""
	return g
}

// gatekeeper answers in the place of all gates.
type gatekeeper struct{ *world }

// Do implements gate.Doer.
func (g gatekeeper) Do(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	var question struct{ Moment gate.Moment }
	if err := json.Unmarshal(body, &question); err != nil {
		return nil, err
	}
	status := http.StatusOK
	if question.Moment != gate.Event {
		g.clock.Lock()
		if g.silent == 0 || g.questions < g.silent {
			g.questions++
		}
		switch g.questions {
		case g.refuses:
			status = http.StatusForbidden
		case g.silent:
			status = http.StatusServiceUnavailable
		}
		g.clock.Unlock()
	}
	return &http.Response{StatusCode: status, Status: http.StatusText(status), Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(nil)), Request: r}, nil
}

// answer is the code of every function of the copy: it answers the cases of verify as
// they expect, or none of them.
func (w *world) answer(_ context.Context, e awslocal.Event) awslocal.Answer {
	for _, t := range w.targets {
		for _, c := range t.Verify {
			if t.At.Function == e.Function && same(c, e.Payload) {
				return w.answerTo(c)
			}
		}
	}
	return awslocal.Answer{Payload: []byte("null")}
}

func same(c verify.Case, payload []byte) bool {
	payload = bytes.TrimSpace(payload)
	if len(c.Payload) == 0 {
		return len(payload) == 0 || string(payload) == "{}" || string(payload) == "null"
	}
	return bytes.Equal(bytes.TrimSpace(c.Payload), payload)
}

func (w *world) answerTo(c verify.Case) awslocal.Answer {
	payload, failed, err := c.Example()
	switch {
	case err != nil || !w.unverified:
		return awslocal.Answer{Payload: payload, FunctionError: failed}
	case failed != "":
		return awslocal.Answer{Payload: []byte("null")}
	}
	return awslocal.Answer{Payload: []byte(`{"errorType":"Rehearsed","errorMessage":"rehearsed"}`), FunctionError: "Unhandled"}
}
