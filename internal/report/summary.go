package report

import (
	"fmt"
	"strings"
	"time"
)

// Row is one Target of a summary.
type Row struct {
	Function, Region string
	// From and To are versions; From is "" for a new function.
	From, To string
	// Share is how much of the aliases' traffic goes to the new version, where
	// that is not all: 10%.
	Share   string
	Aliases []string
	CodeSha string
	Took    time.Duration
	Changed bool
	// Console is a link to the function in AWS' console, "" where there is none.
	Console string
}

// Next are the commands that the user may want after a deployment.
type Next struct {
	// Promote shifts to the new version the traffic that it does not have yet.
	Promote []string
	Undo    []string
}

// Summary is the page that a deployment leaves behind, as GitHub's Markdown,
// with the commands that finish or undo it.
func Summary(rows []Row, next Next) string {
	var b strings.Builder
	b.WriteString("### Lambda deployment\n\n")
	b.WriteString("| Function | Region | Version | Aliases | Code SHA-256 | Time |\n|---|---|---|---|---|---|\n")
	for _, r := range rows {
		name := cell(r.Function)
		if r.Console != "" {
			name = fmt.Sprintf("[%s](%s)", name, r.Console)
		}
		version := cell(r.To)
		switch {
		case !r.Changed:
			version += " (unchanged)"
		case r.From != "" && r.From != r.To:
			version = cell(r.From) + " → " + version
		}
		if r.Share != "" {
			version += " (" + cell(r.Share) + " of the traffic)"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | `%s` | %s |\n", name, cell(r.Region), version,
			cell(strings.Join(r.Aliases, ", ")), r.CodeSha, r.Took.Round(10*time.Millisecond))
	}
	commands(&b, "To give the new version all the traffic", next.Promote)
	commands(&b, "To undo this deployment", next.Undo)
	return b.String()
}

func commands(b *strings.Builder, title string, lines []string) {
	if len(lines) > 0 {
		b.WriteString("\n" + title + ":\n\n```sh\n" + strings.Join(lines, "\n") + "\n```\n")
	}
}

// cell keeps text from breaking a table or starting markup.
func cell(s string) string {
	return strings.NewReplacer("|", `\|`, "\n", " ", "`", "'", "<", "&lt;", "*", `\*`, "_", `\_`, "[", `\[`).Replace(s)
}

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
