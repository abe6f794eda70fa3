package deploy

import (
	"errors"
	"fmt"
	"strings"
)

// ErrSignal is the cause of a context that a signal ended.
var ErrSignal = errors.New("stopped by a signal")

// NotStartedError reports a run that could not start: nothing was changed.
type NotStartedError struct{ Err error }

func (e *NotStartedError) Error() string { return e.Err.Error() }
func (e *NotStartedError) Unwrap() error { return e.Err }

// notStarted marks the error of what comes before the first change; nil stays
// nil.
func notStarted(err error) error {
	if err == nil {
		return nil
	}
	return &NotStartedError{Err: err}
}

// FailedError reports a deployment that failed, after which everything is as it
// was.
type FailedError struct{ Err error }

func (e *FailedError) Error() string { return e.Err.Error() }
func (e *FailedError) Unwrap() error { return e.Err }

// RollbackCommand returns the command that rolls back by a journal.
func RollbackCommand(journal string) string { return "lambda-rollout rollback --journal " + journal }

// RolledBackError is a FailedError that knows what was restored.
type RolledBackError struct {
	FailedError
	Targets []Restored
}

func (e *RolledBackError) Error() string {
	return e.Err.Error() + "\nEverything is as it was before the deployment"
}
func (e *RolledBackError) Unwrap() error { return &e.FailedError }

// StoppedError reports changes that remain, for a later step to roll back.
type StoppedError struct {
	Err     error
	Journal string
}

func (e *StoppedError) Error() string {
	return fmt.Sprintf("stopped: %v; changes remain; to roll them back, run: %s", e.Err, RollbackCommand(e.Journal))
}
func (e *StoppedError) Unwrap() error { return e.Err }

// IncompleteError reports a rollback that could not restore everything: someone
// must look.
type IncompleteError struct {
	// Err is why the deployment failed; nil for a rollback of its own.
	Err     error
	Targets []Restored
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
	fmt.Fprintf(&b, "\nonce that is fixed, run: %s", RollbackCommand(e.Journal))
	return b.String()
}
func (e *IncompleteError) Unwrap() error { return e.Err }

// BlockedError reports a rollback that could not begin: someone must look.
type BlockedError struct {
	Journal string
	Err     error
	// Targets are those of the journal, where it could be read.
	Targets []Restored
}

func (e *BlockedError) Error() string {
	return fmt.Sprintf("roll back %s: %v\nonce that is fixed, run: %s", e.Journal, e.Err, RollbackCommand(e.Journal))
}
func (e *BlockedError) Unwrap() error { return e.Err }

// PartlyError reports that one of several functions could not be rolled back after
// others were: whatever became of this one, the run was begun.
type PartlyError struct {
	Function string
	Err      error
}

func (e *PartlyError) Error() string {
	return fmt.Sprintf("function %s was not rolled back, others were: %v", e.Function, e.Err)
}
func (e *PartlyError) Unwrap() error { return e.Err }
