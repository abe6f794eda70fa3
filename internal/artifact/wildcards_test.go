package artifact

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWildcardsAreLambrolls(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		pattern    string
		out, stays []string
	}{
		{"src/*", []string{"src/a", "src/deep/b"}, []string{"lib/src/a", "src"}},
		{"*/tests/*", []string{"a/tests/x", "node_modules/p/q/tests/r/x"}, []string{"tests/x"}},
		{".*", []string{".env", "src/.env", ".npm/cache"}, []string{"node_modules/.prisma/client.js"}},
		{"src", []string{"src", "a/src"}, []string{"src/a"}},
		{"*.md", []string{"README.md", "a/b/c.md"}, []string{"a.md/x", "md"}},
		{"a?c", []string{"abc", "x/abc", "a/c"}, []string{"ac", "abbc"}},
		{"?.txt", []string{"é.txt", "x/語.txt"}, []string{"ab.txt"}},
		{"a*b*c", []string{"abc", "aXbbYc"}, []string{"acb", "aXbYcZ"}},
		{"*a*ab", []string{"aab", "xaxaab"}, []string{"ab", "aaba"}},
		{"*", []string{"a", "a/b"}, nil},
		{"**/x", []string{"a/x", "a/b/x"}, []string{"x"}},
		{"[ab].js", []string{"[ab].js"}, []string{"a.js"}},
		{"\\*", []string{"\\x"}, []string{"*"}},
	} {
		w, _ := parseWildcards("", c.pattern+"\n")
		for name, want := range map[bool][]string{true: c.out, false: c.stays} {
			for _, file := range want {
				if w.Match(file, false) != name {
					t.Errorf("%q and the file %q: got %t", c.pattern, file, !name)
				}
			}
		}
		if w.Match(c.out[0], true) {
			t.Errorf("%q left out a folder", c.pattern)
		}
	}
}

// resolved zips a folder for a definition of lambroll, or for another with "".
func resolved(t *testing.T, workspace, folder, lambroll string, shared *Folders) (names []string, said string) {
	t.Helper()
	r, err := Resolve(t.Context(), Ref{Kind: Path, Path: folder, Lambroll: lambroll}, Options{Workspace: workspace, TempDir: t.TempDir(), Folders: shared})
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(r.local)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range contents(t, data) {
		names = append(names, strings.Fields(line)[2])
	}
	var out strings.Builder
	if err := r.Warnings.Print(&out); err != nil {
		t.Fatal(err)
	}
	return names, out.String()
}

func TestAFolderBesideADefinitionOfLambroll(t *testing.T) {
	t.Parallel()
	code := map[string]string{
		"index.js": "1", "a.md": "1", "node_modules/.prisma/c.md": "1", "node_modules/x.js": "1",
		"function.json": "{}", "function.jsonnet": "{}", "function_url.json": "{}", "function_url.jsonnet": "{}", "function.zip": "z",
		"terraform.tfstate": "{}", ".terraform/providers/p": "p", ".git/HEAD": "h",
	}
	all := []string{"a.md", "index.js", "node_modules/.prisma/c.md", "node_modules/x.js"}
	for name, c := range map[string]struct {
		files map[string]string
		// folder is zipped, for the definition in fn.
		folder string
		want   []string
		said   string
	}{
		"none":              {nil, "fn", all, ""},
		"in the folder":     {map[string]string{"fn/.lambdaignore": "*.md\n", ".lambdaignore": "*.js"}, "fn", []string{"index.js", "node_modules/x.js"}, ""},
		"of the definition": {map[string]string{"fn/.lambdaignore": "\ufeff# none\n\n  *.md \r\n", ".lambdaignore": "*"}, "build", []string{"index.js", "node_modules/x.js"}, ""},
		"of the workspace":  {map[string]string{".lambdaignore": "node_modules\n.*\n"}, "build", all, ""},
		"an empty one":      {map[string]string{"build/.lambdaignore": "", ".lambdaignore": "*"}, "build", all, ""},
		"written as gitignore": {map[string]string{".lambdaignore": "*.md\nnode_modules/\n/index.js\n  !a.md\n"}, "build", []string{"index.js", "node_modules/x.js"}, `.lambdaignore:2:1: warning: "node_modules/" leaves out nothing: beside a definition of lambroll, a pattern is compared with a file's whole path and with its base name
   hint: write node_modules/*
.lambdaignore:3:1: warning: "/index.js" leaves out nothing: beside a definition of lambroll, a pattern is compared with a file's whole path and with its base name
   hint: write index.js
.lambdaignore:4:3: warning: "!a.md" leaves out nothing: beside a definition of lambroll, a pattern is compared with a file's whole path and with its base name
   hint: write the patterns so that this file is not left out`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			workspace := write(t, t.TempDir(), c.files)
			write(t, filepath.Join(workspace, c.folder), code)
			write(t, filepath.Join(workspace, "fn"), map[string]string{"function.json": "{}"})
			got, said := resolved(t, workspace, c.folder, "fn", nil)
			if diff := cmp.Diff(c.want, got); diff != "" || strings.TrimSpace(said) != c.said {
				t.Errorf("(-want +got):\n%ssaid %s", diff, said)
			}
		})
	}
}

func TestOneFolderForTwoKindsOfDefinitions(t *testing.T) {
	t.Parallel()
	workspace := write(t, t.TempDir(), map[string]string{"fn/src/a": "a", "fn/index.js": "1", "fn/function.json": "{}", "fn/.lambdaignore": "src\n"})
	shared := &Folders{}
	lambroll, _ := resolved(t, workspace, "fn", "fn", shared)
	other, _ := resolved(t, workspace, "fn", "", shared)
	if want := []string{"index.js", "src/a"}; !slices.Equal(lambroll, want) {
		t.Errorf("lambroll: %v, want %v", lambroll, want)
	}
	if want := []string{"function.json", "index.js"}; !slices.Equal(other, want) {
		t.Errorf("other: %v, want %v", other, want)
	}
}

func TestALambdaignoreThatIsNoFile(t *testing.T) {
	t.Parallel()
	workspace := write(t, t.TempDir(), map[string]string{"fn/a": "a", ".lambdaignore/x": "x"})
	_, err := Resolve(t.Context(), Ref{Kind: Path, Path: "fn", Lambroll: "."}, Options{Workspace: workspace, TempDir: t.TempDir()})
	if err == nil || !strings.Contains(err.Error(), ".lambdaignore is not a file") {
		t.Errorf("got %v", err)
	}
}
