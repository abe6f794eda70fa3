package expression

import (
	"errors"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"unicode/utf8"
)

// methodNames are what a value answers to; getClass is not among them, in
// Harness neither.
var methodNames = []string{
	"contains", "split", "charAt", "substring", "replace", "replaceAll", "replaceFirst", "indexOf", "lastIndexOf",
	"concat", "toLowerCase", "toUpperCase", "trim", "length", "startsWith", "endsWith", "isEmpty", "equals",
	"equalsIgnoreCase", "matches", "toString", "size", "get", "containsKey",
	"plusYears", "plusMonths", "plusWeeks", "plusDays", "plusHours", "plusMinutes", "plusSeconds",
}

// call carries out from.method(args), or a functor.
func (e *Evaluator) call(n callNode) (Value, error) {
	if n.from == nil {
		return e.function(n)
	}
	if name, ok := n.from.(nameNode); ok && slices.Contains(functors, name.name) {
		return e.functor(n, name.name)
	}
	from, err := e.eval(n.from)
	if err != nil {
		return Value{}, err
	}
	args, err := e.all(n.args)
	if err != nil {
		return Value{}, err
	}
	if err := e.chargeTexts(n, append(args, from)); err != nil {
		return Value{}, err
	}
	v, err := e.method(n, from, args)
	if err != nil {
		return Value{}, err
	}
	return e.produced(n, v.taintedBy(from).taintedBy(args...))
}

// produced counts what a method or a functor made.
func (e *Evaluator) produced(n callNode, v Value) (Value, error) {
	e.derived(v)
	switch d := v.data.(type) {
	case string:
		_, err := e.make(n, d)
		return v, err
	case []Value:
		return v, e.charge(n, len(d)/4)
	}
	return v, nil
}

// chargeTexts makes long texts cost more steps, and JSON as much as the values
// that it becomes.
func (e *Evaluator) chargeTexts(n callNode, values []Value) error {
	total := 0
	for _, v := range values {
		if s, ok := v.data.(string); ok {
			total += len(s)
		}
	}
	steps := total / 1024
	switch n.method {
	case "object", "list", "select":
		steps += total / 16
	}
	return e.charge(n, steps)
}

func (e *Evaluator) method(n callNode, from Value, args []Value) (Value, error) {
	switch n.method {
	case "toString":
		return NewString(from.Text()), n.arity(args, 0, 0)
	case "equals":
		if err := n.arity(args, 1, 1); err != nil {
			return Value{}, err
		}
		return NewBool(equal(from, args[0])), nil
	}
	switch from.kind {
	case Object, Map:
		return e.mapMethod(n, from, args)
	case List:
		return listMethod(n, from, args)
	case Moment:
		return momentMethod(n, from, args)
	case Null:
		return Value{}, errorAt(n.pos(), "null has no method %s", n.method)
	}
	return e.stringMethod(n, from.Text(), args)
}

func (n callNode) arity(args []Value, least, most int) error {
	if len(args) >= least && len(args) <= most {
		return nil
	}
	want := "no argument"
	switch {
	case least != most:
		want = "fewer or more arguments"
	case least == 1:
		want = "one argument"
	case least == 2:
		want = "two arguments"
	case least == 3:
		want = "three arguments"
	}
	return errorAt(n.pos(), "%s takes %s, not %d", n.method, want, len(args))
}

func (n callNode) noMethod(kind Kind) error {
	err := errorAt(n.pos(), "%s has no method %s", kind, n.method)
	err.Hint = nearest(n.method, methodNames)
	return err
}

func (e *Evaluator) mapMethod(n callNode, from Value, args []Value) (Value, error) {
	switch n.method {
	case "get", "containsKey":
		if err := n.arity(args, 1, 1); err != nil {
			return Value{}, err
		}
		key := literal{at(n.args[0].pos()), args[0]}
		v, err := e.part(selectNode{at(n.pos()), n.from, key}, from, args[0])
		if n.method == "containsKey" {
			if err != nil && !isUnknown(err) {
				return Value{}, err
			}
			return NewBool(err == nil), nil
		}
		return v, err
	case "size":
		if err := n.arity(args, 0, 0); err != nil {
			return Value{}, err
		}
		return sizeOf(from, n.pos())
	case "isEmpty":
		return NewBool(from.empty()), n.arity(args, 0, 0)
	}
	return Value{}, n.noMethod(from.kind)
}

func listMethod(n callNode, from Value, args []Value) (Value, error) {
	items := from.items()
	switch n.method {
	case "size", "length":
		return NewInt(int64(len(items))), n.arity(args, 0, 0)
	case "isEmpty":
		return NewBool(len(items) == 0), n.arity(args, 0, 0)
	case "get":
		if err := n.arity(args, 1, 1); err != nil {
			return Value{}, err
		}
		if i, ok := index(args[0]); ok && i >= 0 && i < len(items) {
			return items[i], nil
		}
		return Value{}, unknownError{errorAt(n.pos(), "a list of %d has no item %s", len(items), args[0].Text())}
	case "contains", "indexOf":
		if err := n.arity(args, 1, 1); err != nil {
			return Value{}, err
		}
		i := slices.IndexFunc(items, func(item Value) bool { return equal(item, args[0]) })
		if n.method == "contains" {
			return NewBool(i >= 0), nil
		}
		return NewInt(int64(i)), nil
	}
	return Value{}, n.noMethod(List)
}

