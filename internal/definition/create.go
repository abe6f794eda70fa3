package definition

import (
	"reflect"

	"github.com/lambda-rollout/lambda-rollout/internal/diag"
)

// CreateBody is what CreateFunction is to carry: what the definition names,
// without what only clears. An empty ARN, log group or VPC takes something away
// from a function that exists, and AWS refuses it for a new one, which has
// nothing there anyhow.
func CreateBody(wanted Function) Function {
	out := wanted.Clone()
	full := reflect.ValueOf(Canonical(wanted))
	normal := reflect.ValueOf(Canonical(Function{FunctionName: wanted.FunctionName}))
	v := reflect.ValueOf(&out).Elem()
	for f := range configuration() {
		value := f.in(v)
		several := f.kind == object || f.kind == objects || f.kind == list
		if several && f.call == byConfiguration && reflect.DeepEqual(f.in(full).Interface(), f.in(normal).Interface()) {
			value.SetZero()
			continue
		}
		dropEmptyTexts(f, value)
	}
	return out
}

func dropEmptyTexts(f *field, v reflect.Value) {
	switch {
	case v.IsNil():
	case f.kind == text && v.Elem().String() == "":
		v.SetZero()
	case f.kind == object:
		for i := range f.members {
			dropEmptyTexts(&f.members[i], f.members[i].in(v.Elem()))
		}
	}
}

// Creation returns the same as changes: every field that is set, and the tags.
func Creation(wanted Function) []Change {
	var changes []Change
	zero, v := reflect.ValueOf(Function{}), reflect.ValueOf(CreateBody(wanted))
	for f := range configuration() {
		if !f.in(v).IsNil() {
			changes = append(changes, compare(f, f.name, f.in(zero), f.in(v))...)
		}
	}
	if arn := deref(wanted.CodeSigningConfigArn); arn != "" {
		changes = append(changes, change("CodeSigningConfigArn", "", arn))
	}
	_, _, tags := DiffTags(wanted.Tags, nil)
	return append(changes, tags...)
}

// MissingForCreation lists the fields that a new function cannot do without and
// the definition does not name, in lowerCamelCase. packageType is Zip or Image.
// A function that exists keeps what is not named.
func MissingForCreation(wanted Function, packageType string) []string {
	var missing []string
	if deref(wanted.Role) == "" {
		missing = append(missing, "role")
	}
	if packageType == "Zip" && wanted.Runtime == nil {
		missing = append(missing, "runtime")
	}
	if packageType == "Zip" && wanted.Handler == nil {
		missing = append(missing, "handler")
	}
	return missing
}

// CheckNew warns of what MissingForCreation lists: without AWS nobody knows
// whether the function exists.
func CheckNew(wanted Function, packageType string, doc Document) diag.List {
	p := placer{doc: doc}
	for _, name := range MissingForCreation(wanted, packageType) {
		p.warn("", "", "%s is missing: an existing function keeps its own, a new one needs one", name)
	}
	return p.problems
}
