package session

import (
	"context"
	"errors"
	"fmt"
)

// ErrNotSent is in the error of a call that was given up before it went out, so
// that nothing came of it.
var ErrNotSent = errors.New("the call was not sent")

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
	if !bounded {
		return f(ctx)
	}
	wait, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(stop, func() { cancel(context.Cause(stop)) })()
	err := f(wait)
	if stop.Err() != nil {
		return fmt.Errorf("%w: %w", ErrNotSent, context.Cause(stop))
	}
	return err
}
