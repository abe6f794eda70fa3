package expression

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

func jsonFunctor(n callNode, args []Value) (Value, error) {
	if n.method == "format" {
		return formatJSON(args[0]), nil
	}
	source := args[len(args)-1]
	v := source
	if source.kind == String {
		var err error
		if v, err = decodeJSON(source.Text()); err != nil {
			return Value{}, errorAt(n.args[len(args)-1].pos(), "the text is not JSON: %s", err)
		}
	}
	if n.method == "object" {
		return v, nil
	}
	found, err := selectJSON(v, args[0].Text(), n.args[0].pos())
	if err != nil {
		return Value{}, err
	}
	if n.method == "list" && found.kind != List {
		return NewList([]Value{found}), nil
	}
	return found, nil
}

// formatJSON writes a value as JSON; a text becomes a JSON string.
func formatJSON(v Value) Value {
	var b strings.Builder
	v.appendJSON(&b, 0)
	return NewString(b.String())
}

// decodeJSON keeps the order of the fields and the numbers whole.
func decodeJSON(text string) (Value, error) {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	v, err := jsonValue(d, 0)
	if err != nil {
		return Value{}, err
	}
	if _, err := d.Token(); err != io.EOF {
		return Value{}, errors.New("more follows after its end")
	}
	return v, nil
}

func jsonValue(d *json.Decoder, depth int) (Value, error) {
	const maxJSONDepth = 100
	if depth > maxJSONDepth {
		return Value{}, fmt.Errorf("it is nested deeper than %d", maxJSONDepth)
	}
	t, err := jsonToken(d)
	if err != nil {
		return Value{}, err
	}
	switch t := t.(type) {
	case bool:
		return NewBool(t), nil
	case string:
		return NewString(t), nil
	case json.Number:
		if v := parseNumber(t.String()); v.kind != Null {
			return v, nil
		}
		return NewString(t.String()), nil
	case json.Delim:
		if t == '[' {
			return jsonList(d, depth)
		}
		return jsonMap(d, depth)
	}
	return Value{}, nil
}

func jsonToken(d *json.Decoder) (json.Token, error) {
	t, err := d.Token()
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, errors.New("it ends too early")
	}
	return t, err
}

func jsonList(d *json.Decoder, depth int) (Value, error) {
	items := []Value{}
	for d.More() {
		v, err := jsonValue(d, depth+1)
		if err != nil {
			return Value{}, err
		}
		items = append(items, v)
	}
	_, err := jsonToken(d)
	return NewList(items), err
}

func jsonMap(d *json.Decoder, depth int) (Value, error) {
	fields := []Field{}
	for d.More() {
		key, err := jsonToken(d)
		if err != nil {
			return Value{}, err
		}
		v, err := jsonValue(d, depth+1)
		if err != nil {
			return Value{}, err
		}
		name, _ := key.(string)
		fields = append(fields, Field{name, v})
	}
	_, err := jsonToken(d)
	return NewMap(fields), err
}

// selectJSON follows a JSONPath: names by point or bracket, indexes (from the
// end when negative), * for all, .. for any depth, [?(@.a == 'b')] as filter.
// Where the path can yield several values the result is a list.
func selectJSON(v Value, path string, offset int) (Value, error) {
	steps, err := parsePath(path)
	if err != nil {
		return Value{}, errorAt(offset, "the path %q: %s", path, err)
	}
	budget := maxVisits
	found, many := follow(steps, v, &budget), false
	if budget < 0 {
		return Value{}, errorAt(offset, "the path %q selects too much", path)
	}
	for _, s := range steps {
		many = many || s.many()
	}
	switch {
	case many:
		return NewList(found), nil
	case len(found) == 0:
		return Value{}, unknownError{errorAt(offset, "there is nothing at %q", path)}
	}
	return found[0], nil
}

// maxVisits bounds how many values one path looks at.
const maxVisits = 500_000

// follow walks the steps from v; a budget below zero means that it gave up.
func follow(steps []pathStep, v Value, budget *int) []Value {
	found := []Value{v}
	for _, s := range steps {
		var next []Value
		for _, f := range found {
			next = s.apply(f, next, budget)
		}
		found = next
	}
	return found
}

// pathStep is one step of a path; exactly one of its parts says which.
type pathStep struct {
	name   string
	index  *int
	all    bool
	deep   bool
	filter *pathFilter
}

type pathFilter struct {
	steps []pathStep
	op    string
	want  Value
}

func (s pathStep) many() bool { return s.all || s.deep || s.filter != nil }

func (s pathStep) apply(v Value, out []Value, budget *int) []Value {
	if *budget--; *budget < 0 {
		return out
	}
	if s.deep {
		shallow := s
		shallow.deep = false
		out = shallow.apply(v, out, budget)
		for _, child := range children(v) {
			out = s.apply(child, out, budget)
		}
		return out
	}
	switch {
	case s.all:
		*budget -= len(children(v))
		return append(out, children(v)...)
	case s.filter != nil:
		for _, child := range children(v) {
			if s.filter.holds(child, budget) {
				out = append(out, child)
			}
		}
		return out
	case s.index != nil:
		items, i := v.items(), *s.index
		if i < 0 {
			i += len(items)
		}
		if i >= 0 && i < len(items) {
			out = append(out, items[i])
		}
		return out
	}
	if child, ok := v.field(s.name); ok {
		out = append(out, child)
	}
	return out
}

func children(v Value) []Value {
	if v.kind == List {
		return v.items()
	}
	var out []Value
	for _, f := range v.fields() {
		out = append(out, f.Value)
	}
	return out
}

func (f *pathFilter) holds(v Value, budget *int) bool {
	found := follow(f.steps, v, budget)
	if len(found) == 0 {
		return false
	}
	switch f.op {
	case "":
		return true
	case "==":
		return equal(found[0], f.want)
	case "!=":
		return !equal(found[0], f.want)
	}
	holds, err := order(binaryNode{op: f.op}, found[0], f.want)
	return err == nil && holds.truth()
}
