package artifact

import (
	"context"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/lambda-rollout/lambda-rollout/internal/session"
)

func TestTheRegistrysEndpointIsThatOfTheImage(t *testing.T) {
	t.Parallel()
	s, err := session.Open(t.Context(), session.Options{Region: region})
	if err != nil {
		t.Fatal(err)
	}
	for host, want := range map[string]string{
		"123456789012.dkr.ecr.eu-west-1.amazonaws.com":          "https://api.ecr.eu-west-1.amazonaws.com",
		"123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn":      "https://api.ecr.cn-north-1.amazonaws.com.cn",
		"123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com": "https://ecr-fips.us-gov-west-1.amazonaws.com",
		"123456789012.dkr.ecr.us-iso-east-1.c2s.ic.gov":         "https://api.ecr.us-iso-east-1.c2s.ic.gov",
	} {
		if got := newRegistryAPI(t.Context(), s, imageRefOf(t, host+"/app:v1").Image).endpoint; got != want {
			t.Errorf("%s: endpoint %s, want %s", host, got, want)
		}
	}
}

// It sets the process's environment, since it is the SDK that reads it.
func TestSettingsAboutEndpointsStandBeforeTheImagesName(t *testing.T) {
	image := imageRefOf(t, registry+"/app:v1").Image
	for _, setting := range []struct{ name, value, want string }{
		{"AWS_USE_FIPS_ENDPOINT", "true", "https://ecr-fips.eu-west-1.amazonaws.com"},
		{"AWS_ENDPOINT_URL", "https://all.example", "https://all.example"},
		{"AWS_ENDPOINT_URL_ECR", "https://ecr.example", "https://ecr.example"},
	} {
		t.Setenv(setting.name, setting.value)
		s, err := session.Open(t.Context(), session.Options{Region: region, LookupEnv: os.LookupEnv})
		if err != nil {
			t.Fatal(err)
		}
		if got := newRegistryAPI(t.Context(), s, image).endpoint; got != setting.want {
			t.Errorf("with %s: endpoint %s, want %s", setting.name, got, setting.want)
		}
	}
}

func TestAnOutageOfTheRegistryIsSatOut(t *testing.T) {
	t.Parallel()
	type each = []func(*http.Request) (*http.Response, error)
	found := func() func(*http.Request) (*http.Response, error) {
		return status(200, strings.NewReader(`{"imageDetails":[{"imageDigest":"sha256:00"}]}`))
	}
	tests := map[string]struct {
		answers each
		given   int
		want    string
	}{
		"5xx":       {each{status(503, http.NoBody), found()}, 2, ""},
		"throttled": {each{status(400, strings.NewReader(`{"__type":"ThrottlingException","message":"slow"}`)), found()}, 2, ""},
		"no line":   {each{broken, found()}, 2, ""},
		"refused":   {each{status(400, strings.NewReader(`{"__type":"com.amazonaws.ecr#InvalidParameterException","message":"bad name"}`))}, 1, "InvalidParameterException: bad name"},
		"junk":      {each{status(200, strings.NewReader("<html>"))}, 1, "invalid character"},
		"expired":   {each{status(400, strings.NewReader(`{"__type":"ExpiredTokenException","message":"old"}`))}, 1, "have expired"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				client := &answers{each: test.answers}
				s, err := session.Open(t.Context(), session.Options{Region: region, AccessKeyID: "AKIA" + ours, SecretAccessKey: "s", HTTPClient: client})
				if err != nil {
					t.Fatal(err)
				}
				_, err = Resolve(t.Context(), imageRefOf(t, registry+"/app:v1"), Options{Session: s, Region: region})
				if client.given != test.given {
					t.Errorf("%d requests, want %d", client.given, test.given)
				}
				if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
					t.Errorf("got %v, want %q", err, test.want)
				}
			})
		})
	}
}

func TestAQuestionToTheRegistryEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	client := &answers{each: []func(*http.Request) (*http.Response, error){func(r *http.Request) (*http.Response, error) {
		if got := r.Header.Get("User-Agent"); got != "lambda-rollout/dev" {
			t.Errorf("User-Agent %q", got)
		}
		cancel()
		return nil, io.ErrUnexpectedEOF
	}}}
	s, err := session.Open(t.Context(), session.Options{Region: region, AccessKeyID: "AKIA" + ours, SecretAccessKey: "s", HTTPClient: client})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Resolve(ctx, imageRefOf(t, registry+"/app:v1"), Options{Session: s, Region: region}); err == nil || client.given != 1 {
		t.Errorf("got %v after %d requests, want an error after one", err, client.given)
	}
}
