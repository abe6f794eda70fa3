package report

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write golden files")

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-update writes it): %s", name, diff)
	}
}

func diffs() []Diff {
	return []Diff{
		{
			Function: "shop", Region: "eu-central-1", Changed: true,
			Calls: []string{"UpdateFunctionConfiguration", "UpdateFunctionCode", "PublishVersion", "UpdateAlias live"},
			Changes: []Line{
				{Op: "~", Field: "Timeout", From: "3", To: "9", Drifted: true, Served: "5"},
				{Op: "+", Field: "Description", To: "line\nbreak and ``` fence"},
				{Op: "-", Field: "DeadLetterConfig.TargetArn", From: "arn:aws:sqs:eu-central-1:123456789012:dead"},
				{Op: "+", Field: "Environment.Variables.NEW"},
				{Op: "~", Field: "Environment.Variables.OLD"},
				{Op: "-", Field: "Environment.Variables.GONE"},
				{Op: "~", Field: "Code", From: "FRj54pGvRp9Y…", To: "rKrWgBqs4kPE…", Note: "563 B → 1.2 MB"},
				{Op: "~", Field: "Aliases.live", From: "41", To: "new version"},
			},
			Files:  &Files{Changes: []File{{"~", "index.js", 100, 1200}, {"+", "lib/`x`.js", 0, 1_200_000}, {"-", "old.js", 7, 0}}},
			Served: "41", Drift: []Line{{Op: "~", Field: "MemorySize", From: "128", To: "256"}},
			Warnings: []string{"configuration and code both change"}, Irreversible: []string{"the tags cannot be read"}, Blockers: []string{"PackageType is Zip"},
		},
		{Function: "same", Region: "us-east-1", Calls: []string{}},
		{Function: "no_alias", Region: "us-east-1", Calls: []string{"PublishVersion"}},
	}
}

func TestPlanIsShown(t *testing.T) {
	t.Parallel()
	golden(t, "plan.txt", Text(diffs()))
	golden(t, "comment.md", Comment(diffs()))
	golden(t, "summary.md", PlanSummary(diffs()))
}

// However much changes, the comment stays short, closes what it opens, and says
// that it was cut.
func TestCommentStaysShort(t *testing.T) {
	t.Parallel()
	many := func(n, functions int) []Diff {
		var all []Diff
		for f := range functions {
			d := Diff{Function: fmt.Sprintf("function-%d", f), Region: "eu-central-1", Changed: true, Calls: []string{"UpdateFunctionConfiguration"}}
			for i := range n {
				d.Changes = append(d.Changes, Line{Op: "+", Field: fmt.Sprintf("Environment.Variables.KEY_%d", i)})
				d.Warnings = append(d.Warnings, fmt.Sprintf("a warning of some length, for the %d. time → ö", i))
			}
			all = append(all, d)
		}
		return all
	}
	for _, size := range [][2]int{{1, 1}, {30, 1}, {500, 1}, {1, 12}, {40, 12}, {1, 100}} {
		text := Comment(many(size[0], size[1]))
		if n := utf8.RuneCountInString(text); n > CommentLimit {
			t.Errorf("%d changes in %d functions: %d characters", size[0], size[1], n)
		}
		if strings.Count(text, "```")%2 != 0 {
			t.Errorf("%d changes in %d functions: a fence stays open:\n%s", size[0], size[1], text)
		}
		whole := size[0]*size[1] <= 12
		if cut := strings.Contains(text, "see the summary of the run"); cut == whole {
			t.Errorf("%d changes in %d functions: reported as cut: %v", size[0], size[1], cut)
		}
	}
}
