package journal

import (
	"maps"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
)

// Content is the content of $LATEST: a digest for each configuration field, and
// the code's hash.
type Content struct {
	Fields     map[string]string `json:"fields"`
	CodeSha256 string            `json:"codeSha256"`
}

// Equal reports whether two contents are the same.
func (c Content) Equal(other Content) bool {
	return c.CodeSha256 == other.CodeSha256 && maps.Equal(c.Fields, other.Fields)
}

// Alias is the state of an alias, observed or wanted.
type Alias struct {
	Name        string             `json:"name"`
	Description string             `json:"description,omitempty"`
	Version     string             `json:"version"`
	Weights     map[string]float64 `json:"weights,omitempty"`
}

// Equal reports whether two aliases are the same.
func (a Alias) Equal(b Alias) bool {
	return a.Name == b.Name && a.Description == b.Description && a.Version == b.Version && maps.Equal(a.Weights, b.Weights)
}

// AliasOf returns an alias as a journal keeps it.
func AliasOf(a definition.Alias) Alias {
	out := Alias{Name: a.Name, Version: a.Version, Weights: a.Weights}
	if a.Description != nil {
		out.Description = *a.Description
	}
	return out
}

// Definition returns the alias with every field named, so that it can be
// restored.
func (a Alias) Definition() definition.Alias {
	description := a.Description
	return definition.Alias{Name: a.Name, Description: &description, Version: a.Version, Weights: a.Weights}
}

// Snapshot is what a Target looked like before: pointers, never a value of the
// environment.
type Snapshot struct {
	Exists  bool    `json:"exists"`
	Content Content `json:"content"`
	// Description is $LATEST's own, which publishing does not carry over.
	Description string `json:"description,omitempty"`
	// RestorePoint is the version that holds the code and configuration of
	// $LATEST before the run; "" until one was published.
	RestorePoint string `json:"restorePoint,omitempty"`
	// Aliases are those that the deploy names and that existed.
	Aliases []Alias `json:"aliases,omitempty"`
	// Missing names the aliases that the deploy names and that did not exist.
	Missing []string `json:"missing,omitempty"`
	// Unprovisioned names the aliases that had no provisioned concurrency, so that
	// a rollback need not ask before it moves them.
	Unprovisioned []string          `json:"unprovisioned,omitempty"`
	Tags          map[string]string `json:"tags,omitempty"`
	PackageType   string            `json:"packageType,omitempty"`
	Architectures []string          `json:"architectures,omitempty"`
	// CodeSigning is the code signing configuration's ARN, nil where the deploy
	// does not touch it.
	CodeSigning *string `json:"codeSigning,omitempty"`
	// LatestPublished is what $LATEST.PUBLISHED held; nil where there was none, or the
	// deploy does not publish to it.
	LatestPublished *Published `json:"latestPublished,omitempty"`
	// Settings are those that the deploy changes; one without a value was not set.
	Settings []definition.Setting `json:"settings,omitempty"`
}

// Published is $LATEST.PUBLISHED of a function on managed instances.
type Published struct {
	Content Content `json:"content"`
	// Description is its own, which publishing sets.
	Description string `json:"description,omitempty"`
}

// Intent is a change about to be made.
type Intent struct {
	Call string `json:"call"`
	// Back marks a step of a rollback.
	Back bool `json:"back,omitempty"`
	// RestorePoint marks the PublishVersion that saves the state before the run.
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
	// Setting will be set; without a value, removed. Before is what it was, where the
	// snapshot could not know of it.
	Setting *definition.Setting `json:"setting,omitempty"`
	Before  *definition.Setting `json:"before,omitempty"`
	// LatestPublished is what $LATEST.PUBLISHED will hold.
	LatestPublished *Published `json:"latestPublished,omitempty"`
	// Version will be deleted.
	Version string `json:"version,omitempty"`
	// HandOver is what CodeDeploy is asked for.
	HandOver *HandOver `json:"handOver,omitempty"`
}

// HandOver is what CodeDeploy is asked for: to lead an alias from a version to the one
// of the intent's Alias, or to stop.
type HandOver struct {
	Application string `json:"application,omitempty"`
	Group       string `json:"group,omitempty"`
	From        string `json:"from,omitempty"`
	// Stop is the deployment that is stopped.
	Stop string `json:"stop,omitempty"`
}

// Result is what became of a change.
type Result string

// The results of a change.
const (
	// Done: AWS accepted it, and its end was waited for.
	Done Result = "done"
	// Refused: AWS refused it, and nothing changed.
	Refused Result = "refused"
	// Unknown: no answer; the call may have taken effect, or may still.
	Unknown Result = "unknown"
)

