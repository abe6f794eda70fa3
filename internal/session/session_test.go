package session

import (
	"context"
	"errors"
	"maps"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/google/go-cmp/cmp"
)

func TestExplicitKeysTakePrecedenceOverTheEnvironment(t *testing.T) {
	t.Parallel()
	explicit := Options{AccessKeyID: "AKIAINPUT", SecretAccessKey: "s"}
	if got := key(t, open(t, &fakeAWS{}, keysEnv, explicit)); got != "AKIAINPUT" {
		t.Errorf("signed with %s, want the inputs' key", got)
	}
	if got := key(t, open(t, &fakeAWS{}, keysEnv, Options{})); got != "AKIAENV" {
		t.Errorf("signed with %s, want the environment's key", got)
	}
}

func TestHalfAPairOfKeysIsRefused(t *testing.T) {
	t.Parallel()
	for want, opts := range map[string]Options{
		"aws-secret-access-key is empty":                        {AccessKeyID: "a"},
		"aws-access-key-id is empty":                            {SecretAccessKey: "s"},
		"aws-session-token is set, but aws-access-key-id is em": {SessionToken: "t"},
	} {
		if _, err := Open(t.Context(), opts); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func TestRegionComesFromInputThenEnvironment(t *testing.T) {
	t.Parallel()
	e := env{"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-2"}
	s, err := Open(t.Context(), Options{LookupEnv: e.lookup})
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := s.Region(); got != "eu-west-1" {
		t.Errorf("Region %s, want that of AWS_REGION", got)
	}
	if got := s.Config("ap-south-1").Region; got != "ap-south-1" {
		t.Errorf("Config's Region %s, want the one that was asked for", got)
	}
}

func TestAMissingRegionIsReportedBeforeAnyCall(t *testing.T) {
	t.Parallel()
	aws := &fakeAWS{}
	s, err := Open(t.Context(), Options{LookupEnv: keysEnv.lookup, HTTPClient: aws})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Identity(t.Context()); !errors.As(err, new(NoRegion)) || !strings.Contains(err.Error(), "aws-region") {
		t.Errorf("got %v, want NoRegion and what to set", err)
	}
	if len(aws.calls) > 0 {
		t.Errorf("calls %q, want none", aws.calls)
	}
}

func TestMissingCredentialsAreReportedWithinASecond(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := open(t, &fakeAWS{}, env{}, Options{})
		start := time.Now()
		_, err := s.Identity(t.Context())
		if !errors.As(err, new(NoCredentials)) || !strings.Contains(err.Error(), "role-to-assume") {
			t.Errorf("got %v, want NoCredentials and the ways to give some", err)
		}
		if took := time.Since(start); took > time.Second {
			t.Errorf("it took %s", took)
		}
		metadataGivesUp()
	})
}

func TestAnInstancesRoleIsUsed(t *testing.T) {
	t.Parallel()
	if got := key(t, open(t, &fakeAWS{metadata: true}, env{}, Options{})); got != "ASIAEC2" {
		t.Errorf("signed with %s, want the instance's role", got)
	}
}

func TestWipedCredentialsAreDistinguishedFromMissingOnes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		wiped := env{"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_SESSION_TOKEN": ""}
		_, err := open(t, &fakeAWS{}, wiped, Options{}).Identity(t.Context())
		if !errors.As(err, new(WipedCredentials)) {
			t.Fatalf("got %v, want WipedCredentials", err)
		}
		want := "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN are set, but empty"
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v\nwant it to say %q", err, want)
		}
		metadataGivesUp()
	})
}

// metadataGivesUp lets the SDK's question to the metadata service, which goes on
// behind our back, come to its end.
func metadataGivesUp() { time.Sleep(10 * time.Minute) }

