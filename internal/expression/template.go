package expression

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/lambda-rollout/lambda-rollout/internal/diag"
	"github.com/lambda-rollout/lambda-rollout/internal/lazyregexp"
)

// Templates are {{ … }}, the form of lambroll's definitions: a part of Go's
// text/template (https://pkg.go.dev/text/template), evaluated as <+ … > is, scalar
// by scalar after the parse. There are function calls with literals and calls in
// parentheses as arguments, pipes, fields of what a call returns, comments, and the
// marks that trim blanks. There are no conditions, loops, variables and data: they
// would make structure.

// Functions are what {{ … }} may call.
type Functions interface {
	// Call returns the value of a function. An error of type UnknownFunction is
	// reported with the nearest of Names.
	Call(name string, args []Value) (Value, error)
	// Names lists the functions.
	Names() []string
}

// UnknownFunction is the error of a function that Functions do not have.
type UnknownFunction struct{ Name string }

func (e UnknownFunction) Error() string { return "there is no function " + e.Name }

const (
	openTemplate  = "{{"
	closeTemplate = "}}"
)

// maxWrongTemplates is how many templates that cannot be evaluated are reported: an
// opening that is never closed is looked after for maxSpan bytes, and a text of
// nothing else would be quadratic to read.
const maxWrongTemplates = 20

// ScanTemplates is Scan for a text in which {{ … }} is evaluated, too. What is wrong
// with one of them is a problem of the text: Documents returns it.
func ScanTemplates(file string, src []byte) *Source { return scan(file, src, true) }

// Templates reports whether {{ … }} is evaluated in the text.
func (s *Source) Templates() bool { return s.templates }

// githubContext is what GitHub evaluates in a workflow, and nobody anywhere else
// (https://docs.github.com/en/actions/reference/workflows-and-actions/contexts).
var githubContext = lazyregexp.New(`^\{\{\s*(?:(?:secrets|vars|github|env|inputs|steps|needs|matrix|runner|job|strategy)\.|(?:format|toJSON|fromJSON|hashFiles)\()`)

// nextTemplate finds the first {{ … }} at or after from, with the blanks that its
// marks trim. One that is not closed ends behind its opening.
func nextTemplate(text string, from int) (start, end int, ok bool) {
	for at := from; ; {
		i := strings.Index(text[at:], openTemplate)
		if i < 0 {
			return 0, 0, false
		}
		start = at + i
		if start > 0 && text[start-1] == '$' && githubContext.MatchString(text[start:]) {
			at = start + len(openTemplate)
			continue
		}
		break
	}
	end = templateEnd(text, start)
	if end < 0 {
		return start, start + len(openTemplate), true
	}
	if trimsLeft(text[start:end]) {
		for start > from && isBlank(text[start-1]) {
			start--
		}
	}
	if trimsRight(strings.TrimLeft(text[start:end], blanks)) {
		for end < len(text) && isBlank(text[end]) {
			end++
		}
	}
	return start, end, true
}

const blanks = " \t\r\n"

func trimsLeft(t string) bool { return len(t) > 3 && t[2] == '-' && isBlank(t[3]) }

func trimsRight(t string) bool {
	return len(t) > 6 && strings.HasSuffix(t, "-}}") && isBlank(t[len(t)-4])
}

// templateEnd finds the end (exclusive) of a template, quotes and comments in it
// left aside; -1 where it is not closed.
func templateEnd(text string, start int) int {
	limit := min(len(text), start+maxSpan)
	body := strings.TrimPrefix(text[start+len(openTemplate):limit], "-")
	if trimmed := strings.TrimLeft(body, blanks); strings.HasPrefix(trimmed, "/*") {
		i := strings.Index(text[start:limit], "*/")
		if i < 0 {
			return -1
		}
		start += i
	}
	quote := byte(0)
	for i := start + len(openTemplate); i < limit; i++ {
		switch c := text[i]; {
		case quote != 0 && c == '\\' && quote != '`':
			i++
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '`' || c == '\'':
			quote = c
		case strings.HasPrefix(text[i:limit], closeTemplate):
			return i + len(closeTemplate)
		}
	}
	return -1
}

// templateComment matches a template that is nothing but a comment.
var templateComment = lazyregexp.New(`^(?s:\s*\{\{-?\s*/\*.*\*/\s*-?\}\}\s*)$`)

