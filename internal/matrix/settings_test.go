package matrix

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

// settingsScenarios add, change and remove settings, alone and together with
// code.
func settingsScenarios() []scenario {
	return []scenario{
		{name: "settings added", before: published, definition: define(`, "memorySize": 256`), args: withSettings,
			files: map[string]string{"code/bootstrap": "two", "settings.json": settingsOf("NONE", 5, 60)}},
		{name: "settings changed", before: settled, definition: define(""), args: withSettings,
			files: map[string]string{"code/bootstrap": "one", "settings.json": settingsOf("AWS_IAM", 7, 90)}},
		{name: "settings removed, and code", before: settled, definition: define(""), args: withSettings,
			files: map[string]string{"code/bootstrap": "two", "settings.json": `{"reservedConcurrency": null, "eventInvokeConfig": [], "recursiveLoop": null,
				"runtimeManagement": null, "permissions": {"url": null, "all": null}, "provisionedConcurrency": null}`}},
		{name: "settings of a new alias", before: bare, definition: define(""), args: withSettings,
			files: map[string]string{"code/bootstrap": "one", "settings.json": settingsOf("NONE", 5, 60)}},
	}
}

var withSettings = []string{"--function-definition", "function.json", "--artifact", "code", "--alias", "live", "--settings", "settings.json"}

// settingsOf is one of each kind of setting that the embedded AWS can restore.
func settingsOf(auth string, executions, age int) string {
	return fmt.Sprintf(`{
		"reservedConcurrency": %[2]d,
		"provisionedConcurrency": {"qualifier": "live", "provisionedConcurrentExecutions": %[2]d},
		"eventInvokeConfig": [{"maximumEventAgeInSeconds": %[3]d}, {"qualifier": "live", "maximumRetryAttempts": 0}],
		"recursiveLoop": "Allow",
		"runtimeManagement": {"updateRuntimeOn": "FunctionUpdate"},
		"functionUrl": {"qualifier": "live", "authType": "%[1]s", "cors": {"allowOrigins": ["https://%[2]d.example"]}},
		"permissions": [
			{"sid": "url", "qualifier": "live", "action": "lambda:InvokeFunctionUrl", "principal": "*", "functionUrlAuthType": "%[1]s"},
			{"sid": "all", "action": "lambda:InvokeFunction", "principal": "events.amazonaws.com", "sourceAccount": "00000000000%[2]d"}
		]
	}`, auth, executions, age)
}

// bare is a function without an alias.
func bare(w *world) { w.create("f", nil) }

// settled has the settings of settingsOf("NONE", 5, 60).
func settled(w *world) {
	published(w)
	f, live, ctx := aws.String("f"), aws.String("live"), context.Background()
	_, err := w.lambda.PutFunctionConcurrency(ctx, &lambda.PutFunctionConcurrencyInput{FunctionName: f, ReservedConcurrentExecutions: aws.Int32(5)})
	w.must(err)
	_, err = w.lambda.PutProvisionedConcurrencyConfig(ctx, &lambda.PutProvisionedConcurrencyConfigInput{FunctionName: f, Qualifier: live, ProvisionedConcurrentExecutions: aws.Int32(5)})
	w.must(err)
	_, err = w.lambda.PutFunctionEventInvokeConfig(ctx, &lambda.PutFunctionEventInvokeConfigInput{FunctionName: f, MaximumEventAgeInSeconds: aws.Int32(60)})
	w.must(err)
	_, err = w.lambda.PutFunctionRecursionConfig(ctx, &lambda.PutFunctionRecursionConfigInput{FunctionName: f, RecursiveLoop: types.RecursiveLoopAllow})
	w.must(err)
	_, err = w.lambda.CreateFunctionUrlConfig(ctx, &lambda.CreateFunctionUrlConfigInput{FunctionName: f, Qualifier: live, AuthType: types.FunctionUrlAuthTypeNone})
	w.must(err)
	_, err = w.lambda.AddPermission(ctx, &lambda.AddPermissionInput{FunctionName: f, Qualifier: live, StatementId: aws.String("url"), Action: aws.String("lambda:InvokeFunctionUrl"), Principal: aws.String("*"), FunctionUrlAuthType: types.FunctionUrlAuthTypeNone})
	w.must(err)
	_, err = w.lambda.AddPermission(ctx, &lambda.AddPermissionInput{FunctionName: f, StatementId: aws.String("all"), Action: aws.String("lambda:InvokeFunction"), Principal: aws.String("sns.amazonaws.com")})
	w.must(err)
	w.settle()
}
