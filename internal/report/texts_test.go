package report

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lambda-rollout/lambda-rollout/internal/diag"
	"github.com/lambda-rollout/lambda-rollout/internal/terminal"
)

func stringsOf(lines []terminal.Line) (all []string) {
	for _, line := range lines {
		all = append(all, line.String())
	}
	return all
}

// Whatever is wrong where, no line of it is wider than the terminal.
func TestProblemsFitATerminal(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("abc\t", 100)
	for _, columns := range []int{40, 80, 120} {
		for _, col := range []int{1, 2, 30, 200, 400, 500} {
			problem := diag.Problem{File: "f.json", Line: 123, Col: col, Message: strings.Repeat("word ", 40), Hint: strings.Repeat("hint ", 40), Source: long}
			lines := ProblemLines(columns, diag.List{problem})
			for _, line := range lines {
				if line.Width() >= columns {
					t.Errorf("column %d: %d of %d columns: %q", col, line.Width(), columns, line)
				}
			}
			text := strings.Join(stringsOf(lines), " ")
			if got := strings.Count(text, "word") + strings.Count(text, "hint"); got != 81 || !strings.Contains(text, "^") {
				t.Errorf("column %d: something is lost: %d words\n%s", col, got, text)
			}
		}
	}
	// The caret is below what it means.
	got := stringsOf(ProblemLines(30, diag.List{{File: "f", Line: 1, Col: 60, Message: "m", Source: strings.Repeat("a", 59) + "B" + strings.Repeat("c", 50)}}))
	if len(got) != 3 || strings.Index(got[1], "B")-len("…")+1 != strings.Index(got[2], "^") {
		t.Errorf("%q", got)
	}
}

func TestOutputsThatDoNotFitHaveALineOfTheirOwn(t *testing.T) {
	t.Parallel()
	wide := strings.Repeat("x", 40)
	got := stringsOf(OutputLines(40, []Output{{"version", "42"}, {"function-arn", wide}, {"alias-arns", "a"}, {"alias-arns", "b"}}, "the rest is with --output json or --verbose"))
	want := []string{
		"Outputs", "  version       42", "  function-arn", "    " + wide, "  alias-arns    a", "                b",
		"  the rest is with --output json or", "  --verbose",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestASignalsCommandCanBeCopied(t *testing.T) {
	t.Parallel()
	got := stringsOf(SignalLines(40, "Killed now, changes would remain somewhere; then run: lambda-rollout rollback --journal j.jsonl"))
	want := []string{"Killed now, changes would remain", "  somewhere; then run:", "  lambda-rollout rollback \\", "    --journal j.jsonl"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// A shell takes a command as it is printed, also where it has a line of its own.
func TestACommandOfItsOwnLineIsBrokenBeforeFlags(t *testing.T) {
	t.Parallel()
	got := Fitted(40, "Try this:\n    lambda-rollout plan --function-definition shop/function.yaml --local\n  and no more")
	want := "Try this:\n  lambda-rollout plan \\\n    --function-definition shop/function.yaml \\\n    --local\n  and no more"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
