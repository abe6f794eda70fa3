// Package deploy owns a deployment: of all its targets, or of none.
//
// One value goes forward: a service.Set becomes Targets (Resolve: sessions and
// code), these become Planned (Plan: the current state and what to do about it),
// Check says whether they may start, NewWatching prepares what watches them while
// they share their traffic, and Deploy carries them out and returns Results. A
// rollback starts from a journal; PlanRollback says what Rollback would do. A shift
// of traffic is a deployment without an artifact. A rollback by hand is the rollback
// of a journal that is made from the current state.
//
// It promises that nothing changes before everything was checked; that every
// version is ready before any alias moves; that a deployment which fails or is
// stopped is rolled back, or reports that it was not; and that the type of an
// error tells what remains: see errors.go. It prints nothing, knows neither inputs
// nor exit codes, and calls back only to emit events and to save the name of the
// journal.
package deploy

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/lambda-rollout/lambda-rollout/internal/codedeploy"
	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/engine"
	"github.com/lambda-rollout/lambda-rollout/internal/event"
	"github.com/lambda-rollout/lambda-rollout/internal/gate"
	"github.com/lambda-rollout/lambda-rollout/internal/journal"
	"github.com/lambda-rollout/lambda-rollout/internal/plan"
)

// Execution is how a deployment is carried out.
type Execution struct {
	Work
	Record Record
	// RollbackTimeout bounds the rollback of a deployment that fails.
	RollbackTimeout time.Duration
	// PostFollows reports whether the host runs a rollback step after a stop.
	PostFollows bool
	// Watching is what looks at the versions while they share the traffic; nil for
	// nothing.
	Watching *Watching
}

// Result is what became of one target.
type Result struct {
	Planned
	Version string
	// RestorePoint is the version that holds the state before, "" where there is
	// none.
	RestorePoint string
	Arn          string
	// Unqualified is the function's own ARN.
	Unqualified string
	// FunctionURL is the address of the function URL that the settings name; "" for
	// none.
	FunctionURL string
	Function    definition.Function
	CodeSha256  string
	// Description is that of the version where this run published it, or found it when it
	// did; "" where it did neither.
	Description string
	// Changed is false where no call changed anything.
	Changed bool
	Took    time.Duration
}

// target is a Planned at work.
type target struct {
	Planned
	restorer
	version *definition.Observed
	took    time.Duration
	// failed reports whether it is one of those that ended the deployment.
	failed bool
}

func (t *target) fails() { t.failed = true }

type deployment struct {
	Execution
	targets []*target
	// journal is open while the deployment runs.
	journal  *journal.Journal
	watchers []watched
	// wave is the number of the wave, from 1, allWaves how many there are.
	wave, allWaves int
	// queue is nil if there is no event gate.
	queue *eventQueue
}

// Deploy carries out what was planned and checked. Its error is
// *NotStartedError where nothing was changed, *FailedError where everything is
// as it was again, *StoppedError where a later rollback must restore it, and
// *IncompleteError where someone must look.
func Deploy(ctx context.Context, planned []Planned, execution Execution) ([]Result, error) {
	d := deployment{Execution: execution}
	for _, p := range planned {
		d.targets = append(d.targets, &target{Planned: p})
	}
	if err := each(ctx, d.MaxParallel, d.targets, func(ctx context.Context, t *target) error { return t.readyCode(ctx) }); err != nil {
		return nil, notStarted(err)
	}
	if unchanged(planned) && d.resumption() == nil {
		if err := d.Record.mark(ctx, d.places(), d.Now); err != nil {
			warn(d.Events, "a rollback step cannot see that this run changed nothing: %v", err)
		}
		return d.results(), nil
	}
	j, err := d.begin(ctx)
	if err != nil {
		return nil, notStarted(err)
	}
	d.journal = j
	d.queue = newEventQueue(&d)
	defer d.queue.close(ctx)
	ctx, unwatch := untilStopped(ctx, j, d.Timing.StopPoll)
	still := d.ticking(ctx)
	err = d.carryOut(ctx)
	still()
	if err == nil && !d.PostFollows && errors.Is(context.Cause(ctx), ErrSignal) {
		// The signal came in the last call. A post step would decide; there is
		// none.
		err = context.Cause(ctx)
	}
	if err == nil {
		err = j.Settle(context.WithoutCancel(ctx), journal.Deployed)
	}
	unwatch()
	if err != nil {
		return d.results(), d.failed(ctx, j, err)
	}
	d.over(toldSucceeded, nil)
	return d.results(), j.Close()
}

