package matrix

import (
	"context"
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
)

// settingsScenarios add, change and remove settings, alone and together with
// code.
func settingsScenarios() []scenario {
	return []scenario{
		{name: "settings added", before: published, definition: define(`, "memorySize": 256`), args: withSettings, oneIn: 5,
			files: map[string]string{"code/bootstrap": "two", "settings.json": settingsOf("NONE", 5, 60)}},
		{name: "settings changed", before: settled, definition: define(""), args: withSettings, oneIn: 5,
			files: map[string]string{"code/bootstrap": "one", "settings.json": settingsOf("AWS_IAM", 7, 90)}},
		{name: "settings removed, and code", before: settled, definition: define(""), args: withSettings, oneIn: 5,
			files: map[string]string{"code/bootstrap": "two", "settings.json": `{"reservedConcurrency": null, "eventInvokeConfig": [], "recursiveLoop": null,
				"runtimeManagement": null, "permissions": {"url": null, "all": null}, "provisionedConcurrency": null}`}},
		{name: "settings of a new function", before: func(*world) {}, definition: define(""), args: withSettings, oneIn: 5,
			files: map[string]string{"code/bootstrap": "one", "settings.json": settingsOf("NONE", 5, 60)}},
		{name: "settings of a new alias", before: bare, definition: define(""), args: withSettings, oneIn: 5,
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

// settingsStrangers change each setting between a deployment and its rollback.
func settingsStrangers() []stranger {
	f, live, ctx := aws.String("f"), aws.String("live"), context.Background()
	does := func(call func(w *world) error) func(*world) { return func(w *world) { w.must(call(w)) } }
	return []stranger{
		{name: "reserved", keeps: []string{"Reserved"}, code: 4, says: []string{"reservedConcurrency was not rolled back: 30"}, does: does(func(w *world) error {
			_, err := w.lambda.PutFunctionConcurrency(ctx, &lambda.PutFunctionConcurrencyInput{FunctionName: f, ReservedConcurrentExecutions: aws.Int32(30)})
			return err
		})},
		{name: "provisioned", keeps: []string{"Provisioned"}, code: 4, says: []string{"provisionedConcurrency of live was not rolled back: 3"}, does: does(func(w *world) error {
			_, err := w.lambda.PutProvisionedConcurrencyConfig(ctx, &lambda.PutProvisionedConcurrencyConfigInput{FunctionName: f, Qualifier: live, ProvisionedConcurrentExecutions: aws.Int32(3)})
			return err
		})},
		{name: "events", keeps: []string{"EventInvoke.live"}, code: 4, says: []string{"eventInvokeConfig of live was not rolled back: maximumRetryAttempts 1"}, does: does(func(w *world) error {
			_, err := w.lambda.PutFunctionEventInvokeConfig(ctx, &lambda.PutFunctionEventInvokeConfigInput{FunctionName: f, Qualifier: live, MaximumRetryAttempts: aws.Int32(1)})
			return err
		})},
		{name: "runtime", keeps: []string{"Runtimes"}, code: 4, says: []string{"runtimeManagement was not rolled back"}, does: does(func(w *world) error {
			_, err := w.lambda.PutRuntimeManagementConfig(ctx, &lambda.PutRuntimeManagementConfigInput{FunctionName: f, UpdateRuntimeOn: types.UpdateRuntimeOnManual, RuntimeVersionArn: aws.String("arn:aws:lambda:us-east-1::runtime:abc")})
			return err
		})},
		{name: "the URL", keeps: []string{"URLs"}, code: 4, says: []string{"functionUrl of live was not rolled back: authType AWS_IAM"}, does: does(func(w *world) error {
			_, err := w.lambda.UpdateFunctionUrlConfig(ctx, &lambda.UpdateFunctionUrlConfigInput{FunctionName: f, Qualifier: live, Cors: &types.Cors{AllowOrigins: []string{"https://theirs.example"}}})
			return err
		})},
		{name: "a statement removed", keeps: []string{"Policies.$LATEST", "Policies."}, code: 4, says: []string{"permissions.all was not rolled back: action lambda:*"}, does: does(func(w *world) error {
			_, err := w.lambda.RemovePermission(ctx, &lambda.RemovePermissionInput{FunctionName: f, StatementId: aws.String("all")})
			if err != nil {
				return err
			}
			_, err = w.lambda.AddPermission(ctx, &lambda.AddPermissionInput{FunctionName: f, StatementId: aws.String("all"), Action: aws.String("lambda:*"), Principal: aws.String("sns.amazonaws.com")})
			return err
		})},
		{name: "reserved removed", keeps: []string{"Reserved"}, code: 4, says: []string{"reservedConcurrency was not rolled back: none"}, does: does(func(w *world) error {
			_, err := w.lambda.DeleteFunctionConcurrency(ctx, &lambda.DeleteFunctionConcurrencyInput{FunctionName: f})
			return err
		})},
		{name: "provisioned removed", keeps: []string{"Provisioned"}, code: 4, says: []string{"provisionedConcurrency of live was not rolled back: none"}, does: does(func(w *world) error {
			_, err := w.lambda.DeleteProvisionedConcurrencyConfig(ctx, &lambda.DeleteProvisionedConcurrencyConfigInput{FunctionName: f, Qualifier: live})
			return err
		})},
		{name: "events removed", keeps: []string{"EventInvoke.$LATEST"}, code: 4, says: []string{"eventInvokeConfig was not rolled back: none"}, does: does(func(w *world) error {
			_, err := w.lambda.DeleteFunctionEventInvokeConfig(ctx, &lambda.DeleteFunctionEventInvokeConfigInput{FunctionName: f})
			return err
		})},
		{name: "the URL deleted", keeps: []string{"URLs"}, code: 4, says: []string{"functionUrl of live was not rolled back: none"}, does: does(func(w *world) error {
			_, err := w.lambda.DeleteFunctionUrlConfig(ctx, &lambda.DeleteFunctionUrlConfigInput{FunctionName: f, Qualifier: live})
			return err
		})},
		{name: "a statement gone", keeps: []string{"Policies."}, code: 4, says: []string{"permissions.all was not rolled back: none"}, does: does(func(w *world) error {
			_, err := w.lambda.RemovePermission(ctx, &lambda.RemovePermissionInput{FunctionName: f, StatementId: aws.String("all")})
			return err
		})},
		{name: "scaling", of: "scalingConfig changed, and code", keeps: []string{"Scaling"}, code: 4, says: []string{"scalingConfig of $LATEST.PUBLISHED was not rolled back: minExecutionEnvironments 7"}, does: does(func(w *world) error {
			_, err := w.lambda.PutFunctionScalingConfig(ctx, &lambda.PutFunctionScalingConfigInput{FunctionName: f, Qualifier: aws.String("$LATEST.PUBLISHED"),
				FunctionScalingConfig: &types.FunctionScalingConfig{MinExecutionEnvironments: aws.Int32(7)}})
			return err
		})},
		{name: "recursion, back to what it was", of: "recursiveLoop added", does: does(func(w *world) error {
			_, err := w.lambda.PutFunctionRecursionConfig(ctx, &lambda.PutFunctionRecursionConfigInput{FunctionName: f, RecursiveLoop: types.RecursiveLoopTerminate})
			return err
		})},
		{name: "what callers of managed instances reach, published anew", of: "managed instances", keeps: []string{"Published"}, code: 4,
			says: []string{"$LATEST.PUBLISHED was not rolled back: it was published again"}, does: func(w *world) { w.publishLatest("theirs") }},
		{name: "what callers of managed instances reach, published anew after a change", of: "managed instances", keeps: []string{"Latest", "Published"}, code: 4,
			says: []string{"$LATEST was not rolled back", "$LATEST.PUBLISHED was not rolled back: it was published again"}, does: func(w *world) {
				configuration(func(in *lambda.UpdateFunctionConfigurationInput) { in.Timeout = aws.Int32(42) })(w)
				w.publishLatest("theirs")
			}},
		{name: "what callers of managed instances reach, gone", of: "managed instances", keeps: []string{"Published"}, code: 4,
			says: []string{"$LATEST.PUBLISHED was not rolled back: it is gone"}, does: does(func(w *world) error {
				_, err := w.lambda.DeleteFunction(ctx, &lambda.DeleteFunctionInput{FunctionName: f, Qualifier: aws.String(definition.LatestPublished)})
				return err
			})},
		{name: "a permission to call what this run published", of: "managed instances that nobody published", keeps: []string{"Published", "Policies"}, code: 4,
			says: []string{"$LATEST.PUBLISHED was not rolled back: in use: permission theirs"}, does: does(func(w *world) error {
				_, err := w.lambda.AddPermission(ctx, &lambda.AddPermissionInput{FunctionName: f, Qualifier: aws.String(definition.LatestPublished), StatementId: aws.String("theirs"),
					Action: aws.String("lambda:InvokeFunction"), Principal: aws.String("sns.amazonaws.com")})
				return err
			})},
		{name: "provisioned on the version", of: "provisioned concurrency on the version, in stages", keeps: []string{"Provisioned.2"}, code: 4,
			says: []string{"provisionedConcurrency of 2 was not rolled back: 1"}, does: func(w *world) {
				_, err := w.lambda.PutProvisionedConcurrencyConfig(ctx, &lambda.PutProvisionedConcurrencyConfigInput{FunctionName: f, Qualifier: aws.String("2"), ProvisionedConcurrentExecutions: aws.Int32(1)})
				w.must(err)
				w.settle()
			}},
		{name: "nobody", does: func(*world) {}},
	}
}

func (w *world) publishLatest(description string) {
	w.t.Helper()
	_, err := w.lambda.PublishVersion(context.Background(), &lambda.PublishVersionInput{
		FunctionName: aws.String("f"), PublishTo: types.FunctionVersionLatestPublishedLatestPublished, Description: &description,
	})
	w.must(err)
	w.settle()
}

func TestASettingThatAStrangerChangedIsLeftAndTheRestPutBack(t *testing.T) {
	t.Parallel()
	changed := settingsScenarios()[1]
	of := map[string]scenario{"": changed}
	for _, s := range append(eachSetting(), scenarios()...) {
		of[s.name] = s
	}
	for _, s := range every(5, settingsStrangers(), 1) {
		deployed := of[s.of]
		if deployed.name == "" {
			t.Fatalf("there is no scenario %q", s.of)
		}
		t.Run(s.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) { s.prove(t, deployed) })
		})
	}
}

