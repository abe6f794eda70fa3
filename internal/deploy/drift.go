package deploy

import (
	"context"
	"errors"
	"fmt"

	"github.com/lambda-rollout/lambda-rollout/internal/artifact"
	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/plan"
	"github.com/lambda-rollout/lambda-rollout/internal/report"
)

// Drift is what was changed in $LATEST since the version that the alias points to
// was published; see plan.Drift.
func (p Planned) Drift() []definition.Change { return plan.Drift(p.Before, p.Want.Aliases) }

// ReplacesZip reports whether the deployment replaces one zip by another.
func (p Planned) ReplacesZip() bool {
	latest := p.Before.Latest
	return p.Artifact != nil && p.Artifact.Kind != artifact.ECR &&
		latest != nil && latest.ResolvedImageUri == "" && latest.CodeSha256 != p.Want.Code.Sha256
}

// CompareFiles downloads the current zip into temp and compares it with the one
// that would be deployed. An error says why that is not possible.
func (p Planned) CompareFiles(ctx context.Context, temp string) ([]artifact.FileChange, error) {
	latest := p.Before.Latest
	switch {
	case latest.CodeLocation == "":
		return nil, errors.New("AWS gives no address for the code that stands")
	case latest.CodeSize > artifact.InlineLimit:
		return nil, fmt.Errorf("the code that stands has %s", report.Size(latest.CodeSize))
	}
	path, err := artifact.Download(ctx, p.Session.HTTPClient(), artifact.Source{URL: latest.CodeLocation, Sha256: latest.CodeSha256}, temp)
	if err != nil {
		return nil, err
	}
	before, closeBefore, err := artifact.OpenListing(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = closeBefore() }()
	after, closeAfter, err := p.Artifact.Listing(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = closeAfter() }()
	return artifact.Compare(before, after), nil
}
