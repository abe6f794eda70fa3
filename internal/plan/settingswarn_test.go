package plan

import (
	"strings"
	"testing"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
)

func TestSettingsThatCauseIncidentsAreWarnedOf(t *testing.T) {
	t.Parallel()
	via := true
	byURL := definition.Setting{
		SettingKey: definition.SettingKey{Kind: definition.PermissionSetting, Qualifier: "live", Sid: "url"},
		Value:      definition.Permission{Action: "lambda:InvokeFunctionUrl", Principal: "*", FunctionUrlAuthType: "NONE"},
	}
	invoke := definition.Setting{
		SettingKey: definition.SettingKey{Kind: definition.PermissionSetting, Qualifier: "live", Sid: "invoke"},
		Value:      definition.Permission{Action: "lambda:InvokeFunction", Principal: "*", InvokedViaFunctionUrl: &via},
	}
	past := invoke
	past.Value = definition.Permission{Action: "lambda:InvokeFunction", Principal: "*"}
	url := definition.Setting{SettingKey: urlKey, Value: definition.FunctionURL{AuthType: "NONE"}}
	latest := definition.Setting{SettingKey: definition.SettingKey{Kind: definition.FunctionURLSetting}, Value: definition.FunctionURL{AuthType: "AWS_IAM"}}
	scaled := definition.Setting{SettingKey: definition.SettingKey{Kind: definition.ScalingSetting, Qualifier: LatestPublished}, Value: definition.Scaling{MinExecutionEnvironments: new(int32)}}
	off := definition.Setting{SettingKey: reservedKey, Value: reserved(0)}
	few := definition.Setting{SettingKey: reservedKey, Value: reserved(1)}
	ready := definition.Setting{SettingKey: provisionedKey, Value: provisioned(2)}
	signed := definition.Setting{SettingKey: urlKey, Value: definition.FunctionURL{AuthType: "AWS_IAM"}}
	cdn, cdnInvokes := byURL, invoke
	cdn.Value = definition.Permission{Action: "lambda:InvokeFunctionUrl", Principal: "cloudfront.amazonaws.com"}
	cdnInvokes.Value = definition.Permission{Action: "lambda:InvokeFunction", Principal: "cloudfront.amazonaws.com", InvokedViaFunctionUrl: &via}
	of := func(alias string, s definition.Setting) definition.Setting { s.Qualifier = alias; return s }
	some := func(principal, source string) definition.Setting {
		s := past
		s.Sid, s.Value = "some", definition.Permission{Action: "lambda:InvokeFunction", Principal: principal, SourceArn: source}
		return s
	}
	signature, user := byURL, byURL
	signature.Value = definition.Permission{Action: "lambda:InvokeFunctionUrl", Principal: "*", FunctionUrlAuthType: "AWS_IAM"}
	user.Value = definition.Permission{Action: "lambda:InvokeFunctionUrl", Principal: "arn:aws:iam::123456789012:user/u"}
	for managed, blocked := range map[bool]bool{true: false, false: true} {
		for _, w := range []Wanted{{Function: definition.Function{CapacityProviderConfig: &definition.CapacityProviderConfig{}}}, {}} {
			o := Observation{Latest: &definition.Observed{}}
			if !managed {
				w.Function.CapacityProviderConfig = nil
			} else if w.Function.CapacityProviderConfig == nil {
				o.Latest.CapacityProviderConfig = &definition.CapacityProviderConfig{}
			}
			var p Plan
			if p.checkSettings(w, o, Settings{scaled.SettingKey: scaled.Value}); len(p.Blockers) > 0 != blocked {
				t.Errorf("managed %v: blocked by %q", managed, p.Blockers)
			}
		}
	}
	// A statement that the document does not name is somebody else's.
	if p := between(Settings{urlKey: url.Value, past.SettingKey: past.Value}, definition.Setting{SettingKey: urlKey, Value: url.Value}); len(p.Warnings) > 0 {
		t.Errorf("somebody else's statement: %q", p.Warnings)
	}
	if p := between(Settings{urlKey: url.Value}, url); len(p.Warnings) > 0 {
		t.Errorf("a URL that is open already: %q", p.Warnings)
	}
	for name, c := range map[string]struct {
		wanted           []definition.Setting
		warning, blocker string
	}{
		"both statements":                 {wanted: []definition.Setting{url, byURL, invoke}},
		"no statement for the call":       {wanted: []definition.Setting{url, byURL}, warning: "lambda:InvokeFunction and"},
		"no statement for the URL":        {wanted: []definition.Setting{url, invoke}, warning: "lambda:InvokeFunctionUrl and"},
		"a URL for everybody alone":       {wanted: []definition.Setting{url}, warning: "the settings name no permissions"},
		"a service with one action":       {wanted: []definition.Setting{signed, cdn}, warning: "lets cloudfront.amazonaws.com use lambda:InvokeFunctionUrl alone"},
		"a service with both":             {wanted: []definition.Setting{signed, cdn, cdnInvokes}},
		"everybody, past the URL":         {wanted: []definition.Setting{url, byURL, past}, warning: "lets everybody with an AWS account"},
		"a URL of $LATEST":                {wanted: []definition.Setting{latest}, warning: "belongs to $LATEST"},
		"scaling of no managed instances": {wanted: []definition.Setting{scaled}, blocker: "is for functions on managed instances"},
		"switched off":                    {wanted: []definition.Setting{off}, warning: "switches the function off"},
		"less than is provisioned":        {wanted: []definition.Setting{few, ready}, blocker: "less than the provisionedConcurrency of 2"},
		"off although it is provisioned":  {wanted: []definition.Setting{off, ready}, blocker: "less than the provisionedConcurrency of 2"},
		"as much as is provisioned":       {wanted: []definition.Setting{{SettingKey: reservedKey, Value: reserved(2)}, ready}},
		"the statement of another alias":  {wanted: []definition.Setting{url, of("beta", byURL), invoke}, warning: "lambda:InvokeFunctionUrl and"},
		"a statement for one account":     {wanted: []definition.Setting{url, byURL, invoke, some("123456789012", "")}},
		"everybody from one bucket":       {wanted: []definition.Setting{url, byURL, invoke, some("*", "arn:aws:s3:::a")}},
		"everybody by signature":          {wanted: []definition.Setting{url, signature, invoke}, warning: "lambda:InvokeFunctionUrl and"},
		"a user with one action":          {wanted: []definition.Setting{signed, user}},
		"another alias' service":          {wanted: []definition.Setting{signed, of("beta", cdn)}},
		"a service, asked elsewhere":      {wanted: []definition.Setting{signed, cdn, of("beta", cdnInvokes)}, warning: "lets cloudfront.amazonaws.com use lambda:InvokeFunctionUrl alone"},
		"scaling as AWS has it":           {wanted: []definition.Setting{{SettingKey: scaled.SettingKey, Value: definition.Scaling{}}}},
	} {
		p := between(Settings{}, c.wanted...)
		for what, texts := range map[string]struct {
			got  []string
			want string
		}{"warnings": {p.Warnings, c.warning}, "blockers": {p.Blockers, c.blocker}} {
			if text := strings.Join(texts.got, "\n"); (texts.want == "") != (text == "") || !strings.Contains(text, texts.want) {
				t.Errorf("%s: %s %q, want %q", name, what, texts.got, texts.want)
			}
		}
	}
}
