package expression

import (
	"regexp"
	"slices"
	"strings"
)

// The tree of an expression. Each node knows where it starts.
type node interface{ pos() int }

type at int

func (a at) pos() int { return int(a) }

type (
	literal struct {
		at
		value Value
	}
	// textNode joins the texts of its parts: a string with spans in it, or a
	// block without operators.
	textNode struct {
		at
		parts []node
	}
	// spanNode is an inner <+ … >.
	spanNode struct {
		at
		inner node
		input bool
	}
	nameNode struct {
		at
		name string
	}
	// selectNode is x.name, x["name"] or x[0].
	selectNode struct {
		at
		from node
		key  node
	}
	// callNode is from.method(args); from is nil for a plain function.
	callNode struct {
		at
		from   node
		method string
		args   []node
	}
	unaryNode struct {
		at
		op string
		x  node
	}
	// binaryNode keeps the source between its operands: <+a>-<+b> of two
	// names is text.
	binaryNode struct {
		at
		op      string
		between string
		l, r    node
	}
	ternaryNode struct {
		at
		cond, yes, no node
	}
	listNode struct {
		at
		items []node
	}
	mapNode struct {
		at
		keys, values []node
	}
)

// parser climbs precedences over the tokens of one block.
type parser struct {
	text   string // the whole text; token offsets point into it
	base   int
	tokens []token
	next   int
	depth  int
	spans  int // how deep this block is nested in others
	blocks blocks
}

// blocks remembers the inner blocks of one text by their offset: a block that
// is tried as an expression and then as text would else read its inner blocks
// twice, those theirs twice, and so on.
type blocks map[int]block

type block struct {
	node node
	err  *Error
}

// parse reads what stands between <+ and >. text is the block, base its offset
// for faults.
func (b blocks) parse(text string, base, spans int) (node, *Error) {
	if spans < 2 {
		return b.parseBlock(text, base, spans)
	}
	known, ok := b[base]
	if !ok {
		known.node, known.err = b.parseBlock(text, base, spans)
		b[base] = known
	}
	return known.node, known.err
}

func (b blocks) parseBlock(text string, base, spans int) (node, *Error) {
	if spans > maxDepth {
		return nil, errorAt(base, "expressions are nested deeper than %d", maxDepth)
	}
	if strings.TrimSpace(text) == "" {
		return nil, errorAt(base, "the expression is empty")
	}
	tokens, err := lex(text, base)
	p := &parser{text: text, base: base, tokens: tokens, spans: spans, blocks: b}
	if err == nil {
		var n node
		if n, err = p.whole(); err == nil && !namesOperand(n) {
			return n, nil
		}
		if joined := p.juxtaposed(); joined != nil {
			return joined, nil
		}
		return n, err
	}
	if joined := p.juxtaposed(); joined != nil {
		return joined, nil
	}
	return nil, err
}

// namesOperand finds a bare name in a - * / or %: no name stands for a number
// by itself, so <+<+a>-suffix> is text.
func namesOperand(n node) bool {
	b, ok := n.(binaryNode)
	if !ok || precedence[b.op] < precedence["+"] {
		return false
	}
	for _, x := range []node{b.l, b.r} {
		if _, bare := x.(nameNode); bare || namesOperand(x) {
			return true
		}
	}
	return false
}

func (p *parser) whole() (node, *Error) {
	n, err := p.expression()
	if err != nil {
		return nil, err
	}
	if t := p.peek(); t.kind != tokEnd {
		return nil, errorAt(t.at, "unexpected %s", t.describe())
	}
	return n, nil
}

// juxtaposed reads a block without operators as text: string literals side by
// side are joined, and anything else keeps its own characters and blanks
// around the inner expressions.
func (p *parser) juxtaposed() node {
	if n := p.joinedStrings(); n != nil {
		return n
	}
	if !strings.Contains(p.text, open) || hasOperator(p.text) {
		return nil
	}
	trimmed := strings.TrimSpace(p.text)
	n, err := p.blocks.parseText(trimmed, p.base+strings.Index(p.text, trimmed), p.spans)
	if err != nil {
		return nil
	}
	return n
}

