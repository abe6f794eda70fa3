package definition

import (
	"reflect"

	"github.com/lambda-rollout/lambda-rollout/internal/lazyregexp"
)

// settingField is a setting of a document: the field as the document spells it,
// and what one entry of it is decoded into.
type settingField struct {
	field
	setting SettingKind
	// entry makes the struct for one entry: nil for a setting that is one value.
	entry func() reflect.Value
}

var aliasOrVersion = field{
	name: "Qualifier", kind: text, min: 1, max: 128,
	pattern: lazyregexp.New(`^([a-zA-Z0-9-_]+)$`), form: "an alias or a version",
	doc: "The alias or version that it belongs to; without one it is the function itself, which is $LATEST.",
}

var aliasOnly = field{
	name: "Qualifier", kind: text, min: 1, max: 128,
	pattern: lazyregexp.New(`^[a-zA-Z0-9-_]*[a-zA-Z_-][a-zA-Z0-9-_]*$`), form: "the name of an alias",
	doc: "The alias that it belongs to; without one it is the function itself, which is $LATEST.",
}

var provisionedAlias = field{
	name: "Qualifier", kind: text, required: true, min: 1, max: 128, pattern: aliasOnly.pattern, form: aliasOnly.form,
	doc: "The alias whose version is kept ready.",
}

var destination = []field{{
	name: "Destination", kind: text, max: 350, pattern: arnOrNothing, form: "the ARN of a queue, topic, bus, bucket or function",
	doc: "The ARN of a queue, topic, event bus, bucket or function.",
}}

