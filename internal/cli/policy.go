package cli

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/lambda-rollout/lambda-rollout/internal/deploy"
	"github.com/lambda-rollout/lambda-rollout/internal/diag"
	"github.com/lambda-rollout/lambda-rollout/internal/journal"
	"github.com/lambda-rollout/lambda-rollout/internal/policy"
	"github.com/lambda-rollout/lambda-rollout/internal/session"
)

// policy prints the least IAM policy of this deployment and its rollback.
func (a *app) policy(ctx context.Context) error {
	if a.in.String("format") == "terraform" && a.in.String("output") == "json" {
		return diag.List{{Message: "--format terraform prints no JSON document, as --output json asks for", Hint: "leave out one of the two"}}
	}
	if a.looks() {
		return a.lookPolicy(ctx)
	}
	set, err := a.load(ctx)
	if err != nil {
		return err
	}
	return a.withPlanned(ctx, set, func(p plannedSet) error {
		sets, err := a.policies(ctx, p.planned, p.connection.Session())
		if err != nil {
			return err
		}
		return a.printPolicies(sets)
	})
}

func (a *app) printPolicies(sets []policy.Set) (err error) {
	var text []byte
	if a.in.String("format") == "terraform" {
		text = policy.Terraform(sets)
	} else if text, err = policy.JSON(sets); err != nil {
		return err
	}
	return a.print(strings.TrimRight(string(text), "\n") + "\n")
}

// policies makes one set for each role that the deployment works as.
func (a *app) policies(ctx context.Context, planned []deploy.Planned, run *session.Session) ([]policy.Set, error) {
	own, err := run.Identity(ctx)
	if err != nil {
		return nil, err
	}
	self := policy.Worker{Account: own.Account, Partition: own.Partition}
	var roles policy.Workers
	for _, p := range planned {
		roles.Add(policy.Worker{Account: p.At.Account, Partition: p.At.Partition, Connector: p.At.Connector}, a.needs(p)...)
		from := p.Artifact.From.Role
		if from != "" {
			a.log().Warn("the artifact of %s is read by the role of its connector, %s: what that role needs is not in this policy", p.At.Function, from)
		}
		for _, role := range []string{p.At.Connector, from} {
			if role != "" && a.chains(run) {
				roles.Add(self, policy.AssumeRole(role))
			}
		}
	}
	if needs := a.gates(nil).Needs(); len(needs) > 0 && !a.onlyReads() {
		roles.Add(self, needs...)
	}
	more, err := a.valueNeeds(ctx, run)
	if err != nil {
		return nil, err
	}
	if len(more) > 0 {
		roles.Add(self, more...)
	}
	if a.s3Journal() && !a.onlyReads() {
		bucket, prefix, err := journal.ParseObject(a.in.String("journal"))
		if err != nil {
			return nil, notStarted(err)
		}
		roles.Add(self, policy.Journal(own.Partition, bucket, prefix)...)
	}
	return roles.Sets(func(w policy.Worker) policy.Document { return a.trust(ctx, w, run) }), nil
}

// needs are the actions of a target for the scope that is asked for.
func (a *app) needs(p deploy.Planned) []policy.Need {
	t := p.PolicyTarget(a.keepsNew())
	t.Prunes = a.in.Given("keep-versions")
	switch a.in.String("scope") {
	case "service":
		t.StagingBucket = p.StagingBucketName()
		return policy.ServiceNeeds(t)
	case "plan":
		return policy.PlanNeeds(t)
	case "rehearse":
		return policy.RehearsalNeeds(t)
	}
	if p.Plan.Empty() {
		a.log().Warn("function %s needs no change now: the policy covers what it takes to find that out, and no more (--scope service: every deployment of these files)", p.At.Function)
	}
	return policy.Needs(t)
}

// onlyReads reports whether the policy is for a command that changes nothing.
func (a *app) onlyReads() bool {
	return slices.Contains([]string{"plan", "rehearse"}, a.in.String("scope"))
}

// chains reports whether connectors' roles are assumed by the run's own
// credentials, and not by the job's token: see session.Assume.
func (a *app) chains(run *session.Session) bool {
	return a.in.String("role-to-assume") != "" || a.in.String("aws-access-key-id") != "" || !run.HasTokens()
}

// trust says who assumes the role.
func (a *app) trust(ctx context.Context, w policy.Worker, run *session.Session) policy.Document {
	if w.Connector != "" && a.chains(run) {
		own, _ := run.Identity(ctx) // known already
		return policy.TrustCaller(cmp.Or(a.in.String("role-to-assume"), sessionRole(own)))
	}
	env := func(name string) string { value, _ := a.lookupEnv(name); return value }
	claims := a.claims(ctx, run)
	from := clone{env("GITHUB_SERVER_URL"), a.host.Run().Repository}
	if from.repository == "" {
		here := a.clone()
		from = clone{cmp.Or(here.server, from.server), here.repository}
	}
	repository := policy.Repository{
		Account: w.Account, Partition: w.Partition, Name: from.repository,
		OwnerID: env("GITHUB_REPOSITORY_OWNER_ID"), ID: env("GITHUB_REPOSITORY_ID"),
		Issuer: cmp.Or(claims.Issuer, policy.GitHubIssuer(from.server)), Subject: claims.Subject,
	}
	if from.repository == "" {
		a.log().Warn("this is not a clone of a GitHub repository: replace %s in the trust policy with the repository that deploys, everywhere", policy.Placeholder)
	}
	if repository.Subject == "" {
		a.log().Line("The trust policy allows every branch and pull request of the repository: restrict its sub, where it ends in :*, to :ref:refs/heads/main or :environment:NAME")
	}
	return policy.Trust(repository, a.in.String("audience"))
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

// claims are what the job's OIDC token says; empty where it has none. A pull
// request plans and does not deploy: its subject is left out.
func (a *app) claims(ctx context.Context, run *session.Session) session.Claims {
	if !run.HasTokens() || a.in.Bool("local") {
		return session.Claims{}
	}
	claims, err := run.JobClaims(ctx, a.in.String("audience"))
	if err != nil {
		a.log().Warn("the trust policy names the whole repository: %v", err)
		return session.Claims{}
	}
	if strings.HasSuffix(claims.Subject, ":pull_request") && !a.onlyReads() {
		claims.Subject = ""
	}
	return claims
}
