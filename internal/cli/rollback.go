package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/lambda-rollout/lambda-rollout/internal/deploy"
	"github.com/lambda-rollout/lambda-rollout/internal/host"
	"github.com/lambda-rollout/lambda-rollout/internal/journal"
	"github.com/lambda-rollout/lambda-rollout/internal/report"
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
	if a.json() && err == nil {
		return a.printJSON(a.restoredDocuments(restored))
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

// fromJournal rolls back what the journals of this run say, the newest first.
func (a *app) fromJournal(ctx context.Context) ([]deploy.Restored, error) {
	paths, err := a.ownJournals(ctx)
	if err != nil {
		return nil, err
	}
	if len(paths) == 0 {
		a.foundNoJournal()
	}
	var all []deploy.Restored
	var errs []error
	for _, path := range paths {
		restored, err := a.journalBack(ctx, path)
		all, errs = append(all, restored...), append(errs, err)
	}
	return all, errors.Join(errs...)
}

// foundNoJournal logs that there is nothing to roll back. In a terminal, where it is
// unknown which deployment is meant, it logs where it looked.
func (a *app) foundNoJournal() {
	if a.host.Run().Scope != "" {
		a.log().Line("No journal of a deployment was found: nothing was changed, nothing to roll back")
		return
	}
	place := cmp.Or(a.in.String("journal"), filepath.Join(a.host.Workspace(), host.StateDir))
	a.log().Line("No journal of a deployment was found in %s: nothing to roll back there; name another one with --journal, or the function with --function and --alias", place)
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

func (a *app) rollBack(ctx context.Context, j *journal.Journal) ([]deploy.Restored, error) {
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
	a.limitMemory(len(log.Targets))
	began := a.Now()
	var restored []deploy.Restored
	err := a.withTemp(func(folders deploy.Folders) (err error) {
		restored, err = deploy.Rollback(ctx, j, a.access(), a.rollbackTime(), a.work(folders.Temp))
		a.tellOfRollback(ctx, log, err)
		a.restored = append(a.restored, restored...)
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
	return restored, err
}

// tellOfRollback tells the event gates what became of a rollback: of the post step, or
// of the command rollback.
func (a *app) tellOfRollback(ctx context.Context, log *journal.RunState, failure error) {
	gates := a.gates(nil).Event()
	if len(gates.All) == 0 {
		return
	}
	if gates.Invokes() {
		c, err := a.connect(context.WithoutCancel(ctx), log.Header.Targets[0].Region)
		if err != nil {
			a.log().Warn("the event gates do not learn of the rollback: %v", err)
			return
		}
		gates.Connection = c
	}
	deploy.TellOfRollback(ctx, gates, log, failure, a.work(""))
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