// pipe is a template that was parsed: calls, or nothing where it is a
// comment.
type pipe []command

// command is one call of a pipe, or one value at its head.
type command struct {
	at       int
	operands []operand
}

// operand is a value, a call without parentheses, or a pipe in them; fields are
// taken of what comes of the latter two.
type operand struct {
	at      int
	literal *Value
	name    string
	group   pipe
	fields  []string
}

// parseTemplate parses the text of a span. Offsets of errors count from its start.
func parseTemplate(text string) (pipe, *Error) {
	if templateComment.MatchString(text) {
		return nil, nil
	}
	body := strings.TrimLeft(text, blanks)
	p := &templateParser{text: text, i: len(text) - len(body) + len(openTemplate), end: len(strings.TrimRight(text, blanks)) - len(closeTemplate)}
	if p.end < p.i {
		return nil, errorAt(0, "{{ is never closed").hint("close it with }}, or write {{ \"{{\" }} for the two characters")
	}
	if trimsLeft(body) {
		p.i++
	}
	if trimsRight(strings.TrimRight(text, blanks)) {
		p.end--
	}
	out, err := p.pipe(0)
	if err == nil && p.i < p.end {
		err = p.unexpected()
	}
	return out, err
}

type templateParser struct {
	text   string
	i, end int
}

func (p *templateParser) blanks() (skipped bool) {
	for p.i < p.end && isBlank(p.text[p.i]) {
		p.i++
		skipped = true
	}
	return skipped
}

func (p *templateParser) unexpected() *Error {
	rest := strings.TrimRight(p.text[p.i:p.end], blanks)
	if strings.HasPrefix(rest, ":=") || strings.HasPrefix(rest, "=") {
		return errorAt(p.i, noStructure)
	}
	return errorAt(p.i, "%q is not expected here in a template", rest[:min(len(rest), 12)]).hint("write {{ \"{{\" }} for the two characters themselves")
}

const noStructure = "conditions, loops, variables and data of templates are not evaluated: only functions and pipes are (two files, or Jsonnet, say what differs)"

// keywords begin what would make structure.
var keywords = strings.Fields("if else end range with define template block break continue")

func (p *templateParser) pipe(depth int) (pipe, *Error) {
	if depth > maxDepth {
		return nil, errorAt(p.i, "a template is nested deeper than %d", maxDepth)
	}
	var out pipe
	for {
		p.blanks()
		c := command{at: p.i}
		for p.i < p.end && p.text[p.i] != '|' && p.text[p.i] != ')' {
			o, err := p.operand(depth)
			if err != nil {
				return nil, err
			}
			c.operands = append(c.operands, o)
			if !p.blanks() && p.i < p.end && p.text[p.i] != '|' && p.text[p.i] != ')' {
				return nil, p.unexpected()
			}
		}
		if len(c.operands) == 0 {
			return nil, errorAt(p.i, "a template without a function")
		}
		if first := c.operands[0]; first.name == "" && (len(c.operands) > 1 || len(out) > 0) {
			return nil, errorAt(c.at, "a template calls a function by its name, and this is a value")
		}
		out = append(out, c)
		if p.i >= p.end || p.text[p.i] != '|' {
			return out, nil
		}
		p.i++
	}
}

func (p *templateParser) operand(depth int) (operand, *Error) {
	o := operand{at: p.i}
	switch c := p.text[p.i]; {
	case c == '"' || c == '`':
		return p.literalText(o)
	case c >= '0' && c <= '9' || c == '-' || c == '+':
		return p.number(o)
	case c == '(':
		p.i++
		var err *Error
		if o.group, err = p.pipe(depth + 1); err != nil {
			return o, err
		}
		if p.i >= p.end || p.text[p.i] != ')' {
			return o, errorAt(o.at, "a ( is never closed")
		}
		p.i++
	case isWordStart(c):
		o.name = p.word()
		if slices.Contains(keywords, o.name) {
			return o, errorAt(o.at, noStructure)
		}
		if o.name == "true" || o.name == "false" {
			v := NewBool(o.name == "true")
			o.literal, o.name = &v, ""
			return o, nil
		}
	case c == '$' || c == '.':
		return o, errorAt(p.i, noStructure)
	default:
		return o, p.unexpected()
	}
	for p.i+1 < p.end && p.text[p.i] == '.' && isWordStart(p.text[p.i+1]) {
		p.i++
		o.fields = append(o.fields, p.word())
	}
	return o, nil
}

