// Package lambdaapi is the only importer of the Lambda SDK: it finds, changes
// and waits for functions, versions and aliases, and turns the SDK's types
// into those of package definition and back.
//
// A call that reads is retried by the SDK. A call that changes something goes
// out once: whoever made it reads what stands now before deciding to send it
// again. No call takes a decision here, and none is hidden.
package lambdaapi

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
)

// Limiter holds a call back until the account's quota has room for it.
type Limiter interface {
	Wait(ctx context.Context) error
}

// Limits are the two quotas of an account in one Region: GetFunction has one
// of its own, every other control-plane call shares the second
// (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html).
type Limits struct {
	GetFunction, Control Limiter
}

// Pace is how long the client waits for answers and between questions.
type Pace struct {
	// Call bounds one call; Upload one that carries code.
	Call, Upload time.Duration
	// FirstPoll is the time between the starts of two polls at first; it grows
	// to LastPoll.
	FirstPoll, LastPoll time.Duration
	// Backoff is the first pause before a read is tried again; it doubles.
	Backoff time.Duration
}

// DefaultPace polls GetFunction every 200 ms at first and every 2 s at most.
func DefaultPace() Pace {
	return Pace{
		Call: 30 * time.Second, Upload: 5 * time.Minute,
		FirstPoll: 200 * time.Millisecond, LastPoll: 2 * time.Second,
		Backoff: 200 * time.Millisecond,
	}
}

// Client makes the calls of one account in one Region.
type Client struct {
	api    *lambda.Client
	region string
	limits Limits
	pace   Pace
}

// New makes a client from an SDK configuration.
func New(cfg aws.Config, limits Limits, pace Pace) *Client {
	api := lambda.NewFromConfig(cfg, func(o *lambda.Options) {
		o.Retryer = retry.NewStandard(func(o *retry.StandardOptions) {
			o.MaxAttempts = readAttempts
			o.MaxBackoff = 25 * pace.Backoff
			o.RateLimiter = unlimited{}
		})
	})
	return &Client{api: api, region: cfg.Region, limits: limits, pace: pace}
}

// readAttempts outlasts a burst of throttling: with doubling pauses of at most
// five seconds, some twenty seconds.
const readAttempts = 8

// Region is the Region that the client calls.
func (c *Client) Region() string { return c.region }

// Pace is the client's timing.
func (c *Client) Pace() Pace { return c.pace }

// unlimited switches off the SDK's retry quota: package session's limiter and
// the attempts above bound the calls.
type unlimited struct{}

func (unlimited) GetToken(context.Context, uint) (func() error, error) {
	return func() error { return nil }, nil
}
func (unlimited) AddTokens(uint) error { return nil }

// once sends a changing call a single time.
func once(o *lambda.Options) { o.Retryer = aws.NopRetryer{} }

// read prepares a call that only reads.
func (c *Client) read(ctx context.Context) (context.Context, context.CancelFunc, error) {
	if err := c.limits.Control.Wait(ctx); err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, readAttempts*c.pace.Call)
	return ctx, cancel, nil
}

// change prepares a call that changes something.
func (c *Client) change(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc, error) {
	if err := c.limits.Control.Wait(ctx); err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	return ctx, cancel, nil
}
