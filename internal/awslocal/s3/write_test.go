package s3

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/api"
)

func TestConditionalWrites(t *testing.T) {
	t.Parallel()
	c := serve(t, "").client("us-east-1", owner)
	bucket(t, c, "locks")
	try := func(key string, none, match *string) string {
		_, err := c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String("locks"), Key: &key, Body: strings.NewReader("x"), IfNoneMatch: none, IfMatch: match})
		return code(err)
	}
	if got := try("k", aws.String("*"), nil); got != "" {
		t.Errorf("first: %s", got)
	}
	if got := try("k", aws.String("*"), nil); got != "412 PreconditionFailed" {
		t.Errorf("second: %s", got)
	}
	etag := put(t, c, "locks", "k", "y").ETag
	if got := try("k", nil, aws.String(`"0123"`)); got != "412 PreconditionFailed" {
		t.Errorf("other ETag: %s", got)
	}
	if got := try("k", nil, etag); got != "" {
		t.Errorf("same ETag: %s", got)
	}
	if got := try("missing", nil, etag); got != "404 NoSuchKey" {
		t.Errorf("missing: %s", got)
	}
}

// slowBody calls between after its first half was read.
type slowBody struct {
	*bytes.Reader
	between func()
}

func (b *slowBody) Read(p []byte) (int, error) {
	if b.Len() <= 5 && b.between != nil {
		b.between()
		b.between = nil
	}
	return b.Reader.Read(p[:min(len(p), 5)])
}

func TestADeleteDuringAConditionalWriteIsAConflict(t *testing.T) {
	t.Parallel()
	w := serve(t, "")
	c := w.client("us-east-1", owner)
	bucket(t, c, "locks", "k")
	head, err := c.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: aws.String("locks"), Key: aws.String("k")})
	if err != nil {
		t.Fatal(err)
	}
	body := &slowBody{Reader: bytes.NewReader([]byte("0123456789")), between: func() {
		if _, err := c.DeleteObject(context.Background(), &s3.DeleteObjectInput{Bucket: aws.String("locks"), Key: aws.String("k")}); err != nil {
			t.Error(err)
		}
	}}
	r := httptest.NewRequest(http.MethodPut, "/locks/k", body)
	r.ContentLength = 10
	r.Header.Set("If-Match", *head.ETag)
	caller := api.Caller{Account: owner, AccessKeyID: "AKIA", Region: "us-east-1"}
	answer := httptest.NewRecorder()
	w.ServeHTTP(answer, r.WithContext(api.With(r.Context(), caller, &api.Record{})))
	if answer.Code != http.StatusConflict || !strings.Contains(answer.Body.String(), "ConditionalRequestConflict") {
		t.Errorf("answer %d %s", answer.Code, answer.Body)
	}
}

func TestMultipartUpload(t *testing.T) {
	t.Parallel()
	c := serve(t, "").client("us-east-1", owner)
	bucket(t, c, "b-1")
	name, key := aws.String("b-1"), aws.String("big.zip")
	begun, err := c.CreateMultipartUpload(t.Context(), &s3.CreateMultipartUploadInput{Bucket: name, Key: key, ChecksumAlgorithm: types.ChecksumAlgorithmSha256})
	if err != nil {
		t.Fatal(err)
	}
	body := strings.Repeat("x", minPartSize) + "end"
	var done []types.CompletedPart
	for i, text := range []string{body[:minPartSize], body[minPartSize:]} {
		n := aws.Int32(int32(i + 1))
		out, err := c.UploadPart(t.Context(), &s3.UploadPartInput{Bucket: name, Key: key, UploadId: begun.UploadId, PartNumber: n, Body: strings.NewReader(text), ChecksumAlgorithm: types.ChecksumAlgorithmSha256})
		if err != nil {
			t.Fatal(err)
		}
		done = append(done, types.CompletedPart{ETag: out.ETag, PartNumber: n, ChecksumSHA256: out.ChecksumSHA256})
	}
	complete := func(parts ...types.CompletedPart) error {
		_, err := c.CompleteMultipartUpload(t.Context(), &s3.CompleteMultipartUploadInput{Bucket: name, Key: key, UploadId: begun.UploadId, MultipartUpload: &types.CompletedMultipartUpload{Parts: parts}})
		return err
	}
	if got := code(complete(done[1], done[0])); got != "400 InvalidPartOrder" {
		t.Errorf("wrong order: %s", got)
	}
	if err := complete(done...); err != nil {
		t.Fatal(err)
	}
	if got := code(complete(done...)); got != "404 NoSuchUpload" {
		t.Errorf("twice: %s", got)
	}
	head, err := c.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: name, Key: key, ChecksumMode: types.ChecksumModeEnabled})
	if err != nil || !strings.HasSuffix(*head.ETag, `-2"`) || head.ChecksumType != types.ChecksumTypeComposite {
		t.Errorf("head: %+v, %v", head, err)
	}
	if got := read(t, c, &s3.GetObjectInput{Bucket: name, Key: key}); got != body {
		t.Errorf("read %d bytes that differ", len(got))
	}
}
