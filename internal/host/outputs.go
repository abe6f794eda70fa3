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
	{"version", "The published version, new or unchanged, whether or not an alias points to it."},
	{"runtime", "Runtime of the function; empty for an image."},
	{"code-sha256", "Hash of the code, as Lambda computes it."},
	{"artifact", "The artifact, pinned: an object version or a digest."},
	{"alias-arns", "ARNs of the aliases, as a JSON object by name."},
	{"previous-version", "The version that the first alias pointed to before."},
	{"changed", "Whether anything was changed: true or false."},
	{"plan", "What was changed, or after plan would be, as short text."},
	{"rollback-data", "What the command rollback in another job needs, as JSON. It holds no ARN and no account ID."},
	{"function-url", "Address of the function URL that the settings name; not set without one."},
	{"results", "One object per function, as JSON."},
}
