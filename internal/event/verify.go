package event

// VerifyBegan is emitted before a new version is invoked. No alias points to it
// then.
type VerifyBegan struct {
	Function, Version string
	// Cases is how many invocations follow.
	Cases int
}

// CaseVerified is emitted when an invocation of a new version ended as expected.
type CaseVerified struct {
	Case, Version string
	// Usage is the duration and the memory, for the user.
	Usage string
}

// CaseFailed is emitted when an invocation of a new version did not end as
// expected. Neither Problems nor Log holds a value of the environment.
type CaseFailed struct {
	Case, Version string
	// Problems has one line for each difference.
	Problems []string
	// Log is the end of the invocation's log; "" where there is none.
	Log string
}

// CaseCompared is emitted when a new version answered as the old one did. The
// usages are those of a second invocation of each.
type CaseCompared struct {
	Case, Version, Old string
	Usage, OldUsage    string
}

func (VerifyBegan) sealed()  {}
func (CaseVerified) sealed() {}
func (CaseFailed) sealed()   {}
func (CaseCompared) sealed() {}
