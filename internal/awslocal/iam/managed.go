package iam

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/api"
)

// managed reports whether a policy of a Role is a managed one that is attached: its name is
// an ARN.
func managed(name string) bool { return strings.Contains(name, ":policy/") }

// named are a role's policies of one kind, sorted.
func (r *Role) named(isManaged bool) []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(r.Policies)), func(name string) bool { return managed(name) != isManaged })
}

// listAttachedRolePolicies rests on "ListAttachedRolePolicies".
func (s *Service) listAttachedRolePolicies(r *http.Request) (any, *api.Error) {
	type policy struct{ PolicyName, PolicyArn string }
	type result struct {
		AttachedPolicies []policy `xml:"AttachedPolicies>member"`
		IsTruncated      bool
	}
	return s.reading(r, func(found *role) (any, *api.Error) {
		var out result
		for _, arn := range found.named(true) {
			out.AttachedPolicies = append(out.AttachedPolicies, policy{arn[strings.LastIndexByte(arn, '/')+1:], arn})
		}
		return out, nil
	})
}

// onlyVersion is the one version that a managed policy has here.
const onlyVersion = "v1"

// managedPolicy finds the document of a managed policy that some role has.
func (s *Service) managedPolicy(r *http.Request) (arn, document string, _ *api.Error) {
	arn = r.Form.Get("PolicyArn")
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, one := range s.roles {
		if text, has := one.Policies[arn]; has && managed(arn) {
			return arn, text, nil
		}
	}
	return arn, "", api.NewError(http.StatusNotFound, "NoSuchEntity", "Policy "+arn+" was not found.")
}

// getPolicy rests on "GetPolicy".
func (s *Service) getPolicy(r *http.Request) (any, *api.Error) {
	type policy struct{ Arn, DefaultVersionId string }
	type result struct{ Policy policy }
	arn, _, err := s.managedPolicy(r)
	if err != nil {
		return nil, err
	}
	return result{policy{arn, onlyVersion}}, nil
}

// getPolicyVersion rests on "GetPolicyVersion".
func (s *Service) getPolicyVersion(r *http.Request) (any, *api.Error) {
	type version struct {
		VersionId, Document string
		IsDefaultVersion    bool
	}
	type result struct{ PolicyVersion version }
	_, text, err := s.managedPolicy(r)
	switch {
	case err != nil:
		return nil, err
	case r.Form.Get("VersionId") != onlyVersion:
		return nil, api.NewError(http.StatusNotFound, "NoSuchEntity", "Policy version "+r.Form.Get("VersionId")+" was not found.")
	}
	return result{version{onlyVersion, url.QueryEscape(text), true}}, nil
}
