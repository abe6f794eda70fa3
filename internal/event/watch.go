package event

import "time"

// Count is how often a version was invoked, and how often it failed.
type Count struct{ Invocations, Errors int64 }

// AliasEvidence is what the versions behind one alias did while they shared its
// traffic.
type AliasEvidence struct {
	Target
	Alias string
	// OldVersion has the rest of the traffic.
	NewVersion, OldVersion string
	New, Old               Count
	// Verdict is good, bad or inconclusive.
	Verdict string
	// Detectable is the lowest error rate of the new version, as a fraction, that
	// would have been seen in four of five cases; NaN where there is none.
	Detectable float64
}

// StageWatched is emitted when the guard has looked at a stage of the traffic.
type StageWatched struct {
	Percent float64
	// Left is the time that remains of the stage.
	Left time.Duration
	// Until is the end of the minutes that are counted: what came later is not
	// known yet.
	Until   time.Time
	Aliases []AliasEvidence
}

// StageExtended is emitted when a stage lasts longer than its time. Wait is all
// of its time then.
type StageExtended struct {
	Percent  float64
	By, Wait time.Duration
	Reason   string
}

// AlarmChanged is emitted when a CloudWatch alarm that is watched changes its
// state, and for its state before the traffic shifts.
type AlarmChanged struct {
	Name, Region string
	// From is "" at first. The states are CloudWatch's: OK, ALARM,
	// INSUFFICIENT_DATA.
	From, To string
	Reason   string
}

// ShiftFollowed is emitted when CodeDeploy has moved an alias further, once a minute,
// and when it is done.
type ShiftFollowed struct {
	Alias, Deployment string
	// Status is CodeDeploy's; Routing is what the alias points to: "41, 10% to 42".
	Status, Routing string
	// Since is how long the shift has lasted.
	Since time.Duration
}

func (ShiftFollowed) sealed() {}
func (StageWatched) sealed()  {}
func (StageExtended) sealed() {}
func (AlarmChanged) sealed()  {}
