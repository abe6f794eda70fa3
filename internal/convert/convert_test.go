package convert

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "write the golden files")

// TestPipelines converts pipeline.yaml of each archive with its other files;
// want.yaml is the workflow, want.txt what is said beside it.
func TestPipelines(t *testing.T) {
	t.Parallel()
	archives, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(archives) == 0 {
		t.Fatalf("no archives: %v", err)
	}
	for _, name := range archives {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			t.Parallel()
			archive, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			var pipeline File
			var files []File
			want := map[string]string{}
			kept := archive.Files[:0]
			for _, f := range archive.Files {
				switch {
				case strings.HasPrefix(f.Name, "want."):
					want[f.Name] = string(f.Data)
					continue
				case f.Name == "pipeline.yaml":
					pipeline = File{f.Name, f.Data}
				default:
					files = append(files, File{f.Name, f.Data})
				}
				kept = append(kept, f)
			}
			converted, problems := Pipeline(pipeline, files)
			workflow := converted.Text
			var said strings.Builder
			if err := problems.Print(&said); err != nil {
				t.Fatal(err)
			}
			if *update {
				archive.Files = append(kept, txtar.File{Name: "want.yaml", Data: workflow}, txtar.File{Name: "want.txt", Data: []byte(said.String())})
				if err := os.WriteFile(name, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(want["want.yaml"], string(workflow)); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(want["want.txt"], said.String()); diff != "" {
				t.Error(diff)
			}
			if len(workflow) > 0 {
				lint(t, workflow)
			}
		})
	}
}

// lint holds a workflow to actionlint where that is installed.
func lint(t *testing.T, workflow []byte) {
	t.Helper()
	tool, err := exec.LookPath("actionlint")
	if err != nil {
		t.Skip("actionlint is not on PATH: go install github.com/rhysd/actionlint/cmd/actionlint@v1.7.12")
	}
	file := filepath.Join(t.TempDir(), "workflow.yaml")
	if err := os.WriteFile(file, workflow, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(tool, "-shellcheck=", "-pyflakes=", file).CombinedOutput(); err != nil {
		t.Errorf("actionlint: %s", out)
	}
}

// TestSeedStepBlocks puts the seed's two step blocks, as they stand there, into
// a stage.
func TestSeedStepBlocks(t *testing.T) {
	t.Parallel()
	pipeline := `pipeline:
  name: p
  identifier: p
  stages:
    - stage:
        name: s
        identifier: s
        type: Deployment
        spec:
          service:
            serviceRef: a
          environment:
            environmentRef: e
          execution:
`
	for _, name := range []string{"testdata/seed/deploy-step.yaml", "testdata/seed/rollback-step.yaml"} {
		block, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		pipeline += string(block)
	}
	converted, problems := Pipeline(File{"pipeline.yaml", []byte(pipeline)}, nil)
	workflow := converted.Text
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	_, steps, _ := strings.Cut(string(workflow), "- name: ")
	want := `Deploy Aws Lambda
        id: deployawslambda
        uses: lambda-rollout/lambda-rollout@v1
        with:
          service: .harness/a.yaml
          environment: .harness/e.yaml
          role-to-assume: ${{ vars.DEPLOY_ROLE }}
          timeout: 10m
          rollback-timeout: 10m
`
	if diff := cmp.Diff(want, steps); diff != "" {
		t.Error(diff)
	}
}
