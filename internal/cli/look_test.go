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

// initReads are what init notes instead of failing.
var initReads = []string{
	"lambda:ListTags", "lambda:GetFunctionConcurrency", "lambda:GetFunctionRecursionConfig", "lambda:GetRuntimeManagementConfig",
	"lambda:GetProvisionedConcurrencyConfig", "lambda:GetFunctionUrlConfig", "lambda:GetFunctionEventInvokeConfig", "lambda:GetPolicy",
}

// The policy that is printed for a command that looks at functions is enough for it,
// and nothing in it is too much.
func TestThePrintedPolicyOfACommandThatLooksIsTheLeast(t *testing.T) {
	t.Parallel()
	for i, c := range []struct {
		scope, function string
		args            []string
		// optional is what the command does without, saying so.
		optional []string
	}{
		{"status", "hello", []string{"status", "--function", "hello"}, nil},
		{"status", "hel*", []string{"status", "--function", "hel*"}, nil},
		{"history", "hello", []string{"history", "--function", "hello"}, []string{"cloudtrail:LookupEvents"}},
		{"init", "hello", []string{"init", "--function", "hello", "--force"}, initReads},
		{"init", "h*", []string{"init", "--function", "h*", "--force"}, initReads},
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
			some := grants(set.Permissions, i)
			if len(some) == 0 {
				some = allGrants(set.Permissions)[:1]
			}
			b.role(set.Permissions)
			if code, out, errs := b.run(as...); code != 0 {
				t.Fatalf("under the printed policy: exit %d\n%s%s", code, out, errs)
			}
			for _, g := range some {
				if g.action == "lambda:GetFunctionScalingConfig" {
					continue // only functions on managed instances have one, and hello is none
				}
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

// Every payload is sent, in its order; a function that fails ends the command with 1
// once all were, and tells its log. Nothing is sent where one of them is not JSON.
func TestInvokeSendsAllPayloadsInOrder(t *testing.T) {
	t.Parallel()
	var sent []string
	b := newBench(t, awslocal.Options{Handler: func(_ context.Context, e awslocal.Event) awslocal.Answer {
		sent = append(sent, string(e.Payload))
		if string(e.Payload) == "2" {
			return awslocal.Answer{Payload: []byte(`{"errorMessage":"no two"}`), FunctionError: "Unhandled", Log: "why\n"}
		}
		return awslocal.Answer{Payload: e.Payload, Log: "fine\n"}
	}})
	b.must(append([]string{"deploy"}, b.minimal()...)...)
	b.write("one.json", "1")
	b.write("more.jsonl", "2\n\n3\n")
	b.write("broken.json", "4 {")
	call := func(args ...string) (int, []invokeDocument, string) {
		code, out, errs := b.run(append([]string{"invoke", "--function", "hello", "--output", "json"}, args...)...)
		var docs []invokeDocument
		if err := json.Unmarshal([]byte(out), &docs); err != nil && code != exitInput {
			t.Fatalf("%v: %q", err, out)
		}
		return code, docs, errs
	}
	code, docs, errs := call("--payload", "@one.json", "--payload", "@more.jsonl")
	want := []invokeDocument{
		{"hello", "eu-central-1", "$LATEST", json.RawMessage("1"), "", ""},
		{"hello", "eu-central-1", "$LATEST", json.RawMessage(`{"errorMessage":"no two"}`), "Unhandled", docs[1].Log},
		{"hello", "eu-central-1", "$LATEST", json.RawMessage("3"), "", ""},
	}
	if diff := cmp.Diff(want, docs, cmp.Comparer(func(x, y json.RawMessage) bool {
		return strings.Join(strings.Fields(string(x)), "") == strings.Join(strings.Fields(string(y)), "")
	})); diff != "" || code != exitFailed {
		t.Errorf("exit %d: %s", code, diff)
	}
	if !strings.Contains(docs[1].Log, "why") || !strings.Contains(errs, "why") || strings.Contains(errs, "fine") || !strings.Contains(errs, "failed for 1 of 3 payloads") {
		t.Errorf("its log: %q\n%s", docs[1].Log, errs)
	}
	if code, docs, errs = call("--payload", "1", "--verbose"); code != 0 || !strings.Contains(docs[0].Log, "fine") || !strings.Contains(errs, "fine") {
		t.Errorf("verbose: exit %d %+v\n%s", code, docs, errs)
	}
	before := len(sent)
	if code, _, errs = call("--payload", "@one.json @broken.json"); code != exitInput || len(sent) != before || !strings.Contains(errs, "broken.json: the payload is not JSON: line 1, column 3") {
		t.Errorf("not JSON: exit %d, sent %q\n%s", code, sent[before:], errs)
	}
}
