package expression

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"github.com/lambda-rollout/lambda-rollout/internal/diag"
)

// wholeTag marks a scalar that was wholly one expression and is rendered.
const wholeTag = "!expression"

// Raw is the text as it was given, for the source lines of problems.
func (s *Source) Raw() []byte { return s.raw }

// Problem makes a problem at a node's place.
func (s *Source) Problem(n *yaml.Node, message, hint string) diag.Problem {
	return s.problemAt(n.Line, n.Column, message, hint)
}

func (s *Source) problemAt(line, col int, message, hint string) diag.Problem {
	return diag.Problem{
		File: s.File, Line: line, Col: col, Message: message, Hint: hint,
		Source: s.excerpt(line, col),
	}
}

// Document is one YAML document of a Source. Its nodes carry the lines and
// columns of the original text.
type Document struct {
	*Source
	root *yaml.Node
}

// Root is the document's value.
func (d *Document) Root() *yaml.Node { return d.root }

// Whole reports whether a rendered scalar was nothing but one expression: then
// its text may be decoded (as JSON or YAML flow) where the field wants a list
// or a map, into that field only.
func (d *Document) Whole(n *yaml.Node) bool { return n.Tag == wholeTag }

// NewScalar is a Document of one text that came from an input and not from a
// file: name says which, for problems.
func NewScalar(name, text string) *Document {
	s := Scan(name, []byte(text))
	return &Document{s, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: string(s.masked), Line: 1, Column: 1}}
}

// Documents parses the text into its YAML documents; JSON is YAML. Empty
// documents are left out.
func (s *Source) Documents() (docs []*Document, problems diag.List) {
	defer func() {
		// A problem of the YAML library must not end the run without a word.
		if recover() != nil {
			docs, problems = nil, diag.List{{File: s.File, Message: "cannot be read as YAML"}}
		}
	}()
	if f := s.binary(); f != nil {
		return nil, diag.List{*f}
	}
	if f := s.foreign(); f != nil {
		return nil, diag.List{*f}
	}
	if len(s.wrong) > 0 {
		return nil, s.wrong
	}
	d := yaml.NewDecoder(bytes.NewReader(s.masked))
	for {
		var doc yaml.Node
		err := d.Decode(&doc)
		if errors.Is(err, io.EOF) {
			return docs, nil
		}
		if err != nil {
			return docs, diag.List{s.syntaxProblem(err)}
		}
		s.relocate(&doc)
		if root := doc.Content[0]; root.Kind != yaml.ScalarNode || root.Tag != "!!null" {
			docs = append(docs, &Document{s, root})
		}
	}
}

// binary refuses what is no text before the YAML parser says so in its own
// words.
func (s *Source) binary() *diag.Problem {
	if bytes.HasPrefix(s.raw, []byte("\xff\xfe")) || bytes.HasPrefix(s.raw, []byte("\xfe\xff")) {
		return &diag.Problem{File: s.File, Message: "is a text file in UTF-16", Hint: "save it as UTF-8"}
	}
	if bytes.HasPrefix(s.raw, []byte("PK\x03\x04")) {
		return &diag.Problem{File: s.File, Message: "is a zip file", Hint: "set it with the input artifact"}
	}
	if i := bytes.IndexByte(s.raw, 0); i >= 0 || !utf8.Valid(s.raw) {
		return &diag.Problem{File: s.File, Message: "is not a text file in UTF-8", Hint: "save it as UTF-8"}
	}
	if i := bytes.IndexFunc(s.raw, isControl); i >= 0 {
		at := place{1, 1}.advance(string(s.raw[:i]))
		return &diag.Problem{File: s.File, Line: at.line, Col: at.col, Message: fmt.Sprintf("holds the control character U+%04X", s.raw[i]), Hint: `write it as an escape between double quotes, or remove it`}
	}
	return nil
}

// isControl reports a character that YAML and JSON take only as an escape.
func isControl(r rune) bool { return r < ' ' && !strings.ContainsRune("\t\n\r", r) }

// relocate visits each node once: what an alias refers to is in the tree, too.
func (s *Source) relocate(n *yaml.Node) {
	n.Line, n.Column = s.original(n.Line, n.Column)
	for _, child := range n.Content {
		s.relocate(child)
	}
}

// spanAt returns the span that a character of a scalar represents.
func (s *Source) spanAt(r rune) (span, bool) {
	if i := int(r - firstToken); i >= 0 && i < len(s.spans) {
		return s.spans[i], true
	}
	return span{}, false
}

// Text is a scalar's value with its expressions back in it, unescaped as the
// scalar's quotes ask for.
func (s *Source) Text(n *yaml.Node) string {
	if !hasToken(n.Value) {
		return n.Value
	}
	var b strings.Builder
	for _, r := range n.Value {
		if sp, ok := s.spanAt(r); ok {
			text, _ := s.unquoted(sp, n.Style)
			b.WriteString(text)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// Literal is Text without the templates that are evaluated.
func (s *Source) Literal(n *yaml.Node) string {
	if !s.templates {
		return s.Text(n)
	}
	return strings.Map(func(r rune) rune {
		if sp, ok := s.spanAt(r); ok && sp.template {
			return -1
		}
		return r
	}, n.Value)
}

// Origin is where a scalar's text begins, for a template that is evaluated
// later.
func (s *Source) Origin(n *yaml.Node) *Origin {
	col := n.Column
	if n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0 {
		col++
	}
	return &Origin{File: s.File, Line: n.Line, Col: col, source: s}
}

func hasToken(value string) bool {
	return strings.ContainsFunc(value, func(r rune) bool { return r >= firstToken })
}
