package awslocal_test

import (
	"bytes"
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscloudwatch "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cloudwatchtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	awsecr "github.com/aws/aws-sdk-go-v2/service/ecr"
	awsiam "github.com/aws/aws-sdk-go-v2/service/iam"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	awssts "github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/awstest"
)

func (h *harness) stsAs(key string) *awssts.Client {
	return awssts.NewFromConfig(h.Config(awstest.Region, key))
}

func (h *harness) iamAs(key string) *awsiam.Client {
	return awsiam.NewFromConfig(h.Config(awstest.Region, key))
}

func (h *harness) cloudwatchAs(key string) *awscloudwatch.Client {
	return awscloudwatch.NewFromConfig(h.Config(awstest.Region, key))
}

// assume returns the access key of a session of a role.
func (h *harness) assume(t testing.TB, role string) string {
	t.Helper()
	out, err := h.stsAs("test").AssumeRole(t.Context(), &awssts.AssumeRoleInput{RoleArn: &role, RoleSessionName: aws.String("run")})
	if err != nil {
		t.Fatal(err)
	}
	return *out.Credentials.AccessKeyId
}

func TestCodeComesFromS3ByVersion(t *testing.T) {
	t.Parallel()
	h := start(t, awslocal.Options{})
	c := h.S3In(awstest.Region, "test")
	code := awstest.Zip(t, "bootstrap", "one")
	if _, err := c.CreateBucket(t.Context(), &awss3.CreateBucketInput{Bucket: aws.String("artifacts")}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.PutObject(t.Context(), &awss3.PutObjectInput{Bucket: aws.String("artifacts"), Key: aws.String("f.zip"), Body: bytes.NewReader(code)}); err != nil {
		t.Fatal(err)
	}
	create := func(key string) (*awslambda.CreateFunctionOutput, error) {
		return h.lambda.CreateFunction(t.Context(), &awslambda.CreateFunctionInput{FunctionName: aws.String("f"), Role: aws.String(awstest.Role), Runtime: types.RuntimeProvidedal2023, Handler: aws.String("x"), Code: &types.FunctionCode{S3Bucket: aws.String("artifacts"), S3Key: &key}})
	}
	if _, err := create("lost.zip"); err == nil || !bytes.Contains([]byte(err.Error()), []byte("S3 Error Code: NoSuchKey. S3 Error Message: The specified key does not exist.")) {
		t.Errorf("a missing key: %v", err)
	}
	out, err := create("f.zip")
	if err != nil || *out.CodeSha256 != awstest.CodeSha256(code) {
		t.Errorf("%v, %v", out, err)
	}
}

func TestASessionThatHasEndedIsRefusedByEachService(t *testing.T) {
	t.Parallel()
	h := start(t, awslocal.Options{})
	key := h.assume(t, "arn:aws:iam::000000000000:role/deploy")
	calls := map[string]struct {
		try  func() error
		want string
	}{
		"lambda": {func() error {
			_, err := awslambda.NewFromConfig(h.Config("us-east-1", key)).ListFunctions(t.Context(), nil)
			return err
		}, "ExpiredTokenException"},
		"s3":  {func() error { _, err := h.S3In(awstest.Region, key).ListBuckets(t.Context(), nil); return err }, "ExpiredToken"},
		"sts": {func() error { _, err := h.stsAs(key).GetCallerIdentity(t.Context(), nil); return err }, "ExpiredToken"},
		"iam": {func() error {
			_, err := h.iamAs(key).GetRole(t.Context(), &awsiam.GetRoleInput{RoleName: aws.String("deploy")})
			return err
		}, "ExpiredToken"},
		"ecr": {func() error {
			c := awsecr.NewFromConfig(h.Config(awstest.Region, key))
			_, err := c.DescribeRepositories(t.Context(), nil)
			return err
		}, "ExpiredTokenException"},
		"cloudwatch": {func() error { _, err := h.cloudwatchAs(key).DescribeAlarms(t.Context(), nil); return err }, "ExpiredTokenException"},
	}
	for name, c := range calls {
		if err := c.try(); err != nil {
			t.Errorf("%s in time: %v", name, err)
		}
	}
	h.Advance(time.Hour)
	for name, c := range calls {
		t.Run(name, func(t *testing.T) { awstest.WantCode(t, c.try(), c.want) })
	}
}

func bucketInput(name string) *awss3.CreateBucketInput {
	return &awss3.CreateBucketInput{Bucket: &name}
}

func objectInput(bucket, key string, body []byte) *awss3.PutObjectInput {
	return &awss3.PutObjectInput{Bucket: &bucket, Key: &key, Body: bytes.NewReader(body)}
}

// holdTo makes a role with an identity policy and returns a session's key.
func (h *harness) holdTo(t testing.TB, name, statements string) string {
	t.Helper()
	c := h.iamAs("test")
	trust := `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"sts:AssumeRole"}}`
	if _, err := c.CreateRole(t.Context(), &awsiam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: &trust}); err != nil {
		t.Fatal(err)
	}
	policy := `{"Version":"2012-10-17","Statement":` + statements + `}`
	if _, err := c.PutRolePolicy(t.Context(), &awsiam.PutRolePolicyInput{RoleName: &name, PolicyName: aws.String("p"), PolicyDocument: &policy}); err != nil {
		t.Fatal(err)
	}
	return h.assume(t, "arn:aws:iam::000000000000:role/"+name)
}

