package expression

import "strings"

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

// startsOperand distinguishes the word empty from a variable of that name.
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
