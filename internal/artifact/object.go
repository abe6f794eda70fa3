package artifact

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/lambda-rollout/lambda-rollout/internal/awsfacts"
	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/session"
)

// object is one object of S3, pinned, and the client that may read it.
type object struct {
	client      *s3.Client
	bucket, key string
	version     string
	region      string
	etag        string
	size        int64
	// sha256 is base64, empty where S3 stored none of the whole object.
	sha256 string
}

// NewS3 makes a client for the buckets of a Region. An endpoint that was set by
// hand has no name a bucket.
func NewS3(s *session.Session, region string) *s3.Client {
	return s3.NewFromConfig(s.Config(region), func(o *s3.Options) {
		o.UsePathStyle = o.BaseEndpoint != nil
	})
}

func (o *object) String() string {
	name := "s3://" + o.bucket + "/" + o.key
	if o.version != "" {
		name += "?versionId=" + o.version
	}
	return name
}

// resolveObject pins an object and decides how Lambda gets it: by reference
// where it can read the object itself, else through this machine.
func (r *Result) resolveObject(ctx context.Context, ref Ref) error {
	if ref.KeyPattern != "" {
		var err error
		if ref, err = newest(ctx, r.opts.Source, ref, r.opts.Region); err != nil {
			return err
		}
	}
	found, err := findObject(ctx, r.opts.Source, ref, r.opts.Region)
	if err != nil {
		return err
	}
	if found.size > UnzippedLimit {
		return fmt.Errorf("artifact %s: %d bytes, above the %s that a function may hold unzipped", found, found.size, limit(UnzippedLimit))
	}
	r.Kind, r.Pinned, r.object = S3, found.String(), found
	r.viaThisMachine = found.region != r.opts.Region || !r.deployerCanRead(ctx, ref, found)
	r.Code = definition.Code{
		S3Bucket: found.bucket, S3Key: found.key, S3ObjectVersion: found.version,
		Sha256: found.sha256, Size: found.size,
	}
	if r.viaThisMachine {
		if err := r.requireStaging(ctx, found.String()); err != nil {
			return err
		}
	}
	switch {
	case found.sha256 != "":
		return nil
	case r.viaThisMachine:
		// It has to be read for its hash anyway: once is enough.
		return r.fetch(ctx)
	}
	r.Code.Sha256, err = found.hash(ctx)
	return err
}

// fetch replaces a reference that Lambda cannot follow by a file.
func (r *Result) fetch(ctx context.Context) error {
	code, err := r.object.fetch(ctx, r.opts.TempDir)
	if err != nil {
		return err
	}
	r.Code, r.local, r.viaThisMachine = code, code.ZipPath, false
	return nil
}

// deployerCanRead reports whether the function's own session may read the
// object: Lambda fetches it with the caller's permission.
func (r *Result) deployerCanRead(ctx context.Context, ref Ref, found *object) bool {
	if r.opts.Source == r.opts.Session {
		return true
	}
	ref.VersionID = found.version
	_, err := findObject(ctx, r.opts.Session, ref, r.opts.Region)
	return err == nil
}

// FetchableByLambda asks for the very version of an object that Lambda will fetch with the
// caller's permission: who may read the newest version need not be allowed to name it. It
// asks nothing where the code is no object, or has no version.
func (r *Result) FetchableByLambda(ctx context.Context) error {
	if r.object == nil || r.viaThisMachine || r.object.version == "" {
		return nil
	}
	_, err := findObject(ctx, r.opts.Session, Ref{Kind: S3, Bucket: r.object.bucket, Key: r.object.key, VersionID: r.object.version}, r.object.region)
	return err
}

// Zip returns the code as a zip on this machine, fetched into dir where it is an object of
// S3; what is an image has none, and "" is returned.
func (r *Result) Zip(ctx context.Context, dir string) (definition.Code, error) {
	if r.object == nil || r.Code.ZipPath != "" {
		return r.Code, nil
	}
	return r.object.fetch(ctx, dir)
}

