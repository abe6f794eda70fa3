package definition

import "github.com/lambda-rollout/lambda-rollout/internal/lazyregexp"

// The rules are those of AWS's reference of CreateFunction and of the types it
// names (https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html).
var functionFields = []field{
	{
		name: "FunctionName", kind: text, call: byNobody, required: true, min: 1, max: 140,
		doc: "The function's name (up to 64 characters), its ARN, or account:function:name. The Region of an ARN is where it is deployed.",
	},
	{
		name: "Description", kind: text, max: 256, defaultValue: "", freeText: true,
		doc: "What the function is for.",
	},
	{
		name: "Role", kind: text, min: 1, max: 10_000,
		pattern: lazyregexp.New(`^arn:(aws[a-zA-Z-]*)?:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+$`),
		form:    "the ARN of a role: arn:aws:iam::123456789012:role/name",
		doc:     "The ARN of the execution role that the function's code runs as. A new function needs one.",
	},
	{
		name: "Runtime", kind: text, enum: runtimeNames(), open: true,
		doc: "The language runtime of a zip function; a container image brings its own.",
	},
	{
		name: "Handler", kind: text, min: 1, max: 128,
		pattern: lazyregexp.New(`^\S+$`), form: "the name of a method, without spaces: file.function",
		doc: "The method that Lambda calls, as file.function; a container image brings its own.",
	},
	{
		name: "Timeout", kind: integer, unit: "seconds", min: 1, max: 900, managed: 5400, defaultValue: int32(3),
		doc: "How long one invocation may take, in seconds.",
	},
	{
		name: "MemorySize", kind: integer, unit: "MiB", min: 128, max: 10_240, managed: 32_768, defaultValue: int32(128),
		doc: "The memory of one invocation in MiB; CPU grows with it.",
	},
	{
		name: "PackageType", kind: text, call: byCreation, enum: []string{"Zip", "Image"}, defaultValue: "Zip",
		doc: "Zip or Image. It follows from the artifact and cannot change once the function exists.",
	},
	{
		name: "Architectures", kind: list, call: byCode, min: 1, max: 1, defaultValue: []string{"x86_64"},
		items: &field{kind: text, enum: []string{"x86_64", "arm64"}, synonyms: map[string]string{
			"amd64": "x86_64", "x64": "x86_64", "x86-64": "x86_64", "aarch64": "arm64", "arm64v8": "arm64", "graviton": "arm64",
		}},
		doc: "The instruction set, exactly one: x86_64 or arm64. It changes together with the code.",
	},
	{
		name: "Environment", kind: object, defaultValue: empty{},
		doc: "The environment of the function's code. {} removes all variables.",
		members: []field{{
			name: "Variables", kind: stringMap, defaultValue: empty{},
			keys: &field{
				pattern: lazyregexp.New(`^[a-zA-Z][a-zA-Z0-9_]+$`),
				form:    "a letter, then one or more letters, digits or underscores",
			},
			items: &field{kind: text, freeText: true},
			doc:   "The variables by name; together at most 4096 bytes as compact JSON.",
		}},
	},
	{
		name: "VpcConfig", kind: object, defaultValue: empty{},
		doc: "The VPC that the function is connected to. {} takes it out.",
		members: []field{
			{
				name: "SubnetIds", kind: list, max: 16, defaultValue: empty{}, unordered: true,
				items: &field{kind: text, pattern: lazyregexp.New(`^subnet-[0-9a-z]+$`), form: "a subnet's ID: subnet-…"},
				doc:   "The subnets.",
			},
			{
				name: "SecurityGroupIds", kind: list, max: 5, defaultValue: empty{}, unordered: true,
				items: &field{kind: text, pattern: lazyregexp.New(`^sg-[0-9a-zA-Z]+$`), form: "a security group's ID: sg-…"},
				doc:   "The security groups.",
			},
			{
				name: "Ipv6AllowedForDualStack", kind: boolean, defaultValue: false,
				doc: "Whether IPv6 may leave through dual-stack subnets.",
			},
		},
	},
	{
		name: "DeadLetterConfig", kind: object, defaultValue: empty{},
		doc: "Where asynchronous events that the function could not handle are sent. {} removes it.",
		members: []field{{
			name: "TargetArn", kind: text, defaultValue: "", pattern: arnOrNothing, form: "the ARN of an SQS queue or SNS topic",
			doc: "The ARN of an SQS queue or an SNS topic.",
		}},
	},
	{
		name: "KMSKeyArn", camel: "kmsKeyArn", kind: text, max: 10_000, defaultValue: "", pattern: arnOrNothing, form: "the ARN of a KMS key",
		doc: "The KMS key that encrypts the environment and SnapStart's snapshots.",
	},
	{
		name: "TracingConfig", kind: object, defaultValue: empty{},
		doc: "Tracing with X-Ray.",
		members: []field{{
			name: "Mode", kind: text, enum: []string{"Active", "PassThrough"}, defaultValue: "PassThrough",
			doc: "Active samples requests; PassThrough follows the caller.",
		}},
	},
	{
		name: "Layers", kind: list, max: 5, defaultValue: empty{},
		items: &field{
			kind: text, max: 2048,
			pattern: lazyregexp.New(`^arn:[a-zA-Z0-9-]+:lambda:([a-zA-Z0-9-]+:\d{12}:layer:[a-zA-Z0-9-_]+:[0-9]+|::awslayer:[a-zA-Z0-9-_]+)$`),
			form:    "the ARN of a layer's version: arn:aws:lambda:us-east-1:123456789012:layer:name:1",
		},
		doc: "The ARNs of layer versions, in the order in which they are applied. [] removes them.",
	},
	{
		name: "FileSystemConfigs", kind: objects, max: 1, defaultValue: empty{},
		doc: "The file system that the function mounts. [] removes it.",
		members: []field{
			{
				name: "Arn", kind: text, required: true, max: 256, pattern: arn, form: "the ARN of an access point",
				doc: "The ARN of an EFS or S3 Files access point.",
			},
			{
				name: "LocalMountPath", kind: text, required: true, max: 160,
				pattern: lazyregexp.New(`^/mnt/[a-zA-Z0-9-_.]+$`), form: "a folder below /mnt/",
				doc: "Where it is mounted: /mnt/name.",
			},
			{
				name: "S3FilesConfig", kind: object,
				doc: "How an S3 file system is read.",
				members: []field{{
					name: "DirectS3Read", kind: text, enum: []string{"AUTO", "ENABLED", "DISABLED"}, defaultValue: "AUTO",
					doc: "Whether reads go straight to the bucket; AUTO does so with 512 MiB of memory or more.",
				}},
			},
		},
	},
	{
		name: "ImageConfig", kind: object, defaultValue: empty{}, replacedWhole: true,
		doc: "What overrides the container image's own settings, replaced as a whole. {} removes all overrides.",
		members: []field{
			{name: "Command", kind: list, max: 1500, items: &field{kind: text, freeText: true}, doc: "Overrides CMD."},
			{name: "EntryPoint", kind: list, max: 1500, items: &field{kind: text, freeText: true}, doc: "Overrides ENTRYPOINT."},
			{name: "WorkingDirectory", kind: text, max: 1000, doc: "Overrides WORKDIR."},
		},
	},
	{
		name: "EphemeralStorage", kind: object, defaultValue: empty{},
		doc: "The function's ephemeral storage.",
		members: []field{{
			name: "Size", kind: integer, unit: "MiB", min: 512, max: 10_240, defaultValue: int32(512),
			doc: "The size of /tmp in MiB.",
		}},
	},
	{
		name: "SnapStart", kind: object, defaultValue: empty{},
		doc: "Snapshots that shorten cold starts.",
		members: []field{{
			name: "ApplyOn", kind: text, enum: []string{"PublishedVersions", "None"}, open: true, defaultValue: "None",
			doc: "PublishedVersions takes a snapshot whenever a version is published; None takes none.",
		}},
	},
	{
		name: "LoggingConfig", kind: object, defaultValue: empty{},
		doc: "What is logged, and where. A member that is not named keeps its value.",
		members: []field{
			{
				name: "LogFormat", kind: text, enum: []string{"Text", "JSON"}, defaultValue: "Text",
				doc: "Text, or JSON with levels.",
			},
			{
				name: "ApplicationLogLevel", kind: text, enum: []string{"TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"},
				doc: "The least severe level of the function's own logs; needs the format JSON.",
			},
			{
				name: "SystemLogLevel", kind: text, enum: []string{"DEBUG", "INFO", "WARN"},
				doc: "The least severe level of Lambda's logs; needs the format JSON.",
			},
			{
				name: "LogGroup", kind: text, max: 512,
				pattern: lazyregexp.New(`^[.\-_/#A-Za-z0-9]*$`), form: "letters, digits and . - _ / #",
				doc: "The CloudWatch log group; \"\" is /aws/lambda/ with the function's name.",
			},
		},
	},
	{
		name: "DurableConfig", kind: object, presenceFixed: true,
		doc: "Makes the function durable. It cannot be added to or removed from an existing function.",
		members: []field{
			{
				name: "ExecutionTimeout", kind: integer, unit: "seconds", min: 1, max: 31_622_400,
				doc: "How long one durable execution may take, in seconds.",
			},
			{
				name: "RetentionPeriodInDays", kind: integer, unit: "days", min: 1, max: 90, defaultValue: int32(14),
				doc: "How many days the history of an execution is kept.",
			},
			{
				name: "KMSKeyArn", camel: "kmsKeyArn", kind: text, defaultValue: "", pattern: arnOrNothing, form: "the ARN of a KMS key",
				doc: "The KMS key that encrypts the executions' data.",
			},
		},
	},
	{
		name: "CapacityProviderConfig", kind: object, presenceFixed: true,
		doc: "Runs the function on managed instances. It cannot be added to or removed from an existing function.",
		members: []field{{
			name: "LambdaManagedInstancesCapacityProviderConfig", kind: object, required: true,
			doc: "The capacity provider and how it is used.",
			members: []field{
				{
					name: "CapacityProviderArn", kind: text, required: true, max: 140,
					pattern: lazyregexp.New(`^arn:aws[a-zA-Z-]*:lambda:[a-z0-9-]+:\d{12}:capacity-provider:[a-zA-Z0-9-_]+$`),
					form:    "the ARN of a capacity provider: arn:aws:lambda:us-east-1:123456789012:capacity-provider:name",
					doc:     "The ARN of the capacity provider.",
				},
				{
					name: "ExecutionEnvironmentMemoryGiBPerVCpu", kind: number, unit: "GiB", min: 2, max: 8,
					doc: "The memory for each vCPU in GiB.",
				},
				{
					name: "PerExecutionEnvironmentMaxConcurrency", kind: integer, unit: "invocations", min: 1, max: 1600,
					doc: "How many invocations one execution environment takes at once.",
				},
			},
		}},
	},
	{
		name: "TenancyConfig", kind: object, call: byCreation,
		doc: "Isolates tenants from each other. It cannot change once the function exists.",
		members: []field{{
			name: "TenantIsolationMode", kind: text, required: true, enum: []string{"PER_TENANT"}, open: true,
			doc: "PER_TENANT gives every tenant execution environments of its own.",
		}},
	},
	{
		name: "CodeSigningConfigArn", kind: text, call: byOwn, max: 200,
		pattern: lazyregexp.New(`^(arn:(aws[a-zA-Z-]*)?:lambda:[a-z0-9-]+:\d{12}:code-signing-config:csc-[a-z0-9]{17})?$`),
		form:    "the ARN of a code-signing configuration: arn:aws:lambda:us-east-1:123456789012:code-signing-config:csc-…",
		doc:     "The configuration that names who must have signed the code.",
	},
	{
		name: "Tags", kind: stringMap, call: byOwn, max: 50,
		keys: &field{
			min: 1, max: 128, pattern: tagText, form: "letters, digits, spaces and _ . : / = + - @",
		},
		items: &field{kind: text, max: 256, pattern: tagText, form: "letters, digits, spaces and _ . : / = + - @", freeText: true},
		doc:   "The function's tags, at most 50.",
	},
	{
		name: "Publish", kind: boolean, call: byNobody,
		doc: "Has no effect: every deployment publishes a version.",
	},
	{
		name: "PublishTo", kind: text, call: byNobody, enum: []string{"LATEST_PUBLISHED"}, open: true,
		doc: "Has no effect: every deployment publishes a version of its own number.",
	},
	{
		name: "Code", kind: object, call: byNobody,
		doc: "How the code is kept; the artifact says where it comes from.",
		members: []field{
			{
				name: "S3ObjectStorageMode", kind: text, enum: []string{"COPY", "REFERENCE"}, open: true,
				doc: "COPY keeps a copy of the zip in Lambda, REFERENCE reads it from its bucket.",
			},
			{
				name: "SourceKMSKeyArn", camel: "sourceKmsKeyArn", kind: text, pattern: arnOrNothing, form: "the ARN of a KMS key",
				doc: "The KMS key that encrypts the zip.",
			},
			{name: "ImageUri", kind: text, ignored: true, doc: noEffect},
			{name: "S3Bucket", kind: text, ignored: true, doc: noEffect},
			{name: "S3Key", kind: text, ignored: true, doc: noEffect},
			{name: "S3ObjectVersion", kind: text, ignored: true, doc: noEffect},
			{name: "ZipFile", kind: text, ignored: true, doc: noEffect},
		},
	},
}

const noEffect = "Has no effect: the artifact names the code."

// An alias' own rules
// (https://docs.aws.amazon.com/lambda/latest/api/API_CreateAlias.html).
var aliasFields = []field{
	{
		name: "Name", kind: text, required: true, min: 1, max: 128,
		pattern: lazyregexp.New(`^[a-zA-Z0-9-_]*[a-zA-Z_-][a-zA-Z0-9-_]*$`), form: "letters, digits, - and _, and not digits alone",
		doc: "The alias' name.",
	},
	{
		name: "Description", kind: text, max: 256, freeText: true,
		doc: "What the alias is for.",
	},
}

var (
	arn          = lazyregexp.New(`^arn:(aws[a-zA-Z-]*)?:[a-z0-9-.]+:.*$`)
	arnOrNothing = lazyregexp.New(`^(arn:(aws[a-zA-Z-]*)?:[a-z0-9-.]+:.*)?$`)
	tagText      = lazyregexp.New(`^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$`)
)
