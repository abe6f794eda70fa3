package engine

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/event"
	"github.com/lambda-rollout/lambda-rollout/internal/journal"
	"github.com/lambda-rollout/lambda-rollout/internal/lambdaapi"
	"github.com/lambda-rollout/lambda-rollout/internal/plan"
	"github.com/lambda-rollout/lambda-rollout/internal/traffic"
)

// The versions that matter are read, each once: those that share traffic, and where it
// is to be shared those that will.
func TestADeploymentReadsTheVersionsThatMatter(t *testing.T) {
	t.Parallel()
	gradual := traffic.Schedule{{Percent: 10}}
	for name, tc := range map[string]struct {
		aliases map[string]definition.Alias
		named   []string
		traffic traffic.Schedule
		shiftTo string
		want    []string
		served  string
	}{
		"one alias":                        {map[string]definition.Alias{"live": {Version: "1"}}, []string{"live"}, nil, "", []string{"1"}, "1"},
		"a canary":                         {map[string]definition.Alias{"live": {Version: "1", Weights: map[string]float64{"2": 0.1}}}, []string{"live"}, nil, "", []string{"1", "2"}, "1"},
		"another alias, all at once":       {map[string]definition.Alias{"live": {Version: "1"}, "beta": {Version: "2"}}, []string{"live", "beta"}, nil, "", []string{"1"}, "1"},
		"another alias, gradually":         {map[string]definition.Alias{"live": {Version: "1"}, "beta": {Version: "2"}}, []string{"live", "beta"}, gradual, "", []string{"1", "2"}, "1"},
		"both on one":                      {map[string]definition.Alias{"live": {Version: "2"}, "beta": {Version: "2"}}, []string{"live", "beta"}, gradual, "", []string{"2"}, "2"},
		"a shift":                          {map[string]definition.Alias{"live": {Version: "1"}}, []string{"live"}, gradual, "3", []string{"1", "3"}, "1"},
		"the first alias is new":           {map[string]definition.Alias{"live": {Version: "1"}}, []string{"next", "live"}, nil, "", []string{"1"}, "1"},
		"the first is new, one on $LATEST": {map[string]definition.Alias{"live": {Version: plan.Latest}}, []string{"next", "live"}, gradual, "", nil, plan.Latest},
		"all are new":                      {nil, []string{"next"}, gradual, "", nil, ""},
		"no alias":                         {nil, nil, nil, "", nil, ""},
	} {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t)
			b.aws.aliases = map[string]*definition.ObservedAlias{}
			for alias, a := range tc.aliases {
				a.Name = alias
				b.aws.aliases[alias] = &definition.ObservedAlias{Alias: a}
			}
			for _, number := range []string{"2", "3"} {
				v := *b.aws.versions[0]
				v.Version = number
				b.aws.versions = append(b.aws.versions, &v)
			}
			w := wanted(tc.named...)
			w.Traffic, w.ShiftTo = tc.traffic, tc.shiftTo
			o, err := Observe(t.Context(), b.aws, w, nil)
			if err != nil {
				t.Fatal(err)
			}
			got := slices.Sorted(maps.Keys(o.Versions))
			served := ""
			if o.Served != nil {
				served = o.Served.Version
			}
			if !slices.Equal(got, tc.want) || served != tc.served {
				t.Errorf("%s: versions %q, want %q; %q has the traffic, want %q", name, got, tc.want, served, tc.served)
			}
			for number, v := range o.Versions {
				if v == nil || v.Version != number {
					t.Errorf("%s: version %s is %+v", name, number, v)
				}
			}
			finds := len(slices.DeleteFunc(slices.Clone(b.aws.calls), func(c string) bool { return c != "Find" }))
			// $LATEST, what the first alias points to, and each other version.
			extra := len(tc.want)
			if len(tc.named) > 0 && tc.aliases[tc.named[0]].Version != "" {
				extra--
			}
			if want := 1 + min(len(tc.named), 1) + extra; finds != want {
				t.Errorf("%s: %d calls of GetFunction, want %d", name, finds, want)
			}
		})
	}
}

// Provisioned concurrency matters where traffic is shared or to be shared.
func TestOnlyAliasesThatShareAreAskedForProvisionedConcurrency(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		weights map[string]float64
		traffic traffic.Schedule
		asked   bool
	}{
		"all at once":              {nil, traffic.AllAtOnce(), false},
		"all at once, shared":      {map[string]float64{"2": 0.1}, traffic.AllAtOnce(), true},
		"gradually":                {nil, traffic.Schedule{{Percent: 10}}, true},
		"gradually, shared before": {map[string]float64{"2": 0.1}, traffic.Schedule{{Percent: 10}}, true},
	} {
		b := newBench(t)
		b.aws.aliases["live"].Weights = tc.weights
		w := wanted("live", "next")
		w.Traffic = tc.traffic
		o, err := Observe(t.Context(), b.aws, w, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, asked := o.Provisioned["live"]; asked != tc.asked || len(o.Provisioned) > 1 {
			t.Errorf("%s: %v", name, o.Provisioned)
		}
		if got := o.Aliases["live"].Weights; !maps.Equal(got, tc.weights) {
			t.Errorf("%s: the weights are %v", name, got)
		}
	}
}

