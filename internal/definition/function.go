// Package definition holds the shape of a Lambda function and its aliases as
// a deployment wants it, as AWS shows it, and as a snapshot remembers it: one
// type for all three, so that "what differs" is asked in one place.
//
// A field that is nil was not named. A field that is named but empty (an empty
// list, an empty map, a pointer to "") clears the value in AWS.
//
// One table, functionFields, says of each field how it is spelled, what it may
// be, which call carries it and what AWS makes of it where nobody names it.
// Decoding, validation, the canonical form, the diff, the prediction of an
// update, rendering and the JSON Schema all read that table; what a rule needs
// more than one field for is in cross.go and canonical.go.
//
// The package promises that a definition is read whole or not at all, that all
// its problems come at once and at their places, that what AWS fills in is no
// difference, and that no value of the environment leaves it in a problem, a
// change or a fingerprint. It does no I/O, asks no clock, and imports nothing of
// the AWS SDK; internal/lambdaapi alone turns these types into the SDK's and
// back.
//
// Sources: https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html,
// https://docs.aws.amazon.com/lambda/latest/api/API_UpdateFunctionConfiguration.html
// and what the service was seen to answer.
package definition

// Function is the shape of Lambda's CreateFunction request
// (https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html).
// Field names are AWS's; units are AWS's: Timeout in seconds, MemorySize and
// EphemeralStorage.Size in MiB.
type Function struct {
	FunctionName           string
	Description            *string
	Role                   *string
	Runtime                *string
	Handler                *string
	Timeout                *int32
	MemorySize             *int32
	PackageType            *string
	Architectures          []string
	Environment            *Environment
	VpcConfig              *VpcConfig
	DeadLetterConfig       *DeadLetterConfig
	KMSKeyArn              *string
	TracingConfig          *TracingConfig
	Layers                 []string
	FileSystemConfigs      []FileSystemConfig
	ImageConfig            *ImageConfig
	EphemeralStorage       *EphemeralStorage
	SnapStart              *SnapStart
	LoggingConfig          *LoggingConfig
	DurableConfig          *DurableConfig
	CapacityProviderConfig *CapacityProviderConfig
	TenancyConfig          *TenancyConfig
	CodeSigningConfigArn   *string
	Tags                   map[string]string
	Publish                *bool
	PublishTo              *string
	Code                   *Code
}

// Environment holds the function's variables. Their values are secrets until
// proven otherwise: no log, diff, journal or summary shows them.
type Environment struct {
	Variables map[string]string
}

// VpcConfig places the function in a VPC; empty lists take it out again.
type VpcConfig struct {
	SubnetIds               []string
	SecurityGroupIds        []string
	Ipv6AllowedForDualStack *bool
}

// DeadLetterConfig names the queue or topic for failed asynchronous events; an
// empty TargetArn removes it.
type DeadLetterConfig struct {
	TargetArn *string
}

// TracingConfig switches X-Ray: Active or PassThrough.
type TracingConfig struct {
	Mode *string
}

// FileSystemConfig mounts a file system below /mnt.
type FileSystemConfig struct {
	Arn            *string
	LocalMountPath *string
	S3FilesConfig  *S3FilesConfig
}

// S3FilesConfig sets how an S3 file system is read.
type S3FilesConfig struct {
	DirectS3Read *string
}

// ImageConfig overrides the container image's own settings; it is replaced as
// a whole on update.
type ImageConfig struct {
	Command          []string
	EntryPoint       []string
	WorkingDirectory *string
}

// EphemeralStorage is the size of /tmp in MiB.
type EphemeralStorage struct {
	Size *int32
}

// SnapStart is PublishedVersions or None.
type SnapStart struct {
	ApplyOn *string
}

// LoggingConfig is merged by AWS on update: a nil field keeps its value.
type LoggingConfig struct {
	ApplicationLogLevel *string
	LogFormat           *string
	LogGroup            *string
	SystemLogLevel      *string
}

// DurableConfig makes a function durable; it cannot be added to or removed
// from a function that exists.
type DurableConfig struct {
	ExecutionTimeout      *int32
	RetentionPeriodInDays *int32
	KMSKeyArn             *string
}

// CapacityProviderConfig runs the function on managed instances; it cannot be
// added to or removed from a function that exists.
type CapacityProviderConfig struct {
	LambdaManagedInstancesCapacityProviderConfig *LambdaManagedInstancesCapacityProviderConfig
}

// LambdaManagedInstancesCapacityProviderConfig names the capacity provider.
type LambdaManagedInstancesCapacityProviderConfig struct {
	CapacityProviderArn                   *string
	ExecutionEnvironmentMemoryGiBPerVCpu  *float64
	PerExecutionEnvironmentMaxConcurrency *int32
}

// TenancyConfig isolates tenants; it is immutable.
type TenancyConfig struct {
	TenantIsolationMode *string
}

// Code is where a function's code comes from: exactly one of ZipPath, S3Bucket
// with S3Key, and ImageUri is set once an artifact was resolved.
type Code struct {
	// ZipPath is a zip file on this machine, sent inline.
	ZipPath             string
	S3Bucket            string
	S3Key               string
	S3ObjectVersion     string
	S3ObjectStorageMode string
	// ImageUri names an ECR image, by digest once resolved.
	ImageUri        string
	SourceKMSKeyArn string
	// Sha256 is what AWS will show as CodeSha256: base64 of the zip's SHA-256,
	// or the hex of the image's digest. It is never sent.
	Sha256 string
	// Size is the zip's size in bytes, 0 where it is not known.
	Size int64
}

// Alias is a name for a published version
// (https://docs.aws.amazon.com/lambda/latest/api/API_CreateAlias.html).
// Definitions name and describe it; Version and Weights are what AWS shows and
// what a plan sets.
type Alias struct {
	Name        string
	Description *string
	// Version is the version that the alias points to: digits or $LATEST.
	Version string
	// Weights sends part of the traffic (0.0 to 1.0) to another version.
	Weights map[string]float64
}
