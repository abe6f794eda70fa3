package service

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
)

var update = flag.Bool("update", false, "write the golden files")

// TestArchives loads each archive of testdata/scripts: its comment holds the
// inputs, its files are the workspace, and its file want is what comes out.
func TestArchives(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/scripts/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no archives: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			opts, want := options(t, archive)
			set, problems := Load(opts)
			var out strings.Builder
			for i := range set.Targets {
				writeTarget(&out, &set.Targets[i])
			}
			if len(set.Secrets) > 0 {
				fmt.Fprintf(&out, "secrets: %s\n", strings.Join(set.Secrets, " | "))
			}
			if err := problems.Print(&out); err != nil {
				t.Fatal(err)
			}
			if strings.HasPrefix(filepath.Base(file), "hidden") && strings.Contains(out.String(), "hush") {
				t.Errorf("a secret is shown:\n%s", &out)
			}
			if *update {
				archive.Files[want].Data = []byte(out.String())
				if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(string(archive.Files[want].Data), out.String()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// options reads lines such as "service: a.yaml" and "variables: a=b" of the
// archive's comment; want is the index of the expected output.
func options(t *testing.T, archive *txtar.Archive) (opts Options, want int) {
	t.Helper()
	opts = Options{
		Serialised: true, Variables: map[string]string{}, Inputs: map[string]string{}, Secrets: map[string]string{},
		Connectors: map[string]string{}, Host: map[string]string{},
		Now: func() time.Time { return time.Date(2026, 8, 1, 9, 0, 0, 0, time.UTC) },
	}
	workspace := fstest.MapFS{}
	want = -1
	for i, f := range archive.Files {
		if f.Name == "want" {
			want = i
			continue
		}
		workspace[f.Name] = &fstest.MapFile{Data: f.Data}
	}
	if want < 0 {
		archive.Files = append(archive.Files, txtar.File{Name: "want"})
		want = len(archive.Files) - 1
	}
	opts.Files = Files{Workspace: workspace}
	lists := map[string]*[]string{
		"service": &opts.Services, "environment": &opts.Environments, "infrastructure": &opts.Infrastructures,
		"overrides": &opts.Overrides, "function-definition": &opts.Definitions, "alias": &opts.Aliases,
		"alias-definition": &opts.AliasDefinitions, "input-set": &opts.InputSets,
	}
	maps := map[string]map[string]string{
		"variables": opts.Variables, "inputs": opts.Inputs, "secrets": opts.Secrets, "connectors": opts.Connectors, "host": opts.Host,
	}
	for line := range strings.SplitSeq(string(archive.Comment), "\n") {
		name, value, ok := strings.Cut(line, ": ")
		switch {
		case !ok:
		case lists[name] != nil:
			*lists[name] = append(*lists[name], value)
		case maps[name] != nil:
			key, value, _ := strings.Cut(value, "=")
			maps[name][key] = value
		case name == "artifact":
			opts.Artifact = value
		case name == "parallel":
			opts.Serialised = false
		}
	}
	return opts, want
}

// writeTarget writes what a target holds; fields that are empty are left out.
func writeTarget(out *strings.Builder, t *Target) {
	line := func(name string, values ...string) {
		if text := strings.TrimSpace(strings.Join(values, " ")); text != "" {
			fmt.Fprintf(out, "  %s: %s\n", name, text)
		}
	}
	fmt.Fprintf(out, "target %s\n", t.Service.Identifier)
	line("environment", t.Environment.Identifier, t.Environment.Type)
	i := t.Infrastructure
	line("infrastructure", i.Identifier, i.Region, i.ConnectorRef, i.Role)
	a := t.Artifact
	line("artifact", string(a.Kind), a.Identifier, a.Reference, a.Path, a.Bucket, a.Key, a.KeyPattern, a.Region, a.RegistryID, a.ImagePath, a.Tag, a.Digest, a.Role)
	for _, v := range t.Variables {
		secret := ""
		if v.Secret {
			secret = " secret"
		}
		line("variable", v.Name+"="+v.Value, "("+v.Layer+secret+")")
	}
	line("source", t.Source)
	line("function", strings.ReplaceAll(string(definition.Render(*t.Function, false)), "\n", "\n    "))
	for _, alias := range t.Aliases {
		line("alias", strings.ReplaceAll(string(definition.RenderAlias(alias)), "\n", "\n    "))
	}
}
