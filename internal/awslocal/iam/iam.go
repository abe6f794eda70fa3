// Package iam is the embedded AWS Identity and Access Management: roles with
// their policies, and the evaluation of those for every call that the embedded
// AWS serves.
//
// It promises that nobody is refused until a policy exists: sessions of a role
// that has policies may do what they allow, those of other roles only when the server
// evaluates all (Options.Enforce), the account's root never. A condition
// operator that it cannot evaluate is refused when the policy is put, never
// ignored. There are no users, groups, managed policies or boundaries.
//
// Rules are those of the IAM User Guide and the Service Authorization
// Reference.
package iam

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/api"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/awsquery"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/store"
	"github.com/lambda-rollout/lambda-rollout/internal/lazyregexp"
)

const (
	xmlns      = "https://iam.amazonaws.com/doc/2010-05-08/"
	rolePrefix = "iam/role/"
	// maxRoles is the most that an account may be granted ("IAM and AWS STS
	// quotas"), here for all accounts.
	maxRoles = 5000
)

// Role is a role with its trust policy and its policies: inline ones by their name, managed
// ones by their ARN.
type Role struct {
	ARN         string
	TrustPolicy string // "" for a role that was assumed but never created: everybody may
	Description string `json:",omitempty"`
	MaxSession  time.Duration
	Policies    map[string]string // documents
	Created     time.Time
}

// Options are how a Service decides.
type Options struct {
	// Enforce holds sessions of every role to its policies, those without any
	// included, and refuses roles that were never created.
	Enforce bool
	// KnownRolesOnly refuses to assume a role that was never created, as AWS does.
	KnownRolesOnly bool
}

// Service answers IAM's requests and the other services' questions. Its methods
// may be called side by side.
type Service struct {
	store   *store.Store
	now     api.Clock
	options Options

	mu    sync.RWMutex
	roles map[string]*role // by store key; never changed once in here
}

// role is a Role with its policies parsed.
type role struct {
	Role
	trust    *document
	policies map[string]*document
}

// New serves the roles that st holds. Errors: a document that cannot be read.
func New(st *store.Store, now api.Clock, o Options) (*Service, error) {
	s := &Service{store: st, now: now, options: o, roles: map[string]*role{}}
	for _, key := range st.Keys(rolePrefix) {
		var kept Role
		if _, err := st.Get(key, &kept); err != nil {
			return nil, fmt.Errorf("load roles: %w", err)
		}
		r, err := parseRole(kept)
		if err != nil {
			return nil, fmt.Errorf("load role %s: %w", kept.ARN, err)
		}
		s.roles[key] = r
	}
	return s, nil
}

// roleARN takes a role's ARN apart: partition, account, path, name.
var roleARN = lazyregexp.New(`^arn:(aws[a-zA-Z-]*):iam::(\d{12}):role(/(?:[\x21-\x7e]+/)?)([\w+=,.@-]{1,64})$`)

func roleKey(account, name string) string { return rolePrefix + account + "/" + name }

func parseRole(kept Role) (*role, error) {
	r := &role{Role: kept, policies: map[string]*document{}}
	var err error
	if kept.TrustPolicy != "" {
		if r.trust, err = parsePolicy(kept.TrustPolicy, true); err != nil {
			return nil, err
		}
	}
	for name, text := range kept.Policies {
		if r.policies[name], err = parsePolicy(text, false); err != nil {
			return nil, fmt.Errorf("policy %s: %w", name, err)
		}
	}
	return r, nil
}

// PutRole makes a role, or replaces the one of that name. Errors: an
// ARN or a policy that is none.
func (s *Service) PutRole(r Role) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.storeRole(r)
}

func (s *Service) storeRole(r Role) error {
	m := roleARN.FindStringSubmatch(r.ARN)
	if m == nil {
		return fmt.Errorf("put role: %q is no role's ARN", r.ARN)
	}
	if r.MaxSession == 0 {
		r.MaxSession = time.Hour
	}
	if r.Created.IsZero() {
		r.Created = s.now().UTC().Truncate(time.Second)
	}
	parsed, err := parseRole(r)
	if err != nil {
		return fmt.Errorf("put role %s: %w", r.ARN, err)
	}
	key := roleKey(m[2], m[4])
	if err := s.store.Put(key, r); err != nil {
		return err
	}
	s.roles[key] = parsed
	return nil
}

// Operation names the API call that r makes.
func (s *Service) Operation(r *http.Request) string { return awsquery.Operation(r) }

// WriteError writes an error that the server has found before IAM was asked.
func (s *Service) WriteError(w http.ResponseWriter, _ *http.Request, e *api.Error) {
	awsquery.WriteError(w, xmlns, e)
}

// ServeHTTP answers one IAM request.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	awsquery.Operations{
		"CreateRole":               s.createRole,
		"GetRole":                  s.getRole,
		"DeleteRole":               s.deleteRole,
		"UpdateAssumeRolePolicy":   s.updateAssumeRolePolicy,
		"PutRolePolicy":            s.putRolePolicy,
		"GetRolePolicy":            s.getRolePolicy,
		"DeleteRolePolicy":         s.deleteRolePolicy,
		"ListRolePolicies":         s.listRolePolicies,
		"ListAttachedRolePolicies": s.listAttachedRolePolicies,
		"GetPolicy":                s.getPolicy,
		"GetPolicyVersion":         s.getPolicyVersion,
		"GetUser":                  s.getUser,
		"SimulatePrincipalPolicy":  s.simulatePrincipalPolicy,
	}.Handle(w, r, xmlns)
}

