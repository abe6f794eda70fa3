package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/lambda-rollout/lambda-rollout/internal/deploy"
	"github.com/lambda-rollout/lambda-rollout/internal/journal"
	"github.com/lambda-rollout/lambda-rollout/internal/plan"
	"github.com/lambda-rollout/lambda-rollout/internal/report"
	"github.com/lambda-rollout/lambda-rollout/internal/session"
	"github.com/lambda-rollout/lambda-rollout/internal/terminal"
)

// rollback restores what a deployment changed: by hand where a function or
// another job's data is named, else from the journal. It prints one JSON document
// for everything that it restored, or would restore.
func (a *app) rollback(ctx context.Context) error {
	// In post the inputs are those of the deployment; only its journal counts.
	_, rewinds, err := a.rewinds()
	if err != nil {
		return err
	}
	byHand := !a.host.IsPost() &&
		(rewinds || a.in.String("rollback-data") != "" || a.in.String("function") != "" && !a.heldByOpenRun(ctx))
	if a.in.Bool("dry-run") && !a.host.IsPost() {
		return a.showRollback(ctx, byHand)
	}
	undo := a.fromJournal
	if byHand {
		undo = a.manual
	}
	restored, err := undo(ctx)
	if a.json() && (err == nil || len(restored) > 0) {
		err = errors.Join(err, a.printJSON(a.restoredDocuments(restored)))
	}
	return err
}

// heldByOpenRun reports whether the function that is named is held by a run
// whose journal in S3 is open: the journal knows better than the user what to
// restore.
func (a *app) heldByOpenRun(ctx context.Context) bool {
	if !a.s3Journal() || a.in.Int("to-version") > 0 {
		return false
	}
	found, err := a.findObjects(ctx)
	if err != nil || len(found) == 0 {
		return false
	}
	store, err := a.openStore(ctx, found[0])
	if err != nil {
		return false
	}
	log, err := journal.Read(ctx, store)
	return err == nil && log.State == journal.Open && log.Changed()
}

// manual rolls functions back without a journal of their deployment: to what
// their aliases pointed to before, or to the version that is named. All of them
// are looked at, and confirmed, before the first is changed.
func (a *app) manual(ctx context.Context) ([]deploy.Restored, error) {
	c, asked, err := a.askedFor(ctx)
	if err != nil {
		return nil, err
	}
	for _, state := range asked {
		if err := a.confirm(ctx, &state); err != nil {
			return nil, err
		}
	}
	var all []deploy.Restored
	var errs []error
	for i, state := range asked {
		restored, err := a.byHand(ctx, c, &state)
		if err != nil && i > 0 {
			err = &deploy.PartlyError{Function: state.Targets[0].Function, Err: err}
		}
		all, errs = append(all, restored...), append(errs, err)
	}
	return all, errors.Join(errs...)
}

// byHand rolls one function back, with a journal of its own.
func (a *app) byHand(ctx context.Context, c *deploy.Connection, state *journal.RunState) ([]deploy.Restored, error) {
	record, err := a.record(ctx, c, state.Header)
	if err != nil {
		return nil, err
	}
	j, err := record.Adopt(ctx, &state.Targets[0], a.Now)
	if err != nil {
		return nil, err
	}
	restored, err := a.rollBack(ctx, j)
	return restored, errors.Join(err, j.Close())
}

// askedFor looks at each function of the inputs. It returns, for each that is not
// where it is asked to be, the journal that leads it there.
func (a *app) askedFor(ctx context.Context) (*deploy.Connection, []journal.RunState, error) {
	requests, err := a.requests(ctx)
	if err != nil {
		return nil, nil, err
	}
	c, err := a.connect(ctx, regionHint(requests))
	if err != nil {
		return nil, nil, err
	}
	if requests, err = a.rewound(ctx, c, requests); err != nil {
		return nil, nil, err
	}
	var asked []journal.RunState
	var errs []error
	for _, r := range requests {
		header := a.header("rollback", a.runID())
		header.StagingBucket = a.in.String("staging-bucket")
		target, err := deploy.Manual(ctx, c, r, header.Run)
		switch {
		case err != nil:
			errs = append(errs, err)
		case len(target.Steps) == 0:
			a.log().Line("Nothing to roll back: function %s in %s is already as requested", target.Function, target.Region)
		default:
			header.Salt, header.Targets = target.Salt, []journal.Target{target.Target}
			asked = append(asked, journal.RunState{Header: header, Targets: []journal.TargetLog{*target}})
		}
	}
	return c, asked, notStarted(session.Join(errs...))
}

