package document

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"

	"github.com/lambda-rollout/lambda-rollout/internal/diag"
	"github.com/lambda-rollout/lambda-rollout/internal/expression"
)

func parse(t *testing.T, src string) *expression.Document {
	t.Helper()
	docs, problems := expression.Scan("f", []byte(src)).Documents()
	if len(problems) > 0 || len(docs) != 1 {
		t.Fatalf("%d documents, %v", len(docs), problems)
	}
	return docs[0]
}

func TestReaderTakesWhatIsNeededAndTellsTheRest(t *testing.T) {
	t.Parallel()
	doc := parse(t, `
name: <+service.name>
on: true
list: [a, b]
one: c
items: [{x: 1}]
empty:
ignored: 1
unknown: 2
wrong: [1]
notBool: maybe
notList: x
notMap: x
alias: &a d
same: *a
`)
	var got struct {
		name, same, wrong, empty Text
		on, notBool              bool
		list, one                []Text
		items                    int
	}
	var problems diag.List
	var unknown []string
	r := Reader{
		Doc: doc, Report: func(f ...diag.Problem) { problems = append(problems, f...) },
		Unknown: func(key, _ *yaml.Node, _ string, known []string) { unknown = append(unknown, key.Value) },
	}
	r.Mapping(doc.Root(), "the file", Fields{
		"name": r.Text(&got.name, "name"), "same": r.Text(&got.same, "same"), "wrong": r.Text(&got.wrong, "wrong"),
		"empty": r.Text(&got.empty, "empty"), "on": r.Bool(&got.on, "on"), "notBool": r.Bool(&got.notBool, "notBool"),
		"list": r.Texts(&got.list, "list"), "one": r.Texts(&got.one, "one"),
		"items":   func(n *yaml.Node) { r.Items(n, "items", func(*yaml.Node) { got.items++ }) },
		"notList": func(n *yaml.Node) { r.Items(n, "notList", func(*yaml.Node) {}) },
		"notMap":  func(n *yaml.Node) { r.Mapping(n, "notMap", nil, "") },
		"alias":   func(*yaml.Node) {},
	}, "ignored")
	texts := func(list []Text) (out []string) {
		for _, t := range list {
			out = append(out, t.Raw())
		}
		return out
	}
	have := []any{got.name.Raw(), got.same.Raw(), got.wrong.Set(), got.empty.Set(), got.on, texts(got.list), texts(got.one), got.items, unknown}
	want := []any{"<+service.name>", "d", false, false, true, []string{"a", "b"}, []string{"c"}, 1, []string{"unknown"}}
	if diff := cmp.Diff(want, have); diff != "" {
		t.Error(diff)
	}
	wantProblems := `f:10:8: wrong must be a string, not a list
f:11:10: notBool must be true or false, not "maybe"
f:12:10: notList must be a list, not "x"
f:13:9: notMap must be a mapping, not "x"`
	if diff := cmp.Diff(wantProblems, problems.Error()); diff != "" {
		t.Error(diff)
	}
}

func TestTooLargeRefusesAliasesWithoutEnd(t *testing.T) {
	t.Parallel()
	bomb := "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
	for i := 1; i < 6; i++ {
		was, is := string(rune('0'+i-1)), string(rune('0'+i))
		bomb += "a" + is + ": &a" + is + " [" + strings.Repeat("*a"+was+", ", 9) + "*a" + was + "]\n"
	}
	for src, want := range map[string]bool{
		"a: [1, 2]":                 false,
		"a: &a [1, 2]\nb: [*a, *a]": false,
		bomb:                        true,
		"a: &a\n  b: *a\n":          true,
		"a: &a [*a]\n":              true,
		"[" + strings.Repeat("1, ", 100_001) + "1]": true,
	} {
		docs, problems := expression.Scan("f", []byte(src)).Documents()
		refused := len(problems) > 0 // the parser may refuse a circle itself
		for _, doc := range docs {
			refused = refused || TooLarge(doc) != nil
		}
		if refused != want {
			t.Errorf("%.40q: refused %t, want %t", src, refused, want)
		}
	}
}

func TestTextOfAnInputNamesIt(t *testing.T) {
	t.Parallel()
	text := Of("input artifact", "s3://<+nothing>/x")
	_, f := text.Doc.Value(text.Node, expression.NewEvaluator(expression.Env{}))
	if f == nil || f.Error() != "input artifact:1:8: nothing is not known" {
		t.Errorf("got %v", f)
	}
	if (Text{}).Set() || (Text{}).Raw() != "" || (Text{}).Template().Text() != "" {
		t.Error("the zero Text is not absent")
	}
}

func TestMergeKeysGiveWhatTheMappingDoesNotSay(t *testing.T) {
	t.Parallel()
	doc := parse(t, `
base: &base {a: 1, b: 1}
deep: &deep {<<: *base, b: 2, c: 2}
one: {b: 3, <<: *deep}
list: {<<: [{a: 4}, *deep]}
wrong: {<<: 5, a: 6}
`)
	want := map[string]string{
		"base": "a=1 b=1", "deep": "b=2 c=2 a=1", "one": "b=3 c=2 a=1", "list": "a=4 b=2 c=2", "wrong": "<<=5 a=6",
	}
	got := map[string]string{}
	root := Pairs(doc.Root())
	for i := 0; i < len(root); i += 2 {
		var pairs []string
		content := Pairs(root[i+1])
		for j := 0; j < len(content); j += 2 {
			pairs = append(pairs, content[j].Value+"="+content[j+1].Value)
		}
		got[root[i].Value] = strings.Join(pairs, " ")
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestNullsAreToldWhereTheyAreRead(t *testing.T) {
	t.Parallel()
	doc := parse(t, "text:\nlist: ~\nmapping: null\ntruth:\nignored:\n")
	var told []int
	var text Text
	var truth bool
	r := Reader{Doc: doc, Null: func(n *yaml.Node) { told = append(told, n.Line) }}
	r.Mapping(doc.Root(), "the file", Fields{
		"text":    r.Text(&text, "text"),
		"list":    func(n *yaml.Node) { r.Items(n, "list", nil) },
		"mapping": func(n *yaml.Node) { r.Mapping(n, "mapping", nil, "") },
		"truth":   r.Bool(&truth, "truth"),
	}, "ignored")
	if diff := cmp.Diff([]int{1, 2, 3, 4}, told); diff != "" {
		t.Error(diff)
	}
}
