package session

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// Reads are asked again for longer than the SDK's three tries: a read that
// fails ends a deploy for nothing.
const (
	readAttempts   = 8
	readMaxBackoff = 5 * time.Second
)

// readRetryer is the policy of every client that is not told otherwise.
func readRetryer() aws.Retryer {
	return retry.NewStandard(func(o *retry.StandardOptions) {
		o.MaxAttempts = readAttempts
		o.MaxBackoff = readMaxBackoff
	})
}

// NoRetry makes one attempt: for calls that change something, after which the
// engine looks before it tries again.
func NoRetry() aws.Retryer { return aws.NopRetryer{} }

// apiOptions are the middlewares of every client.
func apiOptions(opts Options) []func(*middleware.Stack) error {
	version := opts.Version
	if version == "" {
		version = "dev"
	}
	return []func(*middleware.Stack) error{
		awsmiddleware.AddUserAgentKeyValue("lambda-rollout", version),
		addCallTimeout(opts.CallTimeout),
	}
}

// bytesPerSecond is the slowest line that an upload is given time for.
const bytesPerSecond = 256 << 10

type untimedKey struct{}

// Untimed lifts the bound on attempts for calls made under the context that it
// returns. A call needs it whose answer is read after it returned, such as
// GetObject; who reads must then watch over the reading.
func Untimed(ctx context.Context) context.Context {
	return context.WithValue(ctx, untimedKey{}, true)
}

// addCallTimeout bounds each attempt by the usual time and the time that its
// body takes on a slow line. Without it a server that never answers would hold
// a deploy until the job's own end.
func addCallTimeout(usual time.Duration) func(*middleware.Stack) error {
	return func(stack *middleware.Stack) error {
		return stack.Finalize.Insert(middleware.FinalizeMiddlewareFunc("lambda-rollout:timeout",
			func(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (middleware.FinalizeOutput, middleware.Metadata, error) {
				if ctx.Value(untimedKey{}) != nil {
					return next.HandleFinalize(ctx, in)
				}
				limit := usual + uploadTime(in)
				attempt, cancel := context.WithTimeout(ctx, limit)
				defer cancel()
				out, meta, err := next.HandleFinalize(attempt, in)
				if err != nil && attempt.Err() == context.DeadlineExceeded && ctx.Err() == nil {
					err = CallTimeout{Operation: awsmiddleware.GetOperationName(ctx), After: limit}
				}
				return out, meta, err
			}), "Retry", middleware.After)
	}
}

func uploadTime(in middleware.FinalizeInput) time.Duration {
	req, ok := in.Request.(*smithyhttp.Request)
	if !ok {
		return 0
	}
	length, _, err := req.StreamLength()
	if err != nil {
		return 0
	}
	return time.Duration(length/bytesPerSecond) * time.Second
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
