package awslocal_test

import (
	"bufio"
	"bytes"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsiam "github.com/aws/aws-sdk-go-v2/service/iam"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	awssts "github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/awstest"
)

// A client that sends its whole body before it reads gets the error, whichever
// service refuses, and wherever in the body.
func TestARefusalOfALargeBodyArrives(t *testing.T) {
	t.Parallel()
	h := start(t, awslocal.Options{})
	large := bytes.Repeat([]byte("x"), 10<<20)
	for name, a := range map[string]struct {
		method, path, service string
		header                http.Header
		want                  string
	}{
		"missing bucket":            {"PUT", "/missing/key", "s3", nil, "NoSuchBucket"},
		"missing bucket, part":      {"PUT", "/missing/key?partNumber=1&uploadId=x", "s3", nil, "NoSuch"},
		"unknown subresource":       {"PUT", "/missing?policy", "s3", nil, "NotImplemented"},
		"unsigned":                  {"PUT", "/missing/key", "", nil, "AccessDenied"},
		"missing function":          {"PUT", "/2015-03-31/functions/lost/code", "lambda", nil, "InvalidRequestContent"},
		"small body":                {"POST", "/2015-03-31/functions/lost/aliases", "lambda", nil, "must be smaller"},
		"invocation":                {"POST", "/2015-03-31/functions/lost/invocations", "lambda", nil, "must be smaller"},
		"no operation":              {"PATCH", "/2015-03-31/functions/lost", "lambda", nil, "No operation"},
		"ecr":                       {"POST", "/", "ecr", http.Header{"X-Amz-Target": {"AmazonEC2ContainerRegistry_V20150921.PutImage"}}, "must be smaller"},
		"sts":                       {"POST", "/", "sts", http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, "exceeds"},
		"cloudwatch":                {"POST", "/", "monitoring", http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, "exceeds"},
		"a service of no such name": {"POST", "/", "sqs", nil, "UnknownService"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			req, err := http.NewRequestWithContext(t.Context(), a.method, h.URL+a.path, bytes.NewReader(large))
			if err != nil {
				t.Fatal(err)
			}
			if a.header != nil {
				req.Header = a.header
			}
			if a.service != "" {
				req.Header.Set("Authorization", signedFor(a.service))
			}
			resp := sendFirst(t, req)
			var b bytes.Buffer
			if _, err := b.ReadFrom(resp.Body); err != nil || !strings.Contains(b.String()+resp.Header.Get("X-Amzn-Errortype"), a.want) {
				t.Errorf("%s %.300s, %v; want %s", resp.Status, b.String(), err, a.want)
			}
		})
	}
	_, err := h.S3().PutObject(t.Context(), &awss3.PutObjectInput{Bucket: aws.String("missing"), Key: aws.String("k"), Body: bytes.NewReader(large)})
	awstest.WantCode(t, err, "NoSuchBucket")
}

// sendFirst sends the whole request before it reads anything, which Go's client does
// not.
func sendFirst(t *testing.T, r *http.Request) *http.Response {
	t.Helper()
	conn, err := net.Dial("tcp", r.URL.Host)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := r.Write(conn); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = resp.Body.Close() })
	return resp
}

func TestABucketOfAnotherOwnerThanExpectedIsRefused(t *testing.T) {
	t.Parallel()
	h := start(t, awslocal.Options{})
	c := h.S3()
	awstest.CreateBucket(t, c, "artifacts")
	awstest.PutObject(t, c, "artifacts", "k", []byte("x"))
	bucket, key := aws.String("artifacts"), aws.String("k")
	for owner, want := range map[string]string{awstest.Account: "", "111122223333": "AccessDenied", "me": "InvalidBucketOwnerAWSAccountID"} {
		for name, try := range map[string]func() error{
			"get": func() error {
				return second(c.GetObject(t.Context(), &awss3.GetObjectInput{Bucket: bucket, Key: key, ExpectedBucketOwner: &owner}))
			},
			"put": func() error {
				return second(c.PutObject(t.Context(), &awss3.PutObjectInput{Bucket: bucket, Key: aws.String("other"), ExpectedBucketOwner: &owner}))
			},
			"list": func() error {
				return second(c.ListObjectsV2(t.Context(), &awss3.ListObjectsV2Input{Bucket: bucket, ExpectedBucketOwner: &owner}))
			},
			"location": func() error {
				return second(c.GetBucketLocation(t.Context(), &awss3.GetBucketLocationInput{Bucket: bucket, ExpectedBucketOwner: &owner}))
			},
			"copy": func() error {
				return second(c.CopyObject(t.Context(), &awss3.CopyObjectInput{Bucket: bucket, Key: aws.String("copy"), CopySource: aws.String("artifacts/k"), ExpectedSourceBucketOwner: &owner}))
			},
		} {
			if err := try(); awstest.Code(err) != want {
				t.Errorf("%s, owner %s: %v, want %q", name, owner, err, want)
			}
		}
	}
}

