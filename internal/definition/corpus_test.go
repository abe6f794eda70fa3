package definition

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/lambda-rollout/lambda-rollout/internal/diag"
)

// read decodes a file of the corpus; files named alias* are alias definitions.
func read(t *testing.T, path string) (rendered []byte, problems diag.List) {
	t.Helper()
	src, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	doc, problems := parse(filepath.Base(path), src, nil)
	if doc == nil {
		return nil, problems
	}
	if strings.HasPrefix(filepath.Base(path), "alias") {
		a, problems := DecodeAlias(doc)
		if a == nil {
			return nil, problems
		}
		return RenderAlias(*a), problems
	}
	f, problems := Decode(doc)
	if f == nil {
		return nil, problems
	}
	return Render(*f, false), problems
}

func corpus(t *testing.T, dir string) []string {
	t.Helper()
	all, err := filepath.Glob(filepath.Join("testdata", dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	var files []string
	for _, path := range all {
		if filepath.Ext(path) != ".out" {
			files = append(files, path)
		}
	}
	if len(files) == 0 {
		t.Fatalf("testdata/%s is empty", dir)
	}
	return files
}

func TestEveryGoodDefinitionIsReadWithoutAWord(t *testing.T) {
	t.Parallel()
	for _, path := range corpus(t, "ok") {
		t.Run(filepath.Base(path), func(t *testing.T) {
			t.Parallel()
			rendered, problems := read(t, path)
			if len(problems) > 0 {
				t.Errorf("%v", problems)
			}
			golden(t, path+".out", append(rendered, '\n'))
		})
	}
}

func TestEveryProblemIsShownAtItsPlace(t *testing.T) {
	t.Parallel()
	for _, path := range corpus(t, "err") {
		t.Run(filepath.Base(path), func(t *testing.T) {
			t.Parallel()
			_, problems := read(t, path)
			warnings := strings.HasPrefix(filepath.Base(path), "warnings")
			if len(problems) == 0 || (problems.Err() == nil) != warnings {
				t.Errorf("warnings only: %v, want %v", problems.Err() == nil, warnings)
			}
			var b bytes.Buffer
			if err := problems.Print(&b); err != nil {
				t.Fatal(err)
			}
			golden(t, path+".out", b.Bytes())
		})
	}
}

// A message that no file of the corpus shows is one that nobody has read.
func TestTheCorpusShowsEveryMessageOfTheDecoder(t *testing.T) {
	t.Parallel()
	var shown strings.Builder
	for _, path := range corpus(t, "err") {
		_, problems := read(t, path)
		shown.WriteString(problems.Error() + "\n")
	}
	// These need a document with expressions: see TestAWholeExpressionFillsItsField.
	shown.WriteString("layers: the expression's value is neither a list nor a map\n")
	shown.WriteString("layers: the expression's value expands to more than 20000 values\n")
	call := regexp.MustCompile(`d\.(?:problem|warn)\([^\n]*?"((?:[^"\\]|\\.)*)"(?:, [^"\n]*)?\)\n`)
	verb := regexp.MustCompile(`%(?:\.0)?[a-z]`)
	for _, file := range []string{"decode.go", "pairs.go", "check.go", "cross.go"} {
		src, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range call.FindAllStringSubmatch(string(src), -1) {
			parts := verb.Split(m[1], -1)
			for i := range parts {
				parts[i] = regexp.QuoteMeta(strings.ReplaceAll(parts[i], `\"`, `"`))
			}
			if !regexp.MustCompile(strings.Join(parts, `[^\n]*`)).MatchString(shown.String()) {
				t.Errorf("%s: no file of testdata/err shows %q", file, m[1])
			}
		}
	}
}
