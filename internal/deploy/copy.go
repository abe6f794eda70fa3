package deploy

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/artifact"
	"github.com/lambda-rollout/lambda-rollout/internal/awsfacts"
	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/lambdaapi"
	"github.com/lambda-rollout/lambda-rollout/internal/policy"
	"github.com/lambda-rollout/lambda-rollout/internal/preflight"
	"github.com/lambda-rollout/lambda-rollout/internal/session"
)

// In returns the target in a copy of its account, which the session and the client
// reach: the same wanted state with other code, which a call carries or names.
func (t Target) In(s *session.Session, api *lambdaapi.Client, code definition.Code) Target {
	t.Session, t.API, t.prefetched = s, api, nil
	t.At.Endpoint, t.At.Role, t.At.Connector, t.Connector = s.Endpoint(), "", "", ""
	result := artifact.Copied(code, artifact.Options{Session: s, Region: t.At.Region, StagingBucket: t.StagingBucketName()})
	switch {
	case code.ImageUri != "":
		result.Kind, result.Image = artifact.ECR, t.Artifact.Image
	case code.S3Bucket != "":
		result.Kind = artifact.S3
	}
	t.Artifact = &Artifact{Result: result, sent: &once[definition.Code]{}}
	t.Want.Code = code
	t.Want.Function = t.Want.Function.Clone()
	return t
}

// Permissions is what IAM says of the roles of a deployment.
type Permissions struct {
	// Refused is why the deployment would not start; nil where it would.
	Refused error
	// Missing are all actions of the deployment and its rollback that are not allowed.
	Missing []session.Denied
	// Unchecked say what IAM was not asked.
	Unchecked []string
}

// Answers says what IAM would answer where the caller may not ask it.
type Answers func(context.Context, preflight.Question) (preflight.Answer, error)

// Permitted asks IAM whether the roles of a deployment may do what it and its rollback
// do, and changes nothing; instead is asked where the caller may not ask IAM.
func Permitted(ctx context.Context, planned []Planned, terms Terms, w Work, instead Answers) Permissions {
	ctx, cancel := context.WithTimeout(session.BeforeChanges(ctx), questionTimeout)
	defer cancel()
	var p Permissions
	p.Refused = checker{Terms: terms, Work: w}.permitted(ctx, planned, func(ctx context.Context, q preflight.Question) (preflight.Answer, error) {
		answer, err := preflight.Ask(ctx, q)
		if err == nil && answer.Unasked {
			other, unread := instead(ctx, q)
			if unread == nil {
				answer = other
			}
			p.Unchecked = append(p.Unchecked, unchecked(q, unread))
		}
		p.Missing = append(p.Missing, answer.Missing...)
		return answer, err
	})
	return p
}

// unchecked says what is not known of a role that may not ask IAM; unread is why its own
// policies could not be read, nil where they were.
func unchecked(q preflight.Question, unread error) string {
	if unread == nil {
		return "the role of this deployment may not ask iam:SimulatePrincipalPolicy: its own policies were read, and neither its permissions boundary nor the organization's policies"
	}
	what := "what the role of this deployment may do could not be checked"
	for _, n := range q.Needs {
		if n.Action == "iam:PassRole" {
			what += ", " + n.Action + " on " + strings.Join(n.Resources, ", ") + " included"
			break
		}
	}
	return fmt.Sprintf("%s: it may not ask iam:SimulatePrincipalPolicy, and its policies cannot be read (%v)", what, unread)
}

// Fetchable returns why Lambda could not fetch the objects that the deployment names; nil where
// it can.
func Fetchable(ctx context.Context, planned []Planned) error {
	var all []error
	for _, p := range planned {
		if p.Artifact != nil && !p.Plan.Empty() {
			all = append(all, p.Artifact.FetchableByLambda(ctx))
		}
	}
	return session.Join(all...)
}

// Needs returns the actions of the deployment of planned and of its rollback.
func Needs(planned []Planned, terms Terms) []policy.Need {
	var all []policy.Need
	for _, p := range planned {
		all = append(all, policy.Needs(p.PolicyTarget(terms.KeepNew))...)
		for _, role := range []string{p.At.Role, p.At.Connector} {
			if role != "" {
				all = append(all, policy.AssumeRole(role))
			}
		}
	}
	return all
}

// LeastTime returns how long the calls of a budget take at the rate that the program keeps
// to in each of so many Regions.
func (b Budget) LeastTime(regions int) time.Duration {
	return time.Duration(b.Calls+b.DryRuns) * time.Second / time.Duration((awsfacts.ControlPlaneRate-1)*max(regions, 1))
}
