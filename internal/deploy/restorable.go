package deploy

import (
	"context"
	"fmt"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/lambda-rollout/lambda-rollout/internal/artifact"
	"github.com/lambda-rollout/lambda-rollout/internal/lambdaapi"
	"github.com/lambda-rollout/lambda-rollout/internal/plan"
)

// restorable makes sure, before new code is sent, that the current code could be
// restored: that its image is still in ECR, or that Lambda still hands out its
// zip.
func (c checker) restorable(ctx context.Context, p Planned) error {
	for _, s := range p.Plan.Steps {
		if _, updates := s.(plan.UpdateCode); !updates {
			continue
		}
		missing, err := missingCode(ctx, p)
		switch {
		case err != nil:
			warn(c.Events, "cannot see whether the code that stands in %s could be put back: %v", p.At.Function, err)
		case missing == "":
		case c.AllowPartial:
			warn(c.Events, "a rollback could not restore everything: %s", missing)
		default:
			return noWayBack(p.At.Function, missing)
		}
	}
	return nil
}

// missingCode says what is missing of the current code; "" where all is there.
func missingCode(ctx context.Context, p Planned) (string, error) {
	latest := p.Before.Latest
	switch {
	case latest.ResolvedImageUri != "":
		ref, err := artifact.ParseRef(latest.ResolvedImageUri)
		if err != nil {
			return "", err
		}
		_, err = artifact.Resolve(ctx, ref, artifact.Options{Session: p.Session, Region: p.At.Region})
		if err != nil && lambdaapi.Classify(err) == lambdaapi.Refused {
			return fmt.Sprintf("the image that stands is gone: %v", err), nil
		}
		return "", err
	case latest.CodeLocation == "":
		return "", nil
	}
	if latest.CodeSize > artifact.InlineLimit && p.StagingBucket != "" {
		if err := artifact.CheckStaging(ctx, p.Session, artifact.Upload{Bucket: p.StagingBucket, Region: p.At.Region}); err != nil {
			return fmt.Sprintf("its zip of %d bytes needs the staging bucket: %v", latest.CodeSize, err), nil
		}
	}
	return missingZip(ctx, p.Session.HTTPClient(), latest.CodeLocation)
}

// missingZip asks for the first byte of a zip.
func missingZip(ctx context.Context, client aws.HTTPClient, url string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	request.Header.Set("Range", "bytes=0-0")
	answer, err := client.Do(request)
	if err != nil {
		// The address is a secret for as long as it lives.
		return "", fmt.Errorf("the address of the code does not answer")
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode >= http.StatusBadRequest {
		return fmt.Sprintf("Lambda no longer gives out the zip that stands (HTTP status %d)", answer.StatusCode), nil
	}
	return "", nil
}
