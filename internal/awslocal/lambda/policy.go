package lambda

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/api"
)

// policy is the resource policy of a function, a version or an alias. Its
// RevisionId is the owner's at its last change: publishing moves that of
// $LATEST and leaves this one (TestLambdaPermissions::test_lambda_permission_fn_versioning).
type policy struct {
	RevisionID string
	Statements []statement
}

type statement struct {
	Sid       string
	Effect    string
	Principal any
	Action    string
	Resource  string
	Condition map[string]map[string]string `json:",omitempty"`
}

type permissionInput struct {
	StatementId           string
	Action                string
	Principal             string
	SourceArn             string
	SourceAccount         string
	EventSourceToken      string
	PrincipalOrgID        string
	FunctionUrlAuthType   string
	InvokedViaFunctionUrl *bool
	OrganizationId        string
	RevisionId            string
}

var (
	statementPattern = newPattern(`([a-zA-Z0-9-_]+)`)
	actionPattern    = newPattern(`(lambda:[*]|lambda:[a-zA-Z]+|[*])`)
	principalPattern = newPattern(`arn:aws[a-z-]*:(iam|sts)::\d{12}:.+`)
	accountPattern   = newPattern(`\d{12}`)
)

func (in *permissionInput) constrain() error {
	var broken violations
	broken.length("statementId", in.StatementId, 100)
	broken.pattern("statementId", in.StatementId, statementPattern)
	broken.pattern("action", in.Action, actionPattern)
	return broken.err()
}

// statement is the policy statement of a permission, as AWS writes it.
func (in *permissionInput) statement(partition, resource string) (statement, error) {
	st := statement{Sid: in.StatementId, Effect: "Allow", Action: in.Action, Resource: resource}
	switch {
	case in.FunctionUrlAuthType != "" && in.Action != "lambda:InvokeFunctionUrl":
		// In these words users report it of aws_lambda_permission's function_url_auth_type.
		return st, invalid("FunctionUrlAuthType is only supported for lambda:InvokeFunctionUrl action")
	case in.Principal == "*":
		st.Principal = "*"
	case strings.HasSuffix(in.Principal, ".amazonaws.com"):
		st.Principal = map[string]string{"Service": in.Principal}
	case accountPattern.matches(in.Principal):
		st.Principal = map[string]string{"AWS": "arn:" + partition + ":iam::" + in.Principal + ":root"}
	case principalPattern.matches(in.Principal):
		st.Principal = map[string]string{"AWS": in.Principal}
	default:
		return st, invalid("The provided principal was invalid. Please check the principal and try again.")
	}
	add := func(operator, key, value string) {
		if value == "" {
			return
		}
		if st.Condition == nil {
			st.Condition = map[string]map[string]string{}
		}
		if st.Condition[operator] == nil {
			st.Condition[operator] = map[string]string{}
		}
		st.Condition[operator][key] = value
	}
	add("ArnLike", "AWS:SourceArn", in.SourceArn)
	add("StringEquals", "AWS:SourceAccount", in.SourceAccount)
	add("StringEquals", "lambda:EventSourceToken", in.EventSourceToken)
	add("StringEquals", "aws:PrincipalOrgID", in.PrincipalOrgID+in.OrganizationId)
	add("StringEquals", "lambda:FunctionUrlAuthType", in.FunctionUrlAuthType)
	if in.InvokedViaFunctionUrl != nil {
		add("Bool", "lambda:InvokedViaFunctionUrl", map[bool]string{true: "true", false: "false"}[*in.InvokedViaFunctionUrl])
	}
	return st, nil
}

// add appends a statement; lookup is the operation that an error names for the
// RevisionId.
func (p *policy) add(st statement, revisionID, lookup string) error {
	if slices.ContainsFunc(p.Statements, func(old statement) bool { return old.Sid == st.Sid }) {
		return conflict("The statement id (" + st.Sid + ") provided already exists. Please provide a new statement id, or remove the existing statement.")
	}
	if err := p.matches(revisionID, lookup); err != nil {
		return err
	}
	p.Statements = append(p.Statements, st)
	p.RevisionID = api.NewID()
	return nil
}

func (p *policy) matches(revisionID, lookup string) error {
	if revisionID == "" || revisionID == p.RevisionID {
		return nil
	}
	return api.NewError(http.StatusPreconditionFailed, "PreconditionFailedException",
		"The Revision Id provided does not match the latest Revision Id. Call the "+lookup+" API to retrieve the latest Revision Id")
}