func (p *parser) joinedStrings() node {
	literals := 0
	for _, t := range p.tokens {
		switch t.kind {
		case tokString:
			literals++
		case tokSpan, tokEnd:
		default:
			return nil
		}
	}
	if literals == 0 {
		return nil
	}
	joined := textNode{at: at(p.base)}
	p.next = 0
	for p.peek().kind != tokEnd {
		part, err := p.primary()
		if err != nil {
			return nil
		}
		joined.parts = append(joined.parts, part)
	}
	return joined
}

// hasOperator follows Harness: these characters outside inner expressions, or
// one of the words, make a block an expression and never text.
func hasOperator(text string) bool {
	var outside strings.Builder
	for i := 0; i < len(text); {
		start, end, ok := nextSpan(text, i)
		if !ok {
			start, end = len(text), len(text)
		}
		outside.WriteString(text[i:start] + " ")
		if methodCall.MatchString(text[end:]) {
			return true
		}
		i = end
	}
	rest := outside.String()
	if strings.ContainsAny(rest, "+=?&|!~(") {
		return true
	}
	return slices.ContainsFunc(strings.Fields(rest), func(w string) bool {
		return slices.Contains([]string{"eq", "ne", "lt", "le", "gt", "ge", "and", "or", "not", "div", "mod", "empty", "size"}, w)
	})
}

var methodCall = regexp.MustCompile(`^\)?\.\w+\(`)

// parseText reads text with holes.
func (b blocks) parseText(text string, base, spans int) (node, *Error) {
	n := textNode{at: at(base)}
	for i := 0; i < len(text); {
		start, end, ok := nextSpan(text, i)
		if !ok {
			start, end = len(text), len(text)
		}
		if start > i {
			n.parts = append(n.parts, literal{at(base + i), NewString(text[i:start])})
		}
		if ok {
			span, err := b.parseSpan(text[start:end], base+start, spans+1)
			if err != nil {
				return nil, err
			}
			n.parts = append(n.parts, span)
		}
		i = end
	}
	return n, nil
}

// parseSpan reads <+ … > itself, with a runtime input's method chain.
func (b blocks) parseSpan(span string, base, spans int) (node, *Error) {
	if _, ok := ParseInput(span); ok {
		return spanNode{at: at(base), input: true}, nil
	}
	inner, err := b.parse(span[len(open):len(span)-1], base+len(open), spans)
	if err != nil {
		return nil, err
	}
	return spanNode{at: at(base), inner: inner}, nil
}

func (p *parser) peek() token {
	if p.next < len(p.tokens) {
		return p.tokens[p.next]
	}
	return token{kind: tokEnd, at: p.base + len(p.text)}
}

func (p *parser) take() token {
	t := p.peek()
	p.next++
	return t
}

func (p *parser) takeOp(op string) bool {
	if t := p.peek(); t.kind == tokOp && t.text == op {
		p.next++
		return true
	}
	return false
}

func (p *parser) expect(op, after string) *Error {
	if p.takeOp(op) {
		return nil
	}
	t := p.peek()
	return errorAt(t.at, "expected %q %s, found %s", op, after, t.describe())
}

// enter bounds the recursion of the parser itself.
func (p *parser) enter() *Error {
	if p.depth++; p.depth > 200 {
		return errorAt(p.peek().at, "the expression is nested too deeply")
	}
	return nil
}

func (p *parser) expression() (node, *Error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer func() { p.depth-- }()
	cond, err := p.binary(0)
	if err != nil {
		return nil, err
	}
	t := p.peek()
	if t.kind != tokOp {
		return cond, nil
	}
	switch t.text {
	case "?:", "??":
		p.take()
		r, err := p.expression()
		return binaryNode{at(t.at), t.text, "", cond, r}, err
	case "?":
		p.take()
		return p.ternary(cond, t)
	}
	return cond, nil
}

