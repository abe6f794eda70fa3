package lambdaapi_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/lambdaapi"
	"github.com/lambda-rollout/lambda-rollout/internal/session"
	"github.com/lambda-rollout/lambda-rollout/internal/timing"
)

// unused is an AWS without a network, in which nothing hangs on any function, but
// for one question that is answered by something else.
type unused struct {
	question, body string
	status         int
	// unmarked is an answer without AWS's request id.
	unmarked bool
}

func (u unused) Do(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	path := strings.Split(strings.TrimSuffix(r.URL.Path, "/"), "/")
	status, body := http.StatusOK, map[string]string{
		"urls": `{"FunctionUrlConfigs":[]}`, "functions": `{"FunctionEventInvokeConfigs":[]}`, "event-source-mappings": `{"EventSourceMappings":[]}`,
		"provisioned-concurrency": `{"ProvisionedConcurrencyConfigs":[]}`, "concurrency": `{}`, "policy": `{"Policy":"{\"Statement\":[]}"}`,
		"list": `{"FunctionEventInvokeConfigs":[]}`, "recursion-config": `{"RecursiveLoop":"Terminate"}`, "runtime-management-config": `{"UpdateRuntimeOn":"Auto"}`,
	}[path[len(path)-1]]
	w.Header().Set("X-Amzn-Requestid", "1")
	if path[len(path)-1] == u.question {
		status, body = u.status, u.body
		if u.unmarked {
			w.Header().Del("X-Amzn-Requestid")
		}
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.WriteString(body)
	answer := w.Result()
	answer.Request = r
	return answer, nil
}

// client calls AWS, or an emulator where endpoint names one.
func (u unused) client(t *testing.T, endpoint string) *lambdaapi.Client {
	t.Helper()
	s, err := session.Open(context.Background(), session.Options{Region: "us-east-1", AccessKeyID: "id", SecretAccessKey: "key", HTTPClient: u, LookupEnv: func(name string) (string, bool) {
		if endpoint == "" || name != "AWS_ENDPOINT_URL" {
			return "", false
		}
		return endpoint, true
	}})
	if err != nil {
		t.Fatal(err)
	}
	return lambdaapi.New(s, "us-east-1", timing.Default())
}

// What AWS would not answer is no proof that nobody uses a function.
func TestAForeignAnswerDoesNotSayThatNothingIsAttached(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		unused
		sure bool
	}{
		{unused{}, true},
		{unused{"policy", `{"Policy":"{\"Statement\":[]}"}`, 200, false}, true},
		{unused{"policy", `{"Policy":"{}"}`, 200, false}, false},
		{unused{"policy", `{"Policy":"null"}`, 200, false}, false},
		{unused{"policy", `{}`, 200, false}, false},
		{unused{"concurrency", `{}`, 200, false}, true},
		{unused{"concurrency", `{}`, 200, true}, false},
		{unused{"concurrency", ``, 200, false}, false},
		{unused{"concurrency", ``, 204, false}, false},
		{unused{"urls", `{}`, 200, false}, false},
		{unused{"recursion-config", `{}`, 200, false}, false},
		{unused{"runtime-management-config", `{}`, 200, false}, false},
		{unused{"event-source-mappings", `{"EventSourceMappings":null}`, 200, false}, false},
	} {
		found, err := tt.client(t, "").Attached(t.Context(), "arn:aws:lambda:us-east-1:000000000000:function:f", []string{"", "live"})
		if len(found) > 0 || (err == nil) != tt.sure {
			t.Errorf("%s answered with %d %q: %v, %v", tt.question, tt.status, tt.body, found, err)
		}
	}
}

// A rollback restores what was read: what AWS would not answer is no value of a
// setting.
func TestAForeignAnswerIsNoValueOfASetting(t *testing.T) {
	t.Parallel()
	const arn = `"FunctionArn":"arn:aws:lambda:us-east-1:000000000000:function:f:live"`
	for kind, tt := range map[definition.SettingKind]struct{ question, answer string }{
		definition.ReservedConcurrencySetting:    {"concurrency", `{"ReservedConcurrentExecutions":3}`},
		definition.ProvisionedConcurrencySetting: {"provisioned-concurrency", `{"RequestedProvisionedConcurrentExecutions":3}`},
		definition.EventInvokeSetting:            {"event-invoke-config", `{"MaximumRetryAttempts":0,` + arn + `}`},
		definition.FunctionURLSetting:            {"url", `{"AuthType":"NONE"}`},
		definition.RecursiveLoopSetting:          {"recursion-config", `{"RecursiveLoop":"Terminate"}`},
		definition.RuntimeManagementSetting:      {"runtime-management-config", `{"UpdateRuntimeOn":"Auto"}`},
		definition.ScalingSetting:                {"function-scaling-config", `{` + arn + `}`},
	} {
		key := definition.SettingKey{Kind: kind, Qualifier: "live"}
		for _, u := range []unused{{tt.question, tt.answer, 200, false}, {tt.question, `{}`, 200, true}, {tt.question, ``, 204, true}} {
			_, err := u.client(t, "").Settings(t.Context(), "f", []definition.SettingKey{key}, nil)
			if foreign := errors.As(err, new(*lambdaapi.AnswerError)); foreign != u.unmarked || err != nil && !foreign {
				t.Errorf("%s answered with %d %q: %v", kind, u.status, u.body, err)
			}
		}
	}
}

// An emulator may send no request id: what it answers is what it has.
func TestAnEmulatorNeedsNoRequestID(t *testing.T) {
	t.Parallel()
	c := unused{"concurrency", `{}`, 200, true}.client(t, "http://localhost:4566")
	if found, err := c.Attached(t.Context(), "arn:aws:lambda:us-east-1:000000000000:function:f", []string{""}); err != nil || len(found) > 0 {
		t.Errorf("attached: %v, %v", found, err)
	}
	settings, err := c.Settings(t.Context(), "f", []definition.SettingKey{{Kind: definition.ReservedConcurrencySetting}}, nil)
	if err != nil {
		t.Errorf("settings: %v, %v", settings, err)
	}
}
