package expression

import (
	"maps"
	"slices"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/diag"
)

// functors are the objects that Harness adds to every expression.
var functors = []string{"datetime", "json", "regex", "secrets"}

var functions = []string{"currentDate", "currentTime", "empty", "size"}

func nearest(name string, names []string) string { return diag.DidYouMean(name, names) }

// function is a call without an object: empty(x), size(x), and the datetime
// functor's methods, which Harness accepts without its name.
func (e *Evaluator) function(n callNode) (Value, error) {
	switch n.method {
	case "empty", "size":
		if len(n.args) != 1 {
			return Value{}, errorAt(n.pos(), "%s takes one argument, not %d", n.method, len(n.args))
		}
		return e.unary(unaryNode{n.at, n.method, n.args[0]})
	case "currentDate", "currentTime":
		return e.functor(n, "datetime")
	}
	err := errorAt(n.pos(), "there is no function %s", n.method)
	err.Hint = nearest(n.method, functions)
	return Value{}, err
}

// functorMethods are how many arguments each method takes.
var functorMethods = map[string]map[string]int{
	"datetime": {"currentDate": 0, "currentTime": 0},
	"json":     {"format": 1, "list": 2, "object": 1, "select": 2},
	"regex":    {"extract": 2, "match": 2, "replace": 3},
	"secrets":  {"getValue": 1},
}

func (e *Evaluator) functor(n callNode, name string) (Value, error) {
	methods := functorMethods[name]
	want, ok := methods[n.method]
	if !ok {
		err := errorAt(n.pos(), "%s has no method %s", name, n.method)
		err.Hint = nearest(n.method, slices.Sorted(maps.Keys(methods)))
		return Value{}, err
	}
	args, err := e.all(n.args)
	if err != nil {
		return Value{}, err
	}
	if err := n.arity(args, want, want); err != nil {
		return Value{}, err
	}
	if err := e.chargeTexts(n, args); err != nil {
		return Value{}, err
	}
	var v Value
	switch name {
	case "datetime":
		return e.now(n)
	case "secrets":
		return e.secretValue(n, args[0].Text())
	case "json":
		v, err = jsonFunctor(n, args)
	case "regex":
		v, err = e.regexFunctor(n, args)
	}
	if err != nil {
		return Value{}, err
	}
	return e.produced(n, v.taintedBy(args...))
}

func (e *Evaluator) now(n callNode) (Value, error) {
	if e.env.Now == nil {
		return Value{}, errorAt(n.pos(), "there is no clock here")
	}
	return newMoment(e.env.Now().UTC(), n.method == "currentDate"), nil
}

func (e *Evaluator) secretValue(n callNode, id string) (Value, error) {
	value, ok := e.env.Secrets[id]
	if !ok {
		err := errorAt(n.args[0].pos(), "the secret %q has no value", id)
		if err.Hint = e.nearestSecret(id); err.Hint == "" {
			err = err.hint("set its value with the input \"secrets\"")
		}
		return Value{}, err
	}
	v := NewString(value).Secret()
	e.secret(v)
	return v, nil
}

func (e *Evaluator) nearestSecret(id string) (hint string) {
	return nearest(id, slices.Sorted(maps.Keys(e.env.Secrets)))
}

func (e *Evaluator) regexFunctor(n callNode, args []Value) (Value, error) {
	pattern, text := args[0].Text(), args[len(args)-1].Text()
	re, err := e.compile(n.args[0], pattern, pattern, len(text))
	if err != nil {
		return Value{}, err
	}
	switch n.method {
	case "match":
		return NewBool(re.MatchString(text)), nil
	case "replace":
		return replaceAll(n.pos(), re, text, args[1].Text())
	}
	// extract: the first match that is not empty.
	for _, found := range re.FindAllString(text, -1) {
		if found != "" {
			return NewString(found), nil
		}
	}
	return NewString(""), nil
}

func momentMethod(n callNode, from Value, args []Value) (Value, error) {
	if err := n.arity(args, 1, 1); err != nil {
		return Value{}, n.noMethod(Moment)
	}
	count, ok := index(args[0])
	if !ok {
		return Value{}, errorAt(n.args[0].pos(), "%s takes a whole number", n.method)
	}
	m := from.data.(moment)
	switch n.method {
	case "plusYears":
		return newMoment(plusMonths(m.at, 12*count), m.dateOnly), nil
	case "plusMonths":
		return newMoment(plusMonths(m.at, count), m.dateOnly), nil
	case "plusWeeks":
		return newMoment(m.at.AddDate(0, 0, 7*count), m.dateOnly), nil
	case "plusDays":
		return newMoment(m.at.AddDate(0, 0, count), m.dateOnly), nil
	}
	units := map[string]time.Duration{"plusHours": time.Hour, "plusMinutes": time.Minute, "plusSeconds": time.Second, "plusNanos": 1}
	unit, ok := units[n.method]
	if !ok || m.dateOnly {
		return Value{}, n.noMethod(Moment)
	}
	return newMoment(m.at.Add(time.Duration(count)*unit), false), nil
}

// plusMonths keeps to the month that was asked for, as Java does: a month
// after 31 January is the last day of February.
func plusMonths(t time.Time, months int) time.Time {
	moved := t.AddDate(0, months, 0)
	if moved.Day() != t.Day() {
		moved = moved.AddDate(0, 0, -moved.Day())
	}
	return moved
}
