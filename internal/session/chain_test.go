package session

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/google/go-cmp/cmp"
)

// container answers as the endpoint of a container's credentials does.
type container struct{ requests []string }

func (c *container) Do(r *http.Request) (*http.Response, error) {
	c.requests = append(c.requests, r.URL.String())
	if r.Header.Get("Authorization") != "pod" {
		return answer(http.StatusForbidden, `{"code":"AccessDenied","message":"no such pod"}`), nil
	}
	return answer(http.StatusOK, fmt.Sprintf(`{"AccessKeyId":"ASIAPOD","SecretAccessKey":"s","Token":"t","Expiration":%q}`, time.Now().Add(time.Hour).UTC().Format(time.RFC3339))), nil
}

func TestAContainersCredentialsAreTaken(t *testing.T) {
	t.Parallel()
	e := env{"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://169.254.170.23/v1/credentials", "AWS_CONTAINER_AUTHORIZATION_TOKEN": "pod"}
	var masked []string
	ask := func(e env) *Session {
		t.Helper()
		s, err := Open(t.Context(), Options{Region: "eu-west-1", LookupEnv: e.lookup, HTTPClient: new(container), Mask: func(_ string, secrets ...string) { masked = append(masked, secrets...) }})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	if got := key(t, ask(e)); got != "ASIAPOD" || strings.Join(masked, " ") != "s t" {
		t.Errorf("signed with %s, masked %q", got, masked)
	}
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("pod\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	relative := env{"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/v2/x", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": file}
	if got := key(t, ask(relative)); got != "ASIAPOD" {
		t.Errorf("signed with %s", got)
	}
	e["AWS_CONTAINER_AUTHORIZATION_TOKEN"] = "another"
	if _, err := ask(e).Identity(t.Context()); !errors.As(err, new(NoCredentials)) || !strings.Contains(err.Error(), "no such pod") {
		t.Errorf("got %v, want NoCredentials and what the container's endpoint said", err)
	}
	e["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = "http://evil.example/creds"
	if _, err := ask(e).Identity(t.Context()); !errors.As(err, new(NoCredentials)) || !strings.Contains(err.Error(), "evil.example is neither https") {
		t.Errorf("got %v, want the host refused", err)
	}
}

// files writes settings files into a home folder.
func files(t *testing.T, config string) env {
	t.Helper()
	home := t.TempDir()
	if err := os.MkdirAll(filepath.Join(home, ".aws", "sso", "cache"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(home, ".aws", "config"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	return env{"HOME": home}
}

func TestAProfileIsTaken(t *testing.T) {
	t.Parallel()
	e := files(t, "[profile ci]\nregion = ap-south-1\naws_access_key_id = AKIAPROFILE\naws_secret_access_key = s\n")
	e["AWS_PROFILE"] = "ci"
	s, err := Open(t.Context(), Options{LookupEnv: e.lookup})
	if err != nil {
		t.Fatal(err)
	}
	if region, err := s.Region(); err != nil || region != "ap-south-1" || key(t, s) != "AKIAPROFILE" {
		t.Errorf("Region %s, %v, signed with %s", region, err, key(t, s))
	}
	e["AWS_PROFILE"] = "none"
	if _, err := Open(t.Context(), Options{LookupEnv: e.lookup}); err == nil || !strings.Contains(err.Error(), "none") {
		t.Errorf("got %v, want the profile that does not exist", err)
	}
}

func TestAWebIdentityOfTheEnvironmentIsTaken(t *testing.T) {
	t.Parallel()
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("jwt-file"), 0o600); err != nil {
		t.Fatal(err)
	}
	e := env{"AWS_WEB_IDENTITY_TOKEN_FILE": token, "AWS_ROLE_ARN": roleOne}
	aws := &fakeAWS{}
	if got := key(t, open(t, aws, e, Options{})); got != "ASIA0001" || aws.requests[0].Get("WebIdentityToken") != "jwt-file" {
		t.Errorf("signed with %s after %v", got, aws.requests)
	}
	refused := &fakeAWS{refuse: map[string]string{"AssumeRoleWithWebIdentity": "ExpiredTokenException: Token expired"}}
	if _, err := open(t, refused, e, Options{}).Identity(t.Context()); !errors.As(err, new(ExpiredCredentials)) {
		t.Errorf("got %v, want ExpiredCredentials", err)
	}
}

// The AWS CLI sends these calls to the configured endpoint, too.
func TestCallsForCredentialsGoToTheEndpointOfTheSettings(t *testing.T) {
	t.Parallel()
	const (
		source = "[profile base]\naws_access_key_id = AKIABASE\naws_secret_access_key = s\n"
		chain  = source + "[profile ci]\nrole_arn = " + roleOne + "\nsource_profile = base\n"
	)
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("jwt-file"), 0o600); err != nil {
		t.Fatal(err)
	}
	web := "[profile ci]\nrole_arn = " + roleOne + "\nweb_identity_token_file = " + token + "\n"
	tests := map[string]struct {
		config string
		env    env
		opts   Options
		calls  []string
		host   string
	}{
		"source profile":            {chain, env{"AWS_ENDPOINT_URL": "http://all.example"}, Options{}, []string{"AssumeRole"}, "all.example"},
		"source profile, twice":     {chain + "[profile two]\nrole_arn = " + roleTwo + "\nsource_profile = ci\n", env{"AWS_ENDPOINT_URL": "http://all.example", "AWS_PROFILE": "two"}, Options{}, []string{"AssumeRole", "AssumeRole"}, "all.example"},
		"web identity":              {web, env{"AWS_ENDPOINT_URL": "http://all.example"}, Options{}, []string{"AssumeRoleWithWebIdentity"}, "all.example"},
		"web identity, environment": {"[profile ci]\n", env{"AWS_ENDPOINT_URL": "http://all.example", "AWS_WEB_IDENTITY_TOKEN_FILE": token, "AWS_ROLE_ARN": roleOne}, Options{}, []string{"AssumeRoleWithWebIdentity"}, "all.example"},
		"sso session": {"[sso-session my]\nsso_region = eu-west-1\nsso_start_url = https://start.example\n[profile ci]\nsso_session = my\nsso_account_id = 111122223333\nsso_role_name = r\n",
			env{"AWS_ENDPOINT_URL": "http://all.example"}, Options{}, []string{"GetRoleCredentials"}, "all.example"},
		"sso, and a role": {"[profile sso]\nsso_region = eu-west-1\nsso_start_url = https://start.example\nsso_account_id = 111122223333\nsso_role_name = r\n[profile ci]\nsource_profile = sso\nrole_arn = " + roleOne + "\n",
			env{"AWS_ENDPOINT_URL": "http://all.example"}, Options{}, []string{"GetRoleCredentials", "AssumeRole"}, "all.example"},
		"of STS alone":             {chain, env{"AWS_ENDPOINT_URL_STS": "http://sts.example"}, Options{}, []string{"AssumeRole"}, "sts.example"},
		"of STS before all":        {chain, env{"AWS_ENDPOINT_URL_STS": "http://sts.example", "AWS_ENDPOINT_URL": "http://all.example"}, Options{}, []string{"AssumeRole"}, "sts.example"},
		"of the profile":           {chain + "endpoint_url = http://profile.example\n", nil, Options{}, []string{"AssumeRole"}, "profile.example"},
		"of the profile's service": {"[services local]\nsts =\n  endpoint_url = http://service.example\n" + chain + "services = local\n", nil, Options{}, []string{"AssumeRole"}, "service.example"},
		"of the inputs":            {chain, env{"AWS_ENDPOINT_URL": "http://all.example"}, Options{Endpoint: "http://input.example"}, []string{"AssumeRole"}, "input.example"},
		"ignored":                  {chain, env{"AWS_ENDPOINT_URL": "http://all.example", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"}, Options{}, []string{"AssumeRole"}, "sts.us-east-1.amazonaws.com"},
		"of the journal: AWS":      {chain, env{"AWS_ENDPOINT_URL": "http://all.example"}, Options{Pinned: true}, []string{"AssumeRole"}, "sts.us-east-1.amazonaws.com"},
		"of the journal": {chain, env{"AWS_ENDPOINT_URL": "http://all.example"}, Options{Pinned: true, Endpoints: map[string]string{"AWS_ENDPOINT_URL_STS": "http://journal.example"}},
			[]string{"AssumeRole"}, "journal.example"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := files(t, test.config)
			e["AWS_PROFILE"] = "ci"
			maps.Copy(e, test.env)
			for _, name := range []string{"my", "https://start.example"} {
				cached, err := json.Marshal(map[string]any{"accessToken": "a", "expiresAt": time.Now().Add(time.Hour).UTC().Format(time.RFC3339)})
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(e["HOME"], ".aws", "sso", "cache", sha1Name(name)), cached, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			aws := &fakeAWS{}
			key(t, open(t, aws, e, test.opts))
			if diff := cmp.Diff(test.calls, aws.calls); diff != "" {
				t.Errorf("calls (-want +got):\n%s", diff)
			}
			for _, host := range aws.hosts {
				if host != test.host {
					t.Errorf("a call for credentials went to %s, want %s", host, test.host)
				}
			}
		})
	}
}

func TestAProfileThatDoesNotExistIsNamed(t *testing.T) {
	t.Parallel()
	e := files(t, "[profile ci]\n")
	e["AWS_PROFILE"] = "cy"
	if _, err := Open(t.Context(), Options{HTTPClient: &fakeAWS{}, LookupEnv: e.lookup, Region: "us-east-1"}); err == nil || err.Error() != `the AWS configuration files have no profile "cy", which AWS_PROFILE names` {
		t.Error(err)
	}
}

func TestAMisconfiguredProfileIsReportedWhenItIsNeeded(t *testing.T) {
	t.Parallel()
	for config, want := range map[string]string{
		"[profile base]\naws_access_key_id = A\naws_secret_access_key = s\n[profile ci]\nrole_arn = " + roleOne + "\nsource_profile = base\nmfa_serial = arn:aws:iam::1:mfa/me\n": "nobody can type",
		"[profile ci]\nrole_arn = " + roleOne + "\ncredential_source = EcsContainer\n":                                                                                            "EcsContainer needs it",
		"[profile ci]\nrole_arn = " + roleOne + "\ncredential_source = Moon\n":                                                                                                    "not one of Environment",
	} {
		e := files(t, config)
		e["AWS_PROFILE"] = "ci"
		if _, err := open(t, &fakeAWS{}, e, Options{}).Identity(t.Context()); !errors.As(err, new(NoCredentials)) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\ngot %v, want %q", config, err, want)
		}
		// A role that the job's token opens needs no profile.
		maps.Copy(e, githubEnv)
		if _, err := open(t, &fakeAWS{}, e, Options{Role: &Role{ARN: roleOne}}).Identity(t.Context()); err != nil {
			t.Errorf("with a token: %v", err)
		}
	}
}

func TestHalfAPairOfKeysInTheEnvironmentIsAnError(t *testing.T) {
	t.Parallel()
	for want, e := range map[string]env{
		"AWS_SECRET_ACCESS_KEY is not": {"AWS_ACCESS_KEY_ID": "AKIAX"},
		"AWS_ACCESS_KEY_ID is not":     {"AWS_SECRET_ACCESS_KEY": "s"},
	} {
		if _, err := open(t, &fakeAWS{metadata: true}, e, Options{}).Identity(t.Context()); !errors.As(err, new(NoCredentials)) || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

// The environment is an argument, so that tests in virtual time, and a rollback
// whose journal says where it works, do not depend on the machine.
func TestTheProcessEnvironmentIsNotRead(t *testing.T) {
	for name, value := range map[string]string{
		"AWS_CA_BUNDLE": "/none.pem", "AWS_PROFILE": "none", "AWS_CONFIG_FILE": "/none", "AWS_REGION": "Frankfurt", "AWS_ENDPOINT_URL": "http://evil.example",
		"AWS_ENDPOINT_URL_STS": "http://evil.example", "AWS_ACCESS_KEY_ID": "AKIAEVIL", "AWS_SECRET_ACCESS_KEY": "s", "AWS_SESSION_TOKEN": "t", "AWS_WEB_IDENTITY_TOKEN_FILE": "/none",
		"AWS_ROLE_ARN": roleTwo, "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://evil.example", "AWS_USE_FIPS_ENDPOINT": "true", "AWS_USE_DUALSTACK_ENDPOINT": "true",
		"AWS_MAX_ATTEMPTS": "1", "AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://evil.example", "HOME": "/none", "ACTIONS_ID_TOKEN_REQUEST_URL": "http://evil.example", "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "t",
	} {
		t.Setenv(name, value)
	}
	aws := &fakeAWS{metadata: true}
	s := open(t, aws, env{}, Options{})
	if _, err := s.Identity(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := key(t, s); got != "ASIAEC2" || s.HasTokens() || s.Endpoint() != "" {
		t.Errorf("signed with %s, tokens %t, endpoint %q", got, s.HasTokens(), s.Endpoint())
	}
	if want := []string{"sts.us-east-1.amazonaws.com"}; !slices.Equal(aws.hosts, want) {
		t.Errorf("STS was asked at %q, want %q", aws.hosts, want)
	}
	pinned := open(t, aws, env{}, Options{Pinned: true, Endpoints: map[string]string{"AWS_ENDPOINT_URL_STS": "http://journal.example"}})
	if got := sts.NewFromConfig(pinned.Config("")).Options().BaseEndpoint; got == nil || *got != "http://journal.example" {
		t.Errorf("endpoint %v, want that of the journal", got)
	}
}

func TestWhiteSpaceAroundCredentialsIsTrimmedAndInsideRefused(t *testing.T) {
	t.Parallel()
	e := env{"AWS_ACCESS_KEY_ID": "AKIAENV\r\n", "AWS_SECRET_ACCESS_KEY": " secret\n", "AWS_SESSION_TOKEN": "token\r", "AWS_REGION": "eu-west-1\r\n"}
	var masked []string
	s, err := Open(t.Context(), Options{LookupEnv: e.lookup, HTTPClient: &fakeAWS{}, Mask: func(_ string, secrets ...string) { masked = append(masked, secrets...) }})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Identity(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"secret", "token"}, masked); diff != "" {
		t.Errorf("masked (-want +got):\n%s", diff)
	}
	if region, _ := s.Region(); region != "eu-west-1" {
		t.Errorf("Region %q", region)
	}

	synctest.Test(t, func(t *testing.T) {
		for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"} {
			for _, value := range []string{"AK\r\nIA", "A B", "A\tB", "A\x00", "ключ", "AKIA\nAKIB", `"AKIA"`, "'AKIA'"} {
				e := maps.Clone(keysEnv)
				e[name] = value
				aws := &fakeAWS{}
				start := time.Now()
				_, err := open(t, aws, e, Options{}).Identity(t.Context())
				if !errors.As(err, new(MalformedCredentials)) || !strings.Contains(err.Error(), name) || strings.Contains(err.Error(), value) {
					t.Errorf("%s=%q: got %v, want MalformedCredentials that names the variable and not its value", name, value, err)
				}
				if len(aws.calls) > 0 || time.Since(start) > 0 {
					t.Errorf("%s=%q: %d calls in %s", name, value, len(aws.calls), time.Since(start))
				}
			}
		}
	})
	for input, opts := range map[string]Options{
		"aws-access-key-id":     {AccessKeyID: "A\nB", SecretAccessKey: "s"},
		"aws-secret-access-key": {AccessKeyID: "A", SecretAccessKey: "s s"},
		"aws-session-token":     {AccessKeyID: "A", SecretAccessKey: "s", SessionToken: "t\nt"},
	} {
		if _, err := Open(t.Context(), opts); !errors.As(err, new(MalformedCredentials)) || !strings.Contains(err.Error(), input) {
			t.Errorf("got %v, want %s refused", err, input)
		}
	}
	if s, err := Open(t.Context(), Options{AccessKeyID: " AKIAINPUT\n", SecretAccessKey: "s\r\n", Region: " eu-west-1\n", Role: &Role{ARN: " " + roleOne + "\n"}}); err != nil {
		t.Error(err)
	} else if s.role.ARN != roleOne {
		t.Errorf("role %q", s.role.ARN)
	}
}

// A process or a container may answer with a line break, too.
func TestCredentialsOfEverySourceAreCleaned(t *testing.T) {
	t.Parallel()
	broken := httpFunc(func(*http.Request) (*http.Response, error) {
		return answer(http.StatusOK, fmt.Sprintf(`{"AccessKeyId":"ASIA","SecretAccessKey":"s","Token":"t\nt","Expiration":%q}`, time.Now().Add(time.Hour).UTC().Format(time.RFC3339))), nil
	})
	e := env{"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://localhost/x"}
	s, err := Open(t.Context(), Options{Region: "eu-west-1", LookupEnv: e.lookup, HTTPClient: broken})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Identity(t.Context()); !errors.As(err, new(MalformedCredentials)) {
		t.Errorf("got %v, want MalformedCredentials", err)
	}
}

// An endpoint without its scheme would be tried again and again, as would one of
// another protocol.
func TestAnEndpointThatIsNoAddressIsRefusedAtOnce(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		want string
		opts Options
	}{
		{`AWS_ENDPOINT_URL: "localhost:4566" is not an address`, Options{LookupEnv: env{"AWS_ENDPOINT_URL": "localhost:4566"}.lookup}},
		{`AWS_ENDPOINT_URL: "localhost" is not`, Options{LookupEnv: env{"AWS_ENDPOINT_URL": "localhost"}.lookup}},
		{`AWS_ENDPOINT_URL: "127.0.0.1:4566" is not`, Options{LookupEnv: env{"AWS_ENDPOINT_URL": "127.0.0.1:4566"}.lookup}},
		{`AWS_ENDPOINT_URL: "ftp://aws" is not`, Options{LookupEnv: env{"AWS_ENDPOINT_URL": "ftp://aws"}.lookup}},
		{`AWS_ENDPOINT_URL: "http://" is not`, Options{LookupEnv: env{"AWS_ENDPOINT_URL": "http://"}.lookup}},
		{`AWS_ENDPOINT_URL_LAMBDA: "lambda:1" is not`, Options{LookupEnv: env{"AWS_ENDPOINT_URL_LAMBDA": "lambda:1"}.lookup}},
		{`AWS_ENDPOINT_URL: "http://***@h:0" is not`, Options{LookupEnv: env{"AWS_ENDPOINT_URL": "http://user:hush@h:0"}.lookup}},
		{`HTTPS_PROXY: "proxy:99999" is not the address of a proxy: its port`, Options{LookupEnv: env{"HTTPS_PROXY": "proxy:99999"}.lookup}},
		{`https_proxy: "://x" is not the address of a proxy`, Options{LookupEnv: env{"https_proxy": "://x"}.lookup}},
		{`HTTPS_PROXY: "http://***@:3128" is not`, Options{LookupEnv: env{"HTTPS_PROXY": "http://user:hush@:3128"}.lookup}},
		{`HTTPS_PROXY: "ftp://proxy" is not`, Options{LookupEnv: env{"HTTPS_PROXY": "ftp://proxy"}.lookup}},
		{"", Options{LookupEnv: env{"HTTPS_PROXY": "user:p@proxy.example:3128", "https_proxy": "socks5h://proxy"}.lookup}},
		{"", Options{LookupEnv: env{"HTTPS_PROXY": "proxy:99999", "AWS_ENDPOINT_URL": "http://localhost:4566"}.lookup}},
		{`AWS_ENDPOINT_URL_CODEDEPLOY: "http://h:0" is not`, Options{LookupEnv: env{"AWS_ENDPOINT_URL_CODEDEPLOY": "http://h:0"}.lookup}},
		{`AWS_ENDPOINT_URL_CLOUDWATCH_LOGS: "h" is not`, Options{LookupEnv: env{"AWS_ENDPOINT_URL_CLOUDWATCH_LOGS": "h"}.lookup}},
		{`AWS_ENDPOINT_URL: "http://127.0.0.1:99999" is not an address of a server: its port is not a number from 1 to 65535`, Options{LookupEnv: env{"AWS_ENDPOINT_URL": "http://127.0.0.1:99999"}.lookup}},
		{"", Options{LookupEnv: env{"AWS_ENDPOINT_URL": "localhost", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"}.lookup}},
		{"", Options{LookupEnv: env{"AWS_ENDPOINT_URL": "http://[::1]:4566/", "AWS_ENDPOINT_URL_STS": "https://sts.example"}.lookup}},
		{"", Options{}},
	} {
		switch _, err := Open(t.Context(), tc.opts); {
		case tc.want == "" && err != nil:
			t.Error(err)
		case tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)):
			t.Errorf("got %v, want %s", err, tc.want)
		}
	}
}

func TestARegionHasAForm(t *testing.T) {
	t.Parallel()
	for want, opts := range map[string]Options{
		"aws-region: \"Frankfurt\"":   {Region: "Frankfurt"},
		"AWS_REGION: \"AWS_REGION\"":  {LookupEnv: env{"AWS_REGION": "AWS_REGION"}.lookup},
		"did you mean eu-central-1?":  {LookupEnv: env{"AWS_DEFAULT_REGION": "eu-central1"}.lookup},
		"AWS_DEFAULT_REGION: \"eu\" ": {LookupEnv: env{"AWS_DEFAULT_REGION": "eu"}.lookup},
	} {
		if _, err := Open(t.Context(), opts); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
		if err := Check(opts); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("offline: got %v, want %q", err, want)
		}
	}
}

func TestAllProblemsOfTheInputsAreReportedOffline(t *testing.T) {
	t.Parallel()
	err := Check(Options{Region: "Frankfurt", AccessKeyID: "A B", SecretAccessKey: "s", Role: &Role{ARN: "deploy"}})
	for _, want := range []string{"aws-access-key-id holds", "did you mean eu-central-1?", "not the ARN of a role"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	if err := Check(Options{LookupEnv: env{"AWS_REGION": "eu-west-1"}.lookup, Role: &Role{ARN: roleOne + "\n"}}); err != nil {
		t.Error(err)
	}
}

// httpFunc is an HTTP client.
type httpFunc func(*http.Request) (*http.Response, error)

func (f httpFunc) Do(r *http.Request) (*http.Response, error) { return f(r) }

// answers returns one answer after the other, then the last one repeatedly.
func answers(list ...func() (*http.Response, error)) (client httpFunc, asked *int) {
	asked = new(int)
	return func(r *http.Request) (*http.Response, error) {
		if r.Body != nil {
			if _, err := io.Copy(io.Discard, r.Body); err != nil {
				return nil, err
			}
		}
		next := list[min(*asked, len(list)-1)]
		*asked++
		return next()
	}, asked
}
