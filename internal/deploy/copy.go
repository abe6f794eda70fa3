package deploy

import (
	"context"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/artifact"
	"github.com/lambda-rollout/lambda-rollout/internal/awsfacts"
	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/lambdaapi"
	"github.com/lambda-rollout/lambda-rollout/internal/session"
)

// In returns the target in a copy of its account, which the session and the client
// reach: the same wanted state with other code, whose zip a call carries. Nobody watches
// it, nothing is invoked, and the stages of its traffic do not last.
func (t Target) In(s *session.Session, api *lambdaapi.Client, code definition.Code) Target {
	t.Session, t.API, t.prefetched = s, api, nil
	t.At.Endpoint, t.At.Role, t.At.Connector, t.Connector = s.Endpoint(), "", "", ""
	t.Artifact = &Artifact{Result: &artifact.Result{Code: code, Kind: artifact.Path, Pinned: code.ZipPath}, sent: &once[definition.Code]{}}
	t.Want.Code, t.StagingBucket, t.Verify, t.Watch = code, "", nil, Watch{Guard: Guard{Off: true}}
	t.Want.Function = t.Want.Function.Clone()
	t.Want.Traffic = t.Want.Traffic.Hurried()
	return t
}

// Permitted asks IAM whether the roles of a deployment may do what it and its rollback
// do, and changes nothing. Its error names each action that is not allowed.
func Permitted(ctx context.Context, planned []Planned, terms Terms, w Work) error {
	ctx, cancel := context.WithTimeout(session.BeforeChanges(ctx), questionTimeout)
	defer cancel()
	return checker{Terms: terms, Work: w}.permitted(ctx, planned)
}

// LeastTime is how long the calls of a budget take at the rate that the program keeps
// to in each of so many Regions.
func (b Budget) LeastTime(regions int) time.Duration {
	return time.Duration(b.Calls+b.DryRuns) * time.Second / time.Duration((awsfacts.ControlPlaneRate-1)*max(regions, 1))
}
