package lambda

import (
	"crypto/sha256"
	"encoding/hex"
	"time"
)

func hexOf(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

// functionConfiguration is how the API shows a version.
type functionConfiguration struct {
	FunctionName string
	FunctionArn  string
	config
	CodeSize     int64
	CodeSha256   string
	LastModified string
	Version      string
	RevisionId   string

	State                      string `json:",omitempty"`
	StateReason                string `json:",omitempty"`
	StateReasonCode            string `json:",omitempty"`
	LastUpdateStatus           string `json:",omitempty"`
	LastUpdateStatusReason     string `json:",omitempty"`
	LastUpdateStatusReasonCode string `json:",omitempty"`

	SigningProfileVersionArn string `json:",omitempty"`
	SigningJobArn            string `json:",omitempty"`
}

// show is the current state of v, under the ARN that the caller asked with.
func (f *function) show(v *version, qualifier string) functionConfiguration {
	return functionConfiguration{
		FunctionName: f.Name,
		FunctionArn:  f.arn(qualifier),
		config:       v.Config,
		CodeSize:     v.Code.Size,
		CodeSha256:   v.Code.Sha256,
		LastModified: v.Modified.UTC().Format(modifiedFormat),
		Version:      v.Version,
		RevisionId:   v.RevisionID,

		State:                      v.Life.State,
		StateReason:                v.Life.StateReason,
		StateReasonCode:            v.Life.StateReasonCode,
		LastUpdateStatus:           v.Life.LastUpdateStatus,
		LastUpdateStatusReason:     v.Life.LastUpdateStatusReason,
		LastUpdateStatusReasonCode: v.Life.LastUpdateStatusReasonCode,
	}
}

// shownAt is v as it is at a time, of a function that view gave.
func (f *function) shownAt(v *version, qualifier string, now time.Time) functionConfiguration {
	settled := *v
	settled.settle(now)
	return f.show(&settled, qualifier)
}

// listed is a version as lists show it: without states and runtime version
// (TestLambdaFunction::test_list_functions).
func (f *function) listed(v *version, qualifier string, now time.Time) functionConfiguration {
	c := f.shownAt(v, qualifier, now)
	c.State, c.StateReason, c.StateReasonCode = "", "", ""
	c.LastUpdateStatus, c.LastUpdateStatusReason, c.LastUpdateStatusReasonCode = "", "", ""
	c.RuntimeVersionConfig = nil
	return c
}
