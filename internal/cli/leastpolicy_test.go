package cli

import (
	"encoding/base64"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
	"github.com/lambda-rollout/lambda-rollout/internal/policy"
)

const deployer = "arn:aws:iam::000000000000:role/ci"

// without is the document with one grant taken away.
func without(d policy.Document, g grant) policy.Document {
	out := policy.Document{Version: d.Version}
	for i, s := range d.Statement {
		if i == g.statement {
			s.Action = slices.DeleteFunc(slices.Clone(s.Action), func(a string) bool { return a == g.action })
		}
		if len(s.Action) > 0 {
			out.Statement = append(out.Statement, s)
		}
	}
	return out
}

// grant is one action of one statement.
type grant struct {
	statement int
	action    string
}

var full = flag.Bool("full", false, "take away each action of a policy, not a sample of them")

// grantStep is how many actions one stands for without -full.
const grantStep = 23

// allGrants are the actions of a policy to take away.
func allGrants(p policy.Document) []grant {
	var all []grant
	for n, s := range p.Statement {
		for _, action := range s.Action {
			all = append(all, grant{n, action})
		}
	}
	return all
}

// grants are all of them with -full, and a sample otherwise, others for each plan.
func grants(p policy.Document, plan int) []grant {
	var some []grant
	all := allGrants(p)
	switch {
	case *full:
		return all
	case leastPlans[plan].long:
		return nil
	}
	for i := plan % grantStep; i < len(all); i += grantStep {
		some = append(some, all[i])
	}
	return some
}

// Deploy and rollback succeed under exactly the printed policy, put everything
// back, and fail with any one action of it taken away, by its name.
func TestThePrintedPolicyIsTheLeast(t *testing.T) {
	eachPlan(t, func(t *testing.T, i int) {
		granted := printed(t, i)
		scenarios := leastPlans[i].scenarios
		if !*full {
			scenarios = scenarios[:1]
			if further := leastPlans[i].scenarios[1:]; len(further) > 0 && !leastPlans[i].long {
				scenarios = append(slices.Clone(scenarios), further[i%len(further)])
			}
		}
		for _, c := range scenarios {
			b := leastBench(t, i)
			b.role(granted)
			before, err := b.aws.Dump("")
			if err != nil {
				t.Fatal(err)
			}
			if ok, text := c.run(b, i); !ok {
				t.Fatalf("%s: not done under the printed policy:\n%s", c.name, text)
			}
			after, err := b.aws.Dump("")
			if err != nil {
				t.Fatal(err)
			}
			if !maps.EqualFunc(before.Functions, after.Functions, func(x, y any) bool { return fmt.Sprint(x) == fmt.Sprint(y) }) {
				t.Errorf("%s: the rollback left a difference", c.name)
			}
		}
		for _, g := range grants(granted, i) {
			needed(t, i, granted, g)
		}
	})
}

// needed finds the scenario that misses a grant.
func needed(t *testing.T, plan int, granted policy.Document, g grant) {
	t.Helper()
	var texts []string
	done := true
	for _, c := range leastPlans[plan].scenarios {
		b := leastBench(t, plan)
		b.role(without(granted, g))
		ok, text := c.run(b, plan)
		if !ok && strings.Contains(text, g.action) {
			return
		}
		done = done && ok
		texts = append(texts, fmt.Sprintf("%s (done: %v):\n%s", c.name, ok, text))
	}
	if done && doWithout[g.action] {
		return
	}
	t.Errorf("without %s in statement %d nothing fails and names it:\n%s", g.action, g.statement, strings.Join(texts, "\n"))
}

// doWithout are what a deployment asks only in order to refuse or warn before it starts.
var doWithout = map[string]bool{"lambda:ListProvisionedConcurrencyConfigs": true, "lambda:GetAccountSettings": true, "lambda:ListAliases": true}

// printed is the policy that the command prints for the root user.
func printed(t *testing.T, plan int) policy.Document {
	t.Helper()
	b := leastBench(t, plan)
	out := b.must(slices.Concat([]string{"policy"}, leastInputs(plan), leastPlans[plan].more)...)
	var set policy.Set
	if err := json.Unmarshal([]byte(out), &set); err != nil {
		t.Fatal(err)
	}
	return set.Permissions
}

// lookUps are what a rollback asks before it deletes something.
var lookUps = map[string]bool{
	"lambda:GetPolicy": true, "lambda:ListFunctionUrlConfigs": true, "lambda:ListFunctionEventInvokeConfigs": true,
	"lambda:ListProvisionedConcurrencyConfigs": true, "lambda:ListEventSourceMappings": true, "lambda:ListAliases": true,
	"lambda:ListVersionsByFunction": true, "lambda:GetFunctionConcurrency": true, "lambda:GetFunctionCodeSigningConfig": true,
	"lambda:GetFunctionRecursionConfig": true, "lambda:GetRuntimeManagementConfig": true,
}

