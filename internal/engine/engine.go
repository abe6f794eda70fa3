// Package engine carries out a plan.Plan against AWS, step by step, in both
// directions.
//
// Promises: a step's intent is in the journal before its call goes out and its
// outcome after; a call goes out once, and after any doubt the engine reads
// what stands before it decides to send it again, which the journal is told of; each change to a function or
// alias carries the RevisionId just read; when the context ends no new call
// starts, and the one in flight gets Grace to be answered.
package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/event"
	"github.com/lambda-rollout/lambda-rollout/internal/journal"
	"github.com/lambda-rollout/lambda-rollout/internal/lambdaapi"
	"github.com/lambda-rollout/lambda-rollout/internal/plan"
)

// Code fetches the code that a rollback puts back.
type Code interface {
	// Fetch downloads a zip, checks its hash, and gives it in the form that
	// Lambda takes: inline, or through the staging bucket above 50 MB.
	Fetch(ctx context.Context, url string, want definition.Code) (definition.Code, error)
}

// Timing is how long the engine is patient.
type Timing struct {
	// Grace is what a call in flight gets when the run is stopped.
	Grace time.Duration
	// Watch is how long a rollback looks out for a late call that no RevisionId
	// stops.
	Watch time.Duration
	// Propagation is how long a role or key may take to become usable.
	Propagation time.Duration
}

// DefaultTiming holds the numbers that the runners' own limits ask for.
func DefaultTiming() Timing {
	return Timing{Grace: 4 * time.Second, Watch: 30 * time.Second, Propagation: 5 * time.Minute}
}

// Engine works on one Target.
type Engine struct {
	API     *lambdaapi.Client
	Journal *journal.Journal
	// Index is the Target's place in the journal's header.
	Index  int
	Log    event.Sink
	Code   Code
	Timing Timing

	function string
	salt     []byte
	latest   *definition.Observed
	aliases  map[string]*definition.ObservedAlias
	signing  string
	version  *definition.Observed
	// target is the version that the aliases move to.
	target string
}

// ForeignError says that somebody else changed what the run was working on.
type ForeignError struct {
	Subject string
}

func (e *ForeignError) Error() string {
	return e.Subject + " was changed by somebody else while this run was working on it"
}

// bind starts the engine's work on a function.
func (e *Engine) bind(function string, salt []byte) {
	e.function, e.salt = function, salt
	e.aliases = map[string]*definition.ObservedAlias{}
}

// inFlight is a context for one call that outlives ctx by Grace.
func (e *Engine) inFlight(ctx context.Context) (context.Context, context.CancelFunc) {
	call, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		late := time.NewTimer(e.Timing.Grace)
		defer late.Stop()
		select {
		case <-late.C:
			cancel(context.Cause(ctx))
		case <-call.Done():
		}
	})
	return call, func() { stop(); cancel(context.Canceled) }
}

// change is one step as the engine sends it.
type change struct {
	intent journal.Intent
	send   func(ctx context.Context) error
	// look reads what stands and says what it means for this change.
	look func(ctx context.Context) (verdict, error)
	// finish waits for the change to be complete and fills in the outcome.
	finish func(ctx context.Context, o *journal.Outcome) error
	// unfenced says that no RevisionId stops a late copy.
	unfenced bool
}

// verdict is what a look at AWS says about a change that got no clear answer.
type verdict int

const (
	landed verdict = iota
	untouched
	foreign
)

// carry records the intent, sends the call until AWS has taken or refused it,
// waits for its end and records the outcome.
func (e *Engine) carry(ctx context.Context, c change) error {
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	durable := context.WithoutCancel(ctx)
	step, err := e.Journal.Begin(durable, e.Index, c.intent)
	if err != nil {
		return err
	}
	var outcome journal.Outcome
	err = e.deliver(ctx, c, step, &outcome)
	if err == nil && c.finish != nil {
		err = c.finish(ctx, &outcome)
	}
	if err != nil {
		outcome.Error = short(err)
	}
	return errors.Join(err, e.Journal.End(durable, e.Index, step, outcome))
}

// short keeps a journal's line readable.
func short(err error) string {
	const limit = 500
	s := err.Error()
	if len(s) > limit {
		s = s[:limit]
	}
	return s
}

// Attempts of one change: with doubling pauses of 200 ms to 5 s, some half a
// minute. Conflicts are waited out by state and not counted by time.
const attempts = 10

