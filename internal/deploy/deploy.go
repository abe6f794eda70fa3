// Package deploy deploys all Targets of a run or leaves none changed: it observes
// and plans every one before the first change, journals, prepares all new
// versions, then moves all aliases, and puts everything back when any of this
// fails or is stopped.
package deploy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/engine"
	"github.com/lambda-rollout/lambda-rollout/internal/journal"
	"github.com/lambda-rollout/lambda-rollout/internal/lambdaapi"
	"github.com/lambda-rollout/lambda-rollout/internal/plan"
	"github.com/lambda-rollout/lambda-rollout/internal/report"
	"github.com/lambda-rollout/lambda-rollout/internal/traffic"
)

// Target is one function to deploy in one Region.
type Target struct {
	// Label names it in the log where there are several.
	Label   string
	Journal journal.Target
	Wanted  plan.Wanted
	API     *lambdaapi.Client
	Code    engine.Code
	// Environment is the input environment-variables: replace, merge or keep.
	Environment string
	// Observed gives what stands, where it was read ahead; nil means that the
	// run reads it itself.
	Observed func() (plan.Observation, error)
	// Ready brings the artifact to where Lambda can take it. It is called only
	// where the code differs, after everything else was checked.
	Ready func(ctx context.Context) (definition.Code, error)
	// Artifact names exactly the content that is deployed.
	Artifact string
	// Connector is the connectorRef of the infrastructure, by which the input
	// connectors names a role.
	Connector string
	// Origin are the log's lines about where it came from, once it was made
	// ready.
	Origin func() []string
}

// Options is how a run goes about its Targets.
type Options struct {
	Header journal.Header
	// Store is where the journal is kept.
	Store journal.Store
	// Begun is told the journal's name before the first change.
	Begun func(name string) error
	// Claim keeps other runs off the Targets, where the journal's place can;
	// nil where it cannot.
	Claim  func(ctx context.Context, journal string, targets []journal.Target) error
	Log    *report.Log
	Timing engine.Timing
	// Timeout bounds the deployment, RollbackTimeout the way back.
	Timeout, RollbackTimeout time.Duration
	// MaxParallel is how many Targets are worked on at once.
	MaxParallel int
	// Preflight looks, where something is to change, for what would stop the run
	// half-way; its error stops the run before the first change.
	Preflight func(ctx context.Context, results []Result) error
	// AllowPartial starts although something could not be restored.
	AllowPartial bool
	// PostFollows says that the host runs a rollback step after a stop.
	PostFollows bool
	Now         func() time.Time
}

// Result is what became of one Target.
type Result struct {
	Target  Target
	Plan    plan.Plan
	Before  plan.Observation
	Version string
	// RestorePoint is the version that holds what stood before, "" where there
	// is none.
	RestorePoint string
	Arn          string
	// Unqualified is the function's own ARN.
	Unqualified string
	Function    definition.Function
	CodeSha256  string
	// Changed is false where no call changed anything.
	Changed bool
	Took    time.Duration
}

// Previous is the version that the first alias served before; "" where there
// was none.
func (r Result) Previous() string {
	for _, a := range r.Target.Wanted.Aliases {
		if was := r.Before.Aliases[a.Name]; was != nil {
			return was.Version
		}
	}
	return ""
}

// ErrSignal is the cause of a context that a signal ended.
var ErrSignal = errors.New("stopped by a signal")

// target is a Target at work.
type target struct {
	Target
	engine  *engine.Engine
	before  plan.Observation
	plan    plan.Plan
	version *definition.Observed
	started time.Time
	took    time.Duration
}

// Deploy carries the whole run out. Its error is *InputError where nothing was
// touched, *FailedError where everything is as it was again, *StoppedError
// where a later rollback must put things back, and *IncompleteError where a
// person must look.
func Deploy(ctx context.Context, targets []Target, opts Options) ([]Result, error) {
	d := deployment{opts: opts, course: course(targets)}
	// The stages of the traffic have times of their own.
	ctx, cancel := context.WithTimeoutCause(ctx, opts.Timeout+d.course.Total(), fmt.Errorf("the deployment took longer than its timeout of %s", opts.Timeout))
	defer cancel()
	for _, t := range targets {
		d.targets = append(d.targets, &target{Target: t, started: opts.Now()})
	}
	opts.Log.Section("Prepare rollback")
	defer opts.Log.Section("")
	if err := d.prepare(ctx); err != nil {
		return nil, &InputError{Err: err}
	}
	if d.unchanged() {
		return d.results(), nil
	}
	j, err := d.begin(ctx)
	if err != nil {
		return nil, &InputError{Err: err}
	}
	ctx, unwatch := watched(ctx, j)
	defer unwatch()
	err = d.apply(ctx)
	if err == nil && !opts.PostFollows && errors.Is(context.Cause(ctx), ErrSignal) {
		// The signal came in the last call. A post step would decide; there is
		// none.
		err = context.Cause(ctx)
	}
	if err == nil {
		err = j.Settle(context.WithoutCancel(ctx), journal.Deployed)
	}
	if err != nil {
		return d.results(), d.failed(ctx, j, err)
	}
	return d.results(), j.Close()
}

