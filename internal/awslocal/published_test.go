package awslocal_test

import (
	"context"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/awstest"
)

// Who invokes a function on managed instances without a qualifier reaches
// $LATEST.PUBLISHED, which stays as it is while $LATEST changes.
func TestCallersOfManagedInstancesReachWhatWasPublished(t *testing.T) {
	t.Parallel()
	handle := func(_ context.Context, e awslocal.Event) awslocal.Answer {
		return awslocal.Answer{Payload: []byte(`"` + e.Version + `"`)}
	}
	api := awstest.StartInProcess(t, awslocal.Options{Handler: handle}).Lambda()
	fn, published := aws.String("fn"), aws.String("$LATEST.PUBLISHED")
	awstest.CreateFunction(t, api, "plain")
	_, err := api.PublishVersion(t.Context(), &awslambda.PublishVersionInput{FunctionName: aws.String("plain"), PublishTo: types.FunctionVersionLatestPublishedLatestPublished})
	awstest.WantCode(t, err, "InvalidParameterValueException")
	_, err = api.CreateFunction(t.Context(), &awslambda.CreateFunctionInput{
		FunctionName: fn, Role: aws.String("arn:aws:iam::000000000000:role/fn"), Runtime: types.RuntimeProvidedal2023, Handler: aws.String("bootstrap"),
		MemorySize: aws.Int32(2048), Code: &types.FunctionCode{ZipFile: awstest.Zip(t, "bootstrap", "1")},
		CapacityProviderConfig: &types.CapacityProviderConfig{LambdaManagedInstancesCapacityProviderConfig: &types.LambdaManagedInstancesCapacityProviderConfig{
			CapacityProviderArn: aws.String("arn:aws:lambda:us-east-1:000000000000:capacity-provider:cp")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	invoke := func() (string, error) {
		out, err := api.Invoke(t.Context(), &awslambda.InvokeInput{FunctionName: fn})
		if err != nil {
			return "", err
		}
		return aws.ToString(out.ExecutedVersion), nil
	}
	_, err = invoke()
	awstest.WantCode(t, err, "ResourceNotFoundException")
	publish := func(description string) string {
		out, err := api.PublishVersion(t.Context(), &awslambda.PublishVersionInput{FunctionName: fn, Description: &description, PublishTo: types.FunctionVersionLatestPublishedLatestPublished})
		if err != nil || aws.ToString(out.Version) != *published {
			t.Fatal(out, err)
		}
		return aws.ToString(out.CodeSha256)
	}
	first := publish("one")
	if version, err := invoke(); err != nil || version != *published {
		t.Errorf("%q, %v", version, err)
	}
	if _, err := api.UpdateFunctionCode(t.Context(), &awslambda.UpdateFunctionCodeInput{FunctionName: fn, ZipFile: awstest.Zip(t, "bootstrap", "2")}); err != nil {
		t.Fatal(err)
	}
	if got := awstest.GetFunction(t, api, "fn", *published); aws.ToString(got.Configuration.CodeSha256) != first || aws.ToString(got.Configuration.Description) != "one" {
		t.Errorf("%+v", got.Configuration)
	}
	if second := publish("two"); second == first {
		t.Error("publishing once more changed nothing")
	}
	if _, err := api.DeleteFunction(t.Context(), &awslambda.DeleteFunctionInput{FunctionName: fn, Qualifier: published}); err != nil {
		t.Fatal(err)
	}
	_, err = invoke()
	awstest.WantCode(t, err, "ResourceNotFoundException")
}
