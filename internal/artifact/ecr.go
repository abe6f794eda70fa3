package artifact

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/lambda-rollout/lambda-rollout/internal/session"
)

// registryAPI asks ECR about images. The SDK's client would be 0.6 MB of the
// binary for two calls; this signs with the SDK's signer, and asks again by the
// SDK's policy. The protocol is AWS JSON 1.1
// (https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html).
type registryAPI struct {
	cfg       aws.Config
	endpoint  string
	userAgent string
}

// newRegistryAPI finds the endpoint in the image's own name, which tells Region
// and partition, unless another one was set.
func newRegistryAPI(ctx context.Context, s *session.Session, image Image) registryAPI {
	api := registryAPI{cfg: s.Config(image.Region), userAgent: s.UserAgent()}
	_, domain, fips := strings.Cut(image.Registry, ".dkr.ecr-fips.")
	if !fips {
		_, domain, _ = strings.Cut(image.Registry, ".dkr.ecr.")
	}
	api.endpoint = "https://api.ecr." + domain
	if fips || wantsFIPS(ctx, api.cfg) {
		api.endpoint = "https://ecr-fips." + domain
	}
	if own, ok := setEndpoint(ctx, api.cfg); ok {
		api.endpoint = own
	}
	return api
}

// setEndpoint is the endpoint that the settings name for ECR, or for all
// services.
func setEndpoint(ctx context.Context, cfg aws.Config) (string, bool) {
	for _, source := range cfg.ConfigSources {
		own, ok := source.(interface {
			GetServiceBaseEndpoint(ctx context.Context, sdkID string) (string, bool, error)
		})
		if !ok {
			continue
		}
		if endpoint, found, err := own.GetServiceBaseEndpoint(ctx, "ECR"); found && err == nil {
			return endpoint, true
		}
	}
	return aws.ToString(cfg.BaseEndpoint), cfg.BaseEndpoint != nil
}

// wantsFIPS reports whether the settings ask for FIPS endpoints.
func wantsFIPS(ctx context.Context, cfg aws.Config) bool {
	for _, source := range cfg.ConfigSources {
		own, ok := source.(interface {
			GetUseFIPSEndpoint(ctx context.Context) (aws.FIPSEndpointState, bool, error)
		})
		if !ok {
			continue
		}
		if state, found, err := own.GetUseFIPSEndpoint(ctx); found && err == nil {
			return state == aws.FIPSEndpointStateEnabled
		}
	}
	return false
}

// call makes one call, as often as the policy for reads allows.
func (a registryAPI) call(ctx context.Context, operation string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	retryer := a.cfg.Retryer()
	for attempt := 1; ; attempt++ {
		err := a.send(ctx, operation, body, out)
		if err == nil || ctx.Err() != nil || attempt == retryer.MaxAttempts() || !retryer.IsErrorRetryable(err) {
			return err
		}
		delay, err := retryer.RetryDelay(attempt, err)
		if err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(delay):
		}
	}
}

const (
	registryTimeout = time.Minute
	// maxAnswer holds the largest manifest, 4 MiB, with every byte escaped.
	maxAnswer = 9 << 20
)

func (a registryAPI) send(ctx context.Context, operation string, body []byte, out any) error {
	ctx, cancel := context.WithTimeout(ctx, registryTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, a.endpoint, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-amz-json-1.1")
	req.Header.Set("User-Agent", a.userAgent)
	req.Header.Set("X-Amz-Target", "AmazonEC2ContainerRegistry_V20150921."+operation)
	creds, err := a.cfg.Credentials.Retrieve(ctx)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(body)
	if err := v4.NewSigner().SignHTTP(ctx, creds, req, hex.EncodeToString(sum[:]), "ecr", a.cfg.Region, time.Now()); err != nil {
		return err
	}
	resp, err := a.cfg.HTTPClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return err
	}
	if resp.StatusCode == http.StatusOK {
		return json.Unmarshal(answer, out)
	}
	return fmt.Errorf("ECR %s: %w", operation, refusal(resp, answer))
}

// refusal reads the service's own code and text.
func refusal(resp *http.Response, answer []byte) error {
	var text struct {
		Type    string `json:"__type"`
		Message string `json:"message"`
	}
	if err := json.Unmarshal(answer, &text); err != nil || text.Type == "" {
		text.Type, text.Message = "UnknownError", resp.Status
	}
	return &smithyhttp.ResponseError{
		Response: &smithyhttp.Response{Response: resp},
		Err:      &smithy.GenericAPIError{Code: text.Type[strings.LastIndexByte(text.Type, '#')+1:], Message: text.Message},
	}
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
