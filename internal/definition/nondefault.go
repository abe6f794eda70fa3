package definition

import (
	"maps"
	"reflect"
)

// NonDefault is the function with only those fields of its configuration that
// differ from what AWS gives a function that names none, for files that are made
// of a function that exists. A new function made of it is configured alike, and a
// diff against the function itself is empty. Tags of AWS and of this program are
// left out; code signing and code stay as they are.
func NonDefault(f Function) Function {
	out := Canonical(f)
	usual := reflect.ValueOf(Canonical(Function{FunctionName: f.FunctionName}))
	v, original := reflect.ValueOf(&out).Elem(), reflect.ValueOf(f)
	for field := range configuration() {
		value, normal := field.in(v), field.in(usual)
		switch {
		case reflect.DeepEqual(value.Interface(), normal.Interface()):
			value.SetZero()
		case field.kind == object && field.defaultValue == nil:
			value.Set(deepCopy(field.in(original)))
		case field.kind == object && !field.replacedWhole:
			for i := range field.members {
				m := &field.members[i]
				if reflect.DeepEqual(m.in(value.Elem()).Interface(), m.in(normal.Elem()).Interface()) {
					m.in(value.Elem()).SetZero()
				}
			}
		}
	}
	maps.DeleteFunc(out.Tags, func(key, _ string) bool { return foreignTag(key) })
	if len(out.Tags) == 0 {
		out.Tags = nil
	}
	return out
}