// What AWS fills in beside a minimal form is no difference, and neither is
// clearing what is not there.
func TestAMinimalSettingIsNoDifferenceOnceItIsDeployed(t *testing.T) {
	t.Parallel()
	for _, kind := range definition.SettingKinds() {
		form := minimalForms[kind]
		t.Run(string(kind), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				w := newWorld(t)
				s := scenario{before: published, definition: define(""), args: withSettings, files: map[string]string{"code/bootstrap": "one"}}
				if kind == definition.ScalingSetting {
					s.before, s.definition = managed, define(capacity)
				}
				s.files["settings.json"] = fmt.Sprintf(`{"%s": null}`, kind)
				s.prepare(w)
				w.run(cut{}, append([]string{"deploy"}, withSettings...)...).expect(t, "clearing what is not set", 0)
				w.nothingToDo("nothing is set", "null")
				s.files["settings.json"] = fmt.Sprintf(`{"%s": %s}`, kind, form)
				w.write(s.files)
				w.run(cut{}, append([]string{"plan", "--exit-code"}, withSettings...)...).expect(t, "a plan that sets it", 2, string(kind))
				w.run(cut{}, append([]string{"deploy"}, withSettings...)...).expect(t, "setting it", 0)
				w.nothingToDo("it is set", form)
			})
		})
	}
}

// nothingToDo plans once more.
func (w *world) nothingToDo(what, form string) {
	w.t.Helper()
	w.settle()
	w.run(cut{}, append([]string{"plan", "--exit-code"}, withSettings...)...).expect(w.t, what+": "+form, 0)
}

const capacity = `, "capacityProviderConfig": {"lambdaManagedInstancesCapacityProviderConfig": {"capacityProviderArn": "arn:aws:lambda:us-east-1:000000000000:capacity-provider:cp"}}`

// managed is a function on managed instances.
func managed(w *world) {
	w.create("f", func(in *lambda.CreateFunctionInput) {
		in.MemorySize = aws.Int32(2048)
		in.CapacityProviderConfig = &types.CapacityProviderConfig{LambdaManagedInstancesCapacityProviderConfig: &types.LambdaManagedInstancesCapacityProviderConfig{
			CapacityProviderArn: aws.String("arn:aws:lambda:us-east-1:000000000000:capacity-provider:cp"),
		}}
	})
	w.alias("f", "live", w.publish("f"), nil)
}
