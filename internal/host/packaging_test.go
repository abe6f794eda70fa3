package host_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"

	"github.com/lambda-rollout/lambda-rollout/internal/host"
	"github.com/lambda-rollout/lambda-rollout/internal/input"
)

// The table in the code is the only one: action.yml and docs/inputs.md hold what it
// says, between two markers.
// It runs before the parallel tests, which read what -update writes.
func TestPackagingFollowsTheTable(t *testing.T) {
	for _, tc := range []struct{ file, begin, end, want string }{
		{"action.yml", "  # inputs: begin\n", "  # inputs: end\n", actionInputs()},
		{"action.yml", "  # outputs: begin\n", "  # outputs: end\n", actionOutputs()},
		{"docs/inputs.md", "<!-- inputs: begin -->\n", "<!-- inputs: end -->\n", readmeInputs()},
		{"docs/inputs.md", "<!-- outputs: begin -->\n", "<!-- outputs: end -->\n", readmeOutputs()},
	} {
		file := filepath.Join("..", "..", tc.file)
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		before, rest, ok := strings.Cut(string(text), tc.begin)
		got, after, closed := strings.Cut(rest, tc.end)
		if !ok || !closed {
			t.Fatalf("%s has no %q … %q", tc.file, tc.begin, tc.end)
		}
		if *host.Update {
			if err := os.WriteFile(file, []byte(before+tc.begin+tc.want+tc.end+after), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%s does not follow the table; run go test ./internal/host -run Packaging -update\n%s", tc.file, diff)
		}
	}
}

// What GitHub reads of action.yml has the names and defaults of the table,
// whatever the text between the markers looks like.
func TestPackagingHasTheDefaultsOfTheCode(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("..", "..", "action.yml"))
	if err != nil {
		t.Fatal(err)
	}
	var action struct {
		Inputs map[string]struct {
			Default  string
			Required bool
		}
		Outputs map[string]any
		Runs    struct {
			Using, Image, Entrypoint string
			PostEntrypoint           string `yaml:"post-entrypoint"`
			PostIf                   string `yaml:"post-if"`
			Env                      map[string]string
		}
	}
	dec := yaml.NewDecoder(bytes.NewReader(text))
	if err := dec.Decode(&action); err != nil {
		t.Fatal(err)
	}
	for _, in := range input.Table() {
		got, ok := action.Inputs[in.Name]
		want := in.Default
		if in.ActionDefault != "" {
			want = in.ActionDefault
		}
		if !ok || got.Default != want || got.Required {
			t.Errorf("input %s = %+v, want the default %q and not required", in.Name, got, want)
		}
		delete(action.Inputs, in.Name)
	}
	for name := range action.Inputs {
		t.Errorf("action.yml has the input %s, the table does not", name)
	}
	if len(action.Outputs) != len(host.Outputs()) {
		t.Errorf("action.yml has %d outputs, the code %d", len(action.Outputs), len(host.Outputs()))
	}
	if action.Runs.Using != "docker" || action.Runs.Entrypoint != "/lambda-rollout" || action.Runs.PostEntrypoint != "/rollback" ||
		action.Runs.PostIf != "failure() || cancelled()" || action.Runs.Env["LAMBDA_ROLLOUT_POST"] != "1" {
		t.Errorf("runs = %+v", action.Runs)
	}
}

// Every setting in an example pipeline and in a page about a plugin is an input.
func TestExamplesNameInputsThatExist(t *testing.T) {
	t.Parallel()
	root := filepath.Join("..", "..")
	files := 0
	for _, pattern := range []string{"examples/*.y*ml", "examples/github/*.yml", "docs/*.md", "README.md"} {
		found, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range found {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, document := range documents(file, string(text)) {
				var node yaml.Node
				if err := yaml.Unmarshal([]byte(document), &node); err != nil {
					t.Errorf("%s: %v", file, err)
				}
				checkSettings(t, file, &node)
				files++
			}
		}
	}
	if files < 10 {
		t.Errorf("only %d documents were found", files)
	}
}

// documents are the YAML of a file: all of it, or what is fenced in a page.
func documents(file, text string) []string {
	if filepath.Ext(file) != ".md" {
		return []string{text}
	}
	var found []string
	for i, part := range strings.Split(text, "```") {
		if document, ok := strings.CutPrefix(part, "yaml\n"); ok && i%2 == 1 {
			found = append(found, document)
		}
	}
	return found
}

