package report

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/terminal"
)

// Rehearsal is how a deployment went that was played against a copy.
type Rehearsal struct {
	// Functions is how many the deployment has, Sampled how many of them were played.
	Functions, Sampled int
	Rows               []Rehearsed
	// Wrong are the plays that ended neither exact nor as documented, Left what could not
	// be restored in those that did.
	Wrong, Left []Play
	// Findings are what the user should know before the deployment.
	Findings []string
	// Calls is what the deployment of all functions takes of the quota, Least how long
	// these calls take at least.
	Calls int
	Least time.Duration
}

// Play is what came of plays that ended alike: Name is the first of them, and Again plays
// it alone.
type Play struct {
	Name          string
	Plays         int
	Detail, Again string
}

// Rehearsed is one kind of scenario: how often it was played, and how that ended.
type Rehearsed struct {
	Scenario                                  string
	Played, Exact, Documented, Wrong, Skipped int
}

func (r Rehearsal) total() (t Rehearsed) {
	for _, row := range r.Rows {
		t.Played, t.Exact, t.Documented = t.Played+row.Played, t.Exact+row.Exact, t.Documented+row.Documented
		t.Wrong, t.Skipped = t.Wrong+row.Wrong, t.Skipped+row.Skipped
	}
	return t
}

// Headline is the rehearsal in one line.
func (r Rehearsal) Headline() string {
	t := r.total()
	text := fmt.Sprintf("%d of %d end exact", t.Exact, t.Played)
	if t.Documented > 0 {
		text += fmt.Sprintf(", %d with what is left listed (exit code 4)", t.Documented)
	}
	if t.Wrong > 0 {
		text += fmt.Sprintf(", %d wrong", t.Wrong)
	}
	if t.Skipped > 0 {
		text += fmt.Sprintf("; %d%% of %d were played in the available time", 100*t.Played/(t.Played+t.Skipped), t.Played+t.Skipped)
	}
	return text
}

// Text is the rehearsal for a log, or for a terminal of so many columns where they are
// not 0.
func (r Rehearsal) Text(columns int) string {
	name := 58
	if columns > 0 {
		const numbers = len("  played   exact  documented  wrong")
		name = max(leastName, min(name, columns-1-numbers))
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%-*s %7s %7s %11s %6s\n", name, "scenario", "played", "exact", "documented", "wrong")
	for _, row := range r.Rows {
		fmt.Fprintf(&b, "%-*s %7d %7d %11d %6d\n", name, terminal.Shorten(row.Scenario, name), row.Played, row.Exact, row.Documented, row.Wrong)
	}
	fmt.Fprintf(&b, "\n%s\n", r.Headline())
	for _, p := range r.Wrong {
		fmt.Fprintf(&b, "wrong: %s: %s\n  again: %s\n", p.Name, p.Detail, p.Again)
	}
	for _, p := range r.Left {
		fmt.Fprintf(&b, "left in %s: %s\n  again: %s\n", count(p.Plays, "play"), p.Detail, p.Again)
	}
	for _, line := range r.findings() {
		fmt.Fprintf(&b, "finding: %s\n", line)
	}
	if columns > 0 {
		return Fitted(columns, b.String())
	}
	return b.String()
}

// Markdown is the rehearsal for a summary.
func (r Rehearsal) Markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "### Rehearsal: %s\n\n| Scenario | Played | Exact | Documented | Wrong |\n|---|---|---|---|---|\n", cell(r.Headline()))
	for _, row := range r.Rows {
		fmt.Fprintf(&b, "| %s | %d | %d | %d | %d |\n", cell(row.Scenario), row.Played, row.Exact, row.Documented, row.Wrong)
	}
	b.WriteString("\n")
	for _, p := range r.Wrong {
		fmt.Fprintf(&b, "- 🔴 %s: %s; again: `%s`\n", p.Name, cell(p.Detail), p.Again)
	}
	for _, p := range r.Left {
		fmt.Fprintf(&b, "- left in %s: %s; again: `%s`\n", count(p.Plays, "play"), cell(p.Detail), p.Again)
	}
	for _, line := range r.findings() {
		fmt.Fprintf(&b, "- %s\n", cell(line))
	}
	return b.String()
}

// findings are those of the rehearsal, and what the real deployment takes.
func (r Rehearsal) findings() []string {
	all := slices.Clone(r.Findings)
	if r.Calls > 0 {
		all = append(all, fmt.Sprintf("the real deployment of %s takes %s to Lambda within the quota, at least %s", count(r.Functions, "function"), count(r.Calls, "call"), r.Least.Round(100*time.Millisecond)))
	}
	if r.Sampled < r.Functions {
		all = append(all, fmt.Sprintf("%d of %d functions were played", r.Sampled, r.Functions))
	}
	return all
}
