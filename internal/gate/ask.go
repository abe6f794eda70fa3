package gate

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/timing"
	"github.com/lambda-rollout/lambda-rollout/internal/traffic"
)

// Doer sends a request and returns its answer. It must not follow redirects.
type Doer interface {
	Do(*http.Request) (*http.Response, error)
}

// Invoker invokes a function once. An error that is a *LaterError is worth another
// try.
type Invoker interface {
	InvokeGate(ctx context.Context, f Function, payload []byte) (Reply, error)
}

// LaterError is an error that the next try may not have.
type LaterError struct{ Err error }

func (e *LaterError) Error() string { return e.Err.Error() }
func (e *LaterError) Unwrap() error { return e.Err }

// RefusedError reports a gate that said no, or nothing in time.
type RefusedError struct{ text string }

func (e *RefusedError) Error() string { return e.text }

// Keeper asks gates.
type Keeper struct {
	HTTP    Doer
	Invoker Invoker
	// Secret signs what addresses get; "" signs nothing.
	Secret string
	// Timeout is how long a gate may take to say yes.
	Timeout time.Duration
	Now     func() time.Time
	// Sleep waits between two questions; nil for the machine's clock. Its error is why the
	// context ended.
	Sleep func(context.Context, time.Duration) error
	// Agent is the User-Agent.
	Agent string
}

const (
	// pause is the time between two questions where the gate names none.
	pause = 10 * time.Second
	// longestPause bounds what a gate may name.
	longestPause = 5 * time.Minute
	// requestTimeout bounds one request to an address.
	requestTimeout = 30 * time.Second
	// tellTimeout bounds the one request of an event.
	tellTimeout = 10 * time.Second
	// maxAnswer is how much of an answer is read.
	maxAnswer = 64 << 10
)

// Ask asks a gate until it decides. It returns what the gate said; its error is
// a *RefusedError, or why ctx ended. waiting is called for each answer that
// decides nothing.
func (k *Keeper) Ask(ctx context.Context, g Gate, b Body, waiting func(reason string, left time.Duration)) (said string, err error) {
	deadline := k.Now().Add(k.Timeout)
	utc := deadline.UTC()
	b.Deadline = &utc
	document, err := k.document(g, b)
	if err != nil {
		return "", err
	}
	for {
		a := k.once(ctx, g, b.ID, document, deadline)
		if cause := context.Cause(ctx); cause != nil {
			return "", cause
		}
		switch a.verdict {
		case yes:
			return a.reason, nil
		case no:
			return "", &RefusedError{fmt.Sprintf("the gate %s says no: %s", g, a.reason)}
		case later:
		}
		left := deadline.Sub(k.Now())
		next := pause
		if a.after > 0 {
			next = max(a.after, time.Second)
		}
		if left <= 0 {
			return "", &RefusedError{fmt.Sprintf("the gate %s did not say yes within %s (gate-timeout); its last answer: %s", g, traffic.FormatDuration(k.Timeout), a.reason)}
		}
		waiting(a.reason, left)
		// The last question is asked when the time is over.
		if err := k.sleep(ctx, min(next, left)); err != nil {
			return "", err
		}
	}
}

// Tell posts an event once. Its answer decides nothing.
func (k *Keeper) Tell(ctx context.Context, g Gate, b Body) error {
	document, err := k.document(g, b)
	if err != nil {
		return err
	}
	if a := k.once(ctx, g, b.ID, document, k.Now().Add(tellTimeout)); !a.took {
		return fmt.Errorf("the gate %s did not accept the event: %s", g, a.reason)
	}
	return nil
}

func (k *Keeper) document(g Gate, b Body) ([]byte, error) {
	b.Format, b.Moment, b.Time = Format, g.Moment, k.Now().UTC()
	document, err := json.Marshal(b)
	if err != nil {
		return nil, fmt.Errorf("write the question to the gate %s: %w", g, err)
	}
	return document, nil
}

// once asks once.
func (k *Keeper) once(ctx context.Context, g Gate, id string, document []byte, deadline time.Time) answer {
	switch to := g.To.(type) {
	case Address:
		// The last one, when the deadline has come, gets its time, too.
		limit := min(requestTimeout, max(deadline.Sub(k.Now()), tellTimeout))
		inner, cancel := context.WithTimeout(ctx, limit)
		defer cancel()
		a := k.post(inner, to, id, document)
		switch {
		case a.verdict != later || inner.Err() == nil:
		case ctx.Err() != nil:
			a.reason = "the run no longer waited for its answer"
		default:
			a.reason = "no answer within " + traffic.FormatDuration(limit.Round(time.Second))
		}
		return a
	case Function:
		ctx, cancel := context.WithTimeout(ctx, max(deadline.Sub(k.Now()), tellTimeout))
		defer cancel()
		return k.invoke(ctx, to, document)
	}
	return answer{reason: "nobody is to be asked"}
}

func (k *Keeper) post(ctx context.Context, to Address, id string, document []byte) answer {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, to.url.String(), bytes.NewReader(document))
	if err != nil {
		return answer{reason: plain(err).Error()}
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", k.Agent)
	sign(request.Header, k.Secret, id, k.Now(), document)
	response, err := k.HTTP.Do(request)
	if err != nil {
		return answer{verdict: later, reason: plain(err).Error()}
	}
	defer func() { _ = response.Body.Close() }()
	// The status decides; what of the text cannot be read is not shown.
	body, _ := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	return ofResponse(response, body, k.Now())
}

// plain is an error without the address that net/http puts in front.
func plain(err error) error {
	if wrapped, is := errors.AsType[*url.Error](err); is {
		return wrapped.Err
	}
	return err
}

func (k *Keeper) invoke(ctx context.Context, to Function, document []byte) answer {
	reply, err := k.Invoker.InvokeGate(ctx, to, document)
	if err == nil {
		return ofReply(reply)
	}
	if _, again := errors.AsType[*LaterError](err); again {
		return answer{verdict: later, reason: err.Error()}
	}
	return answer{reason: err.Error()}
}

func (k *Keeper) sleep(ctx context.Context, d time.Duration) error {
	if k.Sleep != nil {
		return k.Sleep(ctx, d)
	}
	return timing.Timing{}.Sleep(ctx, d)
}
