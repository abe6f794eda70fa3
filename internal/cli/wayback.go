package cli

import (
	"context"
	"fmt"
	"net/http"

	"github.com/lambda-rollout/lambda-rollout/internal/artifact"
	"github.com/lambda-rollout/lambda-rollout/internal/deploy"
	"github.com/lambda-rollout/lambda-rollout/internal/lambdaapi"
	"github.com/lambda-rollout/lambda-rollout/internal/plan"
)

// wayBack makes sure, before new code goes out, that the code which stands
// could be put back: that its image is still in ECR, or that Lambda still gives
// out its zip.
func (b *builder) wayBack(ctx context.Context, r deploy.Result) error {
	for _, s := range r.Plan.Steps {
		if _, updates := s.(plan.UpdateCode); !updates {
			continue
		}
		gone, err := b.gone(ctx, r)
		switch {
		case err != nil:
			b.log().Warn("cannot see whether the code that stands in %s could be put back: %v", r.Target.Journal.Function, err)
		case gone == "":
		case b.in.Bool("allow-partial-rollback"):
			b.log().Warn("a rollback could not restore everything: %s", gone)
		default:
			return fmt.Errorf("function %s: no way back: %s (allow-partial-rollback deploys all the same)", r.Target.Journal.Function, gone)
		}
	}
	return nil
}

// gone says what is missing of the code that stands; "" where all is there.
func (b *builder) gone(ctx context.Context, r deploy.Result) (string, error) {
	latest, s := r.Before.Latest, sessionOf(r)
	switch {
	case latest.ResolvedImageUri != "":
		ref, err := artifact.ParseRef(latest.ResolvedImageUri)
		if err != nil {
			return "", err
		}
		_, err = artifact.Resolve(ctx, ref, artifact.Options{Session: s, Region: r.Target.Journal.Region})
		if err != nil && lambdaapi.Classify(err) == lambdaapi.Refused {
			return fmt.Sprintf("the image that stands is gone: %v", err), nil
		}
		return "", err
	case latest.CodeLocation == "":
		return "", nil
	}
	if latest.CodeSize > artifact.InlineLimit && r.Target.Wanted.StagingBucket {
		if err := artifact.CheckStaging(ctx, s, artifact.Upload{Bucket: b.in.String("staging-bucket"), Region: r.Target.Journal.Region}); err != nil {
			return fmt.Sprintf("its zip of %d bytes needs the staging bucket: %v", latest.CodeSize, err), nil
		}
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, latest.CodeLocation, nil)
	if err != nil {
		return "", err
	}
	request.Header.Set("Range", "bytes=0-0")
	answer, err := s.HTTPClient().Do(request)
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
