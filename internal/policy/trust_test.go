package policy_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lambda-rollout/lambda-rollout/internal/policy"
)

const github = "token.actions.githubusercontent.com"

func TestTrustNamesTheJobsOwnSubjectWhereItIsKnown(t *testing.T) {
	t.Parallel()
	r := policy.Repository{Account: "1", Partition: "aws-cn", Name: "octo/app", Subject: "repo:octo/app:environment:production"}
	want := policy.Condition{"StringEquals": {
		github + ":aud": {"sts.amazonaws.com"},
		github + ":sub": {"repo:octo/app:environment:production"},
	}}
	s := policy.Trust(r, "sts.amazonaws.com").Statement[0]
	if diff := cmp.Diff(want, s.Condition); diff != "" {
		t.Error(diff)
	}
	if got := s.Principal["Federated"]; got != "arn:aws-cn:iam::1:oidc-provider/"+github {
		t.Errorf("principal %s", got)
	}
}

func TestTheIssuerIsThatOfTheServer(t *testing.T) {
	t.Parallel()
	for server, want := range map[string]string{
		"":                              "https://" + github,
		"https://github.com":            "https://" + github,
		"https://GitHub.com/":           "https://" + github,
		"https://octocorp.ghe.com":      "https://token.actions.octocorp.ghe.com",
		"https://git.example":           "https://git.example/_services/token",
		"https://git.example:8443/":     "https://git.example:8443/_services/token",
		"http://ghe.com.evil.example":   "https://ghe.com.evil.example/_services/token",
		"https://notghe.com":            "https://notghe.com/_services/token",
		"not an address":                "https://" + github,
		"https://github.com.evil.local": "https://github.com.evil.local/_services/token",
	} {
		if got := policy.GitHubIssuer(server); got != want {
			t.Errorf("%s: issuer %s, want %s", server, got, want)
		}
	}
}

func TestTheProviderIsThatOfTheIssuer(t *testing.T) {
	t.Parallel()
	for issuer, provider := range map[string]string{
		"":                                       github,
		"https://" + github + "/octocorp":        github + "/octocorp",
		"https://token.actions.octocorp.ghe.com": "token.actions.octocorp.ghe.com",
		"https://git.example/_services/token":    "git.example/_services/token",
	} {
		s := policy.Trust(policy.Repository{Account: "123456789012", Partition: "aws", Name: "o/r", Issuer: issuer}, "sts.amazonaws.com").Statement[0]
		if got, want := s.Principal["Federated"], "arn:aws:iam::123456789012:oidc-provider/"+provider; got != want {
			t.Errorf("principal %s, want %s", got, want)
		}
		if s.Condition["StringEquals"][provider+":aud"] == nil || s.Condition["StringLike"][provider+":sub"] == nil {
			t.Errorf("%s: conditions %v", issuer, s.Condition)
		}
	}
}

// stringLike is IAM's operator: case counts, * is any characters, ? is one
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html).
func stringLike(pattern, value string) bool {
	if pattern == "" {
		return value == ""
	}
	switch pattern[0] {
	case '*':
		for i := range len(value) + 1 {
			if stringLike(pattern[1:], value[i:]) {
				return true
			}
		}
		return false
	case '?':
		return value != "" && stringLike(pattern[1:], value[1:])
	}
	return value != "" && value[0] == pattern[0] && stringLike(pattern[1:], value[1:])
}

// admits is what IAM decides about a subject.
func admits(d policy.Document, subject string) bool {
	c := d.Statement[0].Condition
	some := func(operator string) bool {
		for _, pattern := range c[operator][github+":sub"] {
			if stringLike(pattern, subject) {
				return true
			}
		}
		return false
	}
	if own := c["StringEquals"][github+":sub"]; own != nil && own[0] != subject {
		return false
	}
	return (c["StringLike"] == nil || some("StringLike")) && !some("StringNotLike")
}

var (
	known   = policy.Trust(policy.Repository{Account: "1", Partition: "aws", Name: "o/r", OwnerID: "11", ID: "22"}, "a")
	unknown = policy.Trust(policy.Repository{Account: "1", Partition: "aws", Name: "o/r"}, "a")
)

func TestBothFormsOfARepositorysSubjectsAreAdmitted(t *testing.T) {
	t.Parallel()
	for _, rest := range []string{"ref:refs/heads/main", "ref:refs/heads/feature/r@1", "ref:refs/tags/v1", "environment:production", "pull_request", "ref:refs/heads/main:workflow:x"} {
		for _, subject := range []string{"repo:o/r:" + rest, "repo:o@11/r@22:" + rest} {
			for name, d := range map[string]policy.Document{"with numbers": known, "without": unknown} {
				if !admits(d, subject) {
					t.Errorf("%s: %s is not admitted", name, subject)
				}
			}
		}
	}
	if admits(known, "repo:o@12/r@22:ref:refs/heads/main") || admits(known, "repo:o@11/r@23:ref:refs/heads/main") {
		t.Error("another owner or repository that took over the name is admitted although the numbers are known")
	}
}

