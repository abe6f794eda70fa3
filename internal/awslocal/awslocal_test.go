package awslocal

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/smithy-go"
)

const testRole = "arn:aws:iam::000000000000:role/r"

// harness is a Server on HTTP with an SDK client, and a clock that tests move.
type harness struct {
	*Server
	url    string
	lambda *awslambda.Client
}

func start(t testing.TB, o Options) *harness {
	t.Helper()
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(s)
	t.Cleanup(func() {
		web.CloseClientConnections()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		web.Close()
	})
	return &harness{Server: s, url: web.URL, lambda: client(web.URL, "us-east-1", "test")}
}

// client is the unmodified SDK, one attempt a call.
func client(url, region, key string) *awslambda.Client {
	return awslambda.New(awslambda.Options{
		BaseEndpoint:     aws.String(url),
		Region:           region,
		Credentials:      credentials.NewStaticCredentialsProvider(key, "secret", ""),
		RetryMaxAttempts: 1,
	})
}

// zipped is a deployment package with one file.
func zipped(t testing.TB, name, content string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	header := &zip.FileHeader{Name: name, Method: zip.Deflate}
	header.SetMode(0o755)
	f, err := w.CreateHeader(header)
	if err == nil {
		_, err = io.WriteString(f, content)
	}
	if err = errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func sha(b []byte) string {
	sum := sha256.Sum256(b)
	return base64.StdEncoding.EncodeToString(sum[:])
}

func (h *harness) create(t testing.TB, name string) *awslambda.CreateFunctionOutput {
	t.Helper()
	out, err := h.lambda.CreateFunction(t.Context(), &awslambda.CreateFunctionInput{
		FunctionName: &name, Role: aws.String(testRole), Runtime: types.RuntimePython312,
		Handler: aws.String("index.handler"), Code: &types.FunctionCode{ZipFile: zipped(t, "index.py", "1")},
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func (h *harness) get(t testing.TB, name, qualifier string) *awslambda.GetFunctionOutput {
	t.Helper()
	in := &awslambda.GetFunctionInput{FunctionName: &name}
	if qualifier != "" {
		in.Qualifier = &qualifier
	}
	out, err := h.lambda.GetFunction(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// wantCode fails unless err is the service's error of a code.
func wantCode(t testing.TB, err error, code string) {
	t.Helper()
	var api smithy.APIError
	if !errors.As(err, &api) || api.ErrorCode() != code {
		t.Errorf("error %v, want %s", err, code)
	}
}

func TestAFunctionGoesThroughItsLife(t *testing.T) {
	t.Parallel()
	h := start(t, Options{Pending: time.Minute, InProgress: time.Minute})
	ctx := t.Context()
	created := h.create(t, "fn")
	if created.State != types.StatePending {
		t.Errorf("created in state %s", created.State)
	}
	_, err := h.lambda.UpdateFunctionConfiguration(ctx, &awslambda.UpdateFunctionConfigurationInput{FunctionName: aws.String("fn"), Timeout: aws.Int32(9)})
	wantCode(t, err, "ResourceConflictException")
	h.Advance(time.Minute)
	got := h.get(t, "fn", "")
	if got.Configuration.State != types.StateActive || *got.Configuration.RevisionId == *created.RevisionId {
		t.Errorf("after a minute: %s, revision moved: %v", got.Configuration.State, *got.Configuration.RevisionId != *created.RevisionId)
	}
	code := zipped(t, "index.py", "2")
	updated, err := h.lambda.UpdateFunctionCode(ctx, &awslambda.UpdateFunctionCodeInput{FunctionName: aws.String("fn"), ZipFile: code, RevisionId: got.Configuration.RevisionId})
	if err != nil {
		t.Fatal(err)
	}
	if updated.LastUpdateStatus != types.LastUpdateStatusInProgress || *updated.CodeSha256 != sha(code) {
		t.Errorf("update shows %s, %s", updated.LastUpdateStatus, *updated.CodeSha256)
	}
	_, err = h.lambda.PublishVersion(ctx, &awslambda.PublishVersionInput{FunctionName: aws.String("fn")})
	wantCode(t, err, "ResourceConflictException")
	h.Advance(time.Minute)
	_, err = h.lambda.PublishVersion(ctx, &awslambda.PublishVersionInput{FunctionName: aws.String("fn"), RevisionId: updated.RevisionId})
	wantCode(t, err, "PreconditionFailedException")
	v, err := h.lambda.PublishVersion(ctx, &awslambda.PublishVersionInput{FunctionName: aws.String("fn"), Description: aws.String("one")})
	if err != nil || *v.Version != "1" || *v.Description != "one" {
		t.Fatalf("published %+v, %v", v, err)
	}
	_, err = h.lambda.CreateAlias(ctx, &awslambda.CreateAliasInput{FunctionName: aws.String("fn"), Name: aws.String("live"), FunctionVersion: v.Version})
	if err != nil {
		t.Fatal(err)
	}
	_, err = h.lambda.DeleteFunction(ctx, &awslambda.DeleteFunctionInput{FunctionName: aws.String("fn"), Qualifier: aws.String("1")})
	wantCode(t, err, "ResourceConflictException")
	if at := h.get(t, "fn", "live").Configuration; *at.Version != "1" || *at.FunctionArn != "arn:aws:lambda:us-east-1:000000000000:function:fn:live" {
		t.Errorf("live is %s, %s", *at.Version, *at.FunctionArn)
	}
}

func TestCodeLocationGivesTheBytesForTenMinutes(t *testing.T) {
	t.Parallel()
	h := start(t, Options{})
	h.create(t, "fn")
	url := *h.get(t, "fn", "").Code.Location
	fetch := func() (int, []byte) {
		resp, err := http.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(resp.Body)
		if err = errors.Join(err, resp.Body.Close()); err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, b
	}
	if status, b := fetch(); status != 200 || sha(b) != sha(zipped(t, "index.py", "1")) {
		t.Errorf("download: %d, %d bytes", status, len(b))
	}
	h.Advance(11 * time.Minute)
	if status, _ := fetch(); status != http.StatusForbidden {
		t.Errorf("after eleven minutes: %d", status)
	}
}

func TestStateOutlivesTheProcess(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := start(t, Options{Dir: dir, Pending: time.Hour})
	first.create(t, "fn")
	before, err := first.Dump("000000000000")
	if err != nil {
		t.Fatal(err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	second := start(t, Options{Dir: dir})
	after, err := second.Dump("000000000000")
	if err != nil || len(after.Functions) != 1 || len(before.Functions) != 1 {
		t.Fatalf("%v, %v, %v", before, after, err)
	}
	if state := second.get(t, "fn", "").Configuration.State; state != types.StatePending {
		t.Errorf("state %s, want what the first process had begun", state)
	}
	second.Advance(time.Hour)
	if state := second.get(t, "fn", "").Configuration.State; state != types.StateActive {
		t.Errorf("state %s after the hour", state)
	}
}

func TestAccountsAndRegionsAreApart(t *testing.T) {
	t.Parallel()
	h := start(t, Options{})
	h.create(t, "fn")
	for _, c := range []*awslambda.Client{client(h.url, "eu-west-1", "test"), client(h.url, "us-east-1", "111111111111")} {
		_, err := c.GetFunction(context.Background(), &awslambda.GetFunctionInput{FunctionName: aws.String("fn")})
		wantCode(t, err, "ResourceNotFoundException")
	}
}
