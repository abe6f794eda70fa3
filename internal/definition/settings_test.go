package definition

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func ptr[T any](v T) *T { return &v }

// oneOfEach are the settings of TestSettingsSurviveAJournal and of the decoder's
// test: one of each kind.
func oneOfEach() []Setting {
	return []Setting{
		{SettingKey{FunctionURLSetting, "live", ""}, FunctionURL{AuthType: "NONE", Cors: &Cors{AllowOrigins: []string{"*"}, MaxAge: ptr[int32](60)}}},
		{SettingKey{PermissionSetting, "", "allow"}, Permission{Action: "lambda:InvokeFunction", Principal: "events.amazonaws.com", InvokedViaFunctionUrl: ptr(true)}},
		{SettingKey{Kind: ReservedConcurrencySetting}, ReservedConcurrency{0}},
		{SettingKey{ProvisionedConcurrencySetting, "live", ""}, ProvisionedConcurrency{ProvisionedConcurrentExecutions: 2}},
		{SettingKey{EventInvokeSetting, "", ""}, EventInvoke{MaximumRetryAttempts: ptr[int32](0), DestinationConfig: &EventInvokeDestination{OnFailure: &Destination{"arn:aws:sqs:us-east-1:000000000000:q"}}}},
		{SettingKey{Kind: RecursiveLoopSetting}, RecursiveLoop{"Allow"}},
		{SettingKey{Kind: RuntimeManagementSetting}, RuntimeManagement{UpdateRuntimeOn: "FunctionUpdate"}},
		{SettingKey{ScalingSetting, "$LATEST.PUBLISHED", ""}, Scaling{MinExecutionEnvironments: ptr[int32](3)}},
	}
}

const everySetting = `
FunctionUrl: {qualifier: live, AuthType: NONE, cors: {allowOrigins: ["*"], MaxAge: 60}}
permissions:
  allow: {action: "lambda:InvokeFunction", principal: events.amazonaws.com, invokedViaFunctionUrl: true}
reservedConcurrency: 0
provisionedConcurrency: [{qualifier: live, provisionedConcurrentExecutions: 2}]
eventInvokeConfig: {maximumRetryAttempts: 0, destinationConfig: {onFailure: {destination: "arn:aws:sqs:us-east-1:000000000000:q"}}}
recursiveLoop: Allow
runtimeManagement: {updateRuntimeOn: FunctionUpdate}
scalingConfig: {qualifier: $LATEST.PUBLISHED, minExecutionEnvironments: 3}
`

func settingsText(t *testing.T, src string) Document {
	t.Helper()
	doc, problems := parse("settings.yaml", []byte(src), nil)
	if problems.Err() != nil {
		t.Fatal(problems)
	}
	return doc
}

func TestASettingsDocumentNamesEachSettingInEitherCase(t *testing.T) {
	t.Parallel()
	s, problems := DecodeSettings(settingsText(t, everySetting))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	if diff := cmp.Diff(oneOfEach(), s.Named); diff != "" {
		t.Error(diff)
	}
	if len(s.Kinds) != len(settingsFields) {
		t.Errorf("%d kinds, the table has %d", len(s.Kinds), len(settingsFields))
	}
}

