package verify

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/lambda-rollout/lambda-rollout/internal/diag"
	"github.com/lambda-rollout/lambda-rollout/internal/glob"
	"github.com/lambda-rollout/lambda-rollout/internal/yamltext"
)

// maxPayload is the largest payload of a synchronous invocation, in bytes
// (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html).
const maxPayload = 6 << 20

// maxDuration is the longest that a function may run.
const maxDuration = 15 * time.Minute

// all is the pattern of the functions of a case that names none.
var all, _ = glob.Parse("*")

// Source is one item of the input verify: a [File] or a [Text].
//
//sumtype:decl
type Source interface{ sealed() }

// File is a path or a glob.
type File string

// Text is JSON in the input itself.
type Text string

func (File) sealed() {}
func (Text) sealed() {}

// Sources reads the input: paths and globs, one a line or separated by commas, and
// JSON values anywhere between them.
func Sources(input string) ([]Source, error) {
	var sources []Source
	for rest := input; ; {
		rest = strings.TrimLeft(rest, " \t\r\n,")
		rest = strings.TrimPrefix(rest, "- ")
		switch {
		case rest == "":
			return sources, nil
		case strings.ContainsRune(`{["`, rune(rest[0])):
			value, after, err := jsonPrefix(rest)
			if err != nil {
				return nil, err
			}
			sources, rest = append(sources, Text(value)), after
		default:
			end := strings.IndexAny(rest, ",\r\n")
			if end < 0 {
				end = len(rest)
			}
			sources, rest = append(sources, File(strings.TrimSpace(rest[:end]))), rest[end:]
		}
	}
}

// jsonPrefix cuts the JSON value off that a text begins with.
func jsonPrefix(text string) (value, rest string, err error) {
	d := json.NewDecoder(strings.NewReader(text))
	var raw json.RawMessage
	if err := d.Decode(&raw); err != nil {
		return "", "", fmt.Errorf("the JSON that begins with %q: %w", text[:min(len(text), 20)], err)
	}
	return string(raw), text[d.InputOffset():], nil
}

// ReadJSON reads the input verify-expect, a JSON value.
func ReadJSON(text string) (any, error) { return decodeJSON([]byte(text)) }

// Read reads a payload, or a document with cases:
//
//	cases:
//	  - name: an order
//	    payload: {"id": 1}
//	    expect: {"ok": true}
//
// A payload is JSON; cases are JSON or YAML. name is the file's, or the input's.
// expect is what every answer must contain.
func Read(name string, content []byte, expect []any) ([]Case, diag.List) {
	value, wrong := decodeJSON(content)
	if wrong == nil && !hasCases(value) {
		c := Case{Name: path.Base(name), Functions: all, Payload: bytes.TrimSpace(content), Want: Succeeds{expect}}
		if len(c.Payload) > maxPayload {
			return nil, diag.List{{File: name, Message: "the payload is larger than 6 MB, the most that an invocation takes"}}
		}
		return []Case{c}, nil
	}
	if wrong == nil {
		content = yamltext.OfJSON(bytes.TrimSpace(content))
	}
	var document yaml.Node
	err := yaml.Unmarshal(content, &document)
	if wrong == nil {
		wrong = err
	}
	if err != nil || document.Kind != yaml.DocumentNode || !nodeHasCases(document.Content[0]) {
		return nil, diag.List{notJSON(name, content, wrong)}
	}
	r := reader{file: name, expect: expect}
	cases := r.document(document.Content[0])
	return cases, r.problems
}

func hasCases(value any) bool {
	object, ok := value.(map[string]any)
	_, isList := object["cases"].([]any)
	return ok && isList && len(object) == 1
}

func nodeHasCases(n *yaml.Node) bool {
	return n.Kind == yaml.MappingNode && len(n.Content) > 0 && n.Content[0].Value == "cases"
}

// notJSON is the problem of a file that is neither a payload nor cases.
func notJSON(name string, content []byte, err error) diag.Problem {
	p := diag.Problem{File: name, Message: fmt.Sprintf("is neither a JSON payload nor a document with cases: %v", err), Hint: "cases begin with the key cases, see docs/verify.md"}
	if syntax := (*json.SyntaxError)(nil); errors.As(err, &syntax) {
		before := string(content[:min(int(syntax.Offset), len(content))])
		p.Line = strings.Count(before, "\n") + 1
		p.Col = max(1, len([]rune(before[strings.LastIndexByte(before, '\n')+1:])))
	}
	return p
}

// reader reads a document with cases.
type reader struct {
	file     string
	expect   []any
	problems diag.List
	names    map[string]bool
}

func (r *reader) wrong(n *yaml.Node, hint, format string, args ...any) {
	r.problems = append(r.problems, diag.Problem{File: r.file, Line: n.Line, Col: n.Column, Message: fmt.Sprintf(format, args...), Hint: hint})
}