// What an alias that is not deployed points to keeps its provisioned concurrency.
func TestAVersionThatAnotherAliasUsesIsInUse(t *testing.T) {
	t.Parallel()
	const pointed = "alias other points to it"
	for name, tc := range map[string]struct {
		other  *definition.Alias
		denied bool
		want   string
	}{
		"nobody else":   {},
		"another alias": {other: &definition.Alias{Name: "other", Version: "1"}, want: pointed},
		"a part of it":  {other: &definition.Alias{Name: "other", Version: "9", Weights: map[string]float64{"1": 0.1}}, want: pointed},
		"elsewhere":     {other: &definition.Alias{Name: "other", Version: "9"}},
		"unseen":        {denied: true, want: "which aliases point to it cannot be seen: "},
	} {
		b := newBench(t)
		one := definition.SettingKey{Kind: definition.ProvisionedConcurrencySetting, Qualifier: "1"}
		b.aws.settings = plan.Settings{one: definition.ProvisionedConcurrency{ProvisionedConcurrentExecutions: 3}}
		if tc.other != nil {
			b.aws.aliases["other"] = &definition.ObservedAlias{Alias: *tc.other}
		}
		if tc.denied {
			b.aws.before = failing("ListAliases", 1, denial)
		}
		o, err := Observe(t.Context(), b.aws, onVersions(wanted("live"), 3), nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := o.InUse["1"]; tc.want == "" && got != "" || !strings.HasPrefix(got, tc.want) || o.Settings[one] == nil {
			t.Errorf("%s: %q, settings %v", name, got, o.Settings)
		}
	}
	// A shift whose role may not read it releases none; a deployment has to know.
	for shiftTo, fails := range map[string]bool{"2": false, "": true} {
		b := newBench(t)
		b.aws.before = failing("Settings", 1, denial)
		w := onVersions(wanted("live"), 3)
		w.ShiftTo, w.Traffic = shiftTo, traffic.AllAtOnce()
		if shiftTo != "" {
			w.Settings = definition.Settings{}
		}
		if _, err := Observe(t.Context(), b.aws, w, nil); (err != nil) != fails {
			t.Errorf("shift to %q: %v", shiftTo, err)
		}
	}
}

func TestTheSnapshotHoldsWhatARollbackNeeds(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	set := definition.SettingKey{Kind: definition.ReservedConcurrencySetting}
	published := *b.aws.function
	published.Version, published.Description = plan.LatestPublished, new("theirs")
	latest := *b.aws.function
	latest.Tags = map[string]string{"team": "web"}
	o := plan.Observation{
		Latest: &latest, LatestPublished: &published, CodeSigning: "arn:csc", Settings: plan.Settings{set: definition.ReservedConcurrency{Executions: 5}},
		Aliases: map[string]*definition.ObservedAlias{
			"live": {Alias: definition.Alias{Name: "live", Version: "1", Description: new("d")}}, "beta": {Alias: definition.Alias{Name: "beta", Version: "1"}}, "dev": {Alias: definition.Alias{Name: "dev", Version: "1"}},
		},
		Provisioned: map[string]bool{"live": false, "beta": true},
	}
	w := wanted("live", "beta", "dev", "next")
	w.Function.CodeSigningConfigArn = new("arn:other")
	p := plan.Plan{RestorePoint: "1", Steps: []plan.Step{
		plan.PutSetting{Setting: definition.Setting{SettingKey: set, Value: definition.ReservedConcurrency{Executions: 7}}}, plan.DeleteSetting{Key: set},
		plan.PutSetting{Setting: definition.Setting{SettingKey: definition.SettingKey{Kind: definition.ProvisionedConcurrencySetting, Qualifier: plan.NewVersion}}}, plan.UpdateCode{},
	}}
	if err := b.engine().Snapshot(t.Context(), w, o, p); err != nil {
		t.Fatal(err)
	}
	salt := b.record.log.Salt
	want := &journal.Snapshot{
		Exists: true, Content: plan.ContentOf(&latest, salt), Description: "mine", RestorePoint: "1", Missing: []string{"next"}, Unprovisioned: []string{"live"},
		Aliases: []journal.Alias{{Name: "live", Version: "1", Description: "d"}, {Name: "beta", Version: "1"}, {Name: "dev", Version: "1"}},
		Tags:    map[string]string{"team": "web"}, PackageType: "Zip", Architectures: []string{"x86_64"}, CodeSigning: new("arn:csc"),
		LatestPublished: &journal.Published{Content: plan.ContentOf(&published, salt), Description: "theirs"},
		Settings:        []definition.Setting{{SettingKey: set, Value: definition.ReservedConcurrency{Executions: 5}}},
	}
	if diff := cmp.Diff(want, b.record.log.Snapshot); diff != "" {
		t.Error(diff)
	}
	w.Function.CodeSigningConfigArn, o.LatestPublished = nil, nil
	if err := b.engine().Snapshot(t.Context(), w, o, p); err != nil || b.record.log.Snapshot.CodeSigning != nil || b.record.log.Snapshot.LatestPublished != nil {
		t.Errorf("%v: %+v", err, b.record.log.Snapshot)
	}
}

// What a run attached itself is no use by somebody else, unless somebody changed it.
func TestWhatTheRunAttachedIsItsOwn(t *testing.T) {
	t.Parallel()
	url := definition.SettingKey{Kind: definition.FunctionURLSetting, Qualifier: "next"}
	set := definition.Setting{SettingKey: url, Value: definition.FunctionURL{AuthType: "AWS_IAM"}}
	log := journal.TargetLog{Steps: []journal.Step{
		{Intent: journal.Intent{Setting: &set}, Outcome: &journal.Outcome{Result: journal.Done}},
		{Intent: journal.Intent{CodeSigning: new("arn:ours")}}, {},
		{Outcome: &journal.Outcome{Version: "3"}}, {Outcome: &journal.Outcome{FailedVersion: "4"}},
	}, Run: "r1", Scope: "job"}
	mine := lambdaapi.Attachment{Qualifier: "next", What: "function URL"}
	for name, tc := range map[string]struct {
		found lambdaapi.Attachment
		now   definition.SettingValue
		ours  bool
	}{
		"as it was set":    {mine, set.Value, true},
		"changed":          {mine, definition.FunctionURL{AuthType: "NONE"}, false},
		"removed":          {mine, nil, false},
		"of another alias": {lambdaapi.Attachment{Qualifier: "live", What: "function URL"}, set.Value, false},
		"something else":   {lambdaapi.Attachment{Qualifier: "next", What: "permission p"}, set.Value, false},
	} {
		left := notOurs([]lambdaapi.Attachment{tc.found}, log, plan.Settings{url: tc.now})
		if (len(left) == 0) != tc.ours {
			t.Errorf("%s: %v", name, left)
		}
	}
	for _, kind := range definition.SettingKinds() {
		key := definition.SettingKey{Kind: kind, Sid: "p"}
		names := []string{"permission p", "function URL", "event-invoke configuration", "provisioned concurrency", "reserved concurrency of 5", "recursive loop detection", "runtime management", "event source mapping"}
		as := slices.DeleteFunc(names, func(what string) bool { return !attachedAs(key, what) })
		if want := min(1, len(as)); len(as) != want || want == 0 && kind != definition.ScalingSetting {
			t.Errorf("%s is attached as %q", kind, as)
		}
	}
	if !setSigning(log, "arn:ours") || setSigning(log, "arn:theirs") {
		t.Error("the code signing configuration of the run")
	}
	for name, tc := range map[string]struct {
		v    lambdaapi.Version
		ours bool
	}{
		"published":         {lambdaapi.Version{Number: "3"}, true},
		"could not start":   {lambdaapi.Version{Number: "4"}, true},
		"with its marker":   {lambdaapi.Version{Number: "5", Description: "lambda-rollout r1"}, true},
		"of the same job":   {lambdaapi.Version{Number: "5", Description: "lambda-rollout job-2"}, true},
		"of another job":    {lambdaapi.Version{Number: "5", Description: "lambda-rollout r2"}, false},
		"published by hand": {lambdaapi.Version{Number: "5", Description: "r1"}, false},
	} {
		if ownVersion(log, tc.v) != tc.ours {
			t.Errorf("%s: %+v", name, tc.v)
		}
	}
	if got := unseen(denial); strings.Contains(got, "\n") || !strings.Contains(got, "not authorized") {
		t.Errorf("%q", got)
	}
	if got := unseen(deniedFor("lambda:GetPolicy")); got != "no permission for lambda:GetPolicy" {
		t.Errorf("%q", got)
	}
}

// Of many functions no one serves the new version while the code of another is restored:
// traffic moves first, and nothing else with it.
func TestTrafficGoesBackAloneAndFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.mustDeploy(everything())
		b.aws.calls = nil
		r := b.engine().BeginRollback()
		r.Traffic(t.Context())
		if got := b.aws.changes(); !slices.Equal(got, []string{"UpdateAlias"}) {
			t.Errorf("first %q", got)
		}
		if result, err := r.Complete(t.Context()); err != nil || !result.Complete() || b.aws.function.CodeSha256 != "one" {
			t.Errorf("%v: %+v", err, result)
		}
	})
	for _, tc := range []struct {
		step            plan.Step
		traffic, latest bool
	}{
		{plan.UpdateAlias{Alias: definition.Alias{Version: "1"}}, true, false}, {plan.UpdateAlias{Alias: definition.Alias{Version: plan.Latest}}, false, true},
		{plan.UpdateCode{}, false, true}, {plan.DeleteAlias{}, false, false},
	} {
		if movesTraffic(tc.step) != tc.traffic || onLatest(tc.step) != tc.latest {
			t.Errorf("%T %+v: moves traffic %v, needs $LATEST %v", tc.step, tc.step, !tc.traffic, !tc.latest)
		}
	}
}

