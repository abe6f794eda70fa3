package lambdaapi_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/lambda-rollout/lambda-rollout/internal/lambdaapi"
	"github.com/lambda-rollout/lambda-rollout/internal/session"
	"github.com/lambda-rollout/lambda-rollout/internal/timing"
)

// unused is an AWS without a network, in which nothing hangs on any function, but
// for one question that is answered by something else.
type unused struct {
	question, body string
	status         int
}

func (u unused) Do(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	path := strings.Split(strings.TrimSuffix(r.URL.Path, "/"), "/")
	status, body := http.StatusOK, map[string]string{
		"urls": `{"FunctionUrlConfigs":[]}`, "functions": `{"FunctionEventInvokeConfigs":[]}`, "event-source-mappings": `{"EventSourceMappings":[]}`,
		"provisioned-concurrency": `{"ProvisionedConcurrencyConfigs":[]}`, "concurrency": `{}`, "policy": `{"Policy":"{\"Statement\":[]}"}`,
		"list": `{"FunctionEventInvokeConfigs":[]}`, "recursion-config": `{"RecursiveLoop":"Terminate"}`, "runtime-management-config": `{"UpdateRuntimeOn":"Auto"}`,
	}[path[len(path)-1]]
	if path[len(path)-1] == u.question {
		status, body = u.status, u.body
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.WriteString(body)
	return w.Result(), nil
}

// What AWS would not answer is no proof that nobody uses a function.
func TestAForeignAnswerDoesNotSayThatNothingIsAttached(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		unused
		sure bool
	}{
		{unused{}, true},
		{unused{"policy", `{"Policy":"{\"Statement\":[]}"}`, 200}, true},
		{unused{"policy", `{"Policy":"{}"}`, 200}, false},
		{unused{"policy", `{"Policy":"null"}`, 200}, false},
		{unused{"policy", `{}`, 200}, false},
		{unused{"concurrency", `{}`, 200}, true},
		{unused{"concurrency", ``, 200}, false},
		{unused{"concurrency", ``, 204}, false},
		{unused{"urls", `{}`, 200}, false},
		{unused{"recursion-config", `{}`, 200}, false},
		{unused{"runtime-management-config", `{}`, 200}, false},
		{unused{"event-source-mappings", `{"EventSourceMappings":null}`, 200}, false},
	} {
		s, err := session.Open(context.Background(), session.Options{Region: "us-east-1", AccessKeyID: "id", SecretAccessKey: "key", HTTPClient: tt.unused, LookupEnv: func(string) (string, bool) { return "", false }})
		if err != nil {
			t.Fatal(err)
		}
		found, err := lambdaapi.New(s, "us-east-1", timing.Default()).Attached(t.Context(), "arn:aws:lambda:us-east-1:000000000000:function:f", []string{"", "live"})
		if len(found) > 0 || (err == nil) != tt.sure {
			t.Errorf("%s answered with %d %q: %v, %v", tt.question, tt.status, tt.body, found, err)
		}
	}
}
