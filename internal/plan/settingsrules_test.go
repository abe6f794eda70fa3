package plan

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/journal"
	"github.com/lambda-rollout/lambda-rollout/internal/traffic"
)

func onItsVersion(alias string, n int32) definition.Setting {
	key := definition.SettingKey{Kind: definition.ProvisionedConcurrencySetting, Qualifier: alias}
	return definition.Setting{SettingKey: key, Value: definition.ProvisionedConcurrency{ProvisionedConcurrentExecutions: n, OnVersion: true}}
}

func TestAliasesThatMoveToOneVersionAskForTheSameOfIt(t *testing.T) {
	t.Parallel()
	for second, blocked := range map[int32]bool{3: false, 4: true} {
		w, o := asked(), existing()
		beta := *alias("1", nil)
		beta.Name = "beta"
		w.Aliases, o.Aliases["beta"] = append(w.Aliases, definition.Alias{Name: "beta"}), &beta
		w.Settings = definition.Settings{Named: []definition.Setting{onItsVersion("live", 3), onItsVersion("beta", second)}, Kinds: []definition.SettingKind{definition.ProvisionedConcurrencySetting}}
		w.Traffic, o.Settings = traffic.AllAtOnce(), Settings{}
		p := Forward(w, o)
		if got := len(p.Blockers) > 0; got != blocked {
			t.Errorf("3 and %d: blocked by %q", second, p.Blockers)
		}
		if !blocked && p.ProvisionedAfter(map[string]int32{"1": 2}) != 5 {
			t.Errorf("%d are provisioned in the end", p.ProvisionedAfter(map[string]int32{"1": 2}))
		}
	}
}

// What is reserved may be known from the function alone.
func TestTheRoomForBothVersionsIsKnownFromTheFunction(t *testing.T) {
	t.Parallel()
	for reserved, blocked := range map[int32]bool{4: true, 5: false} {
		w, o := asked(), existing()
		w.Settings = definition.Settings{Named: []definition.Setting{onItsVersion("live", 3)}, Kinds: []definition.SettingKind{definition.ProvisionedConcurrencySetting}}
		o.Settings, o.Latest.Reserved = Settings{onVersion("1"): provisioned(2)}, &reserved
		w.Traffic = traffic.AllAtOnce()
		if p := Forward(w, o); len(p.Blockers) > 0 != blocked {
			t.Errorf("%d reserved: blocked by %q", reserved, p.Blockers)
		}
	}
}

