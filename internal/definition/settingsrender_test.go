package definition

import (
	"maps"
	"testing"
)

// A document that was made of settings is read as the same settings, and what AWS
// begins with is not in it.
func TestRenderedSettingsAreReadBack(t *testing.T) {
	t.Parallel()
	number, yes := int32(0), true
	all := map[SettingKey]SettingValue{
		{Kind: ReservedConcurrencySetting}:                                    ReservedConcurrency{Executions: 0},
		{Kind: ProvisionedConcurrencySetting, Qualifier: "live"}:              ProvisionedConcurrency{ProvisionedConcurrentExecutions: 3},
		{Kind: RecursiveLoopSetting}:                                          RecursiveLoop{Mode: "Allow"},
		{Kind: RuntimeManagementSetting}:                                      RuntimeManagement{UpdateRuntimeOn: "FunctionUpdate"},
		{Kind: ScalingSetting, Qualifier: "$LATEST.PUBLISHED"}:                Scaling{MinExecutionEnvironments: &number},
		{Kind: EventInvokeSetting}:                                            EventInvoke{MaximumRetryAttempts: &number},
		{Kind: EventInvokeSetting, Qualifier: "live"}:                         EventInvoke{MaximumRetryAttempts: &number},
		{Kind: FunctionURLSetting, Qualifier: "live"}:                         FunctionURL{AuthType: "NONE", URL: "https://a.lambda-url.eu-central-1.on.aws/", Cors: &Cors{AllowCredentials: &yes, AllowOrigins: []string{"*"}}},
		{Kind: PermissionSetting, Sid: "a"}:                                   Permission{Action: "lambda:InvokeFunction", Principal: "arn:aws:iam::111122223333:root"},
		{Kind: PermissionSetting, Qualifier: "live", Sid: "lambda-rollout-x"}: Permission{Action: "lambda:InvokeFunction", Principal: "*", InvokedViaFunctionUrl: &yes},
	}
	given := maps.Clone(all)
	given[SettingKey{Kind: PermissionSetting, Sid: "odd"}] = Permission{Action: "lambda:*", Principal: "*", Other: "{}"}
	given[SettingKey{Kind: FunctionURLSetting}] = nil
	s, problems := DecodeSettings(settingsText(t, string(RenderSettings(given))))
	if problems.Err() != nil {
		t.Fatal(problems)
	}
	if len(s.Named) != len(all) {
		t.Errorf("%d settings, want %d", len(s.Named), len(all))
	}
	for _, one := range s.Named {
		if !SameSetting(one.Value, all[one.SettingKey]) {
			t.Errorf("%s: %s", one.SettingKey, DescribeSetting(one.Value))
		}
	}
	if text := RenderSettings(map[SettingKey]SettingValue{{Kind: RecursiveLoopSetting}: RecursiveLoop{Mode: "Terminate"}, {Kind: RuntimeManagementSetting}: RuntimeManagement{UpdateRuntimeOn: "Auto"}}); text != nil {
		t.Errorf("what AWS begins with: %s", text)
	}
}
