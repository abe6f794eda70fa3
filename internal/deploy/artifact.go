package deploy

import (
	"context"
	"fmt"

	"github.com/lambda-rollout/lambda-rollout/internal/artifact"
	"github.com/lambda-rollout/lambda-rollout/internal/awsfacts"
	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/service"
	"github.com/lambda-rollout/lambda-rollout/internal/session"
)

// Artifact is the code of a target, which exists.
type Artifact struct {
	// From is what the service's files say.
	From service.Artifact
	*artifact.Result
	// named is the definition's own Code, nil without one.
	named *definition.Code
	// sent is the code as Lambda can take it, for all targets with this Result.
	sent *once[definition.Code]
}

// want is what the function is to hold.
func (a *Artifact) want() definition.Code { return a.withNamed(a.Code) }

// ready brings the code to where Lambda can take it. It is called only where
// the code differs, after everything else was checked.
func (a *Artifact) ready(ctx context.Context) (definition.Code, error) {
	code, err := a.sent.get(ctx, func() (definition.Code, error) { return a.Prepare(ctx) })
	return a.withNamed(code), err
}

// withNamed keeps what a definition's Code says of the code beside its place:
// how it is stored and with which key it is encrypted.
func (a *Artifact) withNamed(code definition.Code) definition.Code {
	if a.named == nil {
		return code
	}
	if code.S3Bucket != "" {
		code.S3ObjectStorageMode = a.named.S3ObjectStorageMode
	}
	code.SourceKMSKeyArn = a.named.SourceKMSKeyArn
	return code
}

// reference turns a service's artifact into the one that package artifact finds.
func reference(a service.Artifact) (artifact.Ref, error) {
	switch a.Kind {
	case service.Local:
		return artifact.Ref{Kind: artifact.Path, Path: a.Path}, nil
	case service.S3:
		return artifact.Ref{Kind: artifact.S3, Bucket: a.Bucket, Key: a.Key, KeyPattern: a.KeyPattern, Region: a.Region}, nil
	case service.ECR:
		return artifact.Ref{Kind: artifact.ECR, Region: a.Region, Image: artifact.Image{
			Account: a.RegistryID, Region: a.Region, Repository: a.ImagePath, Tag: a.Tag, Digest: a.Digest,
		}}, nil
	}
	ref, err := artifact.ParseRef(a.Reference)
	if ref.Kind == artifact.Path {
		ref.Lambroll = a.Lambroll
	}
	return ref, err
}

// registry completes an image that a service names without its registry: the
// caller's own.
func registry(ctx context.Context, s *session.Session, image artifact.Image) (artifact.Image, error) {
	identity, err := s.Identity(ctx)
	if err != nil {
		return image, err
	}
	if image.Account == "" {
		image.Account = identity.Account
	}
	image.Registry = awsfacts.PartitionOf(image.Region).Registry(image.Account, image.Region)
	return image, nil
}

// formerCode fetches the code that a function had before. It implements
// engine.Code.
type formerCode struct {
	session *session.Session
	region  string
	// temp is the folder for downloads, bucket the staging bucket, "" for none.
	temp, bucket string
}

// Fetch downloads a zip, checks its hash, and returns it in the form that
// Lambda takes: inline, or through the staging bucket above 50 MB.
func (f *formerCode) Fetch(ctx context.Context, url string, want definition.Code) (definition.Code, error) {
	path, err := artifact.Download(ctx, f.session.HTTPClient(), artifact.Source{URL: url, Sha256: want.Sha256}, f.temp)
	if err != nil {
		return definition.Code{}, err
	}
	code := want
	code.ZipPath = path
	if want.Size <= artifact.InlineLimit {
		return code, nil
	}
	if f.bucket == "" {
		return definition.Code{}, fmt.Errorf("the old code is a zip of %d bytes, above what a call can carry: set staging-bucket", want.Size)
	}
	staged, err := artifact.Stage(ctx, f.session, artifact.Upload{Bucket: f.bucket, Region: f.region, Path: path, Sha256: want.Sha256, Size: want.Size})
	staged.SourceKMSKeyArn = want.SourceKMSKeyArn
	return staged, err
}
