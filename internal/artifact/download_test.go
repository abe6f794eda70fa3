package artifact

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"

	"github.com/lambda-rollout/lambda-rollout/internal/session"
)

// answers are what an address gives, one after the other, the last for ever. It
// needs no network and thus runs in a synctest bubble.
type answers struct {
	given int
	each  []func(*http.Request) (*http.Response, error)
}

func (a *answers) Do(r *http.Request) (*http.Response, error) {
	next := a.each[min(a.given, len(a.each)-1)]
	a.given++
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	return next(r)
}

func status(code int, body io.Reader) func(*http.Request) (*http.Response, error) {
	return func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: code, Status: http.StatusText(code), Body: io.NopCloser(body)}, nil
	}
}

// fails is a connection that ends with err, as net/http tells it.
func fails(err error) func(*http.Request) (*http.Response, error) {
	return func(r *http.Request) (*http.Response, error) {
		return nil, &url.Error{Op: "Get", URL: r.URL.String(), Err: err}
	}
}

var broken = fails(errors.New("connection refused"))

const codeURL = "https://code.example/x.zip?X-Amz-Signature=very-secret"

func TestDownloadTakesTheCodeAndNothingElse(t *testing.T) {
	t.Parallel()
	content := zipOf(t, 1<<20)
	whole := func() func(*http.Request) (*http.Response, error) { return status(200, bytes.NewReader(content)) }
	type each = []func(*http.Request) (*http.Response, error)
	tests := map[string]struct {
		answers each
		// want is the error, empty for none; given how many answers it took.
		want  string
		given int
	}{
		"at once":            {each{whole()}, "", 1},
		"after a 5xx":        {each{status(503, http.NoBody), whole()}, "", 2},
		"after a cut":        {each{status(200, io.MultiReader(bytes.NewReader(content[:1000]), iotest.ErrReader(io.ErrUnexpectedEOF))), whole()}, "", 2},
		"after no line":      {each{broken, whole()}, "", 2},
		"after another file": {each{status(200, strings.NewReader("another")), whole()}, "", 2},
		"expired":            {each{status(403, http.NoBody)}, "Forbidden (the URL is valid for ten minutes)", 1},
		"no line":            {each{broken}, "connection refused", downloadTries},
		"another file":       {each{status(200, strings.NewReader("another"))}, "its SHA-256 is ", downloadTries},
		"no trust":           {each{fails(session.UntrustedCertificate{Host: "code.example", Err: errors.New("unknown authority")})}, "the certificate of code.example is not trusted", 1},
		"a login page":       {each{fails(session.ForeignAnswer{Host: "code.example", Status: 200})}, "code.example did not answer: something between here and AWS did", 1},
		"too large":          {each{status(200, io.LimitReader(zeros{}, 4<<20))}, "it is above 2097152 bytes (2 MB)", 1},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				client := &answers{each: test.answers}
				path, err := Download(t.Context(), client, Source{URL: codeURL, Sha256: sumOf(content), Limit: 2 << 20}, dir)
				left, readErr := os.ReadDir(dir)
				if readErr != nil {
					t.Fatal(readErr)
				}
				if client.given != test.given {
					t.Errorf("%d requests, want %d", client.given, test.given)
				}
				if test.want != "" {
					if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "very-secret") {
						t.Errorf("got %v, want %q and no address", err, test.want)
					}
					if len(left) > 0 {
						t.Errorf("left %v", left)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				if got, _ := os.ReadFile(path); !bytes.Equal(got, content) || len(left) != 1 {
					t.Errorf("%s is not the code, or not the only file of %v", path, left)
				}
			})
		})
	}
}

func TestDownloadEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	client := &answers{each: []func(*http.Request) (*http.Response, error){func(*http.Request) (*http.Response, error) {
		cancel()
		return nil, context.Canceled
	}}}
	if _, err := Download(ctx, client, Source{URL: codeURL}, t.TempDir()); !errors.Is(err, context.Canceled) || client.given != 1 {
		t.Errorf("got %v after %d requests, want the context's error after one", err, client.given)
	}
}
