package convert

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
	"gopkg.in/yaml.v3"

	"github.com/lambda-rollout/lambda-rollout/internal/diag"
	"github.com/lambda-rollout/lambda-rollout/internal/expression"
)

func unset(string) (string, bool) { return "", false }

// variables are functions by which an option file asks for variables.
type variables struct{}

func (variables) Names() []string { return []string{"env", "must_env"} }

func (variables) Call(name string, args []expression.Value) (expression.Value, error) {
	if name != "env" && name != "must_env" {
		return expression.Value{}, expression.UnknownFunction{Name: name}
	}
	return expression.NewString("${{ vars." + args[0].Text() + " }}"), nil
}

// convertArchive converts an archive's first file, or its folder of lambroll.
func convertArchive(archive *txtar.Archive) (Result, diag.List) {
	first := File{archive.Files[0].Name, archive.Files[0].Data}
	if filepath.Ext(first.Name) == ".yml" {
		return Convert(first, nil)
	}
	folder := Folder{Name: filepath.Dir(first.Name), Env: unset, Functions: variables{}}
	for _, f := range archive.Files {
		switch filepath.Base(f.Name) {
		case "option.json":
			folder.Option = File{f.Name, f.Data}
		default:
			folder.Files = append(folder.Files, File{f.Name, f.Data})
		}
	}
	return Lambroll(folder)
}

// Each archive's files become what its comment's golden file holds: the files that are
// made, how often they stop, and what is said beside them.
func TestPeers(t *testing.T) {
	t.Parallel()
	archives, err := filepath.Glob("testdata/peers/*.txtar")
	if err != nil || len(archives) < 6 {
		t.Fatalf("%d archives: %v", len(archives), err)
	}
	for _, name := range archives {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			t.Parallel()
			archive, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			result, problems := convertArchive(archive)
			got := &txtar.Archive{}
			for _, f := range result.Files {
				got.Files = append(got.Files, txtar.File{Name: f.Name, Data: f.Content})
			}
			var said strings.Builder
			fmt.Fprintf(&said, "%d stops\n", result.Stops)
			if err := problems.Print(&said); err != nil {
				t.Fatal(err)
			}
			got.Files = append(got.Files, txtar.File{Name: "said", Data: []byte(said.String())})
			golden := strings.TrimSuffix(name, ".txtar") + ".golden"
			if *update {
				if err := os.WriteFile(golden, txtar.Format(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(txtar.Format(got))); diff != "" {
				t.Error(diff)
			}
			if strings.Contains(result.Files[0].Name, "workflows") {
				lint(t, result.Files[0].Content)
			}
		})
	}
}

// Whatever a peer's step says comes out somewhere: in the definition, among the inputs
// of our step, or as what stops the workflow.
func TestNoInputOfAPeerIsDropped(t *testing.T) {
	t.Parallel()
	values := map[string]string{"json": `{"A": "b"}`, "number": "300", "pairs": "A=b", "truth": "true", "flag": "true", "is": "false", "dry": "true", "package": "Image"}
	for name, table := range map[string]string{"aws-lambda-deploy": awsLambdaDeploy, "lambda-action": lambdaAction} {
		for line := range strings.Lines(strings.TrimSpace(table)) {
			input, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
			kind, _, _ := strings.Cut(rest, " ")
			if kind == "ignored" {
				continue
			}
			value := values[kind]
			if value == "" {
				value = "some-value"
			}
			for _, filled := range []string{value, "${{ vars.X }}"} {
				doc := expression.NewScalar("w.yml", "")
				s := (&converter{}).newPeerStep(gitHub, doc, name, table)
				step := newMapping()
				put(step, strings.ReplaceAll(input, "-", "_"), scalar(filled))
				s.inputs(step)
				if len(s.definition.Content)+len(s.with.Content)+len(s.left)+len(s.object)+len(s.sources) == 0 && !s.dry {
					t.Errorf("%s: nothing came of %s: %s", name, input, filled)
				}
				if strings.Contains(filled, "${{") && strings.Contains(fmt.Sprint(flat(s.definition)), "${{") {
					t.Errorf("%s: %s: the definition holds what only a workflow fills in: %v", name, input, flat(s.definition))
				}
			}
		}
	}
}

func flat(n *yaml.Node) (out []string) {
	out = append(out, n.Value)
	for _, child := range n.Content {
		out = append(out, flat(child)...)
	}
	return out
}

