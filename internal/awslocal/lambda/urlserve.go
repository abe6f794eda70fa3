package lambda

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/api"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/runner"
)

// URLCall is who calls which function URL.
type URLCall struct {
	ID, Region string
	Caller     api.Caller
	Signature  Signature
}

// Signature is what the signature of a request is worth: Unsigned, Verified, or what
// Refused returns.
type Signature struct {
	verified bool
	refusal  string
}

// Unsigned is that of a request without one, Verified one that its key makes of the
// request now.
var (
	Unsigned = Signature{}
	Verified = Signature{verified: true}
)

// Refused is a signature that AWS refuses in these words.
func Refused(words string) Signature { return Signature{refusal: words} }

// ServeURL answers a request to a function URL ("Invoking Lambda function URLs").
// What AWS sends for a function that fails is 502, for one that is throttled 429.
func (s *Service) ServeURL(w http.ResponseWriter, r *http.Request, call URLCall) {
	f, qualifier, err := s.findURL(call)
	if err != nil || f == nil {
		urlMessage(w, http.StatusNotFound, "null")
		return
	}
	u := f.URLs[qualifier]
	allowed := u.Cors.allow(w.Header(), r)
	switch origin := r.Header.Get("Origin"); {
	case origin != "" && allowed && r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != "":
		w.WriteHeader(http.StatusOK)
		return
	case origin != "" && !allowed && r.Header.Get("Sec-Fetch-Site") != "same-origin":
		// AWS would run the function and leave it to the browser to hide the answer;
		// nobody wants that of the pages that he happens to visit.
		urlMessage(w, http.StatusForbidden, "Forbidden: the CORS configuration of the function URL does not name the origin "+origin)
		return
	case u.AuthType == "AWS_IAM" && call.Signature.refusal != "":
		urlMessage(w, http.StatusForbidden, call.Signature.refusal)
		return
	case !s.mayCall(f, qualifier, call):
		urlMessage(w, http.StatusForbidden, "Forbidden. For troubleshooting Function URL authorization issues, see: https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html")
		return
	}
	payload, err := urlEvent(r, u.ID, call.Region, w.Header().Get(api.RequestIDHeader), s.Clock().UnixMilli())
	if err != nil {
		urlMessage(w, http.StatusRequestEntityTooLarge, err.Error())
		return
	}
	s.answerURL(w, r, urlRun{f, qualifier, call, payload})
}

// urlRun is an invocation through a URL.
type urlRun struct {
	f         *function
	qualifier string
	call      URLCall
	payload   []byte
}

func (s *Service) answerURL(w http.ResponseWriter, r *http.Request, run urlRun) {
	caller := run.call.Caller
	caller.Account, caller.Region = run.f.Account, run.call.Region
	q := &request{ctx: r.Context(), caller: caller, http: r}
	in := &invocation{f: run.f, resource: run.f.Name, payload: run.payload, begun: s.Clock()}
	s.mu.Lock()
	in.v = run.f.route(run.qualifier, in.begun, s.dice)
	in.shared = run.f.splits(run.qualifier, in.begun)
	err := s.mayRun(in)
	s.mu.Unlock()
	if run.qualifier != "" {
		in.resource += ":" + run.qualifier
	}
	if err == nil {
		in.run = s.runnable(q, in, run.f.arn(run.qualifier))
		if in.run.Environment["AWS_ENDPOINT_URL"] == "" {
			in.run.System["AWS_ENDPOINT_URL"] = "http://localhost" + port(r.Host)
		}
		ctx, stream := r.Context(), (*urlStream)(nil)
		if run.f.URLs[run.qualifier].InvokeMode == "RESPONSE_STREAM" {
			stream = &urlStream{w: w}
			ctx = runner.WithStream(ctx, stream)
		}
		result, runErr := s.run(ctx, in, w.Header().Get(api.RequestIDHeader))
		switch err = runErr; {
		case stream != nil && stream.begun:
			// What began as 200 ends as it is: AWS closes the connection.
			if err != nil || result.FunctionError != "" {
				panic(http.ErrAbortHandler)
			}
			return
		case err != nil:
		case result.FunctionError != "":
			urlMessage(w, http.StatusBadGateway, "Internal Server Error")
			return
		case stream != nil:
			stream.end(result.Payload)
			return
		default:
			writeBuffered(w, result.Payload)
			return
		}
	}
	refusal, status := (*api.Error)(nil), http.StatusBadGateway
	if errors.As(err, &refusal) && refusal.Status == http.StatusTooManyRequests {
		status = http.StatusTooManyRequests
	}
	urlMessage(w, status, err.Error())
}

