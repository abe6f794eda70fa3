package lambda

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
)

// maxConfiguration bounds the body of UpdateFunctionConfiguration (Lambda API
// reference: the request may have 5,120 bytes).
const maxConfiguration = 5120

// The longest timeouts, in seconds, of a function and of one on managed instances
// ("Lambda quotas"). AWS answers to longer ones with a ValidationException, as a
// failed stack of CloudFormation shows it (covidatlas/li, pull request 575).
const (
	maxTimeout        = 900
	maxManagedTimeout = 5400
)

var (
	rolePattern    = newPattern(`arn:(aws[a-zA-Z-]*)?:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+`)
	handlerPattern = newPattern(`[^\s]+`)
	envKeyPattern  = newPattern(`[a-zA-Z]([a-zA-Z0-9_])+`)
	subnetPattern  = newPattern(`subnet-[0-9a-z]*`)
	groupPattern   = newPattern(`sg-[0-9a-zA-Z]*`)
	mountPattern   = newPattern(`^/mnt/[a-zA-Z0-9-_.]+$`)
	logPattern     = newPattern(`[\.\-_/#A-Za-z0-9]+`)
	kmsPattern     = newPattern(`(arn:(aws[a-zA-Z-]*)?:[a-z0-9-.]+:.*)|()`)
)

// shownRuntimes is the list of the message in
// TestLambdaFunction::test_create_lambda_exceptions; the order is AWS's.
const shownRuntimes = "nodejs20.x, python3.14, provided.al2023, python3.12, python3.13, nodejs24.x, nodejs22.x, java25, python3.10, python3.11, java21, ruby3.3, ruby3.4, ruby3.2, python3.8, python3.9, java17, nodejs16.x, dotnet10, dotnet8, java11, dotnet6, nodejs18.x, provided.al2, java8.al2"

// reservedKeys cannot be set as environment variables (developer guide,
// "Defined runtime environment variables").
var reservedKeys = []string{"_HANDLER", "_X_AMZN_TRACE_ID", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_EXECUTION_ENV",
	"AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_VERSION",
	"AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME",
	"AWS_LAMBDA_RUNTIME_API", "AWS_LAMBDA_MAX_CONCURRENCY", "AWS_LAMBDA_METADATA_API", "AWS_LAMBDA_METADATA_TOKEN",
	"AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
	"LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR"}

// constrain collects the breaches of the API model's constraints, which the
// service reports together as a ValidationException.
func (in *configInput) constrain(f *violations) {
	if in.Role != nil {
		f.pattern("role", *in.Role, rolePattern)
	}
	if in.Handler != nil && *in.Handler != "" {
		f.length("handler", *in.Handler, 128)
		f.pattern("handler", *in.Handler, handlerPattern)
	}
	if in.Description != nil {
		f.length("description", *in.Description, 256)
	}
	longest := maxTimeout
	if in.CapacityProviderConfig != nil {
		longest = maxManagedTimeout
	}
	f.between("timeout", in.Timeout, 1, longest)
	f.between("memorySize", in.MemorySize, 128, 32768)
	if in.EphemeralStorage != nil {
		f.between("ephemeralStorage.size", &in.EphemeralStorage.Size, 512, 10240)
	}
	if in.VpcConfig != nil {
		in.VpcConfig.constrain(f)
	}
	if in.Environment != nil {
		constrainEnvironment(f, in.Environment.Variables)
	}
	if in.FileSystemConfigs != nil {
		for i, fs := range *in.FileSystemConfigs {
			f.pattern("fileSystemConfigs."+strconv.Itoa(i+1)+".member.localMountPath", fs.LocalMountPath, mountPattern)
		}
	}
	if in.TracingConfig != nil {
		f.enum("tracingConfig.mode", in.TracingConfig.Mode, "Active", "PassThrough")
	}
	if in.SnapStart != nil {
		f.enum("snapStart.applyOn", in.SnapStart.ApplyOn, snapStartPublished, "None")
	}
	if in.KMSKeyArn != nil {
		f.pattern("kMSKeyArn", *in.KMSKeyArn, kmsPattern)
	}
	if l := in.LoggingConfig; l != nil {
		f.enum("loggingConfig.logFormat", l.LogFormat, "", "JSON", "Text")
		f.enum("loggingConfig.applicationLogLevel", l.ApplicationLogLevel, "", "DEBUG", "ERROR", "FATAL", "INFO", "TRACE", "WARN")
		f.enum("loggingConfig.systemLogLevel", l.SystemLogLevel, "", "DEBUG", "INFO", "WARN")
		if l.LogGroup != "" {
			f.length("loggingConfig.logGroup", l.LogGroup, 512)
			f.pattern("loggingConfig.logGroup", l.LogGroup, logPattern)
		}
	}
}

func (f *violations) between(field string, value *int, low, high int) {
	if value == nil {
		return
	}
	if *value < low {
		f.add(field, strconv.Itoa(*value), "Member must have value greater than or equal to "+strconv.Itoa(low))
	}
	if high > 0 && *value > high {
		f.add(field, strconv.Itoa(*value), "Member must have value less than or equal to "+strconv.Itoa(high))
	}
}

