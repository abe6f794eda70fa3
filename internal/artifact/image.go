package artifact

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/session"
)

// resolveImage pins an image to its digest, which Lambda shows as CodeSha256.
func (r *Result) resolveImage(ctx context.Context, ref Ref) error {
	image := ref.Image
	name := image.URI()
	if image.Region != r.opts.Region {
		return fmt.Errorf("image %s is in %s, the function in %s: Lambda takes images from its own Region only: push it there, or replicate the repository", name, image.Region, r.opts.Region)
	}
	id := types.ImageIdentifier{}
	if image.Digest != "" {
		id.ImageDigest = &image.Digest
	} else {
		id.ImageTag = &image.Tag
	}
	client := ecr.NewFromConfig(r.opts.Source.Config(image.Region))
	out, err := client.DescribeImages(ctx, &ecr.DescribeImagesInput{
		RegistryId: &image.Account, RepositoryName: &image.Repository, ImageIds: []types.ImageIdentifier{id},
	})
	if err != nil {
		return explainImage(image, err)
	}
	if len(out.ImageDetails) == 0 {
		return fmt.Errorf("image %s: ECR gave no answer about it", name)
	}
	detail := out.ImageDetails[0]
	if isIndex(aws.ToString(detail.ImageManifestMediaType)) {
		return fmt.Errorf("image %s is a multi-architecture index, which Lambda refuses: build one platform without attestations: docker buildx build --provenance=false --platform linux/amd64", name)
	}
	image.Digest = aws.ToString(detail.ImageDigest)
	digest, ok := strings.CutPrefix(image.Digest, "sha256:")
	if !ok {
		return fmt.Errorf("image %s: ECR gave the digest %q", name, image.Digest)
	}
	r.Kind, r.Image, r.Pinned = ECR, image, image.URI()
	r.Code = definition.Code{ImageUri: image.URI(), Sha256: digest, Size: aws.ToInt64(detail.ImageSizeInBytes)}
	return nil
}

// isIndex knows the two kinds of manifests that list others.
func isIndex(mediaType string) bool {
	switch mediaType {
	case "application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json":
		return true
	}
	return false
}

func explainImage(image Image, err error) error {
	name := image.URI()
	if _, ok := errors.AsType[*types.ImageNotFoundException](err); ok {
		if image.Digest != "" {
			return fmt.Errorf("image %s: the repository holds no image with this digest", name)
		}
		return fmt.Errorf("image %s: the repository holds no image with the tag %s: was it pushed?", name, image.Tag)
	}
	if _, ok := errors.AsType[*types.RepositoryNotFoundException](err); ok {
		return fmt.Errorf("image %s: account %s has no repository %s in %s", name, image.Account, image.Repository, image.Region)
	}
	return fmt.Errorf("image %s: %w", name, session.Explain(err, session.Call{
		Action:   "ecr:DescribeImages",
		Resource: fmt.Sprintf("arn:%s:ecr:%s:%s:repository/%s", partitionOf(image.Region), image.Region, image.Account, image.Repository),
	}))
}
