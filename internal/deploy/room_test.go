package deploy

import (
	"errors"
	"strings"
	"testing"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
)

func TestTwoProvisionedVersionsNeedRoomInTheAccount(t *testing.T) {
	run(t, awslocal.Options{}, func(f *fixture) {
		f.write("settings.yaml", "provisionedConcurrency: {qualifier: live, provisionedConcurrentExecutions: 451, onVersion: true}\n")
		f.settings = []string{"settings.yaml"}
		f.mustDeploy()
		f.write("code/index.js", "2")
		f.saved = nil
		_, err := f.deploy(f.Context(), "function.yaml")
		var not *NotStartedError
		if !errors.As(err, &not) || !strings.Contains(err.Error(), "provisioned concurrency of 902 is needed") || !strings.Contains(err.Error(), "the account has 1000 unreserved") {
			f.Fatalf("ends with %v", err)
		}
		if f.called("PublishVersion") != 1 {
			f.Error("something was changed before")
		}
		f.write("settings.yaml", "provisionedConcurrency: {qualifier: live, provisionedConcurrentExecutions: 449, onVersion: true}\n")
		f.mustDeploy()
		if got := f.alias("live"); !strings.HasPrefix(got, "2") {
			f.Errorf("live points to %s", got)
		}
	})
}

func TestNoLessIsReservedThanIsProvisionedElsewhere(t *testing.T) {
	run(t, awslocal.Options{}, func(f *fixture) {
		f.write("settings.yaml", "provisionedConcurrency: {qualifier: live, provisionedConcurrentExecutions: 3}\n")
		f.settings = []string{"settings.yaml"}
		f.mustDeploy()
		f.write("settings.yaml", "reservedConcurrency: 2\n")
		f.write("code/index.js", "2")
		f.saved = nil
		_, err := f.deploy(f.Context(), "function.yaml")
		var not *NotStartedError
		if !errors.As(err, &not) || !strings.Contains(err.Error(), "reservedConcurrency is 2, less than its provisioned concurrency of 3") {
			f.Fatalf("ends with %v", err)
		}
		if f.called("PublishVersion") != 1 || f.called("PutFunctionConcurrency") != 0 {
			f.Error("something was changed before")
		}
		f.write("settings.yaml", "reservedConcurrency: 2\nprovisionedConcurrency: {qualifier: live, provisionedConcurrentExecutions: 2}\n")
		f.mustDeploy()
	})
}

func TestSettingsOfWhatDoesNotExistAreRefusedBeforeTheFirstChange(t *testing.T) {
	run(t, awslocal.Options{}, func(f *fixture) {
		f.mustDeploy()
		f.settings = []string{"settings.yaml"}
		f.write("code/index.js", "2")
		for _, document := range []string{
			"functionUrl: {qualifier: lvie, authType: AWS_IAM}\n",
			"eventInvokeConfig: [{qualifier: lvie, maximumRetryAttempts: 0}, {qualifier: live, maximumRetryAttempts: 0}]\n",
			"permissions: [{sid: a, qualifier: lvie, action: lambda:InvokeFunction, principal: sns.amazonaws.com}]\n",
			"permissions: [{sid: a, qualifier: '99', action: lambda:InvokeFunction, principal: sns.amazonaws.com}]\n",
		} {
			f.write("settings.yaml", document)
			f.saved = nil
			_, err := f.deploy(f.Context(), "function.yaml")
			var not *NotStartedError
			if !errors.As(err, &not) || !strings.Contains(err.Error(), "there is no such alias or version") || strings.Contains(err.Error(), "qualifier live") {
				f.Errorf("%s: ends with %v", document, err)
			}
		}
		if f.called("PublishVersion") != 1 {
			f.Error("something was changed before")
		}
		f.write("settings.yaml", "permissions: [{sid: a, qualifier: '1', action: lambda:InvokeFunction, principal: sns.amazonaws.com}]\n")
		f.mustDeploy()
	})
}