func TestASessionIsHeldToItsRolesPolicies(t *testing.T) {
	t.Parallel()
	h := start(t, awslocal.Options{})
	const fn = "arn:aws:lambda:us-east-1:000000000000:function:fn"
	key := h.holdTo(t, "ci", `[
		{"Effect":"Allow","Action":["lambda:CreateFunction","lambda:Get*","lambda:UpdateFunctionConfiguration"],"Resource":"`+fn+`"},
		{"Effect":"Allow","Action":"iam:PassRole","Resource":"`+awstest.Role+`","Condition":{"StringEquals":{"iam:PassedToService":"lambda.amazonaws.com"}}}]`)
	c := awslambda.NewFromConfig(h.Config("us-east-1", key))
	create := func(name, role string) error {
		_, err := c.CreateFunction(t.Context(), &awslambda.CreateFunctionInput{FunctionName: &name, Role: &role, Runtime: types.RuntimeProvidedal2023, Handler: aws.String("x"), Code: &types.FunctionCode{ZipFile: awstest.Zip(t, "bootstrap", "x")}})
		return err
	}
	alias := func() error {
		_, err := c.CreateAlias(t.Context(), &awslambda.CreateAliasInput{FunctionName: aws.String("fn"), Name: aws.String("live"), FunctionVersion: aws.String("1")})
		return err
	}
	configure := func(role string) error {
		_, err := c.UpdateFunctionConfiguration(t.Context(), &awslambda.UpdateFunctionConfigurationInput{FunctionName: aws.String("fn"), Role: &role})
		return err
	}
	const other = "arn:aws:iam::000000000000:role/other"
	who := "User: arn:aws:sts::000000000000:assumed-role/ci/run is not authorized to perform: "
	for _, step := range []struct {
		err  error
		want string
	}{
		{create("fn", other), who + "iam:PassRole on resource: " + other + " because no identity-based policy allows the iam:PassRole action"},
		{create("another", awstest.Role), who + "lambda:CreateFunction on resource: arn:aws:lambda:us-east-1:000000000000:function:another because no identity-based policy allows the lambda:CreateFunction action"},
		{create("fn", awstest.Role), ""},
		{alias(), who + "lambda:CreateAlias on resource: " + fn + " because no identity-based policy allows the lambda:CreateAlias action"},
		{configure(awstest.Role), ""},
		{configure(other), who + "iam:PassRole on resource: " + other + " because no identity-based policy allows the iam:PassRole action"},
	} {
		if step.want == "" && step.err != nil {
			t.Error(step.err)
		}
		if step.want != "" {
			awstest.WantCode(t, step.err, "AccessDeniedException")
			if !strings.Contains(step.err.Error(), step.want) {
				t.Errorf("%v, want %s", step.err, step.want)
			}
		}
	}
	_, err := h.S3In(awstest.Region, key).ListBuckets(t.Context(), nil)
	awstest.WantCode(t, err, "AccessDenied")
	if _, err := h.stsAs(key).GetCallerIdentity(t.Context(), nil); err != nil {
		t.Errorf("GetCallerIdentity needs no permission: %v", err)
	}
}