// The rules are those of the calls that set each of them
// (https://docs.aws.amazon.com/lambda/latest/api/API_Operations.html).
var settingsFields = []settingField{
	{
		field: field{
			name: "FunctionUrl", kind: objects, members: urlFields, oneOrMore: true,
			doc: "The function's own HTTPS address: one, or a list of one for each alias. null deletes it, and a new one gets a different address.",
		},
		setting: FunctionURLSetting, entry: entryOf[urlEntry],
	},
	{
		field: field{
			name: "Permissions", kind: objects, members: permissionFields,
			doc: "Who may invoke the function: statements of its resource policy, identified by their Sid; other statements are not changed. A list, or a map by Sid, where null removes a statement.",
		},
		setting: PermissionSetting, entry: entryOf[permissionEntry],
	},
	{
		field: field{
			name: "ReservedConcurrency", kind: integer, unit: "invocations", max: 1_000_000,
			doc: "How many invocations may run at once, reserved for this function alone; 0 switches it off, null removes the limit.",
		},
		setting: ReservedConcurrencySetting,
	},
	{
		field: field{
			name: "ProvisionedConcurrency", kind: objects, oneOrMore: true,
			members: []field{provisionedAlias, {
				name: "ProvisionedConcurrentExecutions", kind: integer, unit: "environments", required: true, min: 1, max: 1_000_000,
				doc: "How many environments are kept ready.",
			}, {
				name: "OnVersion", kind: boolean,
				doc: "true: on the version that the alias points to. A new version has its own before it gets any traffic, and those of the old one are released once all of the traffic has moved. false: on the alias, and AWS moves them after it.",
			}},
			doc: "Environments that are kept ready for an alias, or for the version that it points to. null releases them.",
		},
		setting: ProvisionedConcurrencySetting, entry: entryOf[provisionedEntry],
	},
	{
		field: field{
			name: "EventInvokeConfig", kind: objects, oneOrMore: true,
			members: []field{aliasOrVersion, {
				name: "MaximumEventAgeInSeconds", kind: integer, unit: "seconds", min: 60, max: 21_600, defaultValue: int32(21_600),
				doc: "How long an event may wait, in seconds.",
			}, {
				name: "MaximumRetryAttempts", kind: integer, unit: "attempts", max: 2, defaultValue: int32(2),
				doc: "How often an event that failed is retried.",
			}, {
				name: "DestinationConfig", kind: object, doc: "Where records of invocations are sent.",
				members: []field{
					{name: "OnSuccess", kind: object, members: destination, doc: "Where the records of successes go."},
					{name: "OnFailure", kind: object, members: destination, doc: "Where the records of failures go."},
				},
			}},
			doc: "How asynchronous invocations are handled: one, or a list of one for each alias. Members that it does not name get AWS's defaults; null removes all of it.",
		},
		setting: EventInvokeSetting, entry: entryOf[eventInvokeEntry],
	},
	{
		field: field{
			name: "RecursiveLoop", kind: text, enum: []string{"Allow", "Terminate"}, defaultValue: "Terminate",
			doc: "What AWS does about a function that invokes itself in a loop through other services.",
		},
		setting: RecursiveLoopSetting,
	},
	{
		field: field{
			name: "RuntimeManagement", kind: objects, oneOrMore: true, max: 1,
			members: []field{{
				name: "UpdateRuntimeOn", kind: text, required: true, enum: []string{"Auto", "FunctionUpdate", "Manual"}, defaultValue: "Auto",
				doc: "When AWS applies a new version of the runtime.",
			}, {
				name: "RuntimeVersionArn", kind: text, max: 2048, pattern: arnOrNothing, form: "the ARN of a runtime's version",
				doc: "The version of the runtime, with Manual.",
			}},
			doc: "When $LATEST gets a new version of its runtime. null is Auto.",
		},
		setting: RuntimeManagementSetting, entry: entryOf[runtimeEntry],
	},
	{
		field: field{
			name: "ScalingConfig", kind: objects, oneOrMore: true,
			members: []field{{
				name: "Qualifier", kind: text, required: true, min: 1, max: 128,
				pattern: lazyregexp.New(`^(\$LATEST\.PUBLISHED|[a-zA-Z0-9-_]+)$`), form: "$LATEST.PUBLISHED or a version",
				doc: "$LATEST.PUBLISHED or a version.",
			}, {
				name: "MinExecutionEnvironments", kind: integer, unit: "environments", max: 15_000, doc: "The fewest environments.",
			}, {
				name: "MaxExecutionEnvironments", kind: integer, unit: "environments", max: 15_000, doc: "The most environments.",
			}},
			doc: "Bounds for the environments of a function on managed instances.",
		},
		setting: ScalingSetting, entry: entryOf[scalingEntry],
	},
}

var corsFields = []field{
	{name: "AllowCredentials", kind: boolean, doc: "Whether cookies and other credentials may be sent."},
	{name: "AllowHeaders", kind: list, max: 100, items: &field{kind: text, max: 1024}, doc: "Headers that requests may have."},
	{name: "AllowMethods", kind: list, max: 6, items: &field{kind: text, max: 6, refused: preflightMethod}, doc: "HTTP methods, or *."},
	{name: "AllowOrigins", kind: list, max: 100, items: &field{kind: text, min: 1, max: 253}, doc: "Origins that may call the URL, or *."},
	{name: "ExposeHeaders", kind: list, max: 100, items: &field{kind: text, max: 1024}, doc: "Headers of answers that pages may read."},
	{name: "MaxAge", kind: integer, unit: "seconds", max: 86_400, doc: "How long browsers keep the answer to a preflight, in seconds."},
}

// preflightMethod is longer than the six characters that a method may have
// (https://docs.aws.amazon.com/lambda/latest/api/API_Cors.html).
var preflightMethod = map[string]string{"OPTIONS": "remove it: where cors is set, Lambda answers the browser's preflight itself"}

var urlFields = []field{
	aliasOnly,
	{
		name: "AuthType", kind: text, required: true, enum: []string{"NONE", "AWS_IAM"},
		doc: "AWS_IAM: only callers with a permission and a signature; NONE: whoever the policy lets in, without one.",
	},
	{
		name: "InvokeMode", kind: text, enum: []string{"BUFFERED", "RESPONSE_STREAM"}, defaultValue: "BUFFERED",
		doc: "BUFFERED: the answer is sent when it is complete; RESPONSE_STREAM: as it is made.",
	},
	{name: "Cors", kind: object, members: corsFields, doc: "Which web pages of other origins may call it."},
}

