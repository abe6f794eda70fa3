package iam

import (
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/google/go-cmp/cmp"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/api"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/servicetest"
)

const (
	account = "111122223333"
	ciRole  = "arn:aws:iam::111122223333:role/team/ci"
	trustCI = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:root"},"Action":"sts:AssumeRole","Condition":{"StringEquals":{"sts:ExternalId":"x"}}}}`
)

var session = api.Caller{Account: account, Region: "eu-west-1", AccessKeyID: "ASIA", PrincipalARN: "arn:aws:sts::111122223333:assumed-role/ci/run"}

type served struct {
	*Service
	client *iam.Client
}

func serve(t *testing.T, dir string, o Options) *served {
	t.Helper()
	s, err := New(servicetest.OpenStore(t, dir), time.Now, o)
	if err != nil {
		t.Fatal(err)
	}
	url := servicetest.Serve(t, s, servicetest.Always(api.Caller{Account: account, Region: "us-east-1", AccessKeyID: "AKIA", PrincipalARN: "arn:aws:iam::" + account + ":root"}))
	return &served{s, iam.New(iam.Options{Region: "us-east-1", BaseEndpoint: &url, RetryMaxAttempts: 1, Credentials: credentials.NewStaticCredentialsProvider("k", "s", "")})}
}

func (w *served) create(t *testing.T, policy string) {
	t.Helper()
	if _, err := w.client.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: aws.String("ci"), Path: aws.String("/team/"), AssumeRolePolicyDocument: aws.String(trustCI), MaxSessionDuration: aws.Int32(7200)}); err != nil {
		t.Fatal(err)
	}
	if policy == "" {
		return
	}
	if _, err := w.client.PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{RoleName: aws.String("ci"), PolicyName: aws.String("deploy"), PolicyDocument: &policy}); err != nil {
		t.Fatal(err)
	}
}

