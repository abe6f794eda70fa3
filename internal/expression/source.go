package expression

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"github.com/lambda-rollout/lambda-rollout/internal/fault"
)

// wholeTag marks a scalar that was wholly one expression and is rendered.
const wholeTag = "!expression"

// firstToken begins Unicode's supplementary private use areas: one character
// for each span, safe in any YAML or JSON scalar, on one column.
const (
	firstToken = rune(0xF0000)
	lastToken  = rune(0x10FFFD)
)

// Source is a YAML or JSON text whose expressions were set aside, so that it
// parses whatever stands in them.
type Source struct {
	File   string
	raw    []byte
	text   string // raw as a string
	masked []byte
	spans  []span
}

// span is one expression of a Source: raw[start:end], which became one
// character of the masked text.
type span struct {
	start, end int
	// line and col are the character's place in the masked text; from and to
	// are where the span begins and ends in raw.
	masked, from, to place
	// literal marks a character of raw that only looks like a token.
	literal bool
}

// Scan finds the expressions of a text. It never fails: what is wrong with an
// expression shows when the scalar that holds it is rendered, so an odd <+ in
// a comment harms nobody.
func Scan(file string, src []byte) *Source {
	src = bytes.TrimPrefix(src, []byte("\xef\xbb\xbf"))
	s := &Source{File: file, raw: src, text: string(src)}
	s.masked = make([]byte, 0, len(src)+64)
	masked, original := place{1, 1}, place{1, 1}
	for i := 0; i < len(s.text); {
		start, end := s.nextMask(i)
		between := s.text[i:start]
		s.masked = append(s.masked, between...)
		masked, original = masked.advance(between), original.advance(between)
		if start < end {
			sp := span{start: start, end: end, masked: masked, from: original, literal: !strings.HasPrefix(s.text[start:], open)}
			sp.to = original.advance(s.text[start:end])
			s.masked = utf8.AppendRune(s.masked, firstToken+rune(len(s.spans)))
			s.spans = append(s.spans, sp)
			masked.col++
			original = sp.to
		}
		i = end
	}
	s.masked = yamlText(s.masked)
	return s
}

// place is a line and a column, both from 1; columns count characters.
type place struct{ line, col int }

func (p place) advance(text string) place {
	if n := strings.Count(text, "\n"); n > 0 {
		p = place{p.line + n, 1}
		text = text[strings.LastIndexByte(text, '\n')+1:]
	}
	return place{p.line, p.col + utf8.RuneCountInString(text)}
}

func (p place) compare(q place) int {
	if p.line != q.line {
		return p.line - q.line
	}
	return p.col - q.col
}

// nextMask finds the next thing to set aside: a span, or a character that
// could be taken for a token.
func (s *Source) nextMask(from int) (start, end int) {
	text := s.text
	start, end = len(text), len(text)
	if firstToken+rune(len(s.spans)) > lastToken {
		return start, end
	}
	if i, j, ok := nextSpan(text, from); ok {
		start, end = i, clipComment(text, i, j)
	}
	// Characters of these planes begin with one of these two bytes.
	for i := from; i < start; i++ {
		if text[i] != 0xF3 && text[i] != 0xF4 {
			continue
		}
		if r, n := utf8.DecodeRuneInString(text[i:start]); r >= firstToken {
			return i, i + n
		}
	}
	return start, end
}

// clipComment keeps a span that a comment begins inside that comment's line,
// where it would swallow what follows.
func clipComment(text string, start, end int) int {
	lineEnd := strings.IndexByte(text[start:end], '\n')
	if lineEnd < 0 {
		return end
	}
	before := text[strings.LastIndexByte(text[:start], '\n')+1 : start]
	if hash := strings.IndexByte(before, '#'); hash == 0 || hash > 0 && isBlank(before[hash-1]) {
		return start + lineEnd
	}
	return end
}

// position gives line and column of raw for an offset that is not before the
// span.
func (s *Source) position(sp span, offset int) place {
	return sp.from.advance(s.text[sp.start:min(offset, len(s.text))])
}