// stopPoll is how often a deployment looks whether another process asked it to
// stop. It looks before each call as well; this ends a wait.
const stopPoll = 200 * time.Millisecond

// watched is a context that ends when another process asks the run to stop.
func watched(ctx context.Context, j *journal.Journal) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	go func() {
		look := time.NewTicker(stopPoll)
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
	return ctx, func() { cancel(context.Canceled) }
}

type deployment struct {
	opts    Options
	targets []*target
	course  traffic.Course
}

// Prepare observes and plans every Target and changes nothing: what `plan`
// shows, and what a deployment does first.
func Prepare(ctx context.Context, targets []Target, opts Options) ([]Result, error) {
	d := deployment{opts: opts}
	for _, t := range targets {
		d.targets = append(d.targets, &target{Target: t, started: opts.Now()})
	}
	if err := d.observe(ctx); err != nil {
		return nil, &InputError{Err: err}
	}
	return d.results(), nil
}

func (d *deployment) observe(ctx context.Context) error {
	return d.each(ctx, func(ctx context.Context, t *target) error {
		log := d.log(t)
		log.Line("Preparing Rollback Data..")
		log.Line("")
		log.Line("Fetching Function Details for function: %s", t.Wanted.Function.FunctionName)
		before, err := t.observe(ctx)
		if err != nil {
			return err
		}
		t.before = before
		var have *definition.Environment
		if before.Latest != nil {
			have = before.Latest.Environment
		}
		merged, err := definition.MergeEnvironment(t.Environment, t.Wanted.Function.Environment, have)
		if err != nil {
			return err
		}
		t.Wanted.Function.Environment = merged
		t.Wanted.Marker.Was = before.Serving(t.Wanted.Aliases)
		t.plan = plan.Forward(t.Wanted, before)
		details(log, t.Wanted.Function.FunctionName, before)
		return nil
	})
}

func (t *target) observe(ctx context.Context) (plan.Observation, error) {
	if t.Observed != nil {
		return t.Observed()
	}
	return engine.Observe(ctx, t.API, t.Wanted, nil)
}

// prepare does everything that can be done before the first change.
func (d *deployment) prepare(ctx context.Context) error {
	if err := d.observe(ctx); err != nil {
		return err
	}
	if err := d.check(); err != nil {
		return err
	}
	if d.opts.Preflight != nil && !d.unchanged() {
		if err := d.opts.Preflight(ctx, d.results()); err != nil {
			return err
		}
	}
	return d.each(ctx, func(ctx context.Context, t *target) error {
		for i, s := range t.plan.Steps {
			if !plan.SendsCode(s) {
				continue
			}
			code, err := t.Ready(ctx)
			if err != nil {
				return err
			}
			t.plan.Steps[i] = plan.WithCode(s, code)
		}
		return nil
	})
}

// check refuses what AWS would refuse, and what could not be put back.
func (d *deployment) check() error {
	var all []error
	for _, t := range d.targets {
		for _, w := range t.plan.Warnings {
			d.log(t).Warn("%s", w)
		}
		for _, b := range t.plan.Blocked {
			all = append(all, fmt.Errorf("function %s: %s", t.Wanted.Function.FunctionName, b))
		}
		for _, n := range t.plan.NoWayBack {
			if d.opts.AllowPartial {
				d.log(t).Warn("a rollback could not restore everything: %s", n)
				continue
			}
			all = append(all, fmt.Errorf("function %s: no way back: %s (allow-partial-rollback deploys all the same)", t.Wanted.Function.FunctionName, n))
		}
	}
	return errors.Join(all...)
}

