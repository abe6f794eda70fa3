// Package event holds what happens in a run, as it happens: a step began, AWS
// is working on it, an alias is up to date already. Deployments and engines
// emit events; the log, the page of a run and notifications render them.
//
// An event is emitted after it happened and never before. It carries no
// environment value and no credential, and no event decides anything: a run
// without a listener does the same.
package event

import "time"

// Sink receives the events of one target, or of a whole run. Emit is called
// from several goroutines and must not block on anything but its own output.
type Sink interface {
	Emit(Event)
}

// Event is one of the types of this package.
//
//sumtype:decl
type Event interface{ sealed() }

// Step is a step of a plan: see the types of package plan.
type Step interface {
	// Operation is the operation's name in the Lambda API.
	Operation() string
}

// StepBegan is emitted when a step is about to be recorded and sent.
type StepBegan struct {
	Function, Region string
	Step             Step
	// Back marks a step of a rollback.
	Back bool
	// Version is the one to which the step points an alias; "" for other steps.
	Version string
}

// StepEnded is emitted when a step is complete, its waits included.
type StepEnded struct {
	StepBegan
	// Err is why the step failed; nil where it took effect. The fields below
	// are set where it is nil.
	Err error
	// Arn and CodeSha256 are those of $LATEST, or of the version that was
	// published.
	Arn, CodeSha256 string
	// Published is the version that PublishVersion returned; Existed reports
	// that it was there already, because nothing had changed.
	Published string
	Existed   bool
	// URL is the address of a function URL that was set.
	URL string
}

// WaitBegan is emitted before the first look at an update of a function.
type WaitBegan struct {
	Function string
}

// Waiting is emitted for each look at something that takes its time. Subject is
// a function, or FUNCTION:QUALIFIER; Status and Reason are AWS' own words.
type Waiting struct {
	Subject, Status, Reason string
}

// AliasesBegan is emitted before the first alias of a function moves.
type AliasesBegan struct {
	Function, Version string
}

// AliasesEnded is emitted when the aliases of a function are where the last
// stage wants them.
type AliasesEnded struct {
	Function string
}

// AliasUpToDate is emitted instead of a step that has nothing to change.
// Routing is what the alias points to: "41", or "41, 10% to 42".
type AliasUpToDate struct {
	Function, Alias, Routing string
}

// CodeFirst is emitted when AWS refused a configuration with the old code, so
// that the new code is sent before the configuration.
type CodeFirst struct {
	Function string
	Err      error
}

// Downloading is emitted before a rollback fetches the old code.
type Downloading struct {
	Function, CodeSha256 string
}

// WatchingForLateCall is emitted when a rollback finds nothing to undo of a
// call that got no answer, and keeps looking for its effect.
type WatchingForLateCall struct {
	Function string
	For      time.Duration
}

// StageHeld is emitted when a stage of the traffic begins to wait, and every
// minute after that. Left is the time that remains, Wait all of it.
type StageHeld struct {
	Percent    float64
	Wait, Left time.Duration
}

// SectionBegan is emitted when a part of a run begins; "" ends the last one.
type SectionBegan struct {
	Title string
}

// Warning is a message that the user should not overlook.
type Warning struct {
	Message string
}

func (StepBegan) sealed()           {}
func (StepEnded) sealed()           {}
func (WaitBegan) sealed()           {}
func (Waiting) sealed()             {}
func (AliasesBegan) sealed()        {}
func (AliasesEnded) sealed()        {}
func (AliasUpToDate) sealed()       {}
func (CodeFirst) sealed()           {}
func (Downloading) sealed()         {}
func (WatchingForLateCall) sealed() {}
func (StageHeld) sealed()           {}
func (SectionBegan) sealed()        {}
func (Warning) sealed()             {}
