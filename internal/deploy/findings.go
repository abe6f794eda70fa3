package deploy

import (
	"context"
	"fmt"

	"github.com/lambda-rollout/lambda-rollout/internal/artifact"
	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/plan"
)

// Findings returns what a deployment meets in the account, and what a rollback could not make
// good: aliases that share their traffic already, or have no version to go back to, and
// code that the account has no room for. One that cannot be asked about is left out.
func Findings(ctx context.Context, planned []Planned) []string {
	ctx, cancel := context.WithTimeout(ctx, questionTimeout)
	defer cancel()
	var all []string
	for _, p := range planned {
		for _, want := range p.Want.Aliases {
			if now := p.Before.Aliases[want.Name]; now != nil {
				all = append(all, p.aliasFindings(ctx, now)...)
			}
		}
	}
	return append(all, storageFindings(ctx, planned)...)
}

// aliasFindings are those of an alias of the deployment.
func (p Planned) aliasFindings(ctx context.Context, now *definition.ObservedAlias) []string {
	var all []string
	if len(now.Weights) > 0 {
		all = append(all, fmt.Sprintf("%s: alias %s shares its traffic with another version already", p.Label(), now.Name))
	}
	if now.Version == plan.Latest {
		return append(all, fmt.Sprintf("%s: alias %s points to $LATEST: its callers get the new code before it is published and verified, and a rollback has no version of its own to point it back to", p.Label(), now.Name))
	}
	version := p.Before.Versions[now.Version]
	if version == nil && p.Before.Served != nil && p.Before.Served.Version == now.Version {
		version = p.Before.Served
	}
	if version == nil {
		return all
	}
	if reason := p.dead(ctx, version); reason != "" {
		all = append(all, fmt.Sprintf("%s: alias %s cannot be rolled back: a rollback points it to version %s again, which %s", p.Label(), now.Name, now.Version, reason))
	}
	return all
}

// dead is why a version answers nobody; "" where it does, as far as AWS shows.
func (p Planned) dead(ctx context.Context, v *definition.Observed) string {
	if v.State.Value == "Failed" {
		return "is in state Failed: " + v.State.Reason
	}
	if v.ResolvedImageUri == "" {
		return ""
	}
	ref, err := artifact.ParseRef(v.ResolvedImageUri)
	if err == nil {
		_, err = artifact.Resolve(ctx, ref, artifact.Options{Session: p.Session, Region: p.At.Region})
	}
	if err != nil {
		return "cannot start again: " + err.Error()
	}
	return ""
}

// storageFindings compare what the deployment publishes with what the account may store
// (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html).
func storageFindings(ctx context.Context, planned []Planned) []string {
	type place struct{ account, region string }
	needs := map[place]int64{}
	var asked []Planned // the first of each place
	for _, p := range planned {
		if n := p.published(); n > 0 {
			key := place{p.At.Account, p.At.Region}
			if needs[key] == 0 {
				asked = append(asked, p)
			}
			needs[key] += n
		}
	}
	var all []string
	for _, p := range asked {
		key := place{p.At.Account, p.At.Region}
		used, limit, err := p.API.CodeStorage(ctx)
		if err == nil && used+needs[key] > limit {
			all = append(all, fmt.Sprintf("the versions that this deployment publishes in %s are over the limit of the account's code storage: %d MB, and %d MB of %d MB are left (keep-versions, or prune, deletes old versions)",
				key.region, needs[key]>>20, max(limit-used, 0)>>20, limit>>20))
		}
	}
	return all
}

// published is how many bytes of zips the versions hold that the plan publishes.
func (p Planned) published() int64 {
	if p.Want.Code.ImageUri != "" {
		return 0
	}
	var total int64
	for _, s := range p.Plan.Steps {
		if _, is := s.(plan.PublishRestorePoint); is {
			total += p.Before.Latest.CodeSize
		} else if _, is := s.(plan.PublishVersion); is {
			total += p.Want.Code.Size
		}
	}
	return total
}
