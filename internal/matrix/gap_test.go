package matrix

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/awstest"
)

// AWS cannot change a statement. A caller of the function URL comes before each
// call of the deployment, and of its rollback, and is let in each time.
func TestACallerIsLetInBetweenAnyTwoCallsOfAChangedPermission(t *testing.T) {
	bubble(t, func(t *testing.T) {
		hello := func(context.Context, awslocal.Event) awslocal.Answer {
			return awslocal.Answer{Payload: []byte(`"hello"`)}
		}
		w := worldOf(t, awstest.StartInProcess(t, awslocal.Options{Pending: pending, InProgress: inProgress, Handler: hello}))
		w.virtual = true
		published(w)
		host := w.opened()
		s := scenario{before: func(*world) {}, definition: define(""), args: withSettings, files: map[string]string{"code/bootstrap": "one", "settings.json": `{"permissions": {
			"url": {"qualifier": "live", "action": "lambda:InvokeFunctionUrl", "principal": "*"},
			"invoke": {"qualifier": "live", "action": "lambda:*", "principal": "*", "invokedViaFunctionUrl": true}}}`}}
		before := s.prepare(w)
		var asked atomic.Int64 // calls may be under way side by side
		call := func(int) {
			r := httptest.NewRequest("GET", "/", nil)
			r.Host = host
			answer := httptest.NewRecorder()
			w.Server.ServeHTTP(answer, r)
			if n := asked.Add(1); answer.Code != http.StatusOK {
				t.Errorf("call %d: %d %s", n, answer.Code, answer.Body)
			}
		}
		for _, p := range []process{s.process(w, cut{}), w.terminal(cut{}, "rollback")} {
			w.ResetCalls()
			asked.Store(0)
			p.onCall = call
			w.do(p).expect(t, p.args[0], 0)
			operations := map[string]int{}
			for _, c := range w.Calls() {
				operations[c.Operation]++
			}
			// Each of two statements: the temporary one, and the one itself.
			if operations["AddPermission"] != 4 || operations["RemovePermission"] != 4 || asked.Load() < 8 {
				t.Errorf("%s asked %d times, and called %v", p.args[0], asked.Load(), operations)
			}
		}
		w.same(before, w.dump())
	})
}

// opened gives alias live a function URL that both statements open to everybody,
// and returns its host.
func (w *world) opened() string {
	w.t.Helper()
	f, live, ctx := aws.String("f"), aws.String("live"), context.Background()
	out, err := w.lambda.CreateFunctionUrlConfig(ctx, &lambda.CreateFunctionUrlConfigInput{FunctionName: f, Qualifier: live, AuthType: types.FunctionUrlAuthTypeNone})
	w.must(err)
	_, err = w.lambda.AddPermission(ctx, &lambda.AddPermissionInput{FunctionName: f, Qualifier: live, StatementId: aws.String("url"), Action: aws.String("lambda:InvokeFunctionUrl"),
		Principal: aws.String("*"), FunctionUrlAuthType: types.FunctionUrlAuthTypeNone})
	w.must(err)
	_, err = w.lambda.AddPermission(ctx, &lambda.AddPermissionInput{FunctionName: f, Qualifier: live, StatementId: aws.String("invoke"), Action: aws.String("lambda:InvokeFunction"),
		Principal: aws.String("*"), InvokedViaFunctionUrl: aws.Bool(true)})
	w.must(err)
	address, err := url.Parse(*out.FunctionUrl)
	w.must(err)
	return address.Host
}
