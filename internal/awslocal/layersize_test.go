package awslocal_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/awstest"
)

// Code and layers share one limit, whichever of them is new
// (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html).
func TestCodeHasToFitBesideTheLayers(t *testing.T) {
	t.Parallel()
	a := awstest.StartInProcess(t, awslocal.Options{})
	client := a.Lambda()
	layer := fmt.Sprintf("arn:aws:lambda:%s:%s:layer:tools:1", awstest.Region, awstest.Account)
	if err := a.PlantLayer(layer, 262_144_000-100); err != nil {
		t.Fatal(err)
	}
	small, large := awstest.Zip(t, "index.js", "1"), awstest.Zip(t, "index.js", strings.Repeat("1", 200))
	_, err := client.CreateFunction(t.Context(), &lambda.CreateFunctionInput{
		FunctionName: aws.String("f"), Role: aws.String(awstest.Role), Runtime: types.RuntimeNodejs22x, Handler: aws.String("index.handler"),
		Code: &types.FunctionCode{ZipFile: small}, Layers: []string{layer},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, dryRun := range []bool{true, false} {
		_, err = client.UpdateFunctionCode(t.Context(), &lambda.UpdateFunctionCodeInput{FunctionName: aws.String("f"), ZipFile: large, DryRun: dryRun})
		if err == nil || !strings.Contains(err.Error(), "Function code combined with layers exceeds the maximum allowed size of 262144000 bytes. The actual size is 262144100 bytes.") {
			t.Errorf("dry run %v: %v", dryRun, err)
		}
		if _, err := client.UpdateFunctionCode(t.Context(), &lambda.UpdateFunctionCodeInput{FunctionName: aws.String("f"), ZipFile: small, DryRun: dryRun}); err != nil {
			t.Errorf("dry run %v: %v", dryRun, err)
		}
	}
}
