package deploy

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
)

func TestACanaryThatNobodyCallsIsWarnedOf(t *testing.T) {
	const warning = "nobody invoked alias live of shop in seven days"
	answers := func(context.Context, awslocal.Event) awslocal.Answer { return awslocal.Answer{Payload: []byte(`1`)} }
	for name, c := range map[string]struct {
		does  func(f *fixture) error
		warns bool
	}{
		"nobody calls it": {func(*fixture) error { return nil }, true},
		"somebody invoked it five days ago": {func(f *fixture) error {
			_, err := f.aws.Lambda().Invoke(f.Context(), &lambda.InvokeInput{FunctionName: aws.String("shop"), Qualifier: aws.String("live")})
			time.Sleep(5 * 24 * time.Hour)
			return err
		}, false},
		"a function URL names it": {func(f *fixture) error {
			_, err := f.aws.Lambda().CreateFunctionUrlConfig(f.Context(), &lambda.CreateFunctionUrlConfigInput{FunctionName: aws.String("shop"), Qualifier: aws.String("live"), AuthType: types.FunctionUrlAuthTypeNone})
			return err
		}, false},
		"a permission names it": {func(f *fixture) error {
			_, err := f.aws.Lambda().AddPermission(f.Context(), &lambda.AddPermissionInput{FunctionName: aws.String("shop"), Qualifier: aws.String("live"),
				StatementId: aws.String("api"), Action: aws.String("lambda:InvokeFunction"), Principal: aws.String("apigateway.amazonaws.com")})
			return err
		}, false},
		"a mapping names it": {func(f *fixture) error {
			_, err := f.aws.Lambda().CreateEventSourceMapping(f.Context(), &lambda.CreateEventSourceMappingInput{FunctionName: aws.String("shop:live"), EventSourceArn: aws.String("arn:aws:sqs:us-east-1:000000000000:jobs")})
			return err
		}, false},
		"nobody may list the URLs":     {denies("ListFunctionUrlConfigs"), false},
		"nobody may read the policy":   {denies("GetPolicy"), false},
		"nobody may list the mappings": {denies("ListEventSourceMappings"), false},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, awslocal.Options{Handler: answers}, func(f *fixture) {
				f.mustDeploy()
				if err := c.does(f); err != nil {
					f.Fatal(err)
				}
				f.write("code/index.js", "2")
				f.options.Traffic = parseTraffic(t, "10%/1m")
				f.mustDeploy()
				if got := strings.Contains(f.log.String(), warning); got != c.warns {
					f.Errorf("warns: %t\n%s", got, f.log)
				}
			})
		})
	}
}

// denies refuses an operation for good.
func denies(operation string) func(*fixture) error {
	return func(f *fixture) error {
		f.aws.Inject(awslocal.Fault{Operation: operation, Action: awslocal.Error, Status: 403, Code: "AccessDeniedException", Message: "no", Count: -1})
		return nil
	}
}
