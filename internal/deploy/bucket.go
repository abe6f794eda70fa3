package deploy

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/lambda-rollout/lambda-rollout/internal/artifact"
	"github.com/lambda-rollout/lambda-rollout/internal/awsfacts"
	"github.com/lambda-rollout/lambda-rollout/internal/journal"
	"github.com/lambda-rollout/lambda-rollout/internal/session"
)

// bucket is a journal.Bucket in S3.
type bucket struct {
	client       *s3.Client
	name, region string
	// limit is maxRecord, or a test's.
	limit int64
}

// maxRecord bounds what one object of a journal may hold, in bytes: journals of
// earlier releases are one object. More is an error, never cut.
const maxRecord = 256 << 20

// AnyRegion is where the Region of a bucket is asked for where none is named: S3
// answers for the buckets of the whole partition.
const AnyRegion = "us-east-1"

// bucketOf finds the bucket of a URL, in the Region where it is.
func bucketOf(ctx context.Context, c *Connection, url string) (*bucket, error) {
	name, _, err := journal.ParseObject(url)
	if err != nil {
		return nil, err
	}
	region := cmp.Or(c.region, AnyRegion)
	client := artifact.NewS3(c.base, region)
	_, err = client.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: &name})
	found := session.BucketRegion(err)
	switch {
	case found != "" && found != region:
		client, region = artifact.NewS3(c.base, found), found
	case err != nil && found == "" && c.region == "" && status(err) != http.StatusNotFound:
		// Another partition, or no network at all.
		return nil, fmt.Errorf("find the Region of bucket %s: %w (name a Region with aws-region or AWS_REGION)", name, err)
	}
	return &bucket{client: client, name: name, region: region, limit: maxRecord}, nil
}

// Get implements journal.Bucket.
func (b *bucket) Get(ctx context.Context, key string) (content []byte, etag string, err error) {
	// The answer's body is read after the call returned: no bound on the call.
	out, err := b.client.GetObject(session.WithCallTimeout(ctx, 0), &s3.GetObjectInput{Bucket: &b.name, Key: &key})
	if status(err) == http.StatusNotFound {
		return nil, "", b.noBucket(err)
	}
	if err != nil {
		return nil, "", fmt.Errorf("read s3://%s/%s: %w", b.name, key, b.explain(err, "s3:GetObject", "/"+key))
	}
	content, err = io.ReadAll(io.LimitReader(out.Body, b.limit+1))
	if err == nil && int64(len(content)) > b.limit {
		err = fmt.Errorf("it is larger than %d bytes", b.limit)
	}
	if err := errors.Join(err, out.Body.Close()); err != nil {
		return nil, "", fmt.Errorf("read s3://%s/%s: %w", b.name, key, err)
	}
	return content, aws.ToString(out.ETag), nil
}

// explain names the permission that is missing, where one is: on the bucket, or on
// the object whose key follows a slash.
func (b *bucket) explain(err error, action, object string) error {
	return session.Explain(err, session.Call{Action: action, Resource: "arn:" + awsfacts.PartitionOf(b.region).ID + ":s3:::" + b.name + object})
}

// noBucket keeps a bucket that is not there apart from an object.
func (b *bucket) noBucket(err error) error {
	var missing *types.NoSuchBucket
	if errors.As(err, &missing) || strings.Contains(err.Error(), "NoSuchBucket") {
		return fmt.Errorf("journal: there is no bucket %s: %w", b.name, err)
	}
	return nil
}

// conflicts bounds how often a write is tried that met another one under way.
const conflicts = 5

// errNoETag is a success that S3 did not send: its own names the object's ETag
// (https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html).
var errNoETag = errors.New("the answer has no ETag: a proxy may have answered in the place of S3")

// Put implements journal.Bucket. Where the condition does not hold, the caller
// looks whose content is there: a write whose answer was lost meets its own at the
// SDK's next try. 409 says that another write to the key is under way, and not how
// it ended (https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html).
func (b *bucket) Put(ctx context.Context, key string, content []byte, etag string) (string, error) {
	in := &s3.PutObjectInput{Bucket: &b.name, Key: &key, ContentType: aws.String("application/json")}
	if etag == "" {
		in.IfNoneMatch = aws.String("*")
	} else {
		in.IfMatch = &etag
	}
	for try := 1; ; try++ {
		in.Body = bytes.NewReader(content)
		out, err := b.client.PutObject(ctx, in)
		switch code := status(err); {
		case err == nil && aws.ToString(out.ETag) == "":
			return "", fmt.Errorf("write s3://%s/%s: %w", b.name, key, errNoETag)
		case err == nil:
			return aws.ToString(out.ETag), nil
		case code == http.StatusConflict && try < conflicts:
			continue
		case code == http.StatusNotFound:
			if missing := b.noBucket(err); missing != nil {
				return "", missing
			}
			return "", fmt.Errorf("write s3://%s/%s: %w: %w", b.name, key, journal.ErrTaken, err)
		case code == http.StatusPreconditionFailed:
			return "", fmt.Errorf("write s3://%s/%s: %w", b.name, key, journal.ErrTaken)
		}
		return "", fmt.Errorf("write s3://%s/%s: %w", b.name, key, b.explain(err, "s3:PutObject", "/"+key))
	}
}

// List implements journal.Bucket.
func (b *bucket) List(ctx context.Context, prefix, delimiter string) ([]journal.Entry, error) {
	in := &s3.ListObjectsV2Input{Bucket: &b.name, Prefix: &prefix}
	if delimiter != "" {
		in.Delimiter = &delimiter
	}
	var all []journal.Entry
	for pages := s3.NewListObjectsV2Paginator(b.client, in); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("list the journals in s3://%s/%s: %w", b.name, prefix, b.explain(err, "s3:ListBucket", ""))
		}
		for _, o := range page.Contents {
			all = append(all, journal.Entry{Key: aws.ToString(o.Key), Modified: aws.ToTime(o.LastModified)})
		}
		for _, folder := range page.CommonPrefixes {
			all = append(all, journal.Entry{Key: aws.ToString(folder.Prefix)})
		}
	}
	return all, nil
}

func status(err error) int {
	var response *awshttp.ResponseError
	if errors.As(err, &response) {
		return response.HTTPStatusCode()
	}
	return 0
}