// fromJournal rolls back what the journals of this run say, the newest first.
func (a *app) fromJournal(ctx context.Context) ([]deploy.Restored, error) {
	paths, err := a.findJournals(ctx)
	if err != nil {
		return nil, err
	}
	if len(paths) == 0 {
		a.log().Line("No journal of a deployment was found: nothing was changed, nothing to roll back")
	}
	var all []deploy.Restored
	var errs []error
	for _, path := range paths {
		restored, err := a.journalBack(ctx, path)
		all, errs = append(all, restored...), append(errs, err)
	}
	return all, errors.Join(errs...)
}

func (a *app) journalBack(ctx context.Context, path string) ([]deploy.Restored, error) {
	store, err := a.openStore(ctx, path)
	if err != nil {
		return nil, &deploy.BlockedError{Journal: path, Err: err}
	}
	if err := a.confirmJournal(ctx, store); err != nil {
		return nil, err
	}
	a.progress.began(path)
	j, err := deploy.TakeOver(ctx, store, a.work(""))
	if err != nil {
		return nil, err
	}
	switch {
	case j == nil && a.host.State("journal") != "":
		// Main wrote its journal before it left its name.
		return nil, &deploy.BlockedError{Journal: path, Err: errors.New("the journal that the deployment left is gone, and with it the state to restore")}
	case j == nil && deploy.InS3(path):
		return nil, notStarted(fmt.Errorf("there is no journal %s", path))
	case j == nil:
		a.log().Line("The deployment ended before its first change: nothing to roll back")
		return nil, nil
	}
	restored, err := a.rollBack(ctx, j)
	return restored, errors.Join(err, j.Close())
}

func (a *app) rollBack(ctx context.Context, j *journal.Journal) (restored []deploy.Restored, _ error) {
	log := j.RunState()
	if log.State.Settled() {
		a.log().Line("The journal says %s: nothing to roll back", log.State)
		return nil, nil
	}
	if !log.Changed() {
		a.log().Line("Nothing was changed: nothing to roll back")
		return nil, j.Settle(ctx, journal.RolledBack)
	}
	if a.host.IsPost() && !a.wanted(log.State) {
		a.log().Line("rollback-on does not ask for a rollback now: what was deployed stays")
		return nil, j.Settle(ctx, journal.Kept)
	}
	a.limitMemory(len(log.Targets), 0)
	began := a.Now()
	return restored, a.withTemp(func(folders deploy.Folders) (err error) {
		restored, err = deploy.Rollback(ctx, j, a.access(), a.rollbackTime(), a.work(folders.Temp))
		if restored != nil {
			a.progress.restoredSome()
			a.rollbackSummary("", restored, a.recovery(err))
		}
		if v := a.view(); v != nil && err == nil {
			v.print(func(columns int) []terminal.Line {
				return report.RolledBackLines(columns, log.Header.Targets, a.Now().Sub(began))
			})
		}
		return err
	})
}

// wanted asks rollback-on. An interrupted run is always rolled back: nobody asked
// for half of it.
func (a *app) wanted(state journal.State) bool {
	if state == journal.Open {
		return true
	}
	on := a.in.List("rollback-on")
	switch a.in.String("job-status") {
	case "cancelled":
		return slices.Contains(on, "cancelled")
	case "success":
		return false
	}
	return slices.Contains(on, "failure")
}

// confirmJournal asks about what a journal's rollback deletes.
func (a *app) confirmJournal(ctx context.Context, store journal.Store) error {
	if !a.asks() {
		return nil
	}
	state, err := a.readJournal(ctx, store)
	if err != nil || state == nil {
		return nil // the rollback itself says what is wrong
	}
	return a.confirm(ctx, state)
}

// asks reports whether there is a user to ask, who has not answered yet.
func (a *app) asks() bool { return a.host.CanAsk() && !a.in.Bool("yes") }

