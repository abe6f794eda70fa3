package report

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/lambda-rollout/lambda-rollout/internal/traffic"
)

// Status is a function as it is now, ready to be shown.
type Status struct {
	Function string `json:"function"`
	Region   string `json:"region"`
	// Exists is false where a deploy of the files creates the function.
	Exists bool `json:"exists"`
	// State and LastUpdateStatus are AWS's own words.
	State            string        `json:"state,omitempty"`
	StateReason      string        `json:"stateReason,omitempty"`
	LastUpdateStatus string        `json:"lastUpdateStatus,omitempty"`
	Aliases          []StatusAlias `json:"aliases"`
	// Waiting are published versions that are newer than all that get traffic.
	Waiting []StatusVersion `json:"waiting"`
	// Latest is $LATEST beside the newest version; nil where no version was published.
	Latest *StatusLatest `json:"latest,omitempty"`
	// OpenRuns are still running or were interrupted.
	OpenRuns []string `json:"openRuns"`
	// Settings are those that a settings document names.
	Settings []StatusSetting `json:"settings,omitempty"`
	// Plan is what a deploy of the files would do; nil where none are named.
	Plan *Diff `json:"plan,omitempty"`
	// Differs reports whether the exit code would be 2.
	Differs bool `json:"differs"`
}

// StatusAlias is an alias with the versions that get its traffic.
type StatusAlias struct {
	Alias   string        `json:"alias"`
	Routing []StatusRoute `json:"routing"`
	// Rollback is what a rollback by hand would do.
	Rollback StatusRollback `json:"rollback"`
}

// StatusRollback is where a rollback would point an alias: Version, "none" for an
// alias that it would delete, or nowhere, with the reason. Done reports whether the alias
// points there already.
type StatusRollback struct {
	Version string `json:"version,omitempty"`
	Done    bool   `json:"done,omitempty"`
	Note    string `json:"note,omitempty"`
}

// StatusVersion is a published version and who published it.
type StatusVersion struct {
	Version    string     `json:"version"`
	Published  *time.Time `json:"published,omitempty"`
	Repository string     `json:"repository,omitempty"`
	Commit     string     `json:"commit,omitempty"`
	Run        string     `json:"run,omitempty"`
	RunURL     string     `json:"runUrl,omitempty"`
}

// StatusRoute is a version with its share of the traffic, in per cent.
type StatusRoute struct {
	StatusVersion
	Percent float64 `json:"percent"`
	State   string  `json:"state,omitempty"`
}

// StatusLatest is what $LATEST differs from the newest version in.
type StatusLatest struct {
	Version string `json:"version"`
	Changes []Line `json:"changes"`
}

// StatusSetting is a setting that the files name, as it is.
type StatusSetting struct {
	Setting string `json:"setting"`
	Value   string `json:"value"`
	Differs bool   `json:"differs"`
}

// StatusText is the status for a terminal: a table where there are several functions,
// and what is worth knowing of each.
func StatusText(all []Status) string {
	if len(all) == 1 {
		return all[0].text(true)
	}
	var b strings.Builder
	b.WriteString(statusTable(all))
	for _, s := range all {
		if text := s.text(false); text != "" {
			b.WriteString("\n" + text)
		}
	}
	return b.String()
}

// text is one function; without full, only what the table does not show, "" where that
// is nothing.
func (s Status) text(full bool) string {
	var lines []string
	if full {
		lines = s.aliasLines()
	}
	lines = append(lines, s.remarks()...)
	if len(lines) == 0 && !full && s.condition() == "Active" {
		return ""
	}
	return s.Function + " in " + s.Region + ": " + s.condition() + "\n" + indentedLines(lines)
}

func indentedLines(lines []string) string {
	text := ""
	for _, line := range lines {
		text += "  " + line + "\n"
	}
	return text
}

// condition is the state of the function in a few words.
func (s Status) condition() string {
	switch {
	case !s.Exists:
		return "does not exist yet"
	case s.State != "Active" && s.State != "" && s.StateReason != "":
		return s.State + " (" + shown(s.StateReason) + ")"
	case s.LastUpdateStatus != "" && s.LastUpdateStatus != "Successful":
		return s.State + ", update " + s.LastUpdateStatus
	}
	return s.State
}

func (s Status) aliasLines() []string {
	var lines []string
	width := 0
	for _, a := range s.Aliases {
		width = max(width, utf8.RuneCountInString(a.Alias))
	}
	blank := strings.Repeat(" ", width+2)
	for _, a := range s.Aliases {
		begin := padded(a.Alias, width) + "  "
		for _, r := range a.Routing {
			lines = append(lines, begin+r.headline(len(a.Routing) > 1))
			begin = blank
			for _, detail := range r.who() {
				lines = append(lines, begin+"  "+detail)
			}
		}
		lines = append(lines, blank+"rollback: "+a.Rollback.String())
		if a.Rollback.Note != "" {
			lines = append(lines, blank+"  "+a.Rollback.Note)
		}
	}
	if len(s.Aliases) == 0 && s.Exists {
		lines = append(lines, "no alias")
	}
	return lines
}

// String says where a rollback leads.
func (r StatusRollback) String() string {
	switch {
	case r.Done:
		return "nothing to do"
	case r.Version == "":
		return "needs --to-version"
	case r.Version == "none":
		return "deletes the alias, which is new"
	}
	return "to " + r.Version
}

