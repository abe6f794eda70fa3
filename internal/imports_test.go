package internal_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const (
	module    = "github.com/lambda-rollout/lambda-rollout/internal/"
	lambdaSDK = "github.com/aws/aws-sdk-go-v2/service/lambda"
)

// layout is which packages may import which of this repository. It is the
// drawing of the program: files come in at the top of a column, AWS is at its
// end. A package never imports one that comes after it. All may import lazyregexp,
// which takes the place of the standard library's regexp.
var layout = map[string][]string{
	// Nothing inside.
	"address":    {},
	"lazyregexp": {},
	"awsfacts":   {},
	"diag":       {"printable"},
	"event":      {},
	"timing":     {},
	"glob":       {},
	"guard":      {},
	"history":    {"traffic"},
	"prune":      {"history"},
	"moment":     {},
	"printable":  {},
	"redact":     {},
	"traffic":    {},
	"yamltext":   {},
	"gate":       {"address", "timing", "traffic"},
	"terminal":   {"printable"},
	"tfstate":    {"diag"},
	"verify":     {"diag", "glob", "yamltext"},
	// What users write, and where.
	"host":       {"printable", "redact", "terminal", "traffic"},
	"input":      {"address", "diag", "gate", "redact", "traffic", "yamltext"},
	"expression": {"diag", "yamltext"},
	"document":   {"expression", "diag"},
	"definition": {"awsfacts", "diag", "yamltext"},
	"service":    {"awsfacts", "definition", "document", "expression", "diag", "glob", "yamltext"},
	"convert":    {"document", "expression", "diag", "traffic"},
	// What AWS holds.
	"session":    {"address", "awsfacts", "printable", "redact"},
	"artifact":   {"awsfacts", "definition", "diag", "glob", "session"},
	"metrics":    {"awsfacts", "session"},
	"cloudtrail": {"awsfacts", "session"},
	"codedeploy": {"awsfacts", "session", "traffic"},
	"logs":       {"awsfacts", "session"},
	"tagging":    {"awsfacts", "session"},
	"lambdaapi":  {"awsfacts", "definition", "redact", "session", "timing"},
	"values":     {"awsfacts", "diag", "session", "tfstate"},
	"lambroll":   {"expression", "values"},
	// What is to be done, and what was done.
	"journal":   {"definition"},
	"plan":      {"awsfacts", "definition", "journal", "traffic"},
	"policy":    {"awsfacts", "definition", "plan"},
	"preflight": {"awsfacts", "policy", "session"},
	"adopt":     {"artifact", "definition", "plan"},
	"notify":    {"event"},
	"report":    {"awsfacts", "diag", "event", "journal", "plan", "terminal", "traffic"},
	"engine":    {"codedeploy", "definition", "event", "journal", "lambdaapi", "plan", "traffic", "timing"},
	// One deployment, from the files to its results.
	"deploy": {
		"adopt", "artifact", "awsfacts", "cloudtrail", "codedeploy", "definition", "diag", "embedded", "engine", "event", "gate", "glob", "guard", "history", "journal", "lambdaapi", "logs",
		"metrics", "plan", "policy", "preflight", "prune", "redact", "service", "session", "tagging", "timing", "traffic", "verify",
	},
	"rehearse": {"artifact", "awslocal", "codedeploy", "definition", "deploy", "engine", "event", "gate", "journal", "lambdaapi", "plan", "policy", "preflight", "session", "timing", "traffic", "verify"},
	// The commands know all but the tests' own packages.
	"cli": {"*"},
	// The embedded AWS shares no type with the client side.
	"awslocal": {},
	"embedded": {"awslocal"},
	// Tests alone.
	"matrix": {},
}

// Imports point one way. A new package needs a place in the layout first.
func TestImportsFollowTheLayout(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, line := range list(t, "-f", `{{.ImportPath}} {{join .Imports " "}}`, "./...") {
		fields := strings.Fields(line)
		name, inside := strings.CutPrefix(fields[0], module)
		if !inside {
			continue
		}
		name, part, _ := strings.Cut(name, "/")
		allowed, known := layout[name]
		if !known {
			t.Errorf("internal/%s has no place in the layout", name)
			continue
		}
		seen[name] = true
		for _, path := range fields[1:] {
			if path == lambdaSDK && name != "lambdaapi" && part != "awstest" {
				t.Errorf("internal/%s imports the Lambda SDK: internal/lambdaapi alone may", name)
			}
			// Both switch off the linker's removal of methods that nobody calls,
			// which would add seven megabytes to the binary.
			if path == "text/template" || path == "html/template" {
				t.Errorf("internal/%s imports %s", name, path)
			}
			other, inside := strings.CutPrefix(path, module)
			if !inside {
				continue
			}
			other, _, _ = strings.Cut(other, "/")
			if other != name && other != "lazyregexp" && !slices.Contains(allowed, other) && !slices.Contains(allowed, "*") {
				t.Errorf("internal/%s imports internal/%s: the layout allows %q", strings.TrimSuffix(name+"/"+part, "/"), other, allowed)
			}
		}
	}
	for name := range layout {
		if !seen[name] {
			t.Errorf("internal/%s is in the layout and does not exist", name)
		}
	}
}

func list(t *testing.T, args ...string) []string {
	t.Helper()
	out, err := exec.Command("go", append([]string{"list"}, args...)...).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(string(out)), "\n")
}