// remove takes a statement away.
func (p *policy) remove(sid, revisionID, lookup string) error {
	i := slices.IndexFunc(p.Statements, func(st statement) bool { return st.Sid == sid })
	if i < 0 {
		return notFound("Statement " + sid + " is not found in resource policy.")
	}
	if err := p.matches(revisionID, lookup); err != nil {
		return err
	}
	p.Statements = slices.Delete(p.Statements, i, i+1)
	p.RevisionID = api.NewID()
	return nil
}

type policyOutput struct {
	Policy     string
	RevisionId string
}

func (p *policy) show() (policyOutput, error) {
	b, err := json.Marshal(struct {
		Version   string
		Id        string
		Statement []statement
	}{"2012-10-17", "default", p.Statements})
	return policyOutput{string(b), p.RevisionID}, err
}

// owner finds the RevisionId that a policy of a qualifier moves, nil where the
// qualifier names nothing.
func (f *function) owner(qualifier string) *string {
	if a := f.Aliases[qualifier]; a != nil {
		return &a.RevisionID
	}
	if qualifier == "" {
		return &f.Latest.RevisionID
	}
	if v := f.version(qualifier); v != nil {
		return &v.RevisionID
	}
	return nil
}

// missingQualifier words the absence of a version or an alias
// (TestLambdaPermissions::test_permission_exceptions).
func missingQualifier(t target) error {
	if isNumber(t.qualifier) || strings.Contains(t.qualifier, "$") {
		return functionNotFound(t.arn(t.qualifier))
	}
	return notFound("Cannot find alias arn: " + t.arn(t.qualifier))
}

func (s *Service) addPermission(r *request) (answer, error) {
	var in permissionInput
	if err := r.decode(&in); err != nil {
		return answer{}, err
	}
	if err := in.constrain(); err != nil {
		return answer{}, err
	}
	t, err := r.target()
	if err != nil {
		return answer{}, err
	}
	if t.qualifier == latest {
		return answer{}, invalid("We currently do not support adding policies for $LATEST.")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := s.existing(t, functionNotFound(t.arn("")))
	if err != nil {
		return answer{}, err
	}
	owner := f.owner(t.qualifier)
	if owner == nil {
		return answer{}, missingQualifier(t)
	}
	st, err := in.statement(api.Partition(t.region), t.arn(t.qualifier))
	if err != nil {
		return answer{}, err
	}
	p := f.Policies[t.qualifier]
	if p == nil {
		p = &policy{RevisionID: *owner}
	}
	if err := p.add(st, in.RevisionId, "GetPolicy"); err != nil {
		return answer{}, err
	}
	if f.Policies == nil {
		f.Policies = map[string]*policy{}
	}
	f.Policies[t.qualifier] = p
	*owner = p.RevisionID
	shown, err := json.Marshal(st)
	if err != nil {
		return answer{}, err
	}
	return answer{http.StatusCreated, map[string]string{"Statement": string(shown)}}, s.save(r, f)
}

func (s *Service) removePermission(r *request) (answer, error) {
	t, err := r.target()
	if err != nil {
		return answer{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := s.existing(t, notFound("No policy found for: "+t.arn(t.qualifier)))
	if err != nil {
		return answer{}, err
	}
	owner := f.owner(t.qualifier)
	if owner == nil {
		return answer{}, missingQualifier(t)
	}
	p := f.Policies[t.qualifier]
	if p == nil {
		return answer{}, errNoPolicy
	}
	if err := p.remove(r.vars["StatementId"], r.query("RevisionId"), "GetPolicy"); err != nil {
		return answer{}, err
	}
	*owner = p.RevisionID
	if len(p.Statements) == 0 {
		delete(f.Policies, t.qualifier)
	}
	return answer{status: http.StatusNoContent}, s.save(r, f)
}

func (s *Service) getPolicy(r *request) (answer, error) {
	t, err := r.target()
	if err != nil {
		return answer{}, err
	}
	f, err := s.look(t, errNoResource)
	if err != nil {
		return answer{}, err
	}
	if f.Policies[t.qualifier] == nil {
		return answer{}, errNoResource
	}
	shown, err := f.Policies[t.qualifier].show()
	return answer{http.StatusOK, shown}, err
}
