package expression

import (
	"slices"
	"strings"

	"github.com/lambda-rollout/lambda-rollout/internal/lazyregexp"
)

// blocks remembers the inner blocks of one text by their offset: a block that
// is tried as an expression and then as text would else read its inner blocks
// twice, those theirs twice, and so on.
type blocks map[int]block

type block struct {
	node node
	err  *Error
}

// parse reads what is between <+ and >. text is the block, base its offset
// for problems.
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
	if n := plainPath(text, base); n != nil {
		return n, nil
	}
	tokens, err := lex(text, base)
	p := &parser{text: text, base: base, tokens: tokens, spans: spans, blocks: b}
	var n node
	if err == nil {
		n, err = p.whole()
	}
	if err == nil && !namesOperand(n) {
		return n, nil
	}
	if joined := p.juxtaposed(); joined != nil {
		return joined, nil
	}
	return n, err
}

// plainPath reads a.b.c, which most expressions are, without a lexer; nil for
// anything else.
func plainPath(text string, base int) node {
	var n node
	for i := 0; ; i++ {
		length := nameLength(text[i:])
		if length == 0 || isDigit(text[i]) {
			return nil
		}
		name := text[i : i+length]
		if n == nil {
			if slices.Contains(reserved, name) {
				return nil
			}
			n = nameNode{at(base), name}
		} else {
			n = selectNode{at(base + i), n, literal{at(base + i), NewString(name)}}
		}
		if i += length; i == len(text) {
			return n
		}
		if text[i] != '.' {
			return nil
		}
	}
}

// reserved are the words that no path begins with.
var reserved = []string{"true", "false", "null", "not", "empty", "size"}

// namesOperand finds a bare name in a - * / or %: no name is a number
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

var methodCall = lazyregexp.New(`^\)?\.\w+\(`)

// parseText reads text with holes.
func (b blocks) parseText(text string, base, spans int) (node, *Error) {
	n := textNode{at: at(base)}
	for i := 0; i < len(text); {
		start, end, ok := nextSpan(text, i)
		if !ok {
			start, end = len(text), len(text)
		}
		if j := strings.Index(text[i:start], open); j >= 0 {
			return nil, notClosed(base + i + j)
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