// Outcome closes the intent of the same step.
type Outcome struct {
	Result Result `json:"result"`
	// Doubt marks a call of which an earlier copy got no answer, and which no
	// RevisionId keeps from arriving late.
	Doubt bool `json:"doubt,omitempty"`
	// Version was published; FailedVersion was, and AWS could not start it.
	Version       string `json:"version,omitempty"`
	FailedVersion string `json:"failedVersion,omitempty"`
	// Deployment is the one that CodeDeploy began.
	Deployment string `json:"deployment,omitempty"`
	// Content is what was seen in $LATEST after the change.
	Content *Content `json:"content,omitempty"`
	// Revision is the RevisionId that the alias had after the change.
	Revision string `json:"revision,omitempty"`
	Error    string `json:"error,omitempty"`
}

// Evidence is what was measured while two versions shared their traffic, or what
// was decided from it. It belongs to the run and not to one Target.
type Evidence struct {
	// At is when it was recorded.
	At time.Time `json:"-"`
	// Percent of the traffic went to the new version.
	Percent float64 `json:"percent"`
	// Minutes are what was measured since the last record.
	Minutes []Measured `json:"minutes,omitempty"`
	// Decision is what follows from it: extend, continue or rollback; "" while the
	// stage lasts. Reason says why.
	Decision string `json:"decision,omitempty"`
	Reason   string `json:"reason,omitempty"`
	// Gate is a question to a gate, or its answer.
	Gate *Gate `json:"gate,omitempty"`
	// Stage is the stage of the schedule whose aliases begin to move, from 1, and Wave the
	// wave that they are in; 0 where the run has one wave.
	Stage int `json:"stage,omitempty"`
	Wave  int `json:"wave,omitempty"`
	// Before are what the old versions did in the hour before the run, as Old: they
	// fix what the guard tolerates.
	Before []Measured `json:"before,omitempty"`
	// Durations are the medians of whole minutes.
	Durations []Timed `json:"durations,omitempty"`
}

// Gate is a question to somebody outside of the run, who decides whether it goes on.
type Gate struct {
	Moment string `json:"moment"`
	// To is the gate's address without its query, or the ARN of a function.
	To string `json:"to"`
	// Answer is yes or no; "" where the gate was asked and has not decided.
	Answer string `json:"answer,omitempty"`
	Reason string `json:"reason,omitempty"`
}

// Measured is what the versions behind one alias did in one minute.
type Measured struct {
	// Of is the index of the Target.
	Of     int       `json:"of"`
	Alias  string    `json:"alias"`
	Minute time.Time `json:"minute"`
	// New and Old hold invocations and errors.
	New [2]int64 `json:"new"`
	Old [2]int64 `json:"old"`
}

// Timed is how long the versions behind one alias took in one minute.
type Timed struct {
	// Of is the index of the Target.
	Of     int       `json:"of"`
	Alias  string    `json:"alias"`
	Minute time.Time `json:"minute"`
	New    Median    `json:"new"`
	Old    Median    `json:"old"`
}

// Median is the median duration of so many invocations.
type Median struct {
	Invocations  int64   `json:"invocations"`
	Milliseconds float64 `json:"milliseconds"`
}

// Record is one entry of a journal after the header. One of its pointers, State
// or Again is set.
type Record struct {
	At time.Time `json:"at"`
	// Target is the index of the Target in the header, -1 for a record of the whole
	// run. Step is the number of a change, from 1.
	Target   int       `json:"target"`
	Step     int       `json:"step,omitempty"`
	Snapshot *Snapshot `json:"snapshot,omitempty"`
	Intent   *Intent   `json:"intent,omitempty"`
	Outcome  *Outcome  `json:"outcome,omitempty"`
	State    State     `json:"state,omitempty"`
	// Again marks that the call of the step goes out once more.
	Again bool `json:"again,omitempty"`
	// Evidence is the run's, as State is: its Target is -1.
	Evidence *Evidence `json:"evidence,omitempty"`
	// Ready is the Target's, before its first alias moves in a schedule.
	Ready *Ready `json:"ready,omitempty"`
	// Takeover marks that another process goes on from here.
	Takeover *Takeover `json:"takeover,omitempty"`
}

// Takeover is the record by which a process takes a journal in S3 over. Epoch
// is its number among the run's own records: of two processes that take over
// at once, the one with the higher epoch wins in every sequence.
type Takeover struct {
	Epoch int    `json:"epoch"`
	By    Holder `json:"by"`
	// Nonce makes it differ from every other process's record.
	Nonce string `json:"nonce"`
}
