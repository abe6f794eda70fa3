package lambdaapi

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
)

// Find reads $LATEST (qualifier "") or what a version or alias names. It
// returns nil and no error where there is no such function or version.
func (c *Client) Find(ctx context.Context, name, qualifier string) (*definition.Observed, error) {
	in := &lambda.GetFunctionInput{FunctionName: &name}
	subject := name
	if qualifier != "" {
		in.Qualifier = &qualifier
		subject += ":" + qualifier
	}
	out, err := c.api.GetFunction(ctx, in)
	if notFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read function %s: %w", subject, err)
	}
	o := flattenFunction(out)
	if !names(o.Arn, o.FunctionName, name) {
		return nil, fmt.Errorf("read function %s: %w", subject, &AnswerError{Operation: "GetFunction", Subject: subject})
	}
	return o, nil
}

// FindAlias reads an alias; nil and no error where there is none.
func (c *Client) FindAlias(ctx context.Context, function, alias string) (*definition.ObservedAlias, error) {
	out, err := c.api.GetAlias(ctx, &lambda.GetAliasInput{FunctionName: &function, Name: &alias})
	if notFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read alias %s of %s: %w", alias, function, err)
	}
	a, err := answeredAlias("GetAlias", function, alias, types.AliasConfiguration{
		AliasArn: out.AliasArn, Description: out.Description, FunctionVersion: out.FunctionVersion,
		Name: out.Name, RevisionId: out.RevisionId, RoutingConfig: out.RoutingConfig,
	})
	if err != nil {
		return nil, fmt.Errorf("read alias %s of %s: %w", alias, function, err)
	}
	return &a, nil
}

// NewestLayer returns the ARN of a layer's newest version. The error of a layer
// without versions says so.
func (c *Client) NewestLayer(ctx context.Context, name string) (string, error) {
	out, err := c.api.ListLayerVersions(ctx, &lambda.ListLayerVersionsInput{LayerName: &name, MaxItems: aws.Int32(1)})
	if err != nil {
		return "", fmt.Errorf("read layer %s: %w", name, err)
	}
	if len(out.LayerVersions) == 0 {
		return "", fmt.Errorf("there is no layer %s in %s", name, c.region)
	}
	return aws.ToString(out.LayerVersions[0].LayerVersionArn), nil
}

// ErrNoLayer is the error for a layer version that does not exist.
var ErrNoLayer = errors.New("there is no such version of the layer")

// HasLayer returns ErrNoLayer where the layer version with an ARN does not exist, and nil
// where it does.
func (c *Client) HasLayer(ctx context.Context, arn string) error {
	_, err := c.api.GetLayerVersionByArn(ctx, &lambda.GetLayerVersionByArnInput{Arn: &arn})
	if notFound(err) {
		err = ErrNoLayer
	}
	if err != nil {
		return fmt.Errorf("read layer %s: %w", arn, err)
	}
	return nil
}

// ListAliases reads every alias of a function, all pages.
func (c *Client) ListAliases(ctx context.Context, function string) ([]definition.ObservedAlias, error) {
	var all []definition.ObservedAlias
	pages := lambda.NewListAliasesPaginator(c.api, &lambda.ListAliasesInput{FunctionName: &function})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("list the aliases of %s: %w", function, err)
		}
		if page.Aliases == nil {
			return nil, fmt.Errorf("list the aliases of %s: %w", function, &AnswerError{Operation: "ListAliases", Subject: function})
		}
		for _, a := range page.Aliases {
			all = append(all, flattenAlias(a))
		}
	}
	return all, nil
}

// Version is one published version, as a list shows it.
type Version struct {
	Number, Description, CodeSha256, LastModified, State string
	// CodeSize is in bytes.
	CodeSize int64
}

// ListVersions reads every published version, all pages, oldest first as AWS
// returns them.
func (c *Client) ListVersions(ctx context.Context, function string) ([]Version, error) {
	var all []Version
	pages := lambda.NewListVersionsByFunctionPaginator(c.api, &lambda.ListVersionsByFunctionInput{FunctionName: &function})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("list the versions of %s: %w", function, err)
		}
		if page.Versions == nil {
			return nil, fmt.Errorf("list the versions of %s: %w", function, &AnswerError{Operation: "ListVersionsByFunction", Subject: function})
		}
		for _, v := range page.Versions {
			if aws.ToString(v.Version) == "$LATEST" {
				continue
			}
			all = append(all, Version{
				Number: aws.ToString(v.Version), Description: aws.ToString(v.Description),
				CodeSha256: aws.ToString(v.CodeSha256), LastModified: aws.ToString(v.LastModified),
				State: string(v.State), CodeSize: v.CodeSize,
			})
		}
	}
	return all, nil
}

// ListFunctions reads the names of every function of the Region, all pages.
func (c *Client) ListFunctions(ctx context.Context) ([]string, error) {
	var all []string
	pages := lambda.NewListFunctionsPaginator(c.api, &lambda.ListFunctionsInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("list the functions of %s: %w", c.region, err)
		}
		if page.Functions == nil {
			return nil, fmt.Errorf("list the functions of %s: %w", c.region, &AnswerError{Operation: "ListFunctions", Subject: c.region})
		}
		for _, f := range page.Functions {
			all = append(all, aws.ToString(f.FunctionName))
		}
	}
	return all, nil
}

// RunsExecution reports whether a durable execution runs on a version. A page may be
// empty although more follow.
func (c *Client) RunsExecution(ctx context.Context, function, version string) (bool, error) {
	pages := lambda.NewListDurableExecutionsByFunctionPaginator(c.api, &lambda.ListDurableExecutionsByFunctionInput{
		FunctionName: &function, Qualifier: &version, Statuses: []types.ExecutionStatus{types.ExecutionStatusRunning},
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return false, fmt.Errorf("list the durable executions of %s:%s: %w", function, version, err)
		}
		if page.DurableExecutions == nil {
			return false, fmt.Errorf("list the durable executions of %s:%s: %w", function, version, &AnswerError{Operation: "ListDurableExecutionsByFunction", Subject: function})
		}
		if len(page.DurableExecutions) > 0 {
			return true, nil
		}
	}
	return false, nil
}

// Provisioned reads the state of an alias' provisioned concurrency: IN_PROGRESS,
// READY, FAILED, or "" where it has none.
func (c *Client) Provisioned(ctx context.Context, function, qualifier string) (definition.Status, error) {
	out, err := c.api.GetProvisionedConcurrencyConfig(ctx, &lambda.GetProvisionedConcurrencyConfigInput{FunctionName: &function, Qualifier: &qualifier})
	if e := (*types.ProvisionedConcurrencyConfigNotFoundException)(nil); errors.As(err, &e) || notFound(err) {
		return definition.Status{}, nil
	}
	if err != nil {
		return definition.Status{}, fmt.Errorf("read the provisioned concurrency of %s:%s: %w", function, qualifier, err)
	}
	return definition.Status{Value: string(out.Status), Reason: aws.ToString(out.StatusReason)}, nil
}

// CodeSigning reads the code signing configuration's ARN, "" where there is none.
func (c *Client) CodeSigning(ctx context.Context, function string) (string, error) {
	out, err := c.api.GetFunctionCodeSigningConfig(ctx, &lambda.GetFunctionCodeSigningConfigInput{FunctionName: &function})
	if notFound(err) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read the code signing configuration of %s: %w", function, err)
	}
	return aws.ToString(out.CodeSigningConfigArn), nil
}