const lambdaOnly = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"lambda:Get*","Resource":"*"},{"Effect":"Deny","Action":"lambda:Delete*","Resource":"*"}]}`

func TestRolesAreShownWithTheirPath(t *testing.T) {
	t.Parallel()
	w := serve(t, "", Options{})
	w.create(t, lambdaOnly)
	out, err := w.client.GetRole(t.Context(), &iam.GetRoleInput{RoleName: aws.String("ci")})
	if err != nil {
		t.Fatal(err)
	}
	trust, err := url.QueryUnescape(*out.Role.AssumeRolePolicyDocument)
	if err != nil || trust != trustCI || *out.Role.Arn != ciRole || *out.Role.Path != "/team/" || *out.Role.MaxSessionDuration != 7200 || !strings.HasPrefix(*out.Role.RoleId, "AROA") {
		t.Errorf("%+v, %v", out.Role, err)
	}
	policy, err := w.client.GetRolePolicy(t.Context(), &iam.GetRolePolicyInput{RoleName: aws.String("ci"), PolicyName: aws.String("deploy")})
	if err != nil {
		t.Fatal(err)
	}
	if text, _ := url.QueryUnescape(*policy.PolicyDocument); text != lambdaOnly {
		t.Errorf("policy %s", text)
	}
	for want, try := range map[string]func() error{
		"NoSuchEntity": func() error {
			_, err := w.client.GetRole(t.Context(), &iam.GetRoleInput{RoleName: aws.String("lost")})
			return err
		},
		"EntityAlreadyExists": func() error {
			_, err := w.client.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: aws.String("ci"), AssumeRolePolicyDocument: aws.String(trustCI)})
			return err
		},
		"MalformedPolicyDocument": func() error {
			_, err := w.client.PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{RoleName: aws.String("ci"), PolicyName: aws.String("p"), PolicyDocument: aws.String("{}")})
			return err
		},
		"DeleteConflict": func() error {
			_, err := w.client.DeleteRole(t.Context(), &iam.DeleteRoleInput{RoleName: aws.String("ci")})
			return err
		},
	} {
		if got := servicetest.Code(try()); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

func TestRefusalsAreInAWSsWords(t *testing.T) {
	t.Parallel()
	w := serve(t, "", Options{})
	w.create(t, lambdaOnly)
	for _, test := range [][3]string{
		{"lambda:GetFunction", function, ""},
		{"lambda:UpdateAlias", function, "User: arn:aws:sts::111122223333:assumed-role/ci/run is not authorized to perform: lambda:UpdateAlias on resource: arn:aws:lambda:eu-west-1:111122223333:function:app because no identity-based policy allows the lambda:UpdateAlias action"},
		{"lambda:DeleteFunction", function, "User: arn:aws:sts::111122223333:assumed-role/ci/run is not authorized to perform: lambda:DeleteFunction on resource: arn:aws:lambda:eu-west-1:111122223333:function:app with an explicit deny in an identity-based policy"},
		{"s3:GetObject", "arn:aws:s3:::b/k", `User: arn:aws:sts::111122223333:assumed-role/ci/run is not authorized to perform: s3:GetObject on resource: "arn:aws:s3:::b/k" because no identity-based policy allows the s3:GetObject action`},
	} {
		if diff := cmp.Diff(test[2], w.Allow(session, test[0], test[1], nil)); diff != "" {
			t.Errorf("%s: %s", test[0], diff)
		}
	}
}

func TestWhoIsHeldToPolicies(t *testing.T) {
	t.Parallel()
	root := api.Caller{Account: account, AccessKeyID: "AKIA", PrincipalARN: "arn:aws:iam::111122223333:root"}
	for _, test := range []struct {
		name    string
		enforce bool
		policy  string
		caller  api.Caller
		free    bool
	}{
		{"a role without policies", false, "", session, true},
		{"a role with policies", false, lambdaOnly, session, false},
		{"a role without policies, all enforced", true, "", session, false},
		{"root", true, lambdaOnly, root, true},
		{"another account's role of that name", false, lambdaOnly, api.Caller{Account: "444455556666", AccessKeyID: "x", PrincipalARN: "arn:aws:sts::444455556666:assumed-role/ci/run"}, true},
	} {
		w := serve(t, "", Options{Enforce: test.enforce})
		w.create(t, test.policy)
		if got := w.Allow(test.caller, "lambda:UpdateAlias", function, nil) == ""; got != test.free {
			t.Errorf("%s: %v, want %v", test.name, got, test.free)
		}
	}
}

func TestTrustPoliciesDecideWhoAssumes(t *testing.T) {
	t.Parallel()
	w := serve(t, "", Options{})
	w.create(t, "")
	if err := w.PutRole(Role{ARN: "arn:aws:iam::111122223333:role/github", TrustPolicy: `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Federated":"arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com"},"Action":"sts:AssumeRoleWithWebIdentity","Condition":{"StringLike":{"token.actions.githubusercontent.com:sub":"repo:a/b:*"}}}}`}); err != nil {
		t.Fatal(err)
	}
	root := api.Caller{Account: account, AccessKeyID: "AKIA", PrincipalARN: "arn:aws:iam::111122223333:root"}
	web := func(sub string) map[string][]string {
		return map[string][]string{"aws:FederatedProvider": {"arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com"}, "token.actions.githubusercontent.com:sub": {sub}}
	}
	for name, test := range map[string]struct {
		caller      api.Caller
		action, arn string
		keys        map[string][]string
		longest     time.Duration
		refused     bool
	}{
		"external id":         {root, "sts:AssumeRole", ciRole, map[string][]string{"sts:ExternalId": {"x"}}, 2 * time.Hour, false},
		"no external id":      {root, "sts:AssumeRole", ciRole, nil, 0, true},
		"wrong path":          {root, "sts:AssumeRole", "arn:aws:iam::111122223333:role/ci", map[string][]string{"sts:ExternalId": {"x"}}, 0, true},
		"other account":       {api.Caller{Account: "444455556666", PrincipalARN: "arn:aws:iam::444455556666:root"}, "sts:AssumeRole", ciRole, map[string][]string{"sts:ExternalId": {"x"}}, 0, true},
		"never created":       {root, "sts:AssumeRole", "arn:aws:iam::111122223333:role/any", nil, 0, false},
		"job's token":         {api.Caller{}, "sts:AssumeRoleWithWebIdentity", "arn:aws:iam::111122223333:role/github", web("repo:a/b:ref:x"), time.Hour, false},
		"foreign job's token": {api.Caller{}, "sts:AssumeRoleWithWebIdentity", "arn:aws:iam::111122223333:role/github", web("repo:c/d:ref:x"), 0, true},
		"token for ci":        {api.Caller{}, "sts:AssumeRoleWithWebIdentity", ciRole, web("repo:a/b:ref:x"), 0, true},
	} {
		longest, refusal := w.Trust(test.caller, test.action, test.arn, test.keys)
		if longest != test.longest || (refusal != "") != test.refused {
			t.Errorf("%s: %s, %q", name, longest, refusal)
		}
	}
	if _, err := w.client.GetRole(t.Context(), &iam.GetRoleInput{RoleName: aws.String("any")}); err != nil {
		t.Errorf("a role is known once it was assumed: %v", err)
	}
	if _, refusal := serve(t, "", Options{Enforce: true}).Trust(root, "sts:AssumeRole", ciRole, nil); refusal == "" {
		t.Error("with all enforced an unknown role was given")
	}
}

