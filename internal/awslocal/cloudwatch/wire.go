package cloudwatch

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"math"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A request or an answer is one tree whatever its protocol: strings, numbers,
// truth values, times, lists, and maps in requests or members in answers. Go
// structs are filled from it and turned into it by their fields' names, which
// are those of the API.

// members is a structure of an answer, in the order of its fields.
type members []member

type member struct {
	name  string
	value any
}

func toEpoch(t time.Time) float64   { return float64(t.UnixMilli()) / 1000 }
func fromEpoch(s float64) time.Time { return time.UnixMilli(int64(math.Round(s * 1000))).UTC() }

// tree makes the tree of a struct; empty fields without a pointer are left out,
// and those with the tag wire:"-".
func tree(v reflect.Value) any {
	if t, ok := v.Interface().(time.Time); ok {
		return t
	}
	switch v.Kind() {
	case reflect.Pointer:
		return tree(v.Elem())
	case reflect.Struct:
		m := members{}
		for i := range v.NumField() {
			if f := v.Field(i); v.Type().Field(i).Tag.Get("wire") != "-" && (!f.IsZero() || f.Kind() == reflect.Slice && !f.IsNil()) {
				m = append(m, member{v.Type().Field(i).Name, tree(f)})
			}
		}
		return m
	case reflect.Slice:
		list := make([]any, 0, v.Len())
		for i := range v.Len() {
			list = append(list, tree(v.Index(i)))
		}
		return list
	case reflect.String:
		return v.String()
	case reflect.Bool:
		return v.Bool()
	case reflect.Int:
		return v.Int()
	case reflect.Float64:
		return v.Float()
	}
	return nil
}

// fill sets v from a request's tree. Names that v does not have are passed
// over, as AWS does. In the query protocol every leaf is a string, and so is
// accepted for every kind.
func fill(v reflect.Value, from any, path string) error {
	if from == nil {
		return nil
	}
	wrong := fmt.Errorf("%s: unexpected value", path)
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		return fill(v.Elem(), from, path)
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			return fillTime(v, from, path)
		}
		m, ok := from.(map[string]any)
		if !ok {
			return wrong
		}
		for name, value := range m {
			if f := v.FieldByName(name); f.IsValid() {
				if err := fill(f, value, strings.TrimPrefix(path+"."+name, ".")); err != nil {
					return err
				}
			}
		}
		return nil
	case reflect.Slice:
		list, ok := from.([]any)
		if !ok && from != "" {
			return wrong
		}
		v.Set(reflect.MakeSlice(v.Type(), len(list), len(list)))
		for i, item := range list {
			if err := fill(v.Index(i), item, fmt.Sprintf("%s.%d", path, i+1)); err != nil {
				return err
			}
		}
		return nil
	}
	return fillLeaf(v, from, wrong)
}

func fillLeaf(v reflect.Value, from any, wrong error) error {
	text, isText := from.(string)
	switch v.Kind() {
	case reflect.String:
		if !isText {
			return wrong
		}
		v.SetString(text)
	case reflect.Bool:
		b, ok := from.(bool)
		if isText {
			ok = text == "true" || text == "false"
			b = text == "true"
		}
		if !ok {
			return wrong
		}
		v.SetBool(b)
	case reflect.Int, reflect.Float64:
		n, ok := number(from)
		if !ok || v.Kind() == reflect.Int && n != math.Trunc(n) {
			return wrong
		}
		if v.Kind() == reflect.Int {
			v.SetInt(int64(n))
		} else {
			v.SetFloat(n)
		}
	}
	return nil
}

func number(from any) (float64, bool) {
	switch n := from.(type) {
	case int64:
		return float64(n), true
	case float64:
		return n, true
	case string:
		f, err := strconv.ParseFloat(n, 64)
		return f, err == nil
	}
	return 0, false
}

func fillTime(v reflect.Value, from any, path string) error {
	t, ok := from.(time.Time)
	if n, isNumber := from.(float64); isNumber {
		t, ok = fromEpoch(n), true
	}
	if text, isText := from.(string); isText {
		parsed, err := time.Parse(time.RFC3339, text)
		t, ok = parsed.UTC(), err == nil
	}
	if !ok {
		return fmt.Errorf("%s: not a time", path)
	}
	v.Set(reflect.ValueOf(t))
	return nil
}

// decodeForm makes the tree of a query form: "Dimensions.member.1.Name".
func decodeForm(form url.Values) (any, error) {
	root := map[string]any{}
	for key, values := range form {
		path := strings.Split(key, ".")
		if len(path) > maxDepth {
			return nil, fmt.Errorf("%s: nests too deep", key)
		}
		node := root
		for _, name := range path[:len(path)-1] {
			next, ok := node[name].(map[string]any)
			if !ok {
				next = map[string]any{}
				node[name] = next
			}
			node = next
		}
		if _, taken := node[path[len(path)-1]].(map[string]any); !taken {
			node[path[len(path)-1]] = values[0]
		}
	}
	return listed(root), nil
}

// listed turns {"member": {"1": a, "2": b}} into [a, b], all the way down.
func listed(v any) any {
	m, ok := v.(map[string]any)
	if !ok {
		return v
	}
	if items, ok := m["member"].(map[string]any); ok && len(m) == 1 {
		var positions []int
		for key := range items {
			if n, err := strconv.Atoi(key); err == nil {
				positions = append(positions, n)
			}
		}
		slices.Sort(positions)
		list := make([]any, 0, len(positions))
		for _, n := range positions {
			list = append(list, listed(items[strconv.Itoa(n)]))
		}
		return list
	}
	for name, value := range m {
		m[name] = listed(value)
	}
	return m
}

// plain is a tree as encoding/json writes it.
func plain(v any) any {
	switch v := v.(type) {
	case members:
		return v
	case []any:
		for i := range v {
			v[i] = plain(v[i])
		}
		return v
	case time.Time:
		return toEpoch(v)
	}
	return v
}

// MarshalJSON keeps the order of the members.
func (m members) MarshalJSON() ([]byte, error) {
	b := []byte{'{'}
	for i, one := range m {
		if i > 0 {
			b = append(b, ',')
		}
		value, err := json.Marshal(plain(one.value))
		if err != nil {
			return nil, err
		}
		b = append(append(strconv.AppendQuote(b, one.name), ':'), value...)
	}
	return append(b, '}'), nil
}

// MarshalXML writes a structure as the query protocol does.
func (m members) MarshalXML(e *xml.Encoder, start xml.StartElement) error {
	if err := e.EncodeToken(start); err != nil {
		return err
	}
	for _, one := range m {
		if err := encodeXML(e, one.name, one.value); err != nil {
			return err
		}
	}
	return e.EncodeToken(start.End())
}

func encodeXML(e *xml.Encoder, name string, v any) error {
	start := xml.StartElement{Name: xml.Name{Local: name}}
	list, ok := v.([]any)
	if !ok {
		if t, isTime := v.(time.Time); isTime {
			v = t.Format(time.RFC3339)
		}
		return e.EncodeElement(v, start)
	}
	if err := e.EncodeToken(start); err != nil {
		return err
	}
	for _, item := range list {
		if err := encodeXML(e, "member", item); err != nil {
			return err
		}
	}
	return e.EncodeToken(start.End())
}
