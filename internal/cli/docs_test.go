package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
	"github.com/lambda-rollout/lambda-rollout/internal/input"
)

// The examples of the README and of docs are what readers copy, so each of them
// is tried here:
//
//   - A fenced definition, and one in a table, is validated.
//   - A fenced workflow's or pipeline's steps are planned with their settings
//     against the embedded AWS; what needs values of a CI host is read alone.
//   - Fenced commands run in their order in a copy of the examples; those of a
//     block behind <!-- test: flags only, … --> are read alone, as are commands in
//     running text.

// block is a fenced block of a page.
type block struct {
	line           int
	language, text string
	// flagsOnly is set where the block's commands cannot run here.
	flagsOnly bool
}

var marker = regexp.MustCompile(`^\s*<!-- test: flags only, .+ -->$`)

// blocks are the fenced blocks of a page without their indentation.
func blocks(t *testing.T, page, text string) []block {
	t.Helper()
	var found []block
	var open *block
	indent, marked := "", false
	for i, line := range strings.Split(text, "\n") {
		fence := strings.TrimSpace(line)
		switch {
		case open != nil && fence == "```":
			found = append(found, *open)
			open, marked = nil, false
		case open != nil:
			open.text += strings.TrimPrefix(line, indent) + "\n"
		case strings.HasPrefix(fence, "```"):
			open = &block{line: i + 1, language: strings.TrimPrefix(fence, "```"), flagsOnly: marked}
			indent = line[:strings.Index(line, "`")]
			if !slices.Contains([]string{"sh", "yaml", "json"}, open.language) {
				t.Errorf("%s:%d: a block of %q, which no test tries", page, i+1, open.language)
			}
		case marker.MatchString(line):
			marked = true
		case fence != "":
			marked = false
		}
	}
	return found
}

func pages(t *testing.T) map[string]string {
	t.Helper()
	root := filepath.Join("..", "..")
	files, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil || len(files) < 5 {
		t.Fatalf("%d pages: %v", len(files), err)
	}
	all := map[string]string{}
	for _, file := range append(files, filepath.Join(root, "README.md")) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if name, _ := filepath.Rel(root, file); name != filepath.Join("docs", "summary.md") { // a run wrote that one
			all[name] = string(text)
		}
	}
	if testing.Short() { // for the race detector, which is slow
		delete(all, "README.md")
		delete(all, filepath.Join("docs", "second-day.md"))
	}
	return all
}

func TestTheExamplesOfThePagesWork(t *testing.T) {
	t.Parallel()
	for page, text := range pages(t) {
		t.Run(page, func(t *testing.T) {
			t.Parallel()
			e := newExamples(t, page)
			for _, b := range blocks(t, page, text) {
				switch b.language {
				case "sh":
					e.shell(b)
				default:
					e.document(b)
				}
			}
			for _, code := range regexp.MustCompile("`lambda-rollout ([^`]*)`").FindAllStringSubmatch(text, -1) {
				args := words(code[1])
				if !strings.Contains(code[1], "function") && slices.Contains([]string{"validate", "render", "plan", "policy"}, args[0]) {
					args = append(args, "--service", "service.yaml") // which files, the sentence leaves open
				}
				e.readFlags(0, args)
			}
			e.fragments(text)
			if page != "README.md" {
				return
			}
			// A newcomer sees the code change, and change back.
			if _, err := exec.LookPath("curl"); err != nil {
				t.Skip("the example's function is a shell script that calls curl")
			}
			answers := regexp.MustCompile(`Hello, \w+`).FindAllString(strings.Join(e.said, "\n"), -1)
			if want := []string{"Hello, world", "Hello, Lambda", "Hello, world", "Hello, world"}; !slices.Equal(answers, want) {
				t.Errorf("the example answered %q, want %q", answers, want)
			}
		})
	}
}

// examples is a workspace with this repository's examples and a function.
type examples struct {
	*bench
	page string
	// said is what the commands printed.
	said []string
}

func newExamples(t *testing.T, page string) *examples {
	e := &examples{bench: newBench(t, awslocal.Options{}), page: page}
	e.env = []string{"HOME=" + e.dir, "AWS_REGION=eu-central-1", "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test-test-test", "PATH=" + os.Getenv("PATH")}
	if err := os.CopyFS(filepath.Join(e.dir, "examples"), os.DirFS(filepath.Join("..", "..", "examples"))); err != nil {
		t.Fatal(err)
	}
	e.write("function.yaml", "functionName: shop\nruntime: provided.al2023\nhandler: bootstrap\nrole: arn:aws:iam::123456789012:role/shop\n")
	e.write("function.json", `{"FunctionName": "shop", "Runtime": "provided.al2023", "Handler": "bootstrap", "Role": "arn:aws:iam::123456789012:role/shop"}`)
	e.write("build/bootstrap", "#!/bin/sh\n")
	if err := os.Chmod(filepath.Join(e.dir, "build", "bootstrap"), 0o755); err != nil {
		t.Fatal(err)
	}
	return e
}

// words splits a command as a shell does, up to its first operator.
func words(line string) []string {
	var out []string
	for _, m := range regexp.MustCompile(`'[^']*'|"[^"]*"|[^\s'"]+(?:"[^"]*")?`).FindAllString(line, -1) {
		if slices.Contains([]string{">", "|", "&&", ";", "#"}, m) {
			break
		}
		if m[0] == '\'' {
			out = append(out, strings.Trim(m, "'"))
			continue
		}
		out = append(out, strings.ReplaceAll(m, `"`, ""))
	}
	return out
}

