package awslocal_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/google/go-cmp/cmp"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/awstest"
)

// configure updates fn's configuration.
func (h *harness) configure(t *testing.T, in awslambda.UpdateFunctionConfigurationInput) error {
	t.Helper()
	in.FunctionName = aws.String("fn")
	_, err := h.lambda.UpdateFunctionConfiguration(t.Context(), &in)
	return err
}

// publish publishes fn and returns the version's number.
func (h *harness) publish(t *testing.T) string {
	t.Helper()
	v, err := h.lambda.PublishVersion(t.Context(), &awslambda.PublishVersionInput{FunctionName: aws.String("fn")})
	if err != nil {
		t.Fatal(err)
	}
	return *v.Version
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestClearingAFieldGivesTheStateBefore(t *testing.T) {
	t.Parallel()
	h := start(t, awslocal.Options{})
	h.create(t, "fn")
	h.get(t, "fn", "")
	dump := func() awslocal.State {
		h.get(t, "fn", "") // lets the update end
		d, err := h.Dump("000000000000")
		must(t, err)
		return d
	}
	before := dump()
	layer := "arn:aws:lambda:us-east-1:999999999999:layer:theirs:3"
	must(t, h.configure(t, awslambda.UpdateFunctionConfigurationInput{
		Description: aws.String("d"), Timeout: aws.Int32(9), MemorySize: aws.Int32(256), Layers: []string{layer},
		Environment:       &types.Environment{Variables: map[string]string{"KEY": "value"}},
		VpcConfig:         &types.VpcConfig{SubnetIds: []string{"subnet-1"}, SecurityGroupIds: []string{"sg-1"}},
		DeadLetterConfig:  &types.DeadLetterConfig{TargetArn: aws.String("arn:aws:sqs:us-east-1:000000000000:q")},
		KMSKeyArn:         aws.String("arn:aws:kms:us-east-1:000000000000:key/1"),
		TracingConfig:     &types.TracingConfig{Mode: types.TracingModeActive},
		FileSystemConfigs: []types.FileSystemConfig{{Arn: aws.String("arn:aws:elasticfilesystem:us-east-1:000000000000:access-point/fsap-1"), LocalMountPath: aws.String("/mnt/a")}},
		EphemeralStorage:  &types.EphemeralStorage{Size: aws.Int32(1024)},
		SnapStart:         &types.SnapStart{ApplyOn: types.SnapStartApplyOnPublishedVersions},
		LoggingConfig:     &types.LoggingConfig{LogFormat: types.LogFormatJson},
	}))
	changed := h.get(t, "fn", "").Configuration
	if *changed.VpcConfig.VpcId == "" || *changed.Layers[0].Arn != layer || changed.LoggingConfig.SystemLogLevel != types.SystemLogLevelInfo {
		t.Errorf("changed: %+v", changed)
	}
	if cmp.Equal(before, dump()) {
		t.Error("nothing changed")
	}
	must(t, h.configure(t, awslambda.UpdateFunctionConfigurationInput{
		Description: aws.String(""), Timeout: aws.Int32(3), MemorySize: aws.Int32(128), Layers: []string{},
		Environment:       &types.Environment{Variables: map[string]string{}},
		VpcConfig:         &types.VpcConfig{SubnetIds: []string{}, SecurityGroupIds: []string{}},
		DeadLetterConfig:  &types.DeadLetterConfig{TargetArn: aws.String("")},
		KMSKeyArn:         aws.String(""),
		TracingConfig:     &types.TracingConfig{Mode: types.TracingModePassThrough},
		FileSystemConfigs: []types.FileSystemConfig{},
		EphemeralStorage:  &types.EphemeralStorage{Size: aws.Int32(512)},
		SnapStart:         &types.SnapStart{ApplyOn: types.SnapStartApplyOnNone},
		LoggingConfig:     &types.LoggingConfig{LogFormat: types.LogFormatText},
	}))
	if diff := cmp.Diff(before, dump()); diff != "" {
		t.Error(diff)
	}
}

func TestOmittedFieldsStay(t *testing.T) {
	t.Parallel()
	h := start(t, awslocal.Options{})
	h.create(t, "fn")
	must(t, h.configure(t, awslambda.UpdateFunctionConfigurationInput{Environment: &types.Environment{Variables: map[string]string{"KEY": "value"}}, Description: aws.String("d")}))
	must(t, h.configure(t, awslambda.UpdateFunctionConfigurationInput{Timeout: aws.Int32(9)}))
	c := h.get(t, "fn", "").Configuration
	if *c.Description != "d" || c.Environment.Variables["KEY"] != "value" || *c.Timeout != 9 {
		t.Errorf("%+v", c)
	}
}

func TestLimitsAndImmutableFieldsAreRefused(t *testing.T) {
	t.Parallel()
	h := start(t, awslocal.Options{})
	h.create(t, "fn")
	long := strings.Repeat("x", 300)
	for name, test := range map[string]struct {
		in   awslambda.UpdateFunctionConfigurationInput
		code string
	}{
		"timeout":      {awslambda.UpdateFunctionConfigurationInput{Timeout: aws.Int32(901)}, "ValidationException"},
		"no time":      {awslambda.UpdateFunctionConfigurationInput{Timeout: aws.Int32(0)}, "ValidationException"},
		"memory":       {awslambda.UpdateFunctionConfigurationInput{MemorySize: aws.Int32(64)}, "ValidationException"},
		"much memory":  {awslambda.UpdateFunctionConfigurationInput{MemorySize: aws.Int32(10241)}, "InvalidParameterValueException"},
		"storage":      {awslambda.UpdateFunctionConfigurationInput{EphemeralStorage: &types.EphemeralStorage{Size: aws.Int32(10241)}}, "ValidationException"},
		"description":  {awslambda.UpdateFunctionConfigurationInput{Description: &long}, "ValidationException"},
		"handler":      {awslambda.UpdateFunctionConfigurationInput{Handler: aws.String("a b")}, "ValidationException"},
		"reserved key": {awslambda.UpdateFunctionConfigurationInput{Environment: &types.Environment{Variables: map[string]string{"AWS_REGION": "x"}}}, "InvalidParameterValueException"},
		"wrong key":    {awslambda.UpdateFunctionConfigurationInput{Environment: &types.Environment{Variables: map[string]string{"a-b": "x"}}}, "ValidationException"},
		"image config": {awslambda.UpdateFunctionConfigurationInput{ImageConfig: &types.ImageConfig{Command: []string{"x"}}}, "InvalidParameterValueException"},
		"durable":      {awslambda.UpdateFunctionConfigurationInput{DurableConfig: &types.DurableConfig{ExecutionTimeout: aws.Int32(60)}}, "InvalidParameterValueException"},
		"subnets":      {awslambda.UpdateFunctionConfigurationInput{VpcConfig: &types.VpcConfig{SubnetIds: make([]string, 17)}}, "ValidationException"},
	} {
		before := h.get(t, "fn", "").Configuration
		awstest.WantCode(t, h.configure(t, test.in), test.code)
		if after := h.get(t, "fn", "").Configuration; *before.RevisionId != *after.RevisionId {
			t.Errorf("%s: a refused update moved the revision", name)
		}
	}
}

func TestVersionsNeverChange(t *testing.T) {
	t.Parallel()
	h := start(t, awslocal.Options{})
	h.create(t, "fn")
	version := h.publish(t)
	before := h.get(t, "fn", version).Configuration
	must(t, h.configure(t, awslambda.UpdateFunctionConfigurationInput{Timeout: aws.Int32(77), Description: aws.String("new")}))
	_, err := h.lambda.UpdateFunctionCode(t.Context(), &awslambda.UpdateFunctionCodeInput{FunctionName: aws.String("fn"), ZipFile: awstest.Zip(t, "index.py", "2"), Publish: true})
	must(t, err)
	after := h.get(t, "fn", version).Configuration
	if *before.CodeSha256 != *after.CodeSha256 || *before.Timeout != *after.Timeout || *before.RevisionId != *after.RevisionId {
		t.Errorf("version %s changed: %+v", version, after)
	}
	if two := h.get(t, "fn", "2").Configuration; *two.Timeout != 77 || two.State != types.StateActive {
		t.Errorf("version 2: %+v", two)
	}
	must(t, func() error {
		_, err := h.lambda.DeleteFunction(t.Context(), &awslambda.DeleteFunctionInput{FunctionName: aws.String("fn"), Qualifier: aws.String("2")})
		return err
	}())
	must(t, h.configure(t, awslambda.UpdateFunctionConfigurationInput{Timeout: aws.Int32(78)}))
	if next := h.publish(t); next != "3" {
		t.Errorf("a number was given out twice: %s", next)
	}
}

func TestDryRunChangesNothing(t *testing.T) {
	t.Parallel()
	h := start(t, awslocal.Options{})
	h.create(t, "fn")
	before := h.get(t, "fn", "").Configuration
	_, err := h.lambda.UpdateFunctionCode(t.Context(), &awslambda.UpdateFunctionCodeInput{FunctionName: aws.String("fn"), ZipFile: awstest.Zip(t, "index.py", "2"), DryRun: true})
	must(t, err)
	if after := h.get(t, "fn", "").Configuration; *after.RevisionId != *before.RevisionId || *after.CodeSha256 != *before.CodeSha256 {
		t.Errorf("a dry run changed %+v", after)
	}
}

func TestWeightsNeedOneRoleAndOneDeadLetterQueue(t *testing.T) {
	t.Parallel()
	h := start(t, awslocal.Options{})
	h.create(t, "fn")
	one := h.publish(t)
	alias := func(name, version string, other string) error {
		_, err := h.lambda.CreateAlias(t.Context(), &awslambda.CreateAliasInput{FunctionName: aws.String("fn"), Name: &name, FunctionVersion: &version,
			RoutingConfig: &types.AliasRoutingConfiguration{AdditionalVersionWeights: map[string]float64{other: 0.1}}})
		return err
	}
	must(t, h.configure(t, awslambda.UpdateFunctionConfigurationInput{Role: aws.String(awstest.Role + "2")}))
	awstest.WantCode(t, alias("role", one, h.publish(t)), "InvalidParameterValueException")
	must(t, h.configure(t, awslambda.UpdateFunctionConfigurationInput{Role: aws.String(awstest.Role),
		DeadLetterConfig: &types.DeadLetterConfig{TargetArn: aws.String("arn:aws:sqs:us-east-1:000000000000:q")}}))
	awstest.WantCode(t, alias("queue", one, h.publish(t)), "InvalidParameterValueException")
	h.Fail("version", "fn", "InternalError", "broken")
	must(t, h.configure(t, awslambda.UpdateFunctionConfigurationInput{DeadLetterConfig: &types.DeadLetterConfig{TargetArn: aws.String("")}}))
	failed := h.publish(t)
	awstest.WantCode(t, alias("failed", one, failed), "ResourceConflictException")
}

func TestAnAliasWithProvisionedConcurrencyMovesSlowly(t *testing.T) {
	t.Parallel()
	h := start(t, awslocal.Options{InProgress: time.Minute})
	h.create(t, "fn")
	one := h.publish(t)
	must(t, h.configure(t, awslambda.UpdateFunctionConfigurationInput{Timeout: aws.Int32(9)}))
	h.Advance(time.Minute)
	two := h.publish(t)
	_, err := h.lambda.CreateAlias(t.Context(), &awslambda.CreateAliasInput{FunctionName: aws.String("fn"), Name: aws.String("live"), FunctionVersion: &one})
	must(t, err)
	_, err = h.lambda.PutProvisionedConcurrencyConfig(t.Context(), &awslambda.PutProvisionedConcurrencyConfigInput{FunctionName: aws.String("fn"), Qualifier: aws.String("live"), ProvisionedConcurrentExecutions: aws.Int32(2)})
	must(t, err)
	status := func() types.ProvisionedConcurrencyStatusEnum {
		out, err := h.lambda.GetProvisionedConcurrencyConfig(t.Context(), &awslambda.GetProvisionedConcurrencyConfigInput{FunctionName: aws.String("fn"), Qualifier: aws.String("live")})
		must(t, err)
		return out.Status
	}
	if got := status(); got != types.ProvisionedConcurrencyStatusEnumInProgress {
		t.Errorf("status %s", got)
	}
	h.Advance(time.Minute)
	if got := status(); got != types.ProvisionedConcurrencyStatusEnumReady {
		t.Errorf("status %s", got)
	}
	update := &awslambda.UpdateAliasInput{FunctionName: aws.String("fn"), Name: aws.String("live"), FunctionVersion: &two}
	moved, err := h.lambda.UpdateAlias(t.Context(), update)
	must(t, err)
	if moved.RoutingConfig == nil || moved.RoutingConfig.AdditionalVersionWeights[one] == 0 {
		t.Errorf("no weights while moving: %+v", moved.RoutingConfig)
	}
	h.Advance(time.Minute)
	settled, err := h.lambda.GetAlias(t.Context(), &awslambda.GetAliasInput{FunctionName: aws.String("fn"), Name: aws.String("live")})
	must(t, err)
	if settled.RoutingConfig != nil || *settled.FunctionVersion != two {
		t.Errorf("after the move: %+v", settled)
	}
	update.RoutingConfig = &types.AliasRoutingConfiguration{AdditionalVersionWeights: map[string]float64{one: 0.5}}
	_, err = h.lambda.UpdateAlias(t.Context(), update)
	awstest.WantCode(t, err, "InvalidParameterValueException")
}

func TestCodeByReferenceShowsTheObjectThatItIs(t *testing.T) {
	t.Parallel()
	h := start(t, awslocal.Options{})
	c := h.S3In(awstest.Region, "test")
	_, err := c.CreateBucket(t.Context(), bucketInput("code"))
	must(t, err)
	_, err = c.PutBucketVersioning(t.Context(), &awss3.PutBucketVersioningInput{Bucket: aws.String("code"),
		VersioningConfiguration: &s3types.VersioningConfiguration{Status: s3types.BucketVersioningStatusEnabled}})
	must(t, err)
	put, err := c.PutObject(t.Context(), &awss3.PutObjectInput{Bucket: aws.String("code"), Key: aws.String("f.zip"), Body: bytes.NewReader(awstest.Zip(t, "index.py", "s3"))})
	must(t, err)
	h.create(t, "fn")
	_, err = h.lambda.UpdateFunctionCode(t.Context(), &awslambda.UpdateFunctionCodeInput{FunctionName: aws.String("fn"), S3Bucket: aws.String("code"),
		S3Key: aws.String("f.zip"), S3ObjectStorageMode: types.S3ObjectStorageModeReference})
	must(t, err)
	got := h.get(t, "fn", "").Code.ResolvedS3Object
	if got == nil || *got.S3Bucket != "code" || *got.S3Key != "f.zip" || *got.S3ObjectVersion != *put.VersionId {
		t.Errorf("resolved: %+v", got)
	}
	_, err = h.lambda.UpdateFunctionCode(t.Context(), &awslambda.UpdateFunctionCodeInput{FunctionName: aws.String("fn"), S3Bucket: aws.String("code"), S3Key: aws.String("f.zip")})
	must(t, err)
	if got := h.get(t, "fn", "").Code.ResolvedS3Object; got != nil {
		t.Errorf("without the mode: %+v", got)
	}
}

func TestTagsWaitForAnUpdate(t *testing.T) {
	t.Parallel()
	h := start(t, awslocal.Options{InProgress: time.Minute})
	h.create(t, "fn")
	tag := func() error {
		_, err := h.lambda.TagResource(t.Context(), &awslambda.TagResourceInput{Resource: aws.String("arn:aws:lambda:us-east-1:000000000000:function:fn"), Tags: map[string]string{"a": "b"}})
		return err
	}
	must(t, h.configure(t, awslambda.UpdateFunctionConfigurationInput{Timeout: aws.Int32(9)}))
	awstest.WantCode(t, tag(), "ResourceConflictException")
	_, err := h.lambda.CreateAlias(t.Context(), &awslambda.CreateAliasInput{FunctionName: aws.String("fn"), Name: aws.String("live"), FunctionVersion: aws.String("$LATEST")})
	must(t, err) // aliases do not wait
	h.Advance(time.Minute)
	must(t, tag())
}

func TestSnapStartVersionsArePendingUntilTheSnapshotIsThere(t *testing.T) {
	t.Parallel()
	h := start(t, awslocal.Options{Pending: time.Minute})
	h.create(t, "fn")
	h.Advance(time.Minute)
	must(t, h.configure(t, awslambda.UpdateFunctionConfigurationInput{SnapStart: &types.SnapStart{ApplyOn: types.SnapStartApplyOnPublishedVersions}}))
	v := h.publish(t)
	if c := h.get(t, "fn", v).Configuration; c.State != types.StatePending || c.SnapStart.OptimizationStatus != types.SnapStartOptimizationStatusOff {
		t.Errorf("at once: %s %s", c.State, c.SnapStart.OptimizationStatus)
	}
	h.Advance(time.Minute)
	if c := h.get(t, "fn", v).Configuration; c.State != types.StateActive || c.SnapStart.OptimizationStatus != types.SnapStartOptimizationStatusOn {
		t.Errorf("after a minute: %s %s", c.State, c.SnapStart.OptimizationStatus)
	}
}

func TestHiddenFieldsShowAnError(t *testing.T) {
	t.Parallel()
	h := start(t, awslocal.Options{})
	h.create(t, "fn")
	must(t, h.configure(t, awslambda.UpdateFunctionConfigurationInput{Environment: &types.Environment{Variables: map[string]string{"KEY": "value"}}}))
	h.Hide("fn", "Environment", "RuntimeVersion", "Code", "Tags")
	got := h.get(t, "fn", "")
	c := got.Configuration
	if c.Environment.Error == nil || c.Environment.Variables != nil || c.RuntimeVersionConfig.Error == nil || got.Code.Error == nil || got.TagsError == nil {
		t.Errorf("shown: %+v %+v", got, c)
	}
	h.Hide("fn")
	if got := h.get(t, "fn", ""); got.Configuration.Environment.Variables["KEY"] != "value" || got.TagsError != nil || got.Code.Location == nil {
		t.Errorf("shown again: %+v", got)
	}
}
