package definition

import (
	"cmp"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/lambda-rollout/lambda-rollout/internal/diag"
	"github.com/lambda-rollout/lambda-rollout/internal/lazyregexp"
	"github.com/lambda-rollout/lambda-rollout/internal/yamltext"
	"gopkg.in/yaml.v3"
)

// Decode reads a function definition: CreateFunction's fields in PascalCase or
// lowerCamelCase, nothing else. It reports every problem of the document, each at
// its place; the function is nil only where the document is no mapping. A null
// names nothing. Where the code comes from is ignored with a warning: the
// artifact names it.
func Decode(doc Document) (*Function, diag.List) {
	doc.Hide(Sensitive(doc.Root())...)
	d := newDecoder(doc)
	f := &Function{}
	if !d.document(functionFields, reflect.ValueOf(f).Elem()) {
		return nil, d.problems
	}
	if f.Code != nil && *f.Code == (Code{}) {
		f.Code = nil
	}
	d.crossCheck(f)
	return f, d.problems
}

// DecodeAlias reads an alias definition: a name and a description.
func DecodeAlias(doc Document) (*Alias, diag.List) {
	doc.Hide(SensitiveAlias(doc.Root())...)
	d := newDecoder(doc)
	d.alias = true
	a := &Alias{}
	if !d.document(aliasFields, reflect.ValueOf(a).Elem()) {
		return nil, d.problems
	}
	return a, d.problems
}

// schemaKey names the JSON Schema for editors at the top of a JSON file.
const schemaKey = "$schema"

type decoder struct {
	doc      Document
	alias    bool
	problems diag.List
	// keys and nodes hold every field that was named, by its path in AWS's
	// spelling, for the rules that concern several fields.
	keys, nodes map[string]*yaml.Node
	// managed is set where the document gives the function a capacity provider,
	// with which some limits are higher.
	managed bool
	// whole is the scalar whose expression gave the list or map being decoded:
	// its parts have no place of their own.
	whole *yaml.Node
}

func newDecoder(doc Document) *decoder {
	return &decoder{doc: doc, keys: map[string]*yaml.Node{}, nodes: map[string]*yaml.Node{}}
}

func (d *decoder) problem(n *yaml.Node, hint, format string, args ...any) {
	if d.whole != nil {
		n = d.whole
	}
	d.problems = append(d.problems, d.doc.Problem(n, fmt.Sprintf(format, args...), hint))
}

func (d *decoder) warn(n *yaml.Node, hint, format string, args ...any) {
	d.problem(n, hint, format, args...)
	d.problems[len(d.problems)-1].Warning = true
}

func (d *decoder) document(fields []field, into reflect.Value) bool {
	root := d.doc.Root()
	if values(root, maxValues) > maxValues {
		d.problem(root, "remove aliases of aliases (*name)", "expands to more than %d values", maxValues)
		return false
	}
	root = target(root)
	if root.Kind != yaml.MappingNode {
		d.problem(root, "", "a definition is a mapping of fields, not %s", nature(root))
		return false
	}
	d.members(root, scope{fields: fields}, into)
	return true
}

// scope is where in the document decoding is: the fields that are legal
// there and the path so far, as the file spells it and as AWS does.
type scope struct {
	fields        []field
	written, path string
}

func (s scope) under(f *field, key string) scope {
	return scope{fields: f.members, written: s.written + key + ".", path: s.path + f.name + "."}
}