func TestRolesAndReadersAreSetOverHTTP(t *testing.T) {
	t.Parallel()
	h := start(t, awslocal.Options{Control: true})
	post := func(where, body string) int {
		answer, err := http.Post(h.URL+"/_local/"+where, "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		return answer.StatusCode
	}
	if _, err := h.S3In(awstest.Region, "test").CreateBucket(t.Context(), &awss3.CreateBucketInput{Bucket: aws.String("artifacts")}); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		where, body string
		want        int
	}{
		{"readers", `{"Bucket":"artifacts","Principals":["*"]}`, 200},
		{"readers", `{"Bucket":"lost"}`, 400},
		{"role", `{"ARN":"arn:aws:iam::111122223333:role/ci","MaxSession":"2h","Policies":{"p":"{\"Statement\":{\"Effect\":\"Allow\",\"Action\":\"s3:*\",\"Resource\":\"*\"}}"}}`, 200},
		{"role", `{"ARN":"ci"}`, 400},
		{"role", `{"ARN":"arn:aws:iam::111122223333:role/x","Policies":{"p":"{}"}}`, 400},
	} {
		if got := post(step.where, step.body); got != step.want {
			t.Errorf("%s %s: %d, want %d", step.where, step.body, got, step.want)
		}
	}
	key := h.assume(t, "arn:aws:iam::111122223333:role/ci")
	if _, err := h.S3In(awstest.Region, key).ListObjectsV2(t.Context(), &awss3.ListObjectsV2Input{Bucket: aws.String("artifacts")}); err != nil {
		t.Errorf("a reader of another account: %v", err)
	}
	_, err := awslambda.NewFromConfig(h.Config("us-east-1", key)).ListFunctions(t.Context(), nil)
	awstest.WantCode(t, err, "AccessDeniedException")
}

func TestAJobsTokenAssumesARole(t *testing.T) {
	t.Parallel()
	h := start(t, awslocal.Options{})
	part := base64.RawURLEncoding.EncodeToString
	token := part([]byte(`{}`)) + "." + part([]byte(`{"iss":"https://token.actions.githubusercontent.com","aud":"sts.amazonaws.com","sub":"repo:a/b:ref:refs/heads/main","exp":4000000000}`)) + ".x"
	out, err := awssts.New(awssts.Options{BaseEndpoint: &h.URL, Region: "us-east-1", RetryMaxAttempts: 1}).AssumeRoleWithWebIdentity(t.Context(), &awssts.AssumeRoleWithWebIdentityInput{
		RoleArn: aws.String("arn:aws:iam::111122223333:role/deploy"), RoleSessionName: aws.String("run"), WebIdentityToken: &token})
	if err != nil {
		t.Fatal(err)
	}
	who, err := h.stsAs(*out.Credentials.AccessKeyId).GetCallerIdentity(t.Context(), nil)
	if err != nil || *who.Arn != "arn:aws:sts::111122223333:assumed-role/deploy/run" {
		t.Errorf("%+v, %v", who, err)
	}
	if got := h.WebIdentities(); len(got) != 1 || got[0].Subject != "repo:a/b:ref:refs/heads/main" {
		t.Errorf("identities %+v", got)
	}
}

func TestWhatRanIsCounted(t *testing.T) {
	t.Parallel()
	h := start(t, awslocal.Options{})
	h.deployed(t, "one")
	for range 3 {
		if _, err := h.lambda.Invoke(t.Context(), &awslambda.InvokeInput{FunctionName: aws.String("fn")}); err != nil {
			t.Fatal(err)
		}
	}
	now := time.Now()
	out, err := h.cloudwatchAs("test").GetMetricData(t.Context(), &awscloudwatch.GetMetricDataInput{
		StartTime: aws.Time(now.Add(-time.Hour)), EndTime: aws.Time(now.Add(time.Minute)),
		MetricDataQueries: []cloudwatchtypes.MetricDataQuery{{Id: aws.String("n"), MetricStat: &cloudwatchtypes.MetricStat{Period: aws.Int32(60), Stat: aws.String("Sum"), Metric: &cloudwatchtypes.Metric{
			Namespace: aws.String("AWS/Lambda"), MetricName: aws.String("Invocations"), Dimensions: []cloudwatchtypes.Dimension{{Name: aws.String("FunctionName"), Value: aws.String("fn")}}}}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	sum := 0.0
	for _, v := range out.MetricDataResults[0].Values {
		sum += v
	}
	if sum != 3 {
		t.Errorf("%g invocations, want 3", sum)
	}
}
