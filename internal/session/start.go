package session

import (
	"context"
	"errors"
)

// ErrNotSent is in the error of a call that was given up before it went out, so
// that nothing came of it.
var ErrNotSent = errors.New("the call was not sent")

// notSent is why a call was not sent.
type notSent struct{ err error }

func (e notSent) Error() string   { return ErrNotSent.Error() + ": " + e.err.Error() }
func (e notSent) Unwrap() []error { return []error{ErrNotSent, e.err} }

// RetryableError keeps the SDK from trying again.
func (notSent) RetryableError() bool { return false }

type sendBeforeKey struct{}

// SendBefore returns a context for one call that does not go out any more once
// stop has ended, although its answer may be waited for until ctx ends.
func SendBefore(ctx, stop context.Context) context.Context {
	return context.WithValue(ctx, sendBeforeKey{}, stop)
}

// mayGoOut waits with f for what a call needs before it goes out. Its error is
// ErrNotSent where the wait, or the run, ended before that.
func mayGoOut(ctx context.Context, f func(context.Context) error) error {
	stop, bounded := ctx.Value(sendBeforeKey{}).(context.Context)
	wait := ctx
	if bounded {
		joined, cancel := context.WithCancelCause(ctx)
		defer cancel(nil)
		defer context.AfterFunc(stop, func() { cancel(context.Cause(stop)) })()
		wait = joined
	}
	err := f(wait)
	if bounded && err == nil {
		err = context.Cause(stop) // it may have ended in the moment in which the turn came
	}
	if err != nil {
		return notSent{err}
	}
	return nil
}