// literalText reads a literal as Go does.
func (p *templateParser) literalText(o operand) (operand, *Error) {
	quoted, err := strconv.QuotedPrefix(p.text[p.i:p.end])
	if err != nil {
		return o, errorAt(p.i, "a string in a template is never closed, or has an escape that Go does not know")
	}
	p.i += len(quoted)
	text, err := strconv.Unquote(quoted)
	if err != nil {
		return o, errorAt(o.at, "a string in a template has an escape that Go does not know")
	}
	v := NewString(text)
	o.literal = &v
	return o, nil
}

func (p *templateParser) number(o operand) (operand, *Error) {
	start := p.i
	for p.i < p.end && (isWordPart(p.text[p.i]) || strings.IndexByte("+-.", p.text[p.i]) >= 0) {
		p.i++
	}
	v := parseNumber(p.text[start:p.i])
	if v.kind == Null {
		return o, errorAt(start, "%q is not a number", p.text[start:p.i])
	}
	o.literal = &v
	return o, nil
}

func (p *templateParser) word() string {
	start := p.i
	for p.i < p.end && isWordPart(p.text[p.i]) {
		p.i++
	}
	return p.text[start:p.i]
}

func isWordStart(c byte) bool {
	return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

func isWordPart(c byte) bool { return isWordStart(c) || c >= '0' && c <= '9' }

// CallTemplates calls every function of the text's templates once and drops what
// comes of it: for Functions that note what will be asked for.
func (s *Source) CallTemplates(f Functions) {
	for _, sp := range s.spans {
		if sp.template {
			_, _ = callTemplate(s.text[sp.start:sp.end], f)
		}
	}
}

// callTemplate evaluates the text of a span.
func callTemplate(text string, f Functions) (Value, error) {
	t, err := parseTemplate(text)
	if err != nil {
		return Value{}, err
	}
	if t == nil {
		return NewString(""), nil
	}
	if f == nil {
		return Value{}, errorAt(0, "templates are not evaluated here")
	}
	v, err := t.eval(f)
	if err != nil {
		return Value{}, err
	}
	if len(v.Text()) > maxValue {
		return Value{}, errorAt(0, "the value of the template is longer than %d bytes", maxValue)
	}
	return v, nil
}

func (p pipe) eval(f Functions) (Value, *Error) {
	var last []Value
	for _, c := range p {
		var args []Value
		for _, o := range c.operands[1:] {
			v, err := o.eval(f, nil)
			if err != nil {
				return Value{}, err
			}
			args = append(args, v)
		}
		v, err := c.operands[0].eval(f, append(args, last...))
		if err != nil {
			return Value{}, err
		}
		last = []Value{v}
	}
	return last[0], nil
}

func (o operand) eval(f Functions, args []Value) (v Value, err *Error) {
	switch {
	case o.literal != nil:
		return *o.literal, nil
	case o.group != nil:
		if v, err = o.group.eval(f); err != nil {
			return v, err
		}
	default:
		var failed error
		if v, failed = f.Call(o.name, args); failed != nil {
			return v, o.explain(failed, f)
		}
	}
	for _, name := range o.fields {
		i := slices.IndexFunc(v.fields(), func(field Field) bool { return field.Name == name })
		if i < 0 {
			return v, errorAt(o.at, "what %s returns has no %s", o.name, name)
		}
		secret := v.secret
		if v = v.fields()[i].Value; secret {
			v = v.Secret()
		}
	}
	return v, nil
}

func (o operand) explain(failed error, f Functions) *Error {
	unknown, is := errors.AsType[UnknownFunction](failed)
	if !is {
		return errorAt(o.at, "%s: %v", o.name, failed)
	}
	hint := diag.DidYouMean(unknown.Name, f.Names())
	if hint == "" {
		hint = "there are " + strings.Join(f.Names(), ", ") + "; write {{ \"{{\" }} for the two characters themselves"
	}
	return errorAt(o.at, "templates have no function %s", unknown.Name).hint("%s", hint)
}
