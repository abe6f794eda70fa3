package expression

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"time"
)

// Env is what expressions see.
type Env struct {
	// Names are the names that an expression may start with.
	Names Scope
	// Secrets are the values of <+secrets.getValue("id")>.
	Secrets map[string]string
	// Functions are those of {{ … }}, in texts where that is evaluated.
	Functions Functions
	// Now is the clock of the datetime functor.
	Now func() time.Time
}

// Evaluator evaluates expressions against one Env. It remembers what variables
// came to, so each is evaluated once, and which secrets were met. It is not
// safe for use by several goroutines.
type Evaluator struct {
	env     Env
	known   map[string]Value
	secrets map[string]bool
	// path holds the names of the variables under evaluation, to find cycles.
	path  []string
	depth int
	// steps counts the work of one evaluation; total and made count that of
	// all.
	steps, total, made int
}

// NewEvaluator makes an Evaluator.
func NewEvaluator(env Env) *Evaluator {
	return &Evaluator{env: env, known: map[string]Value{}, secrets: map[string]bool{}}
}

// Secrets lists the secret values that were met so far, and what string
// methods made of them, longest first: what a log must never show.
func (e *Evaluator) Secrets() []string {
	out := slices.Collect(maps.Keys(e.secrets))
	slices.SortFunc(out, func(a, b string) int {
		if len(a) != len(b) {
			return len(b) - len(a)
		}
		return strings.Compare(a, b)
	})
	return out
}

// evaluateSpan returns the value of a span by its text.
func (e *Evaluator) evaluateSpan(sp span, text string) (Value, error) {
	if !sp.template {
		return e.Evaluate(text)
	}
	v, err := callTemplate(text, e.env.Functions)
	if v.secret {
		e.secret(NewString(v.Text()))
	}
	return v, err
}

// Evaluate returns the value of a text: that of the expression where the text is
// wholly one, else a string with every expression filled in. The error is an
// *Error.
func (e *Evaluator) Evaluate(text string) (Value, error) {
	e.steps = 0
	return e.text(text)
}

func (e *Evaluator) text(text string) (Value, error) {
	start, end, ok := nextSpan(text, 0)
	if !ok {
		if i := strings.Index(text, open); i >= 0 {
			return Value{}, notClosed(i)
		}
		return NewString(text), nil
	}
	if start == 0 && end == len(text) {
		return e.span(text, 0)
	}
	n, err := blocks{}.parseText(text, 0, 0)
	if err != nil {
		return Value{}, err
	}
	return e.eval(n)
}

func notClosed(offset int) *Error {
	return errorAt(offset, "the expression is not closed").hint("an expression is written <+ … >")
}

// span evaluates <+ … > as a whole.
func (e *Evaluator) span(span string, base int) (Value, error) {
	n, err := blocks{}.parseSpan(span, base, 1)
	if err != nil {
		return Value{}, err
	}
	return e.eval(n)
}

// charge counts work against the budget of one evaluation.
func (e *Evaluator) charge(n node, steps int) error {
	e.total += steps
	if e.steps += steps; e.steps > maxSteps || e.total > maxTotalSteps {
		return errorAt(n.pos(), "the expression takes too many steps")
	}
	return nil
}

// make counts a new text; every text that is made comes through here.
func (e *Evaluator) make(n node, text string) (Value, error) {
	if len(text) > maxValue {
		return Value{}, errorAt(n.pos(), "the value is larger than %d KiB", maxValue>>10)
	}
	if e.made += len(text); e.made > maxMade {
		return Value{}, errorAt(n.pos(), "the expressions make more than %d MiB of text", maxMade>>20)
	}
	return NewString(text), e.charge(n, len(text)/1024)
}

func (e *Evaluator) eval(n node) (Value, error) {
	if err := e.charge(n, 1); err != nil {
		return Value{}, err
	}
	return e.evalNode(n)
}

func (e *Evaluator) evalNode(n node) (Value, error) {
	switch n := n.(type) {
	case literal:
		return n.value, nil
	case textNode:
		return e.joined(n)
	case spanNode:
		if n.input {
			return Value{}, errorAt(n.pos(), "a runtime input has no value here").
				hint("<+input> must be the whole value of a field; set its value with the input \"inputs\"")
		}
		return e.eval(n.inner)
	case nameNode:
		return e.name(n)
	case selectNode:
		return e.selected(n)
	case callNode:
		return e.call(n)
	case unaryNode:
		return e.unary(n)
	case binaryNode:
		return e.binary(n)
	case ternaryNode:
		cond, err := e.eval(n.cond)
		if err != nil {
			return Value{}, err
		}
		if cond.truth() {
			return e.eval(n.yes)
		}
		return e.eval(n.no)
	case listNode:
		items, err := e.all(n.items)
		return NewList(items).taintedBy(items...), err
	case mapNode:
		return e.mapping(n)
	}
	return Value{}, errorAt(n.pos(), "unexpected expression")
}

