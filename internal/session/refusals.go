package session

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/smithy-go/middleware"
)

// refusedAttempts is how often a call goes out to an endpoint that refuses the
// connection while nothing was changed yet: nobody listens there, most often
// because its address is wrong, and a user waits for the answer.
const refusedAttempts = 3

// refusedPause is the pause after the first refusals: a server that is only being
// started again is there soon.
const refusedPause = 500 * time.Millisecond

// soonAfterRefusals shortens the pauses after the first refusals.
func soonAfterRefusals(pauses retry.BackoffDelayer) retry.BackoffDelayer {
	return retry.BackoffDelayerFunc(func(attempt int, err error) (time.Duration, error) {
		pause, failed := pauses.BackoffDelay(attempt, err)
		if errors.Is(err, syscall.ECONNREFUSED) && attempt < refusedAttempts {
			pause = min(pause, refusedPause)
		}
		return pause, failed
	})
}

type beforeChangesKey struct{}

// BeforeChanges returns a context whose calls fail soon where an endpoint refuses
// the connection. Without it they are as patient as with every other error: once
// something was changed, an outage is waited out.
func BeforeChanges(ctx context.Context) context.Context {
	return context.WithValue(ctx, beforeChangesKey{}, true)
}

// RefusedConnection is a call to an endpoint where nobody listens.
type RefusedConnection struct{ Err error }

// Error says what to look at.
func (e RefusedConnection) Error() string {
	return fmt.Sprintf("%v; is the endpoint right, and its server running? See AWS_ENDPOINT_URL", e.Err)
}

// Unwrap is the last attempt's error.
func (e RefusedConnection) Unwrap() error { return e.Err }

// RetryableError keeps the SDK from trying again.
func (RefusedConnection) RetryableError() bool { return false }

// refusalCount counts the refusals of one call.
type refusalCount int

// end returns what an attempt's err becomes: a RefusedConnection at the last refusal that
// a call waits for.
func (r *refusalCount) end(ctx context.Context, err error) error {
	if ctx.Value(beforeChangesKey{}) == nil || !errors.Is(err, syscall.ECONNREFUSED) {
		return err
	}
	if *r++; *r >= refusedAttempts {
		return RefusedConnection{Err: err}
	}
	return err
}

type refusalsKey struct{}

// addRefusals counts the refusals of each call, before its retries, and ends it at
// the last, behind them.
func addRefusals(stack *middleware.Stack) error {
	count := middleware.FinalizeMiddlewareFunc("lambda-rollout:refusals",
		func(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (middleware.FinalizeOutput, middleware.Metadata, error) {
			return next.HandleFinalize(context.WithValue(ctx, refusalsKey{}, new(refusalCount)), in)
		})
	end := middleware.FinalizeMiddlewareFunc("lambda-rollout:refused",
		func(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (middleware.FinalizeOutput, middleware.Metadata, error) {
			out, meta, err := next.HandleFinalize(ctx, in)
			if counted, is := ctx.Value(refusalsKey{}).(*refusalCount); is {
				err = counted.end(ctx, err)
			}
			return out, meta, err
		})
	return errors.Join(stack.Finalize.Insert(count, "Retry", middleware.Before), stack.Finalize.Insert(end, "Retry", middleware.After))
}
