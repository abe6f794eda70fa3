package awslocal_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/awstest"
)

// args are a request's or an answer's members.
type args = map[string]any

// replay plays one recorded test on a Server of its own, whose states last a
// minute of its clock.
type replay struct {
	*harness
	t     *testing.T
	param string
	want  map[string]any
	bound map[string]string // the value that a placeholder stands for
	role  string
}

const replayAccount = "111111111111"

func newReplay(t *testing.T, want map[string]any, param string) *replay {
	return &replay{
		harness: start(t, awslocal.Options{Pending: time.Minute, InProgress: time.Minute}), t: t, param: param, want: maps.Clone(want),
		bound: map[string]string{"<partition>": "aws", "<region>": "us-east-1"},
		role:  "arn:aws:iam::" + replayAccount + ":role/lambda-role",
	}
}

// settle lets creations and updates end.
func (r *replay) settle() { r.Advance(time.Minute) }

// finish checks that each recorded answer was compared.
func (r *replay) finish() {
	for name := range r.want {
		r.t.Errorf("nothing was compared with %s", name)
	}
}

// endpoints are the operations that the recordings call: method, path with
// variables, and the parameters that go into the query.
var endpoints = map[string]string{
	"CreateFunction":                     "POST /2015-03-31/functions",
	"ListFunctions":                      "GET /2015-03-31/functions?FunctionVersion,MaxItems,Marker",
	"GetFunction":                        "GET /2015-03-31/functions/{FunctionName}?Qualifier",
	"DeleteFunction":                     "DELETE /2015-03-31/functions/{FunctionName}?Qualifier",
	"GetFunctionConfiguration":           "GET /2015-03-31/functions/{FunctionName}/configuration?Qualifier",
	"UpdateFunctionConfiguration":        "PUT /2015-03-31/functions/{FunctionName}/configuration",
	"UpdateFunctionCode":                 "PUT /2015-03-31/functions/{FunctionName}/code",
	"PublishVersion":                     "POST /2015-03-31/functions/{FunctionName}/versions",
	"ListVersionsByFunction":             "GET /2015-03-31/functions/{FunctionName}/versions?MaxItems,Marker",
	"Invoke":                             "POST /2015-03-31/functions/{FunctionName}/invocations?Qualifier",
	"CreateAlias":                        "POST /2015-03-31/functions/{FunctionName}/aliases",
	"GetAlias":                           "GET /2015-03-31/functions/{FunctionName}/aliases/{Name}",
	"UpdateAlias":                        "PUT /2015-03-31/functions/{FunctionName}/aliases/{Name}",
	"DeleteAlias":                        "DELETE /2015-03-31/functions/{FunctionName}/aliases/{Name}",
	"ListAliases":                        "GET /2015-03-31/functions/{FunctionName}/aliases?FunctionVersion,MaxItems,Marker",
	"ListTags":                           "GET /2017-03-31/tags/{Resource}",
	"CreateEventSourceMapping":           "POST /2015-03-31/event-source-mappings",
	"GetEventSourceMapping":              "GET /2015-03-31/event-source-mappings/{UUID}",
	"TagResource":                        "POST /2017-03-31/tags/{Resource}",
	"UntagResource":                      "DELETE /2017-03-31/tags/{Resource}?tagKeys",
	"AddPermission":                      "POST /2015-03-31/functions/{FunctionName}/policy?Qualifier",
	"GetPolicy":                          "GET /2015-03-31/functions/{FunctionName}/policy?Qualifier",
	"RemovePermission":                   "DELETE /2015-03-31/functions/{FunctionName}/policy/{StatementId}?Qualifier,RevisionId",
	"PutFunctionConcurrency":             "PUT /2017-10-31/functions/{FunctionName}/concurrency",
	"GetFunctionConcurrency":             "GET /2019-09-30/functions/{FunctionName}/concurrency",
	"DeleteFunctionConcurrency":          "DELETE /2017-10-31/functions/{FunctionName}/concurrency",
	"PutProvisionedConcurrencyConfig":    "PUT /2019-09-30/functions/{FunctionName}/provisioned-concurrency?Qualifier",
	"GetProvisionedConcurrencyConfig":    "GET /2019-09-30/functions/{FunctionName}/provisioned-concurrency?Qualifier",
	"DeleteProvisionedConcurrencyConfig": "DELETE /2019-09-30/functions/{FunctionName}/provisioned-concurrency?Qualifier",
	"ListProvisionedConcurrencyConfigs":  "GET /2019-09-30/functions/{FunctionName}/provisioned-concurrency?List",
	"CreateFunctionUrlConfig":            "POST /2021-10-31/functions/{FunctionName}/url?Qualifier",
	"GetFunctionUrlConfig":               "GET /2021-10-31/functions/{FunctionName}/url?Qualifier",
	"UpdateFunctionUrlConfig":            "PUT /2021-10-31/functions/{FunctionName}/url?Qualifier",
	"DeleteFunctionUrlConfig":            "DELETE /2021-10-31/functions/{FunctionName}/url?Qualifier",
	"ListFunctionUrlConfigs":             "GET /2021-10-31/functions/{FunctionName}/urls?MaxItems,Marker",
	"PutFunctionEventInvokeConfig":       "PUT /2019-09-25/functions/{FunctionName}/event-invoke-config?Qualifier",
	"UpdateFunctionEventInvokeConfig":    "POST /2019-09-25/functions/{FunctionName}/event-invoke-config?Qualifier",
	"GetFunctionEventInvokeConfig":       "GET /2019-09-25/functions/{FunctionName}/event-invoke-config?Qualifier",
	"DeleteFunctionEventInvokeConfig":    "DELETE /2019-09-25/functions/{FunctionName}/event-invoke-config?Qualifier",
	"ListFunctionEventInvokeConfigs":     "GET /2019-09-25/functions/{FunctionName}/event-invoke-config/list?MaxItems,Marker",
	"CreateCodeSigningConfig":            "POST /2020-04-22/code-signing-configs",
	"GetCodeSigningConfig":               "GET /2020-04-22/code-signing-configs/{CodeSigningConfigArn}",
	"UpdateCodeSigningConfig":            "PUT /2020-04-22/code-signing-configs/{CodeSigningConfigArn}",
	"DeleteCodeSigningConfig":            "DELETE /2020-04-22/code-signing-configs/{CodeSigningConfigArn}",
	"ListCodeSigningConfigs":             "GET /2020-04-22/code-signing-configs",
	"ListFunctionsByCodeSigningConfig":   "GET /2020-04-22/code-signing-configs/{CodeSigningConfigArn}/functions",
	"PutFunctionCodeSigningConfig":       "PUT /2020-06-30/functions/{FunctionName}/code-signing-config",
	"GetFunctionCodeSigningConfig":       "GET /2020-06-30/functions/{FunctionName}/code-signing-config",
	"DeleteFunctionCodeSigningConfig":    "DELETE /2020-06-30/functions/{FunctionName}/code-signing-config",
	"GetAccountSettings":                 "GET /2016-08-19/account-settings",
	"GetLayerVersionByArn":               "GET /2018-10-31/layers?find,Arn",
	"ListLayers":                         "GET /2018-10-31/layers?CompatibleRuntime,CompatibleArchitecture",
	"PublishLayerVersion":                "POST /2018-10-31/layers/{LayerName}/versions",
	"ListLayerVersions":                  "GET /2018-10-31/layers/{LayerName}/versions",
	"GetLayerVersion":                    "GET /2018-10-31/layers/{LayerName}/versions/{VersionNumber}",
	"DeleteLayerVersion":                 "DELETE /2018-10-31/layers/{LayerName}/versions/{VersionNumber}",
	"AddLayerVersionPermission":          "POST /2018-10-31/layers/{LayerName}/versions/{VersionNumber}/policy?RevisionId",
	"GetLayerVersionPolicy":              "GET /2018-10-31/layers/{LayerName}/versions/{VersionNumber}/policy",
	"RemoveLayerVersionPermission":       "DELETE /2018-10-31/layers/{LayerName}/versions/{VersionNumber}/policy/{StatementId}?RevisionId",
}

