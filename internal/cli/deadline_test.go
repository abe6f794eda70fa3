package cli

import (
	"testing"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/host"
	"github.com/lambda-rollout/lambda-rollout/internal/input"
)

func TestTheDeadlinesOfARunAreThoseOfItsJobAndCredentials(t *testing.T) {
	t.Parallel()
	began := time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)
	session := []string{"AWS_SESSION_TOKEN=t", "AWS_CREDENTIAL_EXPIRATION=2026-11-02T09:20:00Z"}
	for name, c := range map[string]struct {
		args, env []string
		want      []time.Duration
	}{
		"none":                     {nil, nil, nil},
		"host":                     {nil, []string{"CI_JOB_TIMEOUT=3600"}, []time.Duration{time.Hour}},
		"input before host":        {[]string{"--job-time-limit", "30m"}, []string{"CI_JOB_TIMEOUT=3600"}, []time.Duration{30 * time.Minute}},
		"credentials":              {nil, session, []time.Duration{20 * time.Minute}},
		"credentials of the input": {[]string{"--aws-access-key-id", "AKIA", "--aws-secret-access-key", "s"}, session, nil},
		"a role by their means":    {[]string{"--role-to-assume", "arn:aws:iam::123456789012:role/r"}, session, []time.Duration{20 * time.Minute}},
		"a role by OIDC":           {[]string{"--role-to-assume", "arn:aws:iam::123456789012:role/r"}, append(session[:2:2], "ACTIONS_ID_TOKEN_REQUEST_URL=https://t"), nil},
		"no session":               {nil, session[1:], nil},
	} {
		request, err := input.Parse(input.Options{Args: append([]string{"deploy", "--service", "s"}, c.args...)})
		if err != nil {
			t.Fatal(err)
		}
		a := &app{Process: Process{Env: c.env}, host: host.Detect(host.Options{Env: c.env}), in: request.Set, began: began}
		all := a.deadlines()
		if len(all) != len(c.want) {
			t.Errorf("%s: %v", name, all)
			continue
		}
		for i, d := range all {
			if d.At.Sub(began) != c.want[i] {
				t.Errorf("%s: %v, want %s", name, all, c.want)
			}
		}
	}
}
