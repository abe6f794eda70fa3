package rehearse

import (
	"cmp"
	"slices"
	"strings"
)

// Result is how a rehearsal went.
type Result struct {
	Rows []Row
	// Wrong are the plays that ended neither exact nor as documented.
	Wrong []Failure
	// Left is what could not be restored in the plays that ended as documented.
	Left []Left
	// Findings are what the user should know before the deployment.
	Findings []string
	// Calls is how many changing calls the deployment makes.
	Calls int

	// lacking are actions by what happens without one of them.
	lacking map[string][]string
}

// finding is what the user should know of a play. text says what happens without the
// action that lacks names, with actionMark in its place; it says all where nothing lacks.
type finding struct{ lacks, text string }

const actionMark = "\x00"

// Row is a kind of scenario: how often it was played and how that ended. Skipped were not
// played in the time that there was.
type Row struct {
	Scenario                                  string
	Played, Exact, Documented, Wrong, Skipped int
}

// Failure is one play and what came of it. Play is its name, by which it can be played
// alone.
type Failure struct{ Scenario, Play, Detail string }

// Left is what a rollback could not restore. Play is the first play of those that ended
// so.
type Left struct {
	Play, Detail string
	Plays        int
	// Found reports whether a finding says the same.
	Found bool
}

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

// row is the row of a group.
func (r *Result) row(g group) *Row {
	i := slices.IndexFunc(r.Rows, func(row Row) bool { return row.Scenario == g.title })
	if i < 0 {
		i = len(r.Rows)
		r.Rows = append(r.Rows, Row{Scenario: g.title})
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
		r.leave(Left{s.id(), v.detail, 1, v.finding.text != ""})
	case wrong:
		row.Wrong++
		r.Wrong = append(r.Wrong, Failure{s.group.title, s.id(), v.detail})
	}
	row.Played++
	r.find(v.finding)
}

// find notes a finding once, and under one text all actions of which one is enough for it.
func (r *Result) find(f finding) {
	switch {
	case f.text == "":
	case f.lacks != "":
		if r.lacking == nil {
			r.lacking = map[string][]string{}
		}
		if !slices.Contains(r.lacking[f.text], f.lacks) {
			r.lacking[f.text] = append(r.lacking[f.text], f.lacks)
		}
	case !slices.Contains(r.Findings, f.text):
		r.Findings = append(r.Findings, f.text)
	}
}

// leave counts the plays that leave the same.
func (r *Result) leave(l Left) {
	i := slices.IndexFunc(r.Left, func(known Left) bool { return known.Detail == l.Detail })
	if i < 0 {
		r.Left = append(r.Left, l)
		return
	}
	r.Left[i].Plays++
	r.Left[i].Found = r.Left[i].Found && l.Found
	r.Left[i].Play = min(r.Left[i].Play, l.Play)
}

// sort brings what was found side by side into one order.
func (r *Result) sort() {
	place := func(title string) int {
		return slices.IndexFunc(groups, func(g group) bool { return g.title == title })
	}
	slices.SortFunc(r.Rows, func(a, b Row) int { return place(a.Scenario) - place(b.Scenario) })
	r.Rows = slices.DeleteFunc(r.Rows, func(row Row) bool { return row.Played+row.Skipped == 0 })
	slices.SortFunc(r.Wrong, func(a, b Failure) int {
		return cmp.Or(place(a.Scenario)-place(b.Scenario), strings.Compare(a.Play, b.Play))
	})
	slices.SortFunc(r.Left, func(a, b Left) int { return strings.Compare(a.Play, b.Play) })
	for text, lacks := range r.lacking {
		slices.Sort(lacks)
		start, name := "without "+lacks[0], lacks[0]
		if len(lacks) > 1 {
			start, name = "without any one of "+strings.Join(lacks, ", "), "the one that is missing"
		}
		r.Findings = append(r.Findings, start+" "+strings.ReplaceAll(text, actionMark, name))
	}
	r.lacking = nil
	slices.Sort(r.Findings)
}
