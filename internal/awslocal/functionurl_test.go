package awslocal_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/awstest"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/runner"
)

// site is a function behind a URL.
type site struct {
	t *testing.T
	*awstest.AWS
	url *url.URL
}

// newSite deploys a function that answers as handle does, with a URL.
func newSite(t *testing.T, handle awslocal.Handler, in awslambda.CreateFunctionUrlConfigInput) *site {
	t.Helper()
	s := &site{t: t, AWS: awstest.StartInProcess(t, awslocal.Options{Handler: handle})}
	awstest.CreateFunction(t, s.Lambda(), "fn")
	in.FunctionName = aws.String("fn")
	out, err := s.Lambda().CreateFunctionUrlConfig(t.Context(), &in)
	if err != nil {
		t.Fatal(err)
	}
	if s.url, err = url.Parse(*out.FunctionUrl); err != nil {
		t.Fatal(err)
	}
	return s
}

// permit adds a statement for everybody.
func (s *site) permit(sid, action string, mod func(*awslambda.AddPermissionInput)) {
	s.t.Helper()
	in := &awslambda.AddPermissionInput{FunctionName: aws.String("fn"), StatementId: &sid, Action: &action, Principal: aws.String("*")}
	if mod != nil {
		mod(in)
	}
	if _, err := s.Lambda().AddPermission(s.t.Context(), in); err != nil {
		s.t.Fatal(err)
	}
}

func (s *site) open() {
	s.permit("url", "lambda:InvokeFunctionUrl", func(in *awslambda.AddPermissionInput) { in.FunctionUrlAuthType = types.FunctionUrlAuthTypeNone })
	s.permit("invoke", "lambda:InvokeFunction", func(in *awslambda.AddPermissionInput) { in.InvokedViaFunctionUrl = aws.Bool(true) })
}

