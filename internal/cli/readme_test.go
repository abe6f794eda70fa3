package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/go-cmp/cmp"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
	"github.com/lambda-rollout/lambda-rollout/internal/policy"
)

// size is how much a policy grants.
type size struct {
	// written are its actions as they stand, wildcards how many of these have
	// one, meant how many actions the wildcards come to at the least, and
	// anywhere how many of all are granted on every resource.
	written, wildcards, meant, anywhere int
}

// operations are what the SDK's clients call by name: a wildcard grants at
// least these.
func operations() map[string][]string {
	all := map[string][]string{}
	for service, client := range map[string]any{"ecr": &ecr.Client{}, "iam": &iam.Client{}, "lambda": &lambda.Client{}, "s3": &s3.Client{}} {
		t := reflect.TypeOf(client)
		for i := range t.NumMethod() {
			if m := t.Method(i); m.Type.NumIn() == 4 { // receiver, context, input, options
				all[service] = append(all[service], m.Name)
			}
		}
	}
	return all
}

// sizeOf measures statements of actions and resources.
func sizeOf(t *testing.T, statements [][2][]string) size {
	t.Helper()
	known := operations()
	var s size
	meant := map[string]bool{}
	for _, st := range statements {
		for _, action := range st[0] {
			s.written++
			service, name, _ := strings.Cut(action, ":")
			prefix, wild := strings.CutSuffix(name, "*")
			granted := []string{name}
			if wild {
				s.wildcards++
				granted = slices.DeleteFunc(slices.Clone(known[service]), func(op string) bool { return !strings.HasPrefix(op, prefix) })
				if len(granted) == 0 {
					t.Fatalf("%s means nothing that the SDK knows", action)
				}
			}
			for _, op := range granted {
				if slices.Contains(st[1], "*") && !meant[service+":"+op] {
					s.anywhere++
				}
				meant[service+":"+op] = true
			}
		}
	}
	s.meant = len(meant)
	return s
}

func statementsOf(d policy.Document) [][2][]string {
	var all [][2][]string
	for _, s := range d.Statement {
		all = append(all, [2][]string{s.Action, s.Resource})
	}
	return all
}

// The README compares the policy of Harness' page with ours for its example: the
// numbers are measured here.
func TestReadmeComparesThePolicies(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("testdata", "harness-policy.json"))
	if err != nil {
		t.Fatal(err)
	}
	var page struct {
		Statement []struct {
			Action   []string
			Resource string
		}
	}
	if err := json.Unmarshal(text, &page); err != nil {
		t.Fatal(err)
	}
	var harness [][2][]string
	for _, s := range page.Statement {
		harness = append(harness, [2][]string{s.Action, {s.Resource}})
	}
	first, later := seedPolicies(t)
	want := "| | Harness' page | ours, first deploy | ours, a later deploy of new code |\n|---|---|---|---|\n"
	sizes := []size{sizeOf(t, harness), sizeOf(t, statementsOf(first)), sizeOf(t, statementsOf(later))}
	row := func(title string, number func(size) string) {
		want += "| " + title + " |"
		for _, s := range sizes {
			want += " " + number(s) + " |"
		}
		want += "\n"
	}
	row("actions granted", func(s size) string {
		if s.wildcards > 0 {
			return fmt.Sprintf("at least %d", s.meant)
		}
		return fmt.Sprint(s.meant)
	})
	row("of these on every resource", func(s size) string { return fmt.Sprint(s.anywhere) })
	row("written with a wildcard", func(s size) string { return fmt.Sprintf("%d of %d", s.wildcards, s.written) })

	const begin, end = "<!-- policies: begin -->\n", "<!-- policies: end -->\n"
	file := filepath.Join("..", "..", "README.md")
	readme, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(readme), begin)
	got, after, closed := strings.Cut(rest, end)
	if !ok || !closed {
		t.Fatalf("README.md has no %q … %q", begin, end)
	}
	if *update {
		if err := os.WriteFile(file, []byte(before+begin+want+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("README.md (-update writes it): %s", diff)
	}
}

// seedPolicies are printed for the example of Harness' page: its service, its
// definition and its alias, before the function is there and for new code.
func seedPolicies(t *testing.T) (first, later policy.Document) {
	t.Helper()
	b := newBench(t, awslocal.Options{Account: "123456789012"})
	b.env = append(b.env, "AWS_REGION=us-east-2")
	seed := filepath.Join("..", "service", "testdata", "seed")
	for _, name := range []string{"service.yaml", "infrastructure.yaml", "environment.yaml", "alias.json", "serverless/aws-lambda/createFunction.json"} {
		content, err := os.ReadFile(filepath.Join(seed, name))
		if err != nil {
			t.Fatal(err)
		}
		// Lambda takes the page's runtime no more for a new function.
		b.write(name, strings.ReplaceAll(string(content), "nodejs16.x", "nodejs22.x"))
	}
	inputs := []string{
		"--service", "service.yaml", "--environment", "environment.yaml", "--infrastructure", "infrastructure.yaml",
		"--alias-definition", "alias.json", "--inputs", "artifacts.primary.primaryArtifactRef=test",
	}
	print := func() policy.Document {
		var set policy.Set
		if err := json.Unmarshal([]byte(b.must(append([]string{"policy"}, inputs...)...)), &set); err != nil {
			t.Fatal(err)
		}
		return set.Permissions
	}
	b.put("mylambda", "workloadNameValue", "us-east-2", archiveOf(t, "handler.js", "1"))
	first = print()
	b.must(append([]string{"deploy"}, inputs...)...)
	b.put("mylambda", "workloadNameValue", "us-east-2", archiveOf(t, "handler.js", "2"))
	return first, print()
}
