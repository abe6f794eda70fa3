package lambda

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/api"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/store"
)

// Sizes of a deployment package (developer guide, "Lambda quotas").
const (
	maxZipped   = 52428800
	maxUnzipped = 262144000
)

type codeInput struct {
	ZipFile             []byte
	S3Bucket            string
	S3Key               string
	S3ObjectVersion     string
	S3ObjectStorageMode string
	ImageUri            string
	SourceKMSKeyArn     string
}

// takeCode stores the code of a request, and checks it. Nothing of it is
// held by s.mu.
func (s *Service) takeCode(r *request, in *codeInput, packageType string) (code, error) {
	if packageType == "Image" {
		return s.takeImage(r, in)
	}
	if in.ImageUri != "" {
		return code{}, invalid("Please don't provide ImageUri when updating a function with packageType Zip.")
	}
	c := code{KMSKeyArn: in.SourceKMSKeyArn}
	var blob store.Blob
	var err error
	switch {
	case in.S3Bucket != "":
		var versionID string
		if blob, versionID, err = s.fromS3(r, in); err != nil {
			return code{}, err
		}
		if in.S3ObjectStorageMode == "REFERENCE" {
			c.Reference = &s3Location{in.S3Bucket, in.S3Key, versionID}
		}
	case len(in.ZipFile) > maxZipped:
		return code{}, api.NewError(http.StatusRequestEntityTooLarge, "RequestEntityTooLargeException",
			"Zipped size must be smaller than 52428800 bytes")
	case len(in.ZipFile) > 0:
		if blob, err = s.Store.PutBlob(bytes.NewReader(in.ZipFile), maxZipped); err != nil {
			return code{}, err
		}
	default:
		return code{}, invalid("Please provide a source for function code.")
	}
	if c.Unzipped, err = s.checkZip(blob); err != nil {
		return code{}, err
	}
	c.Blob, c.Size, c.Sha256 = blob.SHA256, blob.Size, blob.Base64()
	return c, nil
}

// fromS3 copies an object; S3's own errors are worded as in
// TestLambdaFunction::test_lambda_code_location_s3_errors.
func (s *Service) fromS3(r *request, in *codeInput) (store.Blob, string, error) {
	if s.Objects == nil {
		return store.Blob{}, "", invalid("Error occurred while GetObject. S3 Error Code: NoSuchBucket. S3 Error Message: The specified bucket does not exist")
	}
	body, versionID, err := s.Objects.Object(r.ctx, in.S3Bucket, in.S3Key, in.S3ObjectVersion)
	if e := (*api.Error)(nil); errors.As(err, &e) {
		return store.Blob{}, "", invalid("Error occurred while GetObject. S3 Error Code: " + e.Code + ". S3 Error Message: " + e.Message)
	}
	if err != nil {
		return store.Blob{}, "", err
	}
	blob, err := s.Store.PutBlob(body, maxUnzipped)
	err = errors.Join(err, body.Close())
	if errors.Is(err, store.ErrTooLarge) {
		return store.Blob{}, "", errUnzipped
	}
	return blob, versionID, err
}

func (s *Service) takeImage(r *request, in *codeInput) (code, error) {
	if in.ImageUri == "" {
		return code{}, invalid("Please provide ImageUri when updating a function with packageType Image.")
	}
	if s.Images == nil {
		return code{}, missingImage(in.ImageUri)
	}
	if host, _, _ := strings.Cut(in.ImageUri, "/"); !strings.Contains(host, ".ecr."+r.caller.Region+".") {
		return code{}, invalid("Source image " + in.ImageUri + " is not valid. Provide a valid source image.")
	}
	digest, mediaType, err := s.Images.Image(r.ctx, in.ImageUri)
	var refusal *api.Error
	switch {
	case errors.As(err, &refusal) && refusal.Code == "AccessDeniedException":
		// Developer guide, "Create a Lambda function using a container image",
		// Amazon ECR permissions.
		return code{}, api.NewError(http.StatusForbidden, refusal.Code,
			"Lambda does not have permission to access the ECR image. Check the ECR permissions.")
	case refusal != nil:
		return code{}, missingImage(in.ImageUri)
	case err != nil:
		return code{}, err
	case strings.Contains(mediaType, "manifest.list"), strings.Contains(mediaType, "image.index"):
		return code{}, invalid("The image manifest, config or layer media type for the source image " + in.ImageUri + " is not supported.")
	}
	return code{Sha256: strings.TrimPrefix(digest, "sha256:"), ImageURI: in.ImageUri,
		ResolvedImage: repositoryOf(in.ImageUri) + "@" + digest}, nil
}

func missingImage(uri string) error {
	return invalid("Source image " + uri + " does not exist. Provide a valid source image.")
}

// repositoryOf is an image's URI without tag and digest.
func repositoryOf(uri string) string {
	uri, _, _ = strings.Cut(uri, "@")
	if i := strings.LastIndexByte(uri, ':'); i > strings.LastIndexByte(uri, '/') {
		return uri[:i]
	}
	return uri
}

var errUnzipped = invalid("Unzipped size must be smaller than 262144000 bytes")

// checkZip returns the unzipped size. It reads each member to its end, but never
// more than the limit: a zip whose directory lies about sizes is found out by
// its bytes.
func (s *Service) checkZip(blob store.Blob) (size int64, err error) {
	f, err := s.Store.OpenBlob(blob.SHA256)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return unzippedSize(f, blob.Size)
}

// maxDirectory bounds a zip's directory, which is read into memory: some
// 100,000 files.
const maxDirectory = 16 << 20

// directorySize is how many bytes lie between where a zip says that its
// directory begins and its end.
func directorySize(f io.ReaderAt, size int64) int64 {
	tail := make([]byte, min(size, 1<<16+22))
	if _, err := f.ReadAt(tail, size-int64(len(tail))); err != nil && !errors.Is(err, io.EOF) {
		return 0
	}
	end := bytes.LastIndex(tail, []byte("PK\x05\x06"))
	if end < 0 || len(tail)-end < 22 {
		return 0
	}
	return size - int64(binary.LittleEndian.Uint32(tail[end+16:]))
}

func unzippedSize(f io.ReaderAt, size int64) (int64, error) {
	broken := invalid("Could not unzip uploaded file. Please check your file, then try to upload again.")
	if directorySize(f, size) > maxDirectory {
		return 0, broken
	}
	archive, err := zip.NewReader(f, size)
	if err != nil {
		return 0, broken
	}
	var declared uint64
	for _, member := range archive.File {
		if member.UncompressedSize64 >= maxUnzipped {
			return 0, errUnzipped
		}
		declared += member.UncompressedSize64
	}
	if declared >= maxUnzipped {
		return 0, errUnzipped
	}
	var read int64
	for _, member := range archive.File {
		r, err := member.Open()
		if err != nil {
			return 0, broken
		}
		n, err := io.Copy(io.Discard, io.LimitReader(r, maxUnzipped-read+1))
		if err = errors.Join(err, r.Close()); err != nil {
			return 0, broken
		}
		if read += n; read >= maxUnzipped {
			return 0, errUnzipped
		}
	}
	return read, nil
}
