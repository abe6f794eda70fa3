package verify

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTheInputHoldsFilesAndJSON(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		input string
		want  []Source
	}{
		{"a.json, b/*.json\nc.yaml", []Source{File("a.json"), File("b/*.json"), File("c.yaml")}},
		{`{"a": [1, 2]}`, []Source{Text(`{"a": [1, 2]}`)}},
		{"{\"a\":\n 1}\n{\"b\": \"x,y\"}, c.json", []Source{Text("{\"a\":\n 1}"), Text(`{"b": "x,y"}`), File("c.json")}},
		{"- a.json\n- {}", []Source{File("a.json"), Text("{}")}},
		{"", nil},
	} {
		got, err := Sources(tc.input)
		if diff := cmp.Diff(tc.want, got); diff != "" || err != nil {
			t.Errorf("%q: %v %s", tc.input, err, diff)
		}
	}
	if _, err := Sources(`{"a": `); err == nil {
		t.Error("JSON that does not end is taken")
	}
}

func TestAPayloadIsSentAsItIsWritten(t *testing.T) {
	t.Parallel()
	for _, payload := range []string{`{"a": 1.0}`, `[1]`, `"text"`, `null`, `{"cases": 3}`, `{"cases": [], "more": 1}`} {
		cases, problems := Read("dir/one.json", []byte(payload+"\n"), nil)
		if len(problems) > 0 || len(cases) != 1 || string(cases[0].Payload) != payload || cases[0].Name != "one.json" {
			t.Errorf("%s: %+v, %v", payload, cases, problems)
		}
	}
}

func TestCasesInYAMLAndJSONAreTheSame(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"cases:\n  - name: order\n    payload: {id: 1_000, at: 2026-01-01, yes: true, none: null}\n",
		"{\n\t\"cases\": [\n\t\t{\"name\": \"order\", \"payload\": {\"id\": 1000, \"at\": \"2026-01-01\", \"yes\": true, \"none\": null}}\n\t]\n}",
	} {
		cases, problems := Read("smoke", []byte(text), nil)
		if len(problems) > 0 || len(cases) != 1 {
			t.Fatalf("%s: %v", text, problems)
		}
		if got, want := string(cases[0].Payload), `{"id":1000,"at":"2026-01-01","yes":true,"none":null}`; got != want || cases[0].Name != "order" {
			t.Errorf("%s: payload %s, want %s", text, got, want)
		}
	}
}

// A closing bracket too many ends no JSON value.
func TestTextBehindAPayloadIsAProblem(t *testing.T) {
	t.Parallel()
	for _, payload := range []string{`{"id": 1}}`, `[1]]`, `{} {}`, `1,`} {
		if cases, problems := Read("one.json", []byte(payload), nil); len(problems) != 1 || !strings.Contains(problems[0].Error(), "there is more text") {
			t.Errorf("%s: %+v, %v", payload, cases, problems)
		}
		if _, err := ReadJSON(payload); err == nil {
			t.Errorf("verify-expect takes %s", payload)
		}
	}
}

// JSON has escapes that YAML lacks: two for a character beyond U+FFFF, and the
// slash's, as PHP writes it.
func TestCasesInJSONHaveItsEscapes(t *testing.T) {
	t.Parallel()
	cases, problems := Read("smoke.json", []byte(`{"cases": [{"payload": {"text": "\ud83d\uDE00 \\ud83d \/"}}]}`), nil)
	if len(problems) > 0 || len(cases) != 1 {
		t.Fatal(problems)
	}
	if got, want := string(cases[0].Payload), `{"text":"😀 \\ud83d /"}`; got != want {
		t.Errorf("payload %s, want %s", got, want)
	}
	_, problems = Read("smoke.json", []byte(`{"cases": [{"payload": "half a pair: \ud83d"}]}`), nil)
	if len(problems) != 1 || !strings.Contains(problems[0].Error(), "invalid Unicode character") {
		t.Error(problems)
	}
	// What YAML cannot read at all is named.
	_, problems = Read("smoke.json", []byte("{\"cases\": [{\"payload\": \"\u007f\"}]}"), nil)
	for _, p := range problems {
		if !strings.Contains(p.Error(), "control characters") {
			t.Error(p)
		}
	}
}

func TestExpectOfTheInputHoldsForEveryAnswer(t *testing.T) {
	t.Parallel()
	expect, err := ReadJSON(`{"ok": true}`)
	if err != nil {
		t.Fatal(err)
	}
	cases, problems := Read("smoke.yaml", []byte("cases: [{}, {expect: {id: 1}}, {expect-error: true}]"), []any{expect})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	answers := []Answer{{Payload: []byte(`{}`)}, {Payload: []byte(`{"id":2}`)}, {Payload: []byte(`{}`), Error: "Handled"}}
	for i, want := range []int{1, 2, 0} {
		if got := cases[i].Check(answers[i]); len(got) != want {
			t.Errorf("case %d: %q, want %d differences", i+1, got, want)
		}
	}
}

