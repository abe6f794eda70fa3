package expression

import (
	"os"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// corpus gives the fuzz targets what the corpora hold.
func corpus(f *testing.F) []string {
	f.Helper()
	var out []string
	for _, file := range []string{"testdata/ok.txt", "testdata/err.txt"} {
		content, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for line := range strings.SplitSeq(string(content), "\n") {
			if text, _, _ := strings.Cut(line, " => "); strings.Contains(text, open) {
				out = append(out, text)
			}
		}
	}
	return out
}

func FuzzEvaluate(f *testing.F) {
	for _, text := range corpus(f) {
		f.Add(text)
	}
	env := corpusEnv()
	f.Fuzz(func(t *testing.T, text string) {
		start := time.Now()
		v, err := NewEvaluator(env).Evaluate(text)
		if took := time.Since(start); took > 3*time.Second {
			t.Errorf("took %v", took)
		}
		if err == nil && len(v.Text()) > 2*maxValue+len(text) {
			t.Errorf("a value of %d bytes", len(v.Text()))
		}
		again, err2 := NewEvaluator(env).Evaluate(text)
		if (err == nil) != (err2 == nil) || v.Text() != again.Text() {
			t.Errorf("two evaluations differ: %q, %v and %q, %v", v.Text(), err, again.Text(), err2)
		}
	})
}

func FuzzRender(f *testing.F) {
	for _, text := range corpus(f) {
		f.Add("a: " + text + "\nb: [1, " + text + "]\n")
		f.Add(`{"a": "` + text + `", "b": ` + text + `}`)
	}
	f.Add("a\r\r\r\r\r\r: <+variable.domain>\nb: [A]\n")
	env := corpusEnv()
	f.Fuzz(func(t *testing.T, text string) {
		docs, problems := Scan("f", []byte(text)).Documents()
		for _, doc := range docs {
			problems = append(problems, doc.Render(doc.Root(), NewEvaluator(env))...)
		}
		// YAML knows more line breaks than one (https://yaml.org/spec/1.1/#b-char).
		lines := 1
		for _, r := range text {
			if strings.ContainsRune("\r\n\u0085\u2028\u2029", r) {
				lines++
			}
		}
		for _, problem := range problems {
			if problem.File != "f" {
				continue
			}
			if problem.Line < 0 || problem.Line > lines+1 || problem.Col < 0 || problem.Col > utf8.RuneCountInString(text)+2 {
				t.Errorf("a problem outside of the text: %v", problem)
			}
		}
	})
}
