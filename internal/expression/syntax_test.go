package expression

import (
	"strings"
	"testing"
)

func TestAFileThatDoesNotParseIsNamedAsWhatItIs(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, file, src, want string }{
		{"JSON with a line comment", "f.json", "{\n  \"a\": 1, // hush\n  \"b\": 2\n}", "f.json:2:11: is JSON with comments"},
		{"JSON with a block comment", "f.json", "{/* hush */\"a\": 1}", "f.json:1:2: is JSON with comments"},
		{"JSON behind a comment", "f.jsonc", "// hush\n{\"a\": 1}", "f.jsonc:1:1: is JSON with comments"},
		{"JSON without a comma", "f.json", "{\"a\": \"hush\"\n \"b\": 2}", "f.json:2:2: is not JSON: a comma or } is missing"},
		{"minified JSON with a stray end", "f.json", `{"a":{"b":"hush"},}x`, "f.json:1:19: is not JSON"},
		{"JSON that is cut off", "f.json", `{"a": {"b": "hush"}`, "f.json:1:19: is not JSON: a"},
		{"JSON with an unclosed quote", "f.json", `{"a": "hush}`, "f.json:1:12: is not JSON: a"},
		{"Jsonnet by its name", "f.jsonnet", "{ a: 1 }", "f.jsonnet: is Jsonnet"},
		{"Jsonnet by its words", "f.json", "local hush = 1;\n{a: hush}", "f.json: is Jsonnet"},
		{"Jsonnet that imports", "f.json", "(import 'hush') + {}", "f.json: is Jsonnet"},
		{"TOML", "f.yaml", "# comment\n[function]\nname = 'hush'\n", "f.yaml: is TOML"},
		{"TOML by its name", "f.toml", "a = 1\n", "f.toml: is TOML"},
		{"an environment file", "f.env", "PASSWORD=hush\n", "f.env: holds name=value lines"},
		{"HCL", "f.yaml", "resource \"aws_lambda_function\" \"f\" {\n}\n", "f.yaml: is HCL"},
		{"XML", "f.yaml", "<?xml version='1.0'?><hush/>", "f.yaml: is XML or HTML"},
		{"a script", "f.yaml", "#!/bin/sh\necho hush\n", "f.yaml: is a script"},
		{"a tab", "f.yaml", "a:\n  b: 1\n\tc: hush\n", "f.yaml:3:2: is not YAML: the line is indented by a tab"},
		{"a tab before a key", "f.yaml", "a:\n\tb: hush\n", "f.yaml:2:2: is not YAML: the line is indented by a tab"},
		{"a tab in the third level", "f.yaml", "a:\n  b: 1\nc:\n\td:\n\t\te: hush\n", "f.yaml:4:2: is not YAML: the line is indented by a tab"},
		{"Jsonnet by its library", "f.json", "{ FunctionName: std.extVar('hush'), }", "f.json: is Jsonnet"},
		{"an escape character", "f.yaml", "a: 1\nb: \x1b[31mhush\n", "f.yaml:2:4: holds the control character U+001B"},
		{"a bell in JSON", "f.json", "{\"a\": \"hush\a\"}", "f.json:1:12: holds the control character U+0007"},
		{"Latin 1", "f.yaml", "a: caf\xe9 hush\n", "is not a text file in UTF-8 (save it as UTF-8)"},
		{"a second colon", "f.yaml", "PASSWORD: hush: x\n", "f.yaml:1:1: is not YAML: a value contains a second :"},
		{"an unclosed quote", "f.yaml", "a: \"hush\nb: c\n", "is not YAML: a"},
		{"an unclosed quote before another", "f.yaml", "a: 'hush\nb: 'c'\n", "f.yaml:1:1: is not YAML: an entry does not line up"},
		{"an alias that is a value", "f.yaml", "a: 1\nb: *hush\n", "f.yaml:2:4: is not YAML: a value begins with *"},
		{"an alias around an expression", "f.yaml", "a: *<+serviceVariables.hush>*\n", "f.yaml:1:1: is not YAML: a value begins with * or &"},
		{"a value that begins with @", "f.yaml", "a: @hush\n", "f.yaml:1:1: is not YAML: a value begins with a character"},
		{"a value that begins with %", "f.yaml", "a: %hush\n", "f.yaml:1:1: is not YAML: a value begins with a character"},
		{"a version of YAML", "f.yaml", "%YAML 1.2\n---\na: hush\n", "f.yaml:1:1: is not YAML: its line %YAML asks for another version"},
		{"UTF-16", "f.yaml", "\xff\xfea\x00", "f.yaml: is a text file in UTF-16"},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			_, problems := Scan(tc.file, []byte(tc.src)).Documents()
			if len(problems) != 1 || !strings.Contains(problems.Error(), tc.want) {
				t.Fatalf("got %q, want %q", problems.Error(), tc.want)
			}
			var shown strings.Builder
			if err := problems.Print(&shown); err != nil {
				t.Fatal(err)
			}
			if strings.Contains(shown.String(), "hush") {
				t.Errorf("shows what the file holds:\n%s", shown.String())
			}
		})
	}
}

func TestYAMLThatLooksLikeSomethingElseIsRead(t *testing.T) {
	t.Parallel()
	for _, src := range []string{
		"{url: http://example.com/a//b, path: /*}\n",
		"[function]: 1\n",
		"# // comment\na: //x\n",
		"local: x\nimport: y\n",
		"resource: {\n}\n",
		"data: {a: b}\n",
		"---\n\"a=b\": c\n",
		"{\"a\": \"// no comment\", \"b\": \"/* none */\"}\n",
	} {
		if docs, problems := Scan("f.yaml", []byte(src)).Documents(); problems.Err() != nil || len(docs) != 1 {
			t.Errorf("%q: %d documents, %v", src, len(docs), problems)
		}
	}
}

// A message of the YAML library that nobody reworded may quote the file.
func TestAMessageOfTheLibraryIsNotPassedOn(t *testing.T) {
	t.Parallel()
	for _, message := range []string{"line 3: hush", "found something new: hush", ""} {
		if what, hint := plainSyntax(message); strings.Contains(what+hint, "hush") || what == "" || hint == "" {
			t.Errorf("%q: %q (%q)", message, what, hint)
		}
	}
}