func TestProblemsOfASettingsDocumentComeOutTogether(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{"reservedConcurency": 1}`:                                             `unknown key`,
		`{"reservedConcurrency": -1}`:                                           `must be from 0`,
		`{"reservedConcurrency": [1]}`:                                          `must be a whole number`,
		`{"recursiveLoop": "Deny"}`:                                             `recursiveLoop`,
		`{"functionUrl": {}}`:                                                   `functionUrl.authType is missing`,
		`{"functionUrl": {"authType": "NONE", "qualifier": "7"}}`:               `the name of an alias`,
		`{"functionUrl": "NONE"}`:                                               `must be a mapping or a list`,
		`{"functionUrl": [{"authType": "NONE"}, {"authType": "NONE"}]}`:         `functionUrl is set twice`,
		`{"eventInvokeConfig": {"maximumRetryAttempts": 3}}`:                    `must be from 0 to 2`,
		`{"eventInvokeConfig": 1, "EventInvokeConfig": null}`:                   `are the same setting`,
		`{"provisionedConcurrency": {"provisionedConcurrentExecutions": 1}}`:    `qualifier is missing`,
		`{"permissions": {"a b": null}}`:                                        `the Sid must be`,
		`{"permissions": {"a": {"sid": "b", "action": "*", "principal": "*"}}}`: `has its Sid as its key`,
		`{"eventInvokeConfig": {"qualifier": "live"}}`:                          `names neither an age`,
		`{"runtimeManagement": {"updateRuntimeOn": "Manual"}}`:                  `names no runtimeVersionArn`,
		`{"runtimeManagement": {"updateRuntimeOn": "Auto", "runtimeVersionArn": "arn:aws:lambda:us-east-1::runtime:a"}}`:      `only for Manual`,
		`{"scalingConfig": {"qualifier": "$LATEST.PUBLISHED", "minExecutionEnvironments": 3, "maxExecutionEnvironments": 2}}`: `a minimum of 3`,
		`{"permissions": {"a": {"action": "lambda:InvokeFunction", "principal": "*", "functionUrlAuthType": "NONE"}}}`:        `only for lambda:InvokeFunctionUrl`,
		`{"Config": {"AuthType": "NONE", "Cors": {"AllowMethods": ["GET", "OPTIONS"]}}}`:                                      `Lambda answers the browser's preflight itself`,
		`[]`: `a settings document is a mapping`,
	} {
		_, problems := DecodeSettings(settingsText(t, text))
		if problems.Err() == nil || !strings.Contains(problems.Error(), want) {
			t.Errorf("%s: %v, want %q", text, problems, want)
		}
	}
	_, problems := DecodeSettings(settingsText(t, `{"reservedConcurrency": "x", "recursiveLoop": "y"}`))
	if len(problems) != 2 {
		t.Errorf("%v: want two problems", problems)
	}
}

