package report

import (
	"fmt"
	"strings"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/traffic"
)

// Row is one Target of a summary.
type Row struct {
	Function, Region string
	// From and To are versions; From is "" for a new function.
	From, To string
	// New reports whether the function did not exist before.
	New bool
	// Share is how much of the aliases' traffic goes to the new version, where
	// that is not all: 10%.
	Share   string
	Aliases []string
	// CodeFrom is the hash of the code before, "" where it is not known.
	CodeFrom, CodeSha string
	Took              time.Duration
	Changed           bool
	// Console is a link to the function in AWS' console, "" where there is none.
	Console string
}

// By says who deployed what. Empty fields are not known.
type By struct {
	Actor, Commit string
	// CommitURL and RunURL are links to the commit and to the run.
	CommitURL, RunURL string
}

// Next are the commands that the user may want after a deployment.
type Next struct {
	// Promote shifts to the new version the traffic that it does not have yet.
	Promote []string
	Undo    []string
}

// Deployment is a run that succeeded.
type Deployment struct {
	Rows []Row
	// Diffs are what changed, in the order of the rows.
	Diffs  []Diff
	By     By
	Course Course
	Took   time.Duration
	Next   Next
}

const (
	// SummaryLimit is how long a summary may become, in bytes: GitHub takes 1 MiB
	// for a step (https://docs.github.com/en/actions/reference/limits), of which a
	// part is left to other commands of the same step.
	SummaryLimit = 900 << 10
	// maxRows is how many commands a summary shows.
	maxRows = 500
	// openRows is how many rows of a table are shown unfolded.
	openRows = 50
	// tableLimit is how long a table may become, in bytes: 1,500 functions with long
	// names fit.
	tableLimit = 700 << 10
	// openLines is how many lines of a difference are shown unfolded: with the
	// table and the command that undoes it, that is one screen.
	openLines = 25
)

// Summary is the page that a deployment leaves behind, as GitHub's Markdown: the
// result, who and what, the difference, and the commands that finish or undo it.
// It is never longer than SummaryLimit: differences are shortened first.
func Summary(d Deployment) string {
	var head, tail strings.Builder
	fmt.Fprintf(&head, "### %s\n\n", cell(d.headline()))
	if by := d.By.markdown(); by != "" {
		head.WriteString(by + "\n\n")
	}
	var rows []string
	for _, r := range d.Rows {
		rows = append(rows, r.markdown())
	}
	head.WriteString(table("| Function | Region | Version | Traffic | Code | Time |\n|---|---|---|---|---|---|\n", rows, "function"))
	head.WriteString(d.Course.markdown())
	commands(&tail, "To give the new version all the traffic", d.Next.Promote)
	commands(&tail, d.undoTitle(), d.Next.Undo)
	room := SummaryLimit - head.Len() - tail.Len()
	return head.String() + changesMarkdown(d.Diffs, room) + tail.String()
}

// table is a table of Markdown: folded where it is long, and cut where it is too
// long for a summary.
func table(head string, rows []string, what string) string {
	var b strings.Builder
	for i, row := range rows {
		if b.Len()+len(row) > tableLimit {
			fmt.Fprintf(&b, "\n%s more: see the log.\n", count(len(rows)-i, what))
			break
		}
		b.WriteString(row)
	}
	if len(rows) <= openRows {
		return head + b.String()
	}
	return "<details><summary>" + count(len(rows), what) + "</summary>\n\n" + head + b.String() + "\n</details>\n"
}

func (r Row) markdown() string {
	name := cell(r.Function)
	if r.Console != "" {
		name = fmt.Sprintf("[%s](%s)", name, r.Console)
	}
	code := "`" + ShortHash(r.CodeSha) + "`"
	if r.CodeFrom != "" && r.CodeFrom != r.CodeSha {
		code = "`" + ShortHash(r.CodeFrom) + "` → " + code
	}
	return fmt.Sprintf("| %s | %s | %s | %s | %s | %s |\n", name, cell(r.Region), cell(r.versions()), cell(r.traffic()), code, Took(r.Took))
}

// versions is from which version to which: 41 → 42.
func (r Row) versions() string {
	switch {
	case !r.Changed:
		return r.To + " (unchanged)"
	case r.New:
		return r.To + " (new)"
	case r.From != "" && r.From != r.To:
		return r.From + " → " + r.To
	}
	return r.To
}

// traffic is what the aliases give to the new version.
func (r Row) traffic() string {
	share := r.Share
	if share == "" {
		share = "100%"
	}
	if len(r.Aliases) == 0 {
		return "no alias"
	}
	return strings.Join(r.Aliases, ", ") + " " + share
}

