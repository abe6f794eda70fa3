package cli

import (
	"context"
	"strings"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/deploy"
	"github.com/lambda-rollout/lambda-rollout/internal/session"
)

// access is how AWS is reached, by the inputs, the environment and the host.
func (a *app) access() deploy.Access {
	out := deploy.Access{
		Session: session.Options{
			Region:      a.in.String("aws-region"),
			AccessKeyID: a.in.String("aws-access-key-id"), SecretAccessKey: a.in.String("aws-secret-access-key"),
			SessionToken: a.in.String("aws-session-token"), AllowedAccountIDs: a.in.List("allowed-account-ids"),
			LookupEnv: a.lookupEnv, HTTPClient: a.HTTPClient, Unlimited: a.Unlimited, CallTimeout: a.Timing.Call, ReadBackoff: a.Timing.ReadBackoff,
			Mask: a.host.Mask, Redact: a.host.Redact, Limits: a.limits, Version: versionNumber(),
		},
		Role: session.Role{
			ARN: a.in.String("role-to-assume"), SessionName: a.sessionName(),
			Duration:   time.Duration(a.in.Int("role-duration-seconds")) * time.Second,
			ExternalID: a.in.String("role-external-id"), Chaining: a.in.Bool("role-chaining"), Audience: a.in.String("audience"),
		},
		Connectors: a.in.Map("connectors"), Embedded: a.embedded, Timing: a.Timing,
		LocalDir: a.localDir(), Endpoints: a.serviceEndpoints(),
	}
	if a.questions != nil {
		out.Session.Wrap = a.questions.Wrap
	}
	if a.in.Bool("local") {
		out.Local = a.localDir()
	} else if a.in.Bool("verbose") {
		out.Session.Trace = func(attempt session.Attempt) { a.log().Line("%s", attempt) }
	}
	return out
}

// connect opens the run's session; regionHint is where to ask STS when no
// default Region is named. The session that read the files' values is used again.
func (a *app) connect(ctx context.Context, regionHint string) (*deploy.Connection, error) {
	if a.connection != nil {
		return a.connection, nil
	}
	return deploy.Connect(ctx, a.access(), regionHint)
}

// sessionName is what CloudTrail shows beside the role: with the run's own name
// where the user gave none.
func (a *app) sessionName() string {
	name := a.in.String("role-session-name")
	if a.in.Given("role-session-name") {
		return name
	}
	return session.SessionName(name, a.host.Run().Key())
}

func (a *app) lookupEnv(name string) (string, bool) {
	for i := len(a.Env) - 1; i >= 0; i-- {
		if value, ok := strings.CutPrefix(a.Env[i], name+"="); ok {
			return value, true
		}
	}
	return "", false
}
