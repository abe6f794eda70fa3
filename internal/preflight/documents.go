package preflight

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/lambda-rollout/lambda-rollout/internal/session"
)

// Documents are the policies of a role, as IAM lists them. A permissions boundary and the
// policies of the organization are not among them.
type Documents struct {
	Role     string
	Policies map[string]string
}

// errNoRole reports a caller whose policies nobody lists here: a user, or root.
var errNoRole = errors.New("the caller is not a role")

// ReadDocuments reads the policies of the role that a session works as. It only reads.
func ReadDocuments(ctx context.Context, s *session.Session) (Documents, error) {
	id, err := s.Identity(ctx)
	if err != nil {
		return Documents{}, err
	}
	api, err := newIAM(s, id.Partition)
	if err != nil {
		return Documents{}, err
	}
	_, role := (&asking{id: id}).principal()
	if role == "" {
		return Documents{}, errNoRole
	}
	d := Documents{Policies: map[string]string{}}
	if d.Role, err = api.role(ctx, role); err != nil {
		// Most roles have no path.
		d.Role = "arn:" + id.Partition + ":iam::" + id.Account + ":role/" + role
	}
	return d, errors.Join(api.inline(ctx, role, d.Policies), api.attached(ctx, role, d.Policies))
}

// each calls a list operation until its last page.
func (c iam) each(ctx context.Context, operation string, form url.Values, page func() (out any, marker *string)) error {
	for range pages {
		out, marker := page()
		if err := c.Query(ctx, operation, form, out); err != nil {
			return fmt.Errorf("%s: %w", operation, err)
		}
		if *marker == "" {
			return nil
		}
		form.Set("Marker", *marker)
	}
	return fmt.Errorf("%s: more than %d pages", operation, pages)
}

// inline reads the policies that are in the role itself.
func (c iam) inline(ctx context.Context, role string, to map[string]string) error {
	var names []string
	err := c.each(ctx, "ListRolePolicies", url.Values{"RoleName": {role}}, func() (any, *string) {
		out := &struct {
			Names  *[]string `xml:"ListRolePoliciesResult>PolicyNames>member"`
			Marker string    `xml:"ListRolePoliciesResult>Marker"`
		}{Names: &names}
		return out, &out.Marker
	})
	if err != nil {
		return err
	}
	for _, name := range names {
		var out struct {
			Document string `xml:"GetRolePolicyResult>PolicyDocument"`
		}
		if err := c.Query(ctx, "GetRolePolicy", url.Values{"RoleName": {role}, "PolicyName": {name}}, &out); err != nil {
			return fmt.Errorf("GetRolePolicy %s: %w", name, err)
		}
		if to[name], err = url.QueryUnescape(out.Document); err != nil {
			return fmt.Errorf("GetRolePolicy %s: %w", name, err)
		}
	}
	return nil
}

// attached reads the managed policies of the role.
func (c iam) attached(ctx context.Context, role string, to map[string]string) error {
	var arns []string
	err := c.each(ctx, "ListAttachedRolePolicies", url.Values{"RoleName": {role}}, func() (any, *string) {
		out := &struct {
			ARNs   *[]string `xml:"ListAttachedRolePoliciesResult>AttachedPolicies>member>PolicyArn"`
			Marker string    `xml:"ListAttachedRolePoliciesResult>Marker"`
		}{ARNs: &arns}
		return out, &out.Marker
	})
	if err != nil {
		return err
	}
	for _, arn := range arns {
		var policy struct {
			Version string `xml:"GetPolicyResult>Policy>DefaultVersionId"`
		}
		if err := c.Query(ctx, "GetPolicy", url.Values{"PolicyArn": {arn}}, &policy); err != nil {
			return fmt.Errorf("GetPolicy %s: %w", arn, err)
		}
		var out struct {
			Document string `xml:"GetPolicyVersionResult>PolicyVersion>Document"`
		}
		if err := c.Query(ctx, "GetPolicyVersion", url.Values{"PolicyArn": {arn}, "VersionId": {policy.Version}}, &out); err != nil {
			return fmt.Errorf("GetPolicyVersion %s: %w", arn, err)
		}
		if to[arn], err = url.QueryUnescape(out.Document); err != nil {
			return fmt.Errorf("GetPolicyVersion %s: %w", arn, err)
		}
	}
	return nil
}

// AskOf asks an IAM that holds a copy of a role, with its documents, what the role may
// do.
func AskOf(ctx context.Context, q Question, d Documents) (Answer, error) {
	parts := strings.SplitN(d.Role, ":", 6)
	if len(parts) < 6 {
		return Answer{}, fmt.Errorf("%q is not a role", d.Role)
	}
	a := asking{Question: q, custom: true, id: session.Identity{Partition: parts[1], Account: parts[4], ARN: d.Role}}
	api, err := newIAM(q.Session, parts[1])
	if err != nil {
		return Answer{}, err
	}
	a.iam = api
	decisions, err := a.simulateAll(ctx, d.Role)
	if err != nil {
		return Answer{}, err
	}
	a.judge(decisions, nil)
	for i, denied := range a.answer.Missing {
		denied.Err = errDocuments
		a.answer.Missing[i] = denied
	}
	for i, err := range a.answer.Refused {
		if denied, is := errors.AsType[session.Denied](err); is {
			denied.Err = errDocuments
			a.answer.Refused[i] = denied
		}
	}
	slices.SortFunc(a.answer.Refused, func(x, y error) int { return strings.Compare(x.Error(), y.Error()) })
	return a.answer, nil
}

var errDocuments = errors.New("the policies of the role say so; its boundary and the organization's policies were not asked")