// sessionRole finds the role of a session: names are unique in an account
// whatever their paths ("IAM identifiers"). Nil for root and unknown roles.
func (s *Service) sessionRole(c api.Caller) (r *role, isSession bool) {
	_, session, ok := strings.Cut(c.PrincipalARN, ":assumed-role/")
	if !ok {
		return nil, false
	}
	name, _, _ := strings.Cut(session, "/")
	return s.roles[roleKey(c.Account, name)], true
}

// Allow decides whether a caller may do action on resource by its role's
// policies. The refusal is in AWS's words ("Troubleshooting access denied error
// messages"); "" is yes.
func (s *Service) Allow(c api.Caller, action, resource string, condition map[string][]string) (refusal string) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	r, isSession := s.sessionRole(c)
	if !isSession || !s.options.Enforce && (r == nil || len(r.policies) == 0) {
		return ""
	}
	var policies map[string]*document
	if r != nil {
		policies = r.policies
	}
	q := query{action, resource, newKeys(condition)}
	q.keys.principal(c, r)
	switch evaluate(policies, q).decision {
	case Allowed:
		return ""
	case ExplicitDeny:
		return denied(c, action, resource) + " with an explicit deny in an identity-based policy"
	}
	return denied(c, action, resource) + " because no identity-based policy allows the " + action + " action"
}

func denied(c api.Caller, action, resource string) string {
	if strings.HasPrefix(action, "s3:") {
		resource = `"` + resource + `"`
	}
	return "User: " + c.PrincipalARN + " is not authorized to perform: " + action + " on resource: " + resource
}

// principal adds the keys of "AWS global condition context keys" that follow
// from who calls.
func (k keys) principal(c api.Caller, r *role) {
	arn := c.PrincipalARN
	if r != nil {
		arn = r.ARN // of a session the key is its role's
	}
	k["aws:principalarn"] = []string{arn}
	k["aws:principalaccount"] = []string{c.Account}
	k["aws:principaltype"] = []string{"AssumedRole"}
	k["aws:securetransport"] = []string{"false"}
	if c.Region != "" {
		k["aws:requestedregion"] = []string{c.Region}
	}
}

// Trust implements sts.Roles. A role that was never created is anybody's, and
// is known from then on, unless the Options refuse such roles.
func (s *Service) Trust(c api.Caller, action, arn string, condition map[string][]string) (longest time.Duration, refusal string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := roleARN.FindStringSubmatch(arn)
	if m == nil {
		return 0, arn + " is invalid"
	}
	r := s.roles[roleKey(m[2], m[4])]
	anybody := !s.options.Enforce && !s.options.KnownRolesOnly
	refusal = denied(c, action, arn)
	if c.PrincipalARN == "" {
		refusal = "Not authorized to perform " + action
	}
	switch {
	case r == nil && anybody && len(s.roles) >= maxRoles:
		return 0, ""
	case r == nil && anybody:
		if err := s.storeRole(Role{ARN: arn, MaxSession: 12 * time.Hour}); err != nil {
			return 0, err.Error()
		}
		return 0, ""
	case r == nil || r.ARN != arn && r.trust != nil:
		return 0, refusal
	case r.trust == nil:
		return r.MaxSession, ""
	}
	q := query{action: action, keys: newKeys(condition)}
	q.keys.principal(c, nil)
	if !r.trust.trusts(c, q) {
		return 0, refusal
	}
	return r.MaxSession, ""
}

// RepositoryAccess implements ecr.Access.
func (s *Service) RepositoryAccess(c api.Caller, policy, action, resource string) (refusal string) {
	refusal = denied(c, action, resource) + " because no resource-based policy allows the " + action + " action"
	doc, err := parsePolicy(policy, true)
	if err != nil {
		return refusal
	}
	q := query{action: action, resource: resource, keys: keys{}}
	q.keys.principal(c, nil)
	if !doc.trusts(c, q) {
		return refusal
	}
	return ""
}

// trusts decides by a policy that names principals.
func (d *document) trusts(c api.Caller, q query) bool {
	allowed := false
	for _, st := range d.Statement {
		about := st.Principal == nil || st.Principal.include(c, q.keys)
		if st.NotPrincipal != nil {
			about = !st.NotPrincipal.include(c, q.keys)
		}
		if !about || !st.covers(q, d.Version, &verdict{}) {
			continue
		}
		if st.Effect == "Deny" {
			return false
		}
		allowed = true
	}
	return allowed
}

// include compares principals with a caller, or with the provider that
// federates it ("AWS JSON policy elements: Principal").
func (p principals) include(c api.Caller, k keys) bool {
	if slices.Contains(p["AWS"], "*") && c.PrincipalARN != "" {
		return true
	}
	if provider := k["aws:federatedprovider"]; len(provider) == 1 {
		return slices.ContainsFunc(p["Federated"], func(f string) bool { return f == provider[0] || strings.HasSuffix(provider[0], "/"+f) })
	}
	role := ""
	if _, session, ok := strings.Cut(c.PrincipalARN, ":assumed-role/"); ok {
		role, _, _ = strings.Cut(session, "/")
	}
	return slices.ContainsFunc(p["AWS"], func(id string) bool {
		m := roleARN.FindStringSubmatch(id)
		return id == c.PrincipalARN || id == c.Account ||
			strings.HasPrefix(id, "arn:") && strings.HasSuffix(id, "iam::"+c.Account+":root") ||
			m != nil && m[2] == c.Account && m[4] == role
	})
}
