// Package journal is the durable record of one run: the state before it, what
// it meant to change, and what became of each change. A rollback needs nothing
// else.
//
// Promises:
//   - A record is durable (fsync, or a conditional write to S3) when Append
//     returns. A run appends the intent of a call before the call goes out and
//     its outcome after; before it sends a call again it appends that too, and
//     so learns that another process has taken over.
//   - A reader of a file accepts one torn last line, which a crash can leave,
//     and nothing else that is broken; a reader of objects in S3 accepts no gap.
//   - No environment value and no credential is ever written: contents are
//     digests (see definition.Fingerprint), version numbers, alias targets and
//     tags.
//   - Two processes never append at once: a file is locked, an object in S3 is
//     written only where there is none, and a takeover occupies the number that
//     the former owner would write next.
//   - A file that does not begin as a journal is never written to, and no side
//     file is written through a symbolic link.
//   - Space for the records of a rollback is reserved before the first change.
//   - No mutex is held while a record is written, so that virtual time passes in
//     tests. Records of one Target are written one after another.
//
// The states of a run: open -> deployed -> rolled-back | kept. Open and deployed
// runs may be rolled back; rolled-back and kept ones are settled.
package journal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"
)

// Format is the version of the journal's shape.
const Format = 1

// State is how far a run came.
type State string

// The states of a run.
const (
	Open       State = "open"
	Deployed   State = "deployed"
	RolledBack State = "rolled-back"
	Kept       State = "kept"
)

// Settled reports whether there is nothing left to roll back.
func (s State) Settled() bool { return s == RolledBack || s == Kept }

// Header is the first record of a journal: who ran, and where each Target is. Rollback takes
// account, Region, endpoint and role from here, once Check found that the
// environment and the inputs agree.
type Header struct {
	// Format and Run come first: a torn header is known by them.
	Format  int       `json:"format"`
	Run     string    `json:"run"`
	Started time.Time `json:"started"`
	Tool    string    `json:"tool,omitempty"`
	// Command is the command that began the run: deploy, shift or rollback.
	Command    string `json:"command,omitempty"`
	Repository string `json:"repository,omitempty"`
	Commit     string `json:"commit,omitempty"`
	RunURL     string `json:"runUrl,omitempty"`
	// Origin is the part of a pipeline that the run is; nil in journals of
	// releases that did not record it.
	Origin *Origin `json:"origin,omitempty"`
	// Scope begins the ids of all runs that a rollback of this one's job undoes;
	// "" where each run stands alone.
	Scope string `json:"scope,omitempty"`
	// Endpoints are those of single services, by their variables' names
	// (AWS_ENDPOINT_URL_LAMBDA).
	Endpoints map[string]string `json:"endpoints,omitempty"`
	// Salt goes into the digests of content.
	Salt    []byte   `json:"salt"`
	Targets []Target `json:"targets"`
	// FirstDeploy is what rollback does with a function that the run created.
	FirstDeploy string `json:"firstDeploy,omitempty"`
	// StagingBucket is where rollback may put a zip above 50 MB.
	StagingBucket string `json:"stagingBucket,omitempty"`
	// Schedule is nil where traffic does not shift in stages, and in journals of
	// releases that did not record it.
	Schedule *Schedule `json:"schedule,omitempty"`
	// Actor is who began the run, as the host names them.
	Actor string `json:"actor,omitempty"`
}

// Target is one function in one Region of one account.
type Target struct {
	Function  string `json:"function"`
	Region    string `json:"region"`
	Account   string `json:"account"`
	Partition string `json:"partition,omitempty"`
	// Endpoint is where the calls went, "" for AWS itself; LocalEndpoint and a
	// folder for the embedded AWS.
	Endpoint string `json:"endpoint,omitempty"`
	// Role is the role that the run assumed for this Target, "" where it used
	// the current credentials.
	Role string `json:"role,omitempty"`
	// Connector is the infrastructure's role, assumed from Role's credentials.
	Connector string `json:"connector,omitempty"`
}

// LocalEndpoint begins the endpoint of a run against the embedded AWS: the
// folder of its state follows.
const LocalEndpoint = "local:"

