package cli

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"github.com/lambda-rollout/lambda-rollout/internal/artifact"
	"github.com/lambda-rollout/lambda-rollout/internal/deploy"
	"github.com/lambda-rollout/lambda-rollout/internal/journal"
	"github.com/lambda-rollout/lambda-rollout/internal/plan"
	"github.com/lambda-rollout/lambda-rollout/internal/policy"
	"github.com/lambda-rollout/lambda-rollout/internal/service"
	"github.com/lambda-rollout/lambda-rollout/internal/session"
)

// policy prints the least IAM policy of this deployment and its rollback.
func (a *app) policy(ctx context.Context) error {
	set, err := a.load()
	if err != nil {
		return err
	}
	w, err := a.connect(ctx, near(set))
	if err != nil {
		return err
	}
	return a.withTargets(ctx, w, set, func(b *builder, targets []deploy.Target) error {
		results, err := a.prepare(ctx, targets)
		if err != nil {
			return err
		}
		sets, err := b.policies(ctx, set, results)
		if err != nil {
			return err
		}
		var text []byte
		if a.in.String("format") == "terraform" {
			text = policy.Terraform(sets)
		} else if text, err = policy.JSON(sets); err != nil {
			return err
		}
		_, err = fmt.Fprintf(a.Stdout, "%s\n", strings.TrimRight(string(text), "\n"))
		return err
	})
}

// worker is a role that the deployment works as: the connector's of a Target, or
// the run's own where connector is "".
type worker struct{ account, partition, connector string }

// policies makes one set for each role that the deployment works as.
func (b *builder) policies(ctx context.Context, set *service.Set, results []deploy.Result) ([]policy.Set, error) {
	own, err := b.world.base.Identity(ctx)
	if err != nil {
		return nil, err
	}
	self := worker{own.Account, own.Partition, ""}
	needs := map[worker][]policy.Need{}
	var order []worker
	add := func(w worker, more ...policy.Need) {
		if needs[w] == nil {
			order = append(order, w)
		}
		needs[w] = append(needs[w], more...)
	}
	for i, r := range results {
		at := r.Target.Journal
		t := b.policyTarget(set.Targets[i], b.code[i], r)
		w := worker{at.Account, at.Partition, at.Connector}
		switch b.in.String("scope") {
		case "service":
			t.StagingBucket = b.stagingBucket(r)
			add(w, policy.ServiceNeeds(t)...)
		case "plan":
			add(w, policy.PlanNeeds(t)...)
		default:
			add(w, policy.Needs(t)...)
			if r.Plan.Empty() {
				b.log().Warn("nothing is to be changed in function %s now: the policy holds what it takes to see that, and no more (--scope service: every deployment of these files)", at.Function)
			}
		}
		if t.Artifact.Elsewhere {
			b.log().Warn("the artifact of %s is read by the role of its connector, %s: what that role needs is not in this policy", at.Function, set.Targets[i].Artifact.Role)
		}
		for _, role := range []string{at.Connector, set.Targets[i].Artifact.Role} {
			if role != "" && b.chains() {
				add(self, policy.AssumeRole(role))
			}
		}
	}
	if b.s3Journal() && b.in.String("scope") != "plan" {
		bucket, prefix, err := journal.ParseObject(b.in.String("journal"))
		if err != nil {
			return nil, &deploy.InputError{Err: err}
		}
		add(self, policy.Journal(own.Partition, bucket, prefix)...)
	}
	var sets []policy.Set
	for _, w := range order {
		sets = append(sets, policy.Set{Account: w.account, Role: w.connector, Permissions: policy.Of(needs[w]), Trust: b.trust(ctx, w, own)})
	}
	return sets, nil
}

// chains says that connectors' roles are assumed by the run's own credentials,
// and not by the job's token: see session.Assume.
func (b *builder) chains() bool {
	return b.in.String("role-to-assume") != "" || b.in.String("aws-access-key-id") != "" || !b.host.HasOIDC()
}