func urlMessage(w http.ResponseWriter, status int, text string) {
	body, _ := json.Marshal(struct{ Message string }{text}) // a text
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(body) // a client that has gone has no use for the answer
}

// findURL finds the function whose URL has an id.
func (s *Service) findURL(call URLCall) (*function, string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, key := range s.Store.Keys("lambda/") {
		account, rest, _ := strings.Cut(strings.TrimPrefix(key, "lambda/"), "/")
		region, name, is := strings.Cut(rest, "/function/")
		if !is || region != call.Region {
			continue
		}
		f, err := s.view(account, region, name)
		if err != nil {
			return nil, "", err
		}
		for qualifier, u := range f.URLs {
			if u.ID == call.ID {
				return f, qualifier, nil
			}
		}
	}
	return nil, "", nil
}

// mayCall decides as AWS does since October 2025: whoever calls needs
// lambda:InvokeFunctionUrl and lambda:InvokeFunction ("Control access to Lambda
// function URLs"). AuthType NONE asks the resource policy alone, for everybody.
func (s *Service) mayCall(f *function, qualifier string, call URLCall) bool {
	u := f.URLs[qualifier]
	for _, action := range []string{"lambda:InvokeFunctionUrl", "lambda:InvokeFunction"} {
		may := f.Policies[qualifier].lets(action, u.AuthType, call.Caller, u.AuthType == "NONE")
		if u.AuthType == "AWS_IAM" {
			own := call.Caller.Account == f.Account && s.identityMay(call.Caller, action, f.arn(qualifier), u.AuthType)
			may = call.Signature.verified && (may || own)
		}
		if !may {
			return false
		}
	}
	return true
}

func (s *Service) identityMay(c api.Caller, action, arn, authType string) bool {
	return s.Access == nil || s.Access.Allow(c, action, arn, map[string][]string{
		"lambda:FunctionUrlAuthType": {authType}, "lambda:InvokedViaFunctionUrl": {"true"},
	}) == ""
}

// lets reports whether a statement lets a caller of a function URL use an action;
// anybody asks for the principal * alone.
func (p *policy) lets(action, authType string, c api.Caller, anybody bool) bool {
	return p != nil && slices.ContainsFunc(p.Statements, func(st statement) bool {
		if st.Action != action && st.Action != "lambda:*" && st.Action != "*" {
			return false
		}
		by, named := st.Principal.(map[string]any)
		is := st.Principal == "*"
		if named && !anybody {
			is = by["AWS"] == c.PrincipalARN || by["AWS"] == "arn:"+api.Partition(c.Region)+":iam::"+c.Account+":root"
		}
		return is && st.holdsForURL(authType, c)
	})
}

// holdsForURL checks the conditions that a call of a URL can meet.
func (st statement) holdsForURL(authType string, c api.Caller) bool {
	for _, conditions := range st.Condition {
		for key, value := range conditions {
			var have string
			switch strings.ToLower(key) {
			case "lambda:functionurlauthtype":
				have = authType
			case "lambda:invokedviafunctionurl":
				have = "true"
			case "aws:sourceaccount":
				have = c.Account
			}
			if have != value {
				return false
			}
		}
	}
	return true
}