// Journal is one run's record, open for appending.
type Journal struct {
	store Store
	now   func() time.Time
	// turns admit one append at a time for each Target, and for the run's own
	// records at index 0. They are channels, since a goroutine that waits for a
	// mutex stops virtual time.
	turns []chan struct{}
	// written is each Target's last content that is surely recorded; nil where a
	// write failed since. Its index is that of turns, and so is its guard.
	written []*Content

	// mu guards what follows. It is never held across I/O.
	mu    sync.Mutex
	state RunState
	// unrecorded is why records of a rollback are missing; missing holds the
	// steps whose intent is.
	unrecorded error
	missing    map[int]bool
}

// Create begins a journal. It refuses to overwrite one that is open and has
// changes, and a file that is no journal.
func Create(ctx context.Context, store Store, header Header, now func() time.Time) (*Journal, error) {
	header.Format = Format
	line, err := json.Marshal(header)
	if err != nil {
		return nil, fmt.Errorf("begin journal %s: %w", store.Name(), err)
	}
	line = append(line, '\n')
	state, err := Parse(line)
	if err != nil {
		return nil, fmt.Errorf("begin journal %s: %w", store.Name(), err)
	}
	if err := store.Create(ctx, line, *state, thisProcess(header.Command, now)); err != nil {
		return nil, fmt.Errorf("begin journal %s: %w", store.Name(), err)
	}
	return open(store, *state, now), nil
}

// Mark records a run that changed nothing: a later rollback then knows that an
// older journal belongs to an earlier run.
func Mark(ctx context.Context, store Store, header Header, now func() time.Time) error {
	j, err := Create(ctx, store, header, now)
	if err != nil {
		return err
	}
	return errors.Join(j.Settle(ctx, Kept), j.Close())
}

func open(store Store, state RunState, now func() time.Time) *Journal {
	j := &Journal{store: store, state: state, now: now, missing: map[int]bool{}}
	j.written = append([]*Content{nil}, state.last...)
	for range j.written {
		j.turns = append(j.turns, make(chan struct{}, 1))
	}
	return j
}

func thisProcess(command string, now func() time.Time) Holder {
	host, _ := os.Hostname() // without a name the process id has to do
	return Holder{PID: os.Getpid(), Host: host, Command: command, Since: now().UTC()}
}

// Read reads a journal without its lock: to look, not to act. It returns an
// empty RunState where there is no journal.
func Read(ctx context.Context, store Store) (*RunState, error) {
	state, err := store.Read(ctx)
	if err != nil {
		return nil, fmt.Errorf("read journal %s: %w", store.Name(), err)
	}
	if state == nil {
		state = &RunState{}
	}
	return state, nil
}

// Resume takes over a journal that exists, for a rollback, and repairs a torn
// tail. It returns nil for a journal that is absent, or torn before its header
// ended: its run changed nothing.
func Resume(ctx context.Context, store Store, now func() time.Time) (*Journal, error) {
	return takeOver(ctx, store, "rollback", now)
}

// Continue takes over a journal as Resume does, for a shift that goes on.
func Continue(ctx context.Context, store Store, now func() time.Time) (*Journal, error) {
	return takeOver(ctx, store, "shift", now)
}

func takeOver(ctx context.Context, store Store, command string, now func() time.Time) (*Journal, error) {
	state, err := store.TakeOver(ctx, thisProcess(command, now))
	if err != nil {
		return nil, fmt.Errorf("open journal %s: %w", store.Name(), err)
	}
	if state == nil {
		return nil, nil
	}
	return open(store, *state, now), nil
}

// Name returns how the user finds the journal again.
func (j *Journal) Name() string { return j.store.Name() }

// RunState returns a copy of everything recorded so far.
func (j *Journal) RunState() *RunState {
	j.mu.Lock()
	defer j.mu.Unlock()
	state := j.state.clone()
	return &state
}

// Header returns the journal's header.
func (j *Journal) Header() Header {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.state.Header
}

// Target returns a copy of what is recorded of one Target.
func (j *Journal) Target(i int) TargetLog {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.state.Targets[i].clone()
}

// Unrecorded returns why records of a rollback are missing from the journal: there
// was no space for them. The rollback went on without them.
func (j *Journal) Unrecorded() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.unrecorded
}

