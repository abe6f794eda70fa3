package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/journal"
	"github.com/lambda-rollout/lambda-rollout/internal/lambdaapi"
)

// ForeignError reports that somebody else changed what the run was working on.
type ForeignError struct {
	Subject string
}

// Error names what was changed.
func (e *ForeignError) Error() string {
	return e.Subject + " was changed by somebody else while this run was working on it"
}

// change is one step as the engine sends it.
type change struct {
	intent journal.Intent
	send   func(ctx context.Context) error
	// look reads the current state and says what it means for this change.
	look func(ctx context.Context) (sight, error)
	// finish waits for the change to be complete and fills in the outcome.
	finish func(ctx context.Context, o *journal.Outcome) error
	// unfenced reports whether no RevisionId stops a late copy.
	unfenced bool
	// guarded reports whether no RevisionId stops the call where somebody else has
	// changed the same thing since the plan: then a look comes first, which leaves
	// them the time between that look and the call.
	guarded bool
}

// execute records the intent, sends the call until AWS has taken or refused it,
// waits for its end and records the outcome.
func (e *Engine) execute(ctx context.Context, c change) error {
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	if c.guarded {
		if seen, err := c.look(ctx); err != nil {
			return err
		} else if seen == foreign {
			return &ForeignError{Subject: e.subjectOf(c.intent)}
		}
	}
	durable := context.WithoutCancel(ctx)
	number, err := e.record.Begin(durable, c.intent)
	if err != nil {
		return err
	}
	a := attempt{engine: e, change: c, number: number, began: e.api.Timing().Now()}
	err = a.run(ctx)
	if err == nil && c.finish != nil {
		err = c.finish(ctx, &a.outcome)
	}
	if err != nil {
		a.outcome.Error = short(err)
	}
	return errors.Join(err, e.record.End(durable, number, a.outcome))
}

// short keeps a journal's line readable: 500 bytes at most, and no half character.
func short(err error) string {
	const limit = 500
	s := err.Error()
	if len(s) > limit {
		s = strings.ToValidUTF8(s[:limit], "")
	}
	return s
}

// Attempts of one change: with doubling pauses of 200 ms to 5 s, some half a
// minute. Conflicts are waited out by state and not counted by time.
const attempts = 10

// attempt is one change on its way: sent, doubted, sent again.
type attempt struct {
	engine *Engine
	change change
	number int // of the step in the journal
	began  time.Time
	tries  int
	// doubt reports whether a copy of the call got no answer.
	doubt   bool
	outcome journal.Outcome
}

// run sends until there is a clear answer, and puts it into the outcome.
func (a *attempt) run(ctx context.Context) error {
	for {
		call, cancel := a.engine.inFlight(ctx)
		err := a.change.send(call)
		cancel()
		if err == nil {
			return a.took()
		}
		class := lambdaapi.Classify(err)
		a.doubt = a.doubt || class == lambdaapi.Unknown
		next, err := a.nextMove(ctx, class, err)
		if next == done {
			return a.took()
		}
		a.tries++
		if next == retry && a.patient(class) && a.engine.pause(ctx, a.tries-1) {
			// Whoever took the journal over has made the look stale.
			taken := a.engine.record.Again(context.WithoutCancel(ctx), a.number)
			if taken == nil {
				continue
			}
			err = errors.Join(err, taken)
		}
		a.outcome.Result = journal.Refused
		if a.doubt {
			a.outcome.Result = journal.Unknown
		}
		return err
	}
}

// took records that the change took effect. Where a copy of it got no answer and
// no RevisionId stops that copy, it may still arrive.
func (a *attempt) took() error {
	a.outcome.Result, a.outcome.Doubt = journal.Done, a.doubt && a.change.unfenced
	return nil
}

func (a *attempt) patient(class lambdaapi.Class) bool {
	t := a.engine.api.Timing()
	return a.tries < attempts || class == lambdaapi.Propagating && t.Now().Sub(a.began) < t.Propagation
}

// nextMove decides about a call that failed. Beside retry, the error is the one
// to report when patience is over.
func (a *attempt) nextMove(ctx context.Context, class lambdaapi.Class, err error) (move, error) {
	if ctx.Err() != nil {
		return stop, errors.Join(err, context.Cause(ctx))
	}
	row := decisions[class]
	seen := notNeeded
	if _, blind := row[notNeeded]; !blind {
		var lookErr error
		if seen, lookErr = a.change.look(ctx); lookErr != nil {
			seen, err = unreadable, errors.Join(err, lookErr)
		}
	}
	switch next := row[seen]; next {
	case giveWay:
		return stop, errors.Join(err, &ForeignError{Subject: a.engine.subjectOf(a.change.intent)})
	case waitOut:
		return a.engine.waitOut(ctx, err)
	default:
		return next, err
	}
}

// subjectOf names what a change is about.
func (e *Engine) subjectOf(i journal.Intent) string {
	function := e.live.function
	tags := slices.Sorted(maps.Keys(i.Tags))
	switch tags = append(tags, i.TagKeys...); {
	case i.AliasName != "":
		return fmt.Sprintf("alias %s of %s", i.AliasName, function)
	case len(tags) > 0:
		return fmt.Sprintf("one of the tags %s of function %s", strings.Join(tags, ", "), function)
	case i.Setting != nil:
		return fmt.Sprintf("%s of function %s", i.Setting.SettingKey, function)
	case i.CodeSigning != nil && i.Content == nil:
		return "the code signing configuration of function " + function
	}
	return "function " + function
}

// waitOut waits for an update that is under way; any other 409 ("alias already
// exists", an alias on a failed version) does not change by waiting.
func (e *Engine) waitOut(ctx context.Context, err error) (move, error) {
	if e.live.latest != nil && !e.live.latest.Settled() {
		if waitErr := failedIsSettled(e.settle(ctx)); waitErr != nil {
			return stop, errors.Join(err, waitErr)
		}
		return retry, err
	}
	if lambdaapi.UpdateInProgress(err) {
		return retry, err
	}
	return stop, err
}

// failedIsSettled takes a function in a failed state for one that is at rest.
func failedIsSettled(err error) error {
	if failed := (*lambdaapi.FailedError)(nil); errors.As(err, &failed) {
		return nil
	}
	return err
}