// confirm asks before a rollback deletes something; no ends it.
func (a *app) confirm(ctx context.Context, state *journal.RunState) error {
	if !a.asks() {
		return nil
	}
	planned, err := deploy.PlanRollback(ctx, a.access(), state)
	if err != nil {
		return nil //nolint:nilerr // the rollback itself says what is wrong
	}
	var deletes []string
	for _, p := range planned {
		for _, s := range p.Plan.Steps {
			if name, deleted := plan.Deletes(s); !deleted {
				continue
			} else if name == "" {
				deletes = append(deletes, p.Label())
			} else {
				deletes = append(deletes, name+" of "+p.Label())
			}
		}
	}
	if len(deletes) == 0 {
		return nil
	}
	yes, err := a.host.Confirm(ctx, "The rollback deletes what the deployment created: "+strings.Join(deletes, ", ")+". Continue?")
	if err == nil && !yes {
		err = errors.New("the rollback was not confirmed: nothing was changed")
	}
	return notStarted(err)
}

// readJournal reads a journal that a rollback would change something for; nil
// for every other.
func (a *app) readJournal(ctx context.Context, store journal.Store) (*journal.RunState, error) {
	state, err := journal.Read(ctx, store)
	if err != nil || state.State.Settled() || !state.Changed() {
		return nil, err
	}
	return state, nil
}

// showRollback prints what a rollback would do, as plan does. It asks nobody to
// stop.
func (a *app) showRollback(ctx context.Context, byHand bool) error {
	diffs := []report.Diff{}
	show := func(state *journal.RunState) error {
		planned, err := deploy.PlanRollback(ctx, a.access(), state)
		for _, p := range planned {
			diffs = append(diffs, a.rollbackDiff(p))
		}
		return err
	}
	var err error
	if byHand {
		err = a.showAsked(ctx, show)
	} else {
		err = a.showJournals(ctx, show)
	}
	if err != nil {
		return err
	}
	if a.json() {
		return a.printJSON(diffs)
	}
	a.printText(diffs)
	return nil
}

// showAsked calls show for each function that is named and not where it is asked to
// be.
func (a *app) showAsked(ctx context.Context, show func(*journal.RunState) error) error {
	_, asked, err := a.askedFor(ctx)
	errs := []error{err}
	for _, state := range asked {
		errs = append(errs, show(&state))
	}
	return errors.Join(errs...)
}

// showJournals calls show for each journal that there is something to roll back
// of.
func (a *app) showJournals(ctx context.Context, show func(*journal.RunState) error) error {
	paths, err := a.findJournals(ctx)
	if err != nil {
		return err
	}
	if len(paths) == 0 {
		a.log().Line("No journal of a deployment was found: nothing was changed, nothing to roll back")
	}
	for _, path := range paths {
		store, err := a.openStore(ctx, path)
		if err != nil {
			return err
		}
		state, err := a.readJournal(ctx, store)
		switch {
		case err != nil:
			return notStarted(err)
		case state == nil:
			a.log().Line("Nothing to roll back: the deployment of journal %s is settled, or changed nothing", path)
		default:
			err = show(state)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// rollbackDiff is what a rollback would do to one function.
func (a *app) rollbackDiff(p deploy.Planned) report.Diff {
	d := a.diff(p)
	for _, r := range p.Plan.Refused {
		d.Warnings = append(d.Warnings, fmt.Sprintf("%s would not be changed: %s; %s", r.Subject, r.Found, r.Reason))
	}
	return d
}

// restoredDocument is one target of a rollback's JSON document.
type restoredDocument struct {
	Function string        `json:"function"`
	Region   string        `json:"region"`
	Changes  []report.Line `json:"changes"`
	// Left says what is not as it was; Kept that the function was new and stays.
	Left []string `json:"left,omitempty"`
	Kept bool     `json:"kept,omitempty"`
}

func (a *app) restoredDocuments(restored []deploy.Restored) []restoredDocument {
	all := []restoredDocument{}
	for _, r := range restored {
		d := restoredDocument{Function: r.Target.Function, Region: r.Target.Region, Changes: []report.Line{}, Left: r.Left(), Kept: r.Kept}
		for _, c := range r.Changes {
			d.Changes = append(d.Changes, a.line(c))
		}
		all = append(all, d)
	}
	return all
}
