package plan

import (
	"slices"
	"testing"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
)

// Where a step of a rollback fails, its changes are taken out of what was restored,
// and no others.
func TestEachStepOfARollbackMakesItsOwnChanges(t *testing.T) {
	t.Parallel()
	fields := []string{
		"MemorySize", "Environment.Variables.A", "Code", "Architectures", "CodeSigningConfigArn", "Aliases.live", "Aliases.next", "Tags.team", "Tags.stage",
		"Settings.functionUrl of live", "Settings.functionUrl of live: authType", "Settings.functionUrl of livelier", "Function", LatestPublished,
	}
	for name, tc := range map[string]struct {
		step Step
		want []string
	}{
		"configuration":   {UpdateConfiguration{}, []string{"MemorySize", "Environment.Variables.A"}},
		"code":            {UpdateCode{}, []string{"Code", "Architectures"}},
		"an alias":        {UpdateAlias{Alias: definition.Alias{Name: "live"}}, []string{"Aliases.live"}},
		"a new alias":     {DeleteAlias{Name: "next"}, []string{"Aliases.next"}},
		"CodeDeploy":      {StopDeployment{Alias: "live"}, []string{"Aliases.live"}},
		"a tag":           {TagResource{Tags: map[string]string{"team": "web"}}, []string{"Tags.team"}},
		"a new tag":       {UntagResource{Keys: []string{"stage"}}, []string{"Tags.stage"}},
		"code signing":    {PutCodeSigning{}, []string{"CodeSigningConfigArn"}},
		"no code signing": {DeleteCodeSigning{}, []string{"CodeSigningConfigArn"}},
		"a setting":       {PutSetting{Setting: definition.Setting{SettingKey: urlKey}}, []string{"Settings.functionUrl of live", "Settings.functionUrl of live: authType"}},
		"a new setting":   {DeleteSetting{Key: urlKey}, []string{"Settings.functionUrl of live", "Settings.functionUrl of live: authType"}},
		"published":       {PublishLatest{}, []string{LatestPublished}},
		"newly published": {DeleteVersion{Version: LatestPublished}, []string{LatestPublished}},
		"a version":       {DeleteVersion{Version: "7"}, nil},
		"a function":      {DeleteFunction{}, fields},
		"a deployment's":  {PublishVersion{}, nil},
	} {
		got := slices.DeleteFunc(slices.Clone(fields), func(field string) bool { return !Makes(tc.step, field) })
		if !slices.Equal(got, tc.want) {
			t.Errorf("%s makes %q, want %q", name, got, tc.want)
		}
	}
}
