package session

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// TokenSource gives OIDC tokens of the job that this process runs in.
type TokenSource interface {
	// Token mints a fresh token for the audience.
	Token(ctx context.Context, audience string) (string, error)
}

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

const (
	tokenTries   = 4
	tokenTimeout = 10 * time.Second
	tokenPause   = 500 * time.Millisecond
)

// Token asks again after a failure of the line or of the service: GitHub's
// endpoint is known to answer 5xx for moments.
func (g *gitHub) Token(ctx context.Context, audience string) (string, error) {
	address, err := url.Parse(g.address)
	if err != nil {
		return "", fmt.Errorf("read ACTIONS_ID_TOKEN_REQUEST_URL: %w", err)
	}
	query := address.Query()
	query.Set("audience", audience)
	address.RawQuery = query.Encode()

	for try := 1; ; try++ {
		token, again, err := g.ask(ctx, address.String())
		if err == nil || !again || try == tokenTries {
			return token, err
		}
		select {
		case <-ctx.Done():
			return "", ctx.Err()
		case <-time.After(time.Duration(try) * tokenPause):
		}
	}
}

// ask makes one request; again says whether another could go better.
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
		return "", true, fmt.Errorf("ask the job's OIDC endpoint: %w", err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return "", true, fmt.Errorf("read the job's OIDC token: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		again := resp.StatusCode >= 500 || resp.StatusCode == http.StatusTooManyRequests
		return "", again, fmt.Errorf("ask the job's OIDC endpoint: it answered %s", resp.Status)
	}
	var answer struct {
		Value string `json:"value"`
	}
	if err := json.Unmarshal(body, &answer); err != nil || answer.Value == "" {
		return "", false, fmt.Errorf("the job's OIDC endpoint answered without a token")
	}
	return answer.Value, false, nil
}
