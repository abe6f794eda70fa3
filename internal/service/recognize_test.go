package service

import (
	"strings"
	"testing"
	"testing/fstest"
)

const (
	serviceYAML        = "service: {identifier: s, serviceDefinition: {type: AwsLambda, spec: {manifests: [{manifest: {identifier: f, type: AwsLambdaFunctionDefinition, spec: {store: {type: Github, spec: {paths: [function.yaml]}}}}}]}}}\n"
	environmentYAML    = "environment: {identifier: e, name: e, type: Production}\n"
	infrastructureYAML = "infrastructureDefinition: {identifier: i, type: AwsLambda, environmentRef: e, spec: {region: eu-central-1}}\n"
	functionYAML       = "functionName: f\nrole: arn:aws:iam::123456789012:role/f\nruntime: nodejs24.x\nhandler: a.b\nenvironment: {variables: {A1: x}}\n"
	aliasYAML          = "name: live\ndescription: what callers use\n"
)

func TestAFileOfTheWrongInputIsNamedWithTheRightOne(t *testing.T) {
	t.Parallel()
	files := map[string]string{
		"pipeline.yaml": "pipeline: {identifier: p, name: p, stages: []}\n",
		"service.yaml":  serviceYAML, "environment.yaml": environmentYAML, "infrastructure.yaml": infrastructureYAML,
		"overrides.yaml": "serviceOverrides: {environmentRef: e, serviceRef: s, variables: []}\n",
		"inputs.yaml":    "inputSet: {identifier: x}\n",
		"function.yaml":  functionYAML, "alias.yaml": aliasYAML,
		"workflow.yml":  "on: push\njobs: {a: {runs-on: x, steps: []}}\n",
		"lambroll.json": `{"FunctionName": "f", "Role": "arn:aws:iam::123456789012:role/f", "Runtime": "nodejs24.x", "Handler": "a.b"}`,
		"template.yaml": "AWSTemplateFormatVersion: '2010-09-09'\nResources: {F: {Type: AWS::Lambda::Function}}\n",
		"sam.yaml":      "Transform: AWS::Serverless-2016-10-31\nResources: {}\n",
		"state.json":    `{"version": 4, "terraform_version": "1.9.0", "serial": 1, "lineage": "x", "resources": []}`,
		"settings.yaml": "functionUrl: {authType: NONE}\n",
		"url.json":      `{"Config": {"AuthType": "NONE"}}`,
		"policy.json":   `{"Version": "2012-10-17", "Statement": []}`,
		"package.json":  `{"name": "f", "scripts": {}}`,
		"compose.yaml":  "services: {a: {image: x}}\n",
		"answer.json":   `{"Configuration": {"FunctionName": "f"}, "Code": {}}`,
		"sls.yml":       "service: shop\nprovider: {name: aws}\nfunctions: {}\n",
	}
	workspace := fstest.MapFS{}
	for name, content := range files {
		workspace[name] = &fstest.MapFile{Data: []byte(content)}
	}
	const (
		asService, asEnvironment, asInfrastructure, asOverrides = "service", "environment", "infrastructure", "overrides"
		asFunction, asAlias                                     = "function-definition", "alias-definition"
	)
	for _, tc := range []struct{ input, file, want, hint string }{
		{asService, "pipeline.yaml", "is a Harness pipeline, not a Harness Service", "lambda-rollout convert"},
		{asService, "environment.yaml", "is a Harness Environment, not a Harness Service", "the input environment"},
		{asService, "infrastructure.yaml", "is a Harness Infrastructure, not a Harness Service", "the input infrastructure"},
		{asService, "overrides.yaml", "is Harness overrides, not a Harness Service", "the input overrides"},
		{asService, "inputs.yaml", "is a Harness input set, not a Harness Service", "the input inputs"},
		{asService, "function.yaml", "is a function definition, not a Harness Service", "the input function-definition"},
		{asService, "lambroll.json", "is a function definition, not a Harness Service", "the input function-definition"},
		{asService, "alias.yaml", "is an alias definition, not a Harness Service", "the input alias-definition"},
		{asService, "workflow.yml", "is a GitHub workflow", "name the files"},
		{asService, "sls.yml", "is a file of the Serverless Framework", ""},
		{asEnvironment, "infrastructure.yaml", "is a Harness Infrastructure, not a Harness Environment", "the input infrastructure"},
		{asEnvironment, "service.yaml", "is a Harness Service, not a Harness Environment", "the input service"},
		{asEnvironment, "function.yaml", "is a function definition, not a Harness Environment", "the input function-definition"},
		{asInfrastructure, "environment.yaml", "is a Harness Environment, not a Harness Infrastructure", "the input environment"},
		{asOverrides, "service.yaml", "is a Harness Service, not Harness overrides", "the input service"},
		{asFunction, "service.yaml", "is a Harness Service, not a function definition", "the input service"},
		{asFunction, "environment.yaml", "is a Harness Environment, not a function definition", "the input environment"},
		{asFunction, "infrastructure.yaml", "is a Harness Infrastructure, not a function definition", "the input infrastructure"},
		{asFunction, "pipeline.yaml", "is a Harness pipeline, not a function definition", "lambda-rollout convert"},
		{asFunction, "alias.yaml", "is an alias definition, not a function definition", "the input alias-definition"},
		{asFunction, "workflow.yml", "is a GitHub workflow, not a function definition", ""},
		{asFunction, "template.yaml", "is a CloudFormation or SAM template, not a function definition", "lambda-rollout schema function"},
		{asFunction, "sam.yaml", "is a CloudFormation or SAM template, not a function definition", ""},
		{asFunction, "state.json", "is Terraform's state, not a function definition", ""},
		{asFunction, "settings.yaml", "is a settings document, not a function definition", "the input settings"},
		{asFunction, "url.json", "is a settings document, not a function definition", "the input settings"},
		{asFunction, "policy.json", "is an IAM policy, not a function definition", ""},
		{asFunction, "package.json", "is a package.json, not a function definition", ""},
		{asFunction, "compose.yaml", "is a Compose file, not a function definition", ""},
		{asFunction, "answer.json", "is the answer of `aws lambda get-function`, not a function definition", "below Configuration"},
		{asAlias, "function.yaml", "is a function definition, not an alias definition", "the input function-definition"},
		{asAlias, "service.yaml", "is a Harness Service, not an alias definition", "the input service"},
	} {
		opts := Options{Files: Files{Workspace: workspace}, Artifact: "s3://bucket/key", Serialised: true}
		switch tc.input {
		case asService:
			opts.Services = []string{tc.file}
		case asEnvironment:
			opts.Services, opts.Environments = []string{"service.yaml"}, []string{tc.file}
		case asInfrastructure:
			opts.Services, opts.Infrastructures = []string{"service.yaml"}, []string{tc.file}
		case asOverrides:
			opts.Services, opts.Overrides = []string{"service.yaml"}, []string{tc.file}
		case asFunction:
			opts.Definitions = []string{tc.file}
		case asAlias:
			opts.Definitions, opts.AliasDefinitions = []string{"function.yaml"}, []string{tc.file}
		}
		_, problems := Load(opts)
		errs := problems.Errors()
		if len(errs) != 1 || errs[0].File != tc.file || !strings.Contains(errs[0].Message, tc.want) || !strings.Contains(errs[0].Hint, tc.hint) {
			t.Errorf("%s: %s: got %v; want %q with the hint %q", tc.input, tc.file, errs, tc.want, tc.hint)
		}
	}
	right := Options{
		Files: Files{Workspace: workspace}, Artifact: "s3://bucket/key", Serialised: true,
		Services: []string{"service.yaml", "pipeline.yaml", "inputs.yaml"}, Environments: []string{"environment.yaml"}, Infrastructures: []string{"infrastructure.yaml"},
		Overrides: []string{"overrides.yaml"}, AliasDefinitions: []string{"alias.yaml"},
	}
	if _, problems := Load(right); problems.Err() != nil {
		t.Errorf("each where it belongs: %v", problems)
	}
}
