package definition

// LatestPublished is the version of a function on managed instances that callers
// without a qualifier reach
// (https://docs.aws.amazon.com/lambda/latest/dg/lambda-managed-instances-version-publishing.html).
const LatestPublished = "$LATEST.PUBLISHED"

// Observed is what GetFunction shows of $LATEST or of one published version
// (https://docs.aws.amazon.com/lambda/latest/api/API_GetFunction.html).
type Observed struct {
	Function
	Arn     string
	Version string
	// RevisionId is a precondition for the next call and never an identity: AWS
	// moves it at the end of an update, on tags and on permissions too.
	RevisionId string
	State      Status
	Update     Status
	CodeSha256 string
	CodeSize   int64
	// CodeLocation is a URL, good for ten minutes, that downloads the zip.
	CodeLocation string
	// ResolvedImageUri names the image by digest.
	ResolvedImageUri string
	// ResolvedS3Object is set where the code is a reference to an object.
	ResolvedS3Object *Code
	// SourceKMSKeyArn must be sent again with every code update.
	SourceKMSKeyArn string
	// Reserved is the function's reserved concurrency; nil where it has none.
	Reserved *int32
	// Unreadable names what AWS would not show (no kms:Decrypt, say) with its
	// reason: a state with a hole in it cannot be restored from.
	Unreadable []Unreadable
}

// Status is a state of AWS with its reason: State with StateReason and
// StateReasonCode, or LastUpdateStatus with its own.
type Status struct {
	Value, Reason, Code string
}

// Unreadable is a field that GetFunction could not show.
type Unreadable struct {
	Field, Reason string
}

// ObservedAlias is what GetAlias shows.
type ObservedAlias struct {
	Alias
	Arn        string
	RevisionId string
}

// Settled reports whether no update of the function is under way.
func (o *Observed) Settled() bool {
	return o.State.Value != "Pending" && o.Update.Value != "InProgress"
}

// Failed reports whether creating or updating the function failed, with AWS's
// reason.
func (o *Observed) Failed() (Status, bool) {
	switch {
	case o.State.Value == "Failed":
		return o.State, true
	case o.Update.Value == "Failed":
		return o.Update, true
	}
	return Status{}, false
}
