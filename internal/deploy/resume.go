package deploy

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/journal"
	"github.com/lambda-rollout/lambda-rollout/internal/plan"
	"github.com/lambda-rollout/lambda-rollout/internal/traffic"
)

// Resumption is a run whose schedule was stopped, and goes on. It holds the run's
// journal, which a rollback needs as before.
type Resumption struct {
	journal *journal.Journal
	// log is what the journal held when it was taken over.
	log *journal.RunState
	// stages are those of the last wave that began: the waves before are over.
	stages []journal.StageBegan
	// done is how many stages of its schedule are over.
	done int
	// began reports whether the stage after these began: some of its aliases may have
	// moved, and its gates said yes.
	began bool
}

// Resume takes over the journal of a run whose shift was stopped, and returns what is
// left to do. The schedule, the guard and the alarms are those of the journal; gates
// are those of the inputs. The stage that was interrupted begins anew. Its error is a
// *NotStartedError: nothing was changed, and the journal is as it was.
func Resume(ctx context.Context, store journal.Store, access Access, gates Gates, w Work) (*Resumption, []Target, error) {
	log, err := journal.Read(ctx, store)
	if err != nil {
		return nil, nil, notStarted(err)
	}
	if err := resumable(store, log, gates); err != nil {
		return nil, nil, notStarted(err)
	}
	j, err := journal.Continue(ctx, store, w.Now)
	if err != nil {
		return nil, nil, notStarted(err)
	}
	if j == nil {
		return nil, nil, notStarted(fmt.Errorf("there is no journal %s", store.Name()))
	}
	r := &Resumption{journal: j, log: j.RunState()}
	targets, err := r.targets(ctx, store, access, gates)
	if err != nil {
		return nil, nil, errors.Join(notStarted(err), r.Close())
	}
	return r, targets, nil
}

// Close releases the journal. It may be called again.
func (r *Resumption) Close() error { return r.journal.Close() }

// Run returns the id of the resumed run.
func (r *Resumption) Run() string { return r.log.Header.Run }

// resumable refuses a run whose shift cannot go on.
func resumable(store journal.Store, log *journal.RunState, gates Gates) error {
	run, undo := log.Header.Run, RollbackCommand(store.Name())
	switch {
	case run == "":
		return fmt.Errorf("there is no journal %s", store.Name())
	case log.State.Settled():
		return fmt.Errorf("run %s is %s: no shift is left to resume", run, log.State)
	case log.State == journal.Deployed:
		return fmt.Errorf("run %s came to its end: its schedule was not stopped", run)
	case log.Header.Schedule == nil:
		return fmt.Errorf("the journal of run %s holds no schedule: its traffic did not shift in timed stages, or an older release wrote it; to roll it back, run: %s", run, undo)
	}
	if by, held, err := store.Held(); err != nil || held {
		return errors.Join(err, fmt.Errorf("run %s is still running, and its journal is %s: wait for its end (%s)", run, store.Name(), by))
	}
	for _, t := range log.Targets {
		switch {
		case log.Header.Schedule.Waves > 1 && (t.Ready == nil || t.Ready.Wave == 0):
			return fmt.Errorf("run %s has %d waves and was interrupted before the last one began to shift: %s is not deployed yet, which needs the files of the deploy, and a journal holds none; to roll all waves back, run: %s (then deploy again)",
				run, log.Header.Schedule.Waves, t.Function, undo)
		case t.Ready == nil:
			return fmt.Errorf("run %s was interrupted before its traffic began to shift, so there is nothing to resume; to roll it back, run: %s", run, undo)
		case t.Ready.Settings && t.Ready.Wave == lastWave(log):
			return fmt.Errorf("run %s also changes settings of %s, which only the files of the deploy name: it cannot be resumed; to roll it back, run: %s", run, t.Function, undo)
		case slices.ContainsFunc(t.Steps, func(s journal.Step) bool { return s.Intent.Back }):
			return fmt.Errorf("a rollback of run %s has begun: it cannot be resumed; to finish the rollback, run: %s", run, undo)
		}
	}
	return missingGates(log.Header.Schedule.Gates, gates)
}

// missingGates refuses to go on without the gates that the run had: whom they ask is
// in no journal.
func missingGates(had []string, gates Gates) error {
	var now []string
	for _, g := range gates.All {
		now = append(now, string(g.Moment))
	}
	for _, moment := range had {
		i := slices.Index(now, moment)
		if i < 0 {
			return fmt.Errorf("the run had a gate %s, and a journal does not hold whom gates ask: give gates as they were", moment)
		}
		now = slices.Delete(now, i, i+1)
	}
	return nil
}

// targets connects to the targets of the journal and says what is left of their shift.
func (r *Resumption) targets(ctx context.Context, store journal.Store, access Access, gates Gates) ([]Target, error) {
	// Between the look and the lock another process may have settled the run.
	if err := resumableState(r.log); err != nil {
		return nil, err
	}
	schedule, watch, err := readSchedule(r.log.Header.Schedule)
	if err != nil {
		return nil, fmt.Errorf("journal %s: %w", store.Name(), err)
	}
	for _, s := range r.log.Stages {
		if s.Wave == lastWave(r.log) {
			r.stages, r.done, r.began = append(r.stages, s), s.Stage-1, true
		}
	}
	if r.done >= len(schedule.Stages()) {
		return nil, fmt.Errorf("journal %s: stage %d of %d began", store.Name(), r.done+1, len(schedule))
	}
	watch.Gates = gates
	open, err := openTargets(ctx, access, r.log)
	if err != nil {
		return nil, err
	}
	var all []Target
	for _, one := range open {
		t, ready := one.Target, one.log.Ready
		t.Watch, t.Resumes, t.Wave = watch, r, ready.Wave
		t.Want = plan.Wanted{
			Function: definition.Function{FunctionName: one.log.Function}, Run: r.log.Header.Run, ShiftTo: ready.Version,
			Traffic: schedule.Stages()[r.done:], Follow: &plan.Follow{Tags: ready.Tags, Untag: ready.TagKeys},
		}
		if one.log.Snapshot != nil {
			t.Want.Follow.Missing = one.log.Snapshot.Missing
		}
		for _, a := range ready.Aliases {
			t.Want.Aliases = append(t.Want.Aliases, definition.Alias{Name: a.Name, Description: a.Description})
		}
		all = append(all, t)
	}
	return all, nil
}