func checkSettings(t *testing.T, file string, node *yaml.Node) {
	t.Helper()
	if node.Kind == yaml.MappingNode {
		text, err := yaml.Marshal(node)
		if err != nil {
			t.Fatal(err)
		}
		var step struct {
			Uses                 string
			With, Settings       map[string]any
			Commands, Entrypoint any
		}
		// A mapping of another shape is no step.
		_ = yaml.Unmarshal(text, &step)
		if strings.HasPrefix(step.Uses, "lambda-rollout/") {
			checkNames(t, file, "INPUT_", step.With)
		}
		checkNames(t, file, "PLUGIN_", step.Settings)
		if len(step.Settings) > 0 && (step.Commands != nil || step.Entrypoint != nil) {
			t.Errorf("%s: Woodpecker refuses a step with settings beside commands or entrypoint", file)
		}
	}
	for _, child := range node.Content {
		checkSettings(t, file, child)
	}
}

func checkNames(t *testing.T, file, prefix string, settings map[string]any) {
	t.Helper()
	options := input.Options{Prefixes: []string{prefix}, Command: "version"}
	for name := range settings {
		options.Env = append(options.Env, prefix+strings.ToUpper(name)+"=x")
	}
	request, err := input.Parse(options)
	if err != nil {
		t.Fatal(err)
	}
	for _, warning := range request.Warnings {
		t.Errorf("%s: %s", file, warning.Message)
	}
}

func actionInputs() string {
	var b strings.Builder
	for _, in := range input.Table() {
		fmt.Fprintf(&b, "  %s:\n    description: %s\n    required: false\n", in.Name, quoted(in.Help))
		if in.ActionDefault != "" {
			fmt.Fprintf(&b, "    default: %s\n", in.ActionDefault)
		} else if in.Default != "" {
			fmt.Fprintf(&b, "    default: %s\n", quoted(in.Default))
		}
	}
	return b.String()
}

func actionOutputs() string {
	var b strings.Builder
	for _, o := range host.Outputs() {
		fmt.Fprintf(&b, "  %s:\n    description: %s\n", o.Name, quoted(o.Help))
	}
	return b.String()
}

func readmeInputs() string {
	var b strings.Builder
	b.WriteString("| input | meaning | default |\n|---|---|---|\n")
	for _, in := range input.Table() {
		def := ""
		if in.Default != "" {
			def = "`" + in.Default + "`"
		}
		linked := regexp.MustCompile(`docs/([a-z-]+\.md)`).ReplaceAllString(in.Help, "[$1]($1)") // the page is in docs, too
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", in.Name, cell(linked), def)
	}
	return b.String()
}

func readmeOutputs() string {
	var b strings.Builder
	b.WriteString("| output | meaning |\n|---|---|\n")
	for _, o := range host.Outputs() {
		fmt.Fprintf(&b, "| `%s` | %s |\n", o.Name, cell(o.Help))
	}
	return b.String()
}

// cell keeps a table row in one piece: <+…> is no tag and | ends no cell.
func cell(text string) string {
	return strings.NewReplacer("|", `\|`, "<", "&lt;").Replace(text)
}

// quoted is a text as YAML, of which JSON is a part.
func quoted(text string) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(text); err != nil {
		panic(err)
	}
	return strings.TrimSpace(b.String())
}

// A page says of a step with environment beside settings what the code does with it.
func TestTheWoodpeckerPageSaysWhichStepsGetTheirSettings(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "plugin-woodpecker.md"))
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Join(strings.Fields(string(page)), " ")
	env := []string{"CI=woodpecker", "CI_STEP_TYPE=commands", "DB=x", "PLUGIN_SERVICE=s.yaml", "PLUGIN_SECRETS_FROM=db=env:DB"}
	h := host.Detect(host.Options{Env: env})
	request, err := input.Parse(input.Options{Env: env, Prefixes: h.Prefixes()})
	if err != nil || request.Set.Map("secrets-from")["db"] != "env:DB" {
		t.Errorf("a step with environment: %v", err)
	}
	if !strings.Contains(text, "A step may have `environment:` beside `settings:`; it still gets its settings.") ||
		!strings.Contains(text, "refuses the whole file if a step has `commands:` or `entrypoint:` beside `settings:`") || strings.Contains(text, "gets no settings") {
		t.Error("the page says something else")
	}
}
