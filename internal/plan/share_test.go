package plan

import (
	"slices"
	"strings"
	"testing"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/traffic"
)

// AWS refuses two versions with different roles or dead-letter queues behind one alias.
func TestAShiftToAPartIsRefusedWhereVersionsMayNotShareTraffic(t *testing.T) {
	t.Parallel()
	const refused = "alias live cannot share its traffic: version 1 has the role arn:aws:iam::123456789012:role/f and the new one arn:aws:iam::123456789012:role/g (percentage 100 gives the new version all of it)"
	for percent, want := range map[float64]string{0: "", 10: refused, 100: ""} {
		next := observed("2", "two")
		next.Role = new("arn:aws:iam::123456789012:role/g")
		p := Forward(Wanted{Aliases: []definition.Alias{{Name: "live"}}, ShiftTo: "2", Traffic: traffic.Schedule{{Percent: percent}}}, Observation{
			Latest: observed(Latest, "two"), Aliases: map[string]*definition.ObservedAlias{"live": alias("1", nil)},
			Versions: map[string]*definition.Observed{"1": observed("1", "one"), "2": next},
		})
		if got := strings.Join(p.Blockers, "\n"); got != want || len(p.Warnings) > 0 {
			t.Errorf("%g: blocked by %q, want %q; warned of %q", percent, got, want, p.Warnings)
		}
	}
}

// An alias on $LATEST shares its traffic with the restore point, which holds what $LATEST
// held before.
func TestTheRestorePointMayNotShareTrafficEither(t *testing.T) {
	t.Parallel()
	w, o := asked(), existing()
	w.Function.Role, w.Traffic = new("arn:aws:iam::123456789012:role/g"), traffic.Schedule{{Percent: 10}}
	o.Aliases["live"], o.Served = alias(Latest, nil), nil
	if p := Forward(w, o); len(p.Blockers) != 1 || !strings.Contains(p.Blockers[0], "the restore point has the role arn:aws:iam::123456789012:role/f") {
		t.Errorf("to be published: blocked by %q", p.Blockers)
	}
	o.Served = o.Versions["1"]
	if p := Forward(w, o); len(p.Blockers) != 1 || !strings.Contains(p.Blockers[0], "version 1 has the role arn:aws:iam::123456789012:role/f") {
		t.Errorf("published: blocked by %q", p.Blockers)
	}
}

func TestCodeDeployIsRefusedWhereVersionsMayNotShareTraffic(t *testing.T) {
	t.Parallel()
	w, o := asked(), existing()
	w.Function.Role, w.CodeDeploy = new("arn:aws:iam::123456789012:role/g"), &traffic.Group{}
	if p := Forward(w, o); len(p.Blockers) != 1 || !strings.Contains(p.Blockers[0], "cannot share its traffic: version 1 has the role") {
		t.Errorf("blocked by %q", p.Blockers)
	}
}

func TestAnAliasWithProvisionedConcurrencyThatSharesItsTrafficIsWarnedOf(t *testing.T) {
	t.Parallel()
	gradual := traffic.Schedule{{Percent: 10, Wait: 1}, {Percent: 100}}
	onItsVersion := definition.Setting{SettingKey: provisionedKey, Value: definition.ProvisionedConcurrency{ProvisionedConcurrentExecutions: 3, OnVersion: true}}
	for name, tc := range map[string]struct {
		schedule    traffic.Schedule
		provisioned bool
		settings    definition.Settings
		warned      bool
	}{
		"gradual":           {schedule: gradual, provisioned: true, warned: true},
		"without":           {schedule: gradual},
		"all at once":       {schedule: traffic.AllAtOnce(), provisioned: true},
		"no traffic":        {schedule: traffic.Schedule{{Percent: 0}}, provisioned: true},
		"it has to give up": {schedule: gradual, provisioned: true, settings: definition.Settings{Named: []definition.Setting{onItsVersion}, Kinds: []definition.SettingKind{definition.ProvisionedConcurrencySetting}}},
	} {
		w, o := asked(), existing()
		w.Traffic, w.Settings, o.Provisioned = tc.schedule, tc.settings, map[string]bool{"live": tc.provisioned}
		if p := Forward(w, o); slices.ContainsFunc(p.Warnings, func(s string) bool { return strings.HasPrefix(s, "alias live has provisioned concurrency") }) != tc.warned {
			t.Errorf("%s: %q", name, p.Warnings)
		}
	}
}

// To take a version out of an alias there must be another one.
func TestAShiftToNothingNeedsAnotherVersion(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		now     *definition.ObservedAlias
		want    string
		blocked bool
	}{
		"it has all":            {alias("2", nil), "", true},
		"it has the rest":       {alias("2", map[string]float64{"1": 0.4}), "0 UpdateAlias live 1", false},
		"it has a part":         {alias("1", map[string]float64{"2": 0.4}), "0 UpdateAlias live 1", false},
		"it has nothing":        {alias("1", nil), "", false},
		"another one has a bit": {alias("1", map[string]float64{"3": 0.4}), "0 UpdateAlias live 1", false},
	} {
		p := Forward(Wanted{Aliases: []definition.Alias{{Name: "live"}}, ShiftTo: "2", Traffic: traffic.Schedule{{Percent: 0}}}, Observation{
			Latest: observed(Latest, "two"), Aliases: map[string]*definition.ObservedAlias{"live": tc.now},
		})
		if steps(p) != tc.want || len(p.Blockers) > 0 != tc.blocked {
			t.Errorf("%s: %q, want %q; blocked by %q", name, steps(p), tc.want, p.Blockers)
		}
	}
}
