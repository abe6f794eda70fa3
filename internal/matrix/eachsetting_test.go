package matrix

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
)

// minimalForms name each setting in its shortest form.
var minimalForms = map[definition.SettingKind]string{
	definition.FunctionURLSetting:            `{"authType": "NONE"}`,
	definition.PermissionSetting:             `[{"action": "lambda:InvokeFunction", "principal": "123456789012"}]`,
	definition.ReservedConcurrencySetting:    `5`,
	definition.ProvisionedConcurrencySetting: `{"qualifier": "live", "provisionedConcurrentExecutions": 1}`,
	definition.EventInvokeSetting:            `{"maximumRetryAttempts": 2}`,
	definition.RecursiveLoopSetting:          `"Allow"`,
	definition.RuntimeManagementSetting:      `{"updateRuntimeOn": "FunctionUpdate"}`,
	definition.ScalingSetting:                `{"qualifier": "$LATEST.PUBLISHED", "minExecutionEnvironments": 3}`,
}

// otherForms are what each setting is changed to.
var otherForms = map[definition.SettingKind]string{
	definition.FunctionURLSetting:            `{"authType": "AWS_IAM", "invokeMode": "RESPONSE_STREAM", "cors": {"allowOrigins": ["https://shop.example"]}}`,
	definition.PermissionSetting:             `{"api": {"action": "lambda:InvokeFunction", "principal": "apigateway.amazonaws.com"}, "queue": {"action": "lambda:InvokeFunction", "principal": "sns.amazonaws.com"}}`,
	definition.ReservedConcurrencySetting:    `0`,
	definition.ProvisionedConcurrencySetting: `{"qualifier": "live", "provisionedConcurrentExecutions": 3}`,
	definition.EventInvokeSetting:            `{"qualifier": "live", "maximumEventAgeInSeconds": 90, "destinationConfig": {"onFailure": {"destination": "arn:aws:sqs:us-east-1:000000000000:failed"}}}`,
	definition.RecursiveLoopSetting:          `"Terminate"`,
	definition.RuntimeManagementSetting:      `{"updateRuntimeOn": "Manual", "runtimeVersionArn": "arn:aws:lambda:us-east-1::runtime:abc"}`,
	definition.ScalingSetting:                `{"qualifier": "$LATEST.PUBLISHED", "minExecutionEnvironments": 4, "maxExecutionEnvironments": 9}`,
}

// eachSetting adds, changes and removes each setting, alone and together with
// code and configuration. A function URL that is removed comes back with another
// id: the deployment needs allow-partial-rollback, and all else is exact.
func eachSetting() []scenario {
	var all []scenario
	for _, kind := range definition.SettingKinds() {
		form, other := minimalForms[kind], otherForms[kind]
		for _, c := range []struct{ name, from, to string }{{"added", "", form}, {"changed", form, other}, {"removed", form, "null"}} {
			s := scenario{name: fmt.Sprintf("%s %s", kind, c.name), before: standing(kind, c.from), definition: functionWith(kind, ""), args: withSettings, oneIn: 23}
			s.files = map[string]string{"code/bootstrap": "one", "settings.json": document(kind, c.to)}
			if kind == definition.FunctionURLSetting && c.to == "null" {
				s.args, s.blind = append(withSettings[:len(withSettings):len(withSettings)], "--allow-partial-rollback"), urlID
			}
			all = append(all, s)
			s.name, s.definition = s.name+", and code", functionWith(kind, `, "timeout": 30`)
			s.files = map[string]string{"code/bootstrap": "two", "settings.json": document(kind, c.to)}
			all = append(all, s)
		}
	}
	return all
}

var urlID = regexp.MustCompile(`"ID": "[a-z0-9]*",?`)

func document(kind definition.SettingKind, form string) string {
	return fmt.Sprintf(`{%q: %s}`, kind, form)
}

// functionWith is a definition of a function that takes a kind of setting.
func functionWith(kind definition.SettingKind, fields string) string {
	if kind == definition.ScalingSetting {
		fields += capacity
	}
	return define(fields)
}

// standing is a published function with a setting, "" for none, which an earlier
// run deployed.
func standing(kind definition.SettingKind, form string) func(*world) {
	return func(w *world) {
		if kind == definition.ScalingSetting {
			managed(w)
		} else {
			published(w)
		}
		if form == "" {
			return
		}
		w.write(map[string]string{"function.json": functionWith(kind, ""), "code/bootstrap": "one", "settings.json": document(kind, form)})
		w.run(cut{}, append([]string{"deploy"}, withSettings...)...).expect(w.t, "the run before", 0)
		w.must(os.RemoveAll(filepath.Join(w.dir, ".lambda-rollout")))
		w.settle()
	}
}
