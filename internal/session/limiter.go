package session

import (
	"cmp"
	"context"
	"sync"
	"time"
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

// Limiter lets the calls of one account and Region through in turn.
type Limiter struct {
	session *Session
	region  string
	pick    func(*limiter) *window
}

// Limiters are what Lambda's control plane in a Region allows the Session's
// account: GetFunction by itself, every other call together. Invoke has a quota
// of its own, which deployments do not come near.
func (s *Session) Limiters(region string) (control, getFunction *Limiter) {
	control = &Limiter{s, region, func(l *limiter) *window { return &l.calls }}
	getFunction = &Limiter{s, region, func(l *limiter) *window { return &l.getFunction }}
	return control, getFunction
}

// Wait returns when it is the caller's turn, or with the context's error. The
// account is the one that the credentials belong to; until that is known, the
// access key stands for it.
func (l *Limiter) Wait(ctx context.Context) error {
	creds, err := l.session.base.Credentials.Retrieve(ctx)
	if err != nil {
		return err
	}
	id, _ := l.session.seen()
	account := cmp.Or(id.Account, creds.AccountID, creds.AccessKeyID)
	return l.pick(l.session.opts.Limits.of(limitKey{account, l.region})).wait(ctx)
}
