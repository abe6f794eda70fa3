package expression

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"

	"github.com/lambda-rollout/lambda-rollout/internal/diag"
)

type names map[string]Value

func (n names) Get(name string) (Value, bool) { v, ok := n[name]; return v, ok }
func (n names) Names() []string               { return slices.Sorted(maps.Keys(n)) }

func testEnv() Env {
	return Env{
		Names: names{"serviceVariables": NewObject(names{
			"mem":   NewInt(256),
			"name":  NewString("hello"),
			"a-b":   NewString("hyphen"),
			"again": NewTemplate("<+serviceVariables.name>!", nil),
			"loop":  NewTemplate("<+serviceVariables.pool>", nil),
			"pool":  NewTemplate("<+serviceVariables.loop>", nil),
		})},
		Secrets: map[string]string{"db": "hunter22"},
		Now:     func() time.Time { return time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC) },
	}
}

// rendered gives the scalars of the first document by their key.
func rendered(t *testing.T, src string) (map[string]string, string) {
	t.Helper()
	docs, problems := Scan("f.json", []byte(src)).Documents()
	if err := problems.Err(); err != nil {
		return nil, err.Error()
	}
	problems = docs[0].Render(docs[0].Root(), NewEvaluator(testEnv()))
	if err := problems.Err(); err != nil {
		return nil, err.Error()
	}
	out := map[string]string{}
	root := docs[0].Root()
	for i := 0; i < len(root.Content); i += 2 {
		value := root.Content[i+1]
		if value.Kind != yaml.ScalarNode {
			continue
		}
		out[root.Content[i].Value] = value.Value
		if docs[0].Whole(value) {
			out[root.Content[i].Value] += " (whole)"
		}
	}
	return out, ""
}

func TestRenderFillsScalarsWithoutTouchingTheStructure(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		src  string
		want map[string]string
	}{
		"unquoted in JSON": {
			`{"memorySize": <+serviceVariables.mem>, "timeout": 3}`,
			map[string]string{"memorySize": "256 (whole)", "timeout": "3"},
		},
		"quotes inside quotes": {
			`{"a": "<+secrets.getValue("db")>", "b": "<+secrets.getValue(\"db\")>"}`,
			map[string]string{"a": "hunter22 (whole)", "b": "hunter22 (whole)"},
		},
		"in a longer text": {
			`{"a": "x-<+serviceVariables.get("a-b")>-<+serviceVariables.mem>-y"}`,
			map[string]string{"a": "x-hyphen-256-y"},
		},
		"an unquoted ternary with commas and colons": {
			`{"a": <+serviceVariables.mem > 128 ? "big, yes: so" : "small">}`,
			map[string]string{"a": "big, yes: so (whole)"},
		},
		"a YAML plain scalar": {
			"a: <+serviceVariables.name == 'x' ? 'p: q' : 'r # s'>\n",
			map[string]string{"a": "r # s (whole)"},
		},
		"single quotes doubled": {
			"a: '<+serviceVariables.name.replace(''h'', ''j'')>'\n",
			map[string]string{"a": "jello (whole)"},
		},
		"a comment is not read": {
			"# an open <+serviceVariables.x\na: 1 # <+nothing>\nb: <+serviceVariables.name>\n",
			map[string]string{"a": "1", "b": "hello (whole)"},
		},
		"keys": {
			`{"<+serviceVariables.name>_x": "1", "<+serviceVariables.mem>": "2"}`,
			map[string]string{"hello_x": "1", "256": "2"},
		},
		"private use characters stay": {
			"a: \"\U000F0000 <+serviceVariables.name>\"\n",
			map[string]string{"a": "\U000F0000 hello"},
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, problems := rendered(t, tc.src)
			if diff := cmp.Diff(tc.want, got); diff != "" || problems != "" {
				t.Errorf("%s\n%s", problems, diff)
			}
		})
	}
}

func TestProblemsPointIntoTheOriginalText(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ src, want string }{
		"behind other spans on the line": {
			"{\"a\": [<+serviceVariables.mem>, <+serviceVariables.nam>]}",
			`f.json:1:52: serviceVariables.nam is not known (did you mean "name"?)`,
		},
		"behind a span of several lines": {
			"a: |\n  <+serviceVariables\n  .mem>\nb: [\n",
			"f.json:4:1: is not YAML: a value is missing",
		},
		"inside escaped quotes": {
			`{"a": "<+secrets.getValue(\"dbb\")>"}`,
			`f.json:1:27: the secret "dbb" has no value (did you mean "db"?)`,
		},
		"a key": {
			"<+serviceVariables.nam>: 1\n",
			`f.json:1:20: serviceVariables.nam is not known (did you mean "name"?)`,
		},
		"a tab": {
			"a:\n  b: 1\n\tc: <+serviceVariables.name>\n",
			"f.json:3:2: is not YAML: the line is indented by a tab (indent with spaces)",
		},
		"not closed": {
			"a: \"<+serviceVariables.name\"\n",
			"f.json:1:4: the expression is not closed (an expression is written <+ … >)",
		},
		"a cycle": {
			"a: <+serviceVariables.loop>\n",
			"f.json:1:23: in serviceVariables.pool: serviceVariables.loop refers to itself: serviceVariables.loop -> serviceVariables.pool -> serviceVariables.loop",
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, got := rendered(t, tc.src); got != tc.want {
				t.Errorf("got  %s\nwant %s", got, tc.want)
			}
		})
	}
}

