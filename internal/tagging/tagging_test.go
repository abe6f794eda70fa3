package tagging_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/awstest"
	"github.com/lambda-rollout/lambda-rollout/internal/session"
	"github.com/lambda-rollout/lambda-rollout/internal/tagging"
)

func client(t *testing.T, a *awstest.AWS) *tagging.Client {
	t.Helper()
	s, err := session.Open(t.Context(), session.Options{
		Region: awstest.Region, Endpoint: a.URL, AccessKeyID: "test", SecretAccessKey: "test-test-test", HTTPClient: a.HTTP,
		LookupEnv: func(string) (string, bool) { return "", false },
	})
	if err != nil {
		t.Fatal(err)
	}
	return tagging.New(t.Context(), s, awstest.Region)
}

// Every page is read, functions without the tag are not in the answer, and it takes
// one call for each hundred functions.
func TestEveryFunctionWithTheTagIsFound(t *testing.T) {
	t.Parallel()
	awstest.Run(t, func(t *testing.T) {
		a := awstest.StartInProcess(t, awslocal.Options{})
		code := awstest.Zip(t, "a.js", "1")
		const functions, tagged = 104, 101
		for i := range functions {
			key := "run"
			if i%50 == 0 {
				key = "other"
			}
			_, err := a.Lambda().CreateFunction(t.Context(), &awslambda.CreateFunctionInput{
				FunctionName: aws.String(fmt.Sprintf("fn-%03d", i)), Runtime: types.RuntimeNodejs22x, Handler: aws.String("a.b"), Role: aws.String(awstest.Role),
				Code: &types.FunctionCode{ZipFile: code}, Tags: map[string]string{key: fmt.Sprint(i)},
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		before := len(a.Server.Calls())
		found, err := client(t, a).Functions(t.Context(), "run")
		if err != nil || len(found) != tagged {
			t.Fatalf("%d functions: %v", len(found), err)
		}
		if found[0].Value != "1" || !strings.HasSuffix(found[0].ARN, ":function:fn-001") {
			t.Errorf("the first one is %+v", found[0])
		}
		if calls := len(a.Server.Calls()) - before; calls != 2 {
			t.Errorf("%d calls", calls)
		}
	})
}

// A permission that is missing is named, with the statement that grants it.
func TestADeniedLookSaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	awstest.Run(t, func(t *testing.T) {
		a := awstest.StartInProcess(t, awslocal.Options{})
		a.Server.Inject(awslocal.Fault{
			Operation: "GetResources", Action: awslocal.Error, Status: http.StatusBadRequest, Code: "AccessDeniedException", Message: "not allowed",
		})
		if _, err := client(t, a).Functions(t.Context(), "run"); err == nil || !strings.Contains(err.Error(), "tag:GetResources") {
			t.Errorf("%v", err)
		}
	})
}
