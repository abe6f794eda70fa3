package policy

import "slices"

// lookActions are the actions on functions of the commands that look at them.
var lookActions = map[string][]string{
	"history": {"GetFunction", "ListVersionsByFunction", "ListAliases"},
	// GetFunction shows the tags to those alone who may list them.
	"init": {
		"GetFunction", "ListTags", "ListAliases", "GetFunctionCodeSigningConfig",
		// The settings; init writes the rest without them.
		"GetFunctionConcurrency", "GetFunctionRecursionConfig", "GetRuntimeManagementConfig",
		"GetProvisionedConcurrencyConfig", "GetFunctionUrlConfig", "GetFunctionEventInvokeConfig", "GetPolicy", "GetFunctionScalingConfig",
	},
	"invoke": {"InvokeFunction"},
	"list":   nil,
	"status": {"GetFunction", "ListVersionsByFunction", "ListAliases"},
}

// Looks reports whether a command only looks at functions, so that LookNeeds knows
// what it takes.
func Looks(command string) bool { _, known := lookActions[command]; return known }

// LookNeeds are the actions of a command that looks at functions, by their unqualified
// ARNs. pattern reports whether an ARN holds a pattern, for which the functions of the
// Region are listed.
func LookNeeds(command string, arns []string, pattern bool) []Need {
	var all []Need
	for _, arn := range arns {
		for _, action := range lookActions[command] {
			all = append(all, Need{Action: "lambda:" + action, Resources: []string{arn, arn + ":*"}})
		}
	}
	switch {
	case command == "list":
		// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonresourcegrouptaggingapi.html
		all = append(all, Need{Action: "tag:GetResources", Resources: []string{"*"}})
	case command == "history":
		all = append(all, Need{Action: "cloudtrail:LookupEvents", Resources: []string{"*"}})
	}
	if pattern {
		all = append(all, Need{Action: "lambda:ListFunctions", Resources: []string{"*"}})
	}
	return slices.Clip(all)
}