func TestARoleThatDoesNotExistIsNotAssumed(t *testing.T) {
	t.Parallel()
	h := start(t, awslocal.Options{KnownRolesOnly: true})
	role := "arn:aws:iam::000000000000:role/ci"
	assume := func() error {
		return second(h.STS().AssumeRole(t.Context(), &awssts.AssumeRoleInput{RoleArn: &role, RoleSessionName: aws.String("run")}))
	}
	for range 2 {
		awstest.WantCode(t, assume(), "AccessDenied")
	}
	_, err := h.iamAs("test").CreateRole(t.Context(), &awsiam.CreateRoleInput{RoleName: aws.String("ci"), AssumeRolePolicyDocument: aws.String(
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"000000000000"},"Action":"sts:AssumeRole"}]}`)})
	if err != nil {
		t.Fatal(err)
	}
	if err := assume(); err != nil {
		t.Error(err)
	}
}

// A description may have 256 UTF-16 code units, whatever its bytes.
func TestDescriptionsAreCountedInUTF16(t *testing.T) {
	t.Parallel()
	h := start(t, awslocal.Options{})
	h.create(t, "fn")
	for text, fits := range map[string]bool{
		strings.Repeat("a", 256): true, strings.Repeat("a", 257): false,
		strings.Repeat("ü", 129): true, strings.Repeat("ü", 256): true, strings.Repeat("ü", 257): false,
		strings.Repeat("🚀", 128): true, strings.Repeat("🚀", 129): false,
	} {
		want := map[bool]string{true: "", false: "ValidationException"}[fits]
		for name, try := range map[string]func() error{
			"configuration": func() error {
				return second(h.lambda.UpdateFunctionConfiguration(t.Context(), &awslambda.UpdateFunctionConfigurationInput{FunctionName: aws.String("fn"), Description: &text}))
			},
			"version": func() error {
				return second(h.lambda.PublishVersion(t.Context(), &awslambda.PublishVersionInput{FunctionName: aws.String("fn"), Description: &text}))
			},
		} {
			if err := try(); awstest.Code(err) != want {
				t.Errorf("%s of %d bytes: %v, want %q", name, len(text), err, want)
			}
		}
	}
}

func TestTimeoutsAreBoundedAsAWSWordsIt(t *testing.T) {
	t.Parallel()
	h := start(t, awslocal.Options{})
	h.create(t, "fn")
	for timeout, want := range map[int32]string{
		900: "", 901: "Value '901' at 'timeout' failed to satisfy constraint: Member must have value less than or equal to 900",
		0: "Value '0' at 'timeout' failed to satisfy constraint: Member must have value greater than or equal to 1",
	} {
		_, err := h.lambda.UpdateFunctionConfiguration(t.Context(), &awslambda.UpdateFunctionConfigurationInput{FunctionName: aws.String("fn"), Timeout: &timeout})
		if want == "" && err == nil {
			continue
		}
		if awstest.Code(err) != "ValidationException" || !strings.Contains(err.Error(), want) {
			t.Errorf("%d: %v", timeout, err)
		}
	}
}

// AWS blocks a runtime for new functions first and in updates later.
func TestBlockedRuntimesAreRefusedFromTheirDayOn(t *testing.T) {
	t.Parallel()
	now := time.Date(2024, 1, 8, 12, 0, 0, 0, time.UTC)
	h := start(t, awslocal.Options{Clock: func() time.Time { return now }})
	create := func(name, runtime string) error {
		return second(h.lambda.CreateFunction(t.Context(), &awslambda.CreateFunctionInput{
			FunctionName: &name, Role: aws.String(awstest.Role), Runtime: types.Runtime(runtime), Handler: aws.String("index.handler"),
			Code: &types.FunctionCode{ZipFile: awstest.Zip(t, "index.py", "1")}}))
	}
	configure := func(name string) error {
		return second(h.lambda.UpdateFunctionConfiguration(t.Context(), &awslambda.UpdateFunctionConfigurationInput{FunctionName: &name, Timeout: aws.Int32(9)}))
	}
	recode := func(name string) error {
		return second(h.lambda.UpdateFunctionCode(t.Context(), &awslambda.UpdateFunctionCodeInput{FunctionName: &name, ZipFile: awstest.Zip(t, "index.py", "2")}))
	}
	for _, err := range []error{create("old", "python3.7"), configure("old"), recode("old")} {
		if err != nil {
			t.Errorf("the day before: %v", err)
		}
	}
	h.Advance(24 * time.Hour)
	awstest.WantCode(t, create("new", "python3.7"), "InvalidParameterValueException")
	for _, err := range []error{configure("old"), recode("old")} {
		if err != nil {
			t.Errorf("an update while only creation is blocked: %v", err)
		}
	}
	h.Advance(4 * 365 * 24 * time.Hour)
	awstest.WantCode(t, configure("old"), "InvalidParameterValueException")
	awstest.WantCode(t, recode("old"), "InvalidParameterValueException")
	if err := second(h.lambda.UpdateFunctionConfiguration(t.Context(), &awslambda.UpdateFunctionConfigurationInput{FunctionName: aws.String("old"), Runtime: "python3.13"})); err != nil {
		t.Errorf("leaving the runtime: %v", err)
	}
	awstest.WantCode(t, create("never", "cobol1.0"), "InvalidParameterValueException")
}