// request builds the HTTP request of an operation, as the AWS SDK for Python
// that was recorded does.
func (r *replay) request(operation string, in args) *http.Request {
	method, rest, _ := strings.Cut(endpoints[operation], " ")
	path, query, _ := strings.Cut(rest, "?")
	body := maps.Clone(in)
	for name, value := range in {
		if strings.Contains(path, "{"+name+"}") {
			path = strings.ReplaceAll(path, "{"+name+"}", url.PathEscape(fmt.Sprint(value)))
			delete(body, name)
		}
	}
	values := url.Values{}
	for name := range strings.SplitSeq(query, ",") {
		if many, ok := in[name].([]string); ok {
			values[name] = many
		} else if value := in[name]; value != nil {
			values.Set(name, fmt.Sprint(value))
		}
		delete(body, name)
	}
	var payload []byte
	if method != http.MethodGet && method != http.MethodDelete {
		var err error
		if payload, err = json.Marshal(body); err != nil {
			r.t.Fatal(err)
		}
	}
	req, err := http.NewRequestWithContext(r.t.Context(), method, r.URL+path+"?"+values.Encode(), bytes.NewReader(payload))
	if err != nil {
		r.t.Fatal(err)
	}
	region := "us-east-1"
	if other, ok := in["@region"].(string); ok {
		region = other
	}
	req.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+replayAccount+"/20260102/"+region+"/lambda/aws4_request, SignedHeaders=host, Signature=00")
	return req
}

