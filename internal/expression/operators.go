package expression

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"unicode/utf8"
)

func (e *Evaluator) unary(n unaryNode) (Value, error) {
	x, err := e.eval(n.x)
	switch {
	case n.op == "empty" && isUnknown(err):
		return NewBool(true), nil
	case err != nil:
		return Value{}, err
	}
	switch n.op {
	case "!":
		return NewBool(!x.truth()).taintedBy(x), nil
	case "empty":
		return NewBool(x.empty()).taintedBy(x), nil
	case "size":
		return sizeOf(x, n.pos())
	}
	number, ok := x.number()
	if !ok {
		return Value{}, errorAt(n.pos(), "%s is not a number", x.kind)
	}
	if n.op == "+" {
		return number, nil
	}
	return e.arithmetic(n.pos(), "-", NewInt(0), number)
}

func sizeOf(x Value, offset int) (Value, error) {
	switch d := x.data.(type) {
	case nil:
		return NewInt(0), nil
	case string:
		return NewInt(int64(utf8.RuneCountInString(d))).taintedBy(x), nil
	case []Value:
		return NewInt(int64(len(d))), nil
	case []Field:
		return NewInt(int64(len(d))), nil
	case Scope:
		return NewInt(int64(len(d.Names()))), nil
	}
	return Value{}, errorAt(offset, "%s has no size", x.kind)
}

func (e *Evaluator) binary(n binaryNode) (Value, error) {
	l, err := e.eval(n.l)
	if n.op == "?:" || n.op == "??" {
		return e.fallback(n, l, err)
	}
	if err != nil {
		return Value{}, err
	}
	switch n.op {
	case "&&", "||":
		if l.truth() == (n.op == "||") {
			return NewBool(l.truth()), nil
		}
		r, err := e.eval(n.r)
		return NewBool(r.truth()).taintedBy(l, r), err
	}
	r, err := e.eval(n.r)
	if err != nil {
		return Value{}, err
	}
	v, err := e.operate(n, l, r)
	return v.taintedBy(l, r), err
}

// fallback is the elvis operator (not null, not false, not empty) and ?? (not
// null). A name that nobody defined counts as null.
func (e *Evaluator) fallback(n binaryNode, l Value, err error) (Value, error) {
	switch {
	case err != nil && !isUnknown(err):
		return Value{}, err
	case err == nil && n.op == "??" && l.kind != Null, err == nil && n.op == "?:" && isSomething(l):
		return l, nil
	}
	return e.eval(n.r)
}

func isSomething(v Value) bool {
	switch v.kind {
	case Null, Bool, Int, Float, String:
		return v.truth()
	}
	return true
}

func (e *Evaluator) operate(n binaryNode, l, r Value) (Value, error) {
	switch n.op {
	case "==":
		return NewBool(equal(l, r)), nil
	case "!=":
		return NewBool(!equal(l, r)), nil
	case "<", "<=", ">", ">=":
		return order(n, l, r)
	case "=~", "!~":
		in, err := e.matches(n, l, r)
		return NewBool(in == (n.op == "=~")), err
	case "=^", "!^":
		return NewBool(strings.HasPrefix(l.Text(), r.Text()) == (n.op == "=^")), nil
	case "=$", "!$":
		return NewBool(strings.HasSuffix(l.Text(), r.Text()) == (n.op == "=$")), nil
	case "+":
		return e.add(n, l, r)
	}
	a, okA := l.number()
	b, okB := r.number()
	if okA && okB {
		return e.arithmetic(n.pos(), n.op, a, b)
	}
	if isText(n.l, l) && isText(n.r, r) {
		// <+a>-<+b> of two names is a name with a hyphen.
		return e.make(n, l.Text()+n.between+r.Text())
	}
	wrong := l
	if okA {
		wrong = r
	}
	return Value{}, errorAt(n.pos(), "%q needs numbers, not %s", n.op, wrong.kind).
		hint("texts are joined with + or written side by side")
}

// isText recognises an inner expression, or a join of such, that came to a string.
func isText(n node, v Value) bool {
	if v.kind != String {
		return false
	}
	switch n := n.(type) {
	case spanNode:
		return true
	case binaryNode:
		return n.between != "" && n.op != "+"
	}
	return false
}

