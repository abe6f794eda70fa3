package cli

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/awstest"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/iam"
	"github.com/lambda-rollout/lambda-rollout/internal/policy"
)

// The ways in which a rehearsal learns what its role may do.
var (
	simulates = policy.Statement{Effect: "Allow", Action: []string{"iam:GetRole", "iam:SimulatePrincipalPolicy"}, Resource: []string{"*"}}
	reads     = policy.Statement{Effect: "Allow", Action: []string{"iam:ListRolePolicies", "iam:GetRolePolicy", "iam:ListAttachedRolePolicies", "iam:GetPolicy", "iam:GetPolicyVersion"}, Resource: []string{"*"}}
)

// everythingBut is a policy without an action, or without it on some resources.
func everythingBut(action, resource string, learns ...policy.Statement) policy.Document {
	d := policy.Document{Version: "2012-10-17", Statement: learns}
	for _, service := range []string{"lambda", "s3", "iam:PassRole"} {
		whole := policy.Statement{Effect: "Allow", Action: []string{service + ":*"}, Resource: []string{"*"}}
		if strings.Contains(service, ":") {
			whole.Action = []string{service}
		}
		if !strings.HasPrefix(action, service) {
			d.Statement = append(d.Statement, whole)
		}
	}
	for _, other := range lambdaAndS3 {
		if other != action && strings.Split(other, ":")[0] == strings.Split(action, ":")[0] {
			d.Statement = append(d.Statement, policy.Statement{Effect: "Allow", Action: []string{other}, Resource: []string{"*"}})
		}
	}
	if resource != "" {
		d.Statement = append(d.Statement, policy.Statement{Effect: "Allow", Action: []string{action}, Resource: []string{resource}})
	}
	return d
}

// lambdaAndS3 are what a policy grants one by one.
var lambdaAndS3 = []string{
	"lambda:List*", "lambda:GetPolicy", "lambda:GetAlias", "lambda:GetProvisionedConcurrencyConfig", "lambda:GetFunctionConcurrency", "lambda:GetFunction",
	"lambda:Update*", "lambda:Create*", "lambda:Publish*", "lambda:TagResource", "lambda:DeleteFunction", "lambda:DeleteAlias", "lambda:GetAccountSettings", "lambda:GetFunctionRecursionConfig", "lambda:GetRuntimeManagementConfig",
	"s3:GetObject", "s3:GetObjectVersion",
}

// A role that lacks something is found before the deployment, in words, however the
// rehearsal learns what the role may do.
func TestWhatARoleLacksIsFoundBeforeTheDeployment(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		lacks, but string
		// says is what a rehearsal says of a role that it can ask about, silent where it
		// can only go by what the deployment needs.
		says, silent string
		code         int
	}{
		"DeleteAlias": {lacks: "lambda:DeleteAlias", code: 1,
			says:   "the role of this deployment lacks lambda:DeleteAlias: without it this deployment goes through, and its rollback does not: hello: DeleteAlias could not be carried out: delete alias beta of hello",
			silent: "without lambda:DeleteAlias this deployment goes through, and its rollback does not: hello: DeleteAlias could not be carried out: delete alias beta of hello"},
		"PassRole": {lacks: "iam:PassRole", code: 1,
			says:   "the role of this deployment lacks iam:PassRole: without it this deployment fails and leaves everything as it was",
			silent: "what the role of this deployment may do could not be checked, iam:PassRole on arn:aws:iam::000000000000:role/other included: it may not ask iam:SimulatePrincipalPolicy, and its policies cannot be read (ListRolePolicies"},
		"GetFunction on versions": {lacks: "lambda:GetFunction", but: "arn:aws:lambda:eu-central-1:000000000000:function:hello", code: 3,
			says: "lambda:GetFunction on arn:aws:lambda:eu-central-1:000000000000:function:hello:live is not allowed"},
		"GetObjectVersion": {lacks: "s3:GetObjectVersion", code: 3, says: "s3:GetObjectVersion on arn:aws:s3:::code/app.zip is not allowed"},
	} {
		for how, learns := range map[string][]policy.Statement{"simulated": {simulates}, "from its documents": {reads}, "from a managed policy": {reads}, "by what is needed": nil} {
			t.Run(name+"/"+how, func(t *testing.T) {
				t.Parallel()
				awstest.Run(t, func(t *testing.T) {
					b := virtualBench(t, awslocal.Options{PolicyEvaluation: true})
					deployLive(b, minimal)
					b.write("function.yaml", strings.Replace(minimal, "role/hello", "role/other", 1))
					b.object("app.zip", "2")
					if document := everythingBut(tc.lacks, tc.but, learns...); how == "from a managed policy" {
						b.managed(document)
					} else {
						b.role(document)
					}
					b.aws.ResetCalls()
					code, out, errs := b.run("rehearse", "--function-definition", "function.yaml", "--artifact", "s3://code/app.zip", "--alias", "live, beta",
						"--role-to-assume", deployer, "--play", "whole:deploy,whole:rollback,"+plays(tc.lacks, learns, tc.code))
					want, wantCode := tc.says, tc.code
					if learns == nil && tc.code == 1 {
						want, wantCode = tc.silent, 0
					}
					if code != wantCode || !strings.Contains(out+errs, want) {
						t.Errorf("exit %d, want %d and %q:\n%s%s", code, wantCode, want, out, errs)
					}
					if changed := slices.DeleteFunc(b.changing(), func(c string) bool { return c == "AssumeRole" }); len(changed) > 0 {
						t.Errorf("it changed something: %v", changed)
					}
				})
			})
		}
	}
}

