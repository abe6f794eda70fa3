package expression

import (
	"errors"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// fakeFunctions return their name and arguments; broken fails, secret is one.
type fakeFunctions struct{}

func (fakeFunctions) Names() []string { return []string{"env", "must_env", "broken"} }

func (fakeFunctions) Call(name string, args []Value) (Value, error) {
	var texts []string
	for _, a := range args {
		texts = append(texts, a.Text())
	}
	joined := strings.Join(texts, ",")
	switch name {
	case "env":
		return NewString("<" + joined + ">"), nil
	case "raw":
		return NewString(joined), nil
	case "secret":
		return NewString("hunter22").Secret(), nil
	case "map":
		return NewMap([]Field{{"A", NewString("a")}}), nil
	case "broken":
		return Value{}, errors.New("it does not work")
	}
	return Value{}, UnknownFunction{name}
}

// templated is the document of a text after its templates.
func templated(t *testing.T, text string) (*Document, string) {
	t.Helper()
	docs, problems := ScanTemplates("function.json", []byte(text)).Documents()
	if len(problems) > 0 {
		return nil, problems.Error()
	}
	problems = docs[0].Render(docs[0].Root(), NewEvaluator(Env{Functions: fakeFunctions{}, Names: fakeScope{}}))
	if len(problems) > 0 {
		return nil, problems.Error()
	}
	return docs[0], ""
}

type fakeScope struct{}

func (fakeScope) Get(name string) (Value, bool) { return NewString("of " + name), name == "x" }
func (fakeScope) Names() []string               { return []string{"x"} }

func valueOf(n *yaml.Node, key string) *yaml.Node {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return &yaml.Node{}
}

func TestTemplatesAreFilledIntoTheirScalars(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"\"{{ env `A` }}\"":                   "<A>",
		`"{{ env "A" "B" }}"`:                 "<A,B>",
		`"{{env "A"}}"`:                       "<A>",
		"{{ env `A` }}":                       "<A>",
		"\"a {{ env `A` }} b {{ env `B` }}\"": "a <A> b <B>",
		"\"{{ env `A` | env `B` }}\"":         "<B,<A>>",
		"\"{{ env (env `A`) (raw `B` 3) }}\"": "<<A>,B,3>",
		"\"{{ map.A }}\"":                     "a",
		"\"{{ (map).A }}\"":                   "a",
		"\"a {{- env `A` -}} b\"":             "a<A>b",
		"\"a {{/* no */}}b\"":                 "a b",
		"\"{{ `{{` }}name}}\"":                "{{name}}",
		`"{{ "{{" }}name}}"`:                  "{{name}}",
		"\"{{ raw `}}` }}\"":                  "}}",
		"\"<+x> {{ env `A` }}\"":              "of x <A>",
		"\"{{ raw `<+x>` }}\"":                "<+x>",
		"\"{{ raw `\\\"}, \\\"B\\\": 1` }}\"": `\"}, \"B\": 1`,
		"\"{{ raw true }}\"":                  "true",
		"'{{ env `A` }}'":                     "<A>",
		"\"{{ env\n  `A`\n }}\"":              "<A>",
		"\"}} {\"":                            "}} {",
		"\"${{ secrets.A }}\"":                "${{ secrets.A }}",
		"\"${{ env `A` }}\"":                  "$<A>",
		"\"\\u0041{{ env `A` }}\"":            "A<A>",
	} {
		doc, problems := templated(t, `{"A": `+text+`, "B": 2}`)
		if problems != "" {
			t.Errorf("%s: %s", text, problems)
			continue
		}
		if got := valueOf(doc.Root(), "A").Value; got != want || len(doc.Root().Content) != 4 {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
	doc, problems := templated(t, "{\n  {{/* a comment }} */}}\n  \"{{ env `K` }}\": {{ raw `128` }},\n}")
	if problems != "" || valueOf(doc.Root(), "<K>").Value != "128" || !doc.Whole(valueOf(doc.Root(), "<K>")) {
		t.Errorf("%v %s", doc, problems)
	}
}

func TestATemplateThatCannotBeEvaluatedSaysWhereAndWhy(t *testing.T) {
	t.Parallel()
	for template, want := range map[string]string{
		"{{ if env `A` }}":    "1:11: conditions, loops, variables and data of templates are not evaluated",
		"{{ end }}":           "1:11: conditions, loops",
		"{{ range env `A` }}": "1:11: conditions, loops",
		"{{ .A }}":            "1:11: conditions, loops",
		"{{ $a := env `A` }}": "1:11: conditions, loops",
		"{{ envv `A` }}":      "1:11: templates have no function envv (did you mean \"env\"?)",
		"{{ name }}":          "1:11: templates have no function name (there are env, must_env, broken; write",
		"{{name}}":            "1:10: templates have no function name",
		"{{ broken }}":        "1:11: broken: it does not work",
		"{{ env (broken) }}":  "1:16: broken: it does not work",
		"{{ env `A }}":        "1:8: {{ is never closed",
		"{{ }}":               "1:11: a template without a function",
		"{{ env `A` | }}":     "a template without a function",
		"{{ `A` env }}":       "1:11: a template calls a function by its name, and this is a value",
		"{{ env (env `A` }}":  "1:15: a ( is never closed",
		"{{ env `A`) }}":      `1:18: ")" is not expected here in a template`,
		"{{ env 'A' }}":       `1:15: "'A'" is not expected here`,
		"{{ map.B }}":         "1:11: what map returns has no B",
		"{{ env 1x }}":        `1:15: "1x" is not a number`,
		"{{ #if a }}":         `1:11: "#if a`,
		"{{ env`A`":           "{{ is never closed",
	} {
		_, got := templated(t, `{"A": "`+template+`"}`)
		if !strings.Contains(got, want) {
			t.Errorf("%s: %s, want %s", template, got, want)
		}
	}
}

func TestTemplatesOfOtherTextsAreText(t *testing.T) {
	t.Parallel()
	docs, problems := Scan("function.yaml", []byte("A: '{{ env `A` }}'")).Documents()
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	if problems := docs[0].Render(docs[0].Root(), NewEvaluator(Env{Functions: fakeFunctions{}})); len(problems) > 0 {
		t.Fatal(problems)
	}
	if got := valueOf(docs[0].Root(), "A").Value; got != "{{ env `A` }}" {
		t.Errorf("%q", got)
	}
}

func TestAValueOfATemplateMayBeASecret(t *testing.T) {
	t.Parallel()
	docs, _ := ScanTemplates("function.json", []byte(`{"A": "{{ secret }}"}`)).Documents()
	e := NewEvaluator(Env{Functions: fakeFunctions{}})
	docs[0].Render(docs[0].Root(), e)
	if s := e.Secrets(); len(s) != 1 || s[0] != "hunter22" {
		t.Errorf("%q", s)
	}
}

// The places of a text with templates are those of the file.
func TestPlacesBehindATemplateAreTheFiles(t *testing.T) {
	t.Parallel()
	docs, problems := ScanTemplates("function.json", []byte("{\n \"A\": \"{{ env `A`\n }}\", \"B\": 1,\n \"C\": 2}")).Documents()
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	b, c := valueOf(docs[0].Root(), "B"), valueOf(docs[0].Root(), "C")
	if b.Line != 3 || b.Column != 12 || c.Line != 4 || c.Column != 7 {
		t.Errorf("B at %d:%d, C at %d:%d", b.Line, b.Column, c.Line, c.Column)
	}
}

func TestATextOfOpenTemplatesEndsAfterSomeProblems(t *testing.T) {
	t.Parallel()
	_, problems := ScanTemplates("function.json", []byte(strings.Repeat("{{", 100_000))).Documents()
	if len(problems) != maxWrongTemplates {
		t.Errorf("%d problems", len(problems))
	}
}

// Whatever a function returns, the document keeps its shape.
func FuzzTemplates(f *testing.F) {
	for _, text := range []string{"{{ raw `x` }}", "a{{- raw `\"` -}}b", "{{/* */}}", "{{ `{{` }}", "{{ raw (raw `a` | raw `b`).A }}", "{{ raw \"\\\"\" }}", "${{ env.A }}", "{{"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, around := range []string{`{"A": "%s", "B": 2}`, `{"A": %s, "B": 2}`, `{"%s": 1, "B": 2}`, "A: %s\nB: 2\n"} {
			docs, problems := ScanTemplates("f", []byte(strings.ReplaceAll(around, "%s", text))).Documents()
			if len(problems) > 0 || len(docs) != 1 {
				continue
			}
			before := shape(docs[0].Root())
			docs[0].Render(docs[0].Root(), NewEvaluator(Env{Functions: fakeFunctions{}, Names: fakeScope{}}))
			if after := shape(docs[0].Root()); after != before {
				t.Errorf("%s of %q: %s became %s", around, text, before, after)
			}
		}
	})
}

// shape is a document without its scalars.
func shape(n *yaml.Node) string {
	out := ""
	for _, child := range n.Content {
		out += shape(child)
	}
	return "(" + out + ")"
}
