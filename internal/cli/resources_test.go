package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/lambda-rollout/lambda-rollout/internal/policy"
)

func (b *bench) config() aws.Config {
	return aws.Config{Region: "eu-central-1", BaseEndpoint: &b.url, HTTPClient: b.client, Credentials: credentials.NewStaticCredentialsProvider("root", "root", "")}
}

// object puts a zip with one file into the bucket code, which has versions.
func (b *bench) object(key, source string) {
	b.t.Helper()
	b.put("code", key, "eu-central-1", archiveOf(b.t, "index.js", source))
	client := s3.NewFromConfig(b.config(), func(o *s3.Options) { o.UsePathStyle = true })
	_, err := client.PutBucketVersioning(b.t.Context(), &s3.PutBucketVersioningInput{Bucket: aws.String("code"),
		VersioningConfiguration: &s3types.VersioningConfiguration{Status: s3types.BucketVersioningStatusEnabled}})
	if err != nil {
		b.t.Fatal(err)
	}
	b.put("code", key, "eu-central-1", archiveOf(b.t, "index.js", source))
}

// put puts an object into a bucket, which it makes where it is not there.
func (b *bench) put(bucket, key, region string, body []byte) {
	b.t.Helper()
	cfg := b.config()
	cfg.Region = region
	client := s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true })
	if _, err := client.HeadBucket(b.t.Context(), &s3.HeadBucketInput{Bucket: &bucket}); err != nil {
		_, err = client.CreateBucket(b.t.Context(), &s3.CreateBucketInput{Bucket: &bucket,
			CreateBucketConfiguration: &s3types.CreateBucketConfiguration{LocationConstraint: s3types.BucketLocationConstraint(region)}})
		if err != nil {
			b.t.Fatal(err)
		}
	}
	if _, err := client.PutObject(b.t.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: bytes.NewReader(body)}); err != nil {
		b.t.Fatal(err)
	}
}

func archiveOf(t *testing.T, name, source string) []byte {
	t.Helper()
	return []byte(zipOf(t, entry{name: name, content: source}))
}

const image = "000000000000.dkr.ecr.eu-central-1.amazonaws.com/app"

// image pushes an image to the repository app, which does not let Lambda in by
// itself.
func (b *bench) image(content string) {
	b.t.Helper()
	client := ecr.NewFromConfig(b.config())
	if _, err := client.DescribeRepositories(b.t.Context(), &ecr.DescribeRepositoriesInput{RepositoryNames: []string{"app"}}); err != nil {
		if _, err := client.CreateRepository(b.t.Context(), &ecr.CreateRepositoryInput{RepositoryName: aws.String("app")}); err != nil {
			b.t.Fatal(err)
		}
	}
	manifest := fmt.Sprintf(`{"schemaVersion": 2, "mediaType": "application/vnd.docker.distribution.manifest.v2+json", "config": {"digest": "sha256:%064d"}, "layers": [], "annotations": {"name": %q}}`, 0, content)
	if _, err := client.PutImage(b.t.Context(), &ecr.PutImageInput{RepositoryName: aws.String("app"), ImageManifest: &manifest, ImageTag: aws.String("latest")}); err != nil {
		b.t.Fatal(err)
	}
}

// layer publishes a layer and returns its version's ARN.
func (b *bench) layer(name string) string {
	b.t.Helper()
	out, err := lambda.NewFromConfig(b.config()).PublishLayerVersion(b.t.Context(), &lambda.PublishLayerVersionInput{
		LayerName: &name, Content: &types.LayerVersionContentInput{S3Bucket: aws.String("code"), S3Key: aws.String("app.zip")},
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return *out.LayerVersionArn
}

// role makes the deployer's role with one policy, the last one that it was given.
func (b *bench) role(document policy.Document) {
	b.t.Helper()
	client := iam.NewFromConfig(b.config())
	text, err := json.Marshal(document)
	if err != nil {
		b.t.Fatal(err)
	}
	trust := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"000000000000"},"Action":"sts:AssumeRole"}]}`
	_, err = client.CreateRole(b.t.Context(), &iam.CreateRoleInput{RoleName: aws.String("ci"), AssumeRolePolicyDocument: &trust})
	if exists := (*iamtypes.EntityAlreadyExistsException)(nil); errors.As(err, &exists) {
		err = nil
	}
	if err == nil && len(document.Statement) > 0 {
		_, err = client.PutRolePolicy(b.t.Context(), &iam.PutRolePolicyInput{RoleName: aws.String("ci"), PolicyName: aws.String("deploy"), PolicyDocument: aws.String(string(text))})
	}
	if err != nil {
		b.t.Fatal(err)
	}
}