// deliver sends until there is a clear answer, and puts it into the outcome.
func (e *Engine) deliver(ctx context.Context, c change, step int, outcome *journal.Outcome) error {
	doubt := false
	started := time.Now()
	for try := 0; ; try++ {
		call, cancel := e.inFlight(ctx)
		err := c.send(call)
		cancel()
		if err == nil {
			outcome.Result, outcome.Doubt = journal.Done, doubt && c.unfenced
			return nil
		}
		class := lambdaapi.Classify(err)
		doubt = doubt || class == lambdaapi.Unknown
		again, err := e.decide(ctx, c, class, err)
		if err == nil && !again {
			outcome.Result, outcome.Doubt = journal.Done, doubt && c.unfenced
			return nil
		}
		patient := try < attempts-1 || class == lambdaapi.Propagating && time.Since(started) < e.Timing.Propagation
		if again && patient && e.pause(ctx, try) {
			taken := e.Journal.Again(context.WithoutCancel(ctx), e.Index, step)
			if taken == nil {
				continue
			}
			err = errors.Join(err, taken)
		}
		outcome.Result = journal.Refused
		if doubt {
			outcome.Result = journal.Unknown
		}
		return err
	}
}

// decide says whether to send a failed call again; no error and no again means
// that it took effect after all. Where it is to be sent again, the error is
// the one to report when patience is over.
func (e *Engine) decide(ctx context.Context, c change, class lambdaapi.Class, err error) (again bool, _ error) {
	if ctx.Err() != nil {
		return false, errors.Join(err, context.Cause(ctx))
	}
	switch class {
	case lambdaapi.Throttled, lambdaapi.Propagating:
		return true, err
	case lambdaapi.Conflict, lambdaapi.Stale, lambdaapi.Unknown:
	default:
		return false, err
	}
	seen, lookErr := c.look(ctx)
	if lookErr != nil {
		return class != lambdaapi.Unknown, errors.Join(err, lookErr)
	}
	switch {
	case seen == landed:
		return false, nil
	case seen == foreign:
		return false, errors.Join(err, &ForeignError{Subject: e.subject(c.intent)})
	case class == lambdaapi.Conflict:
		return e.conflict(ctx, err)
	}
	return true, err
}

func (e *Engine) subject(i journal.Intent) string {
	if i.AliasName != "" {
		return fmt.Sprintf("alias %s of %s", i.AliasName, e.function)
	}
	return "function " + e.function
}

// conflict waits an update out; any other 409 ("alias already exists", an alias
// on a failed version) will not change by waiting.
func (e *Engine) conflict(ctx context.Context, err error) (bool, error) {
	if e.latest != nil && !e.latest.Settled() {
		if waitErr := e.settle(ctx); waitErr != nil {
			var failed *lambdaapi.FailedError
			if !errors.As(waitErr, &failed) {
				return false, errors.Join(err, waitErr)
			}
		}
		return true, err
	}
	return lambdaapi.UpdateInProgress(err), err
}

// pause waits before the next try: doubling, 5 s at most with the default pace.
func (e *Engine) pause(ctx context.Context, try int) bool {
	first := e.API.Pace().Backoff
	timer := time.NewTimer(min(first<<min(try, 20), 25*first))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// settle waits until no update is under way and remembers what stands then.
func (e *Engine) settle(ctx context.Context) error {
	o, err := e.API.Wait(ctx, e.function, "", e.waiting)
	if o != nil {
		e.latest = o
	}
	return err
}

func (e *Engine) waiting(o *definition.Observed) {
	status := o.Update
	if o.State.Value != "Active" && o.State.Value != "" {
		status = o.State
	}
	if status.Value == "" {
		status = o.State
	}
	e.Log.Emit(event.Waiting{Subject: e.function, Status: status.Value, Reason: status.Reason})
}

// refresh reads $LATEST anew.
func (e *Engine) refresh(ctx context.Context) error {
	o, err := e.API.Find(ctx, e.function, "")
	if err != nil {
		return err
	}
	e.latest = o
	return nil
}

// refreshUnchanged reads $LATEST anew for its RevisionId. Content that differs is
// somebody else's, and the RevisionId would let this run write over it.
func (e *Engine) refreshUnchanged(ctx context.Context) error {
	before := *e.content(e.latest)
	if err := e.refresh(ctx); err != nil {
		return err
	}
	if e.latest == nil || !e.content(e.latest).Equal(before) {
		return &ForeignError{Subject: "function " + e.function}
	}
	return nil
}

func (e *Engine) content(o *definition.Observed) *journal.Content {
	c := plan.ContentOf(o, e.salt)
	return &c
}

// RestorePoint is the version that holds what stood before; "" without one.
func (e *Engine) RestorePoint() string {
	if s := e.Journal.Log().Targets[e.Index].Snapshot; s != nil {
		return s.RestorePoint
	}
	return ""
}

// Arn is the function's own ARN, "" before it was seen.
func (e *Engine) Arn() string {
	if e.latest == nil {
		return ""
	}
	return e.latest.Arn
}
