package cli

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
)

// While provisioned concurrency follows an alias that has moved, AWS sends part of
// the traffic to the old version: that is no canary.
func TestWeightsOfProvisionedConcurrencyAreNoCanary(t *testing.T) {
	t.Parallel()
	const aWhile = time.Hour
	b := newBench(t, awslocal.Options{InProgress: aWhile})
	deployLive(b, minimal)
	ctx, client := t.Context(), lambda.NewFromConfig(b.config())
	name, alias := aws.String("hello"), aws.String("live")
	if _, err := client.PutProvisionedConcurrencyConfig(ctx, &lambda.PutProvisionedConcurrencyConfigInput{FunctionName: name, Qualifier: alias, ProvisionedConcurrentExecutions: aws.Int32(1)}); err != nil {
		t.Fatal(err)
	}
	if _, err := client.UpdateFunctionConfiguration(ctx, &lambda.UpdateFunctionConfigurationInput{FunctionName: name, MemorySize: aws.Int32(256)}); err != nil {
		t.Fatal(err)
	}
	b.aws.Advance(aWhile)
	version, err := client.PublishVersion(ctx, &lambda.PublishVersionInput{FunctionName: name, Description: aws.String("lambda-rollout 1; live was 1")})
	if err != nil {
		t.Fatal(err)
	}
	moved, err := client.UpdateAlias(ctx, &lambda.UpdateAliasInput{FunctionName: name, Name: alias, FunctionVersion: version.Version})
	if err != nil {
		t.Fatal(err)
	}
	now, err := client.GetAlias(ctx, &lambda.GetAliasInput{FunctionName: name, Name: alias})
	if err != nil || now.RoutingConfig == nil {
		t.Fatalf("AWS sends the old version no traffic: %v, %v", moved.RoutingConfig, err)
	}
	if out := b.must("rollback", "--function", "hello", "--alias", "live", "--dry-run"); !strings.Contains(out, "→ 1\n") {
		t.Errorf("the rollback does not lead to version 1:\n%s", out)
	}
}
