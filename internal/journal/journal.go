// Package journal is the durable record of one run: what stood before it, what
// it meant to change, and what became of each change. A rollback needs nothing
// else.
//
// Promises:
//   - A record is on disk (fsync, or a conditional write to S3) when Append
//     returns. A run appends the intent of a call before the call goes out and
//     its outcome after; before it sends a call again it says so, and so learns
//     that another process has taken over.
//   - A reader accepts one torn last line, which a crash can leave, and nothing
//     else that is broken.
//   - No environment value and no credential is ever written: states are
//     digests (see definition.Fingerprint), version numbers, alias targets and
//     tags.
//   - Two processes never append at once: the file is locked, an S3 object is
//     written only over the state that was read. Stop asks the one that writes
//     to start no further call.
//
// The states of a run: open -> deployed -> rolled-back | kept. Open and deployed
// runs may be rolled back; rolled-back and kept ones are settled.
package journal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
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

// Settled says that there is nothing to roll back any more.
func (s State) Settled() bool { return s == RolledBack || s == Kept }

// Header opens a journal: who ran, and where each Target stands. Rollback takes
// account, Region, endpoint and role from here and never from the environment.
type Header struct {
	Format     int       `json:"format"`
	Run        string    `json:"run"`
	Started    time.Time `json:"started"`
	Tool       string    `json:"tool,omitempty"`
	Repository string    `json:"repository,omitempty"`
	Commit     string    `json:"commit,omitempty"`
	RunURL     string    `json:"runUrl,omitempty"`
	// Endpoints are those of single services, by their variables' names
	// (AWS_ENDPOINT_URL_LAMBDA).
	Endpoints map[string]string `json:"endpoints,omitempty"`
	// Salt goes into the digests of content.
	Salt    []byte   `json:"salt"`
	Targets []Target `json:"targets"`
	// FirstDeploy says what rollback does with a function that the run created.
	FirstDeploy string `json:"firstDeploy,omitempty"`
	// StagingBucket is where rollback may put a zip above 50 MB.
	StagingBucket string `json:"stagingBucket,omitempty"`
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
	// the credentials at hand.
	Role string `json:"role,omitempty"`
	// Connector is the infrastructure's role, assumed from Role's credentials.
	Connector string `json:"connector,omitempty"`
}

// LocalEndpoint begins the endpoint of a run against the embedded AWS: the
// folder of its state follows.
const LocalEndpoint = "local:"

// Content is what stands in $LATEST: a digest for each configuration field, and
// the code's hash.
type Content struct {
	Fields     map[string]string `json:"fields"`
	CodeSha256 string            `json:"codeSha256"`
}

// Alias is an alias as it stood or shall stand.
type Alias struct {
	Name        string             `json:"name"`
	Description string             `json:"description,omitempty"`
	Version     string             `json:"version"`
	Weights     map[string]float64 `json:"weights,omitempty"`
}

// Snapshot is what a Target looked like before: pointers, never a value of the
// environment.
type Snapshot struct {
	Exists  bool    `json:"exists"`
	Content Content `json:"content"`
	// Description is $LATEST's own, which publishing does not carry over.
	Description string `json:"description,omitempty"`
	// RestorePoint is the version that holds the code and configuration that
	// stood in $LATEST; "" until one was published.
	RestorePoint string `json:"restorePoint,omitempty"`
	// Aliases are those that the deploy names and that were there.
	Aliases []Alias `json:"aliases,omitempty"`
	// Missing names the aliases that the deploy names and that were not there.
	Missing       []string          `json:"missing,omitempty"`
	Tags          map[string]string `json:"tags,omitempty"`
	PackageType   string            `json:"packageType,omitempty"`
	Architectures []string          `json:"architectures,omitempty"`
	// CodeSigning is the code signing configuration's ARN, nil where the deploy
	// does not touch it.
	CodeSigning *string `json:"codeSigning,omitempty"`
}

