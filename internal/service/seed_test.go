package service

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/diag"
)

func seed() Options {
	return Options{Files: Files{Workspace: os.DirFS("testdata/seed")}, Serialised: true}
}

func mustLoad(t *testing.T, opts Options) (*Set, diag.List) {
	t.Helper()
	set, problems := Load(opts)
	if err := problems.Err(); err != nil {
		t.Fatalf("Load: %v", err)
	}
	return set, problems
}

func TestSeedServiceEnvironmentAndInfrastructureMakeOneTarget(t *testing.T) {
	t.Parallel()
	for _, file := range []string{"service.yaml", "service.tf"} {
		opts := seed()
		opts.Services = []string{file}
		opts.Environments = []string{"environment.yaml"}
		opts.Infrastructures = []string{"infrastructure.yaml"}
		opts.Connectors = map[string]string{"awscp": "arn:aws:iam::123456789012:role/deploy"}
		set, problems := Load(opts)
		if len(set.Targets) != 1 {
			t.Fatalf("%s: %v", file, problems.Error())
		}
		got := set.Targets[0]
		bucket := map[string]string{"service.yaml": "mylambda", "service.tf": "sainathlambda"}[file]
		want := Target{
			Service:     Entity{Identifier: "helloworld", Name: "helloworld", Type: "AwsLambda", Description: "Hello World AWS Lambda"},
			Environment: Entity{Identifier: "aws", Name: "aws", Type: "PreProduction", Description: "sandbox aws account"},
			Infrastructure: Infrastructure{
				Identifier: "awslambda", Name: "aws-lambda", Region: "us-east-2",
				ConnectorRef: "awscp", Role: "arn:aws:iam::123456789012:role/deploy",
			},
			Artifact: Artifact{
				Kind: S3, Identifier: "test", Bucket: bucket, Key: "workloadNameValue", Region: "us-east-2",
				ConnectorRef: "awscp", Role: "arn:aws:iam::123456789012:role/deploy",
			},
			Variables: []Variable{{Name: "workload_name", Value: "workloadNameValue", Layer: "service"}},
			Source:    "serverless/aws-lambda/createFunction.json",
			Function:  got.Function,
		}
		if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(Target{}, "Document")); diff != "" {
			t.Errorf("%s: %s", file, diff)
		}
		if name := got.Function.FunctionName; name != "test-lambda-10" {
			t.Errorf("%s: function %q", file, name)
		}
	}
}

func TestSeedDefinitions(t *testing.T) {
	t.Parallel()
	arn := "arn:aws:iam::123456789012:role/lambda"
	text := func(s string) *string { return &s }
	number := func(n int32) *int32 { return &n }
	tests := map[string]struct {
		variables map[string]string
		artifact  string
		want      *definition.Function
		warnings  string
	}{
		"variables.json": {
			variables: map[string]string{"functionName": "hello", "runtime": "nodejs22.x", "handler": "index.handler", "roleARN": arn},
			artifact:  "code.zip",
			want:      &definition.Function{FunctionName: "hello", Runtime: text("nodejs22.x"), Handler: text("index.handler"), Role: &arn},
		},
		"existing.json": {
			artifact: "123456789012.dkr.ecr.us-west-2.amazonaws.com/app:1",
			want: &definition.Function{
				FunctionName: "arn:aws:lambda:us-west-2:123456789012:function:my-function",
				Role:         text("arn:aws:iam::123456789012:role/my-lambda-role"),
				Timeout:      number(30), MemorySize: number(256),
			},
			warnings: "handler is left out beside a container image",
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			opts := seed()
			opts.Definitions = []string{name}
			opts.Artifact = tc.artifact
			opts.Variables = tc.variables
			opts.AliasDefinitions = []string{"alias.json"}
			set, problems := mustLoad(t, opts)
			if diff := cmp.Diff(tc.want, set.Targets[0].Function); diff != "" {
				t.Error(diff)
			}
			if !strings.Contains(problems.Error(), tc.warnings) {
				t.Errorf("warnings %q", problems.Error())
			}
			want := []definition.Alias{{Name: "test-alias-2", Description: text("creating alias")}}
			if diff := cmp.Diff(want, set.Targets[0].Aliases); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestSeedPlaceholderRoleIsRefused(t *testing.T) {
	t.Parallel()
	opts := seed()
	opts.Definitions = []string{"minimal.json"}
	opts.Artifact = "code.zip"
	_, problems := Load(opts)
	if err := problems.Err(); err == nil || !strings.Contains(err.Error(), "minimal.json:5:") {
		t.Errorf("got %v, want a problem at the role", err)
	}
}
