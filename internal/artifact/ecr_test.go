package artifact

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/lambda-rollout/lambda-rollout/internal/session"
)

// asked is the host that a question about an image goes to.
func asked(t *testing.T, image string, settings map[string]string) (host string) {
	t.Helper()
	client := httpFunc(func(r *http.Request) (*http.Response, error) {
		host = r.URL.Host
		return status(400, strings.NewReader(`{"__type":"ImageNotFoundException"}`))(r)
	})
	s, err := session.Open(t.Context(), session.Options{
		Region: region, AccessKeyID: "AKIA" + ours, SecretAccessKey: "s", HTTPClient: client,
		LookupEnv: func(name string) (string, bool) { value, set := settings[name]; return value, set },
	})
	if err != nil {
		t.Fatal(err)
	}
	ref := imageRefOf(t, image)
	if _, err := Resolve(t.Context(), ref, Options{Session: s, Region: ref.Image.Region}); err == nil {
		t.Error("an image that does not exist was found")
	}
	return host
}

type httpFunc func(*http.Request) (*http.Response, error)

func (f httpFunc) Do(r *http.Request) (*http.Response, error) { return f(r) }

func TestTheRegistrysEndpointIsThatOfTheImage(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]string{
		"123456789012.dkr.ecr.eu-west-1.amazonaws.com":          "api.ecr.eu-west-1.amazonaws.com",
		"123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn":      "api.ecr.cn-north-1.amazonaws.com.cn",
		"123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com": "ecr-fips.us-gov-west-1.amazonaws.com",
		"123456789012.dkr.ecr.us-iso-east-1.c2s.ic.gov":         "api.ecr.us-iso-east-1.c2s.ic.gov",
	} {
		if got := asked(t, host+"/app:v1", nil); got != want {
			t.Errorf("%s: asked %s, want %s", host, got, want)
		}
	}
}

func TestConfiguredEndpointsTakePrecedenceOverTheImagesName(t *testing.T) {
	t.Parallel()
	for want, settings := range map[string]map[string]string{
		"ecr-fips.eu-west-1.amazonaws.com": {"AWS_USE_FIPS_ENDPOINT": "true"},
		"all.example":                      {"AWS_USE_FIPS_ENDPOINT": "true", "AWS_ENDPOINT_URL": "https://all.example"},
		"ecr.example":                      {"AWS_ENDPOINT_URL": "https://all.example", "AWS_ENDPOINT_URL_ECR": "https://ecr.example"},
	} {
		if got := asked(t, registry+"/app:v1", settings); got != want {
			t.Errorf("asked %s, want %s", got, want)
		}
	}
}

func TestAnOutageOfTheRegistryIsWaitedOut(t *testing.T) {
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