func (p *parser) ternary(cond node, t token) (node, *Error) {
	// a ? : b is the elvis operator, too.
	if p.takeOp(":") {
		r, err := p.expression()
		return binaryNode{at(t.at), "?:", "", cond, r}, err
	}
	yes, err := p.expression()
	if err != nil {
		return nil, err
	}
	if err := p.expect(":", `of the "?"`); err != nil {
		return nil, err.hint("a condition is written: condition ? value : other value")
	}
	no, err := p.expression()
	return ternaryNode{at(cond.pos()), cond, yes, no}, err
}

var words = map[string]string{
	"eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">=",
	"and": "&&", "or": "||", "div": "/", "mod": "%",
}

var precedence = map[string]int{
	"||": 1, "&&": 2,
	"==": 3, "!=": 3, "=~": 3, "!~": 3, "=^": 3, "!^": 3, "=$": 3, "!$": 3,
	"<": 4, "<=": 4, ">": 4, ">=": 4,
	"+": 5, "-": 5, "*": 6, "/": 6, "%": 6,
}

func (p *parser) binary(least int) (node, *Error) {
	left, err := p.unary()
	if err != nil {
		return nil, err
	}
	for {
		t := p.peek()
		op := t.text
		if t.kind == tokName {
			op = words[t.text]
		} else if t.kind != tokOp {
			return left, nil
		}
		prec := precedence[op]
		if prec == 0 || prec <= least {
			return left, nil
		}
		p.take()
		right, err := p.binary(prec)
		if err != nil {
			return nil, err
		}
		left = binaryNode{at(t.at), op, p.around(t), left, right}
	}
}

// around is an operator with the blanks beside it, as written.
func (p *parser) around(t token) string {
	from, to := t.at-p.base, t.at-p.base+len(t.text)
	for from > 0 && isBlank(p.text[from-1]) {
		from--
	}
	for to < len(p.text) && isBlank(p.text[to]) {
		to++
	}
	return p.text[from:to]
}

func (p *parser) unary() (node, *Error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer func() { p.depth-- }()
	t := p.peek()
	op := ""
	switch {
	case t.kind == tokOp && (t.text == "!" || t.text == "-" || t.text == "+"):
		op = t.text
	case t.kind == tokName && t.text == "not":
		op = "!"
	case t.kind == tokName && (t.text == "empty" || t.text == "size") && p.startsOperand(p.next+1):
		op = t.text
	default:
		return p.postfix()
	}
	p.take()
	x, err := p.unary()
	return unaryNode{at(t.at), op, x}, err
}

// startsOperand tells the word empty from a variable of that name.
func (p *parser) startsOperand(i int) bool {
	if i >= len(p.tokens) {
		return false
	}
	t := p.tokens[i]
	return t.kind != tokEnd && (t.kind != tokOp || t.text == "(" || t.text == "[" || t.text == "{" || t.text == "!") &&
		!(t.kind == tokName && words[t.text] != "")
}

func (p *parser) postfix() (node, *Error) {
	n, err := p.primary()
	for err == nil {
		t := p.peek()
		switch {
		case p.takeOp("."):
			n, err = p.member(n)
		case p.takeOp("["):
			var key node
			if key, err = p.expression(); err == nil {
				err = p.expect("]", "after the index")
			}
			n = selectNode{at(t.at), n, key}
		default:
			return n, nil
		}
	}
	return nil, err
}

// member reads what follows a point: a name, a call, "a name", 0, <+a name>,
// and a name that goes on in an inner expression, as in s1<+x>.
func (p *parser) member(from node) (node, *Error) {
	t := p.take()
	switch t.kind {
	case tokName:
		if p.peek().kind == tokOp && p.peek().text == "(" {
			p.take()
			args, err := p.arguments(")")
			return callNode{at(t.at), from, t.text, args}, err
		}
		key, err := p.computedName(t)
		return selectNode{at(t.at), from, key}, err
	case tokNumber:
		return selectNode{at(t.at), from, literal{at(t.at), NewString(t.text)}}, nil
	case tokString, tokSpan:
		p.next--
		key, err := p.primary()
		return selectNode{at(t.at), from, key}, err
	}
	return nil, errorAt(t.at, `expected a name after ".", found %s`, t.describe())
}