// call makes a call and shows the answer as the recorded SDK shows it.
func (r *replay) call(operation string, in args) args {
	r.t.Helper()
	resp, err := http.DefaultClient.Do(r.request(operation, in))
	if err != nil {
		r.t.Fatal(err)
	}
	return r.answer(operation, resp)
}

func (r *replay) answer(operation string, resp *http.Response) args {
	r.t.Helper()
	b, err := io.ReadAll(resp.Body)
	if err = errors.Join(err, resp.Body.Close()); err != nil {
		r.t.Fatal(err)
	}
	out := args{}
	if len(b) > 0 {
		if err := json.Unmarshal(b, &out); err != nil {
			r.t.Fatalf("%s answered %q: %v", operation, b, err)
		}
	}
	if resp.StatusCode >= 400 {
		out = errorAnswer(resp.Header.Get("X-Amzn-ErrorType"), out)
	}
	for _, name := range []string{"Policy", "Statement"} {
		var document any
		if text, ok := out[name].(string); ok && json.Unmarshal([]byte(text), &document) == nil {
			out[name] = document
		}
	}
	out["ResponseMetadata"] = args{"HTTPStatusCode": float64(resp.StatusCode)}
	return out
}

// errorAnswer is an error with its members; those of errors that the model does
// not know are not shown.
func errorAnswer(code string, body args) args {
	message := body["message"]
	if message == nil {
		message = body["Message"]
	}
	switch code {
	case "ValidationException", "AccessDeniedException", "RequestEntityTooLargeException":
		body = args{}
	}
	body["Error"] = args{"Code": code, "Message": message}
	return body
}

// same makes a call and compares its answer with what was recorded under name.
func (r *replay) same(name, operation string, in args) args {
	r.t.Helper()
	out := r.call(operation, in)
	r.match(name, out)
	return out
}

// match compares an answer with what was recorded under name.
func (r *replay) match(name string, got any) {
	r.t.Helper()
	want, ok := r.want[name]
	if !ok {
		r.t.Errorf("nothing was recorded as %s", name)
		return
	}
	delete(r.want, name)
	var plain any
	b, err := json.Marshal(got)
	if err == nil {
		err = json.Unmarshal(b, &plain)
	}
	if err != nil {
		r.t.Fatal(err)
	}
	for _, fault := range r.compare(name, want, plain) {
		r.t.Error(fault)
	}
}

// ignored are members that say nothing of the service.
var ignored = []string{"HTTPHeaders", "StatusCode", "RequestId", "RetryAttempts"}

func (r *replay) compare(at string, want, got any) []string {
	switch want := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			return []string{fmt.Sprintf("%s is %v, recorded %v", at, got, want)}
		}
		return r.compareMembers(at, want, g)
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(want) {
			return []string{fmt.Sprintf("%s is %v, recorded %v", at, got, want)}
		}
		var out []string
		for i := range want {
			out = append(out, r.compare(fmt.Sprintf("%s[%d]", at, i), want[i], g[i])...)
		}
		return out
	case string:
		if got == nil || !r.bind(want, fmt.Sprint(got)) {
			return []string{fmt.Sprintf("%s is %v, recorded %s", at, got, r.expand(want))}
		}
		return nil
	}
	if want == nil && got == "" || want == got {
		return nil
	}
	return []string{fmt.Sprintf("%s is %v, recorded %v", at, got, want)}
}

