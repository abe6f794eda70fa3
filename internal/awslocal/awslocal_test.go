package awslocal_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/awstest"
)

// harness is an embedded AWS with an SDK client.
type harness struct {
	*awstest.AWS
	lambda *awslambda.Client
}

func start(t testing.TB, o awslocal.Options) *harness {
	t.Helper()
	a := awstest.Start(t, o)
	return &harness{AWS: a, lambda: a.Lambda()}
}

// startInProcess is start for a bubble.
func startInProcess(t testing.TB, o awslocal.Options) *harness {
	t.Helper()
	a := awstest.StartInProcess(t, o)
	return &harness{AWS: a, lambda: a.Lambda()}
}

func (h *harness) create(t testing.TB, name string) *awslambda.CreateFunctionOutput {
	t.Helper()
	return awstest.CreateFunction(t, h.lambda, name)
}

func (h *harness) get(t testing.TB, name, qualifier string) *awslambda.GetFunctionOutput {
	t.Helper()
	return awstest.GetFunction(t, h.lambda, name, qualifier)
}

func TestAFunctionGoesThroughItsLife(t *testing.T) {
	t.Parallel()
	h := start(t, awslocal.Options{Pending: time.Minute, InProgress: time.Minute})
	ctx := t.Context()
	created := h.create(t, "fn")
	if created.State != types.StatePending {
		t.Errorf("created in state %s", created.State)
	}
	_, err := h.lambda.UpdateFunctionConfiguration(ctx, &awslambda.UpdateFunctionConfigurationInput{FunctionName: aws.String("fn"), Timeout: aws.Int32(9)})
	awstest.WantCode(t, err, "ResourceConflictException")
	h.Advance(time.Minute)
	got := h.get(t, "fn", "")
	if got.Configuration.State != types.StateActive || *got.Configuration.RevisionId == *created.RevisionId {
		t.Errorf("after a minute: %s, revision moved: %v", got.Configuration.State, *got.Configuration.RevisionId != *created.RevisionId)
	}
	code := awstest.Zip(t, "index.py", "2")
	updated, err := h.lambda.UpdateFunctionCode(ctx, &awslambda.UpdateFunctionCodeInput{FunctionName: aws.String("fn"), ZipFile: code, RevisionId: got.Configuration.RevisionId})
	if err != nil {
		t.Fatal(err)
	}
	if updated.LastUpdateStatus != types.LastUpdateStatusInProgress || *updated.CodeSha256 != awstest.CodeSha256(code) {
		t.Errorf("update shows %s, %s", updated.LastUpdateStatus, *updated.CodeSha256)
	}
	_, err = h.lambda.PublishVersion(ctx, &awslambda.PublishVersionInput{FunctionName: aws.String("fn")})
	awstest.WantCode(t, err, "ResourceConflictException")
	h.Advance(time.Minute)
	_, err = h.lambda.PublishVersion(ctx, &awslambda.PublishVersionInput{FunctionName: aws.String("fn"), RevisionId: updated.RevisionId})
	awstest.WantCode(t, err, "PreconditionFailedException")
	v, err := h.lambda.PublishVersion(ctx, &awslambda.PublishVersionInput{FunctionName: aws.String("fn"), Description: aws.String("one")})
	if err != nil || *v.Version != "1" || *v.Description != "one" {
		t.Fatalf("published %+v, %v", v, err)
	}
	_, err = h.lambda.CreateAlias(ctx, &awslambda.CreateAliasInput{FunctionName: aws.String("fn"), Name: aws.String("live"), FunctionVersion: v.Version})
	if err != nil {
		t.Fatal(err)
	}
	_, err = h.lambda.DeleteFunction(ctx, &awslambda.DeleteFunctionInput{FunctionName: aws.String("fn"), Qualifier: aws.String("1")})
	awstest.WantCode(t, err, "ResourceConflictException")
	if at := h.get(t, "fn", "live").Configuration; *at.Version != "1" || *at.FunctionArn != "arn:aws:lambda:us-east-1:000000000000:function:fn:live" {
		t.Errorf("live is %s, %s", *at.Version, *at.FunctionArn)
	}
}

func TestCodeLocationGivesTheBytesForTenMinutes(t *testing.T) {
	t.Parallel()
	h := start(t, awslocal.Options{})
	h.create(t, "fn")
	url := *h.get(t, "fn", "").Code.Location
	fetch := func() (int, []byte) {
		resp, err := http.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(resp.Body)
		if err = errors.Join(err, resp.Body.Close()); err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, b
	}
	if status, b := fetch(); status != 200 || awstest.CodeSha256(b) != awstest.CodeSha256(awstest.Zip(t, "index.py", "1")) {
		t.Errorf("download: %d, %d bytes", status, len(b))
	}
	h.Advance(11 * time.Minute)
	if status, _ := fetch(); status != http.StatusForbidden {
		t.Errorf("after eleven minutes: %d", status)
	}
}

func TestStateOutlivesTheProcess(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := start(t, awslocal.Options{Dir: dir, Pending: time.Hour})
	first.create(t, "fn")
	before, err := first.Dump("000000000000")
	if err != nil {
		t.Fatal(err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	second := start(t, awslocal.Options{Dir: dir})
	after, err := second.Dump("000000000000")
	if err != nil || len(after.Functions) != 1 || len(before.Functions) != 1 {
		t.Fatalf("%v, %v, %v", before, after, err)
	}
	if state := second.get(t, "fn", "").Configuration.State; state != types.StatePending {
		t.Errorf("state %s, want what the first process had begun", state)
	}
	second.Advance(time.Hour)
	if state := second.get(t, "fn", "").Configuration.State; state != types.StateActive {
		t.Errorf("state %s after the hour", state)
	}
}

func TestAccountsAndRegionsAreApart(t *testing.T) {
	t.Parallel()
	h := start(t, awslocal.Options{})
	h.create(t, "fn")
	for _, c := range []*awslambda.Client{awslambda.NewFromConfig(h.Config("eu-west-1", "test")), awslambda.NewFromConfig(h.Config("us-east-1", "111111111111"))} {
		_, err := c.GetFunction(context.Background(), &awslambda.GetFunctionInput{FunctionName: aws.String("fn")})
		awstest.WantCode(t, err, "ResourceNotFoundException")
	}
}
