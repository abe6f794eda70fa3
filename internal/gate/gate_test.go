package gate

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func destination(t *testing.T, text string) Destination {
	t.Helper()
	d, err := ParseDestination(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestDestinationsAreHTTPSOrFunctions(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"https://deploy.example.com/gate":                              "https://deploy.example.com/gate",
		"https://deploy.example.com/gate?token=s3cret#x":               "https://deploy.example.com/gate?***",
		"https://bot:s3cret@deploy.example.com:8443/":                  "https://deploy.example.com:8443/",
		"http://localhost:8080/gate":                                   "http://localhost:8080/gate",
		"http://127.0.0.1/":                                            "http://127.0.0.1/",
		"http://[::1]:80/":                                             "http://[::1]:80/",
		"arn:aws:lambda:eu-west-1:123456789012:function:approve":       "arn:aws:lambda:eu-west-1:123456789012:function:approve",
		"arn:aws-cn:lambda:cn-north-1:123456789012:function:approve:2": "arn:aws-cn:lambda:cn-north-1:123456789012:function:approve:2",
	} {
		if got := destination(t, text).String(); got != want {
			t.Errorf("%s is shown as %s, want %s", text, got, want)
		}
	}
	for _, text := range []string{
		"http://deploy.example.com/gate?token=s3cret", "ftp://deploy.example.com/?s3cret", "deploy.example.com/s3cret", "https:s3cret", "https://",
		"%zz-s3cret", "arn:aws:sns:eu-west-1:123456789012:s3cret", "arn:aws:lambda:eu-west-1:123456789012:function:a:b:s3cret", "http://127.0.0.1.example.com/?s3cret",
	} {
		d, err := ParseDestination(text)
		if err == nil {
			t.Errorf("%s is read as %s", text, d)
		} else if strings.Contains(err.Error(), "s3cret") {
			t.Errorf("the error shows a secret: %v", err)
		}
	}
}

func TestSecretsOfAnAddressAreAllNamed(t *testing.T) {
	t.Parallel()
	a, _ := destination(t, "https://bot:pass@h/p?token=a%20b&x=c").(Address)
	all := strings.Join(a.Secrets(), " ")
	for _, want := range []string{"pass", "token=a%20b&x=c", "a b"} {
		if !strings.Contains(all, want) {
			t.Errorf("%q lacks %q", all, want)
		}
	}
}

// script answers requests one after the other; the last answer stays.
type script struct {
	answers []func(*http.Request) (*http.Response, error)
	seen    []*http.Request
	bodies  []string
	at      []time.Duration
	began   time.Time
}

func (s *script) Do(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	s.seen, s.bodies, s.at = append(s.seen, r), append(s.bodies, string(body)), append(s.at, time.Since(s.began))
	return s.answers[min(len(s.seen), len(s.answers))-1](r)
}

func status(code int, text string, headers ...string) func(*http.Request) (*http.Response, error) {
	return func(*http.Request) (*http.Response, error) {
		h := http.Header{}
		for i := 0; i+1 < len(headers); i += 2 {
			h.Set(headers[i], headers[i+1])
		}
		return &http.Response{StatusCode: code, Header: h, Body: io.NopCloser(strings.NewReader(text))}, nil
	}
}

func fault(r *http.Request) (*http.Response, error) {
	return nil, &url.Error{Op: "Post", URL: r.URL.String(), Err: errors.New("connection refused")}
}

// ask asks an address that answers by the script, with a timeout of a minute.
func ask(t *testing.T, s *script, waiting func(string, time.Duration)) (string, error) {
	t.Helper()
	s.began = time.Now()
	k := &Keeper{HTTP: s, Secret: "s3cret", Timeout: time.Minute, Now: time.Now, Agent: "test"}
	return k.Ask(t.Context(), Gate{BeforeStage, destination(t, "https://h/gate?token=t0ken")}, Body{ID: "run-1", To: 50}, waiting)
}

func quiet(string, time.Duration) {}

func TestAStatusDecidesOrIsAskedAgain(t *testing.T) {
	t.Parallel()
	for code, want := range map[int]verdict{
		200: yes, 201: yes, 204: yes, 299: yes,
		202: later, 408: later, 423: later, 425: later, 429: later, 500: later, 502: later, 503: later, 599: later,
		300: no, 301: no, 302: no, 399: no, 307: no, 308: no, 400: no, 401: no, 403: no, 404: no, 409: no, 410: no, 422: no,
	} {
		r, _ := status(code, "")(nil)
		if got := ofResponse(r, nil, time.Now()); got.verdict != want {
			t.Errorf("%d means %d, want %d", code, got.verdict, want)
		} else if took := code >= 200 && code < 300; got.took != took {
			t.Errorf("%d: took is %v", code, got.took)
		} else if redirects := code >= 300 && code < 400; strings.Contains(got.reason, "redirect") != redirects {
			t.Errorf("%d: %s", code, got.reason)
		}
	}
}

// A gate names a number of seconds or a time, within five minutes.
func TestAGateSaysWhenToAskAgain(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for text, want := range map[string]time.Duration{
		"": 0, "soon": 0, "0": 0, "-7": 0, "7": 7 * time.Second, "301": longestPause, "9223372036854775807": longestPause,
		"Fri, 02 Jan 2026 03:04:25 GMT": 20 * time.Second, "Fri, 02 Jan 2026 03:04:00 GMT": 0, "Sat, 03 Jan 2026 03:04:25 GMT": longestPause,
	} {
		if got := retryAfter(text, now); got != want {
			t.Errorf("%q is %s, want %s", text, got, want)
		}
	}
}

func TestAGateIsAskedUntilItDecides(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &script{answers: []func(*http.Request) (*http.Response, error){
			status(202, "waiting for alice\nand bob"), fault, status(503, "", "Retry-After", "3"), status(200, "go"),
		}}
		var reasons []string
		said, err := ask(t, s, func(reason string, _ time.Duration) { reasons = append(reasons, reason) })
		if err != nil || said != "200 OK: go" {
			t.Fatalf("%q, %v", said, err)
		}
		if got := strings.Join(reasons, "|"); got != "202 Accepted: waiting for alice|connection refused|503 Service Unavailable" {
			t.Errorf("reasons: %s", got)
		}
		if want := []time.Duration{0, 10 * time.Second, 20 * time.Second, 23 * time.Second}; len(s.at) != 4 || s.at[1] != want[1] || s.at[2] != want[2] || s.at[3] != want[3] {
			t.Errorf("asked at %v, want %v", s.at, want)
		}
		for i, r := range s.seen {
			if r.Header.Get(headerID) != "run-1" || s.bodies[i] != s.bodies[0] || r.Method != http.MethodPost {
				t.Errorf("question %d differs: %v %s", i, r.Header, s.bodies[i])
			}
		}
	})
}

