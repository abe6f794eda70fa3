package engine

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/event"
	"github.com/lambda-rollout/lambda-rollout/internal/journal"
	"github.com/lambda-rollout/lambda-rollout/internal/plan"
	"github.com/lambda-rollout/lambda-rollout/internal/session"
)

// memory is a journal of one target that is kept nowhere.
type memory struct {
	mu   sync.Mutex
	log  journal.TargetLog
	next int
	// again counts the calls that were said to go out once more.
	again int
	// taken is the error that another process causes.
	taken error
}

func (m *memory) Target() journal.TargetLog {
	m.mu.Lock()
	defer m.mu.Unlock()
	t := m.log
	t.Steps = slices.Clone(t.Steps)
	return t
}

func (m *memory) Snapshot(_ context.Context, s *journal.Snapshot) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.log.Snapshot = s
	return nil
}

func (m *memory) Begin(_ context.Context, intent journal.Intent) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.taken != nil {
		return 0, m.taken
	}
	m.next++
	m.log.Steps = append(m.log.Steps, journal.Step{Number: m.next, Intent: intent})
	return m.next, nil
}

func (m *memory) Again(context.Context, int) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.again++
	return m.taken
}

func (m *memory) End(_ context.Context, step int, outcome journal.Outcome) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range m.log.Steps {
		if s := &m.log.Steps[i]; s.Number == step {
			s.Outcome = &outcome
			if s.Intent.RestorePoint && outcome.Version != "" {
				m.log.Snapshot.RestorePoint = outcome.Version
			}
		}
	}
	return nil
}

// outcome is what became of the last step of an operation.
func (m *memory) outcome(operation string) journal.Outcome {
	for _, s := range slices.Backward(m.log.Steps) {
		if s.Intent.Call == operation && s.Outcome != nil {
			return *s.Outcome
		}
	}
	return journal.Outcome{}
}

// events keeps what was emitted.
type events struct {
	mu  sync.Mutex
	all []event.Event
}

func (e *events) Emit(one event.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.all = append(e.all, one)
}

// oldCode hands out code as it is asked for.
type oldCode struct{ err error }

func (c oldCode) Fetch(_ context.Context, _ string, want definition.Code) (definition.Code, error) {
	want.ZipPath = "old.zip"
	return want, c.err
}

// bench is a function with a version 1 that the alias live points to, and an
// engine at work on it.
type bench struct {
	t      *testing.T
	aws    *fake
	record *memory
	events *events
	code   oldCode
	shifts Shifts
}

func newBench(t *testing.T) *bench {
	f := &definition.Observed{
		Function: definition.Function{
			FunctionName: "f", Role: new("arn:aws:iam::123456789012:role/f"), Runtime: new("nodejs22.x"), Handler: new("index.handler"), PackageType: new("Zip"),
			MemorySize: new(int32(128)), Architectures: []string{"x86_64"}, Description: new("mine"), Tags: map[string]string{},
		},
		Arn: "arn:f", Version: plan.Latest, CodeSha256: "one", RevisionId: "0", CodeLocation: "https://code/1",
		State: definition.Status{Value: "Active"}, Update: definition.Status{Value: "Successful"},
	}
	v := *f
	v.Version, v.Arn, v.Description = "1", "arn:f:1", new("first")
	return &bench{
		t: t, events: &events{},
		record: &memory{log: journal.TargetLog{Target: journal.Target{Function: "f", Region: "eu-west-1"}, Run: "r1", Salt: []byte("0123456789abcdef")}},
		aws: &fake{
			function: f, versions: []*definition.Observed{&v}, settleAfter: 2, status: map[string]string{},
			aliases: map[string]*definition.ObservedAlias{"live": {Alias: definition.Alias{Name: "live", Version: "1", Description: new("")}, RevisionId: "0"}},
		},
	}
}

func (b *bench) engine() *Engine { return New(b.aws, b.record, b.events, b.code).HandingOver(b.shifts) }

// wanted is a deployment of another memory size and of new code.
func wanted(aliases ...string) plan.Wanted {
	w := plan.Wanted{
		Function: definition.Function{FunctionName: "f", MemorySize: new(int32(256))},
		Code:     definition.Code{Sha256: "two"}, Run: "r1", Marker: plan.Marker{Run: "r1"},
	}
	for _, a := range aliases {
		w.Aliases = append(w.Aliases, definition.Alias{Name: a})
	}
	return w
}

// deploy observes, plans and carries a deployment out, all of its stages at
// once.
func (b *bench) deploy(ctx context.Context, w plan.Wanted) error {
	o, err := Observe(ctx, b.aws, w, nil)
	if err != nil {
		return err
	}
	p := plan.Forward(w, o)
	if len(p.Blockers) > 0 {
		return fmt.Errorf("blocked: %q", p.Blockers)
	}
	e := b.engine()
	if err := e.Snapshot(ctx, w, o, p); err != nil {
		return err
	}
	version, err := e.Prepare(ctx, p)
	if err != nil {
		return err
	}
	number := p.Version
	if version != nil {
		number = version.Version
	}
	for stage := range plan.Stages(p) {
		if err := e.Shift(ctx, p, number, stage); err != nil {
			return err
		}
	}
	return e.Finish(ctx, p)
}

func (b *bench) mustDeploy(w plan.Wanted) {
	b.t.Helper()
	if err := b.deploy(b.t.Context(), w); err != nil {
		b.t.Fatal(err)
	}
}

// rollback rolls back what is recorded.
func (b *bench) rollback(ctx context.Context) Restored {
	b.t.Helper()
	r, err := b.engine().Rollback(ctx)
	if err != nil {
		b.t.Fatal(err)
	}
	return r
}

// on returns a hook that acts at the nth call of an operation.
func on(call string, nth int, act func() error) func(string, int) error {
	return func(c string, n int) error {
		if c == call && n == nth {
			return act()
		}
		return nil
	}
}

// failing returns a hook that answers the nth call of an operation with an error.
func failing(call string, nth int, err error) func(string, int) error {
	return on(call, nth, func() error { return err })
}

// deniedFor is a refusal that names the missing permission.
func deniedFor(action string) error {
	return session.Denied{Action: action, Resource: "*", Err: denial}
}
