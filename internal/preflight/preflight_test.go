package preflight

import (
	"cmp"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/lambda-rollout/lambda-rollout/internal/policy"
	"github.com/lambda-rollout/lambda-rollout/internal/session"
)

const (
	account  = "123456789012"
	function = "arn:aws:lambda:eu-west-1:123456789012:function:hello"
	execRole = "arn:aws:iam::123456789012:role/app/run"
)

// fakeIAM answers as IAM does.
type fakeIAM struct {
	// roles are ARNs by name; denied are the actions that the caller lacks.
	roles  map[string]string
	denied []string
	// decide is what the simulation says; "" is allowed.
	decide  func(principal, action, resource string) string
	missing string
	// nested answers for all resources of an action below one member.
	nested bool
	// paged answers on the second page.
	paged bool

	mu    sync.Mutex
	calls []string
}

func (f *fakeIAM) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	action := r.FormValue("Action")
	f.mu.Lock()
	f.calls = append(f.calls, action)
	f.mu.Unlock()
	fail := func(status int, code, message string) {
		w.WriteHeader(status)
		fmt.Fprintf(w, `<ErrorResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><Error><Code>%s</Code><Message>%s</Message></Error></ErrorResponse>`, code, message)
	}
	switch {
	case !strings.Contains(r.Header.Get("Authorization"), "/us-east-1/iam/aws4_request"):
		fail(403, "SignatureDoesNotMatch", "signed for another service")
	case slices.Contains(f.denied, action):
		fail(403, "AccessDenied", "User: arn:aws:sts::123456789012:assumed-role/ci/run is not authorized to perform: iam:"+action+" on resource: role ci")
	case action == "GetRole":
		arn, ok := f.roles[r.FormValue("RoleName")]
		if !ok {
			fail(404, "NoSuchEntity", "The role with name x cannot be found.")
			return
		}
		fmt.Fprintf(w, `<GetRoleResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><GetRoleResult><Role><Arn>%s</Arn></Role></GetRoleResult></GetRoleResponse>`, arn)
	case action == "SimulatePrincipalPolicy":
		f.simulate(w, r, fail)
	default:
		fail(400, "InvalidAction", action)
	}
}

func (f *fakeIAM) simulate(w http.ResponseWriter, r *http.Request, fail func(int, string, string)) {
	principal := r.FormValue("PolicySourceArn")
	if _, name, _ := strings.Cut(principal, "role/"); !slices.Contains(mapValues(f.roles), principal) && f.roles[name] != "" {
		fail(404, "NoSuchEntity", "no such role")
		return
	}
	given := map[string]string{}
	for i := 1; r.FormValue(fmt.Sprintf("ContextEntries.member.%d.ContextKeyName", i)) != ""; i++ {
		entry := fmt.Sprintf("ContextEntries.member.%d.", i)
		given[r.FormValue(entry+"ContextKeyName")] = r.FormValue(entry+"ContextKeyType") + " " + r.FormValue(entry+"ContextKeyValues.member.1")
	}
	if given["iam:PassedToService"] != "string lambda.amazonaws.com" || given["aws:RequestedRegion"] != "string eu-west-1" {
		fail(400, "InvalidInput", fmt.Sprint("the context is ", given))
		return
	}
	if f.paged && r.FormValue("Marker") != "next" {
		fmt.Fprint(w, `<SimulatePrincipalPolicyResponse><SimulatePrincipalPolicyResult><IsTruncated>true</IsTruncated><Marker>next</Marker></SimulatePrincipalPolicyResult></SimulatePrincipalPolicyResponse>`)
		return
	}
	var b strings.Builder
	list := func(name string) []string {
		var all []string
		for i := 1; r.FormValue(fmt.Sprintf("%s.member.%d", name, i)) != ""; i++ {
			all = append(all, r.FormValue(fmt.Sprintf("%s.member.%d", name, i)))
		}
		return all
	}
	for _, action := range list("ActionNames") {
		if f.nested {
			fmt.Fprintf(&b, `<member><EvalActionName>%s</EvalActionName><EvalResourceName>*</EvalResourceName><EvalDecision>implicitDeny</EvalDecision><ResourceSpecificResults>`, action)
		}
		for _, resource := range list("ResourceArns") {
			said := ""
			if f.decide != nil {
				said = f.decide(principal, action, resource)
			}
			if f.nested {
				fmt.Fprintf(&b, `<member><EvalResourceName>%s</EvalResourceName><EvalResourceDecision>%s</EvalResourceDecision></member>`, resource, cmp.Or(said, "allowed"))
				continue
			}
			fmt.Fprintf(&b, `<member><EvalActionName>%s</EvalActionName><EvalResourceName>%s</EvalResourceName><EvalDecision>%s</EvalDecision><MissingContextValues>%s</MissingContextValues></member>`,
				action, resource, cmp.Or(said, "allowed"), f.missing)
		}
		if f.nested {
			b.WriteString(`</ResourceSpecificResults></member>`)
		}
	}
	fmt.Fprintf(w, `<SimulatePrincipalPolicyResponse><SimulatePrincipalPolicyResult><IsTruncated>false</IsTruncated><EvaluationResults>%s</EvaluationResults></SimulatePrincipalPolicyResult></SimulatePrincipalPolicyResponse>`, b.String())
}

