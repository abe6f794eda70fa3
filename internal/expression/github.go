package expression

import (
	"slices"
	"strings"
)

// Replace replaces each expression of a text by what write returns.
func Replace(text string, write func(span string) (string, error)) (string, error) {
	var b strings.Builder
	for i := 0; i < len(text); {
		start, end, ok := nextSpan(text, i)
		if !ok {
			start, end = len(text), len(text)
		}
		b.WriteString(text[i:start])
		if ok {
			written, err := write(text[start:end])
			if err != nil {
				return "", err
			}
			b.WriteString(written)
		}
		i = end
	}
	return b.String(), nil
}

// GitHub writes an expression, or the bare condition of a `when`, in the
// expression language of GitHub Actions
// (https://docs.github.com/en/actions/reference/workflows-and-actions/expressions),
// without ${{ }}. name returns what replaces a path such as pipeline.name or
// secrets.id. What that language cannot say is an *Error.
func GitHub(text string, name func(path string) (string, bool)) (string, error) {
	w := githubWriter{name}
	b := blocks{}
	var n node
	var err *Error
	if start, end, ok := nextSpan(text, 0); ok && start == 0 && end == len(text) {
		n, err = b.parseSpan(text, 0, 1)
	} else {
		n, err = b.parse(text, 0, 1)
	}
	if err != nil {
		return "", err
	}
	return w.write(n)
}

type githubWriter struct {
	name func(path string) (string, bool)
}

func (w githubWriter) write(n node) (string, error) {
	switch n := n.(type) {
	case literal:
		if n.value.kind == String {
			return QuoteGitHub(n.value.Text()), nil
		}
		return n.value.Text(), nil
	case textNode:
		return w.format(n.parts...)
	case spanNode:
		if !n.input {
			return w.write(n.inner)
		}
	case nameNode, selectNode:
		return w.path(n)
	case callNode:
		return w.call(n)
	case unaryNode:
		return w.unary(n)
	case binaryNode:
		return w.binary(n)
	case ternaryNode:
		return w.ternary(n)
	}
	return "", w.cannot(n, "this")
}

func (w githubWriter) cannot(n node, what string) error {
	return errorAt(n.pos(), "GitHub's expressions cannot express %s", what)
}

func (w githubWriter) path(n node) (string, error) {
	path := nodePath(n)
	if name, ok := w.name(path); ok {
		return name, nil
	}
	if strings.Contains(path, "…") {
		return "", w.cannot(n, "this")
	}
	return "", errorAt(n.pos(), "GitHub has nothing like %s", path)
}

// format joins texts: format('{0}-{1}', a, b).
func (w githubWriter) format(parts ...node) (string, error) {
	var pattern, args strings.Builder
	count := 0
	for _, part := range parts {
		if l, ok := part.(literal); ok {
			pattern.WriteString(strings.NewReplacer("{", "{{", "}", "}}").Replace(l.value.Text()))
			continue
		}
		arg, err := w.write(part)
		if err != nil {
			return "", err
		}
		if text, ok := GitHubLiteral(arg); ok {
			pattern.WriteString(strings.NewReplacer("{", "{{", "}", "}}").Replace(text))
			continue
		}
		pattern.WriteString("{" + NewInt(int64(count)).Text() + "}")
		args.WriteString(", " + arg)
		count++
	}
	if count == 0 {
		return QuoteGitHub(strings.NewReplacer("{{", "{", "}}", "}").Replace(pattern.String())), nil
	}
	return "format(" + QuoteGitHub(pattern.String()) + args.String() + ")", nil
}