func TestAStageMovesNoFurtherThanItsOwnSteps(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, w := newBench(t), wanted("live", "next")
		w.Traffic = traffic.Schedule{{Percent: 10, Wait: 1}, {Percent: 100}}
		o, err := Observe(t.Context(), b.aws, w, nil)
		if err != nil {
			t.Fatal(err)
		}
		p, e := plan.Forward(w, o), b.engine()
		if err := e.Snapshot(t.Context(), w, o, p); err != nil {
			t.Fatal(err)
		}
		version, err := e.Prepare(t.Context(), p)
		if err != nil {
			t.Fatal(err)
		}
		if b.aws.aliases["live"].Version != "1" || b.aws.aliases["next"] != nil {
			t.Error("an alias moved before the first stage")
		}
		if err := e.Shift(t.Context(), p, version.Version, 0); err != nil || b.aws.aliases["live"].Weights["2"] != 0.1 || b.aws.aliases["next"].Version != "2" {
			t.Errorf("%v: %+v", err, b.aws.aliases)
		}
		if err := e.Shift(t.Context(), p, version.Version, 1); err != nil || b.aws.aliases["live"].Version != "2" {
			t.Errorf("%v: %+v", err, b.aws.aliases["live"])
		}
		var began, ended int
		for _, one := range b.events.all {
			switch one := one.(type) {
			case event.AliasesBegan:
				began++
			case event.AliasesEnded:
				ended++
			case event.StepEnded:
				if _, publishes := one.Step.(plan.PublishVersion); publishes && (one.Published != "2" || one.Existed || one.Arn != "arn:f:2") {
					t.Errorf("published: %+v", one)
				}
			case event.StepBegan:
				if _, moves := one.Step.(plan.MoveAlias); moves && one.Version != "2" {
					t.Errorf("moves to %q", one.Version)
				}
			}
		}
		if began != 1 || ended != 1 {
			t.Errorf("the aliases began %d times and ended %d times", began, ended)
		}
	})
}

