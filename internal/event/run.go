package event

import "time"

// Target names one function in one Region.
type Target struct {
	Function, Region string
}

// String is the target's name where there are several.
func (t Target) String() string { return t.Function + " in " + t.Region }

// RunBegan is emitted when the targets of a run are known, before the first
// event of any of them.
type RunBegan struct {
	Targets []Target
}

// OfTarget is an event of one target. The other events are the whole run's.
type OfTarget struct {
	Target
	Event Event
}

// ObserveBegan is emitted before a target is read.
type ObserveBegan struct {
	Function string
}

// ObserveEnded is emitted when a target was read, with the state that a rollback
// restores: the version that the first alias points to, else $LATEST.
type ObserveEnded struct {
	Function string
	// Exists is false where there is no such function; nothing else is set then.
	Exists       bool
	Version, Arn string
	CodeSha256   string
	// CodeSize is in bytes, MemorySize in MB.
	CodeSize         int64
	MemorySize       *int32
	Runtime, Handler *string
	Architectures    []string
}

// DeployBegan is emitted before the first change of a target's code or
// configuration.
type DeployBegan struct {
	Function string
	// Manifest is the definition as JSON, without values of the environment.
	Manifest string
	// Existing is the hash of the current code; "" for a new function.
	Existing string
	Artifact Artifact
}

// Artifact is where the code of a deployment came from.
type Artifact struct {
	// Kind is s3, ecr, file or folder; Identifier is the service's name for it.
	Kind, Identifier string
	// Pinned names exactly the content.
	Pinned string
	// Fetched reports whether an object was downloaded.
	Fetched bool
}

// DeployEnded is emitted when a target's new version is ready. No alias has
// moved then.
type DeployEnded struct {
	Function string
}

// AliasManifests is emitted before the aliases of a target move, with their
// definitions as JSON.
type AliasManifests struct {
	Manifests []string
}

// TargetEnded is emitted when a target is deployed, its aliases included.
type TargetEnded struct {
	Took time.Duration
}

// DeploymentFailed is emitted when a deployment failed, before it is rolled
// back.
type DeploymentFailed struct {
	Err error
}

// JournalSkipped is emitted where a rollback finds the journal of another
// repository or run.
type JournalSkipped struct {
	Journal, Reason string
}

// RollbackBegan is emitted before a target is rolled back.
type RollbackBegan struct {
	Function string
}

// RollbackSkipped is emitted where there is nothing to roll back: the function
// is new and Kept, as first-deploy asks, or was not changed.
type RollbackSkipped struct {
	Function string
	Kept     bool
}

// RollbackEnded is emitted when a target was rolled back. Left says what is not
// as it was, one line each.
type RollbackEnded struct {
	Function string
	Left     []string
}

func (RunBegan) sealed()         {}
func (OfTarget) sealed()         {}
func (ObserveBegan) sealed()     {}
func (ObserveEnded) sealed()     {}
func (DeployBegan) sealed()      {}
func (DeployEnded) sealed()      {}
func (AliasManifests) sealed()   {}
func (TargetEnded) sealed()      {}
func (DeploymentFailed) sealed() {}
func (JournalSkipped) sealed()   {}
func (RollbackBegan) sealed()    {}
func (RollbackSkipped) sealed()  {}
func (RollbackEnded) sealed()    {}

// Discard is a Sink that nobody reads.
type Discard struct{}

// Emit does nothing.
func (Discard) Emit(Event) {}

// To is a Sink for the events of one target of a run, whose own Sink is run.
func To(run Sink, t Target) Sink { return targetSink{run, t} }

// Tee is a Sink that hands each event on to several.
func Tee(sinks ...Sink) Sink { return tee(sinks) }

type tee []Sink

// Emit implements Sink.
func (t tee) Emit(e Event) {
	for _, s := range t {
		s.Emit(e)
	}
}

type targetSink struct {
	run    Sink
	target Target
}

// Emit implements Sink.
func (s targetSink) Emit(e Event) { s.run.Emit(OfTarget{s.target, e}) }