func TestSimulationAgreesWithTheCalls(t *testing.T) {
	t.Parallel()
	w := serve(t, "", Options{})
	w.create(t, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["lambda:Get*","iam:PassRole"],"Resource":"*","Condition":{"StringEqualsIfExists":{"iam:PassedToService":"lambda.amazonaws.com"}}},{"Effect":"Deny","Action":"lambda:Delete*","Resource":"*"},{"Effect":"Allow","Action":"lambda:Invoke*","Resource":"*","Condition":{"StringEquals":{"aws:username":"x"}}}]}`)
	simulate := func(in iam.SimulatePrincipalPolicyInput) []string {
		var got []string
		pages := iam.NewSimulatePrincipalPolicyPaginator(w.client, &in)
		for pages.HasMorePages() {
			out, err := pages.NextPage(t.Context())
			if err != nil {
				return []string{servicetest.Code(err)}
			}
			for _, r := range out.EvaluationResults {
				got = append(got, *r.EvalActionName+" "+*r.EvalResourceName+" "+string(r.EvalDecision)+" "+strings.Join(r.MissingContextValues, ","))
			}
		}
		return got
	}
	passed := types.ContextEntry{ContextKeyName: aws.String("iam:PassedToService"), ContextKeyType: types.ContextKeyTypeEnumString, ContextKeyValues: []string{"lambda.amazonaws.com"}}
	got := simulate(iam.SimulatePrincipalPolicyInput{PolicySourceArn: aws.String(ciRole), ActionNames: []string{"lambda:GetAlias", "lambda:UpdateAlias", "lambda:DeleteAlias", "iam:PassRole", "lambda:InvokeFunction"}, ResourceArns: []string{function}, ContextEntries: []types.ContextEntry{passed}, MaxItems: aws.Int32(2)})
	want := []string{
		"lambda:GetAlias " + function + " allowed ", "lambda:UpdateAlias " + function + " implicitDeny ", "lambda:DeleteAlias " + function + " explicitDeny ",
		"iam:PassRole " + function + " allowed ", "lambda:InvokeFunction " + function + " implicitDeny aws:username",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for arn, want := range map[string]string{session.PrincipalARN: "InvalidInput", "arn:aws:iam::111122223333:role/ci": "NoSuchEntity", "arn:aws:iam::111122223333:role/lost": "NoSuchEntity"} {
		if got := simulate(iam.SimulatePrincipalPolicyInput{PolicySourceArn: &arn, ActionNames: []string{"a:b"}}); got[0] != want {
			t.Errorf("%s: %v, want %s", arn, got, want)
		}
	}
}

func TestRolesSurviveAReopen(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	t.Run("before", func(t *testing.T) { serve(t, dir, Options{}).create(t, lambdaOnly) })
	w := serve(t, dir, Options{})
	if w.Allow(session, "lambda:UpdateAlias", function, nil) == "" {
		t.Error("the policy is gone")
	}
}

func TestTheUserIsTheAccountsRoot(t *testing.T) {
	t.Parallel()
	w := serve(t, "", Options{})
	out, err := w.client.GetUser(t.Context(), nil)
	if err != nil || *out.User.Arn != "arn:aws:iam::111122223333:root" {
		t.Errorf("%+v, %v", out, err)
	}
	if _, err := w.client.GetUser(t.Context(), &iam.GetUserInput{UserName: aws.String("x")}); servicetest.Code(err) != "NoSuchEntity" {
		t.Errorf("a user: %v", err)
	}
}

func TestWhatCallsNeed(t *testing.T) {
	t.Parallel()
	w := serve(t, "", Options{})
	w.create(t, "")
	f := function
	for _, test := range []struct {
		service, operation, method, target, body string
		want                                     []permission
	}{
		{"lambda", "GetFunction", "GET", "/2015-03-31/functions/app", "", []permission{{"lambda:GetFunction", f}}},
		{"lambda", "GetFunction", "GET", "/2015-03-31/functions/app?Qualifier=live", "", []permission{{"lambda:GetFunction", f + ":live"}}},
		{"lambda", "GetFunction", "GET", "/2015-03-31/functions/111122223333:function:app:7", "", []permission{{"lambda:GetFunction", f + ":7"}}},
		{"lambda", "Invoke", "POST", "/2015-03-31/functions/" + url.PathEscape(f+":live") + "/invocations", "", []permission{{"lambda:InvokeFunction", f + ":live"}}},
		{"lambda", "UpdateAlias", "PUT", "/2015-03-31/functions/app/aliases/live", "", []permission{{"lambda:UpdateAlias", f}}},
		{"lambda", "ListFunctions", "GET", "/2015-03-31/functions", "", []permission{{"lambda:ListFunctions", "*"}}},
		{"lambda", "CreateFunction", "POST", "/2015-03-31/functions", "", nil},
		{"lambda", "TagResource", "POST", "/2017-03-31/tags/" + url.PathEscape(f), "", []permission{{"lambda:TagResource", f}}},
		{"lambda", "GetLayerVersion", "GET", "/2018-10-31/layers/l/versions/3", "", []permission{{"lambda:GetLayerVersion", "arn:aws:lambda:eu-west-1:111122223333:layer:l:3"}}},
		{"s3", "HeadObject", "HEAD", "/b/k", "", []permission{{"s3:GetObject", "arn:aws:s3:::b/k"}}},
		{"s3", "GetObject", "GET", "/b/k?versionId=1", "", []permission{{"s3:GetObjectVersion", "arn:aws:s3:::b/k"}}},
		{"s3", "ListBuckets", "GET", "/", "", []permission{{"s3:ListAllMyBuckets", "*"}}},
		{"ecr", "DescribeImages", "POST", "/", `{"repositoryName":"a/b"}`, []permission{{"ecr:DescribeImages", "arn:aws:ecr:eu-west-1:111122223333:repository/a/b"}}},
		{"ecr", "GetAuthorizationToken", "POST", "/", `{}`, []permission{{"ecr:GetAuthorizationToken", "*"}}},
		{"sts", "AssumeRole", "POST", "/", "RoleArn=" + ciRole, []permission{{"sts:AssumeRole", ciRole}}},
		{"sts", "GetCallerIdentity", "POST", "/", "", nil},
		{"iam", "GetRole", "POST", "/", "RoleName=ci", []permission{{"iam:GetRole", ciRole}}},
		{"monitoring", "DescribeAlarms", "POST", "/", "", []permission{{"cloudwatch:DescribeAlarms", "arn:aws:cloudwatch:eu-west-1:111122223333:alarm:*"}}},
		{"monitoring", "GetMetricData", "POST", "/", "", []permission{{"cloudwatch:GetMetricData", "*"}}},
		{"cloudtrail", "LookupEvents", "POST", "/", "", []permission{{"cloudtrail:LookupEvents", "*"}}},
		{"tagging", "GetResources", "POST", "/", `{}`, []permission{{"tag:GetResources", "*"}}},
		{"logs", "FilterLogEvents", "POST", "/", `{"logGroupName":"/aws/lambda/fn"}`, []permission{{"logs:FilterLogEvents", "arn:aws:logs:eu-west-1:111122223333:log-group:/aws/lambda/fn:*"}}},
	} {
		r := httptest.NewRequest(test.method, test.target, strings.NewReader(test.body))
		if test.service == "sts" || test.service == "iam" {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			if err := r.ParseForm(); err != nil {
				t.Fatal(err)
			}
		}
		record := &api.Record{Resource: strings.Trim(r.URL.Path, "/")}
		r = r.WithContext(api.With(r.Context(), session, record))
		got := w.permissions(r, session, test.service, test.operation)
		if diff := cmp.Diff(test.want, got, cmp.AllowUnexported(permission{})); diff != "" {
			t.Errorf("%s %s: %s", test.operation, test.target, diff)
		}
	}
}