// original maps a place of the masked text back to raw.
func (s *Source) original(line, col int) (int, int) {
	p := place{line, col}
	i, found := slices.BinarySearchFunc(s.spans, p, func(sp span, p place) int { return sp.masked.compare(p) })
	switch {
	case found:
		return s.spans[i].from.line, s.spans[i].from.col
	case i == 0:
		return line, col
	}
	last := s.spans[i-1]
	if last.masked.line != line {
		return last.to.line + line - last.masked.line, col
	}
	return last.to.line, last.to.col + col - last.masked.col - 1
}

// Raw is the text as it was given, for the source lines of faults.
func (s *Source) Raw() []byte { return s.raw }

// Fault makes a fault at a node's place.
func (s *Source) Fault(n *yaml.Node, message, hint string) fault.Fault {
	return s.faultAt(n.Line, n.Column, message, hint)
}

func (s *Source) faultAt(line, col int, message, hint string) fault.Fault {
	return fault.Fault{
		File: s.File, Line: line, Col: col, Message: message, Hint: hint,
		Source: fault.Line(s.text, line),
	}
}

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?(.*)`)

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
// file: name says which, for faults.
func NewScalar(name, text string) *Document {
	s := Scan(name, []byte(text))
	return &Document{s, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: string(s.masked), Line: 1, Column: 1}}
}

// Documents parses the text into its YAML documents; JSON is YAML. Empty
// documents are left out.
func (s *Source) Documents() (docs []*Document, faults fault.List) {
	defer func() {
		// A fault of the YAML library must not end the run without a word.
		if p := recover(); p != nil {
			docs, faults = nil, fault.List{{File: s.File, Message: fmt.Sprintf("cannot be read as YAML: %v", p)}}
		}
	}()
	if f := s.binary(); f != nil {
		return nil, fault.List{*f}
	}
	d := yaml.NewDecoder(bytes.NewReader(s.masked))
	for {
		var doc yaml.Node
		err := d.Decode(&doc)
		if errors.Is(err, io.EOF) {
			return docs, nil
		}
		if err != nil {
			return docs, fault.List{s.syntaxFault(err)}
		}
		s.relocate(&doc)
		if root := doc.Content[0]; root.Kind != yaml.ScalarNode || root.Tag != "!!null" {
			docs = append(docs, &Document{s, root})
		}
	}
}

// binary refuses what is no text before the YAML parser says so in its own
// words.
func (s *Source) binary() *fault.Fault {
	if bytes.HasPrefix(s.raw, []byte("\xff\xfe")) || bytes.HasPrefix(s.raw, []byte("\xfe\xff")) {
		return &fault.Fault{File: s.File, Message: "is a text file in UTF-16", Hint: "save it as UTF-8"}
	}
	if i := bytes.IndexByte(s.raw, 0); i >= 0 || !utf8.Valid(s.raw) {
		return &fault.Fault{File: s.File, Message: "is not a text file in UTF-8"}
	}
	return nil
}

func (s *Source) syntaxFault(err error) fault.Fault {
	m := yamlLine.FindStringSubmatch(err.Error())
	if m == nil {
		return fault.Fault{File: s.File, Message: err.Error()}
	}
	line, _ := strconv.Atoi(m[1])
	if line == 0 {
		line = 1
	}
	line, _ = s.original(line, 1)
	source := fault.Line(s.text, line)
	col := 1 + len(source) - len(strings.TrimLeft(source, " \t"))
	return s.faultAt(line, col, "is not YAML: "+m[2], "")
}

// relocate visits each node once: what an alias stands for is in the tree, too.
func (s *Source) relocate(n *yaml.Node) {
	n.Line, n.Column = s.original(n.Line, n.Column)
	for _, child := range n.Content {
		s.relocate(child)
	}
}

// spanAt gives the span that a character of a scalar stands for.
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

// Origin is where a scalar's text begins, for a template that is evaluated
// later.
func (s *Source) Origin(n *yaml.Node) *Origin {
	col := n.Column
	if n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0 {
		col++
	}
	return &Origin{File: s.File, Line: n.Line, Col: col, Text: s.text}
}

func hasToken(value string) bool {
	return strings.ContainsFunc(value, func(r rune) bool { return r >= firstToken })
}

// unquoted undoes the escapes that the quotes around a span ask for; offset
// maps an offset in the text back to raw.
func (s *Source) unquoted(sp span, style yaml.Style) (text string, offset func(int) int) {
	raw := s.text[sp.start:sp.end]
	text = raw
	switch {
	case style&yaml.DoubleQuotedStyle != 0 && strings.Contains(raw, `\`) && onlyEscapedQuotes(raw):
		text = unescapeJSON(raw)
	case style&yaml.SingleQuotedStyle != 0 && onlyDoubledQuotes(raw):
		text = strings.ReplaceAll(raw, "''", "'")
	}
	if text == raw {
		return text, func(i int) int { return sp.start + i }
	}
	return text, func(i int) int { return sp.start + alignedOffset(raw, text, i) }
}

// onlyEscapedQuotes tells a span that is written for JSON, "<+a.get(\"b\")>",
// from one that is not, "<+a.get("b")>".
func onlyEscapedQuotes(raw string) bool {
	for i := 0; i < len(raw); i++ {
		switch raw[i] {
		case '\\':
			if i+1 < len(raw) && strings.IndexByte(`'>`, raw[i+1]) >= 0 {
				return false
			}
			i++
		case '"':
			return false
		}
	}
	return true
}

