package session

import (
	"errors"
	"maps"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestARoleIsAssumedByTheJobsToken(t *testing.T) {
	t.Parallel()
	aws := &fakeAWS{}
	s := open(t, aws, githubEnv, Options{Role: &Role{ARN: roleOne, SessionName: "lambda-rollout 42", Duration: 2 * time.Hour}})
	id, err := s.Identity(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := Identity{Account: "111122223333", ARN: "arn:aws:sts::111122223333:assumed-role/deploy/lambda-rollout-42", UserID: "AROA:lambda-rollout-42", Partition: "aws"}
	if id != want {
		t.Errorf("identity %+v, want %+v", id, want)
	}
	if diff := cmp.Diff([]string{"token sts.amazonaws.com", "AssumeRoleWithWebIdentity"}, aws.calls); diff != "" {
		t.Errorf("calls, GetCallerIdentity not being needed (-want +got):\n%s", diff)
	}
	if got := aws.requests[0]; got.Get("WebIdentityToken") != "jwt-1" || got.Get("DurationSeconds") != "7200" {
		t.Errorf("request %v", got)
	}
}

func TestATokenIsMintedForEachRenewal(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		aws := &fakeAWS{lives: 15 * time.Minute}
		s := open(t, aws, githubEnv, Options{Role: &Role{ARN: roleOne, Audience: "aws"}})
		first := key(t, s)
		time.Sleep(13 * time.Minute)
		if got := key(t, s); got != first {
			t.Errorf("renewed too early")
		}
		time.Sleep(90 * time.Second)
		if got := key(t, s); got == first {
			t.Errorf("not renewed a minute before the end")
		}
		want := []string{"token aws", "AssumeRoleWithWebIdentity", "token aws", "AssumeRoleWithWebIdentity"}
		if diff := cmp.Diff(want, aws.calls); diff != "" {
			t.Errorf("calls (-want +got):\n%s", diff)
		}
		if got := aws.requests[1].Get("WebIdentityToken"); got != "jwt-2" {
			t.Errorf("the renewal used %s", got)
		}
	})
}

func TestAnOutageOfTheTokenEndpointRefusesNoRole(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		aws := &fakeAWS{tokenOutage: tokenTries - 1}
		if _, err := open(t, aws, githubEnv, Options{Role: &Role{ARN: roleOne}}).Identity(t.Context()); err != nil {
			t.Error(err)
		}
		aws = &fakeAWS{tokenOutage: tokenTries}
		_, err := open(t, aws, githubEnv, Options{Role: &Role{ARN: roleOne}}).Identity(t.Context())
		if !errors.As(err, new(NoIDToken)) || !strings.Contains(err.Error(), "502") || strings.Contains(err.Error(), "permissions") || len(aws.calls) != tokenTries {
			t.Errorf("got %v after %d requests, want NoIDToken and the answer's status", err, len(aws.calls))
		}
	})
}

func TestARoleIsAssumedByCredentialsWhereThereIsNoToken(t *testing.T) {
	t.Parallel()
	both := maps.Clone(githubEnv)
	maps.Copy(both, keysEnv)
	tests := map[string]struct {
		env  env
		opts Options
	}{
		"no token":      {keysEnv, Options{Role: &Role{ARN: roleOne, ExternalID: "x"}}},
		"explicit keys": {both, Options{Role: &Role{ARN: roleOne, ExternalID: "x"}, AccessKeyID: "AKIAINPUT", SecretAccessKey: "s"}},
		"role chaining": {both, Options{Role: &Role{ARN: roleOne, ExternalID: "x", Chaining: true}}},
	}
	for name, test := range tests {
		aws := &fakeAWS{}
		s := open(t, aws, test.env, test.opts)
		if _, err := s.Identity(t.Context()); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff([]string{"AssumeRole"}, aws.calls); diff != "" {
			t.Errorf("%s: calls (-want +got):\n%s", name, diff)
		}
		if got := aws.requests[0].Get("ExternalId"); got != "x" {
			t.Errorf("%s: external id %q", name, got)
		}
	}
}