// findObject looks at an object, in the bucket's own Region.
func findObject(ctx context.Context, s *session.Session, ref Ref, region string) (*object, error) {
	if ref.Region != "" {
		region = ref.Region
	}
	o := &object{bucket: ref.Bucket, key: ref.Key, version: ref.VersionID, region: region}
	head, err := o.head(ctx, s)
	if elsewhere := session.BucketRegion(err); elsewhere != "" && elsewhere != region {
		o.region = elsewhere
		head, err = o.head(ctx, s)
	}
	if err != nil {
		return nil, o.explain(ctx, err)
	}
	if o.etag, o.size = aws.ToString(head.ETag), aws.ToInt64(head.ContentLength); o.size == 0 {
		return nil, fmt.Errorf("artifact %s: it is empty", o)
	}
	if version := aws.ToString(head.VersionId); version != "null" {
		o.version = version
	}
	if sum := aws.ToString(head.ChecksumSHA256); head.ChecksumType != types.ChecksumTypeComposite && !strings.Contains(sum, "-") {
		o.sha256 = sum
	}
	archived := head.StorageClass == types.StorageClassGlacier || head.StorageClass == types.StorageClassDeepArchive
	if archived && !strings.Contains(aws.ToString(head.Restore), `ongoing-request="false"`) {
		return nil, fmt.Errorf("artifact %s: it is archived (%s): restore it first", o, head.StorageClass)
	}
	return o, nil
}

func (o *object) head(ctx context.Context, s *session.Session) (*s3.HeadObjectOutput, error) {
	o.client = NewS3(s, o.region)
	in := &s3.HeadObjectInput{Bucket: &o.bucket, Key: &o.key, ChecksumMode: types.ChecksumModeEnabled}
	if o.version != "" {
		in.VersionId = &o.version
	}
	return o.client.HeadObject(ctx, in)
}

// explain words each failure.
func (o *object) explain(ctx context.Context, err error) error {
	call := session.Call{Action: "s3:GetObject", Resource: o.arn()}
	if o.version != "" {
		call.Action = "s3:GetObjectVersion"
	}
	explained := session.Explain(err, call)
	if _, ok := errors.AsType[session.Denied](explained); ok {
		return fmt.Errorf("artifact %s: %w (without s3:ListBucket, S3 answers the same for an object that does not exist)", o, explained)
	}
	switch status := httpStatus(err); {
	case status == http.StatusNotFound && o.bucketMissing(ctx):
		return fmt.Errorf("artifact %s: there is no bucket %s", o, o.bucket)
	case status == http.StatusNotFound && o.version != "":
		return fmt.Errorf("artifact %s: the bucket exists, but no such object or version", o)
	case status == http.StatusNotFound:
		return fmt.Errorf("artifact %s: the bucket exists, but no such object: check the key", o)
	case status == http.StatusMethodNotAllowed:
		return fmt.Errorf("artifact %s: this version is a delete marker: name an earlier one", o)
	case status == http.StatusBadRequest && o.version != "":
		return fmt.Errorf("artifact %s: S3 does not accept this versionId", o)
	}
	return fmt.Errorf("artifact %s: %w", o, explained)
}

// bucketMissing asks whether it is the bucket that is not there: the answer to
// HeadObject does not say.
func (o *object) bucketMissing(ctx context.Context) bool {
	_, err := o.client.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: &o.bucket})
	return httpStatus(err) == http.StatusNotFound
}

func (o *object) arn() string {
	return "arn:" + awsfacts.PartitionOf(o.region).ID + ":s3:::" + o.bucket + "/" + o.key
}

func httpStatus(err error) int {
	if resp, ok := errors.AsType[*smithyhttp.ResponseError](err); ok {
		return resp.HTTPStatusCode()
	}
	return 0
}

// hash streams the object where S3 stored no checksum of the whole.
func (o *object) hash(ctx context.Context) (string, error) {
	body := o.open(ctx)
	defer body.Close()
	sum, _, err := hash(ctx, body)
	if err != nil {
		return "", fmt.Errorf("artifact %s: read it for its SHA-256: %w", o, o.explainRead(err))
	}
	return sum, nil
}

func (o *object) explainRead(err error) error {
	return session.Explain(err, session.Call{Action: "s3:GetObject", Resource: o.arn()})
}

// fetch brings the object to a file of this machine, and checks its hash where
// S3 knows it.
func (o *object) fetch(ctx context.Context, dir string) (definition.Code, error) {
	fail := func(err error) (definition.Code, error) {
		return definition.Code{}, fmt.Errorf("fetch %s: %w", o, o.explainRead(err))
	}
	file, err := os.CreateTemp(dir, "object-*.zip")
	if err != nil {
		return fail(err)
	}
	defer file.Close()
	body := o.open(ctx)
	defer body.Close()
	sum := sha256.New()
	n, err := io.Copy(io.MultiWriter(file, sum), body)
	if err != nil {
		return fail(err)
	}
	if err := file.Close(); err != nil {
		return fail(err)
	}
	got := base64.StdEncoding.EncodeToString(sum.Sum(nil))
	if o.sha256 != "" && got != o.sha256 {
		return fail(fmt.Errorf("its SHA-256 is %s, S3 said %s: the checksum that was uploaded with it is wrong", got, o.sha256))
	}
	return definition.Code{ZipPath: file.Name(), Sha256: got, Size: n}, nil
}
