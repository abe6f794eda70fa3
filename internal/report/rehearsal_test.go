package report

import (
	"strings"
	"testing"

	"github.com/lambda-rollout/lambda-rollout/internal/terminal"
)

func TestARehearsalFitsATerminal(t *testing.T) {
	t.Parallel()
	r := Rehearsal{
		Functions: 1, Sampled: 1, Calls: 6,
		Rows: []Rehearsed{{Scenario: "the deployment, its rollback, and the deployment again", Played: 103, Exact: 80, Documented: 23}},
		Left: []Play{{Name: "stranger", Plays: 5, Detail: "lambda-rollout-hello: $LATEST was not rolled back: changed: Description; that is neither what it was before nor what this run set", Again: "lambda-rollout rehearse --local --service service.yaml --play stranger:LATEST"}},
	}
	for _, columns := range []int{60, 80, 120} {
		text := r.Text(columns)
		for line := range strings.Lines(text) {
			if n := terminal.Width(strings.TrimSuffix(line, "\n")); n >= columns {
				t.Errorf("of %d columns it takes %d: %s", columns, n, line)
			}
		}
		_, numbers, _ := strings.Cut(text, "yment again ")
		if numbers, _, _ = strings.Cut(numbers, "\n"); strings.Join(strings.Fields(numbers), " ") != "103 80 23 0" {
			t.Errorf("of %d columns: %s", columns, text)
		}
		if columns < 120 && !strings.Contains(text, "\n  lambda-rollout rehearse --local --service service.yaml \\\n    --play stranger:LATEST\n") {
			t.Errorf("of %d columns the command cannot be copied: %s", columns, text)
		}
	}
	if text := r.Text(0); !strings.Contains(text, "again: lambda-rollout rehearse --local --service service.yaml --play stranger:LATEST\n") {
		t.Errorf("in a log: %s", text)
	}
}
