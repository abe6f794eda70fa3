package engine

import (
	"testing"
	"testing/synctest"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/plan"
)

// onVersions asks for provisioned concurrency on the version that live points to.
func onVersions(w plan.Wanted, executions int32) plan.Wanted {
	key := definition.SettingKey{Kind: definition.ProvisionedConcurrencySetting, Qualifier: "live"}
	w.Settings = definition.Settings{
		Kinds: []definition.SettingKind{key.Kind},
		Named: []definition.Setting{{SettingKey: key, Value: definition.ProvisionedConcurrency{ProvisionedConcurrentExecutions: executions, OnVersion: true}}},
	}
	return w
}

// Provisioned concurrency on versions follows the alias: the new version has it
// before the alias moves, the old one loses it after, and a rollback gives it back.
func TestProvisionedConcurrencyGoesFromVersionToVersion(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		of := func(version string) definition.SettingKey {
			return definition.SettingKey{Kind: definition.ProvisionedConcurrencySetting, Qualifier: version}
		}
		three := definition.ProvisionedConcurrency{ProvisionedConcurrentExecutions: 3}
		b.aws.settings = plan.Settings{of("1"): three}
		b.aws.status = map[string]string{"1": "READY", "2": "IN_PROGRESS"}
		b.mustDeploy(onVersions(wanted("live"), 3))
		if b.aws.settings[of("2")] != definition.SettingValue(three) || b.aws.settings[of("1")] != nil {
			t.Errorf("after the deployment: %v", b.aws.settings)
		}
		if back := b.rollback(t.Context()); b.aws.settings[of("1")] != definition.SettingValue(three) || b.aws.settings[of("2")] != nil {
			t.Errorf("after the rollback: %v\n%+v", b.aws.settings, back)
		}
	})
}