// members decodes a mapping's fields into a struct and says which of the
// needed ones are missing.
func (d *decoder) members(n *yaml.Node, s scope, into reflect.Value) {
	named := map[string]string{}
	pairs := d.pairs(n)
	for _, p := range pairs {
		if f := find(s.fields, p.key.Value); f != nil && f.name == "CapacityProviderConfig" {
			d.managed = !d.absent(target(p.value))
		}
	}
	for _, p := range pairs {
		f := find(s.fields, p.key.Value)
		if f == nil {
			if p.key.Value != schemaKey || s.path != "" {
				d.unknown(p.key, s)
			}
			continue
		}
		if before, twice := named[f.name]; twice {
			if before == p.key.Value {
				d.problem(p.key, "keep one of them", "%q is named twice", s.written+before)
			} else {
				d.problem(p.key, "keep one of them", "%q and %q are the same field", s.written+before, s.written+p.key.Value)
			}
			continue
		}
		named[f.name] = p.key.Value
		value := target(p.value)
		if d.absent(value) {
			continue
		}
		d.remember(s.path+f.name, p.key, value)
		if f.ignored {
			d.warn(p.key, codeInput, "%q has no effect", s.written+p.key.Value)
			continue
		}
		d.field(f, value, s.under(f, p.key.Value), f.in(into))
	}
	for i := range s.fields {
		f := &s.fields[i]
		if _, is := named[f.name]; f.required && (!is || d.nodes[s.path+f.name] == nil) {
			d.problem(n, "", "%s is missing", s.written+f.lower())
		}
	}
}

// remember keeps a field's node for the rules that concern several fields.
func (d *decoder) remember(path string, key, value *yaml.Node) {
	if d.whole != nil {
		key, value = d.whole, d.whole
	}
	d.keys[path], d.nodes[path] = key, value
}

func find(fields []field, key string) *field {
	for i := range fields {
		if fields[i].spelled(key) {
			return &fields[i]
		}
	}
	return nil
}

// aside begins the keys by which people write comments into JSON, or keep a field
// that shall not count.
var aside = lazyregexp.New(`^(_|//|#)`)

// unknown says what a key that names no field may have been meant to be.
func (d *decoder) unknown(key *yaml.Node, s scope) {
	if aside.MatchString(key.Value) {
		d.warn(key, "", "a key that begins with _, // or # is left out")
		return
	}
	if hint, is := d.answer(s.path, key.Value); is {
		d.problem(key, hint, "%q is not part of a definition", s.written+key.Value)
		return
	}
	names := make([]string, len(s.fields))
	for i := range s.fields {
		names[i] = s.fields[i].lower()
		if key.Value != "" && key.Value[0] >= 'A' && key.Value[0] <= 'Z' {
			names[i] = s.fields[i].name
		}
	}
	d.problem(key, cmp.Or(misplaced(key.Value, s.fields), diag.DidYouMean(key.Value, names)), "unknown key %s", keyName(s.written, key.Value))
}

// absent reports a null, which names nothing. The text of an expression is
// never a null.
func (d *decoder) absent(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" && !d.doc.Whole(n)
}

// field decodes one value. The scope is the value's own: its written path ends
// in a dot.
func (d *decoder) field(f *field, n *yaml.Node, s scope, into reflect.Value) {
	name := strings.TrimSuffix(s.written, ".")
	if d.foreign(n, name) {
		return
	}
	switch f.kind {
	case text:
		if v, ok := d.scalar(n, name); ok && d.checkText(f, n, name, v) {
			set(into, v)
		}
	case integer:
		if v, ok := d.integer(f, n, name); ok && d.checkNumber(f, n, name, float64(v)) {
			set(into, v)
		}
	case number:
		if v, ok := d.number(f, n, name); ok && d.checkNumber(f, n, name, v) {
			set(into, v)
		}
	case boolean:
		if v, ok := d.boolean(n, name); ok {
			set(into, v)
		}
	default:
		d.collection(f, n, s, into)
	}
}

