package plan

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/journal"
)

var (
	reservedKey    = definition.SettingKey{Kind: definition.ReservedConcurrencySetting}
	provisionedKey = definition.SettingKey{Kind: definition.ProvisionedConcurrencySetting, Qualifier: "live"}
	urlKey         = definition.SettingKey{Kind: definition.FunctionURLSetting, Qualifier: "live"}
	statementKey   = definition.SettingKey{Kind: definition.PermissionSetting, Qualifier: "live", Sid: "api"}
)

func statement(source string) definition.Permission {
	return definition.Permission{Action: "lambda:InvokeFunction", Principal: "s3.amazonaws.com", SourceArn: source}
}

func reserved(n int32) definition.SettingValue { return definition.ReservedConcurrency{Executions: n} }

func provisioned(n int32) definition.SettingValue {
	return definition.ProvisionedConcurrency{ProvisionedConcurrentExecutions: n}
}

// calls are the steps of settings in short: "AddPermission permissions.api of live".
func calls(steps []Step) []string {
	var all []string
	for _, s := range steps {
		if after, is := SettingOf(s); is {
			all = append(all, s.Operation()+" "+after.SettingKey.String())
		}
	}
	return all
}

// between plans the settings wanted over those that are set now.
func between(now Settings, wanted ...definition.Setting) Plan {
	w := Wanted{Aliases: []definition.Alias{{Name: "live"}}}
	for _, s := range wanted {
		w.Settings.Named = append(w.Settings.Named, s)
		w.Settings.Kinds = append(w.Settings.Kinds, s.Kind)
	}
	p := Plan{}
	p.settings(w, Observation{Settings: now})
	return p
}

func TestAChangedStatementIsCoveredByAnotherMeanwhile(t *testing.T) {
	t.Parallel()
	p := between(Settings{statementKey: statement("arn:aws:s3:::a")}, definition.Setting{SettingKey: statementKey, Value: statement("arn:aws:s3:::b")})
	cover := coverOf(statementKey).String()
	want := []string{
		"AddPermission " + cover, "RemovePermission permissions.api of live", "AddPermission permissions.api of live", "RemovePermission " + cover,
	}
	if got := calls(p.Steps); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if len(coverOf(statementKey).Sid) > 100 || !definition.OwnSid(coverOf(statementKey).Sid) {
		t.Errorf("%q is no Sid of this program", coverOf(statementKey).Sid)
	}
}

