package convert

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/lambda-rollout/lambda-rollout/internal/document"
	"github.com/lambda-rollout/lambda-rollout/internal/expression"
)

// peerStep holds one step of a peer while it is converted.
type peerStep struct {
	*converter
	host
	doc *expression.Document
	// name is the peer's, word what it calls its inputs, table what they become.
	name, word, table string
	// definition, with, variables and secrets are what comes of it.
	definition, with, variables, secrets *yaml.Node
	// left are the inputs without an equivalent, each with a sentence.
	left []string
	// object are the parts of the S3 object that holds the code.
	object map[string]string
	// sources are the files of which the code is zipped.
	sources []string
	dry     bool
}

func (c *converter) newPeerStep(h host, doc *expression.Document, name, table string) *peerStep {
	return &peerStep{
		converter: c, host: h, doc: doc, name: name, word: "input", table: table,
		definition: newMapping(), with: newMapping(), variables: newMapping(), secrets: newMapping(), object: map[string]string{},
	}
}

// leave lists an input that has no equivalent.
func (s *peerStep) leave(key *yaml.Node, why string) {
	text := "the " + s.word + " " + comment(s.doc.Text(key)) + " of " + s.name
	s.left = append(s.left, text+": "+why)
	s.noteNode(s.doc, key, text+" has no equivalent: the workflow stops there", why)
}

// inputs converts the inputs of the step.
func (s *peerStep) inputs(n *yaml.Node) {
	pairs := document.Pairs(document.Resolved(n))
	given := map[string]bool{}
	for i := 0; i+1 < len(pairs); i += 2 {
		key, value := pairs[i], document.Resolved(pairs[i+1])
		r, known := ruleOf(s.table, s.doc.Text(key))
		name := inputName(s.doc.Text(key))
		again := given[name]
		given[name] = true
		switch {
		case again:
			s.leave(key, "the step gives it twice")
		case !known:
			s.leave(key, s.name+" has no input of this name")
		case r.kind == "ignored" || empty(value):
		case r.kind == "left":
			s.leave(key, r.target)
		case r.kind == "input":
			s.input(r.target, value)
		default:
			if why := s.field(key, value, r); why != "" {
				s.leave(key, why)
			}
		}
	}
}

// input hands a value on as an input of this program, whatever its shape: Drone's
// from_secret is a mapping.
func (s *peerStep) input(name string, value *yaml.Node) {
	n := copied(value)
	if n.Kind == yaml.ScalarNode {
		n = scalar(s.doc.Text(value))
	}
	put(s.with, strings.ReplaceAll(name, "-", s.dash), n)
}

// field converts a value that becomes a part of the definition, or decides how the
// function is deployed. It returns why it cannot.
func (s *peerStep) field(key, value *yaml.Node, r rule) string {
	name := s.doc.Text(key)
	items, why := s.items(value)
	if why != "" {
		return why
	}
	text := strings.Join(items, ",")
	if value.Kind == yaml.ScalarNode {
		text = s.doc.Text(value)
	}
	switch r.kind {
	case "text":
		return s.put(r.target, s.scalar(name, text, false))
	case "number":
		return s.number(name, text, r.target)
	case "truth", "flag", "is", "dry", "package":
		return s.decision(text, r)
	case "json":
		return s.json(name, text, r.target)
	case "list":
		list := newList()
		for _, item := range items {
			list.Content = append(list.Content, s.scalar(name, item, false))
		}
		return s.put(r.target, list)
	case "pairs":
		return s.pairs(name, items, r.target)
	case "object":
		s.object[r.target] = text
	case "source":
		s.sources = items
	}
	return ""
}

// items are the parts of a list: of YAML, or with commas or line breaks between them.
func (s *peerStep) items(value *yaml.Node) (items []string, why string) {
	switch value.Kind {
	case yaml.SequenceNode:
		for _, item := range value.Content {
			if item = document.Resolved(item); item.Kind != yaml.ScalarNode {
				return nil, "its items are not texts"
			}
			items = append(items, s.doc.Text(item))
		}
	case yaml.ScalarNode:
		for _, item := range strings.FieldsFunc(s.doc.Text(value), func(r rune) bool { return r == ',' || r == '\n' }) {
			if item = strings.TrimSpace(item); item != "" {
				items = append(items, item)
			}
		}
	default:
		return nil, "its value is a mapping"
	}
	return items, ""
}

// decision converts what is true or false.
func (s *peerStep) decision(text string, r rule) string {
	text = strings.ToLower(strings.TrimSpace(text))
	switch {
	case s.filledIn(text):
		return "its value is only known when it runs"
	case r.kind == "package" && text == "image":
		return s.put("packageType", scalar("Image"))
	case r.kind == "package" && text == "zip", r.kind == "is" && text == r.target:
	case r.kind == "is":
		return "every deploy publishes a version"
	case r.kind == "truth" && text == "true":
		return s.put(r.target, boolean(true))
	case r.kind == "flag" && text == "true":
		put(s.with, r.target, boolean(true))
	case r.kind == "dry":
		s.dry = text == "true"
	}
	if r.kind == "package" || text == "true" || text == "false" {
		return ""
	}
	return "its value is neither true nor false"
}