func TestEveryProblemOfCasesComesOutWithItsPlace(t *testing.T) {
	t.Parallel()
	_, problems := Read("smoke.yaml", []byte(`cases:
  - name: a
    payloads: {}
    max-duration: 5
  - name: a
    expect: {}
    expect-error: true
  - against: new
    ignore: ["a..b"]
  - ignore: [a]
  - expect-error: false
  - text
  - payload: {n: .inf}
  - payload: &p {}
  - payload: *p
  - function: "[a"
  - {name: " ", function: "", max-duration: 15m1s, expect-error: ""}
  - {name: [a], function: [a], max-duration: 0s}
  - {against: old, ignore: {a: b}}
  - {against: old, ignore: [[a]]}
  - {name: b, name: c, payload: {<<: {a: 1}}, max-duration: 15m}
other: 1
`), nil)
	want := []string{
		"smoke.yaml:22:1: unknown key \"other\" beside cases",
		"smoke.yaml:3:5: unknown key \"payloads\" in a case (did you mean \"payload\"?)",
		"smoke.yaml:4:19: max-duration must be a time with its unit, of at most 15m0s (write 500ms or 2s)",
		"smoke.yaml:5:11: there is another case \"a\"",
		"smoke.yaml:6:13: expect and expect-error exclude each other: an invocation either succeeds or fails",
		"smoke.yaml:8:14: against must be old: the version that the alias points to",
		"smoke.yaml:9:14: ignore must be a list of paths into the answer (write body.items[*].id)",
		"smoke.yaml:10:13: ignore belongs to against: old, which is missing",
		"smoke.yaml:11:19: expect-error must be true, text that the error's type or message contains, or a mapping such as {errorType: NotFound}",
		"smoke.yaml:12:5: case 6 must be a mapping (write name, payload, expect)",
		"smoke.yaml:13:18: .inf is not a JSON number (write it in quotes)",
		"smoke.yaml:15:14: aliases are not read here (repeat the value)",
		"smoke.yaml:16:15: function must be a function's name, or a pattern such as shop-*",
		"smoke.yaml:17:12: name must be text",
		"smoke.yaml:17:27: function must be a function's name, or a pattern such as shop-*",
		"smoke.yaml:17:66: expect-error must be true, text that the error's type or message contains, or a mapping such as {errorType: NotFound}",
		"smoke.yaml:17:45: max-duration must be a time with its unit, of at most 15m0s (write 500ms or 2s)",
		"smoke.yaml:18:12: name must be text",
		"smoke.yaml:18:27: function must be a function's name, or a pattern such as shop-*",
		"smoke.yaml:18:46: max-duration must be a time with its unit, of at most 15m0s (write 500ms or 2s)",
		"smoke.yaml:19:28: ignore must be a list of paths into the answer (write body.items[*].id)",
		"smoke.yaml:20:29: ignore must be a list of paths into the answer (write body.items[*].id)",
		"smoke.yaml:21:15: name is set twice",
		"smoke.yaml:21:34: a key must be text",
	}
	var got []string
	for _, p := range problems {
		got = append(got, p.Error())
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestAFileThatIsNeitherIsNamedWithItsPlace(t *testing.T) {
	t.Parallel()
	_, problems := Read("one.json", []byte("{\n  \"a\": 1,\n}\n"), nil)
	if len(problems) != 1 || !strings.HasPrefix(problems[0].Error(), "one.json:3:1: is neither a JSON payload nor a document with cases") {
		t.Errorf("%v", problems)
	}
	if _, problems = Read("big.json", []byte(`"`+strings.Repeat("x", maxPayload)+`"`), nil); len(problems) != 1 {
		t.Errorf("6 MB are taken: %v", problems)
	}
}

// Whatever is in a file, reading it ends with cases or with problems.
func FuzzRead(f *testing.F) {
	for _, seed := range []string{`{}`, "cases: [{payload: {a: 1}, expect: {a: 1}}]", "cases:\n - ignore: [a]\n   against: old", "cases: &a [*a]", `{"cases":[{"max-duration":"1s"}]}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		cases, problems := Read("f", []byte(text), nil)
		if len(cases) == 0 && len(problems) == 0 {
			t.Error("neither cases nor problems")
		}
		for _, c := range cases {
			if len(problems) == 0 && len(c.Payload) > 0 {
				if _, err := decodeJSON(c.Payload); err != nil {
					t.Errorf("payload %q: %v", c.Payload, err)
				}
			}
			c.Check(Answer{Payload: c.Payload})
		}
	})
}
