package lambdaapi

import (
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
)

func flattenFunction(out *lambda.GetFunctionOutput) *definition.Observed {
	o := flattenConfiguration(out.Configuration)
	o.Tags = maps.Clone(out.Tags)
	if o.Tags == nil {
		o.Tags = map[string]string{}
	}
	if e := out.TagsError; e != nil {
		o.hole("Tags", aws.ToString(e.ErrorCode), aws.ToString(e.Message))
	}
	if c := out.Concurrency; c != nil {
		o.Reserved = c.ReservedConcurrentExecutions
	}
	if code := out.Code; code != nil {
		o.CodeLocation = aws.ToString(code.Location)
		o.ResolvedImageUri = aws.ToString(code.ResolvedImageUri)
		o.SourceKMSKeyArn = aws.ToString(code.SourceKMSKeyArn)
		o.Code = &definition.Code{ImageUri: aws.ToString(code.ImageUri)}
		if r := code.ResolvedS3Object; r != nil {
			o.ResolvedS3Object = &definition.Code{
				S3Bucket: aws.ToString(r.S3Bucket), S3Key: aws.ToString(r.S3Key),
				S3ObjectVersion:     aws.ToString(r.S3ObjectVersion),
				S3ObjectStorageMode: string(types.S3ObjectStorageModeReference),
			}
		}
		if e := code.Error; e != nil {
			o.hole("Code", aws.ToString(e.ErrorCode), aws.ToString(e.Message))
		}
	}
	return &o.Observed
}

// observed collects what a response shows.
type observed struct {
	definition.Observed
}

func (o *observed) hole(field, code, message string) {
	reason := code
	if message != "" {
		reason += ": " + message
	}
	o.Unreadable = append(o.Unreadable, definition.Unreadable{Field: field, Reason: reason})
}

func flattenConfiguration(c *types.FunctionConfiguration) *observed {
	o := &observed{}
	if c == nil {
		return o
	}
	o.Arn, o.Version, o.RevisionId = aws.ToString(c.FunctionArn), aws.ToString(c.Version), aws.ToString(c.RevisionId)
	o.State = definition.Status{Value: string(c.State), Reason: aws.ToString(c.StateReason), Code: string(c.StateReasonCode)}
	o.Update = definition.Status{Value: string(c.LastUpdateStatus), Reason: aws.ToString(c.LastUpdateStatusReason), Code: string(c.LastUpdateStatusReasonCode)}
	o.CodeSha256, o.CodeSize = aws.ToString(c.CodeSha256), c.CodeSize
	o.Function = definition.Function{
		FunctionName: aws.ToString(c.FunctionName), Description: c.Description, Role: c.Role,
		Runtime: optional(c.Runtime), Handler: c.Handler, Timeout: c.Timeout, MemorySize: c.MemorySize,
		PackageType: optional(c.PackageType), KMSKeyArn: c.KMSKeyArn,
	}
	for _, a := range c.Architectures {
		o.Architectures = append(o.Architectures, string(a))
	}
	o.Layers = []string{}
	for _, l := range c.Layers {
		o.Layers = append(o.Layers, aws.ToString(l.Arn))
	}
	o.flattenNested(c)
	return o
}