var permissionFields = []field{
	{
		name: "Sid", kind: text, min: 1, max: 100, pattern: lazyregexp.New(`^[a-zA-Z0-9-_]+$`), form: "letters, digits, - and _",
		doc: "The statement's name. Without one the statement gets a generated name, and is removed once it is no longer in the document.",
	},
	{
		name: "StatementId", kind: text, min: 1, max: 100, pattern: lazyregexp.New(`^[a-zA-Z0-9-_]+$`), form: "letters, digits, - and _",
		doc: "The same as sid.",
	},
	aliasOrVersion,
	{
		name: "Action", kind: text, required: true, pattern: lazyregexp.New(`^(lambda:[*]|lambda:[a-zA-Z]+|[*])$`), form: "an action of Lambda: lambda:InvokeFunction",
		doc: "What is allowed: lambda:InvokeFunction.",
	},
	{name: "Principal", kind: text, required: true, min: 1, max: 2048, doc: "Who may: a service (events.amazonaws.com), an account, an ARN, or *."},
	{name: "SourceArn", kind: text, max: 2048, pattern: arnOrNothing, form: "an ARN", doc: "For which resource a service may; * matches."},
	{name: "SourceAccount", kind: text, pattern: lazyregexp.New(`^\d{12}$`), form: "an account's 12 digits", doc: "The account that must own the resource."},
	{name: "EventSourceToken", kind: text, max: 256, doc: "For Alexa: the skill's ID."},
	{name: "PrincipalOrgID", camel: "principalOrgId", kind: text, max: 34, doc: "The organization that callers must belong to."},
	{name: "FunctionUrlAuthType", kind: text, enum: []string{"NONE", "AWS_IAM"}, doc: "The AuthType that the function URL must have."},
	{name: "InvokedViaFunctionUrl", kind: boolean, doc: "true: only through the function URL."},
}

// Entries of a document: a value with what it belongs to.
type (
	urlEntry struct {
		Qualifier string
		FunctionURL
	}
	permissionEntry struct {
		Sid, StatementId, Qualifier string
		Permission
	}
	provisionedEntry struct {
		Qualifier string
		ProvisionedConcurrency
	}
	eventInvokeEntry struct {
		Qualifier string
		EventInvoke
	}
	runtimeEntry struct{ RuntimeManagement }
	scalingEntry struct {
		Qualifier string
		Scaling
	}
)

func entryOf[T any]() reflect.Value { return reflect.New(reflect.TypeFor[T]()).Elem() }

// setting is what an entry sets.
func settingOfEntry(entry any) Setting {
	switch e := entry.(type) {
	case urlEntry:
		return Setting{SettingKey{FunctionURLSetting, e.Qualifier, ""}, e.FunctionURL}
	case permissionEntry:
		sid := e.Sid
		if sid == "" {
			sid = e.StatementId
		}
		if sid == "" {
			sid = sidOf(e.Permission)
		}
		return Setting{SettingKey{PermissionSetting, e.Qualifier, sid}, e.Permission}
	case provisionedEntry:
		return Setting{SettingKey{ProvisionedConcurrencySetting, e.Qualifier, ""}, e.ProvisionedConcurrency}
	case eventInvokeEntry:
		return Setting{SettingKey{EventInvokeSetting, e.Qualifier, ""}, e.EventInvoke}
	case runtimeEntry:
		return Setting{SettingKey{Kind: RuntimeManagementSetting}, e.RuntimeManagement}
	case scalingEntry:
		return Setting{SettingKey{ScalingSetting, e.Qualifier, ""}, e.Scaling}
	}
	panic("definition: no setting of such an entry")
}
