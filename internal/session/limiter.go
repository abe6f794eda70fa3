package session

import (
	"cmp"
	"context"
	"sync"
	"time"

	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/smithy-go/middleware"
)

// Lambda's control plane takes 15 calls a second of an account and Region
// together, GetFunction 100 of its own; neither can be raised
// (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html).
// One less, so that two calls squeezed together on the way do not cross it.
const (
	callsPerSecond       = 14
	getFunctionPerSecond = 95
)

// Limits holds the limiters of a process, one an account and Region.
type Limits struct {
	mu  sync.Mutex
	all map[limitKey]*limiter
}

type limitKey struct{ account, region string }

// NewLimits is made once a process and handed to each Session.
func NewLimits() *Limits { return &Limits{all: map[limitKey]*limiter{}} }

func (l *Limits) of(key limitKey) *limiter {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.all[key] == nil {
		l.all[key] = &limiter{
			calls:       window{times: make([]time.Time, callsPerSecond)},
			getFunction: window{times: make([]time.Time, getFunctionPerSecond)},
		}
	}
	return l.all[key]
}

// limiter is what one account and Region may take.
type limiter struct{ calls, getFunction window }

// window lets as many calls through in any second as times has places: the
// first ones at once, so that a small deploy never waits.
type window struct {
	mu    sync.Mutex
	times []time.Time
	next  int
}

// wait takes a place and sleeps until it is free. A place once taken is not
// given back: who gives up early leaves it empty.
func (w *window) wait(ctx context.Context) error {
	w.mu.Lock()
	now := time.Now()
	at := w.times[w.next].Add(time.Second)
	if at.Before(now) {
		at = now
	}
	w.times[w.next] = at
	w.next = (w.next + 1) % len(w.times)
	w.mu.Unlock()

	if at.Equal(now) {
		return ctx.Err()
	}
	timer := time.NewTimer(at.Sub(now))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// Limit is an API option for the clients of Lambda's control plane in a Region:
// each attempt of each call waits for its turn, GetFunction apart, Invoke not at
// all. The account is the one that the credentials belong to.
func (s *Session) Limit(region string) func(*middleware.Stack) error {
	return func(stack *middleware.Stack) error {
		return stack.Finalize.Insert(middleware.FinalizeMiddlewareFunc("lambda-rollout:limit",
			func(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (middleware.FinalizeOutput, middleware.Metadata, error) {
				turn := func(ctx context.Context) error { return s.takeTurn(ctx, region) }
				if err := mayGoOut(ctx, turn); err != nil {
					return middleware.FinalizeOutput{}, middleware.Metadata{}, err
				}
				return next.HandleFinalize(ctx, in)
			}), "Retry", middleware.After)
	}
}

func (s *Session) takeTurn(ctx context.Context, region string) error {
	creds, err := s.base.Credentials.Retrieve(ctx)
	if err != nil {
		return err
	}
	id, _ := s.seen()
	account := cmp.Or(id.Account, creds.AccountID, creds.AccessKeyID)
	limits := s.opts.Limits.of(limitKey{account, region})
	switch awsmiddleware.GetOperationName(ctx) {
	case "Invoke", "InvokeWithResponseStream":
		return nil
	case "GetFunction":
		return limits.getFunction.wait(ctx)
	}
	return limits.calls.wait(ctx)
}
