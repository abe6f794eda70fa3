package definition

import (
	"bytes"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/lambda-rollout/lambda-rollout/internal/fault"
	"gopkg.in/yaml.v3"
)

// Document is one parsed file (JSON is read as the YAML that it is). Whoever
// renders expressions provides its own, whose nodes hold the rendered scalars
// and whose places are those of the unrendered source; Parse gives one for
// files without expressions.
type Document interface {
	// Root is the document's value, not the yaml.DocumentNode around it.
	Root() *yaml.Node
	// Fault is a fault at the node's place in the source as the user wrote it.
	Fault(n *yaml.Node, message, hint string) fault.Fault
	// Whole reports whether the scalar was nothing but one expression: then its
	// text may be a list or a map where the field wants one.
	Whole(n *yaml.Node) bool
}

// plain is a Document without expressions.
type plain struct {
	file string
	src  []byte
	root *yaml.Node
}

func (p *plain) Root() *yaml.Node      { return p.root }
func (p *plain) Whole(*yaml.Node) bool { return false }

func (p *plain) Fault(n *yaml.Node, message, hint string) fault.Fault {
	return fault.Fault{
		File: p.file, Line: n.Line, Col: n.Column,
		Message: message, Hint: hint, Source: fault.Line(p.src, n.Line),
	}
}

// Parse reads one JSON or YAML document. A byte order mark is skipped; a file
// that is not text, holds several documents, or is no mapping at its root is a
// fault.
func Parse(file string, src []byte) (Document, fault.List) {
	src = bytes.TrimPrefix(src, []byte("\xef\xbb\xbf"))
	p := &plain{file: file, src: src}
	whole := func(message, hint string) (Document, fault.List) {
		return nil, fault.List{{File: file, Message: message, Hint: hint}}
	}
	if bytes.HasPrefix(src, []byte("\xff\xfe")) || bytes.HasPrefix(src, []byte("\xfe\xff")) {
		return whole("is UTF-16", "save it as UTF-8")
	}
	if i := notText(src); i >= 0 {
		return whole(fmt.Sprintf("is not text: byte %d is no part of JSON or YAML", i), "name a definition in JSON or YAML; the code goes into the input artifact")
	}
	decoder := yaml.NewDecoder(bytes.NewReader(src))
	var first, second yaml.Node
	if err := decoder.Decode(&first); err != nil {
		if len(bytes.TrimSpace(src)) == 0 || first.Kind == 0 && err.Error() == "EOF" {
			return whole("is empty", "")
		}
		return nil, fault.List{p.syntax(err)}
	}
	if err := decoder.Decode(&second); err == nil {
		return nil, fault.List{p.Fault(&second, "holds a second document", "one file is one definition: remove the line --- and what follows it, or make it a file of its own")}
	} else if err.Error() != "EOF" {
		return nil, fault.List{p.syntax(err)}
	}
	p.root = first.Content[0]
	return p, nil
}

// notText is the index of the first byte that no JSON or YAML text holds, or
// -1.
func notText(src []byte) int {
	for i := 0; i < len(src); {
		r, size := utf8.DecodeRune(src[i:])
		if r == utf8.RuneError && size == 1 || r < ' ' && r != '\n' && r != '\r' && r != '\t' || r == 0x7f {
			return i
		}
		i += size
	}
	return -1
}

// yaml.v3 gives the line of a syntax error in its text alone.
var syntaxLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)

func (p *plain) syntax(err error) fault.Fault {
	text := err.Error()
	m := syntaxLine.FindStringSubmatch(text)
	if m == nil || m[1] == "" {
		return fault.Fault{File: p.file, Message: "is neither JSON nor YAML: " + strings.TrimPrefix(text, "yaml: ")}
	}
	line, _ := strconv.Atoi(m[1])
	source := fault.Line(p.src, line)
	return fault.Fault{
		File: p.file, Line: line,
		Col:     1 + len(source) - len(strings.TrimLeft(source, " \t")),
		Message: "is neither JSON nor YAML: " + text[len(m[0]):],
		Source:  source,
	}
}

// A definition has a few hundred values. More than this many, aliases counted
// as often as they are used, is a file that was made to expand without end.
const maxValues = 20_000

// values counts the nodes below n as often as they are used and stops at the
// limit, so that aliases of aliases cost nothing.
func values(n *yaml.Node, limit int) int {
	if limit <= 0 {
		return 1
	}
	if n.Kind == yaml.AliasNode {
		return values(n.Alias, limit-1) + 1
	}
	count := 1
	for _, child := range n.Content {
		count += values(child, limit-count)
		if count > limit {
			break
		}
	}
	return count
}
