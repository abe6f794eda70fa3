package journal

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
)

// What a setting was in passing is no state of the run's any more once a later
// change of it is complete: somebody who sets it to that has changed it.
func TestASettingMayBeAsTheLastCompleteChangeLeftItOrAnyThatIsOpen(t *testing.T) {
	t.Parallel()
	key := definition.SettingKey{Kind: definition.ReservedConcurrencySetting}
	set := func(n int32, o *Outcome) Step {
		return Step{Intent: Intent{Setting: &definition.Setting{SettingKey: key, Value: definition.ReservedConcurrency{Executions: n}}}, Outcome: o}
	}
	gone := func(o *Outcome) Step {
		return Step{Intent: Intent{Setting: &definition.Setting{SettingKey: key}}, Outcome: o}
	}
	done, doubt, refused, unknown := &Outcome{Result: Done}, &Outcome{Result: Done, Doubt: true}, &Outcome{Result: Refused}, &Outcome{Result: Unknown}
	for name, c := range map[string]struct {
		steps []Step
		want  []string
	}{
		"nothing":                    {nil, []string{"1"}},
		"complete":                   {[]Step{set(2, done)}, []string{"1", "2"}},
		"removed and set again":      {[]Step{gone(done), set(2, done)}, []string{"1", "2"}},
		"cut off after the removal":  {[]Step{gone(done)}, []string{"1", "none"}},
		"cut off within the second":  {[]Step{gone(done), set(2, nil)}, []string{"1", "none", "2"}},
		"an early copy may still be": {[]Step{gone(doubt), set(2, done)}, []string{"1", "2", "none"}},
		"no answer":                  {[]Step{gone(done), set(2, unknown)}, []string{"1", "none", "2"}},
		"refused":                    {[]Step{set(2, done), set(3, refused)}, []string{"1", "2"}},
		"rolled back half-way":       {[]Step{gone(done), set(2, done), gone(done)}, []string{"1", "none"}},
	} {
		log := TargetLog{Steps: c.steps, Snapshot: &Snapshot{Settings: []definition.Setting{{SettingKey: key, Value: definition.ReservedConcurrency{Executions: 1}}}}}
		var got []string
		_, states := log.SettingStates(key)
		for _, v := range states {
			got = append(got, definition.DescribeSetting(v))
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
