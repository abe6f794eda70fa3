package awslocal_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/awstest"
)

// Every member that a call about settings answers with is one of the API's model, by
// its very name and kind: the SDK reads over others. What the model requires of an
// answer is there.
func TestAnswersAboutSettingsAreThoseOfTheModel(t *testing.T) {
	t.Parallel()
	var last []byte
	listen := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			heard := httptest.NewRecorder()
			next.ServeHTTP(heard, r)
			last = bytes.Clone(heard.Body.Bytes())
			for name, values := range heard.Header() {
				w.Header()[name] = values
			}
			w.WriteHeader(heard.Code)
			_, _ = w.Write(last)
		})
	}
	c := awstest.StartInProcess(t, awslocal.Options{}, listen).Lambda()
	awstest.CreateFunction(t, c, "fn")
	f, live, latest := aws.String("fn"), aws.String("live"), aws.String("$LATEST.PUBLISHED")
	managed := &types.CapacityProviderConfig{LambdaManagedInstancesCapacityProviderConfig: &types.LambdaManagedInstancesCapacityProviderConfig{
		CapacityProviderArn: aws.String("arn:aws:lambda:us-east-1:000000000000:capacity-provider:cp")}}
	calls := []struct {
		name     string
		required []string
		call     func(ctx context.Context) (any, error)
	}{
		{"PublishVersion", nil, func(ctx context.Context) (any, error) {
			return c.PublishVersion(ctx, &awslambda.PublishVersionInput{FunctionName: f})
		}},
		{"CreateAlias", nil, func(ctx context.Context) (any, error) {
			return c.CreateAlias(ctx, &awslambda.CreateAliasInput{FunctionName: f, Name: live, FunctionVersion: aws.String("1")})
		}},
		{"CreateFunctionUrlConfig", []string{"AuthType", "CreationTime", "FunctionArn", "FunctionUrl"}, func(ctx context.Context) (any, error) {
			return c.CreateFunctionUrlConfig(ctx, &awslambda.CreateFunctionUrlConfigInput{FunctionName: f, Qualifier: live, AuthType: types.FunctionUrlAuthTypeNone,
				Cors: &types.Cors{AllowOrigins: []string{"*"}, AllowMethods: []string{"GET"}, MaxAge: aws.Int32(1)}})
		}},
		{"GetFunctionUrlConfig", []string{"AuthType", "CreationTime", "FunctionArn", "FunctionUrl", "LastModifiedTime"}, func(ctx context.Context) (any, error) {
			return c.GetFunctionUrlConfig(ctx, &awslambda.GetFunctionUrlConfigInput{FunctionName: f, Qualifier: live})
		}},
		{"UpdateFunctionUrlConfig", []string{"AuthType", "CreationTime", "FunctionArn", "FunctionUrl", "LastModifiedTime"}, func(ctx context.Context) (any, error) {
			return c.UpdateFunctionUrlConfig(ctx, &awslambda.UpdateFunctionUrlConfigInput{FunctionName: f, Qualifier: live, InvokeMode: types.InvokeModeResponseStream})
		}},
		{"ListFunctionUrlConfigs", []string{"FunctionUrlConfigs"}, func(ctx context.Context) (any, error) {
			return c.ListFunctionUrlConfigs(ctx, &awslambda.ListFunctionUrlConfigsInput{FunctionName: f})
		}},
		{"AddPermission", []string{"Statement"}, func(ctx context.Context) (any, error) {
			return c.AddPermission(ctx, &awslambda.AddPermissionInput{FunctionName: f, StatementId: aws.String("a"), Action: aws.String("lambda:InvokeFunction"), Principal: aws.String("*")})
		}},
		{"GetPolicy", []string{"Policy", "RevisionId"}, func(ctx context.Context) (any, error) {
			return c.GetPolicy(ctx, &awslambda.GetPolicyInput{FunctionName: f})
		}},
		{"PutFunctionConcurrency", []string{"ReservedConcurrentExecutions"}, func(ctx context.Context) (any, error) {
			return c.PutFunctionConcurrency(ctx, &awslambda.PutFunctionConcurrencyInput{FunctionName: f, ReservedConcurrentExecutions: aws.Int32(9)})
		}},
		{"GetFunctionConcurrency", []string{"ReservedConcurrentExecutions"}, func(ctx context.Context) (any, error) {
			return c.GetFunctionConcurrency(ctx, &awslambda.GetFunctionConcurrencyInput{FunctionName: f})
		}},
		{"PutProvisionedConcurrencyConfig", []string{"RequestedProvisionedConcurrentExecutions", "Status"}, func(ctx context.Context) (any, error) {
			return c.PutProvisionedConcurrencyConfig(ctx, &awslambda.PutProvisionedConcurrencyConfigInput{FunctionName: f, Qualifier: aws.String("1"), ProvisionedConcurrentExecutions: aws.Int32(2)})
		}},
		{"GetProvisionedConcurrencyConfig", []string{"RequestedProvisionedConcurrentExecutions", "Status"}, func(ctx context.Context) (any, error) {
			return c.GetProvisionedConcurrencyConfig(ctx, &awslambda.GetProvisionedConcurrencyConfigInput{FunctionName: f, Qualifier: aws.String("1")})
		}},
		{"PutFunctionEventInvokeConfig", []string{"FunctionArn"}, func(ctx context.Context) (any, error) {
			return c.PutFunctionEventInvokeConfig(ctx, &awslambda.PutFunctionEventInvokeConfigInput{FunctionName: f, MaximumRetryAttempts: aws.Int32(1)})
		}},
		{"GetFunctionEventInvokeConfig", []string{"FunctionArn"}, func(ctx context.Context) (any, error) {
			return c.GetFunctionEventInvokeConfig(ctx, &awslambda.GetFunctionEventInvokeConfigInput{FunctionName: f})
		}},
		{"PutFunctionRecursionConfig", []string{"RecursiveLoop"}, func(ctx context.Context) (any, error) {
			return c.PutFunctionRecursionConfig(ctx, &awslambda.PutFunctionRecursionConfigInput{FunctionName: f, RecursiveLoop: types.RecursiveLoopAllow})
		}},
		{"GetFunctionRecursionConfig", []string{"RecursiveLoop"}, func(ctx context.Context) (any, error) {
			return c.GetFunctionRecursionConfig(ctx, &awslambda.GetFunctionRecursionConfigInput{FunctionName: f})
		}},
		{"PutRuntimeManagementConfig", []string{"UpdateRuntimeOn", "FunctionArn"}, func(ctx context.Context) (any, error) {
			return c.PutRuntimeManagementConfig(ctx, &awslambda.PutRuntimeManagementConfigInput{FunctionName: f, UpdateRuntimeOn: types.UpdateRuntimeOnFunctionUpdate})
		}},
		{"GetRuntimeManagementConfig", []string{"UpdateRuntimeOn", "FunctionArn"}, func(ctx context.Context) (any, error) {
			return c.GetRuntimeManagementConfig(ctx, &awslambda.GetRuntimeManagementConfigInput{FunctionName: f})
		}},
		{"GetAccountSettings", []string{"AccountLimit", "AccountUsage"}, func(ctx context.Context) (any, error) {
			return c.GetAccountSettings(ctx, &awslambda.GetAccountSettingsInput{})
		}},
		{"CreateFunction", nil, func(ctx context.Context) (any, error) {
			return c.CreateFunction(ctx, &awslambda.CreateFunctionInput{FunctionName: aws.String("cp"), Role: aws.String("arn:aws:iam::000000000000:role/fn"), Runtime: types.RuntimeProvidedal2023,
				Handler: aws.String("bootstrap"), MemorySize: aws.Int32(2048), Code: &types.FunctionCode{ZipFile: awstest.Zip(t, "bootstrap", "1")}, CapacityProviderConfig: managed})
		}},
		{"PublishVersion to $LATEST.PUBLISHED", []string{"Version", "FunctionArn", "State"}, func(ctx context.Context) (any, error) {
			return c.PublishVersion(ctx, &awslambda.PublishVersionInput{FunctionName: aws.String("cp"), PublishTo: types.FunctionVersionLatestPublishedLatestPublished})
		}},
		{"PutFunctionScalingConfig", []string{"FunctionState"}, func(ctx context.Context) (any, error) {
			return c.PutFunctionScalingConfig(ctx, &awslambda.PutFunctionScalingConfigInput{FunctionName: aws.String("cp"), Qualifier: latest,
				FunctionScalingConfig: &types.FunctionScalingConfig{MinExecutionEnvironments: aws.Int32(3)}})
		}},
		{"GetFunctionScalingConfig", []string{"FunctionArn", "AppliedFunctionScalingConfig", "RequestedFunctionScalingConfig"}, func(ctx context.Context) (any, error) {
			return c.GetFunctionScalingConfig(ctx, &awslambda.GetFunctionScalingConfigInput{FunctionName: aws.String("cp"), Qualifier: latest})
		}},
	}
	for _, one := range calls {
		out, err := one.call(t.Context())
		if err != nil {
			t.Fatalf("%s: %v", one.name, err)
		}
		var answer map[string]any
		if err := json.Unmarshal(last, &answer); err != nil {
			t.Fatalf("%s: %v in %s", one.name, err, last)
		}
		for _, problem := range foreignTo(reflect.TypeOf(out).Elem(), answer, "") {
			t.Errorf("%s: %s", one.name, problem)
		}
		for _, name := range one.required {
			if _, there := answer[name]; !there {
				t.Errorf("%s: %s is missing in %s", one.name, name, last)
			}
		}
	}
}

// foreignTo lists the members of an answer that a type of the SDK does not have.
func foreignTo(model reflect.Type, answer any, at string) (problems []string) {
	for model.Kind() == reflect.Pointer {
		model = model.Elem()
	}
	switch v := answer.(type) {
	case map[string]any:
		for name, value := range v {
			switch {
			case model.Kind() == reflect.Map:
				problems = append(problems, foreignTo(model.Elem(), value, at+"."+name)...)
			case model.Kind() != reflect.Struct:
				return []string{fmt.Sprintf("%s is an object, the model has %s", at, model)}
			default:
				field, has := model.FieldByName(name)
				if !has {
					problems = append(problems, fmt.Sprintf("the model has no %s.%s", at, name))
					continue
				}
				problems = append(problems, foreignTo(field.Type, value, at+"."+name)...)
			}
		}
	case []any:
		if model.Kind() != reflect.Slice {
			return []string{fmt.Sprintf("%s is a list, the model has %s", at, model)}
		}
		for _, value := range v {
			problems = append(problems, foreignTo(model.Elem(), value, at+"[]")...)
		}
	}
	return problems
}
