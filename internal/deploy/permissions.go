package deploy

import (
	"regexp"
	"strings"

	"github.com/lambda-rollout/lambda-rollout/internal/artifact"
	"github.com/lambda-rollout/lambda-rollout/internal/plan"
	"github.com/lambda-rollout/lambda-rollout/internal/policy"
)

// PolicyTarget returns what package policy has to know of the target. keepNew says
// that a rollback does not delete a new function.
func (p Planned) PolicyTarget(keepNew bool) policy.Target {
	t := policy.Target{
		Account: p.At.Account, Partition: p.At.Partition, Region: p.At.Region,
		Wanted: p.Want, Before: p.Before, Plan: p.Plan, KeepNewFunction: keepNew, Invoked: len(p.Verify) > 0,
		Guarded: p.Guarded(), Alarmed: p.Alarmed(),
	}
	if p.Artifact != nil {
		t.Artifact = p.Artifact.policy()
	}
	if p.stages() {
		t.StagingBucket = p.StagingBucketName()
	}
	return t
}

// StagingBucketName returns the name of the staging bucket in the target's account
// and Region; "" for none.
func (t Target) StagingBucketName() string {
	return strings.NewReplacer("{region}", t.At.Region, "{account}", t.At.Account).Replace(t.StagingBucket)
}

// stages reports whether the deployment or its rollback sends a zip that no call
// can carry.
func (p Planned) stages() bool {
	for _, s := range p.Plan.Steps {
		if !plan.SendsCode(s) {
			continue
		}
		old := int64(0)
		if was := p.Before.Latest; was != nil && was.ResolvedImageUri == "" && was.ResolvedS3Object == nil {
			old = was.CodeSize
		}
		return max(old, p.Want.Code.Size) > artifact.InlineLimit && p.Want.Code.ImageUri == ""
	}
	return false
}

// policy says where the code is read from.
func (a *Artifact) policy() policy.Artifact {
	out := policy.Artifact{Elsewhere: a.From.Role != ""}
	switch a.Kind {
	case artifact.S3:
		named, err := reference(a.From)
		out.Bucket, out.Key, out.Version = a.Code.S3Bucket, a.Code.S3Key, a.Code.S3ObjectVersion
		if err == nil {
			out.Pinned, out.Listed, out.Prefix = named.VersionID != "", named.KeyPattern != "", keyPrefix(named.KeyPattern)
		}
	case artifact.ECR:
		out.RegistryAccount, out.Repository = a.Image.Account, a.Image.Repository
	}
	return out
}

// keyPrefix is what every key that matches the pattern begins with.
func keyPrefix(pattern string) string {
	compiled, err := regexp.Compile(pattern)
	if err != nil {
		return ""
	}
	prefix, _ := compiled.LiteralPrefix()
	return prefix
}
