package lambda

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// config is what UpdateFunctionConfiguration can change and what goes into a
// version, with AWS's names. A nil pointer is a field that GetFunction does not
// show; a field that was cleared is shown as AWS shows it.
type config struct {
	Runtime                string `json:",omitempty"`
	Role                   string
	Handler                string `json:",omitempty"`
	Description            string
	Timeout                int
	MemorySize             int
	VpcConfig              *vpcConfig        `json:",omitempty"`
	DeadLetterConfig       *deadLetterConfig `json:",omitempty"`
	Environment            *environment      `json:",omitempty"`
	KMSKeyArn              string            `json:",omitempty"`
	TracingConfig          tracingConfig
	Layers                 []layerUse         `json:",omitempty"`
	FileSystemConfigs      []fileSystemConfig `json:",omitempty"`
	PackageType            string
	ImageConfigResponse    *imageConfigResponse `json:",omitempty"`
	Architectures          []string
	EphemeralStorage       ephemeralStorage
	SnapStart              snapStart
	RuntimeVersionConfig   *runtimeVersionConfig `json:",omitempty"`
	LoggingConfig          loggingConfig
	TenancyConfig          *json.RawMessage `json:",omitempty"`
	CapacityProviderConfig *json.RawMessage `json:",omitempty"`
	DurableConfig          *durableConfig   `json:",omitempty"`
}

type vpcConfig struct {
	SubnetIds               []string
	SecurityGroupIds        []string
	VpcId                   string
	Ipv6AllowedForDualStack bool
}

type deadLetterConfig struct {
	TargetArn string `json:",omitempty"`
}

type environment struct {
	Variables map[string]string
	Error     *fieldError     `json:",omitempty"`
	given     json.RawMessage // the variables as the request wrote them
}

// UnmarshalJSON keeps the order of the variables, which AWS repeats in an error.
func (e *environment) UnmarshalJSON(b []byte) error {
	var in struct{ Variables json.RawMessage }
	if err := json.Unmarshal(b, &in); err != nil || in.Variables == nil {
		return err
	}
	e.given = in.Variables
	return json.Unmarshal(in.Variables, &e.Variables)
}

type tracingConfig struct{ Mode string }

type layerUse struct {
	Arn      string
	CodeSize int64
}

// layer is the ARN without the version.
func (l layerUse) layer() string { return l.Arn[:strings.LastIndexByte(l.Arn, ':')] }

type fileSystemConfig struct{ Arn, LocalMountPath string }

type imageConfig struct {
	EntryPoint       []string `json:",omitempty"`
	Command          []string `json:",omitempty"`
	WorkingDirectory string   `json:",omitempty"`
}

type imageConfigResponse struct {
	ImageConfig imageConfig
	Error       *fieldError `json:",omitempty"`
}

type ephemeralStorage struct{ Size int }

const snapStartPublished = "PublishedVersions"

type snapStart struct{ ApplyOn, OptimizationStatus string }

type runtimeVersionConfig struct {
	RuntimeVersionArn string      `json:",omitempty"`
	Error             *fieldError `json:",omitempty"`
}

type loggingConfig struct {
	LogFormat           string
	ApplicationLogLevel string `json:",omitempty"`
	SystemLogLevel      string `json:",omitempty"`
	LogGroup            string
}

type durableConfig struct {
	RetentionPeriodInDays *int `json:",omitempty"`
	ExecutionTimeout      *int `json:",omitempty"`
}

// configInput is the part that CreateFunction and UpdateFunctionConfiguration
// have in common. What is nil was not given.
type configInput struct {
	Runtime           *string
	Role              *string
	Handler           *string
	Description       *string
	Timeout           *int
	MemorySize        *int
	VpcConfig         *vpcInput
	DeadLetterConfig  *deadLetterConfig
	Environment       *environment
	KMSKeyArn         *string
	TracingConfig     *tracingConfig
	Layers            *[]string
	FileSystemConfigs *[]fileSystemConfig
	ImageConfig       *imageConfig
	EphemeralStorage  *ephemeralStorage
	SnapStart         *struct{ ApplyOn string }
	LoggingConfig     *loggingConfig

	DurableConfig          *durableConfig
	CapacityProviderConfig *json.RawMessage
}

type vpcInput struct {
	SubnetIds               []string
	SecurityGroupIds        []string
	Ipv6AllowedForDualStack *bool
}