// readyCode brings new code to where Lambda can take it.
func (t *target) readyCode(ctx context.Context) error {
	for i, s := range t.Plan.Steps {
		if !plan.SendsCode(s) {
			continue
		}
		code, err := t.Artifact.ready(ctx)
		if err != nil {
			return err
		}
		t.Plan.Steps[i] = plan.WithCode(s, code)
	}
	return nil
}

// places are where the targets are.
func (d *deployment) places() []journal.Target {
	var at []journal.Target
	for _, t := range d.targets {
		at = append(at, t.At)
	}
	return at
}

// begin opens the journal and records the current state of every target.
func (d *deployment) begin(ctx context.Context) (*journal.Journal, error) {
	if r := d.resumption(); r != nil {
		return r.begin(ctx, d)
	}
	d.Record.Header.Schedule = scheduleOf(d.targets, len(d.waves()))
	j, err := d.Record.begin(ctx, d.places(), d.Now)
	if err != nil {
		return nil, err
	}
	for i, t := range d.targets {
		t.restorer = restorer{d.engine(ctx, t.Target, j, i), i}
		if err := t.engine.Snapshot(ctx, t.Want, t.Before, t.Plan); err != nil {
			return nil, errors.Join(err, j.Close())
		}
	}
	return j, nil
}

// engine carries out the steps of a target; index is its place in the journal.
func (w Work) engine(ctx context.Context, t Target, j *journal.Journal, index int) *engine.Engine {
	code := &formerCode{session: t.Session, region: t.At.Region, temp: w.Temp, bucket: j.Header().StagingBucket}
	return engine.New(t.API, engine.RecordOf(j, index), w.of(t.At), code).HandingOver(codedeploy.New(ctx, t.Session, t.At.Region))
}

// untilStopped is a context that ends when another process asks the run to stop. The
// journal may be closed once the function that ends the watch has returned.
func untilStopped(ctx context.Context, j *journal.Journal, poll time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		look := time.NewTicker(poll)
		defer look.Stop()
		for !j.Stopped() {
			select {
			case <-ctx.Done():
				return
			case <-look.C:
			}
		}
		cancel(journal.ErrStopped)
	}()
	return ctx, func() {
		cancel(context.Canceled)
		<-ended
	}
}

// deployWave makes every version of a wave ready before any of its aliases moves.
func (d *deployment) deployWave(ctx context.Context) error {
	d.watchers = d.Watching.after(d)
	if d.resumption() == nil {
		at := position{gate.BeforeWave, -1, held{began: d.Now()}}
		if err := d.ask(ctx, at); err != nil {
			return err
		}
		d.happened(toldWaveBegan, at)
	}
	d.Events.Emit(event.SectionBegan{Title: "Deploy"})
	err := each(ctx, d.MaxParallel, d.targets, func(ctx context.Context, t *target) error {
		if t.Want.ShiftTo != "" {
			return nil
		}
		d.of(t.At).Emit(deployBegan(t.Planned))
		var err error
		t.version, err = t.engine.Prepare(ctx, t.Plan)
		if err != nil {
			return err
		}
		d.of(t.At).Emit(event.DeployEnded{Function: t.At.Function})
		return nil
	})
	if err != nil {
		return err
	}
	if err := d.verify(ctx); err != nil {
		return err
	}
	return d.shift(ctx)
}

