package iam

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/api"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/awsquery"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/sts"
)

// shown is a role as IAM shows it: documents are URL-encoded ("GetRole").
type shown struct {
	Path                     string
	RoleName                 string
	RoleId                   string
	Arn                      string
	CreateDate               string
	AssumeRolePolicyDocument string
	Description              string `xml:",omitempty"`
	MaxSessionDuration       int
}

type roleResult struct{ Role shown }

func show(r Role) roleResult {
	m := roleARN.FindStringSubmatch(r.ARN)
	return roleResult{
		shown{
			m[3],
			m[4],
			sts.RoleID(r.ARN),
			r.ARN,
			r.Created.Format(time.RFC3339),
			url.QueryEscape(r.TrustPolicy),
			r.Description,
			int(r.MaxSession / time.Second),
		},
	}
}

func noSuchRole(name string) *api.Error {
	return api.NewError(http.StatusNotFound, "NoSuchEntity", fmt.Sprintf("The role with name %s cannot be found.", name))
}

func malformed(err error) *api.Error {
	return api.NewError(http.StatusBadRequest, "MalformedPolicyDocument", err.Error())
}

// find returns the role that a request names.
func (s *Service) find(r *http.Request) (*role, *api.Error) {
	name := r.Form.Get("RoleName")
	found := s.roles[roleKey(api.From(r.Context()).Account, name)]
	if found == nil {
		return nil, noSuchRole(name)
	}
	return found, nil
}

// reading answers from the role that a request names, which nobody changes meanwhile.
func (s *Service) reading(r *http.Request, answer func(*role) (any, *api.Error)) (any, *api.Error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	found, err := s.find(r)
	if err != nil {
		return nil, err
	}
	return answer(found)
}

// change keeps a changed copy of the role that a request names.
func (s *Service) change(r *http.Request, change func(*Role) *api.Error) *api.Error {
	s.mu.Lock()
	defer s.mu.Unlock()
	found, err := s.find(r)
	if err != nil {
		return err
	}
	next := found.Role
	next.Policies = maps.Clone(next.Policies)
	if next.Policies == nil {
		next.Policies = map[string]string{}
	}
	if err := change(&next); err != nil {
		return err
	}
	if err := s.storeRole(next); err != nil {
		return api.NewError(http.StatusInternalServerError, "ServiceFailure", err.Error())
	}
	api.Changed(r.Context())
	return nil
}