// put copies the members that in sets to c.
func (c *config) put(in *configInput) {
	give(&c.Runtime, in.Runtime)
	give(&c.Role, in.Role)
	give(&c.Handler, in.Handler)
	give(&c.Description, in.Description)
	give(&c.Timeout, in.Timeout)
	give(&c.MemorySize, in.MemorySize)
	give(&c.KMSKeyArn, in.KMSKeyArn)
	give(&c.EphemeralStorage, in.EphemeralStorage)
	give(&c.TracingConfig, in.TracingConfig)
	give(&c.FileSystemConfigs, in.FileSystemConfigs)
	if in.VpcConfig != nil {
		c.VpcConfig = in.VpcConfig.over(c.VpcConfig)
	}
	if in.DeadLetterConfig != nil {
		c.DeadLetterConfig = nil
		if in.DeadLetterConfig.TargetArn != "" {
			c.DeadLetterConfig = in.DeadLetterConfig
		}
	}
	if in.Environment != nil && in.Environment.Variables != nil {
		c.Environment = in.Environment
	}
	if in.ImageConfig != nil {
		c.ImageConfigResponse = nil
		if !in.ImageConfig.empty() {
			c.ImageConfigResponse = &imageConfigResponse{ImageConfig: *in.ImageConfig}
		}
	}
	if in.SnapStart != nil {
		c.SnapStart = snapStart{in.SnapStart.ApplyOn, "Off"}
	}
	if in.LoggingConfig != nil {
		c.LoggingConfig.merge(*in.LoggingConfig)
	}
	if in.DurableConfig != nil {
		c.DurableConfig = in.DurableConfig
	}
	if in.CapacityProviderConfig != nil {
		c.CapacityProviderConfig = in.CapacityProviderConfig
	}
}

func give[T any](to *T, from *T) {
	if from != nil {
		*to = *from
	}
}

func (i imageConfig) empty() bool {
	return len(i.EntryPoint) == 0 && len(i.Command) == 0 && i.WorkingDirectory == ""
}

// over lays a VPC configuration over the one there is: lists that are not given
// stay, empty ones take the function out of the VPC, which reads back as empties
// and not as absent (TestLambdaFunction::test_vpc_config).
func (in *vpcInput) over(old *vpcConfig) *vpcConfig {
	v := vpcConfig{SubnetIds: []string{}, SecurityGroupIds: []string{}}
	if old != nil {
		v = *old
	}
	if in.SubnetIds != nil {
		v.SubnetIds = in.SubnetIds
	}
	if in.SecurityGroupIds != nil {
		v.SecurityGroupIds = in.SecurityGroupIds
	}
	give(&v.Ipv6AllowedForDualStack, in.Ipv6AllowedForDualStack)
	v.VpcId = vpcOf(v.SubnetIds)
	if v.VpcId == "" && old == nil && in.Ipv6AllowedForDualStack == nil {
		return nil
	}
	return &v
}

// vpcOf names the VPC of subnets. There is no EC2 here: all lie in one.
func vpcOf(subnets []string) string {
	if len(subnets) == 0 {
		return ""
	}
	return "vpc-00000000000000000"
}

// merge lays a logging configuration over the one there is. JSON format brings
// levels, Text takes them away
// (TestLoggingConfig::test_advanced_logging_configuration_format_switch).
func (l *loggingConfig) merge(in loggingConfig) {
	if in.LogFormat != "" {
		l.LogFormat = in.LogFormat
	}
	if in.LogGroup != "" {
		l.LogGroup = in.LogGroup
	}
	if l.LogFormat != "JSON" {
		l.ApplicationLogLevel, l.SystemLogLevel = "", ""
		return
	}
	for _, level := range []struct {
		at    *string
		given string
	}{{&l.ApplicationLogLevel, in.ApplicationLogLevel}, {&l.SystemLogLevel, in.SystemLogLevel}} {
		switch {
		case level.given != "":
			*level.at = level.given
		case *level.at == "":
			*level.at = "INFO"
		}
	}
}

// clone makes c independent of the lists and maps it was read with.
func (c config) clone() config {
	c.Layers = slices.Clone(c.Layers)
	c.Architectures = slices.Clone(c.Architectures)
	if c.Environment != nil {
		c.Environment = &environment{Variables: maps.Clone(c.Environment.Variables)}
	}
	return c
}

// imagePackage reports whether the function is a container image.
func (c *config) imagePackage() bool { return c.PackageType == "Image" }

// runtimeVersion is a stand-in for the ARN of the runtime's build: the same for
// the same runtime and architecture, as AWS's is for a while.
func (c *config) runtimeVersion(partition, region string) *runtimeVersionConfig {
	if c.imagePackage() || c.Runtime == "" {
		return nil
	}
	return &runtimeVersionConfig{RuntimeVersionArn: "arn:" + partition + ":lambda:" + region + "::runtime:" +
		hexOf(c.Runtime+"/"+strings.Join(c.Architectures, ","))}
}
