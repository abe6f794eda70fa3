// Package document takes parsed YAML apart, key by key and with places: what
// the readers of Harness' documents share. It promises that a value of the
// wrong type is reported at its place and that no key is ignored without
// a word; it knows no document itself, and evaluates nothing.
package document

import (
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/lambda-rollout/lambda-rollout/internal/diag"
	"github.com/lambda-rollout/lambda-rollout/internal/expression"
)

// Text is a scalar as written, with its expressions in it. The zero Text is
// absent.
type Text struct {
	Doc  *expression.Document
	Node *yaml.Node
}

// Of is the text of an input: name says which, for problems.
func Of(name, value string) Text {
	doc := expression.NewScalar(name, value)
	return Text{doc, doc.Root()}
}

// Set reports whether the text is there.
func (t Text) Set() bool { return t.Node != nil }

// Raw is the text with its expressions in it.
func (t Text) Raw() string {
	if t.Node == nil {
		return ""
	}
	return t.Doc.Text(t.Node)
}

// Problem is a problem at the text's place.
func (t Text) Problem(message, hint string) diag.Problem {
	if t.Node == nil {
		return diag.Problem{Message: message, Hint: hint}
	}
	return t.Doc.Problem(t.Node, message, hint)
}

// Template is the text as a variable's value, whose problems are reported where
// it stands.
func (t Text) Template() expression.Value {
	if t.Node == nil {
		return expression.NewString("")
	}
	return expression.NewTemplate(t.Raw(), t.Doc.Origin(t.Node))
}

// Reader takes a document apart, key by key.
type Reader struct {
	Doc *expression.Document
	// Report takes what is wrong.
	Report func(...diag.Problem)
	// Unknown takes a key that a mapping does not know.
	Unknown func(key, value *yaml.Node, what string, known []string)
	// Null, which may be nil, takes a value that is read and is null.
	Null func(n *yaml.Node)
}

// Fields are the keys of a mapping that are needed, each with what reads it.
type Fields map[string]func(*yaml.Node)

// Mapping reads a mapping: ignored are keys that are skipped, separated by
// blanks. Any other key is unknown.
func (r Reader) Mapping(n *yaml.Node, what string, need Fields, ignored string) {
	if n = Resolved(n); r.null(n) {
		return
	}
	if n.Kind != yaml.MappingNode {
		r.Wrong(n, what, "a mapping")
		return
	}
	content := r.last(Pairs(n))
	for i := 0; i+1 < len(content); i += 2 {
		key, value := content[i], content[i+1]
		if read := need[key.Value]; read != nil {
			read(value)
		} else if !slices.Contains(strings.Fields(ignored), key.Value) {
			known := strings.Fields(ignored)
			for name := range need {
				known = append(known, name)
			}
			slices.Sort(known)
			r.Unknown(key, value, what, known)
		}
	}
}

// last leaves out the keys that are repeated further down, and warns of them.
// Jackson, with which Harness reads YAML, takes the last one
// (https://github.com/FasterXML/jackson-core/wiki/JsonParser-Features).
func (r Reader) last(content []*yaml.Node) []*yaml.Node {
	again := again(content)
	if len(again) == 0 {
		return content
	}
	var out []*yaml.Node
	for i := 0; i+1 < len(content); i += 2 {
		key := content[i]
		if !again[key] {
			out = append(out, key, content[i+1])
			continue
		}
		f := r.Doc.Problem(key, "the key "+strconv.Quote(r.Doc.Text(key))+" is repeated further down; the last one counts", "")
		f.Warning = true
		r.Report(f)
	}
	return out
}

// again are the keys that are repeated further down.
func again(content []*yaml.Node) map[*yaml.Node]bool {
	var again map[*yaml.Node]bool
	last := make(map[string]*yaml.Node, len(content)/2)
	for i := 0; i+1 < len(content); i += 2 {
		key := content[i]
		if before := last[key.Value]; before != nil {
			if again == nil {
				again = map[*yaml.Node]bool{}
			}
			again[before] = true
		}
		last[key.Value] = key
	}
	return again
}

// Items calls read for each item of a list.
func (r Reader) Items(n *yaml.Node, what string, read func(*yaml.Node)) {
	if n = Resolved(n); r.null(n) {
		return
	}
	if n.Kind != yaml.SequenceNode {
		r.Wrong(n, what, "a list")
		return
	}
	for _, item := range n.Content {
		read(Resolved(item))
	}
}

// Text reads a scalar into t.
func (r Reader) Text(t *Text, what string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		n = Resolved(n)
		switch {
		case r.null(n):
		case n.Kind != yaml.ScalarNode:
			r.Wrong(n, what, "a string")
		default:
			*t = Text{r.Doc, n}
		}
	}
}

// Bool reads true or false into b.
func (r Reader) Bool(b *bool, what string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		n = Resolved(n)
		value, err := strconv.ParseBool(n.Value)
		switch {
		case r.null(n):
		case n.Kind != yaml.ScalarNode || err != nil:
			r.Wrong(n, what, "true or false")
		default:
			*b = value
		}
	}
}

// Texts reads a list of scalars, or one scalar, into list.
func (r Reader) Texts(list *[]Text, what string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		read := func(item *yaml.Node) {
			var t Text
			if r.Text(&t, what)(item); t.Set() {
				*list = append(*list, t)
			}
		}
		if n = Resolved(n); n.Kind == yaml.ScalarNode {
			read(n)
			return
		}
		r.Items(n, what, read)
	}
}

// Wrong reports a value of the wrong type.
func (r Reader) Wrong(n *yaml.Node, what, want string) {
	r.Report(r.Doc.Problem(n, what+" must be "+want+", not "+r.kindOf(n), ""))
}

// null reports whether a value is absent, and passes it to Null.
func (r Reader) null(n *yaml.Node) bool {
	if n == nil || !IsNull(n) {
		return n == nil
	}
	if r.Null != nil {
		r.Null(n)
	}
	return true
}

// Resolved follows an alias; yaml.v3 has refused those that contain themselves.
func Resolved(n *yaml.Node) *yaml.Node {
	for i := 0; n != nil && n.Kind == yaml.AliasNode && i < 100; i++ {
		n = n.Alias
	}
	return n
}

// IsNull reports whether a value is empty.
func IsNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

func (r Reader) kindOf(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	}
	return strconv.Quote(r.Doc.Text(n))
}

// maxValues is more than any document of Harness or definition holds.
const maxValues = 100_000

// TooLarge refuses a document with more values than any needs, each counted as
// often as it is used: aliases of aliases make a short file endless, and an
// alias of what it is part of makes it a circle. All that walk a document rely
// on it.
func TooLarge(doc *expression.Document) *diag.Problem {
	budget := maxValues
	var count func(n *yaml.Node)
	count = func(n *yaml.Node) {
		if budget--; budget < 0 {
			return
		}
		if n.Kind == yaml.AliasNode {
			count(n.Alias)
		}
		for _, child := range n.Content {
			if budget < 0 {
				return
			}
			count(child)
		}
	}
	if count(doc.Root()); budget >= 0 {
		return nil
	}
	f := doc.Problem(doc.Root(), "has more values than any document needs", "aliases count as often as they are used")
	return &f
}