func (f *violations) enum(field, value string, allowed ...string) {
	if !slices.Contains(allowed, value) {
		f.add(field, value, "Member must satisfy enum value set: ["+strings.TrimPrefix(strings.Join(allowed, ", "), ", ")+"]")
	}
}

// constrain words its violations as TestLambdaFunction::test_invalid_vpc_config_subnet
// and its sister do.
func (in *vpcInput) constrain(f *violations) {
	if len(in.SubnetIds) > 16 {
		f.add("vpcConfig.subnetIds", list(in.SubnetIds), "Member must have length less than or equal to 16")
	}
	if len(in.SecurityGroupIds) > 5 {
		f.add("vpcConfig.securityGroupIds", list(in.SecurityGroupIds), "Member must have length less than or equal to 5")
	}
	each := func(field string, ids []string, p pattern) {
		if slices.ContainsFunc(ids, func(id string) bool { return !p.matches(id) }) {
			f.add(field, list(ids), "Member must satisfy constraint: [Member must have length less than or equal to 1024, "+
				"Member must have length greater than or equal to 0, Member must satisfy regular expression pattern: "+p.shown+"]")
		}
	}
	each("vpcConfig.subnetIds", in.SubnetIds, subnetPattern)
	each("vpcConfig.securityGroupIds", in.SecurityGroupIds, groupPattern)
}

func list(items []string) string { return "[" + strings.Join(items, ", ") + "]" }

func constrainEnvironment(f *violations, variables map[string]string) {
	for key := range variables {
		if !envKeyPattern.matches(key) && !slices.Contains(reservedKeys, key) {
			f.add("environment.variables", "{"+key+"=***}", "Map keys must satisfy constraint: "+
				"[Member must satisfy regular expression pattern: [a-zA-Z]([a-zA-Z0-9_])+]")
		}
	}
}

// constrainArchitectures words its violations as
// TestLambdaFunction::test_create_lambda_exceptions does.
func constrainArchitectures(f *violations, architectures []string) {
	if len(architectures) > 1 {
		f.add("architectures", list(architectures), "Member must have length less than or equal to 1")
	}
	if slices.ContainsFunc(architectures, func(a string) bool { return a != "x86_64" && a != "arm64" }) {
		f.add("architectures", list(architectures),
			"Member must satisfy constraint: [Member must satisfy enum value set: [x86_64, arm64], Member must not be null]")
	}
}

// check refuses what the service itself refuses, one fault at a time.
func (in *configInput) check() error {
	if in.MemorySize != nil && *in.MemorySize > 10240 && in.CapacityProviderConfig == nil {
		return invalid("'MemorySize' value failed to satisfy constraint: Member must have value less than or equal to 10240")
	}
	if in.Layers != nil && len(*in.Layers) > 5 {
		return invalid("Cannot reference more than 5 layers.")
	}
	if in.FileSystemConfigs != nil && len(*in.FileSystemConfigs) > 1 {
		return invalid("Only one file system can be attached to a function.")
	}
	if err := in.checkSnapStart(); err != nil {
		return err
	}
	if in.Environment != nil {
		return in.Environment.check()
	}
	return nil
}

// check refuses reserved keys, and measures the compact JSON of the variables
// (TestLambdaSizeLimits::test_large_environment_variables_fails).
func (e *environment) check() error {
	var reserved []string
	for key := range e.Variables {
		if slices.Contains(reservedKeys, key) {
			reserved = append(reserved, key)
		}
	}
	if len(reserved) > 0 {
		slices.Sort(reserved)
		return invalid("Lambda was unable to configure your environment variables because the environment variables you have provided contains reserved keys that are currently not supported for modification. Reserved keys used in this request: " +
			strings.Join(reserved, ", "))
	}
	measured, err := compactJSON(e.Variables)
	if err != nil || len(measured) <= 4096 {
		return err
	}
	var given bytes.Buffer
	if err := json.Compact(&given, e.given); err != nil {
		return err
	}
	return invalid("Lambda was unable to configure your environment variables because the environment variables you have provided exceeded the 4KB limit. String measured: " + given.String())
}

func compactJSON(v any) (string, error) {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return "", err
	}
	return strings.TrimSuffix(b.String(), "\n"), nil
}

// hasSnapStart reports which runtimes have SnapStart (developer guide, "Improving startup
// performance with Lambda SnapStart").
func hasSnapStart(runtime string) bool {
	switch runtime {
	case "java11", "java17", "java21", "java25", "python3.12", "python3.13", "python3.14", "dotnet8", "dotnet10":
		return true
	}
	return false
}

func (in *configInput) checkSnapStart() error {
	if in.SnapStart == nil || in.SnapStart.ApplyOn != snapStartPublished || in.Runtime == nil || hasSnapStart(*in.Runtime) {
		return nil
	}
	return invalid(*in.Runtime + " is not supported for SnapStart enabled functions.")
}