func (e *Evaluator) all(nodes []node) ([]Value, error) {
	out := make([]Value, len(nodes))
	for i, n := range nodes {
		v, err := e.eval(n)
		if err != nil {
			return nil, err
		}
		out[i] = v
	}
	return out, nil
}

func (e *Evaluator) mapping(n mapNode) (Value, error) {
	keys, err := e.all(n.keys)
	if err != nil {
		return Value{}, err
	}
	values, err := e.all(n.values)
	if err != nil {
		return Value{}, err
	}
	fields := make([]Field, len(keys))
	for i, k := range keys {
		fields[i] = Field{k.Text(), values[i]}
	}
	return NewMap(fields).taintedBy(append(keys, values...)...), nil
}

// joined puts the parts of a text side by side. A null in a text would appear
// there as the word null, so it is refused.
func (e *Evaluator) joined(n textNode) (Value, error) {
	var b strings.Builder
	var out Value
	for _, part := range n.parts {
		v, err := e.eval(part)
		if err != nil {
			return Value{}, err
		}
		if v.kind == Null {
			return Value{}, errorAt(part.pos(), "the expression has no value").hint("use ?: for a default, as in <+a ?: \"b\">")
		}
		b.WriteString(v.Text())
		if b.Len() > maxValue {
			return Value{}, errorAt(part.pos(), "the value is larger than %d KiB", maxValue>>10)
		}
		out = out.taintedBy(v)
	}
	v, err := e.make(n, b.String())
	return v.taintedBy(out), err
}

func (e *Evaluator) name(n nameNode) (Value, error) {
	if e.env.Names != nil {
		if v, ok := e.env.Names.Get(n.name); ok {
			return e.resolve(v, n, n.pos())
		}
	}
	var known []string
	if e.env.Names != nil {
		known = e.env.Names.Names()
	}
	return Value{}, e.unknown(n.pos(), "", n.name, append(slices.Clone(known), functors...))
}

func (e *Evaluator) selected(n selectNode) (Value, error) {
	from, err := e.eval(n.from)
	if err != nil {
		return Value{}, err
	}
	key, err := e.eval(n.key)
	if err != nil {
		return Value{}, err
	}
	v, err := e.part(n, from, key)
	return v.taintedBy(from, key), err
}

// part is from.key, from["key"] or from[0].
func (e *Evaluator) part(n selectNode, from, key Value) (Value, error) {
	name := key.Text()
	switch d := from.data.(type) {
	case Scope:
		if v, ok := d.Get(name); ok {
			return e.resolve(v, selectNode{n.at, n.from, literal{at(n.key.pos()), key}}, n.key.pos())
		}
		return Value{}, e.unknown(n.key.pos(), nodePath(n.from), name, d.Names())
	case []Field:
		if v, ok := from.field(name); ok {
			return v, nil
		}
		names := make([]string, len(d))
		for i, f := range d {
			names[i] = f.Name
		}
		return Value{}, e.unknown(n.key.pos(), nodePath(n.from), name, names)
	case []Value:
		if i, ok := index(key); ok && i >= 0 && i < len(d) {
			return d[i], nil
		}
		return Value{}, unknownError{errorAt(n.key.pos(), "a list of %d has no item %s", len(d), name)}
	}
	err := errorAt(n.key.pos(), "%s has no part %q", from.kind, name)
	switch _, inner := n.from.(spanNode); {
	case slices.Contains(methodNames, name):
		err = err.hint("a method is written with parentheses: .%s()", name)
	case inner:
		err = err.hint("text after an expression belongs outside the brackets")
	}
	return Value{}, err
}

// index reads a whole number, also one written as text.
func index(v Value) (int, bool) {
	n, _ := v.number()
	i, ok := n.data.(int64)
	return int(i), ok && i >= -1<<31 && i < 1<<31
}

// nodePath is how a node would be written, for messages and for finding
// cycles.
func nodePath(n node) string {
	switch n := n.(type) {
	case nameNode:
		return n.name
	case literal:
		return n.value.Text()
	case selectNode:
		return nodePath(n.from) + "." + nodePath(n.key)
	case spanNode:
		if n.inner != nil {
			return nodePath(n.inner)
		}
	}
	return "…"
}

