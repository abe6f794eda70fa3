package awstest

import (
	"bytes"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/servicetest"
)

const (
	// Region is where the clients of this package are, unless a test names
	// another.
	Region = "us-east-1"
	// Account is that of credentials that name none.
	Account = "000000000000"
	// Role is a role that functions may have.
	Role = "arn:aws:iam::" + Account + ":role/function"
	// Key is an access key that names no account. One of twelve digits is the
	// account that it names.
	Key = "test"
)

// Config is the unmodified SDK's configuration for a Region and an access key,
// with one attempt a call. S3 clients made of it need UsePathStyle.
func (a *AWS) Config(region, key string) aws.Config {
	return aws.Config{
		BaseEndpoint: &a.URL, Region: region, HTTPClient: a.HTTP, RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider(key, "secret", ""),
	}
}

// Lambda is a client of the default account in Region.
func (a *AWS) Lambda() *lambda.Client { return lambda.NewFromConfig(a.Config(Region, Key)) }

// S3 is a client of the default account in Region.
func (a *AWS) S3() *s3.Client { return a.S3In(Region, Key) }

// S3In is an S3 client for a Region and an access key.
func (a *AWS) S3In(region, key string) *s3.Client {
	return s3.NewFromConfig(a.Config(region, key), func(o *s3.Options) { o.UsePathStyle = true })
}

// ECR is a client of the default account in Region.
func (a *AWS) ECR() *ecr.Client { return ecr.NewFromConfig(a.Config(Region, Key)) }

// STS is a client of the default account in Region.
func (a *AWS) STS() *sts.Client { return sts.NewFromConfig(a.Config(Region, Key)) }

// CreateBucket creates a bucket in the client's Region.
func CreateBucket(t testing.TB, c *s3.Client, name string) {
	t.Helper()
	in := &s3.CreateBucketInput{Bucket: &name}
	if region := c.Options().Region; region != Region {
		in.CreateBucketConfiguration = &s3types.CreateBucketConfiguration{LocationConstraint: s3types.BucketLocationConstraint(region)}
	}
	if _, err := c.CreateBucket(t.Context(), in); err != nil {
		t.Fatal(err)
	}
}

// PutObject stores an object in a bucket that exists.
func PutObject(t testing.TB, c *s3.Client, bucket, key string, body []byte) *s3.PutObjectOutput {
	t.Helper()
	out, err := c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: bytes.NewReader(body)})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// CreateFunction creates a Python function whose package is that of Zip
// ("index.py", "1"). Its role is Role.
func CreateFunction(t testing.TB, c *lambda.Client, name string) *lambda.CreateFunctionOutput {
	t.Helper()
	out, err := c.CreateFunction(t.Context(), &lambda.CreateFunctionInput{
		FunctionName: &name, Role: aws.String(Role), Runtime: lambdatypes.RuntimePython312,
		Handler: aws.String("index.handler"), Code: &lambdatypes.FunctionCode{ZipFile: Zip(t, "index.py", "1")},
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// GetFunction reads a function, version or alias; an empty qualifier is $LATEST.
func GetFunction(t testing.TB, c *lambda.Client, name, qualifier string) *lambda.GetFunctionOutput {
	t.Helper()
	in := &lambda.GetFunctionInput{FunctionName: &name}
	if qualifier != "" {
		in.Qualifier = &qualifier
	}
	out, err := c.GetFunction(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// Code is the error code that AWS answered with: "" where err is nil, the whole
// error where AWS did not answer.
func Code(err error) string { return servicetest.Code(err) }

// WantCode reports an error that does not have the code.
func WantCode(t testing.TB, err error, code string) {
	t.Helper()
	if Code(err) != code {
		t.Errorf("error %v, want %s", err, code)
	}
}