func TestIdentityIsAskedOnce(t *testing.T) {
	t.Parallel()
	aws := &fakeAWS{}
	s := open(t, aws, keysEnv, Options{})
	for range 3 {
		id, err := s.Identity(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		want := Identity{Account: "777788889999", ARN: "arn:aws:iam::777788889999:user/ci", UserID: "AIDA1", Partition: "aws"}
		if id != want {
			t.Errorf("identity %+v, want %+v", id, want)
		}
	}
	if diff := cmp.Diff([]string{"GetCallerIdentity"}, aws.calls); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

func TestAForeignAccountIsRefused(t *testing.T) {
	t.Parallel()
	s := open(t, &fakeAWS{}, keysEnv, Options{AllowedAccountIDs: []string{"111122223333"}})
	if _, err := s.Identity(t.Context()); !errors.As(err, new(ForeignAccount)) || !strings.Contains(err.Error(), "777788889999") {
		t.Errorf("got %v, want ForeignAccount that names both accounts", err)
	}
	s = open(t, &fakeAWS{}, keysEnv, Options{})
	if err := s.RequireAccount(t.Context(), "111122223333"); !errors.As(err, new(ForeignAccount)) {
		t.Errorf("got %v, want ForeignAccount", err)
	}
	if err := s.RequireAccount(t.Context(), "777788889999"); err != nil {
		t.Error(err)
	}
}

func TestErrorsOfCredentialsAreDistinguished(t *testing.T) {
	t.Parallel()
	for answer, want := range map[string]any{
		"ExpiredToken: The security token included in the request is expired":         new(ExpiredCredentials),
		"InvalidClientTokenId: The security token included in the request is invalid": new(RefusedCredentials),
		"SignatureDoesNotMatch: The request signature we calculated does not match":   new(RefusedCredentials),
	} {
		s := open(t, &fakeAWS{refuse: map[string]string{"GetCallerIdentity": answer}}, keysEnv, Options{})
		if _, err := s.Identity(t.Context()); !errors.As(err, want) {
			t.Errorf("%s: got %v, want %T", answer, err, want)
		}
	}
}

func TestEachSecretIsMaskedOnceAndFirst(t *testing.T) {
	t.Parallel()
	var masked []string
	mask := func(_ string, secrets ...string) { masked = append(masked, secrets...) }
	s := open(t, &fakeAWS{}, keysEnv, Options{Mask: mask, SessionToken: ""})
	key(t, s)
	key(t, s)
	if diff := cmp.Diff([]string{"env-secret"}, masked); diff != "" {
		t.Errorf("masked (-want +got):\n%s", diff)
	}

	masked = nil
	s = open(t, &fakeAWS{}, githubEnv, Options{Mask: mask, Role: &Role{ARN: roleOne}})
	key(t, s)
	key(t, s)
	if diff := cmp.Diff([]string{"jwt-1", "secret-ASIA0001", "token-ASIA0001"}, masked); diff != "" {
		t.Errorf("masked (-want +got):\n%s", diff)
	}

	masked = nil
	key(t, open(t, &fakeAWS{}, nil, Options{Mask: mask, AccessKeyID: "AKIAIOSFODNN7EXAMPLE", SecretAccessKey: "test"}))
	if diff := cmp.Diff([]string{"AKIAIOSFODNN7EXAMPLE", "test"}, masked); diff != "" {
		t.Errorf("masked (-want +got):\n%s", diff)
	}

	masked = nil
	key(t, open(t, &fakeAWS{}, nil, Options{Mask: mask, AccessKeyID: "local", SecretAccessKey: "local", SessionToken: "token"}))
	if diff := cmp.Diff([]string{"token"}, masked); diff != "" {
		t.Errorf("masked of an emulator's keys (-want +got):\n%s", diff)
	}
}

func TestAnEndpointOfTheInputsTakesPrecedenceOverTheEnvironments(t *testing.T) {
	t.Parallel()
	e := env{"AWS_ENDPOINT_URL": "https://all.example", "AWS_ENDPOINT_URL_STS": "https://sts.example"}
	maps.Copy(e, keysEnv)
	base := func(opts Options) string {
		s := open(t, &fakeAWS{}, e, opts)
		return *sts.NewFromConfig(s.Config("")).Options().BaseEndpoint
	}
	if got := base(Options{}); got != "https://sts.example" {
		t.Errorf("endpoint %s, want the service's own", got)
	}
	if got := base(Options{Endpoint: "http://127.0.0.1:4566"}); got != "http://127.0.0.1:4566" {
		t.Errorf("endpoint %s, want that of the inputs", got)
	}
}

func TestCallsNameTheProgram(t *testing.T) {
	t.Parallel()
	aws := &fakeAWS{}
	if _, err := open(t, aws, keysEnv, Options{Version: "1.2.3"}).Identity(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := aws.headers[0].Get("User-Agent"); !strings.Contains(got, "lambda-rollout/1.2.3") {
		t.Errorf("User-Agent %q", got)
	}
}

func TestASilentServerTimesOutAndAReadIsRetried(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		aws := &fakeAWS{silent: "GetCallerIdentity"}
		s := open(t, aws, keysEnv, Options{CallTimeout: 10 * time.Second})
		if _, err := s.Identity(t.Context()); !errors.As(err, new(CallTimeout)) {
			t.Errorf("got %v, want CallTimeout", err)
		}
		if len(aws.calls) != readAttempts {
			t.Errorf("%d attempts, want %d", len(aws.calls), readAttempts)
		}
		client := sts.NewFromConfig(s.Config(""), func(o *sts.Options) { o.Retryer = NoRetry() })
		start := time.Now()
		if _, err := client.GetCallerIdentity(t.Context(), nil); !errors.As(err, new(CallTimeout)) {
			t.Errorf("got %v, want CallTimeout", err)
		}
		if took := time.Since(start); took != 10*time.Second || len(aws.calls) != readAttempts+1 {
			t.Errorf("%d attempts in %s, want one in 10s", len(aws.calls)-readAttempts, took)
		}
	})
}

func TestAnUploadHasItsOwnTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := open(t, &fakeAWS{silent: "GetCallerIdentity"}, keysEnv, Options{})
		client := sts.NewFromConfig(s.Config(""), func(o *sts.Options) { o.Retryer = NoRetry() })
		key(t, s)
		start := time.Now()
		_, err := client.GetCallerIdentity(WithCallTimeout(t.Context(), time.Hour), nil)
		if took := time.Since(start); took != time.Hour || !errors.As(err, new(CallTimeout)) {
			t.Errorf("got %v after %s, want CallTimeout after an hour", err, took)
		}
		ctx, cancel := context.WithTimeout(WithCallTimeout(t.Context(), 0), 2*time.Hour)
		defer cancel()
		if _, err := client.GetCallerIdentity(ctx, nil); errors.As(err, new(CallTimeout)) {
			t.Errorf("a call without a bound of its own ended with %v", err)
		}
	})
}

func TestACancelledCallIsNotCalledATimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := open(t, &fakeAWS{silent: "GetCallerIdentity"}, keysEnv, Options{})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := s.Identity(ctx); errors.As(err, new(CallTimeout)) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want the context's error", err)
		}
	})
}
