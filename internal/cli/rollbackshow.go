package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/lambda-rollout/lambda-rollout/internal/deploy"
	"github.com/lambda-rollout/lambda-rollout/internal/journal"
	"github.com/lambda-rollout/lambda-rollout/internal/report"
)

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
	paths, err := a.ownJournals(ctx)
	if err != nil {
		return err
	}
	if len(paths) == 0 {
		a.foundNoJournal()
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
		d.Warnings = append(d.Warnings, fmt.Sprintf("%s would not be rolled back: %s; %s", r.Subject, r.Found, r.Reason))
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
		d := restoredDocument{Function: r.Target.Function, Region: r.Target.Region, Changes: []report.Line{}, Kept: r.Kept}
		for _, left := range r.Left() {
			d.Left = append(d.Left, a.host.Redact(left))
		}
		for _, c := range r.Changes {
			d.Changes = append(d.Changes, a.line(c))
		}
		all = append(all, d)
	}
	return all
}
