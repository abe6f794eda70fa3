package deploy

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/lambda-rollout/lambda-rollout/internal/artifact"
	"github.com/lambda-rollout/lambda-rollout/internal/journal"
	"github.com/lambda-rollout/lambda-rollout/internal/session"
)

// bucket is a journal.Bucket in S3.
type bucket struct {
	client *s3.Client
	name   string
}

// maxJournal bounds what a journal in S3 may hold, in bytes.
const maxJournal = 64 << 20

func bucketOf(s *session.Session, url string) (*bucket, error) {
	name, _, err := journal.ParseObject(url)
	if err != nil {
		return nil, err
	}
	return &bucket{client: artifact.NewS3(s, ""), name: name}, nil
}

// Get implements journal.Bucket.
func (b *bucket) Get(ctx context.Context, key string) (content []byte, etag string, err error) {
	// The answer's body is read after the call returned: no bound on the call.
	out, err := b.client.GetObject(session.WithCallTimeout(ctx, 0), &s3.GetObjectInput{Bucket: &b.name, Key: &key})
	if status(err) == http.StatusNotFound {
		return nil, "", b.noBucket(err)
	}
	if err != nil {
		return nil, "", fmt.Errorf("read s3://%s/%s: %w", b.name, key, err)
	}
	content, err = io.ReadAll(io.LimitReader(out.Body, maxJournal))
	if err := errors.Join(err, out.Body.Close()); err != nil {
		return nil, "", fmt.Errorf("read s3://%s/%s: %w", b.name, key, err)
	}
	return content, aws.ToString(out.ETag), nil
}

// noBucket keeps a bucket that is not there apart from an object.
func (b *bucket) noBucket(err error) error {
	var missing *types.NoSuchBucket
	if errors.As(err, &missing) || strings.Contains(err.Error(), "NoSuchBucket") {
		return fmt.Errorf("journal: there is no bucket %s: %w", b.name, err)
	}
	return nil
}

// Put implements journal.Bucket. A write whose answer was lost meets its own
// content at the SDK's next try.
func (b *bucket) Put(ctx context.Context, key string, content []byte, etag string) (string, error) {
	in := &s3.PutObjectInput{Bucket: &b.name, Key: &key, Body: bytes.NewReader(content), ContentType: aws.String("application/jsonl")}
	if etag == "" {
		in.IfNoneMatch = aws.String("*")
	} else {
		in.IfMatch = &etag
	}
	out, err := b.client.PutObject(ctx, in)
	if err == nil {
		return aws.ToString(out.ETag), nil
	}
	switch status(err) {
	case http.StatusPreconditionFailed, http.StatusConflict, http.StatusNotFound:
	default:
		return "", fmt.Errorf("write s3://%s/%s: %w", b.name, key, err)
	}
	now, tag, readErr := b.Get(ctx, key)
	if readErr != nil {
		return "", readErr
	}
	if bytes.Equal(now, content) {
		return tag, nil
	}
	return "", fmt.Errorf("write s3://%s/%s: %w", b.name, key, journal.ErrTaken)
}

// newest lists the journals below a place whose names begin so, newest first.
func (b *bucket) newest(ctx context.Context, place, name string) ([]string, error) {
	_, prefix, err := journal.ParseObject(strings.TrimSuffix(place, "/") + "/" + name)
	if err != nil {
		return nil, err
	}
	// Pointers: sorting the objects themselves would add 20 kB to the binary.
	var all []*types.Object
	pages := s3.NewListObjectsV2Paginator(b.client, &s3.ListObjectsV2Input{Bucket: &b.name, Prefix: &prefix})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("list the journals in s3://%s/%s: %w", b.name, prefix, err)
		}
		for i := range page.Contents {
			all = append(all, &page.Contents[i])
		}
	}
	slices.SortFunc(all, func(x, y *types.Object) int {
		return cmp.Or(aws.ToTime(y.LastModified).Compare(aws.ToTime(x.LastModified)), cmp.Compare(aws.ToString(y.Key), aws.ToString(x.Key)))
	})
	var names []string
	for _, o := range all {
		if strings.HasSuffix(aws.ToString(o.Key), ".jsonl") {
			names = append(names, "s3://"+b.name+"/"+aws.ToString(o.Key))
		}
	}
	return names, nil
}

func status(err error) int {
	var response *awshttp.ResponseError
	if errors.As(err, &response) {
		return response.HTTPStatusCode()
	}
	return 0
}