// createRole rests on "CreateRole".
func (s *Service) createRole(r *http.Request) (any, *api.Error) {
	c := api.From(r.Context())
	path := r.Form.Get("Path")
	if path == "" {
		path = "/"
	}
	seconds, failure := awsquery.Int(r.Form, "MaxSessionDuration", 3600, 3600, 43200)
	if failure != nil {
		return nil, failure
	}
	name := r.Form.Get("RoleName")
	made := Role{
		ARN:         "arn:" + api.Partition(c.Region) + ":iam::" + c.Account + ":role" + path + name,
		TrustPolicy: r.Form.Get("AssumeRolePolicyDocument"),
		Description: r.Form.Get("Description"),
		MaxSession:  time.Duration(seconds) * time.Second,
		Policies:    map[string]string{},
	}
	if !roleARN.MatchString(made.ARN) {
		return nil, awsquery.Invalid(
			name,
			"RoleName",
			`Member must satisfy regular expression pattern: [\w+=,.@-]+, with a path that begins and ends with a slash`,
		)
	}
	if _, err := parsePolicy(made.TrustPolicy, true); err != nil {
		return nil, malformed(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if old := s.roles[roleKey(c.Account, name)]; old != nil && old.trust != nil {
		return nil, api.NewError(http.StatusConflict, "EntityAlreadyExists", fmt.Sprintf("Role with name %s already exists.", name))
	}
	if len(s.roles) >= maxRoles {
		return nil, api.NewError(
			http.StatusConflict,
			"LimitExceeded",
			fmt.Sprintf("Cannot exceed quota for RolesPerAccount: %d", maxRoles),
		)
	}
	if err := s.storeRole(made); err != nil {
		return nil, api.NewError(http.StatusInternalServerError, "ServiceFailure", err.Error())
	}
	api.Changed(r.Context())
	return show(s.roles[roleKey(c.Account, name)].Role), nil
}

// getRole rests on "GetRole".
func (s *Service) getRole(r *http.Request) (any, *api.Error) {
	return s.reading(r, func(found *role) (any, *api.Error) { return show(found.Role), nil })
}

// deleteRole rests on "DeleteRole": inline policies must go first.
func (s *Service) deleteRole(r *http.Request) (any, *api.Error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found, err := s.find(r)
	if err != nil {
		return nil, err
	}
	if len(found.policies) > 0 {
		return nil, api.NewError(http.StatusConflict, "DeleteConflict", "Cannot delete entity, must delete policies first.")
	}
	key := roleKey(api.From(r.Context()).Account, r.Form.Get("RoleName"))
	if err := s.store.Delete(key); err != nil {
		return nil, api.NewError(http.StatusInternalServerError, "ServiceFailure", err.Error())
	}
	delete(s.roles, key)
	api.Changed(r.Context())
	return nil, nil
}

// updateAssumeRolePolicy rests on "UpdateAssumeRolePolicy".
func (s *Service) updateAssumeRolePolicy(r *http.Request) (any, *api.Error) {
	text := r.Form.Get("PolicyDocument")
	if _, err := parsePolicy(text, true); err != nil {
		return nil, malformed(err)
	}
	return nil, s.change(r, func(next *Role) *api.Error {
		next.TrustPolicy = text
		return nil
	})
}

// putRolePolicy rests on "PutRolePolicy".
func (s *Service) putRolePolicy(r *http.Request) (any, *api.Error) {
	name, text := r.Form.Get("PolicyName"), r.Form.Get("PolicyDocument")
	if name == "" || len(name) > 128 {
		return nil, awsquery.Invalid(name, "PolicyName", "Member must have length between 1 and 128")
	}
	if _, err := parsePolicy(text, false); err != nil {
		return nil, malformed(err)
	}
	return nil, s.change(r, func(next *Role) *api.Error {
		next.Policies[name] = text
		total := 0
		for _, text := range next.Policies {
			total += len(text)
		}
		if total > 10240 { // "IAM and AWS STS quotas"
			return api.NewError(
				http.StatusConflict,
				"LimitExceeded",
				"Maximum policy size of 10240 bytes exceeded for role "+r.Form.Get("RoleName"),
			)
		}
		return nil
	})
}

func noSuchPolicy(name string) *api.Error {
	return api.NewError(http.StatusNotFound, "NoSuchEntity", "The role policy with name "+name+" cannot be found.")
}

// getRolePolicy rests on "GetRolePolicy".
func (s *Service) getRolePolicy(r *http.Request) (any, *api.Error) {
	type result struct{ RoleName, PolicyName, PolicyDocument string }
	return s.reading(r, func(found *role) (any, *api.Error) {
		name := r.Form.Get("PolicyName")
		text, ok := found.Policies[name]
		if !ok {
			return nil, noSuchPolicy(name)
		}
		return result{r.Form.Get("RoleName"), name, url.QueryEscape(text)}, nil
	})
}

// deleteRolePolicy rests on "DeleteRolePolicy".
func (s *Service) deleteRolePolicy(r *http.Request) (any, *api.Error) {
	name := r.Form.Get("PolicyName")
	return nil, s.change(r, func(next *Role) *api.Error {
		if _, ok := next.Policies[name]; !ok {
			return noSuchPolicy(name)
		}
		delete(next.Policies, name)
		return nil
	})
}

// listRolePolicies rests on "ListRolePolicies".
func (s *Service) listRolePolicies(r *http.Request) (any, *api.Error) {
	type result struct {
		PolicyNames []string `xml:"PolicyNames>member"`
		IsTruncated bool
	}
	return s.reading(r, func(found *role) (any, *api.Error) { return result{PolicyNames: found.named(false)}, nil })
}

// getUser rests on "GetUser": there is no user here but the account's root.
func (s *Service) getUser(r *http.Request) (any, *api.Error) {
	type user struct{ Path, UserId, Arn, CreateDate string }
	type result struct{ User user }
	c := api.From(r.Context())
	if name := r.Form.Get("UserName"); name != "" {
		return nil, api.NewError(http.StatusNotFound, "NoSuchEntity", "The user with name "+name+" cannot be found.")
	}
	s.mu.RLock()
	_, isSession := s.sessionRole(c)
	s.mu.RUnlock()
	if isSession {
		return nil, api.NewError(http.StatusBadRequest, "ValidationError", "Must specify userName when calling with non-User credentials")
	}
	return result{user{"/", c.Account, c.PrincipalARN, s.now().UTC().Format(time.RFC3339)}}, nil
}

// Limits of "SimulatePrincipalPolicy".
const maxResults = 1000

type evaluation struct {
	EvalActionName       string
	EvalResourceName     string
	EvalDecision         Decision
	MatchedStatements    []matchedStatement `xml:"MatchedStatements>member"`
	MissingContextValues []string           `xml:"MissingContextValues>member"`
}

type matchedStatement struct{ SourcePolicyId, SourcePolicyType string }

// simulatePrincipalPolicy rests on "SimulatePrincipalPolicy": one result for
// each action and resource. A role without policies that nobody holds to them
// is allowed everything, as its calls are.
func (s *Service) simulatePrincipalPolicy(r *http.Request) (any, *api.Error) {
	arn := r.Form.Get("PolicySourceArn")
	m := roleARN.FindStringSubmatch(arn)
	if m == nil {
		return nil, api.NewError(
			http.StatusBadRequest,
			"InvalidInput",
			"Invalid Entity Arn: "+arn+" does not clearly define entity type and name.",
		)
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	found := s.roles[roleKey(m[2], m[4])]
	if found == nil || found.ARN != arn {
		return nil, noSuchRole(m[4])
	}
	policies := maps.Clone(found.policies)
	for i, text := range awsquery.List(r.Form, "PolicyInputList") {
		doc, err := parsePolicy(text, false)
		if err != nil {
			return nil, malformed(err)
		}
		policies["PolicyInputList."+strconv.Itoa(i+1)] = doc
	}
	free := !s.options.Enforce && len(policies) == 0
	var results []evaluation
	for _, q := range simulated(r, api.Caller{Account: m[2], PrincipalARN: arn}) {
		v := evaluate(policies, q)
		if free {
			v.decision = Allowed
		}
		results = append(results, evaluation{q.action, q.resource, v.decision, statements(v), v.missing})
	}
	return page(r, results)
}

func statements(v verdict) []matchedStatement {
	var list []matchedStatement
	for _, name := range v.matched {
		list = append(list, matchedStatement{name, "IAM Policy"})
	}
	return list
}

// simulated are the queries that a simulation asks for.
func simulated(r *http.Request, c api.Caller) []query {
	context := map[string][]string{}
	for _, entry := range awsquery.Structs(r.Form, "ContextEntries") {
		context[entry.Get("ContextKeyName")] = awsquery.List(entry, "ContextKeyValues")
	}
	k := newKeys(context)
	for name, values := range (keys{"aws:principalarn": {c.PrincipalARN}, "aws:principalaccount": {c.Account}}) {
		if _, set := k[name]; !set {
			k[name] = values
		}
	}
	resources := awsquery.List(r.Form, "ResourceArns")
	if resources == nil {
		resources = []string{"*"}
	}
	var queries []query
	for _, action := range awsquery.List(r.Form, "ActionNames") {
		for _, resource := range resources {
			queries = append(queries, query{action, resource, k})
		}
	}
	return queries
}

// page cuts the page that a request asks for out of the results.
func page(r *http.Request, results []evaluation) (any, *api.Error) {
	type result struct {
		EvaluationResults []evaluation `xml:"EvaluationResults>member"`
		IsTruncated       bool
		Marker            string `xml:",omitempty"`
	}
	limit, err := awsquery.Int(r.Form, "MaxItems", 100, 1, maxResults)
	if err != nil {
		return nil, err
	}
	start, err := awsquery.Int(r.Form, "Marker", 0, 0, len(results))
	if err != nil {
		return nil, err
	}
	out := result{EvaluationResults: results[start:]}
	if len(out.EvaluationResults) > limit {
		out.EvaluationResults = out.EvaluationResults[:limit]
		out.IsTruncated, out.Marker = true, strconv.Itoa(start+limit)
	}
	return out, nil
}
