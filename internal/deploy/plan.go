package deploy

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/engine"
	"github.com/lambda-rollout/lambda-rollout/internal/event"
	"github.com/lambda-rollout/lambda-rollout/internal/journal"
	"github.com/lambda-rollout/lambda-rollout/internal/lambdaapi"
	"github.com/lambda-rollout/lambda-rollout/internal/plan"
	"github.com/lambda-rollout/lambda-rollout/internal/session"
)

// Planned is a target with its state in AWS and what is to be done about it.
type Planned struct {
	Target
	Before plan.Observation
	Plan   plan.Plan

	started time.Time
	// asked is how many questions about provisioned concurrency the plan takes.
	asked int
	// looked is how many questions are asked about what calls the function's aliases.
	looked int
	// asksAccess is set where this target asks, for all that the same role deploys,
	// whether a rollback could read what others attach.
	asksAccess bool
}

// Plan observes every target and plans it. It changes nothing. Its error is a
// *NotStartedError.
func Plan(ctx context.Context, targets []Target, w Work) ([]Planned, error) {
	ctx = session.BeforeChanges(ctx)
	var planned []*Planned
	for _, t := range targets {
		planned = append(planned, &Planned{Target: t, started: w.Now()})
	}
	w.begin(places(targets))
	defer w.ticking(ctx)()
	err := each(ctx, w.MaxParallel, planned, func(ctx context.Context, p *Planned) error {
		return p.plan(ctx, w.of(p.At))
	})
	if err != nil {
		return nil, notStarted(err)
	}
	markAccessQuestions(planned)
	return values(planned), nil
}

func values[T any](pointers []*T) []T {
	var all []T
	for _, p := range pointers {
		all = append(all, *p)
	}
	return all
}

// places are where targets are, as a journal records them.
func places(targets []Target) []journal.Target {
	var all []journal.Target
	for _, t := range targets {
		all = append(all, t.At)
	}
	return all
}

func (p *Planned) plan(ctx context.Context, events event.Sink) error {
	events.Emit(event.ObserveBegan{Function: p.At.Function})
	before, err := p.observe(ctx)
	if err != nil {
		return err
	}
	p.Before = before
	var have *definition.Environment
	if before.Latest != nil {
		have = before.Latest.Environment
	}
	if p.Want.Function.Environment, err = definition.MergeEnvironment(p.Environment, p.Want.Function.Environment, have); err != nil {
		return err
	}
	p.Want.Marker.Was = before.Serving(p.Want.Aliases)
	p.Plan = plan.Forward(p.Want, before)
	p.Plan.Blockers = slices.Concat(p.Plan.Blockers, reservedRoom(ctx, *p), qualifiersExist(ctx, *p))
	p.asked = len(before.Provisioned) + len(asksProvisioned(*p))
	p.warnOfSideEffects()
	events.Emit(observed(p.At.Function, before))
	return nil
}

func (p *Planned) observe(ctx context.Context) (plan.Observation, error) {
	if p.prefetched != nil {
		return p.prefetched.wait()
	}
	return engine.Observe(ctx, p.API, p.Want, nil)
}

// Previous returns the version that the first alias pointed to before; "" where there
// was none.
func (p Planned) Previous() string {
	for _, a := range p.Want.Aliases {
		if was := p.Before.Aliases[a.Name]; was != nil {
			return was.Version
		}
	}
	return ""
}

// Changes reports whether a deployment changes anything. A publication alone
// returns the version that exists unless $LATEST changed since, which only the
// call itself tells.
func (p Planned) Changes() bool {
	return len(p.Plan.Changes) > 0 || !p.Plan.Empty() && !p.Plan.OnlyPublishes()
}

// observation is a state that is being read.
type observation struct {
	done  chan struct{}
	state plan.Observation
	err   error
}

// prefetchObservation reads the current state while the caller's identity and
// the code are looked up: none of these needs the others' answers.
func prefetchObservation(ctx context.Context, api *lambdaapi.Client, want plan.Wanted) *observation {
	o := &observation{done: make(chan struct{})}
	go func() {
		defer close(o.done)
		o.state, o.err = engine.Observe(ctx, api, want, nil)
	}()
	return o
}

func (o *observation) wait() (plan.Observation, error) {
	<-o.done
	return o.state, o.err
}

// unchanged reports whether there is nothing to do for any target.
func unchanged(planned []Planned) bool {
	for _, p := range planned {
		if !p.Plan.Empty() {
			return false
		}
	}
	return true
}

// longest is how long the traffic of one wave may take to shift.
func longest(targets []Target) time.Duration {
	if len(targets) == 0 {
		return 0
	}
	return targets[0].Watch.longest(schedule(targets)) + longestHandOver(targets)
}

// WithTimeout bounds a deployment by its timeout; the stages of the traffic have
// times of their own.
func WithTimeout(ctx context.Context, targets []Target, timeout time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, timeout+time.Duration(countWaves(targets))*longest(targets), fmt.Errorf("the deployment took longer than its timeout of %s", timeout))
}