func mapValues(m map[string]string) []string {
	var all []string
	for _, v := range m {
		all = append(all, v)
	}
	return all
}

// line takes each request to a handler, without a network.
type line struct{ http.Handler }

func (l line) Do(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	l.ServeHTTP(w, r)
	return w.Result(), nil
}

// ask runs the questions as AWS' own IAM would be asked.
func ask(t *testing.T, f *fakeIAM, caller string, needs []policy.Need) Answer {
	t.Helper()
	s, err := session.Open(t.Context(), session.Options{Region: "eu-west-1", AccessKeyID: "a", SecretAccessKey: "b", HTTPClient: line{f}})
	if err != nil {
		t.Fatal(err)
	}
	api, err := newIAM(s, "aws")
	if err != nil {
		t.Fatal(err)
	}
	a := asking{
		Question: Question{Region: "eu-west-1", Needs: needs},
		id:       session.Identity{Account: account, Partition: "aws", ARN: caller}, iam: api, custom: api.Custom,
	}
	return a.ask(t.Context())
}

func TestAnUnknownPartitionIsAskedAtAnEndpointOfTheSettingsAlone(t *testing.T) {
	t.Parallel()
	for endpoint, known := range map[string]bool{"": false, "http://127.0.0.1:4566": true} {
		s, err := session.Open(t.Context(), session.Options{Region: "eu-west-1", Endpoint: endpoint})
		if err != nil {
			t.Fatal(err)
		}
		if api, err := newIAM(s, "aws-moon"); (err == nil) != known || known && !api.Custom {
			t.Errorf("endpoint %q: %v", endpoint, err)
		}
	}
}

func texts(errs []error) []string {
	var all []string
	for _, err := range errs {
		line, _, _ := strings.Cut(err.Error(), "; this statement")
		all = append(all, line)
	}
	return all
}

var needs = []policy.Need{
	{Action: "lambda:CreateFunction", Resources: []string{function, function + ":*"}, Checked: []string{function}},
	{Action: "lambda:GetFunction", Resources: []string{function, function + ":*"}, Checked: []string{function + ":live"}},
	{Action: "iam:PassRole", Resources: []string{execRole}},
	{Action: "s3:GetObject", Resources: []string{"arn:aws:s3:::code/lambda-rollout/*"}},
	{Action: "lambda:ListEventSourceMappings", Resources: []string{"*"}, LookUp: true},
}

