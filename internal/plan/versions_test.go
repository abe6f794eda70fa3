package plan

import (
	"slices"
	"strings"
	"testing"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/traffic"
)

// onVersions plans provisioned concurrency on versions: 3 on the one that live moves
// to, over a function whose alias live points to version 1.
func onVersions(t *testing.T, changed bool, now Settings, inUse map[string]string, also ...definition.Setting) Plan {
	t.Helper()
	latest := &definition.Observed{Version: Latest, CodeSha256: "one"}
	served := *latest
	served.Version = "1"
	w := Wanted{Aliases: []definition.Alias{{Name: "live"}}, Code: definition.Code{Sha256: "one"}, Traffic: traffic.Schedule{{Percent: 100}}}
	if changed {
		w.Code.Sha256 = "two"
	}
	also = append(also, definition.Setting{SettingKey: provisionedKey, Value: definition.ProvisionedConcurrency{ProvisionedConcurrentExecutions: 3, OnVersion: true}})
	for _, s := range also {
		w.Settings.Named, w.Settings.Kinds = append(w.Settings.Named, s), append(w.Settings.Kinds, s.Kind)
	}
	return Forward(w, Observation{
		Latest: latest, Served: &served, Versions: map[string]*definition.Observed{"1": &served}, Settings: now, InUse: inUse,
		Aliases: map[string]*definition.ObservedAlias{"live": {Alias: definition.Alias{Name: "live", Version: "1"}}},
	})
}

// inOrder are the steps that move traffic or change a setting.
func inOrder(p Plan) []string {
	var all []string
	for _, s := range p.Steps {
		after, is := SettingOf(s)
		switch {
		case is:
			all = append(all, s.Operation()+" "+after.SettingKey.String())
		case movesAlias(s):
			all = append(all, s.Operation())
		}
	}
	return all
}

func TestANewVersionIsProvisionedBeforeTheTrafficMovesAndTheOldOneReleasedAfter(t *testing.T) {
	t.Parallel()
	const put, remove = "PutProvisionedConcurrencyConfig provisionedConcurrency of ", "DeleteProvisionedConcurrencyConfig provisionedConcurrency of "
	for name, c := range map[string]struct {
		changed bool
		now     Settings
		inUse   map[string]string
		want    []string
	}{
		"nothing yet":              {true, Settings{}, nil, []string{put + "new version", "UpdateAlias"}},
		"the old version has some": {true, Settings{onVersion("1"): provisioned(2)}, nil, []string{put + "new version", "UpdateAlias", remove + "1"}},
		"somebody uses it":         {true, Settings{onVersion("1"): provisioned(2)}, map[string]string{"1": "alias beta points to it"}, []string{put + "new version", "UpdateAlias"}},
		"the alias has some":       {true, Settings{provisionedKey: provisioned(2)}, nil, []string{put + "new version", remove + "live", "UpdateAlias"}},
		"the alias, no new code":   {false, Settings{provisionedKey: provisioned(2)}, nil, []string{remove + "live", put + "1"}},
		"it has as much":           {false, Settings{onVersion("1"): provisioned(3)}, nil, nil},
		"it has less":              {false, Settings{onVersion("1"): provisioned(2)}, nil, []string{put + "1"}},
	} {
		p := onVersions(t, c.changed, c.now, c.inUse)
		if got := inOrder(p); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
		if len(p.Warnings) != len(c.inUse) || len(p.Blockers) > 0 {
			t.Errorf("%s: warnings %q, blockers %q", name, p.Warnings, p.Blockers)
		}
	}
}

func TestBothVersionsMustFitIntoWhatIsReserved(t *testing.T) {
	t.Parallel()
	now := Settings{onVersion("1"): provisioned(2), reservedKey: reserved(4)}
	if p := onVersions(t, true, now, nil); len(p.Blockers) != 1 || !strings.Contains(p.Blockers[0], "5 together, and 4 are reserved") {
		t.Errorf("%q", p.Blockers)
	}
	p := onVersions(t, true, now, nil, definition.Setting{SettingKey: reservedKey, Value: reserved(5)})
	want := []string{"PutFunctionConcurrency reservedConcurrency", "PutProvisionedConcurrencyConfig provisionedConcurrency of new version", "UpdateAlias", "DeleteProvisionedConcurrencyConfig provisionedConcurrency of 1"}
	if got := inOrder(p); !slices.Equal(got, want) || len(p.Blockers) > 0 {
		t.Errorf("more is reserved in the same deployment: %q, want %q; %q", got, want, p.Blockers)
	}
	if peak, more := p.PeakProvisioned(now); peak != 5 || !more {
		t.Errorf("at most %d at a time, %t", peak, more)
	}
}

func TestAnAliasThatIsNotDeployedHasNoVersionToProvision(t *testing.T) {
	t.Parallel()
	other := definition.SettingKey{Kind: definition.ProvisionedConcurrencySetting, Qualifier: "beta"}
	p := onVersions(t, true, Settings{}, nil, definition.Setting{SettingKey: other, Value: definition.ProvisionedConcurrency{ProvisionedConcurrentExecutions: 1, OnVersion: true}})
	if len(p.Blockers) != 1 || !strings.Contains(p.Blockers[0], "alias beta") {
		t.Errorf("%q", p.Blockers)
	}
}

func TestAShiftOfAllTrafficReleasesTheVersionsThatItLeaves(t *testing.T) {
	t.Parallel()
	const release = "DeleteProvisionedConcurrencyConfig provisionedConcurrency of 1"
	both := Settings{onVersion("1"): provisioned(2), onVersion("2"): provisioned(3)}
	for name, c := range map[string]struct {
		percent float64
		now     Settings
		inUse   map[string]string
		want    []string
	}{
		"all of it":                  {100, both, nil, []string{"UpdateAlias", release}},
		"a part":                     {50, both, nil, []string{"UpdateAlias"}},
		"nothing":                    {0, both, nil, []string{"UpdateAlias"}},
		"the new version has none":   {100, Settings{onVersion("1"): provisioned(2), onVersion("2"): nil}, nil, []string{"UpdateAlias"}},
		"the old version has none":   {100, Settings{onVersion("1"): nil, onVersion("2"): provisioned(3)}, nil, []string{"UpdateAlias"}},
		"the role may not look":      {100, nil, nil, []string{"UpdateAlias"}},
		"another alias uses the old": {100, both, map[string]string{"1": "alias beta points to it"}, []string{"UpdateAlias"}},
	} {
		p := Forward(Wanted{Aliases: []definition.Alias{{Name: "live"}}, ShiftTo: "2", Traffic: traffic.Schedule{{Percent: c.percent}}}, Observation{
			Latest: &definition.Observed{Version: Latest}, Settings: c.now, InUse: c.inUse,
			Aliases: map[string]*definition.ObservedAlias{"live": {Alias: definition.Alias{Name: "live", Version: "1", Weights: map[string]float64{"2": 0.1}}}},
		})
		if got := inOrder(p); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
		if len(p.Warnings) != len(c.inUse) {
			t.Errorf("%s: warnings %q", name, p.Warnings)
		}
	}
}