// managed gives the role ci a managed policy.
func (b *bench) managed(d policy.Document) {
	b.t.Helper()
	text, err := json.Marshal(d)
	b.check(err)
	b.check(b.aws.PutRole(iam.Role{ARN: deployer, Policies: map[string]string{"arn:aws:iam::000000000000:policy/deploy": string(text)}}))
}

// plays are those of an action that a role lacks.
func plays(action string, learns []policy.Statement, code int) string {
	if learns == nil || code == 3 {
		return "denied:" + action
	}
	return "denied:role:" + action
}

// Actions of other services than Lambda are denied in turn, too: those that the copy has,
// and those of KMS and STS.
func TestActionsOfOtherServicesAreDenied(t *testing.T) {
	t.Parallel()
	awstest.Run(t, func(t *testing.T) {
		b := virtualBench(t, awslocal.Options{})
		const keyed = minimal + "kmsKeyArn: arn:aws:kms:eu-central-1:000000000000:key/11111111-1111-1111-1111-111111111111\n"
		deployLive(b, keyed+"environment: {variables: {NAME: one}}\n")
		b.object("app.zip", "2")
		b.alarm("high")
		for _, tc := range []struct {
			definition    string
			more, actions []string
		}{
			{strings.Replace(keyed, "role/hello", "role/other", 1), nil, []string{"iam:PassRole", "s3:GetObjectVersion", "kms:Decrypt", "kms:Encrypt", "kms:CreateGrant", "sts:AssumeRole"}},
			{keyed, []string{"--traffic", "10%/5m", "--guard", "errors", "--alarms", "high"}, []string{"cloudwatch:GetMetricData", "cloudwatch:DescribeAlarms"}},
		} {
			b.write("function.yaml", tc.definition+"environment: {variables: {NAME: two}}\n")
			d := b.rehearsed(append([]string{
				"--function-definition", "function.yaml", "--artifact", "s3://code/app.zip", "--alias", "live",
				"--role-to-assume", deployer, "--play", "denied:" + strings.Join(tc.actions, ",denied:"),
			}, tc.more...)...)
			if d.Played != len(tc.actions) {
				t.Errorf("%d of %d were played: %+v", d.Played, len(tc.actions), d)
			}
		}
	})
}

// Who may read the newest version of an object need not be allowed to name it, and Lambda
// will be told its name.
func TestAnObjectThatLambdaCouldNotFetchIsFound(t *testing.T) {
	t.Parallel()
	awstest.Run(t, func(t *testing.T) {
		b := virtualBench(t, awslocal.Options{PolicyEvaluation: true})
		deployLive(b, minimal)
		body := archiveOf(t, "index.js", "3")
		_, err := s3.NewFromConfig(b.config(), func(o *s3.Options) { o.UsePathStyle = true }).PutObject(t.Context(), &s3.PutObjectInput{
			Bucket: aws.String("code"), Key: aws.String("app.zip"), Body: bytes.NewReader(body), ChecksumAlgorithm: s3types.ChecksumAlgorithmSha256,
		})
		if err != nil {
			t.Fatal(err)
		}
		b.role(everythingBut("s3:GetObjectVersion", ""))
		code, out, errs := b.run("rehearse", "--function-definition", "function.yaml", "--artifact", "s3://code/app.zip", "--alias", "live", "--role-to-assume", deployer, "--play", "whole:deploy")
		if code != 1 || !strings.Contains(errs, "the deployment would not start") || !strings.Contains(out, "s3:GetObjectVersion on arn:aws:s3:::code/app.zip is not allowed") {
			t.Errorf("exit %d\n%s%s", code, out, errs)
		}
	})
}

// A deployment that does less without an action, and says so, ends as it should.
func TestAnActionThatADeploymentCanDoWithoutMakesNoPlayWrong(t *testing.T) {
	t.Parallel()
	awstest.Run(t, func(t *testing.T) {
		b := virtualBench(t, awslocal.Options{})
		deployLive(b, minimal)
		b.write("settings.yaml", "provisionedConcurrency: {qualifier: live, provisionedConcurrentExecutions: 2, onVersion: true}\n")
		files := []string{"--function-definition", "function.yaml", "--artifact", "s3://code/app.zip", "--alias", "live", "--settings", "settings.yaml"}
		b.must(append([]string{"deploy"}, files...)...)
		b.object("app.zip", "2")
		code, out, errs := b.run(append([]string{"rehearse", "--play", "denied:lambda:ListAliases"}, files...)...)
		if code != 0 || !strings.Contains(out, "a permission missing") {
			t.Errorf("exit %d:\n%s%s", code, out, errs)
		}
	})
}
