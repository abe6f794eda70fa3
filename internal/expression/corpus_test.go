package expression

import (
	"bufio"
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lambda-rollout/lambda-rollout/internal/diag"
)

var update = flag.Bool("update", false, "write the golden files")

func texts(pairs ...string) names {
	n := names{}
	for i := 0; i < len(pairs); i += 2 {
		n[pairs[i]] = NewString(pairs[i+1])
	}
	return n
}

func (n names) with(name string, v Value) names {
	n[name] = v
	return n
}

// corpusEnv is what the corpus in testdata sees.
func corpusEnv() Env {
	variables := texts(
		"name", "hello", "a-b", "hyphen", "a.b", "dotted", "empty", "", "which", "name", "me", "me", "digits", "42",
		"csv", "a,b,c", "outside", "text with <+serviceVariables.name> in it", "big", strings.Repeat("x", maxValue),
		"json", `{"data": {"count": 2, "items": [{"name": "first", "size": 2}, {"name": "second", "size": 5}]}}`,
	)
	variables["mem"] = NewInt(256)
	variables["ratio"] = NewFloat(0.25)
	variables["again"] = NewTemplate("<+serviceVariables.name>!", nil)
	variables["typed"] = NewTemplate("<+serviceVariables.mem>", nil)
	variables["secret"] = NewTemplate(`<+secrets.getValue("db")>`, nil)
	variables["loop"] = NewTemplate("<+serviceVariables.pool>", nil)
	variables["pool"] = NewTemplate("<+serviceVariables.loop>", nil)
	variables["broken"] = NewTemplate("x <+serviceVariables.nmae>", &Origin{
		File: "service.yaml", Line: 2, Col: 12, source: Scan("service.yaml", []byte("  - name: broken\n    value: x <+serviceVariables.nmae>\n")),
	})
	for i := range 20 {
		variables[fmt.Sprintf("deep%d", i)] = NewTemplate(fmt.Sprintf("<+serviceVariables.deep%d>", i+1), nil)
	}
	artifact := texts(
		"image", "123456789012.dkr.ecr.eu-west-1.amazonaws.com/app:1.2.3", "imagePath", "app", "tag", "1.2.3", "path", "builds/app.zip",
		"filePath", "builds/app.zip", "bucketName", "code", "region", "eu-west-1", "type", "Ecr", "identifier", "main",
	).with("metadata", NewObject(texts("SHA", "sha256:0f")))
	object := func(n names) Value { return NewObject(n) }
	return Env{
		Names: names{
			"serviceVariables":         object(variables),
			"serviceVariableOverrides": object(texts("name", "hello")),
			"service": object(texts("name", "hello-world", "identifier", "helloworld", "type", "AwsLambda", "description", "says hello").
				with("tags", object(texts("team", "core")))),
			"env": object(texts("name", "prod", "identifier", "prod_eu", "type", "Production", "description", "where it counts").
				with("variables", object(texts("zone", "eu")))),
			"infra": object(texts("name", "lambda-eu", "infraIdentifier", "lambdaeu", "connectorRef", "aws", "region", "eu-west-1").
				with("tags", object(texts("cell", "7")))),
			"artifact":  object(artifact),
			"artifacts": object(names{"primary": object(artifact)}),
			"pipeline": object(texts("name", "Deploy", "identifier", "deploy", "sequenceId", "42", "executionId", "9001", "executionUrl", "https://ci.example/9001").
				with("variables", object(texts("colour", "green")))),
			"stage":    object(texts("name", "Prod").with("variables", object(texts("wave", "second")))),
			"variable": object(texts("domain", "example.com")),
		},
		Secrets: map[string]string{"db": "hunter22", "account.db": "correct-horse"},
		Now:     func() time.Time { return time.Date(2026, 1, 31, 12, 30, 15, 250_000_000, time.UTC) },
	}
}

func TestCorpusOfExpressionsThatHold(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile("testdata/ok.txt")
	if err != nil {
		t.Fatal(err)
	}
	cases := 0
	for line, s := range strings.Split(string(content), "\n") {
		if s == "" || strings.HasPrefix(s, "#") {
			continue
		}
		text, want, ok := strings.Cut(s, " => ")
		if !ok {
			t.Fatalf("line %d holds no =>", line+1)
		}
		cases++
		v, err := NewEvaluator(corpusEnv()).Evaluate(text)
		got := v.Text()
		switch {
		case err != nil:
			got = "problem: " + err.Error()
		case v.IsSecret():
			got += " (secret)"
		case v.Kind() != String:
			got += " (" + v.Kind().String() + ")"
		}
		if got != want {
			t.Errorf("testdata/ok.txt:%d: %s\n got %s\nwant %s", line+1, text, got, want)
		}
	}
	t.Logf("%d expressions", cases)
}

func TestCorpusOfProblems(t *testing.T) {
	t.Parallel()
	const file = "testdata/err.txt"
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	lines := bufio.NewScanner(bytes.NewReader(content))
	for lines.Scan() {
		s := lines.Text()
		switch {
		case strings.HasPrefix(s, "#"):
			out.WriteString(s + "\n")
		case strings.HasPrefix(s, "<+") || strings.HasPrefix(s, "x"):
			out.WriteString("\n" + s + "\n" + picture(t, s))
		}
	}
	if *update {
		if err := os.WriteFile(file, out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(string(content), out.String()); diff != "" {
		t.Error(diff)
	}
}

// picture prints the problem of a text that stands alone in a file.
func picture(t *testing.T, text string) string {
	t.Helper()
	doc := NewScalar("f", text)
	problems := doc.Render(doc.Root(), NewEvaluator(corpusEnv()))
	if len(problems) == 0 {
		t.Errorf("%s: no problem, value %q", text, doc.Root().Value)
	}
	var b strings.Builder
	if err := problems.Print(&b); err != nil {
		t.Fatal(err)
	}
	return indent(b.String())
}

func indent(s string) string {
	return "  " + strings.ReplaceAll(strings.TrimSuffix(s, "\n"), "\n", "\n  ") + "\n"
}

func TestProblemsAreErrorsOfThePackage(t *testing.T) {
	t.Parallel()
	_, err := NewEvaluator(corpusEnv()).Evaluate("<+serviceVariables.nmae>")
	var e *Error
	if !errors.As(err, &e) || e.Offset != 19 || e.Hint != `did you mean "name"?` {
		t.Errorf("got %#v", err)
	}
	var list diag.List
	if errors.As(err, &list) {
		t.Error("an evaluation gives one error, not a list")
	}
}
