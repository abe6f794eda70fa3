package journal

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// ErrStopped reports that another process asked this one to start no further
// call.
var ErrStopped = errors.New("another process asked this run to stop")

// ErrTaken reports that another process wrote to the journal meanwhile.
var ErrTaken = errors.New("another process has taken over the journal")

// ErrNoSpace reports that the disk or quota of the journal is full.
var ErrNoSpace = errors.New("no space is left for the journal")

// Store keeps one journal: a file, or numbered objects in S3. It is used by one
// Journal, which may append for different Targets at the same time.
type Store interface {
	// Name is how the user finds the journal again: a path or a URL.
	Name() string
	// Read returns what is recorded, without a lock; nil where there is no
	// journal.
	Read(ctx context.Context) (*RunState, error)
	// Create locks the place and begins a journal there with its header line.
	// It refuses a place that holds something else, or a run that Replaceable
	// refuses.
	Create(ctx context.Context, header []byte, run RunState, by Holder) error
	// TakeOver locks the journal, keeps its former owner from appending, and
	// returns what is recorded; nil, unlocked, where there is no journal.
	TakeOver(ctx context.Context, by Holder) (*RunState, error)
	// Append adds a line, its line feed included, for a Target, or for the run
	// where target is -1. It is durable on return. ErrTaken, ErrNoSpace.
	Append(ctx context.Context, target int, line []byte) error
	// Ended is called when a new state of the run is recorded.
	Ended(ctx context.Context, state State)
	// FreeReserve frees the space that was reserved for a rollback and reports
	// whether there was any.
	FreeReserve() bool
	// Held returns the process that holds the lock; false where none does.
	Held() (Holder, bool, error)
	// Stop asks whoever holds the lock to start no further call.
	Stop(ctx context.Context) error
	// Stopped reports whether somebody asked.
	Stopped() bool
	// Close releases the lock.
	Close() error
}

// Holder is the process that holds a journal.
type Holder struct {
	PID     int       `json:"pid"`
	Host    string    `json:"host,omitempty"`
	Command string    `json:"command,omitempty"`
	Since   time.Time `json:"since"`
}

func (h Holder) String() string {
	if h.PID == 0 {
		return "an unknown process"
	}
	text := fmt.Sprintf("process %d", h.PID)
	if h.Command != "" {
		text += " (lambda-rollout " + h.Command + ")"
	}
	if h.Host != "" {
		text += " on " + h.Host
	}
	return text + ", since " + h.Since.UTC().Format(time.RFC3339)
}

// HeldError reports that another process holds the journal's lock.
type HeldError struct {
	By Holder
	// Err is why it was not waited for any longer.
	Err error
}

func (e *HeldError) Error() string {
	return fmt.Sprintf("another process still holds the journal: %s (%v)", e.By, e.Err)
}
func (e *HeldError) Unwrap() error { return e.Err }

// TakenError is ErrTaken with the process that took the journal over.
type TakenError struct{ By Holder }

func (e *TakenError) Error() string { return fmt.Sprintf("%v: %s", ErrTaken, e.By) }
func (e *TakenError) Unwrap() error { return ErrTaken }

// OpenError reports that an earlier run's journal is open: its changes remain,
// and rolling it back, or keeping it, comes first.
type OpenError struct {
	Name, Run string
	State     State
	// Shifts reports whether its shift can be resumed.
	Shifts bool
}

func (e *OpenError) Error() string {
	resume := ""
	if e.Shifts {
		resume = "to continue its shift: lambda-rollout shift --resume --journal " + e.Name + "; "
	}
	return fmt.Sprintf("run %s is still running or was interrupted; its journal is %s (%sto roll it back: lambda-rollout rollback --journal %s; to keep its changes, remove the file)", e.Run, e.State, resume, e.Name)
}

// replaceable refuses to begin a journal over one whose changes remain.
func replaceable(name string, old *RunState) error {
	if old != nil && old.State == Open && old.Changed() {
		return &OpenError{Name: name, Run: old.Header.Run, State: old.State, Shifts: len(old.Stages) > 0}
	}
	return nil
}
