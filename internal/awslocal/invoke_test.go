package awslocal_test

import (
	"encoding/base64"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/awstest"
)

// bootstrap is a custom runtime in shell that answers with a text and logs the
// event's length.
const bootstrap = `#!/bin/sh
api="http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation"
while :; do
  head=$(mktemp)
  curl -s -D "$head" "$api/next" > /dev/null
  id=$(grep -i lambda-runtime-aws-request-id "$head" | tr -d '\r' | cut -d' ' -f2)
  rm "$head"
  echo "served by TEXT"
  curl -s -X POST "$api/$id/response" -d "\"TEXT $WHO\""
done
`

// deployed makes a function of the shell runtime.
func (h *harness) deployed(t *testing.T, text string) {
	t.Helper()
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("there is no curl, of which the test's runtime is made")
	}
	_, err := h.lambda.CreateFunction(t.Context(), &awslambda.CreateFunctionInput{
		FunctionName: aws.String("fn"), Role: aws.String(awstest.Role), Runtime: types.RuntimeProvidedal2023,
		Handler: aws.String("bootstrap"), Timeout: aws.Int32(10),
		Environment: &types.Environment{Variables: map[string]string{"WHO": "me"}},
		Code:        &types.FunctionCode{ZipFile: awstest.Zip(t, "bootstrap", strings.ReplaceAll(bootstrap, "TEXT", text))},
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestInvokeRunsTheVersionThatTheQualifierNames(t *testing.T) {
	t.Parallel()
	h := start(t, awslocal.Options{Seed: 7})
	h.deployed(t, "one")
	publish := func() *string {
		v, err := h.lambda.PublishVersion(t.Context(), &awslambda.PublishVersionInput{FunctionName: aws.String("fn")})
		if err != nil {
			t.Fatal(err)
		}
		return v.Version
	}
	one := publish()
	_, err := h.lambda.UpdateFunctionCode(t.Context(), &awslambda.UpdateFunctionCodeInput{FunctionName: aws.String("fn"),
		ZipFile: awstest.Zip(t, "bootstrap", strings.ReplaceAll(bootstrap, "TEXT", "two"))})
	if err != nil {
		t.Fatal(err)
	}
	two := publish()
	_, err = h.lambda.CreateAlias(t.Context(), &awslambda.CreateAliasInput{FunctionName: aws.String("fn"), Name: aws.String("live"),
		FunctionVersion: one, RoutingConfig: &types.AliasRoutingConfiguration{AdditionalVersionWeights: map[string]float64{*two: 0.5}}})
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for range 8 {
		out, err := h.lambda.Invoke(t.Context(), &awslambda.InvokeInput{FunctionName: aws.String("fn"), Qualifier: aws.String("live"), LogType: types.LogTypeTail})
		if err != nil {
			t.Fatal(err)
		}
		tail, err := base64.StdEncoding.DecodeString(*out.LogResult)
		want := map[string]string{"1": "one", "2": "two"}[*out.ExecutedVersion]
		if err != nil || string(out.Payload) != `"`+want+` me"` || !strings.Contains(string(tail), "served by "+want) {
			t.Errorf("version %s: %s, log %s, %v", *out.ExecutedVersion, out.Payload, tail, err)
		}
		seen[*out.ExecutedVersion]++
	}
	if seen["1"] == 0 || seen["2"] == 0 {
		t.Errorf("a split of one half gave %v", seen)
	}
	for kind, status := range map[types.InvocationType]int32{types.InvocationTypeDryRun: http.StatusNoContent, types.InvocationTypeEvent: http.StatusAccepted} {
		out, err := h.lambda.Invoke(t.Context(), &awslambda.InvokeInput{FunctionName: aws.String("fn"), InvocationType: kind})
		if err != nil || out.StatusCode != status {
			t.Errorf("%s: %v, %v", kind, out, err)
		}
	}
}

func TestOldCodeServesUntilAnUpdateIsThrough(t *testing.T) {
	t.Parallel()
	h := start(t, awslocal.Options{InProgress: time.Minute})
	h.deployed(t, "old")
	h.Fail("update", "fn", "InternalError", "no luck")
	_, err := h.lambda.UpdateFunctionCode(t.Context(), &awslambda.UpdateFunctionCodeInput{FunctionName: aws.String("fn"),
		ZipFile: awstest.Zip(t, "bootstrap", strings.ReplaceAll(bootstrap, "TEXT", "new"))})
	if err != nil {
		t.Fatal(err)
	}
	serves := func(want string) {
		t.Helper()
		out, err := h.lambda.Invoke(t.Context(), &awslambda.InvokeInput{FunctionName: aws.String("fn")})
		if err != nil || string(out.Payload) != `"`+want+` me"` {
			t.Errorf("got %v, %v; want %s", out, err, want)
		}
	}
	serves("old")
	h.Advance(time.Minute)
	serves("old") // the update has failed
	_, err = h.lambda.UpdateFunctionConfiguration(t.Context(), &awslambda.UpdateFunctionConfigurationInput{FunctionName: aws.String("fn")})
	if err != nil {
		t.Fatal(err)
	}
	h.Advance(time.Minute)
	serves("new")
}

func TestWhatCannotRunHereIsSaidPlainly(t *testing.T) {
	t.Parallel()
	h := start(t, awslocal.Options{Pending: time.Minute})
	_, err := h.lambda.CreateFunction(t.Context(), &awslambda.CreateFunctionInput{
		FunctionName: aws.String("fn"), Role: aws.String(awstest.Role), Runtime: types.RuntimeJava21,
		Handler: aws.String("x.Y"), Code: &types.FunctionCode{ZipFile: awstest.Zip(t, "x.class", "")}})
	if err != nil {
		t.Fatal(err)
	}
	invoke := func(name string) error {
		_, err := h.lambda.Invoke(t.Context(), &awslambda.InvokeInput{FunctionName: &name})
		return err
	}
	awstest.WantCode(t, invoke("fn"), "ResourceConflictException")
	h.Advance(time.Minute)
	awstest.WantCode(t, invoke("fn"), "InvalidRuntimeException")
	awstest.WantCode(t, invoke("lost"), "ResourceNotFoundException")
	_, err = h.lambda.PutFunctionConcurrency(t.Context(), &awslambda.PutFunctionConcurrencyInput{FunctionName: aws.String("fn"), ReservedConcurrentExecutions: aws.Int32(0)})
	if err != nil {
		t.Fatal(err)
	}
	awstest.WantCode(t, invoke("fn"), "TooManyRequestsException")
}