// allow sets the headers of a CORS configuration, and reports whether it names
// the request's origin.
func (c *cors) allow(h http.Header, r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if c == nil || origin == "" || !slices.Contains(c.AllowOrigins, "*") && !slices.Contains(c.AllowOrigins, origin) {
		return false
	}
	h.Set("Access-Control-Allow-Origin", origin)
	h.Add("Vary", "Origin")
	if c.AllowCredentials != nil && *c.AllowCredentials {
		h.Set("Access-Control-Allow-Credentials", "true")
	}
	for name, values := range map[string][]string{
		"Access-Control-Allow-Headers": c.AllowHeaders, "Access-Control-Allow-Methods": c.AllowMethods, "Access-Control-Expose-Headers": c.ExposeHeaders,
	} {
		if len(values) > 0 {
			h.Set(name, strings.Join(values, ","))
		}
	}
	if c.MaxAge != nil {
		h.Set("Access-Control-Max-Age", strconv.Itoa(*c.MaxAge))
	}
	return true
}

// urlEvent is what the function gets: payload format 2.0 ("Request payload
// format").
func urlEvent(r *http.Request, id, region, requestID string, now int64) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxPayload+1))
	if err != nil || len(body) > maxPayload {
		return nil, errors.New("Request Entity Too Large")
	}
	headers := map[string]string{"host": r.Host}
	for name, values := range r.Header {
		headers[strings.ToLower(name)] = strings.Join(values, ",")
	}
	client, _, _ := net.SplitHostPort(r.RemoteAddr)
	event := map[string]any{
		"version": "2.0", "routeKey": "$default", "rawPath": r.URL.Path, "rawQueryString": r.URL.RawQuery, "headers": headers,
		"isBase64Encoded": false,
		"requestContext": map[string]any{
			"accountId": "anonymous", "apiId": id, "domainName": r.Host, "domainPrefix": id, "requestId": requestID,
			"routeKey": "$default", "stage": "$default", "timeEpoch": now,
			"http": map[string]string{"method": r.Method, "path": r.URL.Path, "protocol": r.Proto, "sourceIp": client, "userAgent": r.UserAgent()},
		},
	}
	if query := r.URL.Query(); len(query) > 0 {
		event["queryStringParameters"] = joined(query)
	}
	if cookies := r.Header.Values("Cookie"); len(cookies) > 0 {
		event["cookies"] = strings.Split(strings.Join(cookies, "; "), "; ")
	}
	switch {
	case len(body) == 0:
	case utf8.Valid(body):
		event["body"] = string(body)
	default:
		event["body"], event["isBase64Encoded"] = base64.StdEncoding.EncodeToString(body), true
	}
	return json.Marshal(event)
}

func joined(query url.Values) map[string]string {
	all := map[string]string{}
	for name, values := range query {
		all[name] = strings.Join(values, ",")
	}
	return all
}

// urlAnswer is what a function answers to an HTTP request.
type urlAnswer struct {
	StatusCode      int               `json:"statusCode"`
	Headers         map[string]string `json:"headers"`
	Cookies         []string          `json:"cookies"`
	Body            string            `json:"body"`
	IsBase64Encoded bool              `json:"isBase64Encoded"`
}

func (a urlAnswer) head(w http.ResponseWriter) {
	for name, value := range a.Headers {
		w.Header().Set(name, value)
	}
	for _, cookie := range a.Cookies {
		w.Header().Add("Set-Cookie", cookie)
	}
	if a.StatusCode == 0 {
		a.StatusCode = http.StatusOK
	}
	w.WriteHeader(a.StatusCode)
}

// writeBuffered takes JSON without a statusCode for the body itself ("Response
// payload format").
func writeBuffered(w http.ResponseWriter, payload []byte) {
	w.Header().Set("Content-Type", "application/json")
	var a urlAnswer
	if json.Unmarshal(payload, &a) != nil || a.StatusCode < 100 || a.StatusCode > 599 {
		a = urlAnswer{StatusCode: http.StatusOK, Body: string(payload)}
		var text string
		if json.Unmarshal(payload, &text) == nil {
			a.Body = text
		}
	}
	body := []byte(a.Body)
	if a.IsBase64Encoded {
		decoded, err := base64.StdEncoding.DecodeString(a.Body)
		if err != nil {
			urlMessage(w, http.StatusBadGateway, "Internal Server Error")
			return
		}
		body = decoded
	}
	a.head(w)
	_, _ = w.Write(body) // a client that has gone has no use for the answer
}