// shell carries out a block's commands. Those of other tools that prepare the
// reader's machine are passed over.
func (e *examples) shell(b block) {
	e.t.Helper()
	for line := range strings.Lines(b.text) {
		line = strings.TrimSpace(line)
		command, own := strings.CutPrefix(line, "lambda-rollout ")
		if !own {
			command, own = strings.CutPrefix(line, "go run . ")
		}
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
		case own && (b.flagsOnly || !strings.Contains(command, "--local")):
			e.readFlags(b.line, words(command))
		case own:
			if strings.HasPrefix(command, "invoke") || strings.Contains(command, "--verify") || strings.Contains(command, "--gates") {
				if _, err := exec.LookPath("curl"); err != nil {
					continue // the example's function is a shell script that calls it
				}
			}
			e.now = time.Now
			if strings.Contains(command, "--at ") {
				// CloudTrail proves nothing of the hours before the function existed, so the
				// reader comes back later.
				e.now = func() time.Time { return time.Now().Add(3 * time.Hour) }
			}
			args := words(command)
			if args[0] == "rehearse" {
				args = append(args, some()...)
			}
			e.said = append(e.said, e.must(args...))
		case strings.HasPrefix(line, "sed "):
			cmd := exec.Command("sh", "-c", line)
			cmd.Dir = e.dir
			if out, err := cmd.CombinedOutput(); err != nil {
				e.t.Errorf("%s:%d: %s: %v\n%s", e.page, b.line, line, err, out)
			}
		case b.flagsOnly || regexp.MustCompile(`^(git clone|cd|go test) `).MatchString(line):
		default:
			e.t.Errorf("%s:%d: nothing tries %q", e.page, b.line, line)
		}
	}
}

// readFlags reads a command's flags.
func (e *examples) readFlags(line int, args []string) {
	e.t.Helper()
	if _, err := input.Parse(input.Options{Args: args}); err != nil {
		e.t.Errorf("%s:%d: %q: %v", e.page, line, args, err)
	}
}

// document validates a definition, and plans what steps deploy.
func (e *examples) document(b block) {
	e.t.Helper()
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(b.text), &doc); err != nil {
		e.t.Errorf("%s:%d: %v", e.page, b.line, err)
		return
	}
	if strings.Contains(b.text, "functionName:") || strings.Contains(b.text, "FunctionName") {
		name := "function." + b.language
		e.write(name, b.text)
		e.must("validate", "--function-definition", name, "--artifact", "build")
		return
	}
	if name, named := strings.CutPrefix(strings.SplitN(b.text, "\n", 2)[0], "# "); named && filepath.Ext(name) == "."+b.language {
		e.write(name, b.text) // for the examples that follow
	}
	steps := stepsOf(&doc)
	for _, settings := range steps {
		if args, ok := planOf(settings); ok {
			e.must(args...)
		}
	}
	if strings.Contains(b.text, "lambda-rollout/lambda-rollout") && len(steps) == 0 {
		e.t.Errorf("%s:%d: no step of it was found", e.page, b.line)
	}
}

// stepsOf are the settings of every step of ours, as inputs.
func stepsOf(n *yaml.Node) []map[string]string {
	var out []map[string]string
	if n.Kind == yaml.MappingNode {
		var step struct {
			Uses, Image    string
			With, Settings yaml.Node
		}
		// What is no step has other types below these keys.
		if err := n.Decode(&step); err == nil && strings.Contains(step.Uses+step.Image, "lambda-rollout/lambda-rollout") {
			settings := map[string]string{}
			for _, from := range []*yaml.Node{&step.With, &step.Settings} {
				for i := 0; i+1 < len(from.Content); i += 2 {
					if value := from.Content[i+1]; value.Kind == yaml.ScalarNode {
						settings[strings.ReplaceAll(from.Content[i].Value, "_", "-")] = value.Value
					}
				}
			}
			return append(out, settings)
		}
	}
	for _, child := range n.Content {
		out = append(out, stepsOf(child)...)
	}
	return out
}

// planOf is the plan of a deploy with a step's settings; not ok for a step that
// does something else, or reads files that no page shows.
func planOf(settings map[string]string) ([]string, bool) {
	if settings["function-definition"] == "" || settings["command"] != "" && settings["command"] != "plan" {
		return nil, false
	}
	args := []string{"plan", "--local"}
	for name, value := range settings {
		deploys := slices.ContainsFunc(input.Table(), func(in input.Input) bool { return in.Name == name && in.Takes("deploy") && !in.Takes("plan") })
		if name != "command" && name != "role-to-assume" && !deploys && !strings.Contains(value, "${{") {
			args = append(args, "--"+name, value)
		}
	}
	return args, true
}

// fragments validates fields of a definition that stand in a table.
func (e *examples) fragments(text string) {
	e.t.Helper()
	for _, m := range regexp.MustCompile("\\| `([a-z][A-Za-z]+: [^`]+)` \\|\n").FindAllStringSubmatch(text, -1) {
		var fields map[string]any
		if err := yaml.Unmarshal([]byte(m[1]), &fields); err != nil || strings.Contains(m[1], "…") {
			continue
		}
		field, _, _ := strings.Cut(m[1], ":")
		_, mapping := fields[field].(map[string]any) // the field environment has the name of an input
		if slices.ContainsFunc(input.Table(), func(in input.Input) bool { return in.Name == field }) && !(field == "environment" && mapping) {
			continue // what is below with: in a workflow
		}
		definition := m[1] + "\n"
		for _, field := range []string{"functionName: shop", "runtime: provided.al2023", "handler: bootstrap", "role: arn:aws:iam::123456789012:role/shop"} {
			if name, _, _ := strings.Cut(field, ":"); fields[name] == nil {
				definition += field + "\n"
			}
		}
		e.write("fragment.yaml", definition)
		e.must("validate", "--function-definition", "fragment.yaml", "--artifact", "build")
	}
}