func (d *decoder) collection(f *field, n *yaml.Node, s scope, into reflect.Value) {
	name := strings.TrimSuffix(s.written, ".")
	if d.doc.Whole(n) && d.whole == nil {
		parsed, ok := d.expand(n, name)
		if !ok {
			return
		}
		d.whole = n
		defer func() { d.whole = nil }()
		n = parsed
	}
	want, words := yaml.MappingNode, "a mapping"
	if f.kind == list || f.kind == objects {
		want, words = yaml.SequenceNode, "a list"
	}
	if n.Kind != want {
		d.problem(n, shapeHint(f, n, name), "%s must be %s, not %s", name, words, nature(n))
		return
	}
	switch f.kind {
	case list:
		d.list(f, n, name, into)
	case stringMap:
		d.stringMap(f, n, s, into)
	case object:
		v := reflect.New(into.Type().Elem())
		d.members(n, s, v.Elem())
		into.Set(v)
	case objects:
		d.objects(f, n, s, into)
	}
}

func (d *decoder) objects(f *field, n *yaml.Node, s scope, into reflect.Value) {
	name, path := strings.TrimSuffix(s.written, "."), strings.TrimSuffix(s.path, ".")
	d.checkCount(f, n, name, len(n.Content))
	v := reflect.MakeSlice(into.Type(), len(n.Content), len(n.Content))
	for i, item := range n.Content {
		item = target(item)
		if item.Kind != yaml.MappingNode {
			d.problem(item, "", "%s[%d] must be a mapping, not %s", name, i, nature(item))
			continue
		}
		d.members(item, scope{f.members, fmt.Sprintf("%s[%d].", name, i), fmt.Sprintf("%s[%d].", path, i)}, v.Index(i))
	}
	into.Set(v)
}

// expand parses the text that a whole expression gave for a list or a map: it
// fills this field and never the document around it.
func (d *decoder) expand(n *yaml.Node, name string) (*yaml.Node, bool) {
	var parsed yaml.Node
	if err := yaml.Unmarshal(yamltext.OfJSON([]byte(n.Value)), &parsed); err != nil || len(parsed.Content) != 1 {
		d.problem(n, "the value must be JSON or YAML", "%s: the expression's value is neither a list nor a map", name)
		return nil, false
	}
	if values(&parsed, maxValues) > maxValues {
		d.problem(n, "", "%s: the expression's value expands to more than %d values", name, maxValues)
		return nil, false
	}
	return target(parsed.Content[0]), true
}

func (d *decoder) list(f *field, n *yaml.Node, name string, into reflect.Value) {
	d.checkCount(f, n, name, len(n.Content))
	out := make([]string, 0, len(n.Content))
	for i, item := range n.Content {
		item, at := target(item), fmt.Sprintf("%s[%d]", name, i)
		if d.foreign(item, at) {
			continue
		}
		if d.absent(item) {
			d.problem(item, "", "%s is empty", at)
			continue
		}
		if v, ok := d.scalar(item, at); ok && d.checkText(f.items, item, at, v) {
			out = append(out, v)
		}
	}
	// A list with a hole would be another list; nil keeps it out of the rules
	// that follow.
	if len(out) == len(n.Content) {
		into.Set(reflect.ValueOf(out))
	}
}

func (d *decoder) stringMap(f *field, n *yaml.Node, s scope, into reflect.Value) {
	name := strings.TrimSuffix(s.written, ".")
	out, seen := map[string]string{}, map[string]bool{}
	pairs := d.pairs(n)
	d.checkCount(f, n, name, len(pairs))
	for _, p := range pairs {
		key, value, full := p.key.Value, target(p.value), s.written+p.key.Value
		if f.name == "Variables" && !plainKey.MatchString(key) {
			full = s.written + concealed
		}
		if seen[key] {
			d.problem(p.key, "keep one of them", "%q is named twice", full)
			continue
		}
		seen[key] = true
		if !d.checkKey(f, p.key, name) {
			continue
		}
		if d.foreign(value, full) {
			continue
		}
		if d.absent(value) {
			d.warn(p.key, `write "" for an empty value`, "%s has no value and is left out", full)
			continue
		}
		if v, ok := d.scalar(value, full); ok && d.checkText(f.items, value, full, v) {
			out[key] = v
		}
	}
	into.Set(reflect.ValueOf(out))
}

