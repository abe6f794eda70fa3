package session

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// An outage of GitHub's token endpoint must neither refuse a deploy nor keep a
// rollback from starting.
func TestAnOutageOfTheTokenEndpointIsWaitedOut(t *testing.T) {
	t.Parallel()
	const token = `{"value":"jwt"}`
	fine := say(http.StatusOK, token)
	html := func() (*http.Response, error) {
		a := answer(http.StatusOK, "<title>Unicorn!</title>")
		a.Header.Set("Content-Type", "text/html")
		return a, nil
	}
	for name, test := range map[string]struct {
		answers []func() (*http.Response, error)
		tries   int
		want    string
	}{
		"502 once":            {[]func() (*http.Response, error){say(502, ""), fine}, 2, ""},
		"502 until the last":  {[]func() (*http.Response, error){say(502, ""), say(500, ""), say(503, ""), say(504, ""), say(429, ""), fine}, 6, ""},
		"a broken connection": {[]func() (*http.Response, error){broken, fine}, 2, ""},
		"no token in it":      {[]func() (*http.Response, error){say(200, `{}`), fine}, 2, ""},
		"half an answer":      {[]func() (*http.Response, error){say(200, `{"value":`), fine}, 2, ""},
		"down":                {[]func() (*http.Response, error){say(502, "")}, tokenTries, "502"},
		"refused":             {[]func() (*http.Response, error){say(401, "")}, 1, "401"},
		"a web page":          {[]func() (*http.Response, error){html}, 1, "Unicorn!"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				client, asked := answers(test.answers...)
				start := time.Now()
				got, err := gitHubTokens(githubEnv.lookupOr(), &transport{client}).Token(t.Context(), "aud")
				if *asked != test.tries || (test.want == "") != (got == "jwt") || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
					t.Errorf("got %q, %v after %d tries, want %q after %d", got, err, *asked, test.want, test.tries)
				}
				if took := time.Since(start); took > time.Minute {
					t.Errorf("it took %s", took)
				}
			})
		})
	}
}

func TestASilentTokenEndpointTimesOut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		silent := httpFunc(func(r *http.Request) (*http.Response, error) {
			if asked++; asked == 2 {
				return answer(http.StatusOK, `{"value":"jwt"}`), nil
			}
			<-r.Context().Done()
			return nil, r.Context().Err()
		})
		source := gitHubTokens(githubEnv.lookupOr(), silent)
		start := time.Now()
		if got, err := source.Token(t.Context(), "aud"); got != "jwt" || err != nil || time.Since(start) != tokenTimeout+tokenPause {
			t.Errorf("got %q, %v after %s", got, err, time.Since(start))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := source.Token(ctx, "aud"); !errors.Is(err, context.DeadlineExceeded) || asked != 3 {
			t.Errorf("got %v after %d requests, want the context's error after one more", err, asked)
		}
	})
}

func (e env) lookupOr() func(string) string {
	return func(name string) string { return e[name] }
}

func TestTheClaimsOfATokenAreRead(t *testing.T) {
	t.Parallel()
	jwt := func(claims string) string {
		return "e30." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".c2ln"
	}
	for token, want := range map[string]Claims{
		jwt(`{"iss":"https://i","sub":"repo:a/b:ref:x","aud":"sts"}`): {Issuer: "https://i", Subject: "repo:a/b:ref:x", Audience: "sts"},
		jwt(`{"iss":"https://i","aud":["a","b"]}`):                    {Issuer: "https://i", Audience: "a, b"},
		jwt(`{"aud":7}`): {},
	} {
		got, err := ParseToken(token)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v\n%s", token, err, diff)
		}
	}
	for _, junk := range []string{"", "a.b", "a.!.c", jwt("["), "....."} {
		if _, err := ParseToken(junk); err == nil || strings.Contains(err.Error(), junk) && junk != "" && junk != "a.b" {
			t.Errorf("%q: %v", junk, err)
		}
	}
}

func TestTheJobsClaimsAreThoseOfItsToken(t *testing.T) {
	t.Parallel()
	var masked []string
	s := open(t, &fakeAWS{claims: claims}, githubEnv, Options{Mask: func(_ string, secrets ...string) { masked = append(masked, secrets...) }})
	got, err := s.JobClaims(t.Context(), "sts.amazonaws.com")
	want := Claims{Issuer: "https://token.actions.githubusercontent.com", Subject: "repo:octo/app:ref:refs/heads/main", Audience: "sts.amazonaws.com"}
	if got != want || err != nil || len(masked) != 1 || !s.HasTokens() {
		t.Errorf("got %+v, %v; %d values masked", got, err, len(masked))
	}
	s = open(t, &fakeAWS{}, keysEnv, Options{})
	if _, err := s.JobClaims(t.Context(), "a"); err == nil || s.HasTokens() {
		t.Errorf("got %v without a token endpoint", err)
	}
}