// add joins when either side is a string, as JEXL does in strict mode.
func (e *Evaluator) add(n binaryNode, l, r Value) (Value, error) {
	if l.kind == Null || r.kind == Null {
		return Value{}, errorAt(n.pos(), `"+" with a value that is null`).hint("use ?: for a default, as in <+a ?: \"b\">")
	}
	if l.kind != String && r.kind != String {
		a, okA := l.number()
		b, okB := r.number()
		if okA && okB {
			return e.arithmetic(n.pos(), "+", a, b)
		}
	}
	return e.make(n, l.Text()+r.Text())
}

// arithmetic is whole where both sides are; 7/2 is 3, as in Java.
func (e *Evaluator) arithmetic(offset int, op string, l, r Value) (Value, error) {
	a, okA := l.data.(int64)
	b, okB := r.data.(int64)
	if !okA || !okB {
		return floatArithmetic(offset, op, l.float(), r.float())
	}
	overflow := errorAt(offset, "the number is too large")
	switch op {
	case "+":
		if sum := a + b; (sum > a) == (b > 0) {
			return NewInt(sum), nil
		}
		return Value{}, overflow
	case "-":
		if difference := a - b; (difference < a) == (b > 0) {
			return NewInt(difference), nil
		}
		return Value{}, overflow
	case "*":
		if a == 0 || b == 0 {
			return NewInt(0), nil
		}
		if product := a * b; product/b == a && !(a == -1 && b == math.MinInt64) && !(b == -1 && a == math.MinInt64) {
			return NewInt(product), nil
		}
		return Value{}, overflow
	}
	if b == 0 {
		return Value{}, errorAt(offset, "division by zero")
	}
	if op == "%" {
		return NewInt(a % b), nil
	}
	if a == math.MinInt64 && b == -1 {
		return Value{}, overflow
	}
	return NewInt(a / b), nil
}

func floatArithmetic(offset int, op string, a, b float64) (Value, error) {
	var out float64
	switch op {
	case "+":
		out = a + b
	case "-":
		out = a - b
	case "*":
		out = a * b
	default:
		if b == 0 {
			return Value{}, errorAt(offset, "division by zero")
		}
		if out = a / b; op == "%" {
			out = math.Mod(a, b)
		}
	}
	if math.IsInf(out, 0) || math.IsNaN(out) {
		return Value{}, errorAt(offset, "the number is too large")
	}
	return NewFloat(out), nil
}

// equal compares as JEXL does: numbers with texts that look like one, booleans
// with the truth of the other side.
func equal(l, r Value) bool {
	switch {
	case l.kind == Null || r.kind == Null:
		return l.kind == r.kind
	case l.kind == Bool || r.kind == Bool:
		return l.truth() == r.truth()
	case l.kind == String && r.kind == String:
		return l.Text() == r.Text()
	}
	a, okA := l.number()
	b, okB := r.number()
	if okA && okB {
		return compareNumbers(a, b) == 0
	}
	return l.Text() == r.Text()
}

func compareNumbers(a, b Value) int {
	i, okI := a.data.(int64)
	j, okJ := b.data.(int64)
	if okI && okJ {
		return cmp.Compare(i, j)
	}
	return cmp.Compare(a.float(), b.float())
}

// order compares numbers, also a number with a text that looks like one; two
// texts compare letter by letter, as in Java.
func order(n binaryNode, l, r Value) (Value, error) {
	var c int
	a, okA := l.number()
	b, okB := r.number()
	switch {
	case l.kind == String && r.kind == String:
		c = strings.Compare(l.Text(), r.Text())
	case okA && okB:
		c = compareNumbers(a, b)
	default:
		return Value{}, errorAt(n.pos(), "%q cannot compare %s with %s", n.op, l.kind, r.kind)
	}
	switch n.op {
	case "<":
		return NewBool(c < 0), nil
	case "<=":
		return NewBool(c <= 0), nil
	case ">":
		return NewBool(c > 0), nil
	}
	return NewBool(c >= 0), nil
}

// matches is =~ : in a list, a key of a map, or a whole match of a pattern.
func (e *Evaluator) matches(n node, l, r Value) (bool, error) {
	switch d := r.data.(type) {
	case []Value:
		return slices.ContainsFunc(d, func(item Value) bool { return equal(l, item) }), nil
	case []Field:
		_, ok := r.field(l.Text())
		return ok, nil
	case Scope:
		_, ok := d.Get(l.Text())
		return ok, nil
	}
	re, err := e.compile(n, `^(?:`+r.Text()+`)$`, r.Text(), len(l.Text()))
	if err != nil {
		return false, err
	}
	return re.MatchString(l.Text()), nil
}
