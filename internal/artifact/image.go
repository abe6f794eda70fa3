package artifact

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/smithy-go"

	"github.com/lambda-rollout/lambda-rollout/internal/awsfacts"
	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/session"
)

// resolveImage pins an image to its digest, which Lambda shows as CodeSha256.
func (r *Result) resolveImage(ctx context.Context, ref Ref) error {
	image := ref.Image
	name := image.URI()
	if err := image.CheckRegion(r.opts.Region); err != nil {
		return err
	}
	api := registryOf(ctx, r.opts.Source, image)
	in := imagesRequest{RegistryID: image.Account, RepositoryName: image.Repository, ImageIDs: []imageID{{ImageDigest: image.Digest}}}
	if image.Digest == "" {
		in.ImageIDs[0].ImageTag = image.Tag
	}
	var out imageDetails
	if err := api.JSON(ctx, "DescribeImages", in, &out); err != nil {
		return explainImage(image, err)
	}
	if len(out.ImageDetails) == 0 {
		return fmt.Errorf("image %s: ECR returned nothing about it", name)
	}
	detail := out.ImageDetails[0]
	if isIndex(detail.ImageManifestMediaType) {
		return fmt.Errorf("image %s is a multi-architecture index, which Lambda refuses: build one platform without attestations: docker buildx build --provenance=false --platform linux/amd64%s",
			name, platforms(ctx, api, image, in))
	}
	image.Digest = detail.ImageDigest
	digest, ok := strings.CutPrefix(image.Digest, "sha256:")
	if !ok {
		return fmt.Errorf("image %s: ECR returned the digest %q", name, image.Digest)
	}
	r.Kind, r.Image, r.Pinned = ECR, image, image.URI()
	r.Code = definition.Code{ImageUri: image.URI(), Sha256: digest, Size: detail.ImageSizeInBytes}
	return nil
}

// CheckRegion refuses an image for a function of another Region, where both are
// known.
func (image Image) CheckRegion(function string) error {
	if image.Region == "" || function == "" || image.Region == function {
		return nil
	}
	return fmt.Errorf("image %s is in %s, the function in %s: Lambda takes images from its own Region only: push it there, or replicate the repository", image.URI(), image.Region, function)
}

// isIndex knows the two kinds of manifests that list others.
func isIndex(mediaType string) bool {
	switch mediaType {
	case "application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json":
		return true
	}
	return false
}

// platforms names the images that an index lists, so that one of them can be
// deployed as it is; nothing where the index cannot be read.
func platforms(ctx context.Context, api *session.Caller, image Image, in imagesRequest) string {
	var out imageManifests
	if err := api.JSON(ctx, "BatchGetImage", in, &out); err != nil || len(out.Images) == 0 {
		return ""
	}
	var index struct {
		Manifests []struct {
			Digest   string
			Platform struct{ OS, Architecture string }
		}
	}
	if err := json.Unmarshal([]byte(out.Images[0].ImageManifest), &index); err != nil {
		return ""
	}
	var text strings.Builder
	for _, m := range index.Manifests {
		// An index lists attestations as images for an unknown platform.
		if m.Platform.OS != "linux" {
			continue
		}
		image.Digest = m.Digest
		fmt.Fprintf(&text, "; its image for %s/%s is %s", m.Platform.OS, m.Platform.Architecture, image.URI())
	}
	return text.String()
}

func explainImage(image Image, err error) error {
	name := image.URI()
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		switch api.ErrorCode() {
		case "ImageNotFoundException":
			if image.Digest != "" {
				return fmt.Errorf("image %s: the repository holds no image with this digest", name)
			}
			return fmt.Errorf("image %s: the repository holds no image with the tag %s: was it pushed?", name, image.Tag)
		case "RepositoryNotFoundException":
			return fmt.Errorf("image %s: account %s has no repository %s in %s", name, image.Account, image.Repository, image.Region)
		}
	}
	return fmt.Errorf("image %s: %w", name, session.Explain(err, session.Call{
		Action:   "ecr:DescribeImages",
		Resource: fmt.Sprintf("arn:%s:ecr:%s:%s:repository/%s", awsfacts.PartitionOf(image.Region).ID, image.Region, image.Account, image.Repository),
	}))
}
