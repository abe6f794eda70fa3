package session

import (
	"context"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
)

// embedded serves the embedded AWS over HTTP and counts the connections to it.
func embedded(t *testing.T) (url string, connections *atomic.Int32) {
	t.Helper()
	server, err := awslocal.New(awslocal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	connections = new(atomic.Int32)
	front := httptest.NewUnstartedServer(server)
	front.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	front.Start()
	t.Cleanup(func() {
		front.Close()
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	return front.URL, connections
}

// A connection may be returned to the pool after the next call has begun, which then
// takes a second one: of five tries one must do with one.
func TestRolesAreAssumedAndChainedOverOneConnection(t *testing.T) {
	t.Parallel()
	var n int32
	for range 5 {
		if n = assumedAndChained(t); n == 1 {
			return
		}
	}
	t.Errorf("%d connections, want 1", n)
}

// assumedAndChained asks who a role and a role behind it are, and returns how many
// connections that took.
func assumedAndChained(t *testing.T) int32 {
	t.Helper()
	url, connections := embedded(t)
	run, err := Open(t.Context(), Options{
		Region: "eu-west-1", Endpoint: url, AccessKeyID: "111122223333", SecretAccessKey: "secret",
		Role: &Role{ARN: roleOne, SessionName: "run 1"},
	})
	if err != nil {
		t.Fatal(err)
	}
	connector, err := run.Assume(Role{ARN: roleTwo})
	if err != nil {
		t.Fatal(err)
	}
	for s, want := range map[*Session]string{
		run:       "arn:aws:sts::111122223333:assumed-role/deploy/run-1",
		connector: "arn:aws:sts::444455556666:assumed-role/prod/lambda-rollout",
	} {
		said, err := s.Identity(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		asked, err := sts.NewFromConfig(s.Config("")).GetCallerIdentity(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if said.ARN != want || *asked.Arn != want || *asked.Account != said.Account || *asked.UserId != said.UserID {
			t.Errorf("the session says %+v, STS %s %s; want %s", said, *asked.Arn, *asked.UserId, want)
		}
	}
	return connections.Load()
}

func TestAJobsTokenOpensTheRole(t *testing.T) {
	t.Parallel()
	url, _ := embedded(t)
	github := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		claims := fmt.Sprintf(`{"iss":"https://token.actions.githubusercontent.com","aud":%q,"sub":"repo:a/b:ref:refs/heads/main","exp":%d}`,
			r.URL.Query().Get("audience"), time.Now().Add(5*time.Minute).Unix())
		encode := base64.RawURLEncoding.EncodeToString
		fmt.Fprintf(w, `{"value":"%s.%s.%s"}`, encode([]byte(`{"alg":"RS256"}`)), encode([]byte(claims)), encode([]byte("signature")))
	}))
	defer github.Close()
	job := env{"ACTIONS_ID_TOKEN_REQUEST_URL": github.URL + "/token?api-version=2.0", "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "runner"}
	s, err := Open(t.Context(), Options{Region: "eu-west-1", Endpoint: url, Role: &Role{ARN: roleTwo}, LookupEnv: job.lookup})
	if err != nil {
		t.Fatal(err)
	}
	id, err := s.Identity(t.Context())
	if err != nil || id.ARN != "arn:aws:sts::444455556666:assumed-role/prod/lambda-rollout" {
		t.Errorf("got %+v, %v", id, err)
	}
}

// tokens is a TokenSource with one token.
type tokens string

func (s tokens) Token(context.Context, string) (string, error) { return string(s), nil }

func TestATokenThatSTSCannotReadIsRefused(t *testing.T) {
	t.Parallel()
	url, _ := embedded(t)
	s, err := Open(t.Context(), Options{Region: "eu-west-1", Endpoint: url, Role: &Role{ARN: roleOne}, Tokens: tokens("junk")})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Identity(t.Context()); !errors.As(err, new(AssumeRefused)) || !strings.Contains(err.Error(), "OIDC provider") {
		t.Errorf("got %v, want AssumeRefused", err)
	}
}

func TestABundleOfCertificatesIsTrusted(t *testing.T) {
	t.Parallel()
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }))
	defer server.Close()
	bundle := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(bundle, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	ask := func(e env) error {
		s, err := Open(t.Context(), Options{LookupEnv: e.lookup})
		if err != nil {
			t.Fatal(err)
		}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := s.HTTPClient().Do(req)
		if err != nil {
			return err
		}
		return resp.Body.Close()
	}
	if err := ask(env{}); !errors.As(err, new(UntrustedCertificate)) || !strings.Contains(err.Error(), "AWS_CA_BUNDLE") || !strings.Contains(err.Error(), strings.TrimPrefix(server.URL, "https://")) {
		t.Errorf("got %v, want UntrustedCertificate with the host and the setting", err)
	}
	if err := ask(env{"AWS_CA_BUNDLE": bundle}); err != nil {
		t.Errorf("with AWS_CA_BUNDLE: %v", err)
	}
	limits := NewLimits()
	first, err := limits.certificates(bundle)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := limits.certificates(bundle); err != nil || again != first {
		t.Errorf("the same certificates were read again: %v", err)
	}
	for _, wrong := range []string{bundle + ".none", os.DevNull} {
		if _, err := Open(t.Context(), Options{LookupEnv: env{"AWS_CA_BUNDLE": wrong}.lookup}); err == nil || !strings.Contains(err.Error(), "AWS_CA_BUNDLE") {
			t.Errorf("%s: %v", wrong, err)
		}
	}
}
