package session

import (
	"bufio"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/aws/aws-sdk-go-v2/service/sts"
)

const identityXML = `<R><GetCallerIdentityResult><Arn>arn:aws:iam::1:user/a</Arn></GetCallerIdentityResult></R>`

// sent is an answer with headers, named and valued in turn.
func sent(status int, body string, header ...string) func() (*http.Response, error) {
	return func() (*http.Response, error) {
		a := answer(status, body)
		a.Header.Del("X-Amzn-Requestid")
		for i := 0; i < len(header); i += 2 {
			a.Header.Set(header[i], header[i+1])
		}
		return a, nil
	}
}

func TestAnAnswerThatDoesNotComeFromAWSIsNamed(t *testing.T) {
	t.Parallel()
	const (
		html  = "<html><head><TITLE>\n Guest\n Wi-Fi </TITLE></head></html>"
		plain = "text/plain; charset=utf-8"
		kind  = "Content-Type"
	)
	for name, test := range map[string]struct {
		first func() (*http.Response, error)
		want  string
		tries int
	}{
		"a login page":                  {sent(200, html, kind, "text/html; charset=utf-8"), `status 200 and "Guest Wi-Fi"`, 1},
		"a page without a title":        {sent(200, "<style>p{}</style>\n<p>hello</p> you\nmore", kind, "text/html"), `status 200 and "hello you"`, 1},
		"a page without a word":         {sent(200, "<p>", kind, "text/html"), "status 200 (does a proxy", 1},
		"a redirection to a login":      {sent(302, html, kind, "text/html", "Location", "http://login.example"), "status 302", 1},
		"a proxy that forbids":          {sent(403, "<title>Blocked by policy</title>", kind, "text/html"), `status 403 and "Blocked by policy"`, 1},
		"a proxy that asks who":         {sent(407, html, kind, "text/html"), "HTTPS_PROXY=http://USER:PASSWORD@HOST:PORT", 1},
		"network authentication":        {sent(511, html, kind, "text/html"), "status 511", 1},
		"a page that AWS sends":         {sent(400, html, kind, "text/html", "X-Amzn-Requestid", "1"), "", 1},
		"an answer without any type":    {sent(200, identityXML, kind, ""), "", 1},
		"a line that forbids":           {sent(403, "\r\n Access to this site is blocked \r\nTicket 17", kind, plain), `status 403 and "Access to this site is blocked"`, 1},
		"a status alone":                {sent(403, ""), "something between here and AWS did, with status 403 (does", 1},
		"a redirection without words":   {sent(302, "", "Location", "http://login.example"), "status 302", 1},
		"JSON of a proxy":               {sent(403, `{"error":"blocked","code":17}`, kind, "application/json"), `"{"error":"blocked","code":17}"`, 1},
		"what acts on a terminal":       {sent(403, "\x1b[2Jgone\x07", kind, plain), `"\x1b[2Jgone\x07"`, 1},
		"a long line":                   {sent(403, strings.Repeat("é", 101), kind, plain), `"` + strings.Repeat("é", 100) + `…"`, 1},
		"a proxy that cannot get there": {sent(502, html, kind, "text/html"), "", 2},
		"a load balancer's 503":         {sent(503, "upstream connect error", kind, plain), "", 2},
		"a 500 without a word":          {sent(500, ""), "", 2},
		"a proxy that slows down":       {sent(429, "slow down", kind, plain), "", 2},
		"a refusal of AWS":              {sent(403, "no", kind, plain, "X-Amzn-Requestid", "1"), "", 1},
		"a refusal by its header":       {sent(403, "no", kind, plain, "X-Amzn-Errortype", "AccessDeniedException"), "", 1},
		"a refusal in XML":              {sent(403, "<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>"), "", 1},
		"a refusal in JSON":             {sent(403, `{"__type":"x#AccessDeniedException"}`), "", 1},
	} {
		client, asked := answers(test.first, sent(http.StatusOK, identityXML))
		tries, took, err := ask(t, client, asked)
		if (test.want != "") != errors.As(err, new(ForeignAnswer)) || test.want != "" && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %q", name, err, test.want)
		}
		if tries != test.tries || test.tries == 1 && took != 0 {
			t.Errorf("%s: tried %d times in %s", name, tries, took)
		}
		if errors.As(err, new(ForeignAnswer)) && (Cause(err) == nil || !strings.Contains(err.Error(), "sts.eu-west-1.amazonaws.com")) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A temporary failure is reported with its words after the last retry, but is not a
// cause that all calls share.
func TestAnOutageOfAProxyIsNamedAfterTheLastTry(t *testing.T) {
	t.Parallel()
	client, asked := answers(sent(http.StatusBadGateway, "<h1>Bad gateway</h1>", "Content-Type", "text/html"))
	tries, _, err := ask(t, client, asked)
	if tries != readAttempts || !errors.As(err, new(ForeignAnswer)) || Cause(err) != nil || !strings.Contains(err.Error(), `status 502 and "Bad gateway"`) {
		t.Errorf("got %v after %d tries", err, tries)
	}
}

// The same answer is foreign for every service, and is nothing special from what
// is not AWS: the metadata of a machine, or the issuer of a token.
func TestWhoseAnswerItIsDependsOnWhatWasAsked(t *testing.T) {
	t.Parallel()
	signed := http.Header{"Authorization": {"AWS4-HMAC-SHA256 Credential=x"}}
	for name, test := range map[string]struct {
		method, address string
		header          http.Header
		status          int
		kind, body      string
		foreign         bool
	}{
		"Lambda":                  {"GET", "https://lambda.eu-west-1.amazonaws.com/2015-03-31/functions/f", signed, 403, "", "no", true},
		"S3, a missing object":    {"GET", "https://b.s3.eu-west-1.amazonaws.com/k", signed, 404, "", "not here", true},
		"S3, a condition":         {"PUT", "https://b.s3.eu-west-1.amazonaws.com/k", signed, 412, "", "", true},
		"S3, no body":             {"HEAD", "https://b.s3.eu-west-1.amazonaws.com/k", signed, 403, "", "", true},
		"S3 in China":             {"HEAD", "https://b.s3.cn-north-1.amazonaws.com.cn/k", signed, 404, "", "", true},
		"dual stack":              {"HEAD", "https://lambda.eu-west-1.api.aws/", signed, 404, "", "", true},
		"a store of somebody":     {"HEAD", "https://store.example/b/k", signed, 404, "", "", false},
		"another store, missing":  {"GET", "http://localhost:9000/b/k", signed, 404, "", "", false},
		"another store, a change": {"PUT", "http://localhost:9000/b/k", signed, 412, "text/plain", "taken", false},
		"another store, a proxy":  {"GET", "http://localhost:9000/b/k", signed, 403, "text/plain", "no", true},
		"another store's page":    {"GET", "http://localhost:9000/b/k", signed, 404, "text/html", "no", true},
		"not modified":            {"GET", "https://b.s3.eu-west-1.amazonaws.com/k", signed, 304, "", "", false},
		"an object":               {"GET", "https://b.s3.eu-west-1.amazonaws.com/k", signed, 200, "text/plain", "text", false},
		"a presigned zip":         {"GET", "https://awslambda.s3.amazonaws.com/z?X-Amz-Signature=1", nil, 403, "", "no", true},
		"STS with a token":        {"POST", "https://sts.eu-west-1.amazonaws.com/", http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, 403, "", "no", true},
		"the metadata service":    {"GET", "http://169.254.169.254/latest", nil, 403, "text/plain", "no", false},
		"the issuer of the token": {"GET", "https://token.example/", http.Header{"Authorization": {"Bearer x"}}, 403, "text/plain", "no", false},
		"the issuer's outage":     {"GET", "https://token.example/", http.Header{"Authorization": {"Bearer x"}}, 502, "text/html", "no", false},
		"a login for the issuer":  {"GET", "https://token.example/", http.Header{"Authorization": {"Bearer x"}}, 200, "text/html", "no", true},
	} {
		address, err := url.Parse(test.address)
		if err != nil {
			t.Fatal(err)
		}
		carried := &transport{next: httpFunc(func(*http.Request) (*http.Response, error) {
			return sent(test.status, test.body, "Content-Type", test.kind)()
		})}
		response, err := carried.Do(&http.Request{Method: test.method, URL: address, Header: test.header})
		if got := errors.As(err, new(ForeignAnswer)); got != test.foreign || !got && err != nil {
			t.Errorf("%s: foreign is %v (%v)", name, got, err)
		}
		if err != nil {
			continue
		}
		if body, err := io.ReadAll(response.Body); err != nil || string(body) != test.body {
			t.Errorf("%s: the answer is %q, %v afterwards", name, body, err)
		}
	}
}

// A change whose answer did not come from AWS may have been made: it is neither
// denied nor tried again.
func TestAForeignAnswerToAChangeLeavesItInDoubt(t *testing.T) {
	t.Parallel()
	for kind, body := range map[string]string{"text/html": "<title>x</title>", "text/plain": "x", "": ""} {
		client, asked := answers(sent(http.StatusForbidden, body, "Content-Type", kind))
		e := keysEnv
		s, err := Open(t.Context(), Options{Region: "eu-west-1", LookupEnv: e.lookup, HTTPClient: client})
		if err != nil {
			t.Fatal(err)
		}
		_, err = sts.NewFromConfig(s.Config(""), func(o *sts.Options) { o.Retryer = NoRetry() }).GetCallerIdentity(t.Context(), nil)
		if errorCode(err) != "" || errors.As(Explain(err, Call{Action: "a:b"}), new(Denied)) || *asked != 1 {
			t.Errorf("%q: got %v after %d requests", kind, err, *asked)
		}
	}
}

// A proxy that opens no tunnel says why in its answer to CONNECT.
func TestAProxyThatOpensNoTunnelIsNamed(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"HTTP/1.1 200 Connection established\r\n\r\n":                                      "",
		"HTTP/1.1 403 Forbidden\r\nContent-Length: 18\r\n\r\nBlocked by policy\nmore":      `lambda.eu-west-1.amazonaws.com did not answer: something between here and AWS did, with status 403 and "Blocked by policy"`,
		"HTTP/1.1 407 Proxy Authentication Required\r\n\r\nfor as long as the proxy likes": "with status 407 (the proxy wants a user and password",
	} {
		synctest.Test(t, func(t *testing.T) {
			asked := &http.Request{Method: http.MethodConnect, Host: "lambda.eu-west-1.amazonaws.com:443", URL: &url.URL{Opaque: "lambda.eu-west-1.amazonaws.com:443"}}
			answered, err := http.ReadResponse(bufio.NewReader(strings.NewReader(text)), asked)
			if err != nil {
				t.Fatal(err)
			}
			err = tunnelRefused(t.Context(), nil, asked, answered)
			if (err != nil) != (want != "") || err != nil && !strings.Contains(err.Error(), want) {
				t.Errorf("%q: got %v, want %q", text, err, want)
			}
		})
	}
}
