package deploy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/lambda-rollout/lambda-rollout/internal/artifact"
	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/event"
	"github.com/lambda-rollout/lambda-rollout/internal/plan"
)

// Drift returns what was changed in $LATEST since the version that the alias points to
// was published; see plan.Drift.
func (p Planned) Drift() []definition.Change { return plan.Drift(p.Before, p.Want.Aliases) }

// GoesLive returns what drifted and goes live with the deployment, because it publishes
// $LATEST and does not name the field.
func (p Planned) GoesLive() []definition.Change {
	if !p.Changes() {
		return nil
	}
	return slices.DeleteFunc(p.Drift(), func(d definition.Change) bool {
		return slices.ContainsFunc(p.Plan.Changes, func(c definition.Change) bool { return c.Field == d.Field })
	})
}

// warnOfDrift says in one line what GoesLive.
func (p Planned) warnOfDrift(to event.Sink) {
	var fields []string
	for _, c := range p.GoesLive() {
		field := c.Field
		if c.From != "" || c.To != "" {
			field += " " + cmp.Or(c.From, "(not set)") + " → " + cmp.Or(c.To, "(not set)")
		}
		fields = append(fields, field)
	}
	if len(fields) > 0 {
		warn(to, "$LATEST was changed since version %s, to which the alias points, was published; this goes live with the deployment: %s", p.Before.Served.Version, strings.Join(fields, ", "))
	}
}

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
		return nil, errors.New("AWS returns no address for the current code")
	case latest.CodeSize > artifact.InlineLimit:
		return nil, fmt.Errorf("the current code has %d bytes, which is more than is downloaded for a comparison", latest.CodeSize)
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
