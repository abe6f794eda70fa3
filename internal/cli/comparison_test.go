package cli

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/lambda-rollout/lambda-rollout/internal/input"
)

// comparedTools is the README's table of tools, by its first column.
func comparedTools(t *testing.T) map[string][]string {
	t.Helper()
	readme, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(readme), "\n## How it compares\n")
	section, _, ended := strings.Cut(section, "\n## ")
	if !found || !ended {
		t.Fatal("the README compares nothing")
	}
	rows := map[string][]string{}
	for line := range strings.Lines(section) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		rows[cells[0]] = cells[1:]
	}
	return rows
}

// The comparison names what other tools do that a reader would miss, and claims of this
// program what it has.
func TestTheComparisonIsFair(t *testing.T) {
	t.Parallel()
	rows := comparedTools(t)
	if !slices.Equal(rows[""], []string{"lambda-rollout", "aws-lambda-deploy 1.1", "lambroll 1.x", "Harness CD"}) {
		t.Fatalf("the tools are %q", rows[""])
	}
	const ours, lambroll, harness = 0, 2, 3
	for what, want := range map[string]map[int]string{
		"files from an existing function (`init`)": {ours: "yes", lambroll: "yes", harness: "no"},
		"commands for status, logs, versions":      {ours: "yes", lambroll: "yes", harness: "web interface"},
		"plan before deploy":                       {ours: "yes", lambroll: "yes"},
		"several functions, all or nothing":        {ours: "yes", harness: "multi-service stages with pipeline rollback"},
		"rollback when a later step fails":         {ours: "yes", harness: "yes"},
		"prints the IAM policy it needs":           {ours: "yes"},
	} {
		for tool, text := range want {
			if len(rows[what]) != len(rows[""]) || !strings.Contains(rows[what][tool], text) {
				t.Errorf("%s: %q lacks %q of %s", what, rows[what], text, rows[""][tool])
			}
		}
	}
	var commands []string
	for _, c := range input.Commands() {
		commands = append(commands, c.Name)
	}
	for _, command := range []string{"init", "status", "logs", "history", "plan", "policy"} {
		if !slices.Contains(commands, command) {
			t.Errorf("there is no command %s", command)
		}
	}
}