func onlyDoubledQuotes(raw string) bool {
	return strings.Contains(raw, "''") && !strings.Contains(strings.ReplaceAll(raw, "''", ""), "'")
}

func unescapeJSON(raw string) string {
	var b strings.Builder
	for i := 0; i < len(raw); i++ {
		if raw[i] != '\\' || i+1 == len(raw) {
			b.WriteByte(raw[i])
			continue
		}
		i++
		switch c := raw[i]; c {
		case '"', '\\', '/':
			b.WriteByte(c)
		case 'n':
			b.WriteByte('\n')
		case 't':
			b.WriteByte('\t')
		case 'r':
			b.WriteByte('\r')
		case 'u':
			text, n := unescaped([]byte(raw[i-1:]))
			if r, ok := hexRune(raw[i+1:]); n == 2 && ok {
				text, n = utf8.AppendRune(nil, r), 6
			}
			b.Write(text)
			i += n - 2
		default:
			b.WriteString(raw[i-1 : i+1])
		}
	}
	return b.String()
}

// alignedOffset finds where the i-th byte of the unescaped text stands in raw:
// the shortest beginning of raw that unescapes to at least as much.
func alignedOffset(raw, text string, i int) int {
	for n := i; n < len(raw); n++ {
		if len(raw[:n])-(len(raw)-len(text)) >= i {
			return n
		}
		if u := unescapeJSON(raw[:n]); len(u) >= i && !strings.HasSuffix(raw[:n], `\`) {
			return n
		}
	}
	return len(raw)
}

// Render fills in every scalar below n, in place, and gives all faults. Keys
// are never rendered: an expression there is a fault.
func (s *Source) Render(n *yaml.Node, e *Evaluator) fault.List {
	r := renderer{source: s, eval: e}
	r.node(n)
	return r.faults
}

type renderer struct {
	source *Source
	eval   *Evaluator
	faults fault.List
}

// node renders what is below n; what an alias stands for is rendered where it
// stands.
func (r *renderer) node(n *yaml.Node) {
	switch n.Kind {
	case yaml.ScalarNode:
		r.scalar(n)
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			if key := n.Content[i]; hasToken(key.Value) || strings.Contains(key.Value, open) {
				r.faults = append(r.faults, r.source.Fault(key, "an expression cannot be a key", ""))
			}
			r.node(n.Content[i+1])
		}
	default:
		for _, child := range n.Content {
			r.node(child)
		}
	}
}

func (r *renderer) scalar(n *yaml.Node) {
	if !hasToken(n.Value) && !strings.Contains(n.Value, open) {
		return
	}
	v, whole, f := r.source.value(n, r.eval)
	switch {
	case f != nil:
		r.faults = append(r.faults, *f)
	case whole:
		n.Value, n.Tag, n.Style = v.Text(), wholeTag, 0
	default:
		n.Value, n.Tag = v.Text(), "!!str"
	}
}

// Value evaluates a scalar and leaves it as it is: the value of the expression
// that it wholly is, else a string.
func (s *Source) Value(n *yaml.Node, e *Evaluator) (Value, *fault.Fault) {
	v, _, f := s.value(n, e)
	return v, f
}

func (s *Source) value(n *yaml.Node, e *Evaluator) (v Value, whole bool, f *fault.Fault) {
	if !hasToken(n.Value) {
		return s.plainValue(n, e)
	}
	first, size := utf8.DecodeRuneInString(n.Value)
	if sp, ok := s.spanAt(first); ok && size == len(n.Value) && !sp.literal {
		v, f = s.spanValue(sp, n.Style, e)
		return v, true, f
	}
	var b strings.Builder
	for _, c := range n.Value {
		sp, ok := s.spanAt(c)
		switch {
		case !ok:
			b.WriteRune(c)
		case sp.literal:
			b.WriteString(s.text[sp.start:sp.end])
		default:
			part, f := s.spanValue(sp, n.Style, e)
			if f != nil {
				return Value{}, false, f
			}
			b.WriteString(part.Text())
			v = v.taintedBy(part)
		}
	}
	return NewString(b.String()).taintedBy(v), false, nil
}

// plainValue is a scalar without a span of the file: text, or the value that a
// runtime input was given, whose expressions are evaluated here.
func (s *Source) plainValue(n *yaml.Node, e *Evaluator) (Value, bool, *fault.Fault) {
	if !strings.Contains(n.Value, open) {
		return NewString(n.Value), false, nil
	}
	v, err := e.Evaluate(n.Value)
	if err == nil {
		_, end, _ := nextSpan(n.Value, 0)
		return v, strings.HasPrefix(n.Value, open) && end == len(n.Value), nil
	}
	f := s.expressionFault(err, nil)
	if f.Line == 0 {
		f = s.Fault(n, f.Message, f.Hint)
	}
	return Value{}, false, &f
}

// spanValue evaluates one span; a fault in it is reported at its own place.
func (s *Source) spanValue(sp span, style yaml.Style, e *Evaluator) (Value, *fault.Fault) {
	text, offset := s.unquoted(sp, style)
	v, err := e.Evaluate(text)
	if err == nil && v.Kind() == Null {
		err = errorAt(0, "the expression has no value").hint("give it one with ?: as in <+a ?: \"b\">")
	}
	if err != nil {
		f := s.expressionFault(err, func(i int) place { return s.position(sp, offset(i)) })
		return Value{}, &f
	}
	return v, nil
}

func (s *Source) expressionFault(err error, place func(offset int) place) fault.Fault {
	var e *Error
	if !errors.As(err, &e) {
		return fault.Fault{File: s.File, Message: err.Error()}
	}
	if e.Origin != nil {
		return e.Origin.Fault(e)
	}
	if place == nil {
		return fault.Fault{File: s.File, Message: e.Message, Hint: e.Hint}
	}
	p := place(e.Offset)
	return s.faultAt(p.line, p.col, e.Message, e.Hint)
}

// Fault is an error in a text that begins at the origin.
func (o *Origin) Fault(e *Error) fault.Fault {
	return fault.Fault{File: o.File, Line: o.Line, Col: o.Col, Message: e.Message, Hint: e.Hint, Source: fault.Line(o.Text, o.Line)}
}
