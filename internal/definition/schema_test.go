package definition

import (
	"flag"
	"os"
	"path/filepath"
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
	for _, kind := range []string{"function", "alias"} {
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
