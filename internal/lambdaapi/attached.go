package lambdaapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"golang.org/x/sync/errgroup"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/session"
)

// Attachment is something that hangs on a function, version or alias and that
// would be deleted, or broken, together with it.
type Attachment struct {
	// Qualifier is the version or alias; "" for the function itself.
	Qualifier string
	// What names it: "permission allow-api", "function URL".
	What string
}

// String describes what is attached where.
func (a Attachment) String() string {
	if a.Qualifier == "" {
		return a.What
	}
	return a.What + " of " + a.Qualifier
}

// Attached asks for everything that can hang on the function named by arn and on
// these qualifiers of it ("" for the function itself): resource policies,
// function URLs, event-invoke configurations, event source mappings, provisioned
// and reserved concurrency, and what AWS does about loops and new runtimes where
// that is not its default. The error names every question that was not
// answered; what was found is returned beside it.
func (c *Client) Attached(ctx context.Context, arn string, qualifiers []string) ([]Attachment, error) {
	_, function, _ := strings.Cut(arn, ":function:")
	if function == "" {
		function = arn
	}
	q := questions{api: c.api, function: function, arn: arn, wanted: qualifiers}
	asks := []func(context.Context) ([]Attachment, error){q.urls, q.eventInvoke, q.provisioned}
	if slices.Contains(qualifiers, "") {
		asks = append(asks, q.reserved, q.recursiveLoop, q.runtimeManagement,
			func(ctx context.Context) ([]Attachment, error) { return q.eventSources(ctx, latest) })
	}
	for _, qualifier := range qualifiers {
		asks = append(asks,
			func(ctx context.Context) ([]Attachment, error) { return q.policy(ctx, qualifier) },
			func(ctx context.Context) ([]Attachment, error) { return q.eventSources(ctx, qualifier) })
	}
	found, errs := make([][]Attachment, len(asks)), make([]error, len(asks))
	var all errgroup.Group
	for i, ask := range asks {
		all.Go(func() error {
			if found[i], errs[i] = ask(ctx); notFound(errs[i]) {
				errs[i] = nil
			}
			return nil
		})
	}
	_ = all.Wait() // it never fails: errs has the errors
	return slices.Concat(found...), errors.Join(errs...)
}

// Callers lists what lets somebody call an alias of the function named by arn: its
// resource policy, its function URL, event source mappings.
func (c *Client) Callers(ctx context.Context, arn, alias string) ([]Attachment, error) {
	_, function, _ := strings.Cut(arn, ":function:")
	q := questions{api: c.api, function: function, arn: arn, wanted: []string{alias}}
	urls, err := q.urls(ctx)
	if err != nil || len(urls) > 0 {
		return urls, err
	}
	statements, err := q.policy(ctx, alias)
	if notFound(err) {
		err = nil
	}
	if err != nil || len(statements) > 0 {
		return statements, err
	}
	return q.eventSources(ctx, alias)
}

// questions are asked about one function.
type questions struct {
	api           *lambda.Client
	function, arn string
	wanted        []string
}

// about keeps what belongs to a qualifier that was asked for. AWS names the
// function by its ARN, with the qualifier behind it.
func (q questions) about(arn, what string) []Attachment {
	_, rest, _ := strings.Cut(arn, ":function:"+q.function)
	qualifier := strings.TrimPrefix(rest, ":")
	if qualifier == latest {
		qualifier = ""
	}
	if !slices.Contains(q.wanted, qualifier) {
		return nil
	}
	return []Attachment{{Qualifier: qualifier, What: what}}
}

func (q questions) urls(ctx context.Context) ([]Attachment, error) {
	var all []Attachment
	pages := lambda.NewListFunctionUrlConfigsPaginator(q.api, &lambda.ListFunctionUrlConfigsInput{FunctionName: &q.function})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil || page.FunctionUrlConfigs == nil {
			return nil, q.failed("list the function URLs", "ListFunctionUrlConfigs", err)
		}
		for _, u := range page.FunctionUrlConfigs {
			all = append(all, q.about(aws.ToString(u.FunctionArn), "function URL")...)
		}
	}
	return all, nil
}

func (q questions) eventInvoke(ctx context.Context) ([]Attachment, error) {
	var all []Attachment
	pages := lambda.NewListFunctionEventInvokeConfigsPaginator(q.api, &lambda.ListFunctionEventInvokeConfigsInput{FunctionName: &q.function})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil || page.FunctionEventInvokeConfigs == nil {
			return nil, q.failed("list the event-invoke configurations", "ListFunctionEventInvokeConfigs", err)
		}
		for _, e := range page.FunctionEventInvokeConfigs {
			all = append(all, q.about(aws.ToString(e.FunctionArn), "event-invoke configuration")...)
		}
	}
	return all, nil
}

func (q questions) provisioned(ctx context.Context) ([]Attachment, error) {
	var all []Attachment
	pages := lambda.NewListProvisionedConcurrencyConfigsPaginator(q.api, &lambda.ListProvisionedConcurrencyConfigsInput{FunctionName: &q.function})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil || page.ProvisionedConcurrencyConfigs == nil {
			return nil, q.failed("list the provisioned concurrency", "ListProvisionedConcurrencyConfigs", err)
		}
		for _, p := range page.ProvisionedConcurrencyConfigs {
			all = append(all, q.about(aws.ToString(p.FunctionArn), "provisioned concurrency")...)
		}
	}
	return all, nil
}

