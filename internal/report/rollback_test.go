package report

import (
	"fmt"
	"strings"
	"testing"
)

// A fleet's rollback shows what someone must look at without a search: failures come
// first, and what was restored is folded by Region.
func TestARollbackSummaryBeginsWithWhatWasNotRestored(t *testing.T) {
	t.Parallel()
	var lines []Back
	for n := range 500 {
		for _, region := range []string{"us-east-1", "eu-west-1", "eu-central-1"} {
			name := fmt.Sprintf("a-function-with-a-long-name-%03d", n)
			lines = append(lines,
				Back{Function: name, Region: region, Field: "Aliases.live", From: "42", To: "41"},
				Back{Function: name, Region: region, Field: "Code", From: strings.Repeat("x", 44), To: strings.Repeat("y", 44)})
			if n == 400 {
				lines = append(lines, Back{Function: name, Region: region, Problem: "function gone in " + region})
			}
		}
	}
	text := RollbackSummary("struck", Course{}, lines, []string{"lambda-rollout rollback --journal j", "lambda-rollout rollback --function f"})
	if len(text) > SummaryLimit {
		t.Errorf("%d bytes", len(text))
	}
	for _, region := range []string{"us-east-1", "eu-west-1", "eu-central-1"} {
		failed, folded := strings.Index(text, "function gone in "+region), strings.Index(text, "<summary>"+region+": 500 functions restored</summary>")
		if failed < 0 || folded < 0 || failed > strings.Index(text, "<details>") {
			t.Errorf("%s: failed at byte %d, folded at %d", region, failed, folded)
		}
	}
	if strings.Count(text, "<details>") != 3 || strings.Count(text, "</details>") != 3 || !strings.Contains(text, "rollback --journal j") {
		t.Errorf("%d folds, %d ends", strings.Count(text, "<details>"), strings.Count(text, "</details>"))
	}
}

// However many functions there are, the page keeps the command that goes on.
func TestARollbackSummaryStaysBelowItsLimit(t *testing.T) {
	t.Parallel()
	var lines []Back
	for n := range 8_000 {
		l := Back{Function: fmt.Sprintf("function-%d", n), Region: fmt.Sprintf("region-%d", n%5), Field: "Code", From: strings.Repeat("x", 44), To: "y"}
		if n%2 == 0 {
			l.Problem = strings.Repeat("why ", 30)
		}
		lines = append(lines, l)
	}
	text := RollbackSummary("", Course{}, lines, []string{"lambda-rollout rollback --journal j"})
	if len(text) > SummaryLimit || !strings.Contains(text, "rollback --journal j") || !strings.Contains(text, "lines more: see the log") {
		t.Errorf("%d bytes", len(text))
	}
	if strings.Count(text, "<details>") != strings.Count(text, "</details>") {
		t.Error("something stays open")
	}
}