func resumableState(log *journal.RunState) error {
	if log.State != journal.Open {
		return fmt.Errorf("run %s is %s meanwhile", log.Header.Run, log.State)
	}
	return nil
}

// begin goes on with the journal. Its error is that somebody else moved an alias.
func (r *Resumption) begin(ctx context.Context, d *deployment) (*journal.Journal, error) {
	var moved []error
	for i, t := range d.targets {
		log := r.journal.Target(i)
		for _, a := range t.Want.Aliases {
			now := t.Before.Aliases[a.Name]
			left, absent := log.LastStates(a.Name)
			if now == nil && absent || now != nil && slices.ContainsFunc(left, journal.AliasOf(now.Alias).Equal) {
				continue
			}
			found := "is gone"
			if now != nil {
				found = "is " + plan.DescribeRouting(now.Alias)
			}
			moved = append(moved, fmt.Errorf("alias %s of %s %s, where this run did not leave it: somebody else changed it", a.Name, t.At.Function, found))
		}
	}
	if len(moved) > 0 {
		return nil, errors.Join(append(moved, r.Close())...)
	}
	d.Record.Header = r.journal.Header()
	for i, t := range d.targets {
		t.restorer = restorer{d.engine(ctx, t.Target, r.journal, i), i}
		t.engine.Continue(t.Want, t.Before)
	}
	return r.journal, d.Record.SaveState(r.journal.Name())
}

// resumption is the run that goes on; nil for one that begins.
func (d *deployment) resumption() *Resumption { return d.targets[0].Resumes }

// lastWave is the number of the wave that a journal may go on with.
func lastWave(log *journal.RunState) int {
	if waves := log.Header.Schedule.Waves; waves > 1 {
		return waves
	}
	return 0
}

// isOver reports whether a wave was over when the run was stopped.
func (r *Resumption) isOver(wave int) bool { return r != nil && wave < lastWave(r.log) }

// hasBegun reports whether stage i of what is left had begun when the run was stopped.
func (r *Resumption) hasBegun(i int) bool { return r != nil && r.began && i == 0 }

// over is how many stages of the schedule were over before the run began, or went on.
func (r *Resumption) over() int {
	if r == nil {
		return 0
	}
	return r.done
}

// ready records what the shift of each target needs to go on after an interruption.
func (d *deployment) ready(ctx context.Context) error {
	if d.Record.Header.Schedule == nil || d.resumption() != nil {
		return nil
	}
	for _, t := range d.targets {
		follow, settings := t.Plan.Follows()
		ready := &journal.Ready{Version: t.newVersion(), Tags: follow.Tags, TagKeys: follow.Untag, Settings: settings, Wave: d.recordedWave()}
		for _, a := range t.Want.Aliases {
			ready.Aliases = append(ready.Aliases, journal.ReadyAlias{Name: a.Name, Description: a.Description})
		}
		if err := d.journal.Append(ctx, journal.Record{Target: t.index, Ready: ready}); err != nil {
			return err
		}
	}
	return nil
}

// noteStage records that the aliases of a stage are about to move. The first one says
// what the guard knew before.
func (d *deployment) noteStage(ctx context.Context, i int, s traffic.Stage) error {
	if d.Record.Header.Schedule == nil {
		return nil
	}
	e := journal.Evidence{Percent: s.Percent, Stage: i + 1 + d.resumption().over(), Wave: d.recordedWave()}
	if g := d.guard(); i == 0 && g != nil && d.resumption() == nil {
		for _, c := range g.aliases {
			e.Before = append(e.Before, journal.Measured{Of: c.of, Alias: c.alias, Old: [2]int64{c.hour.Invocations, c.hour.Errors}})
		}
		e.Minutes = g.unrecorded
	}
	return d.journal.Note(ctx, e)
}

// recordedWave is the number of the wave, 0 where there is but one.
func (d *deployment) recordedWave() int {
	if d.allWaves > 1 {
		return d.wave
	}
	return 0
}

func (d *deployment) guard() *sentinel {
	if d.Watching == nil {
		return nil
	}
	return d.Watching.guard
}

// lookFirst judges what was measured while nobody looked, before a run goes on.
func (d *deployment) lookFirst(ctx context.Context, s traffic.Stage) error {
	g := d.guard()
	if g == nil || d.resumption() == nil || g.first.IsZero() {
		return nil
	}
	now := d.Now()
	return g.look(ctx, held{Stage: s, began: now, end: now.Add(s.Wait)}, true)
}

// aliasesBefore are those of a target before the run began.
func (r *Resumption) aliasesBefore(target int) map[string]*definition.ObservedAlias {
	before := map[string]*definition.ObservedAlias{}
	if s := r.log.Targets[target].Snapshot; s != nil {
		for _, a := range s.Aliases {
			before[a.Name] = &definition.ObservedAlias{Alias: a.Definition()}
		}
	}
	return before
}
