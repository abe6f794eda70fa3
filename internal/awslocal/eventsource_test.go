package awslocal_test

import (
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/google/go-cmp/cmp"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/awstest"
)

const (
	queueARN  = "arn:aws:sqs:us-east-1:000000000000:orders"
	streamARN = "arn:aws:kinesis:us-east-1:000000000000:stream/clicks"
	fnARN     = "arn:aws:lambda:us-east-1:000000000000:function:fn"
)

// withAlias makes a function with version 1 and the alias live.
func (h *harness) withAlias(t testing.TB) {
	t.Helper()
	h.create(t, "fn")
	if _, err := h.lambda.PublishVersion(t.Context(), &awslambda.PublishVersionInput{FunctionName: aws.String("fn")}); err != nil {
		t.Fatal(err)
	}
	if _, err := h.lambda.CreateAlias(t.Context(), &awslambda.CreateAliasInput{FunctionName: aws.String("fn"), Name: aws.String("live"), FunctionVersion: aws.String("1")}); err != nil {
		t.Fatal(err)
	}
}

func (h *harness) mapSource(t testing.TB, in *awslambda.CreateEventSourceMappingInput) *awslambda.CreateEventSourceMappingOutput {
	t.Helper()
	out, err := h.lambda.CreateEventSourceMapping(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestMappingsAreListedByFunctionAliasAndSource(t *testing.T) {
	t.Parallel()
	h := start(t, awslocal.Options{})
	h.withAlias(t)
	for _, in := range []awslambda.CreateEventSourceMappingInput{
		{FunctionName: aws.String("fn"), EventSourceArn: aws.String(queueARN)},
		{FunctionName: aws.String("fn:live"), EventSourceArn: aws.String(queueARN)},
		{FunctionName: aws.String(fnARN + ":live"), EventSourceArn: aws.String(streamARN), StartingPosition: types.EventSourcePositionLatest},
		{FunctionName: aws.String("fn:1"), EventSourceArn: aws.String(queueARN)},
	} {
		h.mapSource(t, &in)
	}
	for _, test := range []struct {
		function, source string
		want             []string
	}{
		{"", "", []string{fnARN, fnARN + ":1", fnARN + ":live", fnARN + ":live"}},
		{"fn", "", []string{fnARN}},
		{"fn:live", "", []string{fnARN + ":live", fnARN + ":live"}},
		{fnARN + ":live", "", []string{fnARN + ":live", fnARN + ":live"}},
		{fnARN + ":1", queueARN, []string{fnARN + ":1"}},
		{"", streamARN, []string{fnARN + ":live"}},
		{"fn", streamARN, nil},
		{"other", "", nil},
	} {
		in := &awslambda.ListEventSourceMappingsInput{}
		if test.function != "" {
			in.FunctionName = &test.function
		}
		if test.source != "" {
			in.EventSourceArn = &test.source
		}
		var got []string
		pages := awslambda.NewListEventSourceMappingsPaginator(h.lambda, in)
		for pages.HasMorePages() {
			out, err := pages.NextPage(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range out.EventSourceMappings {
				got = append(got, *m.FunctionArn)
			}
		}
		if diff := cmp.Diff(sorted(test.want), sorted(got)); diff != "" {
			t.Errorf("%+v\n%s", test, diff)
		}
	}
	// They outlive the function.
	if _, err := h.lambda.DeleteFunction(t.Context(), &awslambda.DeleteFunctionInput{FunctionName: aws.String("fn")}); err != nil {
		t.Fatal(err)
	}
	if out, err := h.lambda.ListEventSourceMappings(t.Context(), &awslambda.ListEventSourceMappingsInput{FunctionName: aws.String("fn:live")}); err != nil || len(out.EventSourceMappings) != 2 {
		t.Errorf("after the function: %+v, %v", out, err)
	}
}

func TestAMappingGoesThroughItsStates(t *testing.T) {
	t.Parallel()
	h := start(t, awslocal.Options{Pending: time.Minute, InProgress: time.Minute})
	h.create(t, "fn")
	h.Advance(time.Minute)
	made := h.mapSource(t, &awslambda.CreateEventSourceMappingInput{FunctionName: aws.String("fn"), EventSourceArn: aws.String(queueARN)})
	if *made.State != "Creating" || *made.BatchSize != 10 || *made.EventSourceMappingArn != "arn:aws:lambda:us-east-1:000000000000:event-source-mapping:"+*made.UUID || *made.StateTransitionReason != "USER_INITIATED" {
		t.Errorf("created %+v", made)
	}
	state := func() string {
		out, err := h.lambda.GetEventSourceMapping(t.Context(), &awslambda.GetEventSourceMappingInput{UUID: made.UUID})
		if err != nil {
			return awstest.Code(err)
		}
		return *out.State
	}
	update := func(in awslambda.UpdateEventSourceMappingInput) error {
		in.UUID = made.UUID
		_, err := h.lambda.UpdateEventSourceMapping(t.Context(), &in)
		return err
	}
	remove := func() error {
		_, err := h.lambda.DeleteEventSourceMapping(t.Context(), &awslambda.DeleteEventSourceMappingInput{UUID: made.UUID})
		return err
	}
	awstest.WantCode(t, update(awslambda.UpdateEventSourceMappingInput{BatchSize: aws.Int32(1)}), "ResourceInUseException")
	awstest.WantCode(t, remove(), "ResourceInUseException")
	for _, step := range []struct {
		do            func() error
		during, after string
	}{
		{func() error { return nil }, "Creating", "Enabled"},
		{func() error { return update(awslambda.UpdateEventSourceMappingInput{BatchSize: aws.Int32(5)}) }, "Updating", "Enabled"},
		{func() error { return update(awslambda.UpdateEventSourceMappingInput{Enabled: aws.Bool(false)}) }, "Disabling", "Disabled"},
		{func() error { return update(awslambda.UpdateEventSourceMappingInput{Enabled: aws.Bool(true)}) }, "Enabling", "Enabled"},
		{remove, "Deleting", "ResourceNotFoundException"},
	} {
		if err := step.do(); err != nil {
			t.Fatal(err)
		}
		during := state()
		h.Advance(time.Minute)
		if after := state(); during != step.during || after != step.after {
			t.Errorf("%s, then %s; want %s, then %s", during, after, step.during, step.after)
		}
	}
	state2, err := h.Dump(awstest.Account)
	if err != nil || len(state2.Mappings) != 0 {
		t.Errorf("mappings %v, %v", state2.Mappings, err)
	}
}

func TestMappingsThatAWSRefuses(t *testing.T) {
	t.Parallel()
	h := start(t, awslocal.Options{})
	h.withAlias(t)
	good := awslambda.CreateEventSourceMappingInput{FunctionName: aws.String("fn"), EventSourceArn: aws.String(queueARN)}
	h.mapSource(t, &good)
	for name, test := range map[string]struct {
		change func(*awslambda.CreateEventSourceMappingInput)
		code   string
	}{
		"twice":               {func(*awslambda.CreateEventSourceMappingInput) {}, "ResourceConflictException"},
		"no source":           {func(in *awslambda.CreateEventSourceMappingInput) { in.EventSourceArn = nil }, "InvalidParameterValueException"},
		"a source of no form": {func(in *awslambda.CreateEventSourceMappingInput) { in.EventSourceArn = aws.String("queue") }, "ValidationException"},
		"no function":         {func(in *awslambda.CreateEventSourceMappingInput) { in.FunctionName = aws.String("lost") }, "InvalidParameterValueException"},
		"no alias":            {func(in *awslambda.CreateEventSourceMappingInput) { in.FunctionName = aws.String("fn:lost") }, "InvalidParameterValueException"},
		"no start":            {func(in *awslambda.CreateEventSourceMappingInput) { in.EventSourceArn = aws.String(streamARN) }, "InvalidParameterValueException"},
		"a start of a queue":  {func(in *awslambda.CreateEventSourceMappingInput) { in.StartingPosition = "LATEST" }, "InvalidParameterValueException"},
		"too large a batch":   {func(in *awslambda.CreateEventSourceMappingInput) { in.BatchSize = aws.Int32(10001) }, "ValidationException"},
	} {
		in := good
		test.change(&in)
		if _, err := h.lambda.CreateEventSourceMapping(t.Context(), &in); awstest.Code(err) != test.code {
			t.Errorf("%s: %v, want %s", name, err, test.code)
		}
	}
	for name, err := range map[string]error{
		"get":    second(h.lambda.GetEventSourceMapping(t.Context(), &awslambda.GetEventSourceMappingInput{UUID: aws.String("lost")})),
		"update": second(h.lambda.UpdateEventSourceMapping(t.Context(), &awslambda.UpdateEventSourceMappingInput{UUID: aws.String("lost")})),
		"delete": second(h.lambda.DeleteEventSourceMapping(t.Context(), &awslambda.DeleteEventSourceMappingInput{UUID: aws.String("lost")})),
	} {
		if awstest.Code(err) != "ResourceNotFoundException" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

// What hangs on a qualifier is found by asking for that qualifier alone, or by a
// list of them all.
func TestWhatHangsOnAQualifierIsListed(t *testing.T) {
	t.Parallel()
	h := start(t, awslocal.Options{})
	h.withAlias(t)
	fn, live := aws.String("fn"), aws.String("live")
	ctx := t.Context()
	for _, q := range []*string{nil, live, aws.String("1")} {
		sid := "allow"
		if _, err := h.lambda.AddPermission(ctx, &awslambda.AddPermissionInput{FunctionName: fn, Qualifier: q, StatementId: &sid, Action: aws.String("lambda:InvokeFunction"), Principal: aws.String("s3.amazonaws.com")}); err != nil {
			t.Fatal(err)
		}
		if _, err := h.lambda.PutFunctionEventInvokeConfig(ctx, &awslambda.PutFunctionEventInvokeConfigInput{FunctionName: fn, Qualifier: q, MaximumRetryAttempts: aws.Int32(1)}); err != nil {
			t.Fatal(err)
		}
	}
	for _, q := range []*string{nil, live} {
		if _, err := h.lambda.CreateFunctionUrlConfig(ctx, &awslambda.CreateFunctionUrlConfigInput{FunctionName: fn, Qualifier: q, AuthType: types.FunctionUrlAuthTypeNone}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := h.lambda.PutProvisionedConcurrencyConfig(ctx, &awslambda.PutProvisionedConcurrencyConfigInput{FunctionName: fn, Qualifier: live, ProvisionedConcurrentExecutions: aws.Int32(1)}); err != nil {
		t.Fatal(err)
	}
	urls, err := h.lambda.ListFunctionUrlConfigs(ctx, &awslambda.ListFunctionUrlConfigsInput{FunctionName: fn})
	if err != nil || len(urls.FunctionUrlConfigs) != 2 || *urls.FunctionUrlConfigs[1].FunctionArn != fnARN+":live" {
		t.Errorf("URLs %+v, %v", urls, err)
	}
	events, err := h.lambda.ListFunctionEventInvokeConfigs(ctx, &awslambda.ListFunctionEventInvokeConfigsInput{FunctionName: fn})
	if err != nil || len(events.FunctionEventInvokeConfigs) != 3 {
		t.Errorf("event-invoke configurations %+v, %v", events, err)
	}
	provisioned, err := h.lambda.ListProvisionedConcurrencyConfigs(ctx, &awslambda.ListProvisionedConcurrencyConfigsInput{FunctionName: fn})
	if err != nil || len(provisioned.ProvisionedConcurrencyConfigs) != 1 || *provisioned.ProvisionedConcurrencyConfigs[0].FunctionArn != fnARN+":live" {
		t.Errorf("provisioned concurrency %+v, %v", provisioned, err)
	}
	// A policy without a statement does not exist in AWS: with its last statement
	// the policy goes.
	for _, q := range []*string{nil, live, aws.String("1")} {
		if _, err := h.lambda.GetPolicy(ctx, &awslambda.GetPolicyInput{FunctionName: fn, Qualifier: q}); err != nil {
			t.Errorf("the policy of %s: %v", aws.ToString(q), err)
		}
		if _, err := h.lambda.RemovePermission(ctx, &awslambda.RemovePermissionInput{FunctionName: fn, Qualifier: q, StatementId: aws.String("allow")}); err != nil {
			t.Fatal(err)
		}
		_, err := h.lambda.GetPolicy(ctx, &awslambda.GetPolicyInput{FunctionName: fn, Qualifier: q})
		awstest.WantCode(t, err, "ResourceNotFoundException")
	}
}

func sorted(list []string) []string { return slices.Sorted(slices.Values(list)) }