func (d *deployment) unchanged() bool {
	for _, t := range d.targets {
		if !t.plan.Empty() {
			return false
		}
	}
	return true
}

// begin opens the journal, tells the host where it is, and writes down what
// stands.
func (d *deployment) begin(ctx context.Context) (*journal.Journal, error) {
	wait, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	header := d.opts.Header
	for _, t := range d.targets {
		header.Targets = append(header.Targets, t.Journal)
	}
	j, err := journal.Create(wait, d.opts.Store, header, d.opts.Now)
	if err != nil {
		return nil, err
	}
	if d.opts.Claim != nil {
		if err := d.opts.Claim(ctx, j.Name(), header.Targets); err != nil {
			return nil, errors.Join(err, j.Settle(ctx, journal.Kept), j.Close())
		}
	}
	err = d.opts.Begun(j.Name())
	for i, t := range d.targets {
		if err != nil {
			break
		}
		t.engine = &engine.Engine{API: t.API, Journal: j, Index: i, Log: d.log(t), Code: t.Code, Timing: d.opts.Timing}
		err = t.engine.Snapshot(ctx, t.Wanted, t.before, t.plan)
	}
	if err != nil {
		return nil, errors.Join(err, j.Close())
	}
	return j, nil
}

// apply makes every version ready before any alias moves.
func (d *deployment) apply(ctx context.Context) error {
	d.opts.Log.Section("Deploy")
	err := d.each(ctx, func(ctx context.Context, t *target) error {
		if t.Wanted.ShiftTo != "" {
			return nil
		}
		log := d.log(t)
		log.Line("Deploying..")
		log.Line("")
		manifest(log, t)
		var err error
		t.version, err = t.engine.Prepare(ctx, t.plan)
		if err != nil {
			return err
		}
		log.Line("Successfully deployed lambda function: [%s]", t.Wanted.Function.FunctionName)
		return nil
	})
	if err != nil {
		return err
	}
	return d.shift(ctx)
}

// each runs f for every Target, so many at once; the first failure ends the
// others before their next call.
func (d *deployment) each(ctx context.Context, f func(context.Context, *target) error) error {
	group, inner := errgroup.WithContext(ctx)
	group.SetLimit(max(d.opts.MaxParallel, 1))
	errs := make([]error, len(d.targets))
	for i, t := range d.targets {
		group.Go(func() error {
			err := f(inner, t)
			if err != nil && len(d.targets) > 1 {
				err = fmt.Errorf("%s: %w", t.Label, err)
			}
			errs[i] = err
			return err
		})
	}
	first := group.Wait()
	if first == nil {
		return nil
	}
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	var all []error
	for _, err := range errs {
		if err != nil && (errors.Is(err, first) || !errors.Is(err, context.Canceled)) {
			all = append(all, err)
		}
	}
	return errors.Join(all...)
}

func (d *deployment) log(t *target) *report.Log {
	if len(d.targets) == 1 {
		return d.opts.Log
	}
	return d.opts.Log.For(t.Label)
}

// standing says that publishing was all there was to do, and that AWS gave back
// the version that stood already: its description is not this run's.
func (t *target) standing() bool {
	return t.plan.OnlyPublishes() && t.version != nil && t.version.Description != nil && *t.version.Description != t.Wanted.Marker.String()
}

func (d *deployment) results() []Result {
	var all []Result
	for _, t := range d.targets {
		r := Result{
			Target: t.Target, Plan: t.plan, Before: t.before, Version: t.plan.Version,
			Function: t.Wanted.Function, CodeSha256: t.Wanted.Code.Sha256, Took: t.took,
			Changed: !t.plan.Empty() && !t.standing(),
		}
		if latest := t.before.Latest; latest != nil {
			r.Unqualified = latest.Arn
			r.Function = latest.Function.With(t.Wanted.Function)
		}
		if t.version != nil {
			r.Version = t.version.Version
		}
		if shifted := t.before.Versions[t.Wanted.ShiftTo]; shifted != nil {
			r.Function, r.CodeSha256 = shifted.Function, shifted.CodeSha256
		}
		if t.engine != nil {
			r.Unqualified = cmp.Or(t.engine.Arn(), r.Unqualified)
			r.RestorePoint = t.engine.RestorePoint()
		}
		if r.Unqualified != "" && r.Version != "" {
			r.Arn = r.Unqualified + ":" + r.Version
		}
		all = append(all, r)
	}
	return all
}
