package definition

import (
	"iter"
	"reflect"
	"regexp"
	"strings"
)

// kind is the shape of a field's value.
type kind int

const (
	text kind = iota
	integer
	number
	boolean
	list    // of texts
	table   // texts by name
	object  // one of the structs of function.go
	objects // a list of them
)

// call says which API call carries a field to a function that exists.
type call int

const (
	// byConfiguration is UpdateFunctionConfiguration.
	byConfiguration call = iota
	// byCode is UpdateFunctionCode.
	byCode
	// byOwn is a pair of calls of the field's own: tags, code signing.
	byOwn
	// byCreation is CreateFunction alone: no update changes the field.
	byCreation
	// byNobody marks what names the function or steers a call.
	byNobody
)

// field is one row of the table that decoding, validation, the canonical form,
// the diff, the prediction, rendering and the JSON Schema all read. The Go
// struct's field has the same name, and a test holds them together.
type field struct {
	name string
	// camel is the lowerCamelCase spelling where it is not the name with its
	// first letter lowered.
	camel string
	kind  kind
	doc   string
	call  call
	// need marks what CreateFunction, or the object around, cannot do without.
	need bool
	// unit is what a number counts.
	unit string
	// min and max bound a number, a text's characters, or a list's or table's
	// entries; max 0 is no bound.
	min, max float64
	// managed is the higher max of functions with a capacity provider.
	managed float64
	enum    []string
	// open marks an enum that AWS lengthens: an unknown value that resembles
	// none of the known ones is a warning.
	open bool
	// synonyms are what others call the values of enum, in lower case.
	synonyms map[string]string
	pattern  *regexp.Regexp
	// form is the pattern in words.
	form string
	// items describes each entry of a list and each value of a table.
	items *field
	// keys describes the names of a table.
	keys    *field
	members []field
	// normal is AWS's value where nothing was ever named; nil means that the
	// field is absent then. It is also what clears the field.
	normal any
	// unordered marks a list whose order means nothing.
	unordered bool
	// whole marks an object that AWS replaces as a whole; of any other object
	// the members that are not named keep their values.
	whole bool
	// idle marks what a definition may name without effect.
	idle bool
	// free marks text that is people's own and may look like a placeholder.
	free bool
	// pivotal marks an object that AWS neither adds to nor takes from a
	// function that exists.
	pivotal bool
}

// empty is the normal value of lists, tables and objects.
type empty struct{}

// lower is the name in lowerCamelCase.
func (f *field) lower() string {
	if f.camel != "" {
		return f.camel
	}
	return strings.ToLower(f.name[:1]) + f.name[1:]
}

// spelled reports whether the key names the field, in either case.
func (f *field) spelled(key string) bool {
	return key == f.name || key == f.lower() || key == strings.ToLower(f.name[:1])+f.name[1:]
}

// in is the field's place in its struct.
func (f *field) in(v reflect.Value) reflect.Value {
	return v.FieldByName(f.name)
}

// configuration yields the fields that make up a function's configuration:
// what the canonical form fills in and a fingerprint covers.
func configuration() iter.Seq[*field] {
	return func(yield func(*field) bool) {
		for i := range functionFields {
			f := &functionFields[i]
			switch f.call {
			case byConfiguration, byCode, byCreation:
				if !yield(f) {
					return
				}
			}
		}
	}
}
