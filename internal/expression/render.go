package expression

import (
	"errors"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"github.com/lambda-rollout/lambda-rollout/internal/diag"
)

// Render fills in every scalar below n, keys as well as values, in place, and
// returns all problems.
func (s *Source) Render(n *yaml.Node, e *Evaluator) diag.List {
	r := renderer{source: s, eval: e}
	r.node(n)
	return r.problems
}

type renderer struct {
	source   *Source
	eval     *Evaluator
	problems diag.List
}

// node renders what is below n; what an alias refers to is rendered at its
// own place.
func (r *renderer) node(n *yaml.Node) {
	if n.Kind == yaml.ScalarNode {
		r.scalar(n)
	}
	for i, child := range n.Content {
		r.node(child)
		if n.Kind == yaml.MappingNode && i%2 == 0 && child.Tag == wholeTag {
			child.Tag = "!!str" // a key is a text, whatever its expression came to
		}
	}
}

func (r *renderer) scalar(n *yaml.Node) {
	if !hasToken(n.Value) && !strings.Contains(n.Value, open) || isForgotten(n) {
		return
	}
	v, whole, f := r.source.value(n, r.eval)
	switch {
	case f != nil:
		r.problems = append(r.problems, *f)
		Forget(n)
	case whole:
		n.Value, n.Tag, n.Style = v.Text(), wholeTag, 0
	default:
		n.Value, n.Tag = v.Text(), "!!str"
	}
	if strings.Contains(n.Value, Unknown) {
		Forget(n)
	}
}

// Unknown stands for a value, or a part of one, that is not known here: a scalar
// with it is forgotten, and its problems with it.
const Unknown = forgotten

// A scalar without a value has this tag and this text, which no scalar of a file
// has together.
const (
	forgottenTag = "!forgotten"
	forgotten    = "\U0010FFFE"
	// quotedForgotten is how messages show it in quotes.
	quotedForgotten = `\U0010fffe`
)

// Forget removes the value of a node whose problem was reported.
func Forget(n *yaml.Node) {
	n.Kind, n.Tag, n.Value, n.Style, n.Content, n.Alias = yaml.ScalarNode, forgottenTag, forgotten, 0, nil, nil
}

// IsForgotten reports whether a node lost its value to Forget.
func IsForgotten(n *yaml.Node) bool { return isForgotten(n) }

func isForgotten(n *yaml.Node) bool { return n.Tag == forgottenTag && n.Value == forgotten }

// Apart leaves out the problems that only follow from a value that was forgotten.
func (d *Document) Apart(problems diag.List) diag.List {
	places := map[place]bool{}
	var collect func(n *yaml.Node)
	collect = func(n *yaml.Node) {
		if isForgotten(n) {
			places[place{n.Line, n.Column}] = true
		}
		for _, child := range n.Content {
			collect(child)
		}
	}
	if collect(d.root); len(places) == 0 {
		return problems
	}
	var out diag.List
	for _, f := range problems {
		if !places[place{f.Line, f.Col}] && !strings.Contains(f.Message, forgotten) && !strings.Contains(f.Message, quotedForgotten) {
			out = append(out, f)
		}
	}
	return out
}

// Value evaluates a scalar and leaves it as it is: the value of the expression
// that it wholly is, else a string.
func (s *Source) Value(n *yaml.Node, e *Evaluator) (Value, *diag.Problem) {
	v, _, f := s.value(n, e)
	return v, f
}

func (s *Source) value(n *yaml.Node, e *Evaluator) (v Value, whole bool, f *diag.Problem) {
	if !hasToken(n.Value) {
		return s.plainValue(n, e)
	}
	if strings.Contains(n.Value, open) {
		p := s.firstOpen(n)
		f := s.problemAt(p.line, p.col, notClosed(0).Message, notClosed(0).Hint)
		return Value{}, false, &f
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

// firstOpen is the place of the first <+ that is never closed, exact where the
// scalar is on one line.
func (s *Source) firstOpen(n *yaml.Node) place {
	p := place{n.Line, n.Column}
	if n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0 {
		p.col++
	}
	for i, r := range n.Value {
		if strings.HasPrefix(n.Value[i:], open) {
			break
		}
		if sp, ok := s.spanAt(r); ok {
			p = sp.to
		} else {
			p = p.advance(string(r))
		}
	}
	return p
}

// plainValue is a scalar without a span of the file: text, or the value that a
// runtime input was given, whose expressions are evaluated here.
func (s *Source) plainValue(n *yaml.Node, e *Evaluator) (Value, bool, *diag.Problem) {
	if !strings.Contains(n.Value, open) {
		return NewString(n.Value), false, nil
	}
	v, err := e.Evaluate(n.Value)
	if err == nil {
		_, end, _ := nextSpan(n.Value, 0)
		return v, strings.HasPrefix(n.Value, open) && end == len(n.Value), nil
	}
	f := s.expressionProblem(err, nil)
	if f.Line == 0 {
		f = s.Problem(n, f.Message, f.Hint)
	}
	return Value{}, false, &f
}

// spanValue evaluates one span; a problem in it is reported at its own place.
func (s *Source) spanValue(sp span, style yaml.Style, e *Evaluator) (Value, *diag.Problem) {
	text, offset := s.unquoted(sp, style)
	v, err := e.evaluateSpan(sp, text)
	if err == nil && v.Kind() == Null {
		err = errorAt(0, "the expression has no value").hint("use ?: for a default, as in <+a ?: \"b\">")
	}
	if err != nil {
		f := s.expressionProblem(err, func(i int) place { return s.position(sp, offset(i)) })
		return Value{}, &f
	}
	return v, nil
}

func (s *Source) expressionProblem(err error, place func(offset int) place) diag.Problem {
	var e *Error
	if !errors.As(err, &e) {
		return diag.Problem{File: s.File, Message: err.Error()}
	}
	if e.Origin != nil {
		return e.Origin.Problem(e)
	}
	if place == nil {
		return diag.Problem{File: s.File, Message: e.Message, Hint: e.Hint}
	}
	p := place(e.Offset)
	return s.problemAt(p.line, p.col, e.Message, e.Hint)
}

// Problem is an error in a text that begins at the origin.
func (o *Origin) Problem(e *Error) diag.Problem {
	p := diag.Problem{File: o.File, Line: o.Line, Col: o.Col, Message: e.Message, Hint: e.Hint}
	if o.source != nil {
		p.Source = o.source.excerpt(o.Line, o.Col)
	}
	return p
}