func (s *peerStep) number(name, text, target string) string {
	if text = strings.TrimSpace(text); text == "0" {
		return ""
	}
	n := s.scalar(name, text, false)
	if n.Value == text {
		n.Tag = "!!int"
		if strings.Trim(text, "0123456789") != "" {
			return "its value is not a whole number"
		}
	}
	return s.put(target, n)
}

// json converts a value in JSON, whose texts may hold what the host fills in.
func (s *peerStep) json(name, text, target string) string {
	spans := s.spans(text)
	if len(spans) == 3 && strings.TrimSpace(spans[0]+spans[2]) == "" {
		return s.put(target, s.scalar(name, strings.TrimSpace(text), strings.HasPrefix(target, "environment")))
	}
	var doc yaml.Node
	if !json.Valid([]byte(text)) || yaml.Unmarshal([]byte(text), &doc) != nil {
		return "its value is not JSON"
	}
	return s.put(target, s.filled(name, doc.Content[0], strings.HasPrefix(target, "environment")))
}

// filled puts variables in the place of what the host fills in.
func (s *peerStep) filled(name string, n *yaml.Node, sensitive bool) *yaml.Node {
	n.Style = 0
	for i, child := range n.Content {
		switch {
		case n.Kind == yaml.MappingNode && i%2 == 0:
			child.Style = 0
		case n.Kind == yaml.MappingNode:
			n.Content[i] = s.filled(name+"_"+n.Content[i-1].Value, child, sensitive)
		default:
			n.Content[i] = s.filled(name, child, sensitive)
		}
	}
	if n.Kind == yaml.ScalarNode && n.Tag == "!!str" {
		return s.scalar(name, n.Value, sensitive)
	}
	return n
}

func (s *peerStep) pairs(name string, items []string, target string) string {
	all := newMapping()
	for _, item := range items {
		key, value, ok := strings.Cut(item, "=")
		if !ok || s.filledIn(key) {
			return "it is not made of NAME=VALUE"
		}
		n := s.scalar(name+"_"+key, value, true)
		if value == "" {
			n.Style = yaml.DoubleQuotedStyle
		}
		all.Content = append(all.Content, scalar(strings.TrimSpace(key)), n)
	}
	return s.put(target, all)
}

// put sets a field of the definition by its path.
func (s *peerStep) put(path string, value *yaml.Node) string {
	written := func(prefix string) bool { return strings.HasPrefix(value.Value, prefix) }
	if value.Kind == yaml.ScalarNode && strings.Contains(value.Value, "<+") && !slices.ContainsFunc(ours, written) {
		return "its value holds <+, which begins an expression in a definition"
	}
	at := s.definition
	for outer, rest, deeper := strings.Cut(path, "."); deeper; outer, rest, deeper = strings.Cut(path, ".") {
		inner := get(at, outer)
		if inner == nil {
			inner = newMapping()
			at.Content = append(at.Content, scalar(outer), inner)
		}
		at, path = inner, rest
	}
	at.Content = append(at.Content, scalar(path), value)
	return ""
}

// ours begin the expressions that this package puts into definitions.
var ours = []string{"<+serviceVariables.in_", `<+secrets.getValue("in_`}

// scalar is a text of the definition. What the host fills in goes through the inputs
// variables or, for the values of an environment, secrets: there no value can be more
// than a value.
func (s *peerStep) scalar(name, text string, sensitive bool) *yaml.Node {
	if !s.filledIn(text) {
		return scalar(text)
	}
	id := "in_" + strings.ReplaceAll(identifier(name), "-", "_")
	into, written := s.variables, "<+serviceVariables."+id+">"
	if sensitive && strings.Contains(text, "secrets.") {
		into, written = s.secrets, `<+secrets.getValue("`+id+`")>`
	}
	for get(into, id) != nil && get(into, id).Value != text {
		id, written = id+"_", strings.Replace(written, id, id+"_", 1)
	}
	put(into, id, scalar(text))
	return scalar(written)
}

// pairsOf writes the values of variables or secrets as one JSON object: on GitHub each
// becomes a JSON text, so that neither a quote nor a line break ends it.
func (s *peerStep) pairsOf(m *yaml.Node) *yaml.Node {
	var lines []string
	for i := 0; i+1 < len(m.Content); i += 2 {
		name, text := m.Content[i].Value, m.Content[i+1].Value
		if s.dash == "_" {
			lines = append(lines, name+"="+text)
			continue
		}
		lines = append(lines, `  "`+name+`": `+s.asJSON(text))
	}
	if s.dash == "_" || len(lines) == 0 {
		return texts(lines)
	}
	return texts([]string{"{", strings.Join(lines, ",\n"), "}"})
}

// asJSON is an expression of GitHub for a text as JSON.
func (s *peerStep) asJSON(text string) string {
	spans := s.spans(text)
	if len(spans) == 3 && spans[0]+spans[2] == "" {
		return "${{ toJSON(" + spans[1] + ") }}"
	}
	var pattern, values strings.Builder
	for i, span := range spans {
		if i%2 == 0 {
			pattern.WriteString(strings.NewReplacer("'", "''", "{", "{{", "}", "}}").Replace(span))
			continue
		}
		pattern.WriteString("{" + strconv.Itoa(i/2) + "}")
		values.WriteString(", " + span)
	}
	return "${{ toJSON(format('" + pattern.String() + "'" + values.String() + ")) }}"
}
