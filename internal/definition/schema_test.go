package definition

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files and the schemas")

// golden compares with a file, or writes it under -update.
func golden(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s is not what the code makes (go test -update writes it):\n%s", path, diff)
	}
}

func TestSchemasInDocsAreThoseOfTheTable(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"function", "alias", "settings"} {
		got, err := Schema(kind)
		if err != nil {
			t.Fatal(err)
		}
		golden(t, filepath.Join("..", "..", "docs", "schema", kind+".json"), got)
	}
	if _, err := Schema("pipeline"); err == nil {
		t.Error("a kind that does not exist has a schema")
	}
}

// An editor checks a file against the schema that its first line names.
func TestExamplesNameTheirSchema(t *testing.T) {
	t.Parallel()
	found := 0
	for pattern, kind := range map[string]string{"function*": "function", "alias*": "alias", "settings*": "settings"} {
		paths, err := filepath.Glob(filepath.Join("..", "..", "examples", "*", pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			found++
			src, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			want := "../../docs/schema/" + kind + ".json"
			if first, _, _ := strings.Cut(string(src), "\n"); !strings.Contains(string(src), `"$schema": "`+want+`"`) && first != "# yaml-language-server: $schema="+want {
				t.Errorf("%s does not name %s", path, want)
			}
		}
	}
	if found == 0 {
		t.Error("there is no example")
	}
}
