package deploy

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/codedeploy"
	"github.com/lambda-rollout/lambda-rollout/internal/engine"
	"github.com/lambda-rollout/lambda-rollout/internal/event"
	"github.com/lambda-rollout/lambda-rollout/internal/journal"
	"github.com/lambda-rollout/lambda-rollout/internal/lambdaapi"
	"github.com/lambda-rollout/lambda-rollout/internal/session"
)

// recorded is a target with what a journal recorded of it.
type recorded struct {
	Target
	log journal.TargetLog
}

// Restored is what became of one target in a rollback.
type Restored struct {
	Target journal.Target
	engine.Restored
	// Err is why AWS could not be read; nil where it could.
	Err error
	// Kept reports whether the function was new and stays, as first-deploy asks.
	Kept bool
	// Data are what a rollback without the journal needs; New reports whether the
	// function did not exist before.
	Data RollbackData
	New  bool
}

// Left lists what is not as it was, one line each.
func (r Restored) Left() []string {
	var lines []string
	if r.Err != nil {
		lines = append(lines, r.Err.Error())
	}
	for _, f := range r.Refused {
		lines = append(lines, fmt.Sprintf("%s was not rolled back: %s; %s", f.Subject, f.Found, f.Reason))
	}
	for _, f := range r.Remaining {
		lines = append(lines, fmt.Sprintf("%s could not be carried out: %v", f.Step.Operation(), f.Err))
	}
	return lines
}

// openTargets connects to the targets of a journal: endpoints and roles are the
// journal's, credentials this process's.
func openTargets(ctx context.Context, access Access, log *journal.RunState) ([]recorded, error) {
	if err := checkJournal(ctx, access, log.Header); err != nil {
		return nil, err
	}
	sessions := targetSessions{access: access, endpoints: log.Header.Endpoints, open: map[journal.Target]*session.Session{}}
	clients := map[*session.Session]*lambdaapi.Client{}
	var all []recorded
	for _, t := range log.Targets {
		s, err := sessions.of(ctx, t.Target)
		if err != nil {
			return nil, err
		}
		if clients[s] == nil {
			clients[s] = lambdaapi.New(s, t.Region, access.timingOf(t.Endpoint))
		}
		all = append(all, recorded{log: t, Target: Target{At: t.Target, Session: s, API: clients[s]}})
	}
	return all, nil
}

// PlanRollback plans what Rollback would do now. It changes nothing. Its error is
// a *NotStartedError.
func PlanRollback(ctx context.Context, access Access, log *journal.RunState) ([]Planned, error) {
	targets, err := openTargets(ctx, access, log)
	if err != nil {
		return nil, notStarted(err)
	}
	var all []Planned
	for _, r := range targets {
		p, err := engine.LookBack(ctx, r.API, codedeploy.New(ctx, r.Session, r.At.Region), r.log)
		if err != nil {
			return nil, notStarted(err)
		}
		all = append(all, Planned{Target: r.Target, Plan: p})
	}
	return all, nil
}

// Rollback rolls a journal back: every target, side by side, within timeout
// whatever becomes of ctx. The error is *BlockedError where it could not begin,
// *IncompleteError where it could not finish: someone must look.
func Rollback(ctx context.Context, j *journal.Journal, access Access, timeout time.Duration, w Work) ([]Restored, error) {
	ctx, cancel := rollbackContext(ctx, timeout)
	defer cancel()
	targets, err := openTargets(ctx, access, j.RunState())
	if err != nil {
		blocked := &BlockedError{Journal: j.Name(), Err: err}
		for _, t := range j.RunState().Targets {
			blocked.Targets = append(blocked.Targets, restoredOf(t))
		}
		return nil, blocked
	}
	w.begin(j.RunState().Header.Targets)
	var restorers []restorer
	for i, r := range targets {
		restorers = append(restorers, restorer{w.engine(ctx, r.Target, j, i), i})
	}
	done, incomplete := w.rollBack(ctx, j, restorers)
	if incomplete != nil {
		return done, incomplete
	}
	return done, nil
}

