package artifact

import (
	"context"
	"strings"

	"github.com/lambda-rollout/lambda-rollout/internal/session"
)

// registryOf is ECR's API for an image. The endpoint is in the image's own name,
// which tells Region and partition
// (https://docs.aws.amazon.com/general/latest/gr/ecr.html).
func registryOf(ctx context.Context, s *session.Session, image Image) *session.Caller {
	_, domain, fips := strings.Cut(image.Registry, ".dkr.ecr-fips.")
	if !fips {
		_, domain, _ = strings.Cut(image.Registry, ".dkr.ecr.")
	}
	endpoint := "https://api.ecr." + domain
	if fips || s.UsesFIPS(ctx) {
		endpoint = "https://ecr-fips." + domain
	}
	return s.Caller(session.Service{
		ID: "ECR", SigningName: "ecr", Region: image.Region, Endpoint: endpoint, Target: "AmazonEC2ContainerRegistry_V20150921",
	})
}

// The members of ECR's API that are used
// (https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_DescribeImages.html,
// https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_BatchGetImage.html).
type (
	imagesRequest struct {
		RegistryID     string    `json:"registryId"`
		RepositoryName string    `json:"repositoryName"`
		ImageIDs       []imageID `json:"imageIds"`
	}
	imageID struct {
		ImageTag    string `json:"imageTag,omitempty"`
		ImageDigest string `json:"imageDigest,omitempty"`
	}
	imageDetails struct {
		ImageDetails []struct {
			ImageDigest            string `json:"imageDigest"`
			ImageManifestMediaType string `json:"imageManifestMediaType"`
			ImageSizeInBytes       int64  `json:"imageSizeInBytes"`
		} `json:"imageDetails"`
	}
	imageManifests struct {
		Images []struct {
			ImageManifest string `json:"imageManifest"`
		} `json:"images"`
	}
)