// Append makes a record durable. It returns ErrStopped for a call that is about
// to go out when another process asked to stop, and then nothing was written;
// calls of a rollback are not stopped. Records of a rollback for which there is
// no space are left out: see Unrecorded.
func (j *Journal) Append(ctx context.Context, r Record) error {
	if r.Target < -1 || r.Target >= len(j.turns)-1 {
		return fmt.Errorf("write journal %s: the header has no target %d", j.store.Name(), r.Target)
	}
	turn := j.turns[r.Target+1]
	select {
	case turn <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	defer func() { <-turn }()
	back := j.ofRollback(r)
	if (r.Intent != nil || r.Again) && !back && j.store.Stopped() {
		return ErrStopped
	}
	r.At = j.now().UTC()
	if err := j.write(ctx, r, back); err != nil {
		return fmt.Errorf("write journal %s: %w", j.store.Name(), err)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.state.add(r)
}

// ofRollback reports whether a record belongs to a rollback.
func (j *Journal) ofRollback(r Record) bool {
	if r.Intent != nil {
		return r.Intent.Back
	}
	if r.State != "" {
		return r.State.Settled()
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.state.back(r.Target, r.Step)
}

// write appends a record. The reserve is for outcomes and for the records of a
// rollback: a deployment that runs out of space begins no further call.
func (j *Journal) write(ctx context.Context, r Record, back bool) error {
	if j.left(r.Step) {
		return nil
	}
	written := &j.written[r.Target+1]
	line, err := encode(r, *written)
	if err != nil {
		return err
	}
	next := r.recorded(*written)
	*written = nil
	err = j.store.Append(ctx, r.Target, line)
	if errors.Is(err, ErrNoSpace) && (back || r.Outcome != nil) && j.store.FreeReserve() {
		err = j.store.Append(ctx, r.Target, line)
	}
	if errors.Is(err, ErrNoSpace) && back {
		j.leaveOut(r, err)
		return nil
	}
	if err == nil {
		*written = next
		if r.State != "" {
			j.store.Ended(ctx, r.State)
		}
	}
	return err
}

// left reports whether the intent of a step is missing from the journal: what
// follows it makes no sense without.
func (j *Journal) left(step int) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.missing[step]
}

func (j *Journal) leaveOut(r Record, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.unrecorded = err
	if r.Intent != nil {
		j.missing[r.Step] = true
	}
}

// Begin records an intent and returns its step number.
func (j *Journal) Begin(ctx context.Context, target int, intent Intent) (int, error) {
	j.mu.Lock()
	step := j.state.next
	j.state.next++
	j.mu.Unlock()
	return step, j.Append(ctx, Record{Target: target, Step: step, Intent: &intent})
}

// Again records that a step's call is about to be sent once more, after AWS was
// looked at: whoever took the journal over has then already made that look
// stale.
func (j *Journal) Again(ctx context.Context, target, step int) error {
	return j.Append(ctx, Record{Target: target, Step: step, Again: true})
}

// End records what became of a step.
func (j *Journal) End(ctx context.Context, target, step int, outcome Outcome) error {
	return j.Append(ctx, Record{Target: target, Step: step, Outcome: &outcome})
}

// Adopt records a Target's state as found, with the steps that are taken for
// this run's own: what a rollback by hand starts from.
func (j *Journal) Adopt(ctx context.Context, t *TargetLog) error {
	if err := j.Append(ctx, Record{Snapshot: t.Snapshot}); err != nil {
		return err
	}
	for _, s := range t.Steps {
		step, err := j.Begin(ctx, 0, s.Intent)
		if err != nil {
			return err
		}
		if err := j.End(ctx, 0, step, *s.Outcome); err != nil {
			return err
		}
	}
	return nil
}

// Note records what was measured or decided while traffic was shared.
func (j *Journal) Note(ctx context.Context, e Evidence) error {
	return j.Append(ctx, Record{Target: -1, Evidence: &e})
}

// Settle records the run's state.
func (j *Journal) Settle(ctx context.Context, state State) error {
	return j.Append(ctx, Record{Target: -1, State: state})
}

// Stopped reports whether another process asked this one to start no further
// call.
func (j *Journal) Stopped() bool { return j.store.Stopped() }

// Close releases the lock; the record stays.
func (j *Journal) Close() error { return j.store.Close() }
