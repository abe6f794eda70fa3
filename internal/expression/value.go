package expression

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"time"
)

// Kind is the type of a Value.
type Kind uint8

// The kinds of a Value. A Template is a text that may hold expressions and is
// evaluated when it is read; a String is final, whatever it contains.
const (
	Null Kind = iota
	Bool
	Int
	Float
	String
	List
	Map
	Moment
	Object
	Template
)

func (k Kind) String() string {
	return [...]string{"null", "a boolean", "a number", "a number", "a string", "a list", "a map", "a time", "an object", "a text"}[k]
}

// Value is what an expression yields. The zero Value is null.
type Value struct {
	kind   Kind
	secret bool
	data   any
}

// Field is one entry of a Map; maps keep the order of their source.
type Field struct {
	Name  string
	Value Value
}

// Scope is a set of names, read as they are asked for.
type Scope interface {
	// Get returns the value of a name.
	Get(name string) (Value, bool)
	// Names lists the names, for hints and for json.format.
	Names() []string
}

type moment struct {
	at       time.Time
	dateOnly bool
}

type template struct {
	text   string
	origin *Origin
	// secretOf is the variable whose secret has text as its id; "" for a text with
	// expressions.
	secretOf string
}

// NewBool makes a boolean.
func NewBool(b bool) Value { return Value{kind: Bool, data: b} }

// NewInt makes a whole number.
func NewInt(i int64) Value { return Value{kind: Int, data: i} }

// NewFloat makes a number.
func NewFloat(f float64) Value { return Value{kind: Float, data: f} }

// NewString makes a string that is final: no expression in it is evaluated.
// Text from outside (a branch name, a secret) must come in this way.
func NewString(s string) Value { return Value{kind: String, data: s} }

// NewList makes a list.
func NewList(items []Value) Value { return Value{kind: List, data: items} }

// NewMap makes a map.
func NewMap(fields []Field) Value { return Value{kind: Map, data: fields} }

// NewObject makes a value whose parts are asked for by name.
func NewObject(s Scope) Value { return Value{kind: Object, data: s} }

// NewTemplate makes a text whose expressions are evaluated when it is read;
// origin, which may be nil, is where its problems are reported.
func NewTemplate(text string, origin *Origin) Value {
	if !strings.Contains(text, open) {
		return NewString(text)
	}
	return Value{kind: Template, data: template{text: text, origin: origin}}
}

// NewSecretOf makes the value of a variable that holds the id of a secret. What is
// there may be the secret itself, so no problem shows it.
func NewSecretOf(variable, id string, origin *Origin) Value {
	return Value{kind: Template, data: template{text: id, origin: origin, secretOf: variable}}.Secret()
}

// Number is the value of a variable of type Number: a number where the text is
// one, else the text as a template.
func Number(text string, template Value) Value {
	if n := parseNumber(strings.TrimSpace(text)); n.kind != Null {
		return n
	}
	return template
}

func newMoment(t time.Time, dateOnly bool) Value {
	return Value{kind: Moment, data: moment{t, dateOnly}}
}

// Secret marks a value as a secret, or as made from one.
func (v Value) Secret() Value {
	v.secret = true
	return v
}

// IsSecret reports whether the value is, or was made from, a secret.
func (v Value) IsSecret() bool { return v.secret }

// Kind is the value's type.
func (v Value) Kind() Kind { return v.kind }

// Scope is the names of an object, nil for any other value.
func (v Value) Scope() Scope {
	s, _ := v.data.(Scope)
	return s
}

func (v Value) taintedBy(others ...Value) Value {
	for _, o := range others {
		v.secret = v.secret || o.secret
	}
	return v
}

func (v Value) items() []Value {
	items, _ := v.data.([]Value)
	return items
}

func (v Value) fields() []Field {
	fields, _ := v.data.([]Field)
	return fields
}

func (v Value) field(name string) (Value, bool) {
	for _, f := range v.fields() {
		if f.Name == name {
			return f.Value, true
		}
	}
	return Value{}, false
}

