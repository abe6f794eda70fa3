package cli

import (
	"context"
	"errors"
	"fmt"

	"slices"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/deploy"
	"github.com/lambda-rollout/lambda-rollout/internal/diag"
	"github.com/lambda-rollout/lambda-rollout/internal/history"
	"github.com/lambda-rollout/lambda-rollout/internal/journal"
	"github.com/lambda-rollout/lambda-rollout/internal/lazyregexp"
	"github.com/lambda-rollout/lambda-rollout/internal/report"
	"github.com/lambda-rollout/lambda-rollout/internal/session"
)

// history lists the versions of a function, or compares two of them.
func (a *app) history(ctx context.Context) error {
	name, err := definition.ParseFunctionName(a.in.String("function"))
	if err != nil {
		return notStarted(err)
	}
	from, to, err := a.compared()
	if err != nil {
		return err
	}
	c, err := a.connect(ctx, name.Region)
	if err != nil {
		return err
	}
	if from != "" {
		return a.compareVersions(ctx, c, name, from, to)
	}
	past, err := deploy.NewHistorian(c, a.knownRuns(ctx), a.Now).Function(ctx, name)
	if err != nil {
		return err
	}
	h := a.historyOf(past)
	if a.json() {
		return a.printJSON(h)
	}
	return a.printFitted(a.host.Redact(h.Text()))
}

// pair is two versions: 41..42, or 41 and 42 as a list.
var pair = lazyregexp.New(`^(\d+|\$LATEST)(?:\.\.|[,\s]+)(\d+|\$LATEST)$`)

// compared are the versions to compare, "" where none are named.
func (a *app) compared() (from, to string, err error) {
	text := a.in.String("compare")
	if text == "" {
		return "", "", nil
	}
	found := pair.FindStringSubmatch(text)
	if found == nil {
		return "", "", diag.List{{Message: fmt.Sprintf("input compare: %q does not name two versions", text), Hint: "as in --compare 41..42; either may be $LATEST"}}
	}
	return found[1], found[2], nil
}

// compareVersions prints what separates two versions.
func (a *app) compareVersions(ctx context.Context, c *deploy.Connection, name definition.Name, from, to string) error {
	region, changes, err := deploy.CompareVersions(ctx, c, name, from, to)
	if err != nil {
		return err
	}
	doc := comparison{Function: name.Name, Region: region, From: from, To: to, Changes: []report.Line{}}
	text := fmt.Sprintf("%s in %s: version %s → %s\n", name.Name, region, from, to)
	for _, change := range changes {
		line := a.line(change)
		if change.Field == "Code" {
			line.From, line.To = report.ShortHash(line.From), report.ShortHash(line.To)
		}
		doc.Changes = append(doc.Changes, line)
		text += "  " + line.String() + "\n"
	}
	if len(changes) == 0 {
		text += "  no difference\n"
	}
	if a.json() {
		return a.printJSON(doc)
	}
	return a.printFitted(text)
}

// comparison is what --compare prints as JSON.
type comparison struct {
	Function string        `json:"function"`
	Region   string        `json:"region"`
	From     string        `json:"from"`
	To       string        `json:"to"`
	Changes  []report.Line `json:"changes"`
}

// knownRuns are the runs whose journals lie where this process keeps its own. One
// that cannot be read is a source that says nothing.
func (a *app) knownRuns(ctx context.Context) []journal.RunState {
	var runs []journal.RunState
	for _, path := range slices.Concat(a.host.Journals(), a.host.JournalsOfOthers()) {
		state, err := journal.Read(ctx, a.journalFile(path))
		if err != nil {
			a.log().Warn("the journal %s is not read: %v", path, err)
			continue
		}
		runs = append(runs, *state)
	}
	return runs
}

// historyOf is the past of a function for the user.
func (a *app) historyOf(past *deploy.Past) report.History {
	h := report.History{Function: past.Name, Region: past.Region, Sources: sourcesOf(past), Versions: []report.HistoryVersion{}}
	for _, v := range slices.Backward(past.Versions) {
		if limit := a.in.Int("limit"); limit > 0 && len(h.Versions) == limit {
			h.More = len(past.Versions) - limit
			break
		}
		shown := report.HistoryVersion{
			Version: v.Number, Published: known(v.Published), Repository: v.Repository, Commit: v.Commit, Run: v.Run, RunURL: v.URL,
			CodeSha256: v.CodeSha256, CodeSize: v.CodeSize, RestorePoint: v.RestorePoint, Served: []report.Served{},
		}
		if v.Run == "" {
			shown.Description = a.host.Redact(v.Description)
		}
		for _, p := range past.Periods(v.Number) {
			shown.Served = append(shown.Served, report.Served{
				Alias: p.Alias, Percent: p.Percent, From: known(p.From), Until: known(p.Until), Now: p.Now,
				Before: p.Before, By: p.By, Run: p.Run, Source: string(p.Source),
			})
		}
		h.Versions = append(h.Versions, shown)
	}
	return h
}

// sourcesOf names what was asked, and how far each reaches.
func sourcesOf(past *deploy.Past) []report.HistorySource {
	trail := report.HistorySource{Name: string(history.CloudTrail)}
	var denied session.Denied
	switch {
	case past.Trail != nil:
		trail.From = known(past.Trail.From)
	case errors.As(past.NoTrail, &denied):
		trail.Note = "not permitted (" + denied.Action + "), so moves by others are not seen"
	default:
		trail.Note = fmt.Sprintf("not read: %v", past.NoTrail)
	}
	return []report.HistorySource{
		trail, {Name: string(history.Journals), Note: fmt.Sprintf("%d of this function", past.Journals)}, {Name: string(history.Markers)},
	}
}

// known is a time, nil for none.
func known(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