func (r *reader) document(root *yaml.Node) []Case {
	for i := 2; i < len(root.Content); i += 2 {
		r.wrong(root.Content[i], "", "unknown key %q beside cases", root.Content[i].Value)
	}
	list := root.Content[1]
	if list.Kind != yaml.SequenceNode || len(list.Content) == 0 {
		r.wrong(list, "", "cases must be a list of at least one case")
		return nil
	}
	r.names = map[string]bool{}
	var cases []Case
	for i, item := range list.Content {
		if item.Kind != yaml.MappingNode {
			r.wrong(item, "write name, payload, expect", "case %d must be a mapping", i+1)
			continue
		}
		cases = append(cases, r.one(fmt.Sprintf("%s, case %d", path.Base(r.file), i+1), item))
	}
	return cases
}

// raw is a case as it is written: a key that is missing is nil.
type raw struct{ name, function, payload, expect, expectError, maxDuration, against, ignore *yaml.Node }

func (r *reader) one(name string, item *yaml.Node) Case {
	var n raw
	keys := map[string]**yaml.Node{
		"name": &n.name, "function": &n.function, "payload": &n.payload, "expect": &n.expect, "expect-error": &n.expectError,
		"max-duration": &n.maxDuration, "against": &n.against, "ignore": &n.ignore,
	}
	for i := 0; i+1 < len(item.Content); i += 2 {
		key, value := item.Content[i], item.Content[i+1]
		into, known := keys[key.Value]
		switch {
		case !known:
			r.wrong(key, diag.DidYouMean(key.Value, caseKeys), "unknown key %q in a case", key.Value)
		case *into != nil:
			r.wrong(key, "", "%s is set twice", key.Value)
		default:
			*into = value
		}
	}
	c := Case{Name: r.name(n.name, name), Functions: r.functions(n.function), Want: r.want(n), MaxDuration: r.duration(n.maxDuration), Old: r.old(n)}
	if n.payload != nil {
		c.Payload = r.json(n.payload)
	}
	if len(c.Payload) > maxPayload {
		r.wrong(n.payload, "", "the payload is larger than 6 MB, the most that an invocation takes")
	}
	return c
}

var caseKeys = []string{"name", "function", "payload", "expect", "expect-error", "max-duration", "against", "ignore"}

func (r *reader) name(n *yaml.Node, otherwise string) string {
	if n == nil {
		return otherwise
	}
	if n.Kind != yaml.ScalarNode || strings.TrimSpace(n.Value) == "" {
		r.wrong(n, "", "name must be text")
		return otherwise
	}
	if r.names[n.Value] {
		r.wrong(n, "", "there is another case %q", n.Value)
	}
	r.names[n.Value] = true
	return n.Value
}

func (r *reader) functions(n *yaml.Node) glob.Glob {
	if n == nil {
		return all
	}
	g, err := glob.Parse(n.Value)
	if n.Kind != yaml.ScalarNode || n.Value == "" || err != nil {
		r.wrong(n, "", "function must be a function's name, or a pattern such as shop-*")
		return all
	}
	return g
}

func (r *reader) want(n raw) Expectation {
	if n.expectError == nil {
		want := Succeeds{r.expect}
		if n.expect != nil {
			want.Contains = append(want.Contains[:len(want.Contains):len(want.Contains)], r.value(n.expect))
		}
		return want
	}
	if n.expect != nil {
		r.wrong(n.expect, "", "expect and expect-error exclude each other: an invocation either succeeds or fails")
	}
	e := n.expectError
	switch {
	case e.Kind == yaml.MappingNode:
		return Fails{[]any{r.value(e)}}
	case e.Kind == yaml.ScalarNode && e.Tag == "!!bool" && e.Value == "true":
		return Fails{}
	case e.Kind == yaml.ScalarNode && e.Tag == "!!str" && e.Value != "":
		return FailsWith{e.Value}
	}
	r.wrong(e, "", "expect-error must be true, text that the error's type or message contains, or a mapping such as {errorType: NotFound}")
	return Fails{}
}

func (r *reader) duration(n *yaml.Node) time.Duration {
	if n == nil {
		return 0
	}
	d, err := time.ParseDuration(n.Value)
	if n.Kind != yaml.ScalarNode || err != nil || d <= 0 || d > maxDuration {
		r.wrong(n, "write 500ms or 2s", "max-duration must be a time with its unit, of at most %s", maxDuration)
	}
	return d
}

func (r *reader) old(n raw) *Comparison {
	if n.against == nil {
		if n.ignore != nil {
			r.wrong(n.ignore, "", "ignore belongs to against: old, which is missing")
		}
		return nil
	}
	if n.against.Kind != yaml.ScalarNode || n.against.Value != "old" {
		r.wrong(n.against, "", "against must be old: the version that the alias points to")
	}
	c := &Comparison{}
	if n.ignore == nil {
		return c
	}
	items := []*yaml.Node{n.ignore}
	if n.ignore.Kind == yaml.SequenceNode {
		items = n.ignore.Content
	}
	for _, item := range items {
		p, err := ParsePath(item.Value)
		if item.Kind != yaml.ScalarNode || err != nil {
			r.wrong(item, "write body.items[*].id", "ignore must be a list of paths into the answer")
			continue
		}
		c.Ignore = append(c.Ignore, p)
	}
	return c
}

// value returns a YAML value as decodeJSON returns JSON.
func (r *reader) value(n *yaml.Node) any {
	v, err := decodeJSON(r.json(n))
	if err != nil {
		return nil // reported by json
	}
	return v
}
