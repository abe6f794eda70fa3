package awslocal_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/awstest"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/store"
)

func TestAReadOnlyServerShowsTheStateAndLosesChanges(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := start(t, awslocal.Options{Dir: dir})
	first.deployed(t, "kept")
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	reader := start(t, awslocal.Options{Dir: dir, ReadOnly: true})
	reader.get(t, "fn", "")
	reader.create(t, "lost")
	reader.assume(t, awstest.Role)
	if out, err := reader.lambda.Invoke(t.Context(), &awslambda.InvokeInput{FunctionName: aws.String("fn")}); err != nil || string(out.Payload) != `"kept me"` {
		t.Errorf("its code runs: %+v, %v", out, err)
	}
	if err := reader.Close(); err != nil {
		t.Fatal(err)
	}
	second := start(t, awslocal.Options{Dir: dir})
	second.get(t, "fn", "")
	_, err := second.lambda.GetFunction(t.Context(), &awslambda.GetFunctionInput{FunctionName: aws.String("lost")})
	awstest.WantCode(t, err, "ResourceNotFoundException")
}

func TestAFolderOfSomebodyElseIsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "important.txt"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, readOnly := range []bool{true, false} {
		if _, err := awslocal.New(awslocal.Options{Dir: dir, ReadOnly: readOnly}); !errors.Is(err, store.ErrForeign) {
			t.Errorf("read-only %v: %v", readOnly, err)
		}
	}
}

func TestAChangeThatCannotBeKeptIsNone(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "state")
	h := start(t, awslocal.Options{Dir: dir})
	h.create(t, "fn")
	fn, live := aws.String("fn"), aws.String("live")
	_, err := h.lambda.CreateAlias(t.Context(), &awslambda.CreateAliasInput{FunctionName: fn, Name: live, FunctionVersion: aws.String("$LATEST"), Description: aws.String("before")})
	if err != nil {
		t.Fatal(err)
	}
	get := func() string {
		out, err := h.lambda.GetAlias(t.Context(), &awslambda.GetAliasInput{FunctionName: fn, Name: live})
		if err != nil {
			t.Fatal(err)
		}
		return *out.Description
	}
	before := get()
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	_, err = h.lambda.UpdateAlias(t.Context(), &awslambda.UpdateAliasInput{FunctionName: fn, Name: live, Description: aws.String("after")}, func(o *awslambda.Options) { o.RetryMaxAttempts = 1 })
	if awstest.Code(err) != "ServiceException" {
		t.Errorf("a change without a folder: %v", err)
	}
	if after := get(); before != "before" || after != before {
		t.Errorf("%q became %q", before, after)
	}
}