// Only more than what is reserved already goes first: less would take away what the
// old version still needs.
func TestOnlyMoreIsReservedBeforeTheTrafficMoves(t *testing.T) {
	t.Parallel()
	const put, reserve = "PutProvisionedConcurrencyConfig provisionedConcurrency of new version", "PutFunctionConcurrency reservedConcurrency"
	const release = "DeleteProvisionedConcurrencyConfig provisionedConcurrency of 1"
	for name, tc := range map[string]struct {
		now    definition.SettingValue
		wanted int32
		want   []string
	}{
		"more":        {reserved(8), 9, []string{reserve, put, "UpdateAlias", release}},
		"less":        {reserved(8), 6, []string{put, "UpdateAlias", release, reserve}},
		"the first":   {nil, 9, []string{put, "UpdateAlias", release, reserve}},
		"as it stays": {reserved(8), 8, []string{put, "UpdateAlias", release}},
	} {
		p := onVersions(t, true, Settings{onVersion("1"): provisioned(2), reservedKey: tc.now}, nil, definition.Setting{SettingKey: reservedKey, Value: reserved(tc.wanted)})
		if got := inOrder(p); !slices.Equal(got, tc.want) {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
		if n, changes := p.Reserves(); changes != (tc.want[len(tc.want)-1] == reserve || tc.want[0] == reserve) || changes && n != tc.wanted {
			t.Errorf("%s: reserves %d, %v", name, n, changes)
		}
	}
	other := definition.SettingKey{Kind: definition.EventInvokeSetting, Qualifier: "live"}
	p := onVersions(t, true, Settings{other: definition.EventInvoke{}}, nil, definition.Setting{SettingKey: other})
	if got, want := inOrder(p), []string{put, "UpdateAlias", "DeleteFunctionEventInvokeConfig eventInvokeConfig of live"}; len(got) != 3 || got[0] != want[0] || got[1] != want[1] {
		t.Errorf("another setting of the alias: %q", got)
	}
	if peak, more := p.PeakProvisioned(Settings{onVersion("1"): provisioned(2)}); peak != 5 || !more {
		t.Errorf("at most %d, more: %v", peak, more)
	}
	late := between(Settings{}, definition.Setting{SettingKey: provisionedKey, Value: provisioned(7)})
	if peak, more := late.PeakProvisioned(Settings{}); peak != 0 || more {
		t.Errorf("provisioned after the traffic moved: %d, more: %v", peak, more)
	}
}

func TestVersionsWhoseProvisionedConcurrencyMattersAreNamed(t *testing.T) {
	t.Parallel()
	o := Observation{Aliases: map[string]*definition.ObservedAlias{
		"live": alias("7", map[string]float64{"9": 0.1}), "beta": alias("7", nil), "next": nil, "dev": alias(Latest, nil),
	}}
	aliases := []definition.Alias{{Name: "live"}, {Name: "beta"}, {Name: "next"}, {Name: "dev"}}
	provisions := definition.Settings{Kinds: []definition.SettingKind{definition.ProvisionedConcurrencySetting}}
	for name, tc := range map[string]struct {
		w    Wanted
		want []string
	}{
		"a deployment that provisions": {Wanted{Settings: provisions}, []string{"7", "9"}},
		"one that does not":            {Wanted{}, nil},
		"a shift of all traffic":       {Wanted{ShiftTo: "8", Traffic: traffic.AllAtOnce()}, []string{"7", "8", "9"}},
		"a shift to one of them":       {Wanted{ShiftTo: "9", Traffic: traffic.AllAtOnce()}, []string{"7", "9"}},
		"a shift of a part":            {Wanted{ShiftTo: "8", Traffic: traffic.Schedule{{Percent: 10}}}, nil},
	} {
		tc.w.Aliases = aliases
		if got := ProvisionedVersions(tc.w, o); !slices.Equal(got, tc.want) {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
}

// An alias or version that gets a setting, and that nobody deploys, must be there.
func TestQualifiersOfOthersAreNamedOnce(t *testing.T) {
	t.Parallel()
	url := func(qualifier string) definition.SettingKey {
		return definition.SettingKey{Kind: definition.FunctionURLSetting, Qualifier: qualifier}
	}
	put := func(key definition.SettingKey) Step {
		return PutSetting{Setting: definition.Setting{SettingKey: key, Value: definition.FunctionURL{AuthType: "NONE"}}}
	}
	capacity := func(qualifier string) Step {
		return PutSetting{Setting: definition.Setting{SettingKey: onVersion(qualifier), Value: provisioned(1)}}
	}
	w := Wanted{Aliases: []definition.Alias{{Name: "live"}}}
	for name, tc := range map[string]struct {
		step Step
		now  Settings
		want []string
	}{
		"of another alias":           {step: put(url("beta")), want: []string{"beta"}},
		"it has one":                 {step: put(url("beta")), now: Settings{url("beta"): definition.FunctionURL{}}},
		"of a deployed alias":        {step: put(url("live"))},
		"of $LATEST":                 {step: put(url(""))},
		"of $LATEST.PUBLISHED":       {step: put(url(LatestPublished))},
		"removed":                    {step: DeleteSetting{Key: url("beta")}},
		"of the new version":         {step: capacity(NewVersion)},
		"of the version that it is":  {step: capacity("7")},
		"of another version":         {step: capacity("6"), want: []string{"6"}},
		"a URL of the version it is": {step: put(url("7")), want: []string{"7"}},
		"no setting":                 {step: UpdateCode{}},
	} {
		p := Plan{Version: "7", Steps: []Step{tc.step, tc.step}}
		if got := p.OtherQualifiers(w, tc.now); !slices.Equal(got, tc.want) {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
	p := Plan{Steps: []Step{put(url("live")), UpdateCode{}}}
	if !p.ChangesSetting(url("live")) || p.ChangesSetting(url("beta")) || p.ChangesSetting(definition.SettingKey{}) {
		t.Error("a plan does not know which settings it changes")
	}
}

func TestTheAddressOfAFunctionIsThatOfItsFirstURL(t *testing.T) {
	t.Parallel()
	url := func(qualifier, address string) Settings {
		return Settings{{Kind: definition.FunctionURLSetting, Qualifier: qualifier}: definition.FunctionURL{URL: address}}
	}
	all := url("live", "https://live/")
	maps.Copy(all, url("beta", "https://beta/"))
	maps.Copy(all, url("alpha", ""))
	all[reservedKey] = reserved(1)
	if got := FunctionURL(all); got != "https://beta/" {
		t.Errorf("%q", got)
	}
	if got := FunctionURL(Settings{reservedKey: reserved(1), urlKey: nil}); got != "" {
		t.Errorf("without one: %q", got)
	}
}

func TestSettingsThatAreAlwaysThereAreResetAndNotDeleted(t *testing.T) {
	t.Parallel()
	key := definition.SettingKey{Kind: definition.RecursiveLoopSetting}
	p := between(Settings{key: definition.RecursiveLoop{Mode: "Allow"}}, definition.Setting{SettingKey: key})
	if len(p.Steps) != 1 || p.Steps[0].(PutSetting).Setting.Value != definition.DefaultSetting(key.Kind) || !p.Steps[0].(PutSetting).Replaces {
		t.Errorf("%+v", p.Steps)
	}
	p = between(Settings{statementKey: statement("arn:aws:s3:::a"), coverOf(statementKey): statement("arn:aws:s3:::a")}, definition.Setting{SettingKey: statementKey, Value: statement("arn:aws:s3:::b")})
	for _, s := range p.Steps {
		if put, is := s.(PutSetting); is && put.Replaces {
			t.Errorf("a statement cannot be replaced: %+v", put)
		}
	}
}

func TestAnAliasThatKeepsSharingKeepsItsProvisionedConcurrency(t *testing.T) {
	t.Parallel()
	other := definition.SettingKey{Kind: definition.ProvisionedConcurrencySetting, Qualifier: "beta"}
	for name, tc := range map[string]struct {
		percent float64
		key     definition.SettingKey
		warned  bool
	}{
		"a part":              {10, provisionedKey, true},
		"all":                 {100, provisionedKey, false},
		"a part, another one": {10, other, false},
	} {
		w := Wanted{Aliases: []definition.Alias{{Name: "live"}}, Traffic: traffic.Schedule{{Percent: tc.percent}}}
		p := Plan{}
		p.checkConcurrency(w, Settings{tc.key: provisioned(2), reservedKey: reserved(2), urlKey: nil})
		if warned := strings.Contains(strings.Join(p.Warnings, "\n"), "keeps sharing its traffic"); warned != tc.warned || len(p.Blockers) > 0 {
			t.Errorf("%s: warned of %q, blocked by %q", name, p.Warnings, p.Blockers)
		}
	}
}

// A setting of an alias that somebody deleted went with it.
func TestASettingOfAnAliasThatIsGoneIsNotRestored(t *testing.T) {
	t.Parallel()
	set := definition.Setting{SettingKey: urlKey, Value: definition.FunctionURL{AuthType: "AWS_IAM"}}
	was := definition.Setting{SettingKey: urlKey, Value: definition.FunctionURL{AuthType: "NONE"}}
	for gone, want := range map[bool]string{true: "alias live is gone", false: ""} {
		o := Observation{Latest: latest("one", 128), Settings: Settings{urlKey: set.Value}, Aliases: map[string]*definition.ObservedAlias{"live": alias("1", nil)}}
		if gone {
			o.Aliases["live"] = nil
		}
		log := recorded(made(PutSetting{Setting: set}, journal.Intent{Setting: &set}, answered))
		log.Snapshot.Settings = []definition.Setting{was}
		p := Back(log, o, Fences{})
		if found := len(p.Refused) == 1 && p.Refused[0].Found == want; found != gone || p.Empty() != gone {
			t.Errorf("gone: %v: %q, refused %+v", gone, calls(p.Steps), p.Refused)
		}
	}
}