// Where the caller may ask IAM, a missing action stops the deployment before
// its first change; where it may not, that is a warning at most.
func TestPreflightRefusesBeforeTheFirstChange(t *testing.T) {
	eachPlan(t, func(t *testing.T, i int) {
		granted := printed(t, i)
		asks := policy.Statement{Effect: "Allow", Action: []string{"iam:GetRole", "iam:SimulatePrincipalPolicy"}, Resource: []string{"*"}}
		for _, g := range grants(granted, i) {
			if strings.HasPrefix(g.action, "s3:") || strings.HasPrefix(g.action, "ecr:") || g.action == "lambda:GetFunction" || g.action == "lambda:GetAlias" {
				continue // the deployment cannot even look
			}
			b := leastBench(t, i)
			left := without(granted, g)
			left.Statement = append(left.Statement, asks)
			b.role(left)
			b.aws.ResetCalls()
			code, out, errs := b.run(slices.Concat([]string{"deploy"}, leastInputs(i), []string{"--role-to-assume", deployer}, leastPlans[i].more)...)
			if !strings.Contains(out+errs, g.action) {
				t.Errorf("without %s: exit %d, without its name\n%s%s", g.action, code, out, errs)
			}
			if lookUps[g.action] || doWithout[g.action] {
				continue // a rollback says so and deletes nothing
			}
			if code != 3 {
				t.Errorf("without %s: exit %d, want 3\n%s%s", g.action, code, out, errs)
			}
			if changed := b.changing(); len(changed) > 0 && !slices.Equal(changed, []string{"AssumeRole"}) {
				t.Errorf("without %s the deployment changed something: %v", g.action, changed)
			}
		}
	})
}

// The policy of a service is enough for its first deployment, for later ones
// and for the rollbacks of both.
func TestThePolicyOfAServiceLastsItsLife(t *testing.T) {
	t.Parallel()
	b := newBench(t, awslocal.Options{PolicyEvaluation: true})
	b.object("app.zip", "1")
	inputs := []string{"--function-definition", "function.yaml", "--artifact", "s3://code/app.zip", "--alias", "live"}
	const tagged = minimal + "tags: {team: web}\n"
	b.write("function.yaml", tagged)
	var set policy.Set
	if err := json.Unmarshal([]byte(b.must(append([]string{"policy", "--scope", "service"}, inputs...)...)), &set); err != nil {
		t.Fatal(err)
	}
	b.role(set.Permissions)
	as := []string{"--role-to-assume", deployer}
	deploy := slices.Concat([]string{"deploy"}, inputs, as)
	b.must(deploy...)
	b.must("rollback")
	b.must(deploy...)
	for n, definition := range []string{tagged + "timeout: 9\n", minimal + "tags: {}\nmemorySize: 256\n", minimal + "tags: {team: api, cost: low}\n"} {
		b.object("app.zip", fmt.Sprint("new ", n))
		b.write("function.yaml", definition)
		b.must(deploy...)
		b.must("rollback")
		b.must(deploy...)
	}
}

// The policy of a deployment with keep-versions is enough to delete what it may; a
// permission that is missing then fails no deployment.
func TestThePolicyOfKeepVersionsDeletesOldOnes(t *testing.T) {
	t.Parallel()
	b := newBench(t, awslocal.Options{PolicyEvaluation: true})
	plain := b.minimal()
	inputs := slices.Concat(plain, []string{"--keep-versions", "1"})
	for _, code := range []string{"1", "2", "3", "4"} {
		b.write("code/index.js", code)
		b.must(append([]string{"deploy"}, plain...)...)
	}
	b.write("code/index.js", "5")
	var set policy.Set
	if err := json.Unmarshal([]byte(b.must(append([]string{"policy"}, inputs...)...)), &set); err != nil {
		t.Fatal(err)
	}
	deploy := slices.Concat([]string{"deploy", "--role-to-assume", deployer}, inputs)
	asked := 0
	for _, g := range allGrants(set.Permissions) {
		if !slices.Contains([]string{"lambda:ListAliases", "lambda:GetPolicy"}, g.action) {
			continue
		}
		asked++
		b.role(without(set.Permissions, g))
		if code, out, errs := b.run(deploy...); code != 0 || !strings.Contains(out+errs, "keep-versions") || !strings.Contains(out+errs, g.action) {
			t.Errorf("without %s: exit %d\n%s%s", g.action, code, out, errs)
		}
	}
	if asked < 2 {
		t.Errorf("the policy holds %d of the questions", asked)
	}
	b.role(set.Permissions)
	if out := b.must(deploy...); !strings.Contains(out, "old version") || strings.Contains(out, "warning: keep-versions") {
		t.Errorf("nothing was deleted:\n%s", out)
	}
}

