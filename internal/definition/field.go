package definition

import (
	"iter"
	"reflect"
	"strings"
	"sync"

	"github.com/lambda-rollout/lambda-rollout/internal/lazyregexp"
)

// kind is the shape of a field's value.
type kind int

const (
	text kind = iota
	integer
	number
	boolean
	list      // of texts
	stringMap // texts by name
	object    // one of the structs of function.go
	objects   // a list of them
)

// call is the API call that sets a field of an existing function.
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
	// byNobody marks what names the function or controls a call.
	byNobody
)

// field is one row of the table that decoding, validation, the canonical form,
// the diff, the prediction, rendering and the JSON Schema all read. The Go
// struct's field has the same name; a test compares both.
type field struct {
	name string
	// camel is the lowerCamelCase spelling where it is not the name with its
	// first letter lowered.
	camel string
	kind  kind
	doc   string
	call  call
	// required marks a field that must be set where the object around it is.
	required bool
	// unit is what a number counts.
	unit string
	// min and max bound a number, a text's Length, or the entries of a list or
	// map; max 0 is no bound.
	min, max float64
	// managed is the higher max of functions with a capacity provider.
	managed float64
	enum    []string
	// open marks an enum that AWS extends: an unknown value that resembles none
	// of the known ones is a warning.
	open bool
	// synonyms are other names for the values of enum, in lower case.
	synonyms map[string]string
	// refused are texts that AWS does not take although they look right, with what
	// to do instead.
	refused map[string]string
	pattern *lazyregexp.Regexp
	// form is the pattern in words.
	form string
	// items describes each entry of a list and each value of a map.
	items *field
	// keys describes the names of a map.
	keys    *field
	members []field
	// defaultValue is AWS's value if the field was never set, and the value that
	// clears it; nil means that the field is absent then.
	defaultValue any
	// unordered marks a list whose order has no meaning.
	unordered bool
	// replacedWhole marks an object that AWS replaces as a whole; of any other
	// object, members that are not named keep their values.
	replacedWhole bool
	// ignored marks a field that a definition may name without effect.
	ignored bool
	// oneOrMore marks a list of objects of which one may stand without the list.
	oneOrMore bool
	// freeText marks text that users write for themselves, which may look like a
	// placeholder.
	freeText bool
	// presenceFixed marks an object that AWS neither adds to an existing
	// function nor removes from it.
	presenceFixed bool
}

// empty is the default value of lists, maps and objects.
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

// in is the field's value in its struct.
func (f *field) in(v reflect.Value) reflect.Value {
	if at, ok := fieldIndexes()[v.Type()][f.name]; ok {
		return v.Field(at)
	}
	return v.FieldByName(f.name)
}

// fieldIndexes are the indexes of the fields of a Function and of the structs in it: to look
// for them by name takes most of a comparison's time.
var fieldIndexes = sync.OnceValue(func() map[reflect.Type]map[string]int {
	all := map[reflect.Type]map[string]int{}
	var visit func(t reflect.Type)
	visit = func(t reflect.Type) {
		switch t.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Map:
			visit(t.Elem())
		case reflect.Struct:
			all[t] = map[string]int{}
			for i := range t.NumField() {
				all[t][t.Field(i).Name] = i
				visit(t.Field(i).Type)
			}
		}
	}
	visit(reflect.TypeFor[Function]())
	return all
})

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
