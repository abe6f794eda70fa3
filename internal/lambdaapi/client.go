// Package lambdaapi is the only importer of the Lambda SDK: it finds, changes
// and waits for functions, versions and aliases, and turns the SDK's types
// into those of package definition and back.
//
// A call that reads is retried by the SDK. A call that changes something goes
// out once: whoever made it reads the current state before deciding to send it
// again. No call takes a decision here, and none is hidden.
package lambdaapi

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/lambda-rollout/lambda-rollout/internal/session"
	"github.com/lambda-rollout/lambda-rollout/internal/timing"
)

// Client makes the calls of one account in one Region.
type Client struct {
	api     *lambda.Client
	session *session.Session
	region  string
	timing  timing.Timing
}

// New makes a client that calls as the Session, within its limits.
func New(s *session.Session, region string, t timing.Timing) *Client {
	h := &hider{region: region, secrets: s.Redact}
	api := lambda.NewFromConfig(s.Config(region), func(o *lambda.Options) {
		o.APIOptions = append(o.APIOptions, s.Limit(region), explain, h.add)
	})
	return &Client{api: api, session: s, region: region, timing: t}
}

// Region is the Region that the client calls.
func (c *Client) Region() string { return c.region }

// Endpoint is the URL that takes the place of AWS' own, "" for none.
func (c *Client) Endpoint() string { return aws.ToString(c.api.Options().BaseEndpoint) }

// Timing is how patient the client is.
func (c *Client) Timing() timing.Timing { return c.timing }

// invokeLimit is the longest that a function may run, and a little more.
const invokeLimit = 16 * time.Minute

// once sends a changing call a single time.
func once(o *lambda.Options) { o.Retryer = session.NoRetry() }

// upload allows a call the time that a body of 70 MB may take.
func (c *Client) upload(ctx context.Context) context.Context {
	return session.WithCallTimeout(ctx, c.timing.Upload)
}

// SendBefore returns a context for one call that does not go out any more once
// stop has ended, although its answer may be waited for until ctx ends: a call
// that waits for its turn in the limiter would otherwise start after a signal.
func SendBefore(ctx, stop context.Context) context.Context { return session.SendBefore(ctx, stop) }