// plainTag are the tags that can be shown: CloudFormation's and YAML's own.
var plainTag = lazyregexp.New(`^!(!binary$|Ref$|Sub$|GetAtt$|Join$|If$|Select$|Split$|ImportValue$|FindInMap$|Base64$|Cidr$|GetAZs$|Transform$|Equals$|And$|Or$|Not$|Condition$)`)

// foreign reports a value with a tag of somebody else's: what is behind it is
// not what is written.
func (d *decoder) foreign(n *yaml.Node, name string) bool {
	tag := n.ShortTag()
	if d.doc.Whole(n) || strings.HasPrefix(tag, "!!") && tag != "!!binary" {
		return false
	}
	if !plainTag.MatchString(tag) {
		tag = concealed // A value that begins with ! is read as a tag.
	}
	d.problem(n, "CloudFormation's functions have no meaning here: use <+serviceVariables.name>; put a value that begins with ! in quotes", "%s has the tag %s, which is not understood", name, tag)
	return true
}

// scalar is a value's text as it was written: 1.50 stays 1.50, yes stays yes.
func (d *decoder) scalar(n *yaml.Node, name string) (string, bool) {
	if n.Kind != yaml.ScalarNode {
		d.problem(n, textHint(n), "%s must be a string, not %s", name, nature(n))
		return "", false
	}
	return n.Value, true
}

func (d *decoder) integer(f *field, n *yaml.Node, name string) (int32, bool) {
	v, ok := d.parse(n)
	if !ok || v != math.Trunc(v) {
		d.problem(n, numberHint(f, n), "%s must be a whole number of %s, not %s", name, f.unit, written(n))
		return 0, false
	}
	// Out of every range; the check that follows says so.
	return int32(max(math.MinInt32, min(v, math.MaxInt32))), true
}

func (d *decoder) number(f *field, n *yaml.Node, name string) (float64, bool) {
	v, ok := d.parse(n)
	if !ok {
		d.problem(n, numberHint(f, n), "%s must be a number of %s, not %s", name, f.unit, written(n))
	}
	return v, ok
}

// parse reads a number, also one that is given as a string.
func (d *decoder) parse(n *yaml.Node) (float64, bool) {
	if n.Kind != yaml.ScalarNode {
		return 0, false
	}
	v, err := strconv.ParseFloat(strings.TrimSpace(n.Value), 64)
	return v, err == nil && !math.IsNaN(v) && !math.IsInf(v, 0)
}

func (d *decoder) boolean(n *yaml.Node, name string) (bool, bool) {
	if n.Kind == yaml.ScalarNode {
		switch strings.ToLower(strings.TrimSpace(n.Value)) {
		case "true":
			return true, true
		case "false":
			return false, true
		}
	}
	d.problem(n, "", "%s must be true or false, not %s", name, written(n))
	return false, false
}

// set stores a value in a field that is a pointer to its type, or the type.
func set(into reflect.Value, v any) {
	if into.Kind() != reflect.Pointer {
		into.Set(reflect.ValueOf(v))
		return
	}
	p := reflect.New(into.Type().Elem())
	p.Elem().Set(reflect.ValueOf(v))
	into.Set(p)
}

// target is the node that an alias stands for. yaml.v3 has no alias of
// an alias.
func target(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

// nature names a node's kind for a message.
func nature(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	}
	switch n.ShortTag() {
	case "!!null":
		return "null"
	case "!!int", "!!float":
		return "a number"
	case "!!bool":
		return "true or false"
	}
	return "a string"
}

// written shows a wrong value: its text, or its kind.
func written(n *yaml.Node) string {
	if n.Kind != yaml.ScalarNode {
		return nature(n)
	}
	return shown(n.Value)
}

// shown quotes a text. Of a long one it shows only the length: it is never cut,
// because nobody could find the secret in a part of one.
func shown(s string) string {
	const limit = 200
	if n := utf8.RuneCountInString(s); n > limit {
		return fmt.Sprintf("a string of %d characters", n)
	}
	return strconv.Quote(s)
}