// get asks for a path with headers.
func (s *site) get(method, path, body string, headers map[string]string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Host = s.url.Host
	for name, value := range headers {
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	s.Server.ServeHTTP(w, r)
	return w
}

func payloadOf(payload string) awslocal.Handler {
	return func(context.Context, awslocal.Event) awslocal.Answer {
		return awslocal.Answer{Payload: []byte(payload)}
	}
}

func none() awslambda.CreateFunctionUrlConfigInput {
	return awslambda.CreateFunctionUrlConfigInput{AuthType: types.FunctionUrlAuthTypeNone}
}

func TestAFunctionURLAnswersWhoeverBothStatementsLetIn(t *testing.T) {
	t.Parallel()
	s := newSite(t, payloadOf(`{"statusCode": 201, "headers": {"X-Made": "yes"}, "cookies": ["a=1"], "body": "aGVsbG8=", "isBase64Encoded": true}`), none())
	if w := s.get("GET", "/", "", nil); w.Code != http.StatusForbidden {
		t.Errorf("without a statement: %d %s", w.Code, w.Body)
	}
	s.permit("url", "lambda:InvokeFunctionUrl", func(in *awslambda.AddPermissionInput) { in.FunctionUrlAuthType = types.FunctionUrlAuthTypeNone })
	if w := s.get("GET", "/", "", nil); w.Code != http.StatusForbidden {
		t.Errorf("with one of the two: %d %s", w.Code, w.Body)
	}
	s.permit("invoke", "lambda:InvokeFunction", func(in *awslambda.AddPermissionInput) { in.InvokedViaFunctionUrl = aws.Bool(true) })
	w := s.get("GET", "/", "", nil)
	if w.Code != http.StatusCreated || w.Body.String() != "hello" || w.Header().Get("X-Made") != "yes" || w.Header().Get("Set-Cookie") != "a=1" {
		t.Errorf("with both: %d %s %v", w.Code, w.Body, w.Header())
	}
	if w := s.get("GET", "/", "", map[string]string{"Host": "x"}); w.Code != http.StatusCreated {
		t.Errorf("%d", w.Code)
	}
}

func TestAFunctionGetsTheRequestOfItsURL(t *testing.T) {
	t.Parallel()
	var got awslocal.Event
	s := newSite(t, func(_ context.Context, e awslocal.Event) awslocal.Answer {
		got = e
		return awslocal.Answer{Payload: []byte(`"plain"`)}
	}, none())
	s.open()
	w := s.get("POST", "/orders/7?a=1&a=2", "caf\xe9", map[string]string{"X-Trace": "t"})
	if w.Code != http.StatusOK || w.Body.String() != "plain" {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	var event struct {
		Version, RawPath, RawQueryString, Body string
		IsBase64Encoded                        bool
		Headers, QueryStringParameters         map[string]string
		RequestContext                         struct{ HTTP struct{ Method, Path string } }
	}
	if err := json.Unmarshal(got.Payload, &event); err != nil {
		t.Fatal(err)
	}
	if event.Version != "2.0" || event.RawPath != "/orders/7" || event.RawQueryString != "a=1&a=2" || event.QueryStringParameters["a"] != "1,2" ||
		event.Headers["x-trace"] != "t" || event.Body != "Y2Fm6Q==" || !event.IsBase64Encoded || event.RequestContext.HTTP.Method != "POST" {
		t.Errorf("%s", got.Payload)
	}
}

// AWS's own signer signs, as any client does.
func TestAFunctionURLWithIAMNeedsASignature(t *testing.T) {
	t.Parallel()
	s := newSite(t, payloadOf(`{"ok": true}`), awslambda.CreateFunctionUrlConfigInput{AuthType: types.FunctionUrlAuthTypeAwsIam})
	if w := s.get("GET", "/", "", nil); w.Code != http.StatusForbidden {
		t.Errorf("unsigned: %d %s", w.Code, w.Body)
	}
	type attempt struct {
		key, secret, region string
		spoil               func(*http.Request)
	}
	own := attempt{key: "000000000000", secret: "local", region: "us-east-1"}
	with := func(change func(*attempt)) attempt { a := own; change(&a); return a }
	for name, c := range map[string]struct {
		attempt
		code int
		says string
	}{
		"signed by the account":     {own, http.StatusOK, `{"ok": true}`},
		"the key is the secret":     {with(func(a *attempt) { a.secret = a.key }), http.StatusOK, ""},
		"a secret that nobody has":  {with(func(a *attempt) { a.secret = "guess" }), http.StatusForbidden, "does not match"},
		"for another Region":        {with(func(a *attempt) { a.region = "eu-central-1" }), http.StatusForbidden, "does not match"},
		"signed by another account": {with(func(a *attempt) { a.key = "111111111111" }), http.StatusForbidden, "Forbidden. For troubleshooting"},
		"another path":              {with(func(a *attempt) { a.spoil = func(r *http.Request) { r.URL.Path = "/other" } }), http.StatusForbidden, "does not match"},
		"another query":             {with(func(a *attempt) { a.spoil = func(r *http.Request) { r.URL.RawQuery = "a=2" } }), http.StatusForbidden, "does not match"},
		"another body": {with(func(a *attempt) {
			a.spoil = func(r *http.Request) { r.Body = io.NopCloser(strings.NewReader("goodbye")); r.ContentLength = 7 }
		}), http.StatusForbidden, "does not match"},
		"another method": {with(func(a *attempt) { a.spoil = func(r *http.Request) { r.Method = "PUT" } }), http.StatusForbidden, "does not match"},
		"a header changed": {with(func(a *attempt) {
			a.spoil = func(r *http.Request) { r.Header.Set("X-Mine", "2") }
		}), http.StatusForbidden, "does not match"},
	} {
		r := httptest.NewRequest("POST", "/a%20b/c?a=1&b=x+y&a=0", strings.NewReader("hello"))
		r.Host, r.URL.Host = s.url.Host, s.url.Host
		r.Header.Set("X-Mine", " 1  and  more ")
		sum := sha256.Sum256([]byte("hello"))
		hash := hex.EncodeToString(sum[:])
		credentials := aws.Credentials{AccessKeyID: c.key, SecretAccessKey: c.secret}
		if err := v4.NewSigner().SignHTTP(t.Context(), credentials, r, hash, "lambda", c.region, time.Now()); err != nil {
			t.Fatal(err)
		}
		if c.spoil != nil {
			c.spoil(r)
		}
		w := httptest.NewRecorder()
		s.Server.ServeHTTP(w, r)
		if w.Code != c.code || !strings.Contains(w.Body.String(), c.says) {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
}

// A signature is of its time: five minutes, or what a presigned request says of itself.
func TestAFunctionURLRefusesTheSignatureOfAnotherTime(t *testing.T) {
	t.Parallel()
	s := newSite(t, payloadOf(`{"ok": true}`), awslambda.CreateFunctionUrlConfigInput{AuthType: types.FunctionUrlAuthTypeAwsIam})
	for name, c := range map[string]struct {
		age time.Duration
		// expires presigns the request.
		expires string
		code    int
		says    string
	}{
		"four minutes old":                        {4 * time.Minute, "", http.StatusOK, ""},
		"six minutes old":                         {6 * time.Minute, "", http.StatusForbidden, "Signature expired: "},
		"of a clock that is four ahead":           {-4 * time.Minute, "", http.StatusOK, ""},
		"of a clock that is six ahead":            {-6 * time.Minute, "", http.StatusForbidden, "Signature not yet current: "},
		"presigned, and over":                     {time.Minute, "30", http.StatusForbidden, "- 30 sec.)"},
		"presigned for an hour":                   {30 * time.Minute, "3600", http.StatusOK, ""},
		"presigned by a clock that is ahead":      {-6 * time.Minute, "3600", http.StatusForbidden, "Signature not yet current: "},
		"presigned for more than seven days":      {0, "604801", http.StatusForbidden, "604800 at most"},
		"presigned for a time that is not a time": {0, "long", http.StatusForbidden, "604800 at most"},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Host, r.URL.Host = s.url.Host, s.url.Host
		credentials := aws.Credentials{AccessKeyID: "000000000000", SecretAccessKey: "local"}
		empty := sha256.Sum256(nil)
		hash, at := hex.EncodeToString(empty[:]), time.Now().Add(-c.age)
		if c.expires == "" {
			if err := v4.NewSigner().SignHTTP(t.Context(), credentials, r, hash, "lambda", "us-east-1", at); err != nil {
				t.Fatal(err)
			}
		} else {
			r.URL.RawQuery = "X-Amz-Expires=" + c.expires
			uri, _, err := v4.NewSigner().PresignHTTP(t.Context(), credentials, r, hash, "lambda", "us-east-1", at)
			if err == nil {
				r.URL, err = url.Parse(uri)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		w := httptest.NewRecorder()
		s.Server.ServeHTTP(w, r)
		if w.Code != c.code || !strings.Contains(w.Body.String(), c.says) {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
}

// The first bit of a streamed answer is there before the function makes the second.
func TestAStreamedAnswerArrivesWhileItIsMade(t *testing.T) {
	t.Parallel()
	seen := make(chan struct{})
	in := none()
	in.InvokeMode = types.InvokeModeResponseStream
	s := newSite(t, func(ctx context.Context, _ awslocal.Event) awslocal.Answer {
		out := runner.StreamOf(ctx)
		_, _ = io.WriteString(out, `{"statusCode": 201}`+strings.Repeat("\x00", 4))
		_, _ = io.WriteString(out, strings.Repeat("\x00", 4)+"one")
		<-seen
		_, _ = io.WriteString(out, "two")
		return awslocal.Answer{Payload: []byte("not sent again")}
	}, in)
	s.open()
	r := httptest.NewRequest("GET", "/", nil)
	r.Host = s.url.Host
	w := &watched{ResponseRecorder: httptest.NewRecorder(), wrote: func(body string) {
		if body == "one" {
			close(seen)
		}
	}}
	s.Server.ServeHTTP(w, r)
	if w.Code != http.StatusCreated || w.Body.String() != "onetwo" || !w.Flushed {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// watched tells of each write.
type watched struct {
	*httptest.ResponseRecorder
	wrote func(body string)
}

func (w *watched) Write(p []byte) (int, error) {
	n, err := w.ResponseRecorder.Write(p)
	w.wrote(w.Body.String())
	return n, err
}

func TestAFunctionURLAnswersTheOriginsOfItsCORSConfiguration(t *testing.T) {
	t.Parallel()
	in := none()
	in.Cors = &types.Cors{AllowOrigins: []string{"https://shop.example"}, AllowMethods: []string{"POST"}, MaxAge: aws.Int32(60)}
	s := newSite(t, payloadOf(`1`), in)
	s.open()
	preflight := s.get("OPTIONS", "/", "", map[string]string{"Origin": "https://shop.example", "Access-Control-Request-Method": "POST"})
	h := preflight.Header()
	if preflight.Code != http.StatusOK || h.Get("Access-Control-Allow-Origin") != "https://shop.example" || h.Get("Access-Control-Allow-Methods") != "POST" || h.Get("Access-Control-Max-Age") != "60" {
		t.Errorf("preflight: %d %v", preflight.Code, h)
	}
	if w := s.get("POST", "/", "", map[string]string{"Origin": "https://shop.example"}); w.Code != http.StatusOK || w.Header().Get("Access-Control-Allow-Origin") == "" {
		t.Errorf("its origin: %d %v", w.Code, w.Header())
	}
	if w := s.get("POST", "/", "", map[string]string{"Origin": "https://evil.example"}); w.Code != http.StatusForbidden {
		t.Errorf("another origin: %d", w.Code)
	}
}

func TestAStreamedAnswerBeginsWithItsMetadata(t *testing.T) {
	t.Parallel()
	in := none()
	in.InvokeMode = types.InvokeModeResponseStream
	s := newSite(t, payloadOf(`{"statusCode": 202, "headers": {"Content-Type": "text/plain"}}`+strings.Repeat("\x00", 8)+"streamed"), in)
	s.open()
	if w := s.get("GET", "/", "", nil); w.Code != http.StatusAccepted || w.Body.String() != "streamed" || w.Header().Get("Content-Type") != "text/plain" {
		t.Errorf("%d %s %v", w.Code, w.Body, w.Header())
	}
}

func TestAFunctionThatFailsBehindItsURLIs502(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(context.Context, awslocal.Event) awslocal.Answer {
		return awslocal.Answer{Payload: []byte(`{"errorMessage": "secret"}`), FunctionError: "Unhandled"}
	}, none())
	s.open()
	if w := s.get("GET", "/", "", nil); w.Code != http.StatusBadGateway || strings.Contains(w.Body.String(), "secret") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestInvocationsAboveTheReservedConcurrencyAreThrottled(t *testing.T) {
	t.Parallel()
	running, end := make(chan struct{}), make(chan struct{})
	s := newSite(t, func(context.Context, awslocal.Event) awslocal.Answer {
		running <- struct{}{}
		<-end
		return awslocal.Answer{Payload: []byte(`1`)}
	}, none())
	s.open()
	if _, err := s.Lambda().PutFunctionConcurrency(t.Context(), &awslambda.PutFunctionConcurrencyInput{FunctionName: aws.String("fn"), ReservedConcurrentExecutions: aws.Int32(1)}); err != nil {
		t.Fatal(err)
	}
	first := make(chan int)
	go func() { first <- s.get("GET", "/", "", nil).Code }()
	<-running
	if w := s.get("GET", "/", "", nil); w.Code != http.StatusTooManyRequests {
		t.Errorf("the second at once: %d %s", w.Code, w.Body)
	}
	_, err := s.Lambda().Invoke(t.Context(), &awslambda.InvokeInput{FunctionName: aws.String("fn")}, func(o *awslambda.Options) { o.Retryer = aws.NopRetryer{} })
	awstest.WantCode(t, err, "TooManyRequestsException")
	close(end)
	if code := <-first; code != http.StatusOK {
		t.Errorf("the first: %d", code)
	}
	go func() { <-running }()
	if w := s.get("GET", "/", "", nil); w.Code != http.StatusOK {
		t.Errorf("after it: %d", w.Code)
	}
}