func (e *Evaluator) unknown(offset int, path, name string, names []string) error {
	full := name
	if path != "" {
		full = path + "." + name
	}
	err := errorAt(offset, "%s is not known", full)
	longer := func(s string) bool { return strings.HasPrefix(s, name+"-") || strings.HasPrefix(s, name+".") }
	switch i := slices.IndexFunc(names, longer); {
	case i >= 0 && path != "":
		err = err.hint("a name with a hyphen or a point is written %s.get(%q)", path, names[i])
	default:
		if err.Hint = nearest(name, names); err.Hint == "" {
			err.Hint = sources[path]
		}
	}
	return unknownError{err}
}

// sources say where the names of a scope come from, for those that are missing.
var sources = map[string]string{
	"serviceVariables":   fromVariables,
	"pipeline.variables": fromVariables,
	"stage.variables":    fromVariables,
	"variable":           fromVariables,
	"pipeline":           fromHost,
	"stage":              fromHost,
}

const (
	fromVariables = `set it with the input "variables"`
	fromHost      = "only a CI host sets it"
)

// resolve evaluates a variable whose value holds expressions, once.
func (e *Evaluator) resolve(v Value, from node, offset int) (Value, error) {
	if v.secret {
		e.secret(v)
	}
	t, ok := v.data.(template)
	if !ok {
		return v, nil
	}
	path := nodePath(from)
	if known, ok := e.known[path]; ok {
		return known, nil
	}
	if slices.Contains(e.path, path) {
		from := slices.Index(e.path, path)
		return Value{}, errorAt(offset, "%s refers to itself: %s", path, strings.Join(append(e.path[from:], path), " -> "))
	}
	if e.depth == maxDepth {
		return Value{}, errorAt(offset, "variables refer to each other deeper than %d", maxDepth)
	}
	e.path, e.depth = append(e.path, path), e.depth+1
	out, err := e.template(t)
	e.path, e.depth = e.path[:len(e.path)-1], e.depth-1
	if err != nil {
		return Value{}, within(err, t.origin, path, offset)
	}
	out = out.taintedBy(v)
	if out.secret {
		e.secret(out)
	}
	e.known[path] = out
	return out, nil
}

func (e *Evaluator) template(t template) (Value, error) {
	if t.secretOf == "" {
		return e.text(t.text)
	}
	value, ok := e.env.Secrets[t.text]
	if !ok {
		err := errorAt(0, "the value of the Secret variable %s is not the id of a secret that has a value", t.secretOf)
		if err.Hint = e.nearestSecret(t.text); err.Hint == "" {
			err = err.hint("set the secret's value by its id with the input \"secrets\", and write no secret itself there")
		}
		return Value{}, err
	}
	return NewString(value).Secret(), nil
}

// within says in which variable a problem lies: at that variable's own place,
// where it is known.
func within(err error, origin *Origin, path string, offset int) error {
	var problem *Error
	if !errors.As(err, &problem) || problem.Origin != nil || problem.named {
		return err
	}
	out := *problem
	if origin != nil {
		o := *origin
		o.Col += out.Offset
		out.Origin = &o
	} else {
		out.Message = "in " + path + ": " + out.Message
		out.named = true
	}
	out.Offset = offset
	if isUnknown(err) {
		return unknownError{&out}
	}
	return &out
}

// secret remembers a text that must be masked.
func (e *Evaluator) secret(v Value) {
	if s, ok := v.data.(string); ok && s != "" {
		e.secrets[s] = true
	}
}

// derived remembers what a method made of a secret, the numbers of JSON too, but
// for crumbs so short that masking them would make a log unreadable.
func (e *Evaluator) derived(v Value) {
	const crumb = 3
	if !v.secret {
		return
	}
	switch v.kind {
	case String, Int, Float:
		if text := v.Text(); len(text) > crumb {
			e.secrets[text] = true
		}
	}
	for _, item := range v.items() {
		e.derived(item.Secret())
	}
	for _, f := range v.fields() {
		e.derived(f.Value.Secret())
	}
}

// Variable evaluates one name of a scope: Variable("serviceVariables", "a-b").
func (e *Evaluator) Variable(scope, name string) (Value, error) {
	e.steps = 0
	return e.eval(selectNode{0, nameNode{0, scope}, literal{0, NewString(name)}})
}
