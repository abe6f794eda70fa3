package lambdaapi

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
)

// expandUpdate turns a patch into an UpdateFunctionConfiguration: only the
// fields that the patch names, since AWS refuses a body above 5,120 bytes and
// leaves alone what is omitted.
func expandUpdate(name string, p definition.Function, revision string) *lambda.UpdateFunctionConfigurationInput {
	return &lambda.UpdateFunctionConfigurationInput{
		FunctionName: &name, RevisionId: nonEmpty(revision),
		Description: p.Description, Role: p.Role, Handler: p.Handler, KMSKeyArn: p.KMSKeyArn,
		Runtime: enum[types.Runtime](p.Runtime), Timeout: p.Timeout, MemorySize: p.MemorySize,
		Layers: p.Layers, Environment: expandEnvironment(p.Environment), VpcConfig: expandVpc(p.VpcConfig),
		DeadLetterConfig: expandDeadLetter(p.DeadLetterConfig), TracingConfig: expandTracing(p.TracingConfig),
		FileSystemConfigs: expandFileSystems(p.FileSystemConfigs), ImageConfig: expandImage(p.ImageConfig),
		EphemeralStorage: expandStorage(p.EphemeralStorage), SnapStart: expandSnapStart(p.SnapStart),
		LoggingConfig: expandLogging(p.LoggingConfig), DurableConfig: expandDurable(p.DurableConfig),
		CapacityProviderConfig: expandCapacity(p.CapacityProviderConfig),
	}
}

func expandCreate(f definition.Function, code *types.FunctionCode) *lambda.CreateFunctionInput {
	in := &lambda.CreateFunctionInput{
		FunctionName: &f.FunctionName, Code: code, Tags: f.Tags,
		Description: f.Description, Role: f.Role, Handler: f.Handler, KMSKeyArn: f.KMSKeyArn,
		Runtime: enum[types.Runtime](f.Runtime), Timeout: f.Timeout, MemorySize: f.MemorySize,
		Layers: f.Layers, Environment: expandEnvironment(f.Environment), VpcConfig: expandVpc(f.VpcConfig),
		DeadLetterConfig: expandDeadLetter(f.DeadLetterConfig), TracingConfig: expandTracing(f.TracingConfig),
		FileSystemConfigs: expandFileSystems(f.FileSystemConfigs), ImageConfig: expandImage(f.ImageConfig),
		EphemeralStorage: expandStorage(f.EphemeralStorage), SnapStart: expandSnapStart(f.SnapStart),
		LoggingConfig: expandLogging(f.LoggingConfig), DurableConfig: expandDurable(f.DurableConfig),
		CapacityProviderConfig: expandCapacity(f.CapacityProviderConfig),
		Architectures:          expandArchitectures(f.Architectures),
		PackageType:            enum[types.PackageType](f.PackageType),
		CodeSigningConfigArn:   nonEmpty(aws.ToString(f.CodeSigningConfigArn)),
	}
	// An empty ARN clears on update and is refused by the model on create.
	if f.DeadLetterConfig != nil && aws.ToString(f.DeadLetterConfig.TargetArn) == "" {
		in.DeadLetterConfig = nil
	}
	if aws.ToString(f.KMSKeyArn) == "" {
		in.KMSKeyArn = nil
	}
	if f.TenancyConfig != nil {
		in.TenancyConfig = &types.TenancyConfig{TenantIsolationMode: enum[types.TenantIsolationMode](f.TenancyConfig.TenantIsolationMode)}
	}
	return in
}

func expandArchitectures(names []string) []types.Architecture {
	var out []types.Architecture
	for _, n := range names {
		out = append(out, types.Architecture(n))
	}
	return out
}

func expandEnvironment(e *definition.Environment) *types.Environment {
	if e == nil {
		return nil
	}
	if e.Variables == nil {
		return &types.Environment{Variables: map[string]string{}}
	}
	return &types.Environment{Variables: e.Variables}
}

