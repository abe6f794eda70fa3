package deploy

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/awstest"
)

func TestAnObjectOfAJournalIsReadWholeOrNotAtAll(t *testing.T) {
	t.Parallel()
	awstest.Run(t, func(t *testing.T) {
		a := awstest.StartInProcess(t, awslocal.Options{})
		awstest.CreateBucket(t, a.S3(), "journals")
		awstest.PutObject(t, a.S3(), "journals", "run", []byte("0123456789"))
		for limit, want := range map[int64]string{maxRecord: "", 10: "", 9: "read s3://journals/run: it is larger than 9 bytes"} {
			content, _, err := (&bucket{client: a.S3(), name: "journals", limit: limit}).Get(t.Context(), "run")
			switch {
			case want == "" && (err != nil || string(content) != "0123456789"):
				t.Errorf("limit %d: %q, %v", limit, content, err)
			case want != "" && (err == nil || !strings.Contains(err.Error(), want) || content != nil):
				t.Errorf("limit %d: %q, %v, want %q", limit, content, err, want)
			}
		}
	})
}

type httpFunc func(*http.Request) (*http.Response, error)

func (f httpFunc) Do(r *http.Request) (*http.Response, error) { return f(r) }

// answers is a bucket of a store with one answer for every call.
func answers(status int, header http.Header, body string) *bucket {
	client := s3.New(s3.Options{
		Region: "cn-north-1", Credentials: credentials.NewStaticCredentialsProvider("a", "b", ""), RetryMaxAttempts: 1,
		HTTPClient: httpFunc(func(r *http.Request) (*http.Response, error) {
			if r.Body != nil {
				if _, err := io.Copy(io.Discard, r.Body); err != nil {
					return nil, err
				}
			}
			return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(strings.NewReader(body))}, nil
		}),
	})
	return &bucket{client: client, name: "journals", region: "cn-north-1", limit: maxRecord}
}

func TestAPermissionThatTheJournalLacksIsNamed(t *testing.T) {
	t.Parallel()
	b := answers(http.StatusForbidden, http.Header{}, "<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>")
	_, _, read := b.Get(t.Context(), "run/1")
	_, written := b.Put(t.Context(), "run/1", nil, "")
	_, listed := b.List(t.Context(), "run/", "")
	for want, err := range map[string]error{
		"s3:GetObject on arn:aws-cn:s3:::journals/run/1 is not allowed": read,
		"s3:PutObject on arn:aws-cn:s3:::journals/run/1 is not allowed": written,
		"s3:ListBucket on arn:aws-cn:s3:::journals is not allowed":      listed,
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// A record of which a network's login page says "ok" is not in the bucket.
func TestARecordIsWrittenOnceS3SaysSo(t *testing.T) {
	t.Parallel()
	for etag, want := range map[string]error{`"1"`: nil, "": errNoETag} {
		got, err := answers(http.StatusOK, http.Header{"Etag": {etag}}, "ok").Put(t.Context(), "run", []byte("{}"), "")
		if !errors.Is(err, want) || err == nil && got != etag || err != nil && got != "" {
			t.Errorf("ETag %q: got %q, %v", etag, got, err)
		}
	}
}
