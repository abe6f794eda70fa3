package session

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/smithy-go/middleware"
)

// Reads are asked again for longer than the SDK's three tries: a read that
// fails ends a deploy for nothing.
const (
	readAttempts   = 8
	readMaxBackoff = 5 * time.Second
)

// readRetryer is the policy of every client that has no other.
func (o Options) readRetryer() aws.Retryer {
	return retry.NewStandard(func(r *retry.StandardOptions) {
		r.MaxAttempts = readAttempts
		r.Backoff = soonAfterRefusals(retry.NewExponentialJitterBackoff(cmp.Or(o.ReadBackoff, readMaxBackoff)))
		// The SDK's own quota of retries would run dry when many Targets are
		// throttled at once; Limits and the attempts bound the calls already.
		r.RateLimiter = ratelimit.None
	})
}

// NoRetry makes one attempt: for calls that change something, after which the
// engine looks before it tries again.
func NoRetry() aws.Retryer { return aws.NopRetryer{} }

// program names this program in the user agent of its calls.
const program = "lambda-rollout"

func (o Options) version() string { return cmp.Or(o.Version, "dev") }

func addUserAgent(opts Options) func(*middleware.Stack) error {
	return awsmiddleware.AddUserAgentKeyValue(program, opts.version())
}

type timeoutKey struct{}

// WithCallTimeout sets another bound for each attempt of the calls made under
// the context it returns: longer for an upload; 0 means none, which a call needs
// whose answer is read after it returned.
func WithCallTimeout(ctx context.Context, d time.Duration) context.Context {
	return context.WithValue(ctx, timeoutKey{}, d)
}

// callTimeout is the bound for an attempt under a context; 0 means none.
func (o Options) callTimeout(ctx context.Context) time.Duration {
	if d, set := ctx.Value(timeoutKey{}).(time.Duration); set {
		return d
	}
	return o.CallTimeout
}

// addCallTimeout bounds each attempt. Without it a server that never answers
// would hold a deploy until the job's own end.
func addCallTimeout(opts Options) func(*middleware.Stack) error {
	return func(stack *middleware.Stack) error {
		return stack.Finalize.Insert(middleware.FinalizeMiddlewareFunc("lambda-rollout:timeout",
			func(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (middleware.FinalizeOutput, middleware.Metadata, error) {
				d := opts.callTimeout(ctx)
				if d <= 0 {
					return next.HandleFinalize(ctx, in)
				}
				attempt, cancel := context.WithTimeout(ctx, d)
				defer cancel()
				out, meta, err := next.HandleFinalize(attempt, in)
				if err != nil && attempt.Err() == context.DeadlineExceeded && ctx.Err() == nil {
					err = CallTimeout{Operation: awsmiddleware.GetOperationName(ctx), After: d}
				}
				return out, meta, err
			}), "Retry", middleware.After)
	}
}

// CallTimeout is a call whose answer did not come in time. What it did is not
// known: a call that changes something may have gone through.
type CallTimeout struct {
	Operation string
	After     time.Duration
}

// Error names the call and how long it was waited for.
func (e CallTimeout) Error() string {
	return fmt.Sprintf("%s: no answer within %s", e.Operation, e.After)
}

// Timeout is true, so that errors of the net package's kind are recognised.
func (CallTimeout) Timeout() bool { return true }

// RetryableError tells the SDK's policy for reads to ask again.
func (CallTimeout) RetryableError() bool { return true }
