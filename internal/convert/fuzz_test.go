package convert

import (
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"gopkg.in/yaml.v3"
)

func FuzzPipeline(f *testing.F) {
	archives, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	var service []byte
	for _, name := range archives {
		archive, err := txtar.ParseFile(name)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range archive.Files {
			f.Add(file.Data)
			if file.Name == "services/payments.yaml" {
				service = file.Data
			}
		}
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		Check(File{"pipeline.yaml", content}, []File{{"a.yaml", content}})
		converted, problems := Pipeline(File{"pipeline.yaml", content}, []File{{"a.yaml", content}, {"s.yaml", service}})
		workflow := converted.Text
		if err := problems.Err(); err != nil {
			if workflow != nil {
				t.Error("a workflow beside an error")
			}
			return
		}
		var parsed map[string]any
		if err := yaml.Unmarshal(workflow, &parsed); err != nil || parsed["jobs"] == nil && parsed["on"] == nil {
			t.Errorf("the workflow is no YAML: %v", err)
		}
	})
}
