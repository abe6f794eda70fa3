package policy_test

import (
	"go/parser"
	"go/token"
	"os"
	"strings"
	"testing"
)

// The policy is made of the plan, and of nothing that could make a call.
func TestPolicyImportsPlanAndDefinitionAlone(t *testing.T) {
	t.Parallel()
	const module = "github.com/lambda-rollout/lambda-rollout/"
	allowed := map[string]bool{module + "internal/plan": true, module + "internal/definition": true, module + "internal/lazyregexp": true}
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".go") || strings.HasSuffix(f.Name(), "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), f.Name(), nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range parsed.Imports {
			path := strings.Trim(i.Path.Value, `"`)
			if strings.Contains(path, ".") && !allowed[path] {
				t.Errorf("%s imports %s", f.Name(), path)
			}
		}
	}
}