// trust says who assumes the role.
func (b *builder) trust(ctx context.Context, w worker, own session.Identity) policy.Document {
	if w.connector != "" && b.chains() {
		return policy.TrustCaller(cmp.Or(b.in.String("role-to-assume"), sessionRole(own)))
	}
	repository := policy.Repository{Account: w.account, Partition: w.partition, Name: b.host.Run().Repository, Subject: b.subject(ctx)}
	if !githubName.MatchString(repository.Name) {
		repository.Name = ""
	}
	if repository.Subject == "" {
		b.log().Line("The trust policy admits every branch and pull request of the repository: narrow its sub to repo:%s:ref:refs/heads/main, or to :environment:NAME", cmp.Or(repository.Name, policy.Placeholder))
	}
	return policy.Trust(repository, b.in.String("audience"))
}

// sessionRole is the role behind a session, and every other caller as it is.
// What the role's path may be a session does not tell.
func sessionRole(id session.Identity) string {
	_, name, is := strings.Cut(id.ARN, ":assumed-role/")
	if !is {
		return id.ARN
	}
	name, _, _ = strings.Cut(name, "/")
	return "arn:" + id.Partition + ":iam::" + id.Account + ":role/" + name
}

var githubName = regexp.MustCompile(`^[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+$`)

// policyTarget says of a Target what package policy has to know.
func (b *builder) policyTarget(t service.Target, code *artifact.Result, r deploy.Result) policy.Target {
	out := policy.Target{
		Account: r.Target.Journal.Account, Partition: r.Target.Journal.Partition, Region: r.Target.Journal.Region,
		Wanted: r.Target.Wanted, Before: r.Before, Plan: r.Plan, Artifact: policyArtifact(t.Artifact, code),
		Keep: b.in.String("first-deploy") == "keep",
	}
	if stages(r) {
		out.StagingBucket = b.stagingBucket(r)
	}
	return out
}

func (b *builder) stagingBucket(r deploy.Result) string {
	return strings.NewReplacer("{region}", r.Target.Journal.Region, "{account}", r.Target.Journal.Account).Replace(b.in.String("staging-bucket"))
}

// stages says whether the deployment or its rollback sends a zip that no call
// can carry.
func stages(r deploy.Result) bool {
	for _, s := range r.Plan.Steps {
		if !plan.SendsCode(s) {
			continue
		}
		old := int64(0)
		if was := r.Before.Latest; was != nil && was.ResolvedImageUri == "" && was.ResolvedS3Object == nil {
			old = was.CodeSize
		}
		return max(old, r.Target.Wanted.Code.Size) > artifact.InlineLimit && r.Target.Wanted.Code.ImageUri == ""
	}
	return false
}

func policyArtifact(from service.Artifact, code *artifact.Result) policy.Artifact {
	out := policy.Artifact{Elsewhere: from.Role != ""}
	switch code.Kind {
	case artifact.S3:
		named, err := reference(from)
		out.Bucket, out.Key, out.Version = code.Code.S3Bucket, code.Code.S3Key, code.Code.S3ObjectVersion
		if err == nil {
			out.Pinned, out.Listed, out.Prefix = named.VersionID != "", named.KeyPattern != "", keyPrefix(named.KeyPattern)
		}
	case artifact.ECR:
		out.RegistryAccount, out.Repository = code.Image.Account, code.Image.Repository
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

// subject is the job's own name in its OIDC token; "" where it has none, and
// for a pull request, which plans and does not deploy.
func (b *builder) subject(ctx context.Context) string {
	if !b.host.HasOIDC() || b.in.Bool("local") {
		return ""
	}
	token, err := b.host.OIDCToken(ctx, b.in.String("audience"))
	if err != nil {
		b.log().Warn("the trust policy names the whole repository: %v", err)
		return ""
	}
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return ""
	}
	var claims struct {
		Subject string `json:"sub"`
	}
	body, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil || json.Unmarshal(body, &claims) != nil || strings.HasSuffix(claims.Subject, ":pull_request") && b.in.String("scope") != "plan" {
		return ""
	}
	return claims.Subject
}