func (q questions) reserved(ctx context.Context) ([]Attachment, error) {
	out, err := q.api.GetFunctionConcurrency(ctx, &lambda.GetFunctionConcurrencyInput{FunctionName: &q.function})
	switch {
	case err != nil:
		return nil, fmt.Errorf("read the reserved concurrency of %s: %w", q.function, err)
	case out.ReservedConcurrentExecutions == nil && emptyAnswer(out.ResultMetadata):
		return nil, q.failed("read the reserved concurrency", "GetFunctionConcurrency", nil)
	case out.ReservedConcurrentExecutions == nil:
		return nil, nil
	}
	return []Attachment{{What: "reserved concurrency of " + strconv.Itoa(int(*out.ReservedConcurrentExecutions))}}, nil
}

// recursiveLoop and runtimeManagement are always there: only what somebody set
// counts.
func (q questions) recursiveLoop(ctx context.Context) ([]Attachment, error) {
	out, err := q.api.GetFunctionRecursionConfig(ctx, &lambda.GetFunctionRecursionConfigInput{FunctionName: &q.function})
	if err != nil || out.RecursiveLoop == "" {
		return nil, q.failed("read the recursive loop detection", "GetFunctionRecursionConfig", err)
	}
	return changed(definition.RecursiveLoop{Mode: string(out.RecursiveLoop)}, "recursive loop detection"), nil
}

func (q questions) runtimeManagement(ctx context.Context) ([]Attachment, error) {
	out, err := q.api.GetRuntimeManagementConfig(ctx, &lambda.GetRuntimeManagementConfigInput{FunctionName: &q.function})
	if err != nil || out.UpdateRuntimeOn == "" {
		return nil, q.failed("read the runtime management", "GetRuntimeManagementConfig", err)
	}
	return changed(definition.RuntimeManagement{UpdateRuntimeOn: string(out.UpdateRuntimeOn)}, "runtime management"), nil
}

func changed(now definition.SettingValue, what string) []Attachment {
	if definition.SameSetting(now, definition.DefaultSetting(now.Kind())) {
		return nil
	}
	return []Attachment{{What: what}}
}

// emptyAnswer reports whether an answer had no body, not even {}, or, from a host of AWS,
// lacks AWS's request id, which an emulator may not send: AWS sends none such to a
// question.
func emptyAnswer(metadata middleware.Metadata) bool {
	raw, ok := awsmiddleware.GetRawResponse(metadata).(*smithyhttp.Response)
	if !ok {
		return false
	}
	id, _ := awsmiddleware.GetRequestIDMetadata(metadata)
	return raw.StatusCode != http.StatusOK || raw.ContentLength == 0 ||
		id == "" && raw.Request != nil && session.OfAWS(raw.Request.URL.Hostname())
}

// policy lists the statements of a resource policy. One without statements lets
// nobody in.
func (q questions) policy(ctx context.Context, qualifier string) ([]Attachment, error) {
	out, err := q.api.GetPolicy(ctx, &lambda.GetPolicyInput{FunctionName: &q.function, Qualifier: nonEmpty(qualifier)})
	if err != nil {
		return nil, fmt.Errorf("read the policy of %s: %w", join(q.function, qualifier), err)
	}
	var document struct {
		Statement []struct{ Sid string }
	}
	if err := json.Unmarshal([]byte(aws.ToString(out.Policy)), &document); err != nil || document.Statement == nil {
		return nil, fmt.Errorf("read the policy of %s: %w", join(q.function, qualifier), &AnswerError{Operation: "GetPolicy", Subject: q.function})
	}
	var all []Attachment
	for _, s := range document.Statement {
		all = append(all, Attachment{qualifier, strings.TrimSpace("permission " + s.Sid)})
	}
	return all, nil
}

// eventSources lists the mappings that feed one qualifier: asked by the bare
// name, AWS lists only those of the function itself
// (https://docs.aws.amazon.com/lambda/latest/api/API_ListEventSourceMappings.html).
func (q questions) eventSources(ctx context.Context, qualifier string) ([]Attachment, error) {
	name := q.function
	if qualifier != "" {
		name = join(q.arn, qualifier)
	}
	var all []Attachment
	pages := lambda.NewListEventSourceMappingsPaginator(q.api, &lambda.ListEventSourceMappingsInput{FunctionName: &name})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil || page.EventSourceMappings == nil {
			return nil, q.failed("list the event source mappings", "ListEventSourceMappings", err)
		}
		for _, m := range page.EventSourceMappings {
			all = append(all, Attachment{qualifier, "event source mapping " + aws.ToString(m.UUID)})
		}
	}
	return all, nil
}

// failed is the error of a list that was not answered, or by an object without
// the list, which no AWS sends.
func (q questions) failed(what, operation string, err error) error {
	if err == nil {
		err = &AnswerError{Operation: operation, Subject: q.function}
	}
	return fmt.Errorf("%s of %s: %w", what, q.function, err)
}

func join(name, qualifier string) string {
	if qualifier == "" {
		return name
	}
	return name + ":" + qualifier
}