// A deployment that changes nothing asks for nothing but the current state.
func TestUnchangedDeploymentHasNoPreflight(t *testing.T) {
	t.Parallel()
	b := newBench(t, awslocal.Options{})
	inputs := b.minimal()
	b.role(policy.Document{Version: "2012-10-17", Statement: []policy.Statement{{Effect: "Allow", Action: []string{"*"}, Resource: []string{"*"}}}})
	deploy := slices.Concat([]string{"deploy", "--role-to-assume", deployer}, inputs)
	operations := func() []string {
		b.aws.ResetCalls()
		b.must(deploy...)
		var names []string
		for _, c := range b.aws.Calls() {
			names = append(names, c.Operation)
		}
		return slices.Compact(slices.Sorted(slices.Values(names)))
	}
	if got := operations(); !slices.Contains(got, "SimulatePrincipalPolicy") || !slices.Contains(got, "GetRole") {
		t.Errorf("the first deployment does not ask IAM: %v", got)
	}
	want := []string{"AssumeRole", "GetAlias", "GetFunction"}
	if got := operations(); !slices.Equal(got, want) {
		t.Errorf("an unchanged deployment calls %v, want %v", got, want)
	}
}

// On GitHub the trust policy names the very job. A connector's role is assumed
// by the run's own, which then needs that and no more.
func TestPolicyOfEachRole(t *testing.T) {
	t.Parallel()
	b := newBench(t, awslocal.Options{})
	claims := base64.RawURLEncoding.EncodeToString([]byte(`{"iss":"https://token.actions.githubusercontent.com","aud":"sts.amazonaws.com","exp":4102444800,"sub":"repo:octo/shop:environment:production"}`))
	oidc := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintf(w, `{"value":"e30.%s.x"}`, claims) }))
	defer oidc.Close()
	b.env = append(b.env, "GITHUB_ACTIONS=true", "GITHUB_WORKSPACE="+b.dir, "GITHUB_REPOSITORY=octo/shop", "RUNNER_TEMP="+b.dir,
		"ACTIONS_ID_TOKEN_REQUEST_URL="+oidc.URL+"?x=1", "ACTIONS_ID_TOKEN_REQUEST_TOKEN=t")
	inputs := b.minimal()
	out := b.must(append([]string{"policy"}, inputs...)...)
	if want := `"token.actions.githubusercontent.com:sub": "repo:octo/shop:environment:production"`; !strings.Contains(out, want) {
		t.Errorf("the trust policy does not hold %s:\n%s", want, out)
	}
	b.write("infra.yaml", "infrastructureDefinition:\n  identifier: prod\n  type: AwsLambda\n  spec: {connectorRef: prod, region: eu-central-1}\n")
	const connector = "arn:aws:iam::000000000000:role/prod"
	out = b.must(append([]string{"policy", "--infrastructure", "infra.yaml", "--connectors", "prod=" + connector, "--role-to-assume", deployer}, inputs...)...)
	var sets []policy.Set
	if err := json.Unmarshal([]byte(out), &sets); err != nil || len(sets) != 2 {
		t.Fatalf("%v: %s", err, out)
	}
	if s := sets[0]; s.Role != connector || !slices.Contains(s.Permissions.Actions(), "lambda:CreateFunction") || s.Trust.Statement[0].Principal["AWS"] != deployer {
		t.Errorf("the connector's role: %+v", s)
	}
	if s := sets[1]; s.Role != "" || !slices.Equal(s.Permissions.Actions(), []string{"sts:AssumeRole"}) || !slices.Equal(s.Permissions.Statement[0].Resource, []string{connector}) {
		t.Errorf("the run's own role: %+v", s)
	}
}

// What a plan on a pull request needs is reading alone.
func TestThePolicyOfAPlanReads(t *testing.T) {
	somePlans(t, func(t *testing.T, i int) {
		b := leastBench(t, i)
		var set policy.Set
		if err := json.Unmarshal([]byte(b.must(append([]string{"policy", "--scope", "plan"}, leastInputs(i)...)...)), &set); err != nil {
			t.Fatal(err)
		}
		for _, a := range set.Permissions.Actions() {
			if !reading.MatchString(a) {
				t.Errorf("a plan is granted %s", a)
			}
		}
		b.role(set.Permissions)
		as := []string{"--role-to-assume", deployer}
		b.must(slices.Concat([]string{"plan"}, leastInputs(i), as)...)
		if code, out, errs := b.run(slices.Concat([]string{"deploy"}, leastInputs(i), as)...); code == 0 {
			t.Errorf("a deployment went through with the policy of a plan\n%s%s", out, errs)
		}
	})
}

var reading = regexp.MustCompile(`^((lambda|codedeploy):(Get|List)|s3:Get|ecr:Describe|ssm:Get|secretsmanager:Get)`)