func TestWhatIsNamedAndNotSetIsCleared(t *testing.T) {
	t.Parallel()
	s, problems := DecodeSettings(settingsText(t, `{"eventInvokeConfig": null, "reservedConcurrency": null, "recursiveLoop": null, "functionUrl": [], "permissions": {"old": null}}`))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	got := s.Wanted([]Alias{{Name: "live"}})
	want := []Setting{
		{SettingKey: SettingKey{PermissionSetting, "", "old"}},
		{SettingKey: SettingKey{PermissionSetting, "live", "old"}},
		{SettingKey: SettingKey{EventInvokeSetting, "", ""}},
		{SettingKey: SettingKey{EventInvokeSetting, "live", ""}},
		{SettingKey: SettingKey{Kind: ReservedConcurrencySetting}},
		{SettingKey{Kind: RecursiveLoopSetting}, RecursiveLoop{"Terminate"}},
		{SettingKey: SettingKey{FunctionURLSetting, "", ""}},
		{SettingKey: SettingKey{FunctionURLSetting, "live", ""}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestWhatAWSFillsInIsNoDifference(t *testing.T) {
	t.Parallel()
	for name, pair := range map[string][2]SettingValue{
		"defaults of events": {EventInvoke{}, EventInvoke{MaximumEventAgeInSeconds: ptr[int32](21600), MaximumRetryAttempts: ptr[int32](2), DestinationConfig: &EventInvokeDestination{OnSuccess: &Destination{}, OnFailure: &Destination{}}}},
		"an account's root":  {Permission{Principal: "123456789012"}, Permission{Principal: "arn:aws:iam::123456789012:root"}},
		"a buffered URL":     {FunctionURL{AuthType: "NONE"}, FunctionURL{AuthType: "NONE", InvokeMode: "BUFFERED", Cors: &Cors{}, URL: "https://x/"}},
		"the order of CORS":  {FunctionURL{Cors: &Cors{AllowMethods: []string{"get", "PUT"}, AllowHeaders: []string{"X-A"}}}, FunctionURL{Cors: &Cors{AllowMethods: []string{"PUT", "GET"}, AllowHeaders: []string{"x-a"}}}},
	} {
		if !SameSetting(pair[0], pair[1]) {
			t.Errorf("%s: %v", name, DiffSetting(SettingKey{}, pair[0], pair[1]))
		}
		if diff := DiffSetting(SettingKey{Kind: pair[0].Kind()}, pair[0], pair[1]); len(diff) > 0 {
			t.Errorf("%s: %v", name, diff)
		}
	}
	if SameSetting(EventInvoke{}, nil) || SameSetting(ReservedConcurrency{1}, ReservedConcurrency{2}) {
		t.Error("a difference is none")
	}
	if d := DiffSetting(SettingKey{Kind: EventInvokeSetting}, nil, EventInvoke{}); len(d) != 1 || d[0].Kind != Set {
		t.Errorf("setting nothing but defaults: %v", d)
	}
}

func TestSettingsSurviveAJournal(t *testing.T) {
	t.Parallel()
	for _, want := range append(oneOfEach(), Setting{SettingKey: SettingKey{Kind: EventInvokeSetting}}) {
		text, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		var got Setting
		if err := json.Unmarshal(text, &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", text, diff)
		}
	}
	var unknown Setting
	if err := json.Unmarshal([]byte(`{"kind": "weather", "value": {}}`), &unknown); err == nil {
		t.Error("an unknown setting is read")
	}
}

// lambroll's file: https://github.com/fujiwara/lambroll#function-url-support.
func TestLambrollsFunctionURLIsTakenAsItIs(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile(filepath.Join("testdata", "function_url.json"))
	if err != nil {
		t.Fatal(err)
	}
	s, problems := DecodeSettings(settingsText(t, string(content)))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	var sids []string
	for _, one := range s.Named[1:] {
		p := one.Value.(Permission)
		sids = append(sids, one.Qualifier+" "+p.Action+" "+p.Principal)
		if one.Sid == "" {
			t.Errorf("%v has no Sid", one)
		}
	}
	want := []string{
		"current lambda:InvokeFunctionUrl 0123456789012", "current lambda:InvokeFunction 0123456789012",
	}
	if diff := cmp.Diff(want, sids); diff != "" {
		t.Error(diff)
	}
	long := strings.Repeat("s", 100)
	for _, name := range []string{"Sid", "StatementId"} {
		named, problems := DecodeSettings(settingsText(t, fmt.Sprintf(
			`{"Config": {"AuthType": "AWS_IAM"}, "Permissions": [{"Principal": "cloudfront.amazonaws.com", %q: "cdn"}, {"Principal": "*", %q: %q}]}`, name, name, long)))
		var sids []string
		for _, one := range named.Named[1:] {
			sids = append(sids, one.Sid)
		}
		if diff := cmp.Diff([]string{"cdn", "cdn-invoke", long, long[:93] + "-invoke"}, sids); diff != "" || len(problems) > 0 {
			t.Errorf("statements by %s: %v %s", name, problems, diff)
		}
	}
	for text, warning := range map[string]string{
		`{"Config": {"AuthType": "NONE"}}`:                      "",
		`{"Config": {"AuthType": "NONE"}, "Permissions": null}`: "",
		`{"Config": {"AuthType": "NONE"}, "Permissions": []}`:   "lets everybody call the URL",
	} {
		open, problems := DecodeSettings(settingsText(t, text))
		if problems.Err() != nil || len(open.Named) != 3 || open.Named[1].Value.(Permission).Principal != "*" {
			t.Errorf("%s: %v %v", text, open, problems)
		}
		if got := fmt.Sprint(problems); (warning == "") != (len(problems) == 0) || !strings.Contains(got, warning) {
			t.Errorf("%s warns %s, want %q", text, got, warning)
		}
	}
	signed, problems := DecodeSettings(settingsText(t, `{"Config": {"AuthType": "AWS_IAM"}, "Permissions": []}`))
	if len(problems) > 0 || len(signed.Named) != 1 {
		t.Errorf("a URL that wants a signature: %v %v", signed, problems)
	}
}
