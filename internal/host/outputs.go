package host

import "slices"

// OutputField is one output that a deploy sets.
type OutputField struct{ Name, Help string }

// Outputs are the outputs in the order in which action.yml and the README list
// them. With several Targets the scalar ones are those of the first.
func Outputs() []OutputField { return slices.Clone(outputs) }

var outputs = []OutputField{
	{"function-name", "Name of the function."},
	{"function-arn", "ARN of the published version."},
	{"unqualified-function-arn", "ARN of the function without a version."},
	{"version", "The version published or found, whether or not an alias points to it."},
	{"runtime", "Its runtime; empty for an image."},
	{"code-sha256", "Hash of its code, as Lambda computes it."},
	{"artifact", "The artifact, pinned: an object version or a digest."},
	{"alias-arns", "ARNs of the aliases, a JSON object by name."},
	{"previous-version", "The version that the first alias pointed to before."},
	{"changed", "true or false."},
	{"plan", "What was changed, as short text."},
	{"rollback-data", "What the command rollback in another job needs, as JSON. It holds no ARN and no account id."},
	{"function-url", "The address of the function URL that the settings name; not set without one."},
	{"results", "One object a function, as JSON."},
}
