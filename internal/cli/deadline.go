package cli

import (
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/deploy"
	"github.com/lambda-rollout/lambda-rollout/internal/traffic"
)

// deadlines are the times at which this run ends, whatever it does: that of the job,
// and that of credentials which nobody renews. The input counts before the host,
// which may know a longer limit than the workflow has set.
func (a *app) deadlines() []deploy.Deadline {
	var all []deploy.Deadline
	if limit := a.in.Duration("job-time-limit"); limit > 0 {
		all = append(all, deploy.Deadline{At: a.began.Add(limit), Why: "the job ends (job-time-limit: " + traffic.FormatDuration(limit) + ")"})
	} else {
		for _, d := range a.host.Deadlines(a.began) {
			all = append(all, deploy.Deadline{At: d.At, Why: d.Why})
		}
	}
	if at, known := a.credentialsEnd(); known {
		all = append(all, deploy.Deadline{At: at, Why: "the credentials expire (AWS_CREDENTIAL_EXPIRATION; with role-to-assume and the job's OIDC token they are renewed)"})
	}
	return all
}

// credentialsEnd is when the credentials of the environment expire, where it says
// so: `aws configure export-credentials` and others write AWS_CREDENTIAL_EXPIRATION
// (https://docs.aws.amazon.com/cli/latest/reference/configure/export-credentials.html).
// Those of a role that is assumed from them cannot be renewed after that, either.
func (a *app) credentialsEnd() (at time.Time, known bool) {
	own := a.in.Given("aws-access-key-id") || a.in.Bool("local")
	renewed := a.in.Given("role-to-assume") && !a.in.Bool("role-chaining") && a.hasToken()
	text, _ := a.lookupEnv("AWS_CREDENTIAL_EXPIRATION")
	token, _ := a.lookupEnv("AWS_SESSION_TOKEN")
	if own || renewed || token == "" {
		return time.Time{}, false
	}
	at, err := time.Parse(time.RFC3339, text)
	return at, err == nil
}

// hasToken reports whether the job can ask GitHub for OIDC tokens.
func (a *app) hasToken() bool {
	url, _ := a.lookupEnv("ACTIONS_ID_TOKEN_REQUEST_URL")
	return url != ""
}