func TestSilenceIsANoWhenTheTimeIsOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &script{answers: []func(*http.Request) (*http.Response, error){status(202, "", "Retry-After", "45")}}
		_, err := ask(t, s, quiet)
		if err == nil || !strings.Contains(err.Error(), "did not say yes within 1m (gate-timeout); its last answer: 202 Accepted") {
			t.Fatal(err)
		}
		// The last question comes when the time is over, however long the gate asks to wait.
		if n := len(s.at); n != 3 || s.at[2] != time.Minute {
			t.Errorf("asked at %v", s.at)
		}
	})
}

func TestANoEndsAtOnceAndHidesTheQuery(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for _, answer := range []func(*http.Request) (*http.Response, error){status(403, "\x1b[31mfreeze"), status(302, "", "Location", "https://elsewhere/")} {
			s := &script{answers: []func(*http.Request) (*http.Response, error){answer}}
			_, err := ask(t, s, quiet)
			if err == nil || len(s.seen) != 1 {
				t.Fatalf("asked %d times: %v", len(s.seen), err)
			}
			if text := err.Error(); strings.Contains(text, "t0ken") || strings.Contains(text, "\x1b") || !strings.Contains(text, "the gate before-stage (https://h/gate?***) says no") {
				t.Error(text)
			}
		}
	})
}

// A gate that neither answers nor closes is asked again, and a run that ends does
// not wait for it.
func TestAGateThatHangsHoldsNobody(t *testing.T) {
	t.Parallel()
	hang := func(r *http.Request) (*http.Response, error) {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	synctest.Test(t, func(t *testing.T) {
		s := &script{answers: []func(*http.Request) (*http.Response, error){hang, status(200, "")}}
		reason := ""
		if _, err := ask(t, s, func(text string, _ time.Duration) { reason = text }); err != nil || s.at[1] != requestTimeout+pause {
			t.Errorf("%v, asked at %v", err, s.at)
		}
		if reason != "no answer within 30s" {
			t.Errorf("the log shows the reason %q", reason)
		}
		over := errors.New("over")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(over) })
		k := &Keeper{HTTP: &script{answers: s.answers[:1]}, Timeout: time.Hour, Now: time.Now}
		if _, err := k.Ask(ctx, Gate{Event, destination(t, "https://h/")}, Body{}, quiet); !errors.Is(err, over) {
			t.Error(err)
		}
	})
}

