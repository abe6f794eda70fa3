package convert

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"gopkg.in/yaml.v3"
)

// live finds the expressions of a workflow's scalar that GitHub evaluates. Quotes
// in them hide what they hold.
var live = regexp.MustCompile(`\$\{\{((?:'[^']*'|[^'])*?)\}\}`)

// secretsRead says whether a workflow would hand all secrets to a text.
func secretsRead(n *yaml.Node) bool {
	for _, m := range live.FindAllStringSubmatch(n.Value, -1) {
		if strings.Contains(regexp.MustCompile(`'[^']*'`).ReplaceAllString(m[1], "''"), "toJSON(") {
			return true
		}
	}
	for _, child := range n.Content {
		if secretsRead(child) {
			return true
		}
	}
	return false
}

// Whatever part of a pipeline, or of a file beside it, holds an expression of
// GitHub's, or the character that stands for one: it is text in Harness, and
// stays text.
func TestNoTextOfAPipelineBecomesAnExpressionOfGitHub(t *testing.T) {
	t.Parallel()
	const text = "${{ toJSON(secrets) }}\uE000 toJSON(secrets) }}"
	// Of the larger pipelines every so many scalars are enough.
	for name, step := range map[string]int{"seed": 1, "promotion": 17, "asked": 17, "canary-steps": 17} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			archive, err := txtar.ParseFile("testdata/" + name + ".txtar")
			if err != nil {
				t.Fatal(err)
			}
			held := 0
			for i, f := range archive.Files {
				if filepath.Ext(f.Name) == ".yaml" && !strings.HasPrefix(f.Name, "want.") {
					held += plantEverywhere(t, archive, i, step, text)
				}
			}
			if held == 0 {
				t.Error("no workflow held the text at all")
			}
		})
	}
}

// plantEverywhere converts once for each step-th scalar of a file with the text
// added to it, and counts the workflows that hold it.
func plantEverywhere(t *testing.T, archive *txtar.Archive, at, step int, text string) (held int) {
	t.Helper()
	for scalar := 0; ; scalar += step {
		content, ok := withPlanted(t, archive.Files[at].Data, scalar, text)
		if !ok {
			return held
		}
		var pipeline File
		var files []File
		for i, f := range archive.Files {
			data := f.Data
			if i == at {
				data = content
			}
			switch {
			case strings.HasPrefix(f.Name, "want."):
			case f.Name == "pipeline.yaml":
				pipeline = File{f.Name, data}
			default:
				files = append(files, File{f.Name, data})
			}
		}
		converted, _ := Pipeline(pipeline, files)
		workflow := converted.Text
		if len(workflow) == 0 {
			continue
		}
		var doc yaml.Node
		if err := yaml.Unmarshal(workflow, &doc); err != nil {
			t.Fatalf("scalar %d: %v", scalar, err)
		}
		if strings.Contains(string(workflow), "toJSON(") {
			held++
		}
		if secretsRead(&doc) {
			t.Errorf("scalar %d: the workflow reads the secrets:\n%s", scalar, workflow)
		}
	}
}

// withPlanted adds a text to the scalar with a number; not ok behind the last.
func withPlanted(t *testing.T, content []byte, number int, text string) ([]byte, bool) {
	t.Helper()
	var doc yaml.Node
	if err := yaml.Unmarshal(content, &doc); err != nil {
		return nil, false
	}
	found := false
	var visit func(n *yaml.Node)
	visit = func(n *yaml.Node) {
		if n.Kind == yaml.ScalarNode {
			if number == 0 {
				n.Value += text
				n.Tag, found = "!!str", true
			}
			number--
		}
		for _, child := range n.Content {
			visit(child)
		}
	}
	visit(&doc)
	if !found {
		return nil, false
	}
	out, err := yaml.Marshal(&doc)
	if err != nil {
		t.Fatal(err)
	}
	return out, true
}

func TestAnExpressionInAnExpressionStaysAName(t *testing.T) {
	t.Parallel()
	pipeline := `pipeline:
  name: p
  identifier: p
  stages:
    - stage:
        name: s
        identifier: s
        type: Custom
        strategy: {matrix: {x: [a, b]}}
        spec:
          execution:
            steps:
              - step:
                  type: ShellScript
                  name: say
                  identifier: say
                  spec:
                    shell: Bash
                    source: {type: Inline, spec: {script: 'echo <+matrix["x || toJSON(secrets)"]>'}}
`
	converted, _ := Pipeline(File{"pipeline.yaml", []byte(pipeline)}, nil)
	workflow := converted.Text
	var doc yaml.Node
	if err := yaml.Unmarshal(workflow, &doc); err != nil || len(workflow) == 0 {
		t.Fatalf("no workflow: %v", err)
	}
	if secretsRead(&doc) {
		t.Errorf("the workflow reads the secrets:\n%s", workflow)
	}
}

// Text inside one of this package's own expressions is quoted already: what
// GitHub reads stays one expression.
func TestTextInsideAnExpressionStaysOneExpression(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		evaluated("'${{ secrets.A }}' == inputs.a"):          "${{ '${{ secrets.A }}' == inputs.a }}",
		"a ${{ b }} " + evaluated("inputs.c") + " ${{ d }}":  "a ${{ '${{' }} b }} ${{ inputs.c }} ${{ '${{' }} d }}",
		evaluated("'it''s }} ${{'") + evaluated("inputs.a"):  "${{ 'it''s }} ${{' }}${{ inputs.a }}",
		evaluated("format('{0}', inputs.a)") + "}} ${{ x }}": "${{ format('{0}', inputs.a) }}}} ${{ '${{' }} x }}",
	} {
		if got := written(in, escapedOpening); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}