func TestAConnectorsRoleIsChainedFromTheRunsRole(t *testing.T) {
	t.Parallel()
	aws := &fakeAWS{}
	run := open(t, aws, githubEnv, Options{Role: &Role{ARN: roleOne}})
	connector, err := run.Assume(Role{ARN: roleTwo})
	if err != nil {
		t.Fatal(err)
	}
	id, err := connector.Identity(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if id.Account != "444455556666" {
		t.Errorf("account %s", id.Account)
	}
	want := []string{"token sts.amazonaws.com", "AssumeRoleWithWebIdentity", "AssumeRole"}
	if diff := cmp.Diff(want, aws.calls); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
	if auth := aws.headers[1].Get("Authorization"); !strings.Contains(auth, "Credential=ASIA0001/") {
		t.Errorf("the connector's role was not asked for by the run's role: %s", auth)
	}
}

func TestAConnectorsRoleIsAssumedByTheTokenWhereTheRunHasNoRole(t *testing.T) {
	t.Parallel()
	aws := &fakeAWS{}
	connector, err := open(t, aws, githubEnv, Options{}).Assume(Role{ARN: roleTwo})
	if err != nil {
		t.Fatal(err)
	}
	key(t, connector)
	if diff := cmp.Diff([]string{"token sts.amazonaws.com", "AssumeRoleWithWebIdentity"}, aws.calls); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

func TestAnIllegalRoleIsRefusedBeforeAnyCall(t *testing.T) {
	t.Parallel()
	for want, role := range map[string]Role{
		`role "deploy" is not the ARN`:                        {ARN: "deploy"},
		`role "<YOUR_AWS_ARN>" is not the ARN`:                {ARN: "<YOUR_AWS_ARN>"},
		"role-duration-seconds 60 is out of range":            {ARN: roleOne, Duration: time.Minute},
		"role-duration-seconds 46800 is out of range":         {ARN: roleOne, Duration: 13 * time.Hour},
		"role-duration-seconds 7200 is too long with role-ch": {ARN: roleOne, Duration: 2 * time.Hour, Chaining: true},
	} {
		_, err := Open(t.Context(), Options{Role: &role, HTTPClient: &fakeAWS{}})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func TestAJobWithoutIdTokenPermissionIsNamed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		forbidden := maps.Clone(githubEnv)
		forbidden["ACTIONS_ID_TOKEN_REQUEST_TOKEN"] = "another"
		for name, e := range map[string]env{"no endpoint": {"GITHUB_ACTIONS": "true"}, "refused": forbidden} {
			_, err := open(t, &fakeAWS{}, e, Options{Role: &Role{ARN: roleOne}}).Identity(t.Context())
			if !errors.As(err, new(NoIDToken)) || !strings.Contains(err.Error(), "permissions: id-token: write") {
				t.Errorf("%s: got %v, want NoIDToken and the permission", name, err)
			}
		}
		metadataGivesUp()
	})
}

func TestExpiredCredentialsAreNotBlamedOnTheRole(t *testing.T) {
	t.Parallel()
	s := open(t, &fakeAWS{refuse: map[string]string{"AssumeRole": "ExpiredToken: The security token is expired"}}, keysEnv, Options{Role: &Role{ARN: roleOne}})
	if _, err := s.Identity(t.Context()); !errors.As(err, new(ExpiredCredentials)) {
		t.Errorf("got %v, want ExpiredCredentials", err)
	}
}

func TestSessionNamesAreLegal(t *testing.T) {
	t.Parallel()
	for want, parts := range map[string][]string{
		"lambda-rollout-123":    {"lambda-rollout", "123"},
		"dependabot-bot--9":     {"dependabot[bot]", "9"},
		"lambda-rollout":        {""},
		"a.b_c-d@e=f,g+h":       {"a.b_c-d@e=f,g+h"},
		"--":                    {"é", ""},
		strings.Repeat("x", 64): {strings.Repeat("x", 100)},
	} {
		if got := SessionName(parts...); got != want {
			t.Errorf("%q gave %q, want %q", parts, got, want)
		}
	}
}

func FuzzSessionNamesAreLegal(f *testing.F) {
	legal := regexp.MustCompile(`^[A-Za-z0-9_+=,.@-]{2,64}$`)
	f.Add("lambda-rollout", "12")
	f.Add("\xff", "é")
	f.Fuzz(func(t *testing.T, a, b string) {
		if got := SessionName(a, b); !legal.MatchString(got) {
			t.Errorf("%q, %q gave %q", a, b, got)
		}
	})
}
