package internal_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/lambda-rollout/lambda-rollout/internal/awsfacts"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/api"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/awstest"
)

// The client side and the embedded AWS keep their facts apart, so that the same
// mistake is not on both sides. Where both know a fact, they agree.

func TestBothSidesAgreeOnPartitions(t *testing.T) {
	t.Parallel()
	for _, p := range awsfacts.Partitions() {
		if got := api.Partition(p.IAMRegion); got != p.ID {
			t.Errorf("the embedded AWS has %s in %s, the client in %s", p.IAMRegion, got, p.ID)
		}
	}
	for _, region := range []string{"eu-central-1", "us-west-2", "cn-northwest-1", "us-gov-east-1", "us-isob-west-1", "us-isof-east-1"} {
		if got, want := api.Partition(region), awsfacts.PartitionOf(region).ID; got != want {
			t.Errorf("the embedded AWS has %s in %s, the client in %s", region, got, want)
		}
	}
}

func TestBothSidesAgreeOnTheRatesOfTheControlPlane(t *testing.T) {
	t.Parallel()
	awstest.Run(t, func(t *testing.T) {
		api := awstest.StartInProcess(t, awslocal.Options{Quotas: true}).Lambda()
		once := func(o *lambda.Options) { o.Retryer = aws.NopRetryer{} }
		for _, quota := range []struct {
			rate int
			ask  func() error
		}{
			{awsfacts.ControlPlaneRate, func() error {
				_, err := api.GetAlias(t.Context(), &lambda.GetAliasInput{FunctionName: new("f"), Name: new("a")}, once)
				return err
			}},
			{awsfacts.GetPolicyRate, func() error {
				_, err := api.GetPolicy(t.Context(), &lambda.GetPolicyInput{FunctionName: new("f")}, once)
				return err
			}},
			{awsfacts.GetFunctionRate, func() error {
				_, err := api.GetFunction(t.Context(), &lambda.GetFunctionInput{FunctionName: new("f")}, once)
				return err
			}},
		} {
			for i := range quota.rate + 1 {
				throttled := awsfacts.IsThrottled(awstest.Code(quota.ask()))
				if throttled != (i == quota.rate) {
					t.Errorf("call %d of %d a second is throttled: %t", i+1, quota.rate, throttled)
				}
			}
		}
	})
}

func TestBothSidesAgreeOnLimitsAndMessages(t *testing.T) {
	t.Parallel()
	awstest.Run(t, func(t *testing.T) {
		api := awstest.StartInProcess(t, awslocal.Options{}).Lambda()
		create := func(name, description string, variables map[string]string) error {
			_, err := api.CreateFunction(t.Context(), &lambda.CreateFunctionInput{
				FunctionName: &name, Description: &description, Environment: &types.Environment{Variables: variables},
				Role: new(awstest.Role), Runtime: types.RuntimeNodejs22x, Handler: new("index.handler"),
				Code: &types.FunctionCode{ZipFile: awstest.Zip(t, "index.js", "exports.handler = 1")},
			})
			return err
		}
		for extra, want := range map[int]bool{0: true, 1: false} {
			description := strings.Repeat("d", awsfacts.DescriptionUnits+extra)
			if err := create(fmt.Sprint("d", extra), description, nil); (err == nil) != want {
				t.Errorf("a description of %d: %v", len(description), err)
			}
			// As compact JSON: {"KEY":"…"}
			value := strings.Repeat("v", awsfacts.EnvironmentBytes-len(`{"KEY":""}`)+extra)
			if err := create(fmt.Sprint("e", extra), "", map[string]string{"KEY": value}); (err == nil) != want {
				t.Errorf("an environment of %d: %v", awsfacts.EnvironmentBytes+extra, err)
			}
		}
	})
}