// subject is the row in a few words: orders 41 → 42 (live).
func (r Row) subject() string {
	s := r.Function + " " + r.versions()
	if len(r.Aliases) == 0 || !r.Changed {
		return s
	}
	aliases := strings.Join(r.Aliases, ", ")
	if r.Share != "" {
		aliases += " " + r.Share
	}
	return s + " (" + aliases + ")"
}

// headline says how the run ended.
func (d Deployment) headline() string { return "✓ " + d.outcome() }

func (d Deployment) outcome() string {
	if len(d.Rows) == 1 {
		return d.Rows[0].subject()
	}
	changed := 0
	for _, r := range d.Rows {
		if r.Changed {
			changed++
		}
	}
	switch {
	case changed == 0:
		return count(len(d.Rows), "function") + " unchanged"
	case changed < len(d.Rows):
		return fmt.Sprintf("%s deployed, %d unchanged", count(changed, "function"), len(d.Rows)-changed)
	}
	return count(changed, "function") + " deployed"
}

// Closing is the last line of a run that succeeded: how it ended, how long it
// took, and the command that undoes it, where one command does.
func (d Deployment) Closing() string {
	line := d.headline() + ", " + Took(d.Took) + "."
	switch len(d.Next.Undo) {
	case 0:
	case 1:
		line += " " + d.undoLabel() + d.Next.Undo[0]
	default:
		line += " " + d.undoLabel() + count(len(d.Next.Undo), "command") + " in the summary"
	}
	return line
}

func (d Deployment) undoTitle() string {
	var created []string
	for _, r := range d.Rows {
		if r.New {
			created = append(created, r.Function)
		}
	}
	const most = 3
	switch {
	case len(created) == 0:
		return "To undo this deployment"
	case len(created) > most:
		return fmt.Sprintf("To undo this deployment, which **deletes %d functions** that it created", len(created))
	}
	return "To undo this deployment, which **deletes " + cell(strings.Join(created, ", ")) + "**"
}

// Took writes a time that something took: 3.2 s, 4m10s.
func Took(d time.Duration) string {
	if d < time.Minute {
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return traffic.FormatDuration(d.Round(time.Second))
}

// ShortHash is enough of a hash, or of a commit, to tell two apart.
func ShortHash(sum string) string {
	const enough = 12
	if len(sum) <= enough {
		return sum
	}
	return sum[:enough] + "…"
}

// markdown is one line about who deployed what.
func (b By) markdown() string {
	const enough = 7
	var parts []string
	if commit := b.Commit; commit != "" {
		commit = "`" + strings.ReplaceAll(commit[:min(len(commit), enough)], "`", "'") + "`"
		if b.CommitURL != "" {
			commit = "[" + commit + "](" + b.CommitURL + ")"
		}
		parts = append(parts, "Commit "+commit)
	}
	if b.Actor != "" {
		parts = append(parts, "by "+cell(b.Actor))
	}
	if b.RunURL != "" {
		parts = append(parts, "[run]("+b.RunURL+")")
	}
	return strings.Join(parts, " · ")
}

// changesMarkdown is the difference of each function, in at most room bytes,
// unfolded where all of it is short.
func changesMarkdown(diffs []Diff, room int) string {
	total := 0
	for _, d := range diffs {
		if total += len(d.colored()); total > openLines {
			break
		}
	}
	open := ""
	if total <= openLines {
		open = " open"
	}
	var b strings.Builder
	for _, d := range diffs {
		lines := d.colored()
		if len(lines) == 0 {
			continue
		}
		title := "What changed"
		if len(diffs) > 1 {
			title += " in " + d.Function + " in " + d.Region
		}
		fence := fenceFor(lines)
		before := fmt.Sprintf("\n<details%s><summary>%s</summary>\n\n%sdiff\n", open, html(title), fence)
		after := fence + "\n\n</details>\n"
		left := room - b.Len() - len(before) - len(after)
		const least = 1000
		if left < least {
			b.WriteString("\nMore differences are in the log.\n")
			break
		}
		b.WriteString(before + shortenBytes(joinLines(lines), left, "… the rest is in the log\n") + after)
	}
	return b.String()
}

func commands(b *strings.Builder, title string, lines []string) {
	if len(lines) == 0 {
		return
	}
	more := ""
	if len(lines) > maxRows {
		more = fmt.Sprintf("# %s more: see the output rollback-data\n", count(len(lines)-maxRows, "command"))
		lines = lines[:maxRows]
	}
	fence := fenceFor(lines)
	b.WriteString("\n" + title + ":\n\n" + fence + "sh\n" + strings.Join(lines, "\n") + "\n" + more + fence + "\n")
}

var cells = strings.NewReplacer("|", `\|`, "\n", " ", "`", "'", "<", "&lt;", "*", `\*`, "_", `\_`, "[", `\[`)

// cell keeps text from breaking a table or starting markup.
func cell(s string) string { return cells.Replace(s) }