func (r StatusRoute) headline(shares bool) string {
	line := r.Version
	if shares {
		line += " " + traffic.Percent(r.Percent)
	}
	if r.State != "" && r.State != "Active" {
		line += "  " + r.State
	}
	return line + r.when()
}

func (v StatusVersion) when() string {
	line := ""
	if v.Published != nil {
		line += "  published " + v.Published.UTC().Format(minute)
	}
	if v.Commit != "" {
		line += "  " + v.Commit
	}
	return line
}

func (v StatusVersion) who() []string {
	var lines []string
	if v.Run != "" {
		line := "by run " + v.Run
		if v.Repository != "" {
			line += " of " + v.Repository
		}
		lines = append(lines, line)
	}
	if v.RunURL != "" {
		lines = append(lines, v.RunURL)
	}
	return lines
}

// remarks are what differs, waits or is under way.
func (s Status) remarks() []string {
	var lines []string
	for _, run := range s.OpenRuns {
		lines = append(lines, "run "+run+" is still running or was interrupted")
	}
	for _, v := range s.Waiting {
		lines = append(lines, "newer and not in use: "+v.Version+v.when())
	}
	if s.Latest != nil && len(s.Latest.Changes) > 0 {
		lines = append(lines, "$LATEST has changes that were not published; it differs from "+s.Latest.Version+":")
		for _, c := range s.Latest.Changes {
			lines = append(lines, "  "+c.String())
		}
	}
	for _, set := range s.Settings {
		line := set.Setting + ": " + set.Value
		if set.Differs {
			line += " (differs from the file)"
		}
		lines = append(lines, line)
	}
	return append(lines, s.planLines()...)
}

// planLines are what a deploy of the files would do.
func (s Status) planLines() []string {
	if s.Plan == nil {
		return nil
	}
	lines := []string{"a deploy of the files: " + s.Plan.headline()}
	for _, line := range s.Plan.lines() {
		lines = append(lines, "  "+line)
	}
	return lines
}

// screen is the width of a terminal for which tables are made: the last of 80 columns
// stays free.
const screen = 79

// statusTable has a line for each alias.
func statusTable(all []Status) string {
	rows := [][]string{{"FUNCTION", "ALIAS", "POINTS TO", "PUBLISHED", "COMMIT", "ROLLBACK", ""}}
	regions := map[string]bool{}
	for _, s := range all {
		regions[s.Region] = true
	}
	for _, s := range all {
		name := s.Function
		if len(regions) > 1 {
			name += " " + s.Region
		}
		rows = append(rows, s.rows(name)...)
	}
	return Columns(rows)
}

func (s Status) rows(name string) [][]string {
	note := ""
	if s.Differs {
		note = "differs"
	}
	switch {
	case !s.Exists:
		note = "new"
	case s.State != "Active":
		note = s.State
	case s.LastUpdateStatus != "" && s.LastUpdateStatus != "Successful":
		note = s.LastUpdateStatus
	}
	if len(s.Aliases) == 0 {
		return [][]string{{name, "-", "-", "", "", "", note}}
	}
	var rows [][]string
	for _, a := range s.Aliases {
		row := []string{name, a.Alias, "", "", "", a.Rollback.Version, note}
		for i, r := range a.Routing {
			if i > 0 {
				row[2] += ", "
			}
			row[2] += r.Version
			if len(a.Routing) > 1 {
				row[2] += " " + traffic.Percent(r.Percent)
			}
		}
		if first := a.Routing[0]; first.Published != nil {
			row[3], row[4] = first.Published.UTC().Format(time.DateOnly), first.Commit[:min(len(first.Commit), 7)]
		}
		rows = append(rows, row)
		name, note = "", ""
	}
	return rows
}

// Columns lays rows out, the first of which are the headings. Where they are wider than
// the screen, empty columns are left out, and the widest cells lose their middle.
func Columns(rows [][]string) string {
	widths := widthsOf(rows)
	for i := len(widths) - 1; i >= 0; i-- {
		if total(widths) > screen && !slices.ContainsFunc(rows[1:], func(row []string) bool { return row[i] != "" }) {
			for j, row := range rows {
				rows[j] = slices.Concat(row[:i], row[i+1:])
			}
			widths = slices.Delete(widths, i, i+1)
		}
	}
	const least = 12
	for total(widths) > screen && slices.Max(widths) > least {
		widths[slices.Index(widths, slices.Max(widths))]--
	}
	var b strings.Builder
	for _, row := range rows {
		line := ""
		for i, cell := range row {
			line += padded(middle(cell, widths[i]), widths[i]) + "  "
		}
		fmt.Fprintln(&b, strings.TrimRight(line, " "))
	}
	return b.String()
}

func widthsOf(rows [][]string) []int {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	return widths
}

// total is how wide columns are, with the gaps between them.
func total(widths []int) int {
	sum := 2 * (len(widths) - 1)
	for _, w := range widths {
		sum += w
	}
	return sum
}

func padded(text string, width int) string {
	return text + strings.Repeat(" ", max(0, width-utf8.RuneCountInString(text)))
}

// middle shortens a text in its middle: names of functions differ at their ends.
func middle(text string, width int) string {
	r := []rune(text)
	if len(r) <= width {
		return text
	}
	half := (width - 1) / 2
	return string(r[:half]) + "…" + string(r[len(r)-(width-1-half):])
}