func expandVpc(v *definition.VpcConfig) *types.VpcConfig {
	if v == nil {
		return nil
	}
	return &types.VpcConfig{SubnetIds: v.SubnetIds, SecurityGroupIds: v.SecurityGroupIds, Ipv6AllowedForDualStack: v.Ipv6AllowedForDualStack}
}

func expandDeadLetter(d *definition.DeadLetterConfig) *types.DeadLetterConfig {
	if d == nil {
		return nil
	}
	if d.TargetArn == nil {
		return &types.DeadLetterConfig{TargetArn: aws.String("")}
	}
	return &types.DeadLetterConfig{TargetArn: d.TargetArn}
}

func expandTracing(t *definition.TracingConfig) *types.TracingConfig {
	if t == nil {
		return nil
	}
	return &types.TracingConfig{Mode: enum[types.TracingMode](t.Mode)}
}

func expandFileSystems(list []definition.FileSystemConfig) []types.FileSystemConfig {
	if list == nil {
		return nil
	}
	out := make([]types.FileSystemConfig, 0, len(list))
	for _, f := range list {
		fs := types.FileSystemConfig{Arn: f.Arn, LocalMountPath: f.LocalMountPath}
		if f.S3FilesConfig != nil {
			fs.S3FilesConfig = &types.S3FilesConfig{DirectS3Read: enum[types.DirectS3Read](f.S3FilesConfig.DirectS3Read)}
		}
		out = append(out, fs)
	}
	return out
}

func expandImage(i *definition.ImageConfig) *types.ImageConfig {
	if i == nil {
		return nil
	}
	return &types.ImageConfig{Command: i.Command, EntryPoint: i.EntryPoint, WorkingDirectory: i.WorkingDirectory}
}

func expandStorage(e *definition.EphemeralStorage) *types.EphemeralStorage {
	if e == nil {
		return nil
	}
	return &types.EphemeralStorage{Size: e.Size}
}

func expandSnapStart(s *definition.SnapStart) *types.SnapStart {
	if s == nil {
		return nil
	}
	return &types.SnapStart{ApplyOn: enum[types.SnapStartApplyOn](s.ApplyOn)}
}

func expandLogging(l *definition.LoggingConfig) *types.LoggingConfig {
	if l == nil {
		return nil
	}
	return &types.LoggingConfig{
		ApplicationLogLevel: enum[types.ApplicationLogLevel](l.ApplicationLogLevel), LogFormat: enum[types.LogFormat](l.LogFormat),
		LogGroup: l.LogGroup, SystemLogLevel: enum[types.SystemLogLevel](l.SystemLogLevel),
	}
}

func expandDurable(d *definition.DurableConfig) *types.DurableConfig {
	if d == nil {
		return nil
	}
	return &types.DurableConfig{ExecutionTimeout: d.ExecutionTimeout, RetentionPeriodInDays: d.RetentionPeriodInDays, KMSKeyArn: d.KMSKeyArn}
}

func expandCapacity(p *definition.CapacityProviderConfig) *types.CapacityProviderConfig {
	if p == nil {
		return nil
	}
	out := &types.CapacityProviderConfig{}
	if m := p.LambdaManagedInstancesCapacityProviderConfig; m != nil {
		out.LambdaManagedInstancesCapacityProviderConfig = &types.LambdaManagedInstancesCapacityProviderConfig{
			CapacityProviderArn:                   m.CapacityProviderArn,
			ExecutionEnvironmentMemoryGiBPerVCpu:  m.ExecutionEnvironmentMemoryGiBPerVCpu,
			PerExecutionEnvironmentMaxConcurrency: m.PerExecutionEnvironmentMaxConcurrency,
		}
	}
	return out
}

// routing is always sent: weights that an earlier shift left behind must go.
func routing(weights map[string]float64) *types.AliasRoutingConfiguration {
	if weights == nil {
		weights = map[string]float64{}
	}
	return &types.AliasRoutingConfiguration{AdditionalVersionWeights: weights}
}

func enum[E ~string](v *string) E {
	if v == nil {
		return ""
	}
	return E(*v)
}

func nonEmpty(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