// A version that exists is what PublishVersion returns where nothing changed.
func TestAPublicationThatFoundAVersionSaysSo(t *testing.T) {
	t.Parallel()
	e := newBench(t)
	engine := e.engine()
	engine.version = &definition.Observed{Version: "1", Arn: "arn:f:1", Function: definition.Function{Description: new("first")}}
	for description, existed := range map[string]bool{"first": false, "lambda-rollout r1": true} {
		e.events.all = nil
		engine.end(event.StepBegan{Step: plan.PublishVersion{Description: description}}, nil)
		if got := e.events.all[0].(event.StepEnded); got.Existed != existed || got.Published != "1" {
			t.Errorf("%q: %+v", description, got)
		}
	}
	e.events.all = nil
	engine.end(event.StepBegan{Step: plan.PublishVersion{}}, denial)
	engine.end(event.StepBegan{Step: plan.PublishLatest{}}, nil)
	for _, one := range e.events.all {
		if got := one.(event.StepEnded); got.Published != "" {
			t.Errorf("%+v", got)
		}
	}
	for _, tc := range []struct{ state, update, want string }{
		{"Active", "InProgress", "InProgress"}, {"Pending", "InProgress", "Pending"}, {"", "InProgress", "InProgress"}, {"Active", "", "Active"}, {"Inactive", "Successful", "Inactive"},
	} {
		e.events.all = nil
		engine.waiting(&definition.Observed{State: definition.Status{Value: tc.state}, Update: definition.Status{Value: tc.update}})
		if got := e.events.all[0].(event.Waiting).Status; got != tc.want {
			t.Errorf("state %q, update %q: %q, want %q", tc.state, tc.update, got, tc.want)
		}
	}
}
