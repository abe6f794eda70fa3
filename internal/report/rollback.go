package report

import (
	"fmt"
	"strings"
)

// Back is one line of a rollback's summary: what was restored, or was not.
type Back struct {
	Function, Region string
	// Field, From and To say what the rollback changed.
	Field, From, To string
	// Problem says what was not restored, and why.
	Problem string
}

// RollbackSummary is the page of a rollback: what was restored, from what to
// what, and in red what was not. next are the commands that finish it.
func RollbackSummary(reason string, lines []Back, next []string) string {
	var b strings.Builder
	failed := false
	for _, l := range lines {
		failed = failed || l.Problem != ""
	}
	if failed {
		b.WriteString("### 🔴 Lambda rollback is not complete\n\n")
	} else {
		b.WriteString("### Lambda rollback: everything is as it was\n\n")
	}
	if reason != "" {
		fmt.Fprintf(&b, "Because: %s\n\n", cell(reason))
	}
	b.WriteString("| Function | Region | What | From | To |\n|---|---|---|---|---|\n")
	for _, l := range lines {
		if l.Problem != "" {
			fmt.Fprintf(&b, "| %s | %s | 🔴 **not restored** | %s | |\n", cell(l.Function), cell(l.Region), cell(l.Problem))
			continue
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", cell(l.Function), cell(l.Region), cell(l.Field), cell(l.From), cell(l.To))
	}
	if len(next) > 0 {
		commands(&b, "Once that is fixed, run", next[:1])
		commands(&b, "Where the journal is gone by then, run instead", next[1:])
	}
	return b.String()
}
