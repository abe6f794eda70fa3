package service

import (
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"
	"time"

	"github.com/rogpeppe/go-internal/txtar"
)

// FuzzLoad reads one text as a service, an environment, an override and a
// Terraform file, beside a definition.
func FuzzLoad(f *testing.F) {
	archives, err := filepath.Glob("testdata/scripts/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range archives {
		archive, err := txtar.ParseFile(name)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range archive.Files {
			f.Add(file.Data)
		}
	}
	for _, name := range []string{"service.yaml", "service.tf", "environment.yaml", "infrastructure.yaml", "pipeline.yaml"} {
		content, err := os.ReadFile("testdata/seed/" + name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(content)
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		files := fstest.MapFS{
			"a.yaml":  {Data: content},
			"b.tf":    {Data: content},
			"f.json":  {Data: []byte(layersDefinition)},
			"fn.yaml": {Data: content},
		}
		start := time.Now()
		for _, opts := range []Options{
			{Services: []string{"a.yaml"}},
			{Services: []string{"b.tf"}, Artifact: "x.zip"},
			{Definitions: []string{"f.json"}, Overrides: []string{"a.yaml", "b.tf"}, Artifact: "x.zip"},
			{Definitions: []string{"fn.yaml"}, AliasDefinitions: []string{"a.yaml"}, Artifact: "x.zip"},
		} {
			opts.Files = Files{Workspace: files}
			opts.Secrets = map[string]string{"id": "value"}
			opts.Variables = map[string]string{"v": "x"}
			set, problems := Load(opts)
			if len(set.Targets) == 0 && len(problems.Errors()) == 0 {
				t.Errorf("neither a target nor a problem")
			}
		}
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("took %v", took)
		}
	})
}
