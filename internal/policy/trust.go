package policy

import (
	"net/url"
	"strings"

	"github.com/lambda-rollout/lambda-rollout/internal/lazyregexp"
)

// Repository is who is trusted to assume the role.
type Repository struct {
	// Account and Partition are the role's.
	Account, Partition string
	// Name is owner/name; where it is empty or not a valid name, a placeholder is
	// printed.
	Name string
	// OwnerID and ID are the numeric ids of owner and repository, which never
	// change; empty where they are not known.
	OwnerID, ID string
	// Issuer is who mints the tokens, as an address; empty is github.com's. It is
	// the token's own where there is a token, else GitHubIssuer's.
	Issuer string
	// Subject is the token's own, as this very job has it; empty trusts every
	// branch and environment of the repository.
	Subject string
}

// Placeholder takes the place of a repository that nobody named.
const Placeholder = "OWNER/REPOSITORY"

// defaultIssuer mints the tokens of github.com.
const defaultIssuer = "https://token.actions.githubusercontent.com"

// GitHubIssuer is who mints the tokens of a GitHub server, by its address
// (GITHUB_SERVER_URL): github.com, an enterprise's own subdomain of ghe.com
// (https://docs.github.com/en/enterprise-cloud@latest/admin/data-residency/feature-overview-for-github-enterprise-cloud-with-data-residency),
// or an Enterprise Server
// (https://docs.github.com/en/enterprise-server@latest/actions/reference/security/oidc).
func GitHubIssuer(server string) string {
	address, err := url.Parse(strings.TrimSuffix(server, "/"))
	if err != nil || address.Host == "" {
		return defaultIssuer
	}
	host := strings.ToLower(address.Host)
	switch {
	case host == "github.com", host == "www.github.com":
		return defaultIssuer
	case strings.HasSuffix(host, ".ghe.com"):
		return "https://token.actions." + host
	}
	return "https://" + host + "/_services/token"
}

var (
	repositoryName = lazyregexp.New(`^[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+$`)
	number         = lazyregexp.New(`^[0-9]+$`)
)

// Trust lets the jobs of a GitHub repository assume the role by their OIDC token
// (https://docs.github.com/en/actions/how-tos/secure-your-work/security-harden-deployments/oidc-in-aws).
func Trust(r Repository, audience string) Document {
	issuer := r.Issuer
	if issuer == "" {
		issuer = defaultIssuer
	}
	_, provider, _ := strings.Cut(issuer, "://")
	condition := Condition{"StringEquals": {provider + ":aud": {audience}}}
	if r.Subject != "" {
		condition["StringEquals"][provider+":sub"] = Values{r.Subject}
	} else {
		like, unlike := subjects(r)
		condition["StringLike"] = map[string]Values{provider + ":sub": like}
		if len(unlike) > 0 {
			condition["StringNotLike"] = map[string]Values{provider + ":sub": unlike}
		}
	}
	return Document{Version: version, Statement: []Statement{{
		Effect:    "Allow",
		Principal: map[string]string{"Federated": "arn:" + r.Partition + ":iam::" + r.Account + ":oidc-provider/" + provider},
		Action:    []string{"sts:AssumeRoleWithWebIdentity"},
		Condition: condition,
	}}}
}

// subjects are the patterns of every subject of a repository's tokens, and of
// those among them that belong to another one.
//
// A subject begins with repo:OWNER/NAME: for repositories of before 2026-07-15,
// and with repo:OWNER@NUMBER/NAME@NUMBER: for those that were created, renamed or
// moved since, or that opted in
// (https://docs.github.com/en/actions/reference/security/oidc#immutable-subject-claims).
// Neither owner nor name may hold a colon, a slash or an at sign, so the old form
// and the new form with its numbers are exact. Without the numbers a star is
// for each; it could run on over a colon into a branch or a custom claim of
// another repository of the owner, such as repo:o@1/other@2:ref:refs/heads/x/r@1:…,
// which the second list takes out.
func subjects(r Repository) (like, unlike Values) {
	name := r.Name
	if !repositoryName.MatchString(name) {
		name = Placeholder
	}
	owner, repository, _ := strings.Cut(name, "/")
	like = Values{"repo:" + name + ":*"}
	if number.MatchString(r.OwnerID) && number.MatchString(r.ID) {
		return append(like, "repo:"+owner+"@"+r.OwnerID+"/"+repository+"@"+r.ID+":*"), nil
	}
	return append(like, "repo:"+owner+"@*/"+repository+"@*:*"), Values{"repo:" + owner + "@*:*/" + repository + "@*:*"}
}
