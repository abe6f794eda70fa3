package cli

import (
	"bytes"
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

// A rollback goes back to a time for one function, or for all functions of the files
// together, or changes nothing.
func TestARollbackGoesBackInTime(t *testing.T) {
	t.Parallel()
	b := newBench(t, awslocal.Options{})
	b.write("other.yaml", strings.ReplaceAll(minimal, "hello", "other"))
	b.minimal()
	files := []string{"--function-definition", "function.yaml,other.yaml", "--artifact", b.dir + "/code", "--alias", "live"}
	const day = 24 * time.Hour
	for _, code := range []string{"1", "2", "3"} {
		b.write("code/index.js", code)
		b.must(append([]string{"deploy"}, files...)...)
		b.aws.Advance(day)
	}
	rollback := func(args ...string) (int, string) {
		var out bytes.Buffer
		p := b.process(&out, &out, append([]string{"rollback"}, args...)...)
		p.Now = func() time.Time { return time.Now().Add(3 * day) }
		return Main(t.Context(), p), out.String()
	}
	points := func(function string) string {
		a, err := lambda.NewFromConfig(b.config()).GetAlias(t.Context(), &lambda.GetAliasInput{FunctionName: &function, Name: aws.String("live")})
		if err != nil {
			t.Fatal(err)
		}
		return *a.FunctionVersion
	}
	if code, out := rollback("--function", "hello", "--alias", "live", "--at", "60h"); code != 0 || points("hello") != "1" || points("other") != "3" ||
		!strings.Contains(out, "Alias live of hello in eu-central-1 pointed to 1 (CloudTrail: moved to 1 at ") {
		t.Errorf("one function: exit %d, at %s and %s\n%s", code, points("hello"), points("other"), out)
	}
	if code, out := rollback(append(files, "--at", "36h", "--dry-run")...); code != 0 || points("hello") != "1" || !strings.Contains(out, "→ 2") {
		t.Errorf("a dry run: exit %d\n%s", code, out)
	}
	if code, out := rollback(append(files, "--at", "36h")...); code != 0 || points("hello") != "2" || points("other") != "2" {
		t.Errorf("all of the files: exit %d, at %s and %s\n%s", code, points("hello"), points("other"), out)
	}
	if _, err := lambda.NewFromConfig(b.config()).DeleteFunction(t.Context(), &lambda.DeleteFunctionInput{FunctionName: aws.String("other"), Qualifier: aws.String("1")}); err != nil {
		t.Fatal(err)
	}
	if code, out := rollback(append(files, "--at", "60h")...); code != exitInput || points("hello") != "2" || !strings.Contains(out, "version 1 does not exist any more") {
		t.Errorf("where one of them cannot: exit %d, at %s and %s\n%s", code, points("hello"), points("other"), out)
	}
}