// No value of a run can become more than a value of the function.
func TestWhatARunFillsInIsOneJSONText(t *testing.T) {
	t.Parallel()
	s := (&converter{}).newPeerStep(gitHub, nil, "", "")
	for text, want := range map[string]string{
		"${{ vars.A }}":                     "${{ toJSON(vars.A) }}",
		"a${{ vars.A }}":                    "${{ toJSON(format('a{0}', vars.A)) }}",
		"it's {x} ${{ a }}/${{ b }}":        "${{ toJSON(format('it''s {{x}} {0}/{1}', a, b)) }}",
		"${{ format('}}', x) }}":            "${{ toJSON(format('}}', x)) }}",
		"${{ a }}${{ b || '${{' }} ${{open": "${{ toJSON(format('{0}{1} ${{{{open', a, b || '${{')) }}",
	} {
		if got := s.asJSON(text); got != want {
			t.Errorf("%s is %s, want %s", text, got, want)
		}
	}
}

func TestAnInputThatIsGivenTwice(t *testing.T) {
	t.Parallel()
	got, problems := peerSteps(File{"w.yml", []byte("steps:\n  - uses: aws-actions/aws-lambda-deploy@v1\n    with:\n      function-name: a\n      role: b\n      ROLE: c\n")})
	if problems.Err() != nil || got.Stops != 1 || !strings.Contains(problems.Error(), "the step gives it twice") || strings.Contains(string(got.Files[1].Content), "role: c") {
		t.Errorf("%v\n%s", problems, got.Files)
	}
}

// Every run of a composite action names its shell.
func TestAnActionsStepStops(t *testing.T) {
	t.Parallel()
	got, problems := peerSteps(File{"action.yml", []byte("runs:\n  using: composite\n  steps:\n    - uses: aws-actions/aws-lambda-deploy@v1\n      with:\n        function-name: a\n        dry-run: ${{ inputs.dry }}\n")})
	if problems.Err() != nil || got.Stops != 1 || !strings.Contains(string(got.Files[0].Content), "        exit 1\n      shell: bash\n") {
		t.Errorf("%v\n%s", problems.Err(), got.Files[0].Content)
	}
}

func TestAnAliasOfWhatIsConverted(t *testing.T) {
	t.Parallel()
	const step = "      - uses: aws-actions/aws-lambda-deploy@v1\n        with: &w\n          function-name: &n a\n          handler: *n\n          code-artifacts-dir: dist\n"
	for text, want := range map[string]string{
		"":                                     "",
		"  e:\n    env: {A: *n}\n":             "w.yml:10:14: *n stands for a part of a step that is converted",
		"  e:\n    steps:\n      - with: *w\n": "w.yml:11:15: *w stands for a part of a step that is converted",
	} {
		got, problems := peerSteps(File{"w.yml", []byte("jobs:\n  d:\n    steps:\n" + step + text)})
		if said := problems.Error(); (want == "") != (problems.Err() == nil) || !strings.Contains(said, want) || want != "" && len(got.Files) > 0 {
			t.Errorf("%q: %s, want %q", text, said, want)
		}
	}
}

func FuzzSteps(f *testing.F) {
	archives, err := filepath.Glob("testdata/peers/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range archives {
		archive, err := txtar.ParseFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(archive.Files[0].Data)
	}
	f.Add([]byte("jobs:\n  d:\n    steps:\n      - uses: aws-actions/aws-lambda-deploy@v1\n        with: &w\n          function-name: &n a\n      - with: {<<: *w, x: *n}\n"))
	f.Fuzz(func(t *testing.T, content []byte) {
		result, problems := peerSteps(File{"w.yml", content})
		if problems.Err() != nil {
			if len(result.Files) > 0 {
				t.Error("files beside an error")
			}
			return
		}
		for _, file := range result.Files[1:] {
			var definition map[string]any
			if err := yaml.Unmarshal(file.Content, &definition); err != nil {
				t.Errorf("a definition is no YAML: %v\n%s", err, file.Content)
			}
		}
		var doc yaml.Node
		if err := yaml.Unmarshal(result.Files[0].Content, &doc); err != nil {
			t.Errorf("the workflow is no YAML any more: %v\n%s", err, result.Files[0].Content)
		}
	})
}

// The README counts the inputs of aws-lambda-deploy as the table does, which is that of
// the release that added durable functions.
func TestTheReadmeCountsTheInputsOfAPeer(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	if _, is := ruleOf(awsLambdaDeploy, "durable-config"); !is {
		t.Error("the table is of another release")
	}
	inputs := strings.Count(strings.TrimSpace(awsLambdaDeploy), "\n") + 1
	if want := fmt.Sprintf("| definition | JSON or YAML file | %d inputs (%d since 1.1.1) |", inputs-1, inputs); !strings.Contains(string(readme), want) {
		t.Errorf("the README does not say %q", want)
	}
}
