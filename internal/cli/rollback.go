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
)

// rollback restores what a deployment changed: by hand where a function or
// another job's data is named, else from the journal.
func (a *app) rollback(ctx context.Context) error {
	if a.host.IsPost() {
		// The inputs are those of the deployment; only its journal counts.
		return a.fromJournal(ctx)
	}
	if a.in.String("rollback-data") != "" || a.in.String("function") != "" && !a.heldByOpenRun(ctx) {
		return a.manual(ctx)
	}
	return a.fromJournal(ctx)
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
// their aliases pointed to before, or to the version that is named.
func (a *app) manual(ctx context.Context) error {
	requests, err := a.requests()
	if err != nil {
		return err
	}
	c, err := a.connect(ctx, regionHint(requests))
	if err != nil {
		return err
	}
	var errs []error
	for _, r := range requests {
		errs = append(errs, a.restore(ctx, c, r))
	}
	return errors.Join(errs...)
}

// restore rolls one function back to what is asked for.
func (a *app) restore(ctx context.Context, c *deploy.Connection, r deploy.Request) error {
	run := a.runID()
	target, err := deploy.Manual(ctx, c, r, run)
	if err != nil {
		return err
	}
	if len(target.Steps) == 0 {
		a.log().Line("Nothing to roll back: function %s in %s is already as requested", target.Function, target.Region)
		return nil
	}
	record, err := a.record(ctx, c, a.header("rollback", run))
	if err != nil {
		return err
	}
	record.Header.StagingBucket = a.in.String("staging-bucket")
	if a.in.Bool("dry-run") {
		return a.showRollback(ctx, &journal.RunState{Header: record.Header, Targets: []journal.TargetLog{*target}})
	}
	j, err := record.Adopt(ctx, target, a.Now)
	if err != nil {
		return err
	}
	return errors.Join(a.rollBack(ctx, j), j.Close())
}

// fromJournal rolls back what the journals of this run say, the newest first.
func (a *app) fromJournal(ctx context.Context) error {
	paths, err := a.findJournals(ctx)
	if err != nil {
		return err
	}
	if len(paths) == 0 {
		a.log().Line("No journal of a deployment was found: nothing was changed, nothing to roll back")
		return nil
	}
	var errs []error
	for _, path := range paths {
		errs = append(errs, a.journalBack(ctx, path))
	}
	return errors.Join(errs...)
}

func (a *app) journalBack(ctx context.Context, path string) error {
	store, err := a.openStore(ctx, path)
	if err != nil {
		return &deploy.BlockedError{Journal: path, Err: err}
	}
	if a.in.Bool("dry-run") && !a.host.IsPost() {
		return a.showJournal(ctx, store)
	}
	a.progress.began(path)
	j, err := deploy.TakeOver(ctx, store, a.work(""))
	if err != nil {
		return err
	}
	switch {
	case j == nil && a.host.State("journal") != "":
		// Main wrote its journal before it left its name.
		return &deploy.BlockedError{Journal: path, Err: errors.New("the journal that the deployment left is gone, and with it what stood before")}
	case j == nil && deploy.InS3(path):
		return notStarted(fmt.Errorf("there is no journal %s", path))
	case j == nil:
		a.log().Line("The deployment ended before its first change: nothing to roll back")
		return nil
	}
	return errors.Join(a.rollBack(ctx, j), j.Close())
}

func (a *app) rollBack(ctx context.Context, j *journal.Journal) error {
	log := j.RunState()
	if log.State.Settled() {
		a.log().Line("The journal says %s: nothing to roll back", log.State)
		return nil
	}
	if !log.Changed() {
		a.log().Line("Nothing was changed: nothing to roll back")
		return j.Settle(ctx, journal.RolledBack)
	}
	if a.host.IsPost() && !a.wanted(log.State) {
		a.log().Line("rollback-on does not ask for a rollback now: what was deployed stays")
		return j.Settle(ctx, journal.Kept)
	}
	if err := a.confirm(ctx, log); err != nil {
		return err
	}
	return a.withTemp(func(folders deploy.Folders) error {
		restored, err := deploy.Rollback(ctx, j, a.access(), a.in.Duration("rollback-timeout"), a.work(folders.Temp))
		if restored == nil {
			return err
		}
		next := ""
		if err != nil {
			next = "lambda-rollout rollback --journal " + j.Name()
		}
		a.rollbackSummary("", restored, next)
		return err
	})
}

// confirm asks the user before a rollback deletes a function, where a user is
// there to answer.
func (a *app) confirm(ctx context.Context, log *journal.RunState) error {
	if !a.host.CanAsk() || a.in.Bool("yes") {
		return nil
	}
	planned, err := deploy.PlanRollback(ctx, a.access(), log)
	if err != nil {
		return err
	}
	var names []string
	for _, p := range planned {
		if slices.ContainsFunc(p.Plan.Steps, func(s plan.Step) bool { _, deletes := s.(plan.DeleteFunction); return deletes }) {
			names = append(names, p.At.Function+" in "+p.At.Region)
		}
	}
	if len(names) == 0 {
		return nil
	}
	yes, err := a.host.Confirm(ctx, fmt.Sprintf("The rollback deletes what the deployment created: %s. Continue?", strings.Join(names, ", ")))
	if err != nil {
		return notStarted(err)
	}
	if !yes {
		return notStarted(errors.New("the rollback was not confirmed: nothing was changed"))
	}
	return nil
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

// showJournal prints what a rollback of a journal would do now. It asks nobody
// to stop.
func (a *app) showJournal(ctx context.Context, store journal.Store) error {
	log, err := journal.Read(ctx, store)
	if err != nil {
		return notStarted(err)
	}
	if log.State.Settled() || !log.Changed() {
		a.log().Line("Nothing to roll back: the journal says %s", log.State)
		return nil
	}
	return a.showRollback(ctx, log)
}

// showRollback prints what a rollback would do.
func (a *app) showRollback(ctx context.Context, log *journal.RunState) error {
	planned, err := deploy.PlanRollback(ctx, a.access(), log)
	if err != nil {
		return err
	}
	for _, p := range planned {
		if p.Plan.Empty() {
			a.log().Line("Nothing to roll back: function %s in %s is already as requested", p.At.Function, p.At.Region)
		}
		for _, c := range p.Plan.Changes {
			a.log().Line("%s", a.line(c))
		}
		for _, r := range p.Plan.Refused {
			a.log().Warn("%s would be left alone: %s; %s", r.Subject, r.Found, r.Reason)
		}
	}
	return nil
}
