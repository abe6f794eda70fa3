package session

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// TokenSource mints OIDC tokens of the job that this process runs in.
type TokenSource interface {
	// Token mints a fresh token for the audience.
	Token(ctx context.Context, audience string) (string, error)
}

// Claims are what a token says of the job.
type Claims struct {
	// Issuer is the address of who minted it, Subject who the job is, Audience
	// whom it is for.
	Issuer   string `json:"iss"`
	Subject  string `json:"sub"`
	Audience string `json:"-"`
}

// ParseToken reads the claims of a JWT (https://datatracker.ietf.org/doc/html/rfc7519).
// It does not verify the signature: it is for messages and for the policy that a
// user checks, and STS verifies.
func ParseToken(token string) (Claims, error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return Claims{}, errors.New("the OIDC token is not a JWT")
	}
	body, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return Claims{}, fmt.Errorf("read the OIDC token: %w", err)
	}
	var claims struct {
		Claims
		Audience json.RawMessage `json:"aud"`
	}
	if err := json.Unmarshal(body, &claims); err != nil {
		return Claims{}, fmt.Errorf("read the OIDC token: %w", err)
	}
	// One audience, or a list of them.
	var all []string
	if json.Unmarshal(claims.Audience, &claims.Claims.Audience) != nil && json.Unmarshal(claims.Audience, &all) == nil {
		claims.Claims.Audience = strings.Join(all, ", ")
	}
	return claims.Claims, nil
}

// HasTokens reports whether the job may mint OIDC tokens.
func (s *Session) HasTokens() bool { return s.tokens != nil }

// JobClaims mints a token of the job for an audience and returns what it says.
// Without a token endpoint, or where that refuses, it returns an error.
func (s *Session) JobClaims(ctx context.Context, audience string) (Claims, error) {
	if s.tokens == nil {
		return Claims{}, noEndpoint{}
	}
	token, err := s.mint(ctx, audience)
	if err != nil {
		return Claims{}, err
	}
	return ParseToken(token)
}

// mint is the one way to a token: it is masked before anything else sees it.
func (s *Session) mint(ctx context.Context, audience string) (string, error) {
	token, err := s.tokens.Token(ctx, audience)
	if err == nil {
		s.opts.Mask("OIDC token", token)
	}
	return token, err
}

// noEndpoint is a job that GitHub gave no token endpoint.
type noEndpoint struct{}

func (noEndpoint) Error() string { return "the job has no OIDC token endpoint" }

// tokenRefusal is the endpoint's own refusal.
type tokenRefusal struct {
	code   int
	status string
}

func (e tokenRefusal) Error() string { return "GitHub's OIDC token endpoint answered " + e.status }

// gitHubTokens asks GitHub's endpoint for tokens; nil where the job has none,
// which is so without `permissions: id-token: write`
// (https://docs.github.com/en/actions/reference/security/oidc).
func gitHubTokens(env func(string) string, client aws.HTTPClient) TokenSource {
	address, bearer := env("ACTIONS_ID_TOKEN_REQUEST_URL"), env("ACTIONS_ID_TOKEN_REQUEST_TOKEN")
	if address == "" || bearer == "" {
		return nil
	}
	return &gitHub{address: address, bearer: bearer, client: client}
}

type gitHub struct {
	address, bearer string
	client          aws.HTTPClient
}

// The endpoint is asked at most tokenTries times, each for at most tokenTimeout,
// with pauses that double from tokenPause on: an outage of some seconds must
// neither refuse a deploy nor keep a rollback from starting.
const (
	tokenTries   = 6
	tokenTimeout = 10 * time.Second
	tokenPause   = 500 * time.Millisecond
)

// Token asks again after a failure of the network or of the service: GitHub's
// endpoint is known to answer 5xx for moments.
func (g *gitHub) Token(ctx context.Context, audience string) (string, error) {
	address, err := url.Parse(g.address)
	if err != nil {
		return "", fmt.Errorf("read ACTIONS_ID_TOKEN_REQUEST_URL: %w", err)
	}
	query := address.Query()
	query.Set("audience", audience)
	address.RawQuery = query.Encode()

	pause := tokenPause
	for try := 1; ; try++ {
		token, again, err := g.ask(ctx, address.String())
		if err == nil {
			return token, nil
		}
		if !again || try == tokenTries || ctx.Err() != nil {
			return "", err
		}
		select {
		case <-ctx.Done():
			return "", err
		case <-time.After(pause):
			pause *= 2
		}
	}
}

// ask makes one request; again reports whether another could end better.
func (g *gitHub) ask(ctx context.Context, address string) (token string, again bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, tokenTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return "", false, err
	}
	req.Header.Set("Authorization", "Bearer "+g.bearer)
	req.Header.Set("Accept", "application/json; api-version=2.0")
	resp, err := g.client.Do(req)
	if err != nil {
		return "", Cause(err) == nil, fmt.Errorf("ask GitHub's OIDC token endpoint: %w", err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return "", true, fmt.Errorf("read the job's OIDC token: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		again := resp.StatusCode >= 500 || resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode == http.StatusRequestTimeout
		return "", again, tokenRefusal{resp.StatusCode, resp.Status}
	}
	var answer struct {
		Value string `json:"value"`
	}
	if err := json.Unmarshal(body, &answer); err != nil || answer.Value == "" {
		return "", true, errors.New("GitHub's OIDC token endpoint answered without a token")
	}
	return answer.Value, false, nil
}
