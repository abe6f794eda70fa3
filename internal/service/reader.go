package service

import (
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/lambda-rollout/lambda-rollout/internal/expression"
	"github.com/lambda-rollout/lambda-rollout/internal/fault"
)

// text is a scalar as written; it is evaluated once the target is known. The
// zero text is absent.
type text struct {
	doc  *expression.Document
	node *yaml.Node
}

func (t text) set() bool { return t.node != nil }

// raw is the text with its expressions in it.
func (t text) raw() string {
	if t.node == nil {
		return ""
	}
	return t.doc.Text(t.node)
}

func (t text) fault(message, hint string) fault.Fault {
	if t.node == nil {
		return fault.Fault{Message: message, Hint: hint}
	}
	return t.doc.Fault(t.node, message, hint)
}

// template is the text as a variable's value, whose faults are reported where
// it stands.
func (t text) template(name string) expression.Value {
	if t.node == nil {
		return expression.NewString("")
	}
	return expression.NewTemplate(t.raw(), t.doc.Origin(t.node))
}

// eval renders the text; a fault goes to the loader.
func (t text) eval(l *loader, e *expression.Evaluator) (string, bool) {
	if t.node == nil {
		return "", true
	}
	v, f := t.doc.Value(t.node, e)
	if f != nil {
		l.fault(*f)
		return "", false
	}
	return v.Text(), true
}

// reader takes a document apart, key by key.
type reader struct {
	doc   *expression.Document
	fault func(...fault.Fault)
}

// fields are the keys of a mapping that we need, each with what reads it.
type fields map[string]func(*yaml.Node)

// mapping reads a mapping: ignored are the keys that Harness knows and we do
// not need, separated by blanks. Any other key is a warning.
func (r reader) mapping(n *yaml.Node, what string, need fields, ignored string) {
	n = resolved(n)
	if n == nil || isNull(n) {
		return
	}
	if n.Kind != yaml.MappingNode {
		r.wrong(n, what, "a mapping")
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if read := need[key.Value]; read != nil {
			read(value)
		} else if !slices.Contains(strings.Fields(ignored), key.Value) {
			known := strings.Fields(ignored)
			for name := range need {
				known = append(known, name)
			}
			slices.Sort(known)
			f := r.doc.Fault(key, what+" has no key "+strconv.Quote(key.Value)+"; it is read over", fault.DidYouMean(key.Value, known))
			f.Warning = true
			r.fault(f)
		}
	}
}

// items calls read for each item of a list.
func (r reader) items(n *yaml.Node, what string, read func(*yaml.Node)) {
	n = resolved(n)
	if n == nil || isNull(n) {
		return
	}
	if n.Kind != yaml.SequenceNode {
		r.wrong(n, what, "a list")
		return
	}
	for _, item := range n.Content {
		read(resolved(item))
	}
}

// text reads a scalar into t.
func (r reader) text(t *text, what string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		n = resolved(n)
		switch {
		case isNull(n):
		case n.Kind != yaml.ScalarNode:
			r.wrong(n, what, "a text")
		default:
			*t = text{r.doc, n}
		}
	}
}

// boolean reads true or false into b.
func (r reader) boolean(b *bool, what string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		n = resolved(n)
		value, err := strconv.ParseBool(n.Value)
		switch {
		case isNull(n):
		case n.Kind != yaml.ScalarNode || err != nil:
			r.wrong(n, what, "true or false")
		default:
			*b = value
		}
	}
}

// texts reads a list of scalars, or one scalar, into list.
func (r reader) texts(list *[]text, what string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		read := func(item *yaml.Node) {
			var t text
			if r.text(&t, what)(item); t.set() {
				*list = append(*list, t)
			}
		}
		if n = resolved(n); n.Kind == yaml.ScalarNode {
			read(n)
			return
		}
		r.items(n, what, read)
	}
}

func (r reader) wrong(n *yaml.Node, what, want string) {
	r.fault(r.doc.Fault(n, what+" must be "+want+", not "+kindOf(n), ""))
}

// resolved follows an alias; yaml.v3 has refused those that contain themselves.
func resolved(n *yaml.Node) *yaml.Node {
	for i := 0; n != nil && n.Kind == yaml.AliasNode && i < 100; i++ {
		n = n.Alias
	}
	return n
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

func kindOf(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	}
	return strconv.Quote(n.Value)
}