// Text is the value as part of a text: numbers and booleans as Java
// prints them, lists and maps as JSON.
func (v Value) Text() string {
	switch d := v.data.(type) {
	case bool:
		return strconv.FormatBool(d)
	case int64:
		return strconv.FormatInt(d, 10)
	case float64:
		return floatText(d)
	case string:
		return d
	case template:
		return d.text
	case moment:
		if d.dateOnly {
			return d.at.Format("2006-01-02")
		}
		return d.at.Format("2006-01-02T15:04:05.000-0700")
	case []Value, []Field, Scope:
		var b strings.Builder
		v.appendJSON(&b, 0)
		return b.String()
	}
	return "null"
}

// floatText is Java's Double.toString: a point always, an E beyond seven
// digits.
func floatText(f float64) string {
	if abs := math.Abs(f); abs == 0 || abs >= 1e-3 && abs < 1e7 {
		s := strconv.FormatFloat(f, 'f', -1, 64)
		if !strings.Contains(s, ".") {
			s += ".0"
		}
		return s
	}
	mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(f, 'E', -1, 64), "E")
	if !strings.Contains(mantissa, ".") {
		mantissa += ".0"
	}
	e, _ := strconv.Atoi(exponent)
	return mantissa + "E" + strconv.Itoa(e)
}

// appendJSON stops at the depth limit: a Scope may be endless.
func (v Value) appendJSON(b *strings.Builder, depth int) {
	if depth > maxDepth || b.Len() > maxValue {
		b.WriteString("null")
		return
	}
	switch d := v.data.(type) {
	case []Value:
		b.WriteByte('[')
		for i, item := range d {
			if i > 0 {
				b.WriteByte(',')
			}
			item.appendJSON(b, depth+1)
		}
		b.WriteByte(']')
	case []Field:
		b.WriteByte('{')
		for i, f := range d {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString(quoteJSON(f.Name) + ":")
			f.Value.appendJSON(b, depth+1)
		}
		b.WriteByte('}')
	case Scope:
		fields := make([]Field, 0, len(d.Names()))
		for _, name := range d.Names() {
			if value, ok := d.Get(name); ok {
				fields = append(fields, Field{name, value})
			}
		}
		NewMap(fields).appendJSON(b, depth)
	case string, template, moment:
		b.WriteString(quoteJSON(v.Text()))
	default:
		b.WriteString(v.Text())
	}
}

func quoteJSON(s string) string {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	// A string always encodes, and a strings.Builder never fails to write.
	_ = enc.Encode(s)
	return strings.TrimSuffix(b.String(), "\n")
}

// number reads a value as JEXL's arithmetic does: numbers as they are, strings
// that look like one, booleans as 0 and 1.
func (v Value) number() (n Value, ok bool) {
	switch d := v.data.(type) {
	case int64, float64:
		return v, true
	case bool:
		if d {
			return NewInt(1).taintedBy(v), true
		}
		return NewInt(0).taintedBy(v), true
	case string:
		return parseNumber(strings.TrimSpace(d)).taintedBy(v), parseNumber(strings.TrimSpace(d)).kind != Null
	}
	return Value{}, false
}

// parseNumber returns null for what is not a decimal number; hexadecimal, Inf
// and NaN are not.
func parseNumber(s string) Value {
	if s == "" || strings.ContainsAny(s, "xXpPiInN_") {
		return Value{}
	}
	if i, err := strconv.ParseInt(s, 10, 64); err == nil {
		return NewInt(i)
	}
	if f, err := strconv.ParseFloat(s, 64); err == nil && strings.ContainsAny(s, ".eE") {
		return NewFloat(f)
	}
	return Value{}
}

func (v Value) float() float64 {
	switch d := v.data.(type) {
	case int64:
		return float64(d)
	case float64:
		return d
	}
	return 0
}

// truth is JEXL's toBoolean: not null, not 0, not "", not "false".
func (v Value) truth() bool {
	switch d := v.data.(type) {
	case bool:
		return d
	case int64:
		return d != 0
	case float64:
		return d != 0 && !math.IsNaN(d)
	case string:
		return d != "" && d != "false"
	}
	return false
}

// empty is JEXL's empty: null, 0, "", no items.
func (v Value) empty() bool {
	switch d := v.data.(type) {
	case nil:
		return true
	case int64:
		return d == 0
	case float64:
		return d == 0 || math.IsNaN(d)
	case string:
		return d == ""
	case []Value:
		return len(d) == 0
	case []Field:
		return len(d) == 0
	case Scope:
		return len(d.Names()) == 0
	}
	return false
}