func TestWhatIAMSaysBeforehand(t *testing.T) {
	t.Parallel()
	const caller = "arn:aws:sts::123456789012:assumed-role/ci/run"
	roles := map[string]string{"run": execRole, "ci": "arn:aws:iam::123456789012:role/ci"}
	deny := func(action, decision string) func(string, string, string) string {
		return func(_, a, _ string) string {
			if a == action {
				return decision
			}
			return ""
		}
	}
	for name, tc := range map[string]struct {
		iam      *fakeIAM
		caller   string
		refused  []string
		warnings []string
	}{
		"all is allowed":           {iam: &fakeIAM{roles: roles}},
		"an action is missing":     {iam: &fakeIAM{roles: roles, decide: deny("lambda:CreateFunction", "implicitDeny")}, refused: []string{"lambda:CreateFunction on " + function + " is not allowed to " + caller}},
		"a role may not be passed": {iam: &fakeIAM{roles: roles, decide: deny("iam:PassRole", "implicitDeny")}, refused: []string{"iam:PassRole on " + execRole + " is not allowed to " + caller}},
		"an alias is not covered": {iam: &fakeIAM{roles: roles, decide: func(_, _, resource string) string {
			if strings.HasSuffix(resource, ":live") {
				return "implicitDeny"
			}
			return ""
		}}, refused: []string{"lambda:GetFunction on " + function + ":live is not allowed to " + caller}},
		"a policy says Deny": {iam: &fakeIAM{roles: roles, decide: deny("lambda:GetFunction", "explicitDeny")}, refused: []string{
			"lambda:GetFunction on " + function + ":live is denied to " + caller + " by a policy that says Deny (a permissions boundary, a service control policy or a resource policy): iam:SimulatePrincipalPolicy says so"}},
		"the bucket's own policy may allow it": {iam: &fakeIAM{roles: roles, decide: deny("s3:GetObject", "implicitDeny")}, warnings: []string{
			"s3:GetObject on arn:aws:s3:::code/lambda-rollout/x is not allowed"}},
		"a rollback may not look": {iam: &fakeIAM{roles: roles, decide: deny("lambda:ListEventSourceMappings", "implicitDeny")}, warnings: []string{
			"lambda:ListEventSourceMappings on * is not allowed"}},
		"a condition that IAM cannot know": {iam: &fakeIAM{roles: roles, missing: "<member>aws:SourceIp</member>", decide: deny("lambda:CreateFunction", "implicitDeny")}, warnings: []string{
			"lambda:CreateFunction on " + function + " is not allowed"}},
		"the execution role is not there":     {iam: &fakeIAM{roles: map[string]string{"ci": "arn:aws:iam::123456789012:role/ci"}}, refused: []string{"role " + execRole + " does not exist"}},
		"the execution role has another path": {iam: &fakeIAM{roles: map[string]string{"run": "arn:aws:iam::123456789012:role/run", "ci": "arn:aws:iam::123456789012:role/ci"}}, refused: []string{"role " + execRole + " does not exist; there is arn:aws:iam::123456789012:role/run"}},
		"the caller may not ask":              {iam: &fakeIAM{roles: roles, denied: []string{"GetRole", "SimulatePrincipalPolicy"}}, warnings: []string{"permissions are not checked beforehand without iam:GetRole and iam:SimulatePrincipalPolicy"}},
		"the caller's role has a path": {iam: &fakeIAM{roles: map[string]string{"run": execRole, "ci": "arn:aws:iam::123456789012:role/team/ci"}, decide: func(principal, action, _ string) string {
			if principal == "arn:aws:iam::123456789012:role/team/ci" && action == "lambda:CreateFunction" {
				return "implicitDeny"
			}
			return ""
		}}, refused: []string{"lambda:CreateFunction on " + function + " is not allowed to " + caller}},
		"answers below one action": {iam: &fakeIAM{roles: roles, nested: true, decide: deny("lambda:CreateFunction", "implicitDeny")}, refused: []string{"lambda:CreateFunction on " + function + " is not allowed to " + caller}},
		"a user":                   {iam: &fakeIAM{roles: roles, decide: deny("lambda:CreateFunction", "implicitDeny")}, caller: "arn:aws:iam::123456789012:user/ann", refused: []string{"lambda:CreateFunction on " + function + " is not allowed to arn:aws:iam::123456789012:user/ann"}},
		"the root user":            {iam: &fakeIAM{roles: roles, decide: deny("lambda:CreateFunction", "implicitDeny")}, caller: "arn:aws:iam::123456789012:root"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := ask(t, tc.iam, cmp.Or(tc.caller, caller), needs)
			if diff := gocmp.Diff(tc.refused, texts(got.Refused)); diff != "" {
				t.Errorf("refused: %s", diff)
			}
			if len(got.Warnings) != len(tc.warnings) {
				t.Fatalf("warnings: %q, want %q", got.Warnings, tc.warnings)
			}
			for i, w := range tc.warnings {
				if !strings.HasPrefix(got.Warnings[i], w) {
					t.Errorf("warning %q, want %q", got.Warnings[i], w)
				}
			}
		})
	}
}

// One round trip: a role without a path needs no second question.
func TestQuestionsAreFew(t *testing.T) {
	t.Parallel()
	f := &fakeIAM{roles: map[string]string{"run": execRole, "ci": "arn:aws:iam::123456789012:role/ci"}}
	ask(t, f, "arn:aws:sts::123456789012:assumed-role/ci/run", needs)
	slices.Sort(f.calls)
	want := []string{"GetRole", "GetRole", "SimulatePrincipalPolicy", "SimulatePrincipalPolicy", "SimulatePrincipalPolicy", "SimulatePrincipalPolicy"}
	if diff := gocmp.Diff(want, f.calls); diff != "" {
		t.Error(diff)
	}
}

// A refusal on a later page counts, once for each action and resource; a list of all
// has those that only warn, too.
func TestEveryPageOfTheSimulationIsRead(t *testing.T) {
	t.Parallel()
	needs := []policy.Need{
		{Action: "lambda:UpdateAlias", Resources: []string{function}}, {Action: "lambda:UpdateAlias", Resources: []string{function}},
		{Action: "s3:GetObject", Resources: []string{"arn:aws:s3:::bucket/key"}},
	}
	f := &fakeIAM{paged: true, decide: func(string, string, string) string { return "explicitDeny" }}
	got := ask(t, f, "arn:aws:iam::123456789012:user/ci", needs)
	if len(got.Refused) != 1 || len(got.Warnings) != 1 || len(got.Missing) != 2 || got.Unasked {
		t.Errorf("refused %q, warned %q, missing %v", got.Refused, got.Warnings, got.Missing)
	}
	f = &fakeIAM{denied: []string{"SimulatePrincipalPolicy"}}
	if got := ask(t, f, "arn:aws:iam::123456789012:user/ci", needs); !got.Unasked || len(got.Missing) > 0 {
		t.Errorf("without the permission to ask: %+v", got)
	}
}