// stringMethod counts characters where Java counts UTF-16 units; the two
// differ only beyond the basic plane, where Java would cut a character in two.
func (e *Evaluator) stringMethod(n callNode, text string, args []Value) (Value, error) {
	if !utf8.ValidString(text) {
		text = string([]rune(text))
	}
	switch n.method {
	case "toLowerCase":
		return NewString(strings.ToLower(text)), n.arity(args, 0, 0)
	case "toUpperCase":
		return NewString(strings.ToUpper(text)), n.arity(args, 0, 0)
	case "trim":
		return NewString(strings.Trim(text, trimmed)), n.arity(args, 0, 0)
	case "length", "size":
		return NewInt(int64(utf8.RuneCountInString(text))), n.arity(args, 0, 0)
	case "isEmpty":
		return NewBool(text == ""), n.arity(args, 0, 0)
	case "charAt", "substring":
		return substring(n, []rune(text), args)
	case "indexOf", "lastIndexOf":
		return indexOf(n, []rune(text), args)
	case "replace", "replaceAll", "replaceFirst":
		return e.replace(n, text, args)
	case "split":
		return e.split(n, text, args)
	}
	if err := n.arity(args, 1, 1); err != nil {
		if !slices.Contains(methodNames, n.method) {
			err = n.noMethod(String)
		}
		return Value{}, err
	}
	return e.stringTest(n, text, args[0].Text())
}

// trimmed is what Java's trim takes off: everything up to the blank.
var trimmed = func() string {
	var b strings.Builder
	for c := range rune(' ' + 1) {
		b.WriteRune(c)
	}
	return b.String()
}()

// stringTest holds the methods with one text as argument.
func (e *Evaluator) stringTest(n callNode, s, arg string) (Value, error) {
	switch n.method {
	case "contains":
		return NewBool(strings.Contains(s, arg)), nil
	case "startsWith":
		return NewBool(strings.HasPrefix(s, arg)), nil
	case "endsWith":
		return NewBool(strings.HasSuffix(s, arg)), nil
	case "equalsIgnoreCase":
		return NewBool(strings.EqualFold(s, arg)), nil
	case "concat":
		return NewString(s + arg), nil
	case "matches":
		re, err := e.compile(n.args[0], `^(?:`+arg+`)$`, arg, len(s))
		if err != nil {
			return Value{}, err
		}
		return NewBool(re.MatchString(s)), nil
	}
	return Value{}, n.noMethod(String)
}

func substring(n callNode, s []rune, args []Value) (Value, error) {
	most := 2
	if n.method == "charAt" {
		most = 1
	}
	if err := n.arity(args, 1, most); err != nil {
		return Value{}, err
	}
	from, ok := index(args[0])
	to, okTo := len(s), true
	switch {
	case n.method == "charAt":
		to = from + 1
	case len(args) == 2:
		to, okTo = index(args[1])
	}
	if !ok || !okTo {
		return Value{}, errorAt(n.args[0].pos(), "%s takes whole numbers", n.method)
	}
	if from < 0 || to > len(s) || from > to {
		return Value{}, errorAt(n.pos(), "%s(%s) is outside of a text of %d characters", n.method, joinText(args), len(s))
	}
	return NewString(string(s[from:to])), nil
}

func joinText(args []Value) string {
	texts := make([]string, len(args))
	for i, a := range args {
		texts[i] = a.Text()
	}
	return strings.Join(texts, ", ")
}

func indexOf(n callNode, s []rune, args []Value) (Value, error) {
	if err := n.arity(args, 1, 2); err != nil {
		return Value{}, err
	}
	needle := args[0].Text()
	from, last := 0, n.method == "lastIndexOf"
	if len(args) == 2 {
		var ok bool
		if from, ok = index(args[1]); !ok {
			return Value{}, errorAt(n.args[1].pos(), "%s takes a whole number", n.method)
		}
	}
	if last {
		end := len(s)
		if len(args) == 2 {
			end = max(0, min(len(s), from+len([]rune(needle))))
		}
		return runeIndex(string(s[:end]), strings.LastIndex(string(s[:end]), needle), 0), nil
	}
	from = max(0, min(from, len(s)))
	return runeIndex(string(s[from:]), strings.Index(string(s[from:]), needle), from), nil
}

func runeIndex(s string, i, from int) Value {
	if i < 0 {
		return NewInt(-1)
	}
	return NewInt(int64(from + len([]rune(s[:i]))))
}