func (w githubWriter) call(n callNode) (string, error) {
	if name, ok := n.from.(nameNode); ok && name.name == "secrets" && len(n.args) == 1 {
		return w.path(selectNode{n.at, name, n.args[0]})
	}
	if n.from != nil && n.method == "get" && len(n.args) == 1 {
		return w.path(selectNode{n.at, n.from, n.args[0]})
	}
	if n.from == nil && len(n.args) == 2 && slices.Contains([]string{"contains", "startsWith", "endsWith"}, n.method) {
		n.from, n.args = n.args[0], n.args[1:] // as Harness 3.0 and GitHub write it
	}
	if n.from == nil {
		return "", w.cannot(n, n.method+"()")
	}
	from, err := w.write(n.from)
	if err != nil {
		return "", err
	}
	args := make([]string, len(n.args))
	for i, arg := range n.args {
		if args[i], err = w.write(arg); err != nil {
			return "", err
		}
	}
	switch {
	case n.method == "toString" && len(args) == 0:
		return from, nil
	case n.method == "isEmpty" && len(args) == 0:
		return "(" + from + " == '')", nil
	case len(args) != 1:
	case n.method == "contains", n.method == "startsWith", n.method == "endsWith":
		return n.method + "(" + from + ", " + args[0] + ")", nil
	case n.method == "equals", n.method == "equalsIgnoreCase":
		return "(" + from + " == " + args[0] + ")", nil
	}
	return "", w.cannot(n, "."+n.method+"()")
}

func (w githubWriter) unary(n unaryNode) (string, error) {
	x, err := w.write(n.x)
	if err != nil {
		return "", err
	}
	switch n.op {
	case "!":
		return "!" + x, nil
	case "empty":
		return "(" + x + " == '')", nil
	case "-":
		if _, ok := n.x.(literal); ok {
			return "-" + x, nil
		}
	}
	return "", w.cannot(n, n.op)
}

func (w githubWriter) binary(n binaryNode) (string, error) {
	op := n.op
	switch op {
	case "==", "!=", "<", "<=", ">", ">=", "&&", "||":
	case "?:", "??":
		op = "||"
	case "+":
		return w.format(n.l, n.r)
	case "=~", "!~":
		return w.membership(n)
	default:
		return "", w.cannot(n, "the operator "+op)
	}
	l, err := w.write(n.l)
	if err != nil {
		return "", err
	}
	r, err := w.write(n.r)
	return "(" + l + " " + op + " " + r + ")", err
}

// membership writes x =~ ["a", "b"]; a pattern has no equivalent.
func (w githubWriter) membership(n binaryNode) (string, error) {
	list, ok := n.r.(listNode)
	if !ok {
		return "", w.cannot(n, "a match with a pattern")
	}
	x, err := w.write(n.l)
	if err != nil {
		return "", err
	}
	var any []string
	for _, item := range list.items {
		value, err := w.write(item)
		if err != nil {
			return "", err
		}
		any = append(any, x+" == "+value)
	}
	out := "(" + strings.Join(any, " || ") + ")"
	if n.op == "!~" {
		out = "!" + out
	}
	return out, nil
}

// ternary is c && a || b, which holds where a itself is true.
func (w githubWriter) ternary(n ternaryNode) (string, error) {
	if l, ok := n.yes.(literal); !ok || !l.value.truth() {
		return "", w.cannot(n, "a choice whose first value may be empty")
	}
	cond, err := w.write(n.cond)
	if err != nil {
		return "", err
	}
	yes, err := w.write(n.yes)
	if err != nil {
		return "", err
	}
	no, err := w.write(n.no)
	return "(" + cond + " && " + yes + " || " + no + ")", err
}

// GitHubLiteral reads a literal of GitHub's language; ok is false for any other
// expression.
func GitHubLiteral(s string) (string, bool) {
	if len(s) < 2 || s[0] != '\'' || s[len(s)-1] != '\'' {
		return "", false
	}
	inside := s[1 : len(s)-1]
	if strings.Contains(strings.ReplaceAll(inside, "''", ""), "'") {
		return "", false
	}
	return strings.ReplaceAll(inside, "''", "'"), true
}

// QuoteGitHub writes a text as a literal of GitHub's language.
func QuoteGitHub(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
