package artifact

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"

	"github.com/lambda-rollout/lambda-rollout/internal/awsfacts"
	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/session"
)

// uploadTimeout bounds one attempt to upload a zip: 250 MB over a line of
// 5 Mbit/s.
const uploadTimeout = 7 * time.Minute

// Upload is a zip on its way to the staging bucket.
type Upload struct {
	// Bucket may hold {region} and {account}.
	Bucket string
	// Region is the function's; the bucket must be there, too.
	Region string
	Path   string
	// Sha256 is base64, Size in bytes.
	Sha256 string
	Size   int64
}

// Stage uploads a zip under a key made of its hash, and returns the reference that
// Lambda takes. What is there already is not uploaded again. The object stays:
// a rollback, or the next deploy of the same content, may need it.
func Stage(ctx context.Context, s *session.Session, up Upload) (definition.Code, error) {
	sum, err := hexSum(up.Sha256)
	if err != nil {
		return definition.Code{}, err
	}
	place, err := staging(ctx, s, up)
	if err != nil {
		return definition.Code{}, err
	}
	place.key = "lambda-rollout/" + sum + ".zip"
	version, there, err := place.find(ctx, up)
	if err == nil && !there {
		version, err = place.put(ctx, up)
	}
	if err != nil {
		return definition.Code{}, fmt.Errorf("stage %s in s3://%s/%s: %w", up.Path, place.bucket, place.key, err)
	}
	return definition.Code{S3Bucket: place.bucket, S3Key: place.key, S3ObjectVersion: version, Sha256: up.Sha256, Size: up.Size}, nil
}

// CheckStaging refuses a staging bucket that is not there, or not in the
// function's Region, before anything is changed. Only Bucket and Region of the
// Upload count. Who may not look at the bucket may still be allowed to write.
func CheckStaging(ctx context.Context, s *session.Session, up Upload) error {
	place, err := staging(ctx, s, up)
	if err != nil {
		return err
	}
	_, err = place.client.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: &place.bucket, ExpectedBucketOwner: place.owner})
	switch status := httpStatus(err); {
	case err == nil, status == http.StatusForbidden:
		return nil
	case status == http.StatusNotFound:
		err = place.missing()
	default:
		err = place.explain(err, "s3:ListBucket")
	}
	return fmt.Errorf("staging-bucket %s: %w", place.bucket, err)
}

// staging fills the bucket's name. A name that holds the account must belong to
// it: somebody else could have taken a name that can be guessed.
func staging(ctx context.Context, s *session.Session, up Upload) (staged, error) {
	place := staged{client: NewS3(s, up.Region), region: up.Region}
	place.bucket = strings.ReplaceAll(up.Bucket, "{region}", up.Region)
	if strings.Contains(place.bucket, "{account}") {
		id, err := s.Identity(ctx)
		if err != nil {
			return staged{}, err
		}
		place.bucket = strings.ReplaceAll(place.bucket, "{account}", id.Account)
		place.owner = &id.Account
	}
	return place, nil
}

// staged is the place of one zip in the staging bucket.
type staged struct {
	client              *s3.Client
	region, bucket, key string
	owner               *string
}

// find looks for the same content. Who may not list the bucket gets 403 for what
// is not there: then the upload decides.
func (p staged) find(ctx context.Context, up Upload) (version string, there bool, err error) {
	head, err := p.client.HeadObject(ctx, &s3.HeadObjectInput{
		Bucket: &p.bucket, Key: &p.key, ChecksumMode: types.ChecksumModeEnabled, ExpectedBucketOwner: p.owner,
	})
	switch status := httpStatus(err); {
	case err == nil:
		same := aws.ToString(head.ChecksumSHA256) == up.Sha256 && aws.ToInt64(head.ContentLength) == up.Size
		return objectVersion(head.VersionId), same, nil
	case session.BucketRegion(err) != "" && session.BucketRegion(err) != p.region:
		return "", false, p.wrongRegion(session.BucketRegion(err))
	case status == http.StatusNotFound, status == http.StatusForbidden:
		return "", false, nil
	}
	return "", false, p.explain(err, "s3:GetObject")
}

func (p staged) put(ctx context.Context, up Upload) (version string, err error) {
	file, err := os.Open(up.Path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	out, err := p.client.PutObject(session.WithCallTimeout(ctx, uploadTimeout), &s3.PutObjectInput{
		Bucket: &p.bucket, Key: &p.key, Body: file, ContentLength: &up.Size,
		ContentType: aws.String("application/zip"), ChecksumSHA256: &up.Sha256, ExpectedBucketOwner: p.owner,
	})
	if err != nil {
		return "", p.explain(err, "s3:PutObject")
	}
	return objectVersion(out.VersionId), nil
}

func (p staged) explain(err error, action string) error {
	if elsewhere := session.BucketRegion(err); elsewhere != "" && elsewhere != p.region {
		return p.wrongRegion(elsewhere)
	}
	if api, ok := errors.AsType[smithy.APIError](err); ok && api.ErrorCode() == "NoSuchBucket" {
		return p.missing()
	}
	return session.Explain(err, session.Call{Action: action, Resource: "arn:" + awsfacts.PartitionOf(p.region).ID + ":s3:::" + p.bucket + "/" + p.key})
}

func (p staged) missing() error {
	return fmt.Errorf("there is no bucket %s: create it in %s, or name another as staging-bucket", p.bucket, p.region)
}

func (p staged) wrongRegion(is string) error {
	return fmt.Errorf("the bucket is in %s, the function in %s: Lambda reads code from its own Region only; staging-bucket may hold {region}", is, p.region)
}

// objectVersion is empty in a bucket without versions.
func objectVersion(id *string) string {
	if v := aws.ToString(id); v != "null" {
		return v
	}
	return ""
}