func TestExcerptsShowNothingOfHiddenNodes(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, src string
		// hide are paths of keys from the root; problem is the node that is at
		// problem, or empty for those that rendering finds.
		hide, want []string
	}{
		{
			"an expression keeps its names",
			"open: seen <+serviceVariables.nam>\na: <+serviceVariables.nam>\n",
			[]string{"a"},
			[]string{"open: seen <+serviceVariables.nam>", "a: <+serviceVariables.nam>"},
		},
		{
			"an expression between literals",
			"a: hush-<+serviceVariables.nam>-hush\n",
			[]string{"a"},
			[]string{""},
		},
		{
			"a literal behind the problem",
			"a: <+serviceVariables.nam == 'hush' ? \"hush\" : serviceVariables.mem>\n",
			[]string{"a"},
			[]string{"a: <+serviceVariables.nam == ***"},
		},
		{
			"a literal before the problem",
			"a: <+'hush' == serviceVariables.nam>\n",
			[]string{"a"},
			[]string{""},
		},
		{
			"in quotes",
			"{\"a\": \"<+serviceVariables.nam>hush\", \"b\": 1}\n",
			[]string{"a"},
			[]string{`{"a": "<+serviceVariables.nam>***`},
		},
		{
			"behind what is hidden on the same line",
			"{\"a\": \"hush\", \"b\": \"<+serviceVariables.nam>\"}\n",
			[]string{"a"},
			[]string{""},
		},
		{
			"before what is hidden on the same line",
			"{\"b\": \"<+serviceVariables.nam>\", \"a\": \"é hush\", \"c\": 2}\n",
			[]string{"a"},
			[]string{`{"b": "<+serviceVariables.nam>", "a": ***`},
		},
		{
			"on several lines",
			"{\"a\": \"hush\n   hush <+serviceVariables.nam>\n hush\", \"b\": \"<+serviceVariables.nam>\",\n \"c\": \"<+serviceVariables.nam>\"}\n",
			[]string{"a"},
			[]string{"", "", ` "c": "<+serviceVariables.nam>"}`},
		},
		{
			"with a comment behind it",
			"a: b # hush\n# hush\nc: <+serviceVariables.nam>\n",
			[]string{"a"},
			[]string{"c: <+serviceVariables.nam>"},
		},
		{
			"asterisks of the file",
			"b: \"*<+serviceVariables.nam>*\"\na: \"*<+serviceVariables.nam>*\"\n",
			[]string{"a"},
			[]string{`b: "*<+serviceVariables.nam>*"`, ""},
		},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			docs, problems := Scan("f", []byte(tc.src)).Documents()
			if problems.Err() != nil {
				t.Fatal(problems)
			}
			content := docs[0].Root().Content
			for i := 0; i+1 < len(content); i += 2 {
				if slices.Contains(tc.hide, content[i].Value) {
					docs[0].Hide(content[i+1])
				}
			}
			var lines []string
			for _, p := range docs[0].Render(docs[0].Root(), NewEvaluator(testEnv())).Sorted() {
				lines = append(lines, p.Source)
			}
			if diff := cmp.Diff(tc.want, lines); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestProblemsThatFollowFromAForgottenValueAreLeftOut(t *testing.T) {
	t.Parallel()
	docs, problems := Scan("f.json", []byte("a: <+serviceVariables.nam>\nb: !forgotten \U0010FFFE\n")).Documents()
	if problems.Err() != nil {
		t.Fatal(problems)
	}
	doc := docs[0]
	of := func(i int) diag.Problem {
		return doc.Problem(doc.Root().Content[i], "of "+doc.Root().Content[i].Value, "")
	}
	if before := doc.Apart(diag.List{of(0), of(1), of(3)}); len(before) != 3 {
		t.Errorf("before anything is forgotten: %v", before)
	}
	if problems := doc.Render(doc.Root(), NewEvaluator(testEnv())); len(problems) != 1 {
		t.Errorf("got %v", problems)
	}
	elsewhere := doc.Problem(doc.Root(), "a is "+doc.Root().Content[1].Value, "")
	if diff := cmp.Diff(diag.List{of(0), of(2)}, doc.Apart(diag.List{of(0), of(1), of(2), elsewhere})); diff != "" {
		t.Error(diff)
	}
}

// A zip that is given as a document is told which input takes it.
func TestAZipIsNamed(t *testing.T) {
	t.Parallel()
	_, problems := Scan("function.yaml", []byte("PK\x03\x04\x14\x00")).Documents()
	if len(problems) != 1 || problems[0].Message != "is a zip file" || problems[0].Hint == "" {
		t.Error(problems)
	}
}