func TestADocumentIsSignedAsStandardWebhooksWants(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &script{answers: []func(*http.Request) (*http.Response, error){status(200, "")}}
		if _, err := ask(t, s, quiet); err != nil {
			t.Fatal(err)
		}
		h := s.seen[0].Header
		if h.Get("Content-Type") != "application/json" || h.Get("User-Agent") != "test" {
			t.Errorf("headers %v", h)
		}
		mac := hmac.New(sha256.New, []byte("s3cret"))
		_, _ = mac.Write([]byte("run-1." + h.Get("webhook-timestamp") + "." + s.bodies[0]))
		if got, want := h.Get("webhook-signature"), "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)); got != want {
			t.Errorf("%s, want %s", got, want)
		}
		var b Body
		if err := json.Unmarshal([]byte(s.bodies[0]), &b); err != nil || b.Format != Format || b.Moment != BeforeStage || b.To != 50 || b.Deadline.Sub(b.Time) != time.Minute {
			t.Errorf("%v: %s", err, s.bodies[0])
		}
	})
	// The example of the specification's reference libraries.
	h := http.Header{}
	sign(h, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", time.Unix(1614265330, 0), []byte(`{"test": 2432232314}`))
	if got := h.Get(headerSignature); got != "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=" {
		t.Errorf("signature %s", got)
	}
	if CheckSecret("whsec_*") == nil || CheckSecret("anything") != nil {
		t.Error("secrets are checked wrongly")
	}
}

func TestAFunctionDecidesByWhatItReturns(t *testing.T) {
	t.Parallel()
	for payload, want := range map[string]verdict{
		``: yes, `null`: yes, `"fine"`: yes, `{}`: yes, `{"approve": true}`: yes,
		`{"approve": null}`:  later,
		`{"approve": false}`: no, `false`: no, `{"approve": "true"}`: no, `{"approve": 1}`: no,
	} {
		if got := ofReply(Reply{Payload: []byte(payload)}); got.verdict != want || got.reason == "" {
			t.Errorf("%s means %d (%s), want %d", payload, got.verdict, got.reason, want)
		}
	}
	if got := ofReply(Reply{Payload: []byte(`{"errorMessage": "boom"}`), FunctionError: "Unhandled"}); got.verdict != no || !strings.Contains(got.reason, "boom") {
		t.Errorf("%+v", got)
	}
	for payload, want := range map[string]string{`{}`: "it succeeded", `{"approve": false}`: "approve is false", `{"approve": 1}`: "approve is 1, and neither true, false nor null"} {
		if got := ofReply(Reply{Payload: []byte(payload)}); got.reason != want {
			t.Errorf("%s: %s, want %s", payload, got.reason, want)
		}
	}
	if got := ofReply(Reply{Payload: []byte(`{"approve": false, "reason": "freeze"}`)}); got.reason != "freeze" {
		t.Errorf("%+v", got)
	}
}

// invokes are the errors of invocations, one after the other.
type invokes []error

func (i *invokes) InvokeGate(context.Context, Function, []byte) (Reply, error) {
	err := (*i)[0]
	*i = (*i)[1:]
	return Reply{}, err
}

func TestAFunctionThatIsThrottledIsInvokedAgainAndOneThatIsMissingIsNot(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := Gate{AfterTraffic, destination(t, "arn:aws:lambda:eu-west-1:123456789012:function:approve")}
		calls := invokes{&LaterError{errors.New("slow down")}, nil}
		k := &Keeper{Invoker: &calls, Timeout: time.Minute, Now: time.Now}
		if _, err := k.Ask(t.Context(), g, Body{}, quiet); err != nil || len(calls) != 0 {
			t.Errorf("%v, %d left", err, len(calls))
		}
		calls = invokes{errors.New("no such function"), nil}
		if _, err := k.Ask(t.Context(), g, Body{}, quiet); err == nil || len(calls) != 1 {
			t.Errorf("%v, %d left", err, len(calls))
		}
	})
}

// What an event gate answers is reported, and 202 is an answer like any other.
func TestAnEventIsToldOnce(t *testing.T) {
	t.Parallel()
	for code, took := range map[int]bool{200: true, 202: true, 403: false, 503: false} {
		s := &script{answers: []func(*http.Request) (*http.Response, error){status(code, "")}}
		k := &Keeper{HTTP: s, Now: time.Now}
		if err := k.Tell(t.Context(), Gate{Event, destination(t, "https://h/")}, Body{}); (err == nil) != took || len(s.seen) != 1 {
			t.Errorf("%d: %v after %d requests", code, err, len(s.seen))
		}
	}
}

// The document that the page shows is the one that gates get, field by field.
func TestTheDocumentOfThePageIsTheOneThatGatesGet(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/gates.md")
	if err != nil {
		t.Fatal(err)
	}
	_, example, found := strings.Cut(string(page), "```json\n")
	example, _, _ = strings.Cut(example, "```")
	decoder := json.NewDecoder(strings.NewReader(example))
	decoder.DisallowUnknownFields()
	var b Body
	if err := decoder.Decode(&b); err != nil || !found {
		t.Fatal(err)
	}
	written, err := json.Marshal(b)
	if err != nil {
		t.Fatal(err)
	}
	var want, got any
	if err := errors.Join(json.Unmarshal([]byte(example), &want), json.Unmarshal(written, &got)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