// failed rolls everything back after err, or leaves that to the post step when
// a signal stopped the run.
func (d *deployment) failed(ctx context.Context, j *journal.Journal, err error) error {
	stopped := errors.Is(err, ErrSignal) || errors.Is(err, journal.ErrStopped) || errors.Is(context.Cause(ctx), ErrSignal)
	if errors.Is(err, journal.ErrTaken) || errors.Is(err, journal.ErrStopped) || stopped && d.PostFollows {
		d.over(toldStopped, err)
		return errors.Join(&StoppedError{Err: err, Journal: j.Name()}, j.Close())
	}
	d.over(toldFailed, err)
	d.Events.Emit(event.DeploymentFailed{Err: err})
	back, cancel := rollbackContext(ctx, d.RollbackTimeout)
	defer cancel()
	var restorers []restorer
	for _, t := range d.failedFirst() {
		restorers = append(restorers, t.restorer)
	}
	done, incomplete := d.rollBack(back, j, restorers)
	closed := j.Close()
	if incomplete != nil {
		incomplete.Err = err
		d.over(toldIncomplete, incomplete)
		return errors.Join(incomplete, closed)
	}
	d.over(toldRolledBack, err)
	return errors.Join(&RolledBackError{FailedError{Err: err}, done}, closed)
}

// failedFirst are the targets, those that failed in front.
func (d *deployment) failedFirst() []*target {
	all := slices.Clone(d.targets)
	slices.SortStableFunc(all, func(a, b *target) int {
		switch {
		case a.failed == b.failed:
			return 0
		case a.failed:
			return -1
		}
		return 1
	})
	return all
}

// onlyFound reports whether publishing was all there was to do, and AWS
// returned the version that existed already: its description is not this run's.
func (t *target) onlyFound() bool {
	return t.Plan.OnlyPublishes() && t.version != nil && t.version.Description != nil && *t.version.Description != t.Want.Marker.String()
}

func (d *deployment) results() []Result {
	var all []Result
	for _, t := range d.targets {
		all = append(all, t.result())
	}
	return all
}

func (t *target) result() Result {
	r := Result{
		Planned: t.Planned, Version: t.Plan.Version, Function: t.Want.Function, CodeSha256: t.Want.Code.Sha256,
		FunctionURL: plan.FunctionURL(t.Before.Settings),
		Took:        t.took, Changed: !t.Plan.Empty() && !t.onlyFound(),
	}
	if t.Resumes != nil && t.engine != nil {
		r.Before.Aliases = t.Resumes.aliasesBefore(t.index)
		r.Changed = true
	}
	if latest := t.Before.Latest; latest != nil {
		r.Unqualified = latest.Arn
		r.Function = latest.Function.Merge(t.Want.Function)
	}
	if t.version != nil {
		r.Version, r.Description = t.version.Version, aws.ToString(t.version.Description)
	}
	if shifted := t.Before.Versions[t.Want.ShiftTo]; shifted != nil {
		r.Function, r.CodeSha256 = shifted.Function, shifted.CodeSha256
	}
	if t.engine != nil {
		r.Unqualified = cmp.Or(t.engine.Arn(), r.Unqualified)
		r.RestorePoint = t.engine.RestorePoint()
		r.FunctionURL = t.engine.FunctionURL()
	}
	if r.Unqualified != "" && r.Version != "" {
		r.Arn = r.Unqualified + ":" + r.Version
	}
	return r
}

// Partial returns the names of the aliases of which the new version does not get all
// the traffic.
func (r Result) Partial() []string {
	var names []string
	for _, a := range r.Want.Aliases {
		if r.Want.Traffic.Last() < 100 && r.pointsTo(a.Name) != r.Version {
			names = append(names, a.Name)
		}
	}
	return names
}

// pointsTo is the version to which an alias points after the deployment: with
// weights the one that has the rest.
func (r Result) pointsTo(alias string) string {
	if left, changed := r.Plan.AliasAfter(alias, r.Version, r.RestorePoint); changed {
		return left.Version
	}
	return r.Before.Aliases[alias].Version
}

// MarkersSuffice reports whether a rollback by hand finds in the descriptions of
// the versions what the aliases pointed to before. They do not say it of a new
// alias, of one that shared its traffic, of a shift, whose version another
// deployment published, and of a version that was there already: its description
// tells of the run that published it.
func (r Result) MarkersSuffice() bool {
	return r.Want.ShiftTo == "" && !slices.ContainsFunc(r.Want.Aliases, func(a definition.Alias) bool {
		was := r.Before.Aliases[a.Name]
		return was == nil || len(was.Weights) > 0 || plan.ParseWas(r.Description, a.Name) != was.Version
	})
}