func (o *observed) flattenNested(c *types.FunctionConfiguration) {
	if e := c.Environment; e != nil {
		o.Environment = &definition.Environment{Variables: maps.Clone(e.Variables)}
		if e.Error != nil {
			o.hole("Environment", aws.ToString(e.Error.ErrorCode), aws.ToString(e.Error.Message))
		}
	}
	if v := c.VpcConfig; v != nil {
		o.VpcConfig = &definition.VpcConfig{
			SubnetIds: slices.Clone(v.SubnetIds), SecurityGroupIds: slices.Clone(v.SecurityGroupIds),
			Ipv6AllowedForDualStack: v.Ipv6AllowedForDualStack,
		}
	}
	if d := c.DeadLetterConfig; d != nil {
		o.DeadLetterConfig = &definition.DeadLetterConfig{TargetArn: d.TargetArn}
	}
	if t := c.TracingConfig; t != nil {
		o.TracingConfig = &definition.TracingConfig{Mode: optional(t.Mode)}
	}
	for _, f := range c.FileSystemConfigs {
		fs := definition.FileSystemConfig{Arn: f.Arn, LocalMountPath: f.LocalMountPath}
		if f.S3FilesConfig != nil {
			fs.S3FilesConfig = &definition.S3FilesConfig{DirectS3Read: optional(f.S3FilesConfig.DirectS3Read)}
		}
		o.FileSystemConfigs = append(o.FileSystemConfigs, fs)
	}
	if r := c.ImageConfigResponse; r != nil {
		if i := r.ImageConfig; i != nil {
			o.ImageConfig = &definition.ImageConfig{Command: slices.Clone(i.Command), EntryPoint: slices.Clone(i.EntryPoint), WorkingDirectory: i.WorkingDirectory}
		}
		if r.Error != nil {
			o.hole("ImageConfig", aws.ToString(r.Error.ErrorCode), aws.ToString(r.Error.Message))
		}
	}
	if e := c.EphemeralStorage; e != nil {
		o.EphemeralStorage = &definition.EphemeralStorage{Size: e.Size}
	}
	if s := c.SnapStart; s != nil {
		o.SnapStart = &definition.SnapStart{ApplyOn: optional(s.ApplyOn)}
	}
	if l := c.LoggingConfig; l != nil {
		o.LoggingConfig = &definition.LoggingConfig{
			ApplicationLogLevel: optional(l.ApplicationLogLevel), LogFormat: optional(l.LogFormat),
			LogGroup: l.LogGroup, SystemLogLevel: optional(l.SystemLogLevel),
		}
	}
	o.flattenRare(c)
}

func (o *observed) flattenRare(c *types.FunctionConfiguration) {
	if d := c.DurableConfig; d != nil {
		o.DurableConfig = &definition.DurableConfig{ExecutionTimeout: d.ExecutionTimeout, RetentionPeriodInDays: d.RetentionPeriodInDays, KMSKeyArn: d.KMSKeyArn}
	}
	if p := c.CapacityProviderConfig; p != nil {
		o.CapacityProviderConfig = &definition.CapacityProviderConfig{}
		if m := p.LambdaManagedInstancesCapacityProviderConfig; m != nil {
			o.CapacityProviderConfig.LambdaManagedInstancesCapacityProviderConfig = &definition.LambdaManagedInstancesCapacityProviderConfig{
				CapacityProviderArn:                   m.CapacityProviderArn,
				ExecutionEnvironmentMemoryGiBPerVCpu:  m.ExecutionEnvironmentMemoryGiBPerVCpu,
				PerExecutionEnvironmentMaxConcurrency: m.PerExecutionEnvironmentMaxConcurrency,
			}
		}
	}
	if t := c.TenancyConfig; t != nil {
		o.TenancyConfig = &definition.TenancyConfig{TenantIsolationMode: optional(t.TenantIsolationMode)}
	}
	if r := c.RuntimeVersionConfig; r != nil && r.Error != nil {
		o.hole("RuntimeVersionConfig", aws.ToString(r.Error.ErrorCode), aws.ToString(r.Error.Message))
	}
}

func flattenAlias(a types.AliasConfiguration) definition.ObservedAlias {
	o := definition.ObservedAlias{Arn: aws.ToString(a.AliasArn), RevisionId: aws.ToString(a.RevisionId)}
	o.Name, o.Version, o.Description = aws.ToString(a.Name), aws.ToString(a.FunctionVersion), a.Description
	if a.RoutingConfig != nil && len(a.RoutingConfig.AdditionalVersionWeights) > 0 {
		o.Weights = maps.Clone(a.RoutingConfig.AdditionalVersionWeights)
	}
	return o
}

// optional is nil for an enum that the response left out.
func optional[E ~string](v E) *string {
	if v == "" {
		return nil
	}
	s := string(v)
	return &s
}