// Intent is a change about to be made.
type Intent struct {
	Call string `json:"call"`
	// Back marks a step of a rollback.
	Back bool `json:"back,omitempty"`
	// RestorePoint marks the PublishVersion that saves what stood before.
	RestorePoint bool `json:"restorePoint,omitempty"`
	// Content is what $LATEST will hold, where the call changes it.
	Content *Content `json:"content,omitempty"`
	// Alias is what the alias will be; nil where the call deletes AliasName.
	Alias     *Alias `json:"alias,omitempty"`
	AliasName string `json:"aliasName,omitempty"`
	// Tags will be set, TagKeys will be removed.
	Tags    map[string]string `json:"tags,omitempty"`
	TagKeys []string          `json:"tagKeys,omitempty"`
	// CodeSigning will be the code signing configuration.
	CodeSigning *string `json:"codeSigning,omitempty"`
	// Version will be deleted.
	Version string `json:"version,omitempty"`
}

// Result is what became of a change.
type Result string

// The results of a change.
const (
	// Done: AWS said yes, and the end was waited for.
	Done Result = "done"
	// Refused: AWS said no, and nothing changed.
	Refused Result = "refused"
	// Unknown: no answer; the call may have taken effect, or may still.
	Unknown Result = "unknown"
)

// Outcome closes the intent of the same step.
type Outcome struct {
	Result Result `json:"result"`
	// Doubt says that an earlier copy of the call got no answer, and no
	// RevisionId keeps it from arriving late.
	Doubt bool `json:"doubt,omitempty"`
	// Version was published; FailedVersion was, and AWS could not start it.
	Version       string `json:"version,omitempty"`
	FailedVersion string `json:"failedVersion,omitempty"`
	// Content is what was seen in $LATEST after the change.
	Content *Content `json:"content,omitempty"`
	Error   string   `json:"error,omitempty"`
}

// Record is one line of a journal after the header. One of its pointers, State
// or Again is set.
type Record struct {
	At       time.Time `json:"at"`
	Target   int       `json:"target"`
	Step     int       `json:"step,omitempty"`
	Snapshot *Snapshot `json:"snapshot,omitempty"`
	Intent   *Intent   `json:"intent,omitempty"`
	Outcome  *Outcome  `json:"outcome,omitempty"`
	State    State     `json:"state,omitempty"`
	// Again says that the call of the step goes out once more.
	Again bool `json:"again,omitempty"`
}

// ErrStopped says that another process asked this one to start no further call.
var ErrStopped = errors.New("another process asked this run to stop")

// ErrTaken says that another process wrote to the journal meanwhile.
var ErrTaken = errors.New("another process has taken over the journal")

// Store keeps one journal: a file, or an object in S3.
type Store interface {
	// Name is how a person finds the journal again.
	Name() string
	// Load reads everything; nothing and no error where there is no journal.
	Load(ctx context.Context) ([]byte, error)
	// Replace writes content anew, durable on return.
	Replace(ctx context.Context, content []byte) error
	// Append adds a line, durable on return.
	Append(ctx context.Context, line []byte) error
	// Lock keeps every other process from appending, or waits until ctx ends.
	Lock(ctx context.Context) error
	// Stop asks whoever holds the lock to start no further call.
	Stop(ctx context.Context) error
	// Stopped says whether somebody asked.
	Stopped() bool
	// Close gives the lock back.
	Close() error
}

// Journal is one run's record, open for appending.
type Journal struct {
	mu    sync.Mutex
	store Store
	log   Log
	now   func() time.Time
}

// Create begins a journal. It refuses to overwrite one that is not settled.
func Create(ctx context.Context, store Store, header Header, now func() time.Time) (*Journal, error) {
	if err := store.Lock(ctx); err != nil {
		return nil, fmt.Errorf("begin journal %s: %w", store.Name(), err)
	}
	j, err := create(ctx, store, header, now)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("begin journal %s: %w", store.Name(), err), store.Close())
	}
	return j, nil
}

func create(ctx context.Context, store Store, header Header, now func() time.Time) (*Journal, error) {
	old, err := store.Load(ctx)
	if err != nil {
		return nil, err
	}
	if log, err := Parse(old); err != nil {
		return nil, err
	} else if log.Header.Run != "" && log.State == Open && log.Changed() {
		return nil, &OpenError{Name: store.Name(), Run: log.Header.Run, State: log.State}
	}
	header.Format = Format
	line, err := json.Marshal(header)
	if err != nil {
		return nil, err
	}
	if err := store.Replace(ctx, append(line, '\n')); err != nil {
		return nil, err
	}
	return &Journal{store: store, log: newLog(header), now: now}, nil
}

