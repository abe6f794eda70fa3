package internal_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/google/go-cmp/cmp"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/awstest"
	embedded "github.com/lambda-rollout/lambda-rollout/internal/awslocal/lambda"
	"github.com/lambda-rollout/lambda-rollout/internal/definition"
)

func TestClientAndEmbeddedAWSKnowTheSameRuntimes(t *testing.T) {
	t.Parallel()
	if diff := cmp.Diff(embedded.Runtimes(), definition.RuntimeBlocks()); diff != "" {
		t.Errorf("-embedded +client:\n%s", diff)
	}
}

func TestClientAndEmbeddedAWSCountDescriptionsAlike(t *testing.T) {
	t.Parallel()
	a := awstest.Start(t, awslocal.Options{})
	c := a.Lambda()
	awstest.CreateFunction(t, c, "fn")
	for _, text := range []string{
		strings.Repeat("a", 256), strings.Repeat("a", 257), strings.Repeat("ü", 129), strings.Repeat("ü", 256), strings.Repeat("ü", 257),
		strings.Repeat("🚀", 128), strings.Repeat("🚀", 129), "a" + strings.Repeat("🚀", 127), "aaa" + strings.Repeat("🚀", 127),
	} {
		_, err := c.PublishVersion(t.Context(), &lambda.PublishVersionInput{FunctionName: aws.String("fn"), Description: &text})
		if fits := definition.Length(text) <= 256; fits != (err == nil) {
			t.Errorf("%d bytes: the client counts %d, the embedded AWS says %v", len(text), definition.Length(text), err)
		}
		if _, err := c.PublishVersion(t.Context(), &lambda.PublishVersionInput{FunctionName: aws.String("fn"), Description: aws.String(definition.Cut(text, 256))}); err != nil {
			t.Errorf("%d bytes, cut to the limit: %v", len(text), err)
		}
	}
}
