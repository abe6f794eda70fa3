package plan

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/journal"
	"github.com/lambda-rollout/lambda-rollout/internal/traffic"
)

func TestCodeDeployGetsWhatItCanDoAndNoMore(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		code    string
		now     *definition.ObservedAlias
		want    string
		blocker string
	}{
		"from one version to the new one": {code: "new", now: alias("1", nil), want: "UpdateFunctionCode\nPublishVersion\n0 CreateDeployment live new"},
		"it is there already":             {code: "one", now: alias("1", nil)},
		"a new alias":                     {code: "new", blocker: "alias live does not exist yet"},
		"on $LATEST":                      {code: "new", now: alias(Latest, nil), blocker: "alias live points to $LATEST"},
		"it shares its traffic":           {code: "new", now: alias("1", map[string]float64{"2": 0.2}), blocker: "alias live shares its traffic already (1, 20% to 2)"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := Observation{
				Latest: observed(Latest, "one"), Aliases: map[string]*definition.ObservedAlias{"live": tc.now},
				Versions: map[string]*definition.Observed{"1": observed("1", "one")},
			}
			if tc.now != nil {
				o.Served = o.Versions[tc.now.Version]
			}
			p := Forward(Wanted{
				Function: definition.Function{FunctionName: "f"}, Aliases: []definition.Alias{{Name: "live"}},
				Code: definition.Code{Sha256: tc.code}, CodeDeploy: &traffic.Group{Application: "{function}", Name: "g-{alias}"},
			}, o)
			if tc.blocker != "" {
				if len(p.Blockers) != 1 || !strings.Contains(p.Blockers[0], tc.blocker) || strings.Contains(steps(p), "live") {
					t.Errorf("blocked by %q, want %q; steps\n%s", p.Blockers, tc.blocker, steps(p))
				}
				return
			}
			if diff := cmp.Diff(tc.want, steps(p)); diff != "" || len(p.Blockers) > 0 {
				t.Error(diff, p.Blockers)
			}
			if last := len(p.Steps) - 1; last >= 0 && p.Steps[last] != (CreateDeployment{Alias: "live", From: "1", Group: traffic.Group{Application: "f", Name: "g-live"}}) {
				t.Errorf("%+v", p.Steps[last])
			}
		})
	}
}

func TestANewFunctionIsNotForCodeDeploy(t *testing.T) {
	t.Parallel()
	p := Forward(Wanted{Function: definition.Function{FunctionName: "f"}, Aliases: []definition.Alias{{Name: "live"}}, CodeDeploy: &traffic.Group{}}, Observation{})
	if !slices.ContainsFunc(p.Blockers, func(b string) bool { return strings.HasPrefix(b, "alias live does not exist yet") }) {
		t.Errorf("blocked by %q", p.Blockers)
	}
}

// The description is not CodeDeploy's to change.
func TestADescriptionIsSetBeforeTheAliasIsHandedOver(t *testing.T) {
	t.Parallel()
	o := Observation{
		Latest: observed(Latest, "one"), Served: observed("1", "one"), Aliases: map[string]*definition.ObservedAlias{"live": alias("1", nil)},
		Versions: map[string]*definition.Observed{"1": observed("1", "one")},
	}
	p := Forward(Wanted{
		Function: definition.Function{FunctionName: "f"}, Aliases: []definition.Alias{{Name: "live", Description: new("shop")}},
		Code: definition.Code{Sha256: "new"}, CodeDeploy: &traffic.Group{Application: "a", Name: "g"},
	}, o)
	if want := "UpdateFunctionCode\nPublishVersion\n0 UpdateAlias live 1\n0 CreateDeployment live new"; steps(p) != want {
		t.Errorf("%s, want %s", steps(p), want)
	}
}

// handedOver is a run that handed live over, with what became of that call.
func handedOver(outcome *journal.Outcome) journal.TargetLog {
	return recorded(made(CreateDeployment{}, journal.Intent{
		AliasName: "live", Alias: &journal.Alias{Name: "live", Version: "2"}, HandOver: &journal.HandOver{Application: "a", Group: "g", From: "1"},
	}, outcome))
}

func TestBackStopsCodeDeployAndKnowsItsWeights(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		now      *definition.ObservedAlias
		shifting map[string]string
		outcome  *journal.Outcome
		want     Step
		refused  bool
		late     bool
	}{
		"it still moves the alias":       {now: alias("1", map[string]float64{"2": 0.3}), shifting: map[string]string{"live": "d-1"}, outcome: answered, want: StopDeployment{Alias: "live", ID: "d-1"}},
		"it has not begun":               {now: alias("1", nil), shifting: map[string]string{"live": "d-1"}, outcome: answered, want: StopDeployment{Alias: "live", ID: "d-1"}},
		"it left weights":                {now: alias("1", map[string]float64{"2": 0.3}), outcome: answered, want: UpdateAlias{}},
		"it is done":                     {now: alias("2", nil), outcome: answered, want: UpdateAlias{}},
		"it took the alias back":         {now: alias("1", nil), outcome: answered},
		"the answer was lost":            {now: alias("1", nil), outcome: unanswered, late: true},
		"AWS refused, another one moves": {now: alias("1", map[string]float64{"2": 0.3}), outcome: wasRefused},
		"somebody's weights":             {now: alias("1", map[string]float64{"3": 0.3}), outcome: answered, refused: true},
		"somebody's version":             {now: alias("3", map[string]float64{"2": 0.3}), outcome: answered, refused: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := after()
			o.Latest, o.Shifting = latest("one", 128), tc.shifting
			o.Aliases = map[string]*definition.ObservedAlias{"live": tc.now}
			p := Back(handedOver(tc.outcome), o, Fences{})
			var first Step
			if len(p.Steps) > 0 {
				first = p.Steps[0]
			}
			switch want := tc.want.(type) {
			case UpdateAlias:
				if u, is := first.(UpdateAlias); !is || u.Alias.Version != "1" || len(u.Alias.Weights) > 0 {
					t.Errorf("%+v", p.Steps)
				}
			default:
				if first != want || len(p.Steps) > 1 {
					t.Errorf("%+v, want %+v", p.Steps, want)
				}
			}
			if (len(p.Refused) > 0) != tc.refused || p.MayArriveLate != tc.late {
				t.Errorf("refused %+v, may arrive late %v", p.Refused, p.MayArriveLate)
			}
		})
	}
}