func (p *parser) computedName(t token) (node, *Error) {
	parts := []node{literal{at(t.at), NewString(t.text)}}
	end := t.at + len(t.text)
	for {
		next := p.peek()
		if next.at != end || (next.kind != tokSpan && next.kind != tokName) {
			break
		}
		if next.kind == tokName {
			p.take()
			parts = append(parts, literal{at(next.at), NewString(next.text)})
			end += len(next.text)
			continue
		}
		part, err := p.primary()
		if err != nil {
			return nil, err
		}
		parts = append(parts, part)
		end += len(open) + len(next.text) + 1
	}
	if len(parts) == 1 {
		return parts[0], nil
	}
	return textNode{at(t.at), parts}, nil
}

func (p *parser) arguments(end string) ([]node, *Error) {
	var args []node
	if p.takeOp(end) {
		return nil, nil
	}
	for {
		arg, err := p.expression()
		if err != nil {
			return nil, err
		}
		args = append(args, arg)
		if p.takeOp(end) {
			return args, nil
		}
		if err := p.expect(",", "or \""+end+"\""); err != nil {
			return nil, err
		}
	}
}

func (p *parser) primary() (node, *Error) {
	t := p.take()
	switch t.kind {
	case tokNumber:
		return literal{at(t.at), parseNumber(t.text)}, nil
	case tokString:
		return p.stringLiteral(t)
	case tokSpan:
		if strings.TrimSpace(t.text) == "input" {
			return spanNode{at: at(t.at), input: true}, nil
		}
		inner, err := p.blocks.parse(t.text, t.inner, p.spans+1)
		return spanNode{at: at(t.at), inner: inner}, err
	case tokName:
		return p.name(t)
	case tokOp:
		switch t.text {
		case "(":
			n, err := p.expression()
			if err != nil {
				return nil, err
			}
			return n, p.expect(")", "to close the parenthesis")
		case "[":
			items, err := p.arguments("]")
			return listNode{at(t.at), items}, err
		case "{":
			return p.mapping(t)
		}
	}
	return nil, errorAt(t.at, "expected a value, found %s", t.describe())
}

func (p *parser) name(t token) (node, *Error) {
	switch t.text {
	case "true", "false":
		return literal{at(t.at), NewBool(t.text == "true")}, nil
	case "null":
		return literal{at(t.at), Value{}}, nil
	}
	if p.peek().kind == tokOp && p.peek().text == "(" {
		p.take()
		args, err := p.arguments(")")
		return callNode{at(t.at), nil, t.text, args}, err
	}
	return nameNode{at(t.at), t.text}, nil
}

func (p *parser) stringLiteral(t token) (node, *Error) {
	if !strings.Contains(t.text, open) {
		return literal{at(t.at), NewString(unescape(t.text))}, nil
	}
	n, err := p.blocks.parseText(t.text, t.inner, p.spans)
	if err != nil {
		return nil, err
	}
	text := n.(textNode)
	for i, part := range text.parts {
		if l, ok := part.(literal); ok {
			text.parts[i] = literal{l.at, NewString(unescape(l.value.Text()))}
		}
	}
	return text, nil
}

func (p *parser) mapping(t token) (node, *Error) {
	m := mapNode{at: at(t.at)}
	if p.takeOp(":") {
		return m, p.expect("}", "of an empty map")
	}
	if p.takeOp("}") {
		return m, nil
	}
	for {
		key, err := p.binary(0)
		if err != nil {
			return nil, err
		}
		if err := p.expect(":", "after the key"); err != nil {
			return nil, err
		}
		value, err := p.expression()
		if err != nil {
			return nil, err
		}
		m.keys, m.values = append(m.keys, key), append(m.values, value)
		if p.takeOp("}") {
			return m, nil
		}
		if err := p.expect(",", `or "}"`); err != nil {
			return nil, err
		}
	}
}