// Names of branches, tags and environments, and custom claims, are what the jobs
// of another repository may choose.
func TestNoOtherRepositoryIsAdmitted(t *testing.T) {
	t.Parallel()
	for _, subject := range []string{
		"repo:o/r-x:ref:refs/heads/main", "repo:o2/r:ref:refs/heads/main", "repo:xo/r:ref:refs/heads/main", "repo:o/rr:pull_request", "repo:O/R:ref:refs/heads/main",
		"repo:o@11/r-x@22:ref:refs/heads/main", "repo:o2@11/r@22:ref:refs/heads/main", "repo:o@11/x@22:ref:refs/heads/x/r@1", "repo:o@11/x@22:ref:refs/heads/x/r@1:workflow:w",
		"repo:o@11/x@22:environment:/r@1:y", "repo:o@11/x@22:job_workflow_ref:o/r@refs/heads/main:ref:x", "repo:x@1/y@2:ref:refs/heads/repo:o/r:ref", "repo:o@11/x@22:repo:o/r:ref:refs/heads/main",
		"repository_owner:o:repo:o/r:ref:x", "o/r:ref:refs/heads/main", "repo:o/r", "repo:o@11/r@22", "", "repo:o@11/x@22:workflow:/r@:",
	} {
		for name, d := range map[string]policy.Document{"with numbers": known, "without": unknown} {
			if admits(d, subject) {
				t.Errorf("%s: %s is admitted", name, subject)
			}
		}
	}
}

// subjectOf is a subject as GitHub makes them, of a repository and what follows.
func subjectOf(owner, name, rest string, numbers bool) string {
	if numbers {
		return fmt.Sprintf("repo:%s@%d/%s@%d%s", owner, len(owner)+10, name, len(name)+20, rest)
	}
	return "repo:" + owner + "/" + name + rest
}

func FuzzNoOtherRepositoryIsAdmitted(f *testing.F) {
	for _, rest := range []string{":ref:refs/heads/x/r@1", ":ref:refs/heads/x/r@1:w", ":/r@:", ":environment:/r@1:", ":repo:o/r:", ":a@*/r@*:*", "/r@1:x"} {
		f.Add("o", "x", rest, true)
		f.Add("o2", "r", rest, false)
	}
	f.Fuzz(func(t *testing.T, owner, name, rest string, numbers bool) {
		// What GitHub allows in names, and that something may follow behind a colon.
		if strings.ContainsAny(owner+name, ":/@") || owner == "" || name == "" || len(owner+name+rest) > 200 {
			return
		}
		rest = ":" + strings.TrimPrefix(rest, ":")
		subject := subjectOf(owner, name, rest, numbers)
		if own := owner == "o" && name == "r"; !own && (admits(known, subject) || admits(unknown, subject)) {
			t.Errorf("%s is admitted", subject)
		}
	})
}

// The same by chance, from the parts that matter.
func TestNoOtherRepositoryIsAdmittedByChance(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	pick := func(list ...string) string { return list[random.IntN(len(list))] }
	names := []string{"o", "r", "x", "or", "o-r", "rr", "o.r"}
	for range 50_000 {
		owner, name := pick(names...), pick(names...)
		var rest strings.Builder
		for range random.IntN(8) {
			rest.WriteString(pick(":", "/", "@", "r", "o", "r@1", "/r@2:", "repo:o/r:", "repo:o@11/r@22:", "ref:refs/heads/", "*", "?"))
		}
		subject := subjectOf(owner, name, ":"+rest.String(), random.IntN(2) == 0)
		if own := owner == "o" && name == "r"; !own && (admits(known, subject) || admits(unknown, subject)) {
			t.Fatalf("%s is admitted", subject)
		}
	}
}

func TestWhatIsNoRepositoryIsAPlaceholder(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"", "o", "o/*", "*/r", "o/r/x", "o/r:x", "o?/r", "o/${x}"} {
		like := policy.Trust(policy.Repository{Account: "1", Partition: "aws", Name: name}, "a").Statement[0].Condition["StringLike"][github+":sub"]
		if like[0] != "repo:"+policy.Placeholder+":*" {
			t.Errorf("%q: %q", name, like)
		}
	}
	like := policy.Trust(policy.Repository{Account: "1", Partition: "aws", Name: "o/r", OwnerID: "1*", ID: "2"}, "a").Statement[0].Condition["StringLike"][github+":sub"]
	if like[1] != "repo:o@*/r@*:*" {
		t.Errorf("a number that is none: %q", like)
	}
}
