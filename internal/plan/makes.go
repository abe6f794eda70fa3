package plan

import (
	"slices"
	"strings"
)

// Makes reports whether it is this step of a rollback that makes a change of a
// field.
func Makes(s Step, field string) bool {
	if setting, is := SettingOf(s); is {
		name := "Settings." + setting.SettingKey.String()
		return field == name || strings.HasPrefix(field, name+":")
	}
	switch s := s.(type) {
	case UpdateAlias:
		return field == "Aliases."+s.Alias.Name
	case DeleteAlias:
		return field == "Aliases."+s.Name
	case StopDeployment:
		return field == "Aliases."+s.Alias
	case TagResource:
		key, tag := strings.CutPrefix(field, "Tags.")
		_, set := s.Tags[key]
		return tag && set
	case UntagResource:
		key, tag := strings.CutPrefix(field, "Tags.")
		return tag && slices.Contains(s.Keys, key)
	case PutCodeSigning, DeleteCodeSigning:
		return field == "CodeSigningConfigArn"
	case UpdateCode:
		return field == "Code" || field == "Architectures"
	case UpdateConfiguration:
		whose, _, _ := strings.Cut(field, ".")
		return !slices.Contains([]string{"Code", "Architectures", "CodeSigningConfigArn", "Aliases", "Tags", "Settings", "Function", Latest}, whose)
	case DeleteFunction:
		return true
	case PublishLatest:
		return field == LatestPublished
	case DeleteVersion:
		return field == LatestPublished && s.Version == LatestPublished
	case CreateFunction, PublishRestorePoint, PublishVersion, CreateAlias, MoveAlias, LeaveLatest, PutSetting, DeleteSetting, CreateDeployment:
	}
	return false
}
