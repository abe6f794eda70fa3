package lambdaapi

import (
	"context"
	"fmt"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
)

// CreateFunction creates a function with its tags, and returns what AWS answered;
// it is never published here.
func (c *Client) CreateFunction(ctx context.Context, f definition.Function, code definition.Code) (*definition.Observed, error) {
	payload := &types.FunctionCode{
		ImageUri: nonEmpty(code.ImageUri), S3Bucket: nonEmpty(code.S3Bucket), S3Key: nonEmpty(code.S3Key),
		S3ObjectVersion: nonEmpty(code.S3ObjectVersion), SourceKMSKeyArn: nonEmpty(code.SourceKMSKeyArn),
		S3ObjectStorageMode: types.S3ObjectStorageMode(code.S3ObjectStorageMode),
	}
	var out *lambda.CreateFunctionOutput
	err := c.withCode(ctx, "CreateFunction", code, func(ctx context.Context, zip []byte, options func(*lambda.Options)) (err error) {
		payload.ZipFile = zip
		out, err = c.api.CreateFunction(ctx, expandCreate(f, payload), options)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("create function %s: %w", f.FunctionName, c.fullStorage(err))
	}
	return answered("CreateFunction", f.FunctionName, out)
}

// UpdateConfiguration changes the fields that the patch names, and returns what
// AWS answered: the new values, although the update is still under way.
func (c *Client) UpdateConfiguration(ctx context.Context, name string, patch definition.Function, revision string) (*definition.Observed, error) {
	out, err := c.api.UpdateFunctionConfiguration(ctx, expandUpdate(name, patch, revision), once)
	if err != nil {
		return nil, fmt.Errorf("update the configuration of %s: %w", name, err)
	}
	return answered("UpdateFunctionConfiguration", name, out)
}

// CodeUpdate is one UpdateFunctionCode.
type CodeUpdate struct {
	Function      string
	Code          definition.Code
	Architectures []string
	RevisionId    string
	// DryRun checks the request and the permissions and changes nothing.
	DryRun bool
}

// UpdateCode puts new code into $LATEST and returns what AWS answered. The
// architecture is always named: AWS would go back to x86_64 without it.
func (c *Client) UpdateCode(ctx context.Context, u CodeUpdate) (*definition.Observed, error) {
	in := &lambda.UpdateFunctionCodeInput{
		FunctionName: &u.Function, Architectures: expandArchitectures(u.Architectures),
		ImageUri: nonEmpty(u.Code.ImageUri), S3Bucket: nonEmpty(u.Code.S3Bucket), S3Key: nonEmpty(u.Code.S3Key),
		S3ObjectVersion: nonEmpty(u.Code.S3ObjectVersion), SourceKMSKeyArn: nonEmpty(u.Code.SourceKMSKeyArn),
		S3ObjectStorageMode: types.S3ObjectStorageMode(u.Code.S3ObjectStorageMode),
		RevisionId:          nonEmpty(u.RevisionId), DryRun: u.DryRun,
	}
	var out *lambda.UpdateFunctionCodeOutput
	err := c.withCode(ctx, "UpdateFunctionCode", u.Code, func(ctx context.Context, zip []byte, options func(*lambda.Options)) (err error) {
		in.ZipFile = zip
		out, err = c.api.UpdateFunctionCode(ctx, in, options)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("update the code of %s: %w", u.Function, c.fullStorage(err))
	}
	return answered("UpdateFunctionCode", u.Function, out)
}

// withCode makes a call that carries code. send receives the value of ZipFile and the options
// of the call. A zip on this machine is opened when it is the call's turn.
func (c *Client) withCode(ctx context.Context, operation string, code definition.Code, send func(ctx context.Context, zip []byte, options func(*lambda.Options)) error) error {
	if code.ZipPath == "" {
		return send(c.upload(ctx), nil, once)
	}
	ctx, release, err := c.session.Upload(ctx, c.region, operation, code.Size)
	if err != nil {
		return err
	}
	defer release()
	zip, err := openZip(code.ZipPath, code.Size)
	if err != nil {
		return err
	}
	defer func() { _ = zip.file.Close() }() // it was only read
	return zip.explain(send(c.upload(ctx), zip.marked(), zip.options))
}

// Publication is one PublishVersion: the code that $LATEST must hold, and
// the RevisionId just read.
type Publication struct {
	Function, CodeSha256, RevisionId, Description string
	// Latest publishes to $LATEST.PUBLISHED and makes no numbered version.
	Latest bool
}

// PublishVersion publishes $LATEST. AWS returns the last version, with its
// own description, when nothing changed since.
func (c *Client) PublishVersion(ctx context.Context, p Publication) (*definition.Observed, error) {
	out, err := c.api.PublishVersion(ctx, &lambda.PublishVersionInput{
		FunctionName: &p.Function, CodeSha256: nonEmpty(p.CodeSha256),
		RevisionId: nonEmpty(p.RevisionId), Description: &p.Description, PublishTo: publishTo(p.Latest),
	}, once)
	if err != nil {
		return nil, fmt.Errorf("publish a version of %s: %w", p.Function, c.fullStorage(err))
	}
	o, err := answered("PublishVersion", p.Function, out)
	if err == nil && (o.Version == "" || o.Version == latest || p.Latest != (o.Version == definition.LatestPublished)) {
		err = &AnswerError{Operation: "PublishVersion", Subject: p.Function}
	}
	return o, err
}

func publishTo(latest bool) types.FunctionVersionLatestPublished {
	if latest {
		return types.FunctionVersionLatestPublishedLatestPublished
	}
	return ""
}

// CreateAlias creates an alias on a version and returns what AWS answered.
func (c *Client) CreateAlias(ctx context.Context, function string, a definition.Alias) (definition.ObservedAlias, error) {
	out, err := c.api.CreateAlias(ctx, &lambda.CreateAliasInput{
		FunctionName: &function, Name: &a.Name, FunctionVersion: &a.Version,
		Description: a.Description, RoutingConfig: routing(a.Weights),
	}, once)
	if err != nil {
		return definition.ObservedAlias{}, fmt.Errorf("create alias %s of %s: %w", a.Name, function, err)
	}
	return answeredAlias("CreateAlias", function, a.Name, types.AliasConfiguration{
		AliasArn: out.AliasArn, Description: out.Description, FunctionVersion: out.FunctionVersion,
		Name: out.Name, RevisionId: out.RevisionId, RoutingConfig: out.RoutingConfig,
	})
}

// UpdateAlias moves an alias and returns what AWS answered.
func (c *Client) UpdateAlias(ctx context.Context, function string, a definition.Alias, revision string) (definition.ObservedAlias, error) {
	out, err := c.api.UpdateAlias(ctx, &lambda.UpdateAliasInput{
		FunctionName: &function, Name: &a.Name, FunctionVersion: &a.Version,
		Description: a.Description, RoutingConfig: routing(a.Weights), RevisionId: nonEmpty(revision),
	}, once)
	if err != nil {
		return definition.ObservedAlias{}, fmt.Errorf("update alias %s of %s: %w", a.Name, function, err)
	}
	return answeredAlias("UpdateAlias", function, a.Name, types.AliasConfiguration{
		AliasArn: out.AliasArn, Description: out.Description, FunctionVersion: out.FunctionVersion,
		Name: out.Name, RevisionId: out.RevisionId, RoutingConfig: out.RoutingConfig,
	})
}

// DeleteAlias deletes an alias; one that is not there is no error.
func (c *Client) DeleteAlias(ctx context.Context, function, alias string) error {
	out, err := c.api.DeleteAlias(ctx, &lambda.DeleteAliasInput{FunctionName: &function, Name: &alias}, once)
	if notFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("delete alias %s of %s: %w", alias, function, err)
	}
	return acknowledged("DeleteAlias", function+":"+alias, out.ResultMetadata)
}

// DeleteVersion deletes one published version; one that is not there is no error.
func (c *Client) DeleteVersion(ctx context.Context, function, version string) error {
	if n, err := strconv.ParseUint(version, 10, 64); err != nil || n == 0 {
		return fmt.Errorf("delete a version of %s: %q is none, and without a version the call would delete the function", function, version)
	}
	return c.DeleteFunction(ctx, function, version)
}

// DeleteFunction deletes a function, or one version of it where a qualifier is
// given; what is not there is no error.
func (c *Client) DeleteFunction(ctx context.Context, function, qualifier string) error {
	in := &lambda.DeleteFunctionInput{FunctionName: &function, Qualifier: nonEmpty(qualifier)}
	out, err := c.api.DeleteFunction(ctx, in, once)
	if notFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("delete function %s: %w", function, err)
	}
	return acknowledged("DeleteFunction", function, out.ResultMetadata)
}

