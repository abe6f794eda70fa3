package plan

import (
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/traffic"
)

func TestWhatFollowsTheShiftIsKnownFromThePlan(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		step     Step
		want     Follow
		settings bool
	}{
		"tags":                     {step: TagResource{Tags: map[string]string{"team": "web"}}, want: Follow{Tags: map[string]string{"team": "web"}}},
		"tags to remove":           {step: UntagResource{Keys: []string{"team"}}, want: Follow{Untag: []string{"team"}}},
		"a setting":                {step: PutSetting{}, settings: true},
		"a setting to remove":      {step: DeleteSetting{}, settings: true},
		"a setting that went":      {step: PutSetting{Early: true}},
		"one that was removed":     {step: DeleteSetting{Early: true}},
		"$LATEST.PUBLISHED":        {step: PublishLatest{}, settings: true},
		"an alias is of the shift": {step: MoveAlias{Name: "live"}},
	} {
		got, settings := Plan{Steps: []Step{tc.step, PutSetting{Early: true}, DeleteSetting{Early: true}}}.Follows()
		if diff := cmp.Diff(tc.want, got); diff != "" || settings != tc.settings {
			t.Errorf("%s: settings follow: %v\n%s", name, settings, diff)
		}
	}
}

// A resumed shift sets the tags that are missing, and creates the aliases that
// the deployment would have created and no others.
func TestAResumedShiftDoesWhatIsLeftToDo(t *testing.T) {
	t.Parallel()
	follow := &Follow{Missing: []string{"next"}, Tags: map[string]string{"team": "web", "stage": "prod"}, Untag: []string{"old"}}
	plan := func(now map[string]string, gone ...string) Plan {
		o := Observation{
			Latest: observed(Latest, "two"), Aliases: map[string]*definition.ObservedAlias{"live": alias("2", nil), "next": alias("2", nil)},
			Versions: map[string]*definition.Observed{"2": observed("2", "two")},
		}
		o.Latest.Tags = now
		for _, name := range gone {
			o.Aliases[name] = nil
		}
		return Forward(Wanted{
			Function: definition.Function{FunctionName: "f"}, Aliases: []definition.Alias{{Name: "live"}, {Name: "next"}},
			ShiftTo: "2", Traffic: traffic.AllAtOnce(), Follow: follow,
		}, o)
	}
	for name, tc := range map[string]struct {
		now   map[string]string
		set   map[string]string
		unset []string
	}{
		"nothing is done": {now: map[string]string{"old": "1"}, set: follow.Tags, unset: []string{"old"}},
		"a part is done":  {now: map[string]string{"team": "web", "stage": "test"}, set: map[string]string{"stage": "prod"}},
		"all is done":     {now: maps.Clone(follow.Tags)},
	} {
		var set map[string]string
		var unset []string
		for _, s := range plan(tc.now).Steps {
			switch s := s.(type) {
			case TagResource:
				set = s.Tags
			case UntagResource:
				unset = s.Keys
			default:
				t.Errorf("%s: %T", name, s)
			}
		}
		if diff := cmp.Diff(tc.set, set); diff != "" || !slices.Equal(tc.unset, unset) {
			t.Errorf("%s: removes %q, want %q\n%s", name, unset, tc.unset, diff)
		}
	}
	if p := plan(follow.Tags, "next"); steps(p) != "0 CreateAlias next new" || len(p.Blockers) > 0 {
		t.Errorf("the alias that was to be created: %s, blocked by %q", steps(p), p.Blockers)
	}
	if p := plan(follow.Tags, "live"); len(p.Steps) > 0 || !slices.Equal(p.Blockers, []string{"alias live is gone: somebody deleted it"}) {
		t.Errorf("the alias that was there: %s, blocked by %q", steps(p), p.Blockers)
	}
}
