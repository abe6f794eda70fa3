package awsfacts

import "time"

// The rates that Lambda's control plane accepts of one account in one Region, in
// calls a second; none can be raised
// (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html, "API
// requests"). Invoke has quotas of its own.
const (
	ControlPlaneRate = 15
	GetPolicyRate    = 15
	GetFunctionRate  = 100
)

// MinUnreserved is what must stay unreserved of an account's concurrency
// (https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html).
const MinUnreserved = 100

// Sizes and lengths that AWS accepts.
const (
	// InlineZip is the largest zip, in bytes, that a call to Lambda carries.
	InlineZip = 50 << 20
	// DescriptionUnits is the length of a function's or version's description.
	DescriptionUnits = 256
	// EnvironmentBytes is the size of all environment variables of a function.
	EnvironmentBytes = 4096
)

// The durations of a role's session
// (https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html): a
// role that is assumed by a role gets an hour at most, whatever it allows.
const (
	MinRoleSession     = 15 * time.Minute
	MaxRoleSession     = 12 * time.Hour
	MaxChainedSession  = time.Hour
	MinSessionNameSize = 2
	MaxSessionNameSize = 64
)

// ClockTolerance is how far the clock of a caller may be off before AWS refuses
// its signatures
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html).
const ClockTolerance = 5 * time.Minute
