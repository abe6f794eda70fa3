package lambda

import (
	"net/http"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/api"
)

// The states of a function and of its last update (developer guide, "Lambda
// function states").
const (
	statePending  = "Pending"
	stateActive   = "Active"
	stateFailed   = "Failed"
	updateOK      = "Successful"
	updateRunning = "InProgress"
	updateFailed  = "Failed"

	creatingReason = "The function is being created."
	creatingCode   = "Creating"
)

// life is the state of a version. What is to come is written down when it
// begins, RevisionId included, so that no timer is needed and a restart loses
// nothing.
type life struct {
	State                      string `json:",omitempty"`
	StateReason                string `json:",omitempty"`
	StateReasonCode            string `json:",omitempty"`
	LastUpdateStatus           string `json:",omitempty"`
	LastUpdateStatusReason     string `json:",omitempty"`
	LastUpdateStatusReasonCode string `json:",omitempty"`

	Next *transition `json:",omitempty"`
}

// transition is the end of a creation or of an update.
type transition struct {
	Due        time.Time
	RevisionID string
	Life       life
}

// Outcome is how a creation or an update ends when it is to fail.
type Outcome struct {
	Code   string // StateReasonCode or LastUpdateStatusReasonCode: "InvalidImage", "SubnetOutOfIPAddresses"
	Reason string
}

// active is the life of a version that is settled.
func active() life { return life{State: stateActive, LastUpdateStatus: updateOK} }

// creating is the life of a new function or version: no LastUpdateStatus until
// it is Active (TestLambdaFunction::test_function_lifecycle).
func creating(due time.Time, fail *Outcome) life {
	end := active()
	if fail != nil {
		end = life{State: stateFailed, StateReason: fail.Reason, StateReasonCode: fail.Code,
			LastUpdateStatus: updateFailed, LastUpdateStatusReason: fail.Reason, LastUpdateStatusReasonCode: fail.Code}
	}
	return life{State: statePending, StateReason: creatingReason, StateReasonCode: creatingCode,
		Next: &transition{Due: due, RevisionID: api.NewID(), Life: end}}
}

// updating is the life of $LATEST while an update is under way. AWS words the
// reason as for a creation (TestLambdaFunction::test_redundant_updates).
func updating(due time.Time, fail *Outcome) life {
	end := active()
	if fail != nil {
		end = life{State: stateActive, LastUpdateStatus: updateFailed,
			LastUpdateStatusReason: fail.Reason, LastUpdateStatusReasonCode: fail.Code}
	}
	return life{State: stateActive, LastUpdateStatus: updateRunning,
		LastUpdateStatusReason: creatingReason, LastUpdateStatusReasonCode: creatingCode,
		Next: &transition{Due: due, RevisionID: api.NewID(), Life: end}}
}

// settle brings v to where it is at a time.
func (v *version) settle(now time.Time) {
	n := v.Life.Next
	if n == nil || now.Before(n.Due) {
		return
	}
	v.Life, v.RevisionID = n.Life, n.RevisionID
	if v.Config.SnapStart.ApplyOn == snapStartPublished && v.Version != latest && v.Life.State == stateActive {
		v.Config.SnapStart.OptimizationStatus = "On"
	}
	if v.Life.LastUpdateStatus == updateOK {
		v.Serving = nil
	}
}

// settle brings each version of f to where it is at a time.
func (f *function) settle(now time.Time) {
	f.Latest.settle(now)
	if f.LatestPublished != nil {
		f.LatestPublished.settle(now)
	}
	for i := range f.Versions {
		f.Versions[i].settle(now)
	}
	for _, a := range f.Aliases {
		a.settle(now)
	}
}

// busy refuses a call on $LATEST while it is Pending, InProgress or Failed. The
// first message is of TestLambdaFunction::test_lambda_concurrent_code_updates.
func (f *function) busy() error {
	const cannot = "The operation cannot be performed at this time. "
	switch l := f.Latest.Life; {
	case l.State == statePending, l.State == stateFailed:
		return api.NewError(http.StatusConflict, "ResourceConflictException",
			cannot+"The function is currently in the following state: "+l.State)
	case l.LastUpdateStatus == updateRunning:
		return api.NewError(http.StatusConflict, "ResourceConflictException",
			cannot+"An update is in progress for resource: "+f.arn(""))
	}
	return nil
}

// matches refuses a RevisionId that is not the current one.
func matches(given, current string) error {
	if given == "" || given == current {
		return nil
	}
	return api.NewError(http.StatusPreconditionFailed, "PreconditionFailedException",
		"The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to retrieve the latest Revision Id")
}
