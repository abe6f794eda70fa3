package cli

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/google/go-cmp/cmp"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
	"github.com/lambda-rollout/lambda-rollout/internal/policy"
)

// The policy that is printed for a command that looks at functions is enough for it,
// and nothing in it is too much.
func TestThePrintedPolicyOfACommandThatLooksIsTheLeast(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		scope, function string
		args            []string
		// optional is what the command does without, saying so.
		optional []string
	}{
		{"status", "hello", []string{"status", "--function", "hello"}, nil},
		{"status", "hel*", []string{"status", "--function", "hel*"}, nil},
		{"history", "hello", []string{"history", "--function", "hello"}, []string{"cloudtrail:LookupEvents"}},
		{"init", "hello", []string{"init", "--function", "hello", "--force"}, []string{"lambda:ListTags"}},
		{"init", "h*", []string{"init", "--function", "h*", "--force"}, []string{"lambda:ListTags"}},
		{"list", "", []string{"list"}, nil},
		{"invoke", "hello", []string{"invoke", "--function", "hello", "--qualifier", "live"}, nil},
	} {
		t.Run(c.scope+" "+c.function, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, awslocal.Options{PolicyEvaluation: true, Handler: answers})
			b.must(append([]string{"deploy"}, b.minimal()...)...)
			var set policy.Set
			if err := json.Unmarshal([]byte(b.must("policy", "--scope", c.scope, "--function", c.function)), &set); err != nil {
				t.Fatal(err)
			}
			as := append(slices.Clone(c.args), "--role-to-assume", deployer)
			b.role(set.Permissions)
			if code, out, errs := b.run(as...); code != 0 {
				t.Fatalf("under the printed policy: exit %d\n%s%s", code, out, errs)
			}
			for _, g := range allGrants(set.Permissions) {
				left := without(set.Permissions, g)
				// A role without any statement is not a policy to evaluate.
				left.Statement = append(left.Statement, policy.Statement{Effect: "Allow", Action: []string{"iam:GetRole"}, Resource: []string{"*"}})
				b.role(left)
				code, out, errs := b.run(as...)
				if done := slices.Contains(c.optional, g.action); (code == 0) != done || !strings.Contains(out+errs, g.action) {
					t.Errorf("without %s: exit %d\n%s%s", g.action, code, out, errs)
				}
			}
		})
	}
}

func answers(context.Context, awslocal.Event) awslocal.Answer {
	return awslocal.Answer{Payload: []byte(`"ok"`)}
}

// list names the functions that deploys created, and no others.
func TestListNamesWhatDeploysCreated(t *testing.T) {
	t.Parallel()
	b := newBench(t, awslocal.Options{})
	if out := b.must("list"); out != "No function in eu-central-1 has the tag of this program\n" {
		t.Errorf("nothing yet: %q", out)
	}
	b.must(append([]string{"deploy"}, b.minimal()...)...)
	if _, err := lambda.NewFromConfig(b.config()).CreateFunction(t.Context(), &lambda.CreateFunctionInput{
		FunctionName: aws.String("older"), Runtime: types.RuntimeNodejs22x, Handler: aws.String("index.handler"), Role: aws.String("arn:aws:iam::000000000000:role/r"),
		Code: &types.FunctionCode{ZipFile: archiveOf(t, "index.js", "1")}, Tags: map[string]string{"team": "shop"},
	}); err != nil {
		t.Fatal(err)
	}
	var all []listedFunction
	if err := json.Unmarshal([]byte(b.must("list", "--output", "json")), &all); err != nil || len(all) != 1 || all[0].Run == "" {
		t.Fatalf("%+v %v", all, err)
	}
	want := listedFunction{"hello", "eu-central-1", "arn:aws:lambda:eu-central-1:000000000000:function:hello", all[0].Run}
	if diff := cmp.Diff(want, all[0]); diff != "" {
		t.Error(diff)
	}
	if out := b.must("list"); !strings.HasPrefix(out, "FUNCTION  CREATED BY RUN\nhello     "+all[0].Run) {
		t.Errorf("text:\n%s", out)
	}
}
