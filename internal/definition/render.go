package definition

import (
	"bytes"
	"encoding/json"
	"maps"
	"reflect"
	"slices"
)

// concealed replaces an environment value.
const concealed = "***"

// Render prints the fields that the function names as JSON: lowerCamelCase,
// three spaces a level, in the table's order, so that equal functions look
// equal. With redact the values of environment variables are hidden.
func Render(f Function, redact bool) []byte {
	return indent(func(b *bytes.Buffer) { renderObject(b, functionFields, reflect.ValueOf(f), redact) })
}

// RenderAlias prints an alias definition in the same way.
func RenderAlias(a Alias) []byte {
	return indent(func(b *bytes.Buffer) { renderObject(b, aliasFields, reflect.ValueOf(a), false) })
}

func indent(write func(*bytes.Buffer)) []byte {
	var compact, out bytes.Buffer
	write(&compact)
	if err := json.Indent(&out, compact.Bytes(), "", "   "); err != nil {
		// The writers below write JSON alone.
		panic(err)
	}
	return out.Bytes()
}

func renderObject(b *bytes.Buffer, fields []field, v reflect.Value, redact bool) {
	b.WriteByte('{')
	first := true
	for i := range fields {
		f := &fields[i]
		if f.ignored {
			continue
		}
		value := f.in(v)
		if value.IsZero() {
			continue
		}
		if !first {
			b.WriteByte(',')
		}
		first = false
		renderText(b, f.lower())
		b.WriteByte(':')
		render(b, f, value, redact)
	}
	b.WriteByte('}')
}

func render(b *bytes.Buffer, f *field, v reflect.Value, redact bool) {
	switch f.kind {
	case object:
		renderObject(b, f.members, v.Elem(), redact)
	case objects:
		b.WriteByte('[')
		for i := range v.Len() {
			if i > 0 {
				b.WriteByte(',')
			}
			renderObject(b, f.members, v.Index(i), redact)
		}
		b.WriteByte(']')
	case stringMap:
		m := v.Interface().(map[string]string)
		b.WriteByte('{')
		for i, key := range slices.Sorted(maps.Keys(m)) {
			if i > 0 {
				b.WriteByte(',')
			}
			renderText(b, key)
			b.WriteByte(':')
			if redact && f.name == "Variables" {
				renderText(b, concealed)
			} else {
				renderText(b, m[key])
			}
		}
		b.WriteByte('}')
	default:
		renderText(b, v.Interface())
	}
}

// renderText writes a scalar or a list of texts without HTML's escapes.
func renderText(b *bytes.Buffer, v any) {
	e := json.NewEncoder(b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err)
	}
	b.Truncate(b.Len() - len("\n"))
}