// OpenError says that an earlier run's journal is not settled: its changes
// stand, and rolling it back, or keeping it, comes first.
type OpenError struct {
	Name, Run string
	State     State
}

func (e *OpenError) Error() string {
	return fmt.Sprintf("the journal of run %s is %s and not settled (run: lambda-rollout rollback --journal %s; or remove the file to keep what stands)", e.Run, e.State, e.Name)
}

// Read reads a journal without its lock: to look at, not to act on.
func Read(ctx context.Context, store Store) (*Log, error) {
	content, err := store.Load(ctx)
	if err != nil {
		return nil, fmt.Errorf("read journal %s: %w", store.Name(), err)
	}
	log, err := Parse(content)
	if err != nil {
		return nil, fmt.Errorf("read journal %s: %w", store.Name(), err)
	}
	return log, nil
}

// Resume opens a journal that exists, takes its lock and repairs a torn tail.
// A journal that is absent, or torn before its header ended, gives nil: its run
// changed nothing.
func Resume(ctx context.Context, store Store, now func() time.Time) (*Journal, error) {
	if err := store.Lock(ctx); err != nil {
		return nil, fmt.Errorf("open journal %s: %w", store.Name(), err)
	}
	content, err := store.Load(ctx)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open journal %s: %w", store.Name(), err), store.Close())
	}
	log, err := Parse(content)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open journal %s: %w", store.Name(), err), store.Close())
	}
	if log.Header.Run == "" {
		return nil, store.Close()
	}
	// Writing the sound part again makes an S3 journal ours: a process that
	// still holds the old state fails at its next append.
	if err := store.Replace(ctx, content[:log.sound]); err != nil {
		return nil, errors.Join(fmt.Errorf("open journal %s: %w", store.Name(), err), store.Close())
	}
	return &Journal{store: store, log: *log, now: now}, nil
}

// Name is how a person finds the journal again.
func (j *Journal) Name() string { return j.store.Name() }

// Log is everything recorded so far. The caller must not append meanwhile.
func (j *Journal) Log() *Log {
	j.mu.Lock()
	defer j.mu.Unlock()
	return &j.log
}

// Append makes a record durable. It returns ErrStopped for a call that is about
// to go out when another process asked to stop, and then nothing was written;
// calls of a rollback are not stopped.
func (j *Journal) Append(ctx context.Context, r Record) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if r.Intent != nil && !r.Intent.Back && j.store.Stopped() {
		return ErrStopped
	}
	if r.Again && !j.log.back(r.Target, r.Step) && j.store.Stopped() {
		return ErrStopped
	}
	r.At = j.now().UTC()
	line, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("write journal %s: %w", j.store.Name(), err)
	}
	if err := j.store.Append(ctx, append(line, '\n')); err != nil {
		return fmt.Errorf("write journal %s: %w", j.store.Name(), err)
	}
	return j.log.add(r)
}

// Begin records an intent and gives its step number.
func (j *Journal) Begin(ctx context.Context, target int, intent Intent) (int, error) {
	j.mu.Lock()
	step := j.log.next
	j.log.next++
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

// Settle records the run's state.
func (j *Journal) Settle(ctx context.Context, state State) error {
	return j.Append(ctx, Record{Target: -1, State: state})
}

// Stopped says that another process asked this one to start no further call.
func (j *Journal) Stopped() bool { return j.store.Stopped() }

// Close gives the lock back; the record stays.
func (j *Journal) Close() error { return j.store.Close() }

// AliasOf is an alias as a journal keeps it.
func AliasOf(a definition.Alias) Alias {
	out := Alias{Name: a.Name, Version: a.Version, Weights: a.Weights}
	if a.Description != nil {
		out.Description = *a.Description
	}
	return out
}

// Definition is the alias with everything named, so that it can be restored.
func (a Alias) Definition() definition.Alias {
	description := a.Description
	return definition.Alias{Name: a.Name, Description: &description, Version: a.Version, Weights: a.Weights}
}