func TestSettingsAreChangedInAnOrderThatAWSTakes(t *testing.T) {
	t.Parallel()
	url := definition.FunctionURL{AuthType: "NONE"}
	for name, c := range map[string]struct {
		now    Settings
		wanted []definition.Setting
		want   []string
	}{
		"more is reserved before it is provisioned": {
			Settings{reservedKey: reserved(5), provisionedKey: provisioned(5)},
			[]definition.Setting{{SettingKey: provisionedKey, Value: provisioned(7)}, {SettingKey: reservedKey, Value: reserved(7)}},
			[]string{"PutFunctionConcurrency reservedConcurrency", "PutProvisionedConcurrencyConfig provisionedConcurrency of live"},
		},
		"less is provisioned before less is reserved": {
			Settings{reservedKey: reserved(7), provisionedKey: provisioned(7)},
			[]definition.Setting{{SettingKey: reservedKey, Value: reserved(5)}, {SettingKey: provisionedKey, Value: provisioned(5)}},
			[]string{"PutProvisionedConcurrencyConfig provisionedConcurrency of live", "PutFunctionConcurrency reservedConcurrency"},
		},
		"who may call a URL may do so before it is there": {
			Settings{},
			[]definition.Setting{{SettingKey: urlKey, Value: url}, {SettingKey: statementKey, Value: statement("")}},
			[]string{"AddPermission permissions.api of live", "CreateFunctionUrlConfig functionUrl of live"},
		},
		"a URL that exists is updated": {
			Settings{urlKey: url}, []definition.Setting{{SettingKey: urlKey, Value: definition.FunctionURL{AuthType: "AWS_IAM"}}},
			[]string{"UpdateFunctionUrlConfig functionUrl of live"},
		},
		"a statement and a URL change together": {
			Settings{urlKey: url, statementKey: statement("arn:aws:s3:::a")},
			[]definition.Setting{{SettingKey: urlKey, Value: definition.FunctionURL{AuthType: "AWS_IAM"}}, {SettingKey: statementKey, Value: statement("arn:aws:s3:::b")}},
			[]string{"AddPermission " + coverOf(statementKey).String(), "UpdateFunctionUrlConfig functionUrl of live",
				"RemovePermission permissions.api of live", "AddPermission permissions.api of live", "RemovePermission " + coverOf(statementKey).String()},
		},
		"what is as it is wanted stays": {Settings{urlKey: url}, []definition.Setting{{SettingKey: urlKey, Value: url}}, nil},
	} {
		if got := calls(between(c.now, c.wanted...).Steps); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestOnlyStatementsWithASidOfThisProgramAreClearedUnasked(t *testing.T) {
	t.Parallel()
	own := definition.SettingKey{Kind: definition.PermissionSetting, Sid: "lambda-rollout-0123456789ab"}
	now := Settings{own: statement("arn:aws:s3:::a"), {Kind: definition.PermissionSetting, Sid: "of-others"}: statement("arn:aws:s3:::a")}
	p := between(now, definition.Setting{SettingKey: statementKey, Value: statement("arn:aws:s3:::b")})
	want := []string{"AddPermission permissions.api of live", "RemovePermission permissions.lambda-rollout-0123456789ab"}
	if got := calls(p.Steps); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestWhatOfSettingsCannotBeRestoredIsSaid(t *testing.T) {
	t.Parallel()
	deleted := between(Settings{urlKey: definition.FunctionURL{AuthType: "NONE", URL: "https://abc/"}}, definition.Setting{SettingKey: urlKey})
	if len(deleted.Irreversible) != 1 || !strings.Contains(deleted.Irreversible[0], "https://abc/") {
		t.Errorf("a function URL that is deleted: %q", deleted.Irreversible)
	}
	odd := statement("arn:aws:s3:::a")
	odd.Other = `{"Effect":"Deny"}`
	changed := between(Settings{statementKey: odd}, definition.Setting{SettingKey: statementKey, Value: statement("arn:aws:s3:::a")})
	if len(changed.Irreversible) != 1 {
		t.Errorf("a statement that nobody can write again: %q", changed.Irreversible)
	}
	if fine := between(Settings{}, definition.Setting{SettingKey: urlKey, Value: definition.FunctionURL{AuthType: "NONE"}}); len(fine.Irreversible) > 0 {
		t.Errorf("a new URL: %q", fine.Irreversible)
	}
}

// rolledBack plans the rollback of a run that set a setting, over what is set now.
func rolledBack(was, set, now definition.Setting, outcome *journal.Outcome, fences Fences) Plan {
	latest := &definition.Observed{CodeSha256: "one", Version: Latest}
	log := journal.TargetLog{
		Target:   journal.Target{Function: "f"},
		Snapshot: &journal.Snapshot{Exists: true, Content: ContentOf(latest, nil), Settings: []definition.Setting{was}},
		Steps:    []journal.Step{{Number: 1, Intent: journal.Intent{Call: "Put", Setting: &set}, Outcome: outcome}},
	}
	return Back(log, Observation{Latest: latest, Settings: Settings{now.SettingKey: now.Value}}, fences)
}

func TestARollbackRestoresWhatThisRunLeftAndNothingElse(t *testing.T) {
	t.Parallel()
	at := func(n int32) definition.Setting {
		return definition.Setting{SettingKey: reservedKey, Value: reserved(n)}
	}
	unset, done := definition.Setting{SettingKey: reservedKey}, &journal.Outcome{Result: journal.Done}
	for name, c := range map[string]struct {
		was, set, now definition.Setting
		outcome       *journal.Outcome
		want          []string
		refused, late bool
	}{
		"changed":              {was: at(5), set: at(7), now: at(7), outcome: done, want: []string{"PutFunctionConcurrency reservedConcurrency"}},
		"added":                {was: unset, set: at(7), now: at(7), outcome: done, want: []string{"DeleteFunctionConcurrency reservedConcurrency"}},
		"removed":              {was: at(5), set: unset, now: unset, outcome: done, want: []string{"PutFunctionConcurrency reservedConcurrency"}},
		"somebody else's":      {was: at(5), set: at(7), now: at(9), outcome: done, refused: true},
		"restored already":     {was: at(5), set: at(7), now: at(5), outcome: done},
		"it may still arrive":  {was: at(5), set: at(7), now: at(5), outcome: &journal.Outcome{Result: journal.Unknown}, late: true},
		"refused, then theirs": {was: at(5), set: at(7), now: at(9), outcome: &journal.Outcome{Result: journal.Refused}},
	} {
		p := rolledBack(c.was, c.set, c.now, c.outcome, Fences{})
		if got := calls(p.Steps); !slices.Equal(got, c.want) || len(p.Refused) > 0 != c.refused || p.MayArriveLate != c.late {
			t.Errorf("%s: %q, refused %v, late %v", name, got, p.Refused, p.MayArriveLate)
		}
	}
}

func TestNothingLessIsReservedWhileProvisionedConcurrencyMayStillGrow(t *testing.T) {
	t.Parallel()
	latest := &definition.Observed{CodeSha256: "one", Version: Latest}
	more, grown := definition.Setting{SettingKey: reservedKey, Value: reserved(7)}, definition.Setting{SettingKey: provisionedKey, Value: provisioned(7)}
	log := journal.TargetLog{
		Snapshot: &journal.Snapshot{Exists: true, Content: ContentOf(latest, nil), Settings: []definition.Setting{
			{SettingKey: reservedKey, Value: reserved(5)}, {SettingKey: provisionedKey, Value: provisioned(5)},
		}},
		Steps: []journal.Step{
			{Number: 1, Intent: journal.Intent{Setting: &more}, Outcome: &journal.Outcome{Result: journal.Done}},
			{Number: 2, Intent: journal.Intent{Setting: &grown}},
		},
	}
	o := Observation{Latest: latest, Settings: Settings{reservedKey: reserved(7), provisionedKey: provisioned(5)}}
	if p := Back(log, o, Fences{}); !p.Empty() || !p.MayArriveLate {
		t.Errorf("while it may: %q, late %v", calls(p.Steps), p.MayArriveLate)
	}
	if p := Back(log, o, Fences{Watched: true}); len(p.Steps) != 1 {
		t.Errorf("after the watch: %q", calls(p.Steps))
	}
}

// Every kind has its calls: a new one without them would go out without a name.
func TestEveryKindOfSettingHasItsCalls(t *testing.T) {
	t.Parallel()
	for _, kind := range definition.SettingKinds() {
		key := definition.SettingKey{Kind: kind}
		for _, s := range []Step{PutSetting{Setting: definition.Setting{SettingKey: key}}, PutSetting{Setting: definition.Setting{SettingKey: key}, Replaces: true}, DeleteSetting{Key: key}} {
			if all := SettingOperations(s); ReadsSetting(kind) == "" || s.Operation() == "" || !slices.Contains(all, s.Operation()) || slices.Contains(all, "") {
				t.Errorf("%T of %s: reads %q, is %q, may need %q", s, kind, ReadsSetting(kind), s.Operation(), all)
			}
		}
		if fmt.Sprint(definition.SettingKey{Kind: kind, Qualifier: "live"}) != string(kind)+" of live" {
			t.Errorf("%s is called otherwise", kind)
		}
	}
}
