package engine

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/journal"
	"github.com/lambda-rollout/lambda-rollout/internal/plan"
)

func TestProvisionedConcurrencyOfAVersionThatFailsFailsTheDeployment(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.aws.settings, b.aws.status = plan.Settings{}, map[string]string{"2": "FAILED"}
		if err := b.deploy(t.Context(), onVersions(wanted("live"), 3)); err == nil || !strings.Contains(err.Error(), "provisioned concurrency of f:2 is FAILED") {
			t.Errorf("the error is %v", err)
		}
		if b.aws.aliases["live"].Version != "1" {
			t.Error("the alias moved to a version that is not ready")
		}
	})
}

// PublishVersion may return a version that has provisioned concurrency of its own. What
// that was is recorded with the step: the snapshot could not know of the version.
func TestWhatAVersionThatExistedHadIsRecorded(t *testing.T) {
	t.Parallel()
	two := definition.SettingKey{Kind: definition.ProvisionedConcurrencySetting, Qualifier: "2"}
	had := definition.ProvisionedConcurrency{ProvisionedConcurrentExecutions: 1}
	for name, tc := range map[string]struct {
		had    definition.SettingValue
		wanted int32
		sent   bool
	}{
		"nothing": {nil, 3, true},
		"less":    {had, 3, true},
		"as much": {had, 1, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t)
			b.aws.settings, b.aws.status = plan.Settings{}, map[string]string{"2": "READY"}
			b.aws.after = on("PublishVersion", 1, func() error { b.aws.settings[two] = tc.had; return nil })
			b.mustDeploy(onVersions(wanted("live"), tc.wanted))
			var sent []journal.Intent
			for _, s := range b.record.log.Steps {
				if s.Intent.Setting != nil {
					sent = append(sent, s.Intent)
				}
			}
			if len(sent) > 0 != tc.sent {
				t.Fatalf("%s: %+v", name, sent)
			}
			if !tc.sent {
				return
			}
			if before := sent[0].Before; (before == nil) != (tc.had == nil) || before != nil && (before.Value != tc.had || before.SettingKey != two) {
				t.Errorf("%s: before %+v", name, before)
			}
			if b.rollback(t.Context()); b.aws.settings[two] != tc.had {
				t.Errorf("%s: after the rollback %v", name, b.aws.settings[two])
			}
		})
	}
}

// An answer that is lost is looked for. A function URL gets its address from AWS.
func TestAFunctionURLIsKnownByItsAddress(t *testing.T) {
	t.Parallel()
	url := definition.SettingKey{Kind: definition.FunctionURLSetting, Qualifier: "live"}
	for name, hook := range map[string]error{"answered": nil, "lost": lost} {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t)
			b.aws.settings = plan.Settings{}
			e := b.engine()
			e.live.latest, e.live.settings = b.aws.function, nil
			s := plan.PutSetting{Setting: definition.Setting{SettingKey: url, Value: definition.FunctionURL{AuthType: "NONE"}}}
			b.aws.after = on("PutSetting", 1, func() error {
				b.aws.settings[url] = definition.FunctionURL{AuthType: "NONE", URL: "https://abc/"}
				return hook
			})
			if err := e.do(t.Context(), s, false); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if _, known := e.live.settings[url]; !known || hook != nil && e.FunctionURL() != "https://abc/" {
				t.Errorf("%s: %v", name, e.live.settings)
			}
		})
	}
}
