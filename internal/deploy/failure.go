package deploy

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/lambda-rollout/lambda-rollout/internal/journal"
)

// InputError says that the run could not start: nothing was touched.
type InputError struct{ Err error }

func (e *InputError) Error() string { return e.Err.Error() }
func (e *InputError) Unwrap() error { return e.Err }

// FailedError says that the deployment failed, and that everything is as it
// was.
type FailedError struct{ Err error }

func (e *FailedError) Error() string { return e.Err.Error() }
func (e *FailedError) Unwrap() error { return e.Err }

// StoppedError says that changes remain, for a later step to put back.
type StoppedError struct {
	Err     error
	Journal string
}

func (e *StoppedError) Error() string {
	return fmt.Sprintf("stopped: %v; changes remain (to put them back: lambda-rollout rollback --journal %s)", e.Err, e.Journal)
}
func (e *StoppedError) Unwrap() error { return e.Err }

// IncompleteError says that a rollback could not restore everything: a person
// must look.
type IncompleteError struct {
	// Err is why the deployment failed; nil for a rollback of its own.
	Err     error
	Targets []Rollback
	Journal string
}

func (e *IncompleteError) Error() string {
	var b strings.Builder
	if e.Err != nil {
		fmt.Fprintf(&b, "%v\n", e.Err)
	}
	b.WriteString("the rollback is not complete:")
	for _, t := range e.Targets {
		for _, line := range t.Left() {
			fmt.Fprintf(&b, "\n  %s in %s: %s", t.Target.Function, t.Target.Region, line)
		}
	}
	fmt.Fprintf(&b, "\nwhen that is mended: lambda-rollout rollback --journal %s", e.Journal)
	return b.String()
}
func (e *IncompleteError) Unwrap() error { return e.Err }

// failed puts everything back after err, or leaves that to the post step when
// a signal stopped the run.
func (d *deployment) failed(ctx context.Context, j *journal.Journal, err error) error {
	stopped := errors.Is(err, ErrSignal) || errors.Is(err, journal.ErrStopped) || errors.Is(context.Cause(ctx), ErrSignal)
	if errors.Is(err, journal.ErrTaken) || errors.Is(err, journal.ErrStopped) || stopped && d.opts.PostFollows {
		return errors.Join(&StoppedError{Err: err, Journal: j.Name()}, j.Close())
	}
	d.opts.Log.Line("%s", headline(err))
	back, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), d.opts.RollbackTimeout,
		fmt.Errorf("the rollback took longer than its timeout of %s", d.opts.RollbackTimeout))
	defer cancel()
	var targets []Engine
	for _, t := range d.targets {
		targets = append(targets, Engine{Engine: t.engine, Label: t.Label})
	}
	done, incomplete := rollback(back, j, targets, d.opts)
	closed := j.Close()
	if incomplete != nil {
		incomplete.Err = err
		return errors.Join(incomplete, closed)
	}
	return errors.Join(&RolledBackError{FailedError{Err: err}, done}, closed)
}

// RolledBackError is a FailedError that knows what was put back.
type RolledBackError struct {
	FailedError
	Targets []Rollback
}

func (e *RolledBackError) Unwrap() error { return &e.FailedError }

func headline(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return "Deployment failed: " + line
}
