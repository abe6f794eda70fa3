package report

import (
	"strings"

	"github.com/lambda-rollout/lambda-rollout/internal/event"
)

func (l *Log) verifyBegan(e event.VerifyBegan) {
	l.Line("Verifying version %s of function %s before it gets traffic: %s", e.Version, e.Function, count(e.Cases, "case"))
}

func (l *Log) caseCompared(e event.CaseCompared) {
	l.Line("Compared %s: version %s answered as version %s does; a second, warm call took %s, and %s with version %s", e.Case, e.Version, e.Old, e.Usage, e.OldUsage, e.Old)
}

func (l *Log) caseFailed(e event.CaseFailed) {
	l.Line("Verifying %s failed: version %s did not answer as expected", e.Case, e.Version)
	l.Block(indented(strings.Join(e.Problems, "\n")))
	if e.Log == "" {
		return
	}
	l.Line("The end of its log:")
	l.Block(indented(strings.TrimRight(e.Log, "\n")))
}

func indented(text string) string { return "  " + strings.ReplaceAll(text, "\n", "\n  ") }