func (r *replay) compareMembers(at string, want, got map[string]any) []string {
	var out []string
	for _, key := range slices.Sorted(maps.Keys(want)) {
		if slices.Contains(ignored, key) {
			continue
		}
		g, ok := got[key]
		if !ok {
			out = append(out, fmt.Sprintf("%s has no %s, recorded %v", at, key, want[key]))
			continue
		}
		out = append(out, r.compare(at+"."+key, want[key], g)...)
	}
	for key := range got {
		if _, ok := want[key]; !ok && !slices.Contains(ignored, key) {
			out = append(out, fmt.Sprintf("%s has %s %v, which was not recorded", at, key, got[key]))
		}
	}
	return out
}

var (
	placeholder = regexp.MustCompile(`<[a-z_]+[a-zA-Z0-9_-]*(:\d+)?>`)
	repeated    = regexp.MustCompile(`<a:len\((\d+)\)>`)
)

// expand writes out what placeholders are known to stand for.
func (r *replay) expand(want string) string {
	want = repeated.ReplaceAllStringFunc(want, func(s string) string {
		var n int
		_, _ = fmt.Sscanf(s, "<a:len(%d)>", &n) // the pattern holds digits
		return strings.Repeat("a", n)
	})
	return placeholder.ReplaceAllStringFunc(want, func(p string) string {
		if value, ok := r.bound[p]; ok {
			return value
		}
		return p
	})
}

// bind reports whether got is what was recorded, and learns what placeholders
// stand for. Two numbered placeholders of a kind never stand for the same.
func (r *replay) bind(want, got string) bool {
	if want == "date" || want == "datetime" || want == "lambda-url" {
		return got != ""
	}
	if want = r.expand(want); !placeholder.MatchString(want) {
		return got == want
	}
	var names []string
	pattern := "(?s)^"
	last := 0
	for _, at := range placeholder.FindAllStringIndex(want, -1) {
		pattern += regexp.QuoteMeta(want[last:at[0]]) + "(.+?)"
		names = append(names, want[at[0]:at[1]])
		last = at[1]
	}
	found := regexp.MustCompile(pattern + regexp.QuoteMeta(want[last:]) + "$").FindStringSubmatch(got)
	if found == nil {
		return false
	}
	for i, name := range names {
		if name == "<location>" || name == "<code-size>" || name == "<layer-location>" {
			continue
		}
		kind, _, numbered := strings.Cut(name, ":")
		for other, value := range r.bound {
			if numbered && kind == "<uuid" && strings.HasPrefix(other, kind+":") && value == found[i+1] && other != name {
				return false
			}
		}
		r.bound[name] = found[i+1]
	}
	return true
}

// with lays more over base.
func with(base args, more ...args) args {
	out := maps.Clone(base)
	for _, m := range more {
		maps.Copy(out, m)
	}
	return out
}

// create makes a function as the recorded fixture does, waits until it is
// Active, and gives the fixture's answer.
func (r *replay) create(name string, more ...args) args {
	r.t.Helper()
	out := r.call("CreateFunction", with(args{"FunctionName": name, "Role": r.role, "Runtime": "python3.12",
		"Handler": "handler.handler", "Timeout": 30, "Environment": args{"Variables": args{}},
		"Code": args{"ZipFile": awstest.Zip(r.t, "handler.py", "def handler(event, context): return event\n")}}, args{}, merged(more)))
	r.settle()
	return args{"CreateEventSourceMappingResponse": nil, "CreateFunctionResponse": out}
}

// plain makes a function by CreateFunction alone, and waits until it is Active.
func (r *replay) plain(name string, more ...args) args {
	r.t.Helper()
	out := r.call("CreateFunction", with(args{"FunctionName": name, "Role": r.role, "Runtime": "python3.12",
		"Handler": "index.handler", "PackageType": "Zip", "Code": args{"ZipFile": awstest.Zip(r.t, "index.py", "1")}}, merged(more)))
	r.settle()
	return out
}

func merged(all []args) args { return with(args{}, all...) }

// text reads a member of an answer, through nested ones.
func text(a args, path ...string) string {
	for _, name := range path[:len(path)-1] {
		a, _ = a[name].(args)
	}
	s, _ := a[path[len(path)-1]].(string)
	return s
}

// all follows the pages of a list, each of one item.
func (r *replay) all(operation, member string, in args) args {
	var items []any
	for marker := ""; ; {
		page := with(in, args{"MaxItems": 1})
		if marker != "" {
			page["Marker"] = marker
		}
		out := r.call(operation, page)
		part, _ := out[member].([]any)
		items = append(items, part...)
		if marker = text(out, "NextMarker"); marker == "" {
			return args{member: items}
		}
	}
}
