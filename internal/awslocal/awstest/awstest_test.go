package awstest

import (
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
)

// An hour of the bubble passes at once, on the server as on the client.
func TestStatesLastInVirtualTime(t *testing.T) {
	t.Parallel()
	Run(t, func(t *testing.T) {
		c := StartInProcess(t, awslocal.Options{Pending: time.Hour}).Lambda()
		begun := time.Now()
		if created := CreateFunction(t, c, "fn"); created.State != types.StatePending {
			t.Fatalf("created in state %s", created.State)
		}
		waiter := lambda.NewFunctionActiveV2Waiter(c)
		if err := waiter.Wait(t.Context(), &lambda.GetFunctionInput{FunctionName: aws.String("fn")}, 2*time.Hour); err != nil {
			t.Fatal(err)
		}
		if waited := time.Since(begun); waited < time.Hour || waited > 2*time.Hour {
			t.Errorf("active after %s", waited)
		}
	})
}

// A call that is never answered ends by its own timeout, in no real time.
func TestASilentServerIsGivenUpInVirtualTime(t *testing.T) {
	t.Parallel()
	Run(t, func(t *testing.T) {
		a := StartInProcess(t, awslocal.Options{})
		a.Inject(awslocal.Fault{Operation: "ListFunctions", Action: awslocal.Silence})
		a.HTTP.Timeout = time.Minute
		begun := time.Now()
		if _, err := a.Lambda().ListFunctions(t.Context(), nil); err == nil || time.Since(begun) != time.Minute {
			t.Errorf("%v after %s", err, time.Since(begun))
		}
	})
}

func TestBothServersAnswerTheSame(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(testing.TB, awslocal.Options, ...Wrap) *AWS{"socket": Start, "pipe": StartInProcess} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var seen atomic.Int32
			a := start(t, awslocal.Options{}, func(next http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					seen.Add(1)
					next.ServeHTTP(w, r)
				})
			})
			CreateBucket(t, a.S3(), "artifacts")
			PutObject(t, a.S3(), "artifacts", "big", make([]byte, 9<<20))
			CreateFunction(t, a.Lambda(), "fn")
			if got := GetFunction(t, a.Lambda(), "fn", ""); *got.Configuration.CodeSha256 != CodeSha256(Zip(t, "index.py", "1")) {
				t.Errorf("code %s", *got.Configuration.CodeSha256)
			}
			_, err := a.Lambda().GetFunction(t.Context(), &lambda.GetFunctionInput{FunctionName: aws.String("lost")})
			WantCode(t, err, "ResourceNotFoundException")
			if n := seen.Load(); n != 5 {
				t.Errorf("the wrapper saw %d requests, want 5", n)
			}
		})
	}
}