func (e *Evaluator) replace(n callNode, s string, args []Value) (Value, error) {
	if err := n.arity(args, 2, 2); err != nil {
		return Value{}, err
	}
	from, to := args[0].Text(), args[1].Text()
	if n.method == "replace" {
		return bounded(n.pos(), s, strings.Count(s, from), len(to), func() string { return strings.ReplaceAll(s, from, to) })
	}
	// All matches are counted before they are replaced.
	re, err := e.compile(n.args[0], from, from, 2*len(s))
	if err != nil {
		return Value{}, err
	}
	if n.method == "replaceFirst" {
		loc := re.FindStringSubmatchIndex(s)
		if loc == nil {
			return NewString(s), nil
		}
		return NewString(s[:loc[0]] + string(re.ExpandString(nil, goReplacement(to), s, loc)) + s[loc[1]:]), nil
	}
	return replaceAll(n.pos(), re, s, to)
}

func replaceAll(offset int, re *regexp.Regexp, s, to string) (Value, error) {
	// A group may be the whole text, so the bound is taken per match.
	return bounded(offset, s, len(re.FindAllStringIndex(s, maxValue/8)), len(to)+strings.Count(to, "$")*len(s), func() string {
		return re.ReplaceAllString(s, goReplacement(to))
	})
}

// bounded makes a text unless it could be far beyond the limit of a value.
func bounded(offset int, s string, count, each int, build func() string) (Value, error) {
	const slack = 64
	if len(s)+count*each > slack*maxValue {
		return Value{}, errorAt(offset, "the value is larger than %d KiB", maxValue>>10)
	}
	return NewString(build()), nil
}

// goReplacement writes Java's $1 and \$ as Go's ${1} and $$.
func goReplacement(java string) string {
	var b strings.Builder
	for i := 0; i < len(java); i++ {
		switch c := java[i]; {
		case c == '\\' && i+1 < len(java):
			i++
			b.WriteString(strings.ReplaceAll(java[i:i+1], "$", "$$"))
		case c == '$' && i+1 < len(java) && isDigit(java[i+1]):
			i++
			b.WriteString("${" + java[i:i+1] + "}")
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// split is Java's: by a pattern, trailing empty texts dropped unless a limit
// says otherwise.
func (e *Evaluator) split(n callNode, s string, args []Value) (Value, error) {
	if err := n.arity(args, 1, 2); err != nil {
		return Value{}, err
	}
	re, err := e.compile(n.args[0], args[0].Text(), args[0].Text(), len(s))
	if err != nil {
		return Value{}, err
	}
	limit := 0
	if len(args) == 2 {
		var ok bool
		if limit, ok = index(args[1]); !ok {
			return Value{}, errorAt(n.args[1].pos(), "split takes a whole number as limit")
		}
	}
	count := -1
	if limit > 0 {
		count = limit
	}
	parts := re.Split(s, count)
	if limit == 0 {
		for len(parts) > 1 && parts[len(parts)-1] == "" {
			parts = parts[:len(parts)-1]
		}
	}
	items := make([]Value, len(parts))
	for i, part := range parts {
		items[i] = NewString(part)
	}
	return NewList(items), nil
}

// What a pattern costs is how long the text is times how many instructions the
// pattern has; repetitions make many of few characters. One instruction on one
// byte takes up to 20 ns, so that all steps of a run come to less than 3 s: a
// match cannot be interrupted by a signal.
const (
	maxPattern      = 4 << 10
	maxInstructions = 4000
	matchPerStep    = 128
)

// compile reads a pattern that will be matched with a text of the given size,
// and charges what that costs.
func (e *Evaluator) compile(n node, pattern, shown string, size int) (*regexp.Regexp, error) {
	if len(pattern) > maxPattern {
		return nil, errorAt(n.pos(), "the regular expression is longer than %d bytes", maxPattern)
	}
	tree, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return nil, errorAt(n.pos(), "%q is not a regular expression: %s", shown, regexpReason(err))
	}
	program, err := syntax.Compile(tree.Simplify())
	if err != nil || len(program.Inst) > maxInstructions {
		return nil, errorAt(n.pos(), "the regular expression repeats too much")
	}
	if err := e.charge(n, size*len(program.Inst)/matchPerStep); err != nil {
		return nil, err
	}
	re, err := regexp.Compile(pattern)
	if err != nil {
		return nil, errorAt(n.pos(), "%q is not a regular expression: %s", shown, regexpReason(err))
	}
	return re, nil
}

// regexpReason says what RE2 leaves out, for those who know Java's patterns. It
// shows no other part of a pattern, which may be one of a secret.
func regexpReason(err error) string {
	var syntaxError *syntax.Error
	if !errors.As(err, &syntaxError) {
		return err.Error()
	}
	if strings.HasPrefix(syntaxError.Expr, "(?") || strings.HasPrefix(syntaxError.Expr, `\`) {
		return string(syntaxError.Code) + " " + syntaxError.Expr + " (lookaround and backreferences are not supported)"
	}
	return string(syntaxError.Code)
}
