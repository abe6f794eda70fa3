package session

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// fakeAWS answers as STS, GitHub's OIDC endpoint and EC2's metadata service do,
// without any network, so that it runs in a synctest bubble.
type fakeAWS struct {
	mu sync.Mutex
	// calls are the STS actions and token requests, in order.
	calls []string
	// requests are what came with them.
	requests []url.Values
	headers  []http.Header
	// hosts are where the calls to STS and SSO went.
	hosts []string
	// lives is how long credentials live; 0 means an hour.
	lives time.Duration
	// refuse answers an action by an error code and text.
	refuse map[string]string
	// metadata serves credentials of an instance; without it the address does not answer.
	metadata bool
	// silent never answers an action.
	silent string
	// tokenOutage is how many token requests fail first.
	tokenOutage int
	// claims are what the job's tokens say; without them a token is no JWT.
	claims string
	tokens int
	keys   int
}

const (
	githubURL = "https://oidc.example/token?api-version=2.0"
	roleOne   = "arn:aws:iam::111122223333:role/deploy"
	roleTwo   = "arn:aws:iam::444455556666:role/path/prod"
)

func (f *fakeAWS) Do(r *http.Request) (*http.Response, error) {
	switch {
	case r.URL.Host == "169.254.169.254":
		return f.answerMetadata(r)
	case r.URL.Host == "oidc.example":
		return f.answerToken(r)
	}
	if r.URL.Path == "/federation/credentials" {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.calls, f.hosts = append(f.calls, "GetRoleCredentials"), append(f.hosts, r.URL.Host)
		return answer(http.StatusOK, fmt.Sprintf(`{"roleCredentials":{"accessKeyId":"ASIASSO","secretAccessKey":"s","sessionToken":"t","expiration":%d}}`,
			time.Now().Add(time.Hour).UnixMilli())), nil
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, err
	}
	action := form.Get("Action")
	f.mu.Lock()
	f.calls = append(f.calls, action)
	f.requests = append(f.requests, form)
	f.headers = append(f.headers, r.Header)
	f.hosts = append(f.hosts, r.URL.Host)
	f.keys++
	key := fmt.Sprintf("ASIA%04d", f.keys)
	f.mu.Unlock()
	if f.silent == action {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	if code, text, refused := strings.Cut(f.refuse[action], ": "); refused {
		return answer(http.StatusForbidden, fmt.Sprintf("<ErrorResponse><Error><Code>%s</Code><Message>%s</Message></Error></ErrorResponse>", code, text)), nil
	}
	if action == "GetCallerIdentity" {
		return answer(http.StatusOK, `<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:iam::777788889999:user/ci</Arn><UserId>AIDA1</UserId><Account>777788889999</Account></GetCallerIdentityResult></GetCallerIdentityResponse>`), nil
	}
	role := form.Get("RoleArn")
	lives := f.lives
	if lives == 0 {
		lives = time.Hour
	}
	return answer(http.StatusOK, fmt.Sprintf(`<%[1]sResponse><%[1]sResult>
<Credentials><AccessKeyId>%[2]s</AccessKeyId><SecretAccessKey>secret-%[2]s</SecretAccessKey><SessionToken>token-%[2]s</SessionToken><Expiration>%[3]s</Expiration></Credentials>
<AssumedRoleUser><Arn>arn:aws:sts::%[4]s:assumed-role/%[5]s/%[6]s</Arn><AssumedRoleId>AROA:%[6]s</AssumedRoleId></AssumedRoleUser>
</%[1]sResult></%[1]sResponse>`, action, key, time.Now().Add(lives).UTC().Format(time.RFC3339), accountOf(role), role[strings.LastIndex(role, "/")+1:], form.Get("RoleSessionName"))), nil
}

func (f *fakeAWS) answerToken(r *http.Request) (*http.Response, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, "token "+r.URL.Query().Get("audience"))
	if f.tokenOutage > 0 {
		f.tokenOutage--
		return answer(http.StatusBadGateway, ""), nil
	}
	f.tokens++
	if r.Header.Get("Authorization") != "Bearer runner" {
		return answer(http.StatusUnauthorized, ""), nil
	}
	token := fmt.Sprintf("jwt-%d", f.tokens)
	if f.claims != "" {
		encode := base64.RawURLEncoding.EncodeToString
		token = encode([]byte(`{"alg":"RS256"}`)) + "." + encode([]byte(f.claims)) + ".c2lnbmF0dXJl"
	}
	return answer(http.StatusOK, fmt.Sprintf(`{"value":%q}`, token)), nil
}

func (f *fakeAWS) answerMetadata(r *http.Request) (*http.Response, error) {
	if !f.metadata {
		select {
		case <-r.Context().Done():
			return nil, r.Context().Err()
		case <-time.After(5 * time.Second):
			return nil, os.ErrDeadlineExceeded
		}
	}
	switch {
	case strings.HasSuffix(r.URL.Path, "/api/token"):
		a := answer(http.StatusOK, "metadata-token")
		a.Header.Set("X-Aws-Ec2-Metadata-Token-Ttl-Seconds", "300")
		return a, nil
	case strings.HasSuffix(r.URL.Path, "/security-credentials/"), strings.HasSuffix(r.URL.Path, "/security-credentials-extended/"):
		return answer(http.StatusOK, "instance-role"), nil
	}
	return answer(http.StatusOK, fmt.Sprintf(`{"Code":"Success","Type":"AWS-HMAC","AccessKeyId":"ASIAEC2","SecretAccessKey":"s","Token":"t","Expiration":%q}`,
		time.Now().Add(time.Hour).UTC().Format(time.RFC3339))), nil
}

func answer(status int, body string) *http.Response {
	return &http.Response{
		StatusCode: status, Status: fmt.Sprint(status, " ", http.StatusText(status)),
		Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)),
	}
}

// env is an environment of a test.
type env map[string]string

func (e env) lookup(name string) (string, bool) {
	v, ok := e[name]
	return v, ok
}

var (
	keysEnv   = env{"AWS_ACCESS_KEY_ID": "AKIAENV", "AWS_SECRET_ACCESS_KEY": "env-secret"}
	githubEnv = env{"GITHUB_ACTIONS": "true", "ACTIONS_ID_TOKEN_REQUEST_URL": githubURL, "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "runner"}
)

// open opens a Session on the fake in us-east-1.
func open(t *testing.T, aws *fakeAWS, e env, opts Options) *Session {
	t.Helper()
	opts.HTTPClient, opts.LookupEnv = aws, e.lookup
	if opts.Region == "" {
		opts.Region = "us-east-1"
	}
	s, err := Open(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// key is the access key that calls would be signed with.
func key(t *testing.T, s *Session) string {
	t.Helper()
	creds, err := s.Config("").Credentials.Retrieve(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return creds.AccessKeyID
}

// openInBubble asks who a Session is, in virtual time, and returns the error.
func openInBubble(t *testing.T, aws *fakeAWS, e env, opts Options) (err error) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		_, err = open(t, aws, e, opts).Identity(t.Context())
		metadataGivesUp()
	})
	return err
}
