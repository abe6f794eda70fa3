package rehearse

import (
	"slices"
	"strings"
)

// Result is how a rehearsal went.
type Result struct {
	Rows []Row
	// Wrong are the plays that ended neither exact nor as documented.
	Wrong []Failure
	// Findings are what the user should know before the deployment.
	Findings []string
	// Calls is how many changing calls the deployment makes.
	Calls int
}

// Row is a kind of scenario: how often it was played and how that ended. Skipped were not
// played in the time that there was.
type Row struct {
	Scenario                                  string
	Played, Exact, Documented, Wrong, Skipped int
}

// Failure is one play and what came of it.
type Failure struct{ Scenario, Name, Detail string }

// Total is the sum of all rows.
func (r *Result) Total() Row {
	total := Row{Scenario: "all"}
	for _, row := range r.Rows {
		total.Played += row.Played
		total.Exact += row.Exact
		total.Documented += row.Documented
		total.Wrong += row.Wrong
		total.Skipped += row.Skipped
	}
	return total
}

// row is the row of a scenario; the rows are in the order of the groups.
func (r *Result) row(group string) *Row {
	i := slices.IndexFunc(r.Rows, func(row Row) bool { return row.Scenario == group })
	if i < 0 {
		i = len(r.Rows)
		r.Rows = append(r.Rows, Row{Scenario: group})
	}
	return &r.Rows[i]
}

func (r *Result) skip(s scenario) { r.row(s.group).Skipped++ }

func (r *Result) add(s scenario, v verdict) {
	row := r.row(s.group)
	switch v.kind {
	case unmet:
		return
	case exact:
		row.Exact++
	case documented:
		row.Documented++
	case wrong:
		row.Wrong++
		r.Wrong = append(r.Wrong, Failure{s.group, s.name, v.detail})
	}
	row.Played++
	if v.finding != "" && !slices.Contains(r.Findings, v.finding) {
		r.Findings = append(r.Findings, v.finding)
	}
}

// sort brings what was found side by side into one order.
func (r *Result) sort() {
	order := []string{groupWhole, groupKilled, groupLost, groupBack, groupDenied, groupFailed, groupStranger}
	place := func(group string) int { return slices.Index(order, group) }
	slices.SortFunc(r.Rows, func(a, b Row) int { return place(a.Scenario) - place(b.Scenario) })
	r.Rows = slices.DeleteFunc(r.Rows, func(row Row) bool { return row.Played+row.Skipped == 0 })
	slices.SortFunc(r.Wrong, func(a, b Failure) int {
		if d := place(a.Scenario) - place(b.Scenario); d != 0 {
			return d
		}
		return strings.Compare(a.Name, b.Name)
	})
	slices.Sort(r.Findings)
}