// rollbackContext outlives ctx by the time that a rollback may take.
func rollbackContext(ctx context.Context, timeout time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(context.WithoutCancel(ctx), timeout, fmt.Errorf("the rollback took longer than its timeout of %s", timeout))
}

// restorer restores one target of a journal; index is its place there.
type restorer struct {
	engine *engine.Engine
	index  int
}

func (w Work) rollBack(ctx context.Context, j *journal.Journal, restorers []restorer) ([]Restored, *IncompleteError) {
	w.Events.Emit(event.SectionBegan{Title: "Rollback"})
	if end, limited := ctx.Deadline(); limited {
		w.Events.Emit(event.RollbackLimited{Within: end.Sub(w.Now())})
	}
	defer w.ticking(ctx)()
	defer w.Events.Emit(event.SectionBegan{})
	header := j.Header()
	done, under := make([]Restored, len(restorers)), make([]*engine.Rollback, len(restorers))
	// First the aliases of all functions, then everything else.
	regions := make([]string, len(restorers))
	for i, r := range restorers {
		regions[i] = j.Target(r.index).Region
	}
	w.sideBySide(regions, func(i int) {
		t := j.Target(restorers[i].index)
		done[i], under[i] = beginRollback(restorers[i].engine, t, header.FirstDeploy == "keep", w.of(t.Target))
		if under[i] != nil {
			under[i].Traffic(ctx)
		}
	})
	w.sideBySide(regions, func(i int) {
		if under[i] != nil {
			done[i].Restored, done[i].Err = under[i].Complete(ctx)
			w.of(done[i].Target).Emit(event.RollbackEnded{Function: done[i].Target.Function, Left: done[i].Left()})
		}
	})
	if err := j.Unrecorded(); err != nil {
		warn(w.Events, "the journal does not record this rollback, which continued without it: %v", err)
	}
	incomplete := &IncompleteError{Targets: done, Journal: j.Name()}
	for _, d := range done {
		if len(d.Left()) > 0 {
			return done, incomplete
		}
	}
	state := journal.RolledBack
	if keptAll(done) && header.FirstDeploy == "keep" {
		state = journal.Kept
	}
	if err := j.Settle(context.WithoutCancel(ctx), state); err != nil {
		done[0].Err = err
		return done, incomplete
	}
	return done, nil
}

func keptAll(done []Restored) bool {
	for _, d := range done {
		if !d.Kept {
			return false
		}
	}
	return true
}

// restoredOf is a target of which nothing was restored yet.
func restoredOf(t journal.TargetLog) Restored {
	return Restored{Target: t.Target, Data: dataOf(t), New: t.Snapshot != nil && !t.Snapshot.Exists}
}

// sideBySide calls do for each of the targets that are in these Regions,
// MaxParallel at once in each.
func (w Work) sideBySide(regions []string, do func(i int)) {
	free := slots{size: w.MaxParallel}
	var all sync.WaitGroup
	for i, region := range regions {
		turn := free.queue(region)
		all.Go(func() {
			defer turn.take(context.Background())()
			do(i)
		})
	}
	all.Wait()
}

// beginRollback begins the rollback of one target; it is nil where there is nothing
// to do. keepNew leaves a function that did not exist before.
func beginRollback(e *engine.Engine, t journal.TargetLog, keepNew bool, events event.Sink) (Restored, *engine.Rollback) {
	r := restoredOf(t)
	events.Emit(event.RollbackBegan{Function: t.Function})
	if s := t.Snapshot; s != nil && !s.Exists && keepNew {
		events.Emit(event.RollbackSkipped{Function: t.Function, Kept: true})
		r.Kept = true
		return r, nil
	}
	if t.Snapshot == nil || len(t.Steps) == 0 {
		events.Emit(event.RollbackSkipped{Function: t.Function})
		return r, nil
	}
	return r, e.BeginRollback()
}
