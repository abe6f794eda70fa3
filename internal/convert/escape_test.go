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
var (
	live   = regexp.MustCompile(`\$\{\{((?:'[^']*'|[^'])*?)\}\}`)
	quoted = regexp.MustCompile(`'[^']*'`)
)

// secretsRead says whether a workflow would hand all secrets to a text.
func secretsRead(n *yaml.Node) bool {
	for _, m := range live.FindAllStringSubmatch(n.Value, -1) {
		if strings.Contains(quoted.ReplaceAllString(m[1], "''"), "toJSON(") {
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
		if !*full {
			step *= 3
		}
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
	var doc yaml.Node
	if err := yaml.Unmarshal(archive.Files[at].Data, &doc); err != nil {
		return 0
	}
	all := scalars(&doc)
	for scalar := 0; scalar < len(all); scalar += step {
		content := withPlanted(t, &doc, all[scalar], text)
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
		var written yaml.Node
		if err := yaml.Unmarshal(workflow, &written); err != nil {
			t.Fatalf("scalar %d: %v", scalar, err)
		}
		if !strings.Contains(string(workflow), "toJSON") {
			continue
		}
		held++
		if secretsRead(&written) {
			t.Errorf("scalar %d: the workflow reads the secrets:\n%s", scalar, workflow)
		}
	}
	return held
}

// scalars are those of a document, in its order.
func scalars(n *yaml.Node) []*yaml.Node {
	var all []*yaml.Node
	if n.Kind == yaml.ScalarNode {
		all = append(all, n)
	}
	for _, child := range n.Content {
		all = append(all, scalars(child)...)
	}
	return all
}

// withPlanted is the document with a text added to one of its scalars.
func withPlanted(t *testing.T, doc, scalar *yaml.Node, text string) []byte {
	t.Helper()
	before := *scalar
	defer func() { *scalar = before }()
	scalar.Value += text
	scalar.Tag = "!!str"
	out, err := yaml.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	return out
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