// Tag adds or changes tags of a function, by its unqualified ARN.
func (c *Client) Tag(ctx context.Context, arn string, tags map[string]string) error {
	out, err := c.api.TagResource(ctx, &lambda.TagResourceInput{Resource: &arn, Tags: tags}, once)
	if err != nil {
		return fmt.Errorf("tag %s: %w", arn, err)
	}
	return acknowledged("TagResource", arn, out.ResultMetadata)
}

// Untag removes tags of a function, by its unqualified ARN.
func (c *Client) Untag(ctx context.Context, arn string, keys []string) error {
	out, err := c.api.UntagResource(ctx, &lambda.UntagResourceInput{Resource: &arn, TagKeys: keys}, once)
	if err != nil {
		return fmt.Errorf("remove tags from %s: %w", arn, err)
	}
	return acknowledged("UntagResource", arn, out.ResultMetadata)
}

// SetCodeSigning sets the code signing configuration, or removes it with "".
func (c *Client) SetCodeSigning(ctx context.Context, function, arn string) error {
	if arn == "" {
		return c.removeCodeSigning(ctx, function)
	}
	out, err := c.api.PutFunctionCodeSigningConfig(ctx, &lambda.PutFunctionCodeSigningConfigInput{FunctionName: &function, CodeSigningConfigArn: &arn}, once)
	if err != nil {
		return fmt.Errorf("set the code signing configuration of %s: %w", function, err)
	}
	if aws.ToString(out.CodeSigningConfigArn) != arn {
		return &AnswerError{Operation: "PutFunctionCodeSigningConfig", Subject: function}
	}
	return nil
}

func (c *Client) removeCodeSigning(ctx context.Context, function string) error {
	out, err := c.api.DeleteFunctionCodeSigningConfig(ctx, &lambda.DeleteFunctionCodeSigningConfigInput{FunctionName: &function}, once)
	if notFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("remove the code signing configuration of %s: %w", function, err)
	}
	return acknowledged("DeleteFunctionCodeSigningConfig", function, out.ResultMetadata)
}
