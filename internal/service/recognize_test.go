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
		"azure.json":    `{"scriptFile": "a.py", "bindings": [{"type": "httpTrigger"}]}`,
		"apex.json":     `{"runtime": "python3.6", "hooks": {"build": "make"}, "environment": {"A": "b"}}`,
		"project.json":  `{"name": "shop", "memory": 128, "role": "arn:aws:iam::123456789012:role/f"}`,
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
		{asFunction, "azure.json", "is a function.json of Azure Functions, not a function definition", "AWS Lambda"},
		{asFunction, "apex.json", "is a file of Apex, not a function definition", "lambda-rollout init"},
		{asFunction, "project.json", "is a file of Apex, not a function definition", "lambda-rollout init"},
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
		{asFunction, "template.yaml", "is a CloudFormation or SAM template, not a function definition", "lambda-rollout init"},
		{asFunction, "sam.yaml", "is a CloudFormation or SAM template, not a function definition", "lambda-rollout init"},
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

// Every kind of file that is given to an input of another kind is named, with what to do
// about it: all pairs.
func TestEveryKindOfFileIsNamedByEveryOtherInput(t *testing.T) {
	t.Parallel()
	files := map[string]struct{ content, what, belongs string }{
		"pipeline.yaml":       {"pipeline: {identifier: p, name: p, stages: []}\n", "a Harness pipeline", "service"},
		"pipeline1.yaml":      {"pipeline: {id: p, stages: [{steps: [{run: make}]}]}\n", "a Harness pipeline", "service"},
		"service.yaml":        {serviceYAML, "a Harness Service", "service"},
		"environment.yaml":    {environmentYAML, "a Harness Environment", "environment"},
		"infrastructure.yaml": {infrastructureYAML, "a Harness Infrastructure", "infrastructure"},
		"overrides.yaml":      {"serviceOverrides: {environmentRef: e, serviceRef: s, variables: []}\n", "Harness overrides", "overrides"},
		"inputs.yaml":         {"inputSet: {identifier: x}\n", "a Harness input set", "service"},
		"function.yaml":       {functionYAML, "a function definition", "function-definition"},
		"function.json":       {`{"FunctionName": "f", "Role": "arn:aws:iam::123456789012:role/f", "Runtime": "nodejs24.x", "Handler": "a.b"}`, "a function definition", "function-definition"},
		"alias.yaml":          {aliasYAML, "an alias definition", "alias-definition"},
		"settings.yaml":       {"functionUrl: {authType: NONE}\n", "a settings document", "settings"},
		"function_url.json":   {`{"Config": {"AuthType": "NONE"}}`, "a settings document", "settings"},
		"option.json":         {`{"region": "eu-west-1", "tfstate": "s3://b/k"}`, "lambroll's option file", ""},
		"workflow.yml":        {"on: push\njobs: {a: {runs-on: x, steps: []}}\n", "a GitHub workflow", ""},
		"action.yml":          {"inputs: {}\nruns: {using: docker}\n", "the metadata of a GitHub action", ""},
		"drone.yml":           {"kind: pipeline\nsteps: [{name: a, image: b}]\n", "a CI pipeline", ""},
		"template.yaml":       {"AWSTemplateFormatVersion: '2010-09-09'\nResources: {F: {Type: AWS::Lambda::Function}}\n", "a CloudFormation or SAM template", ""},
		"sam.yaml":            {"Transform: AWS::Serverless-2016-10-31\nResources: {}\n", "a CloudFormation or SAM template", ""},
		"serverless.yml":      {"service: shop\nprovider: {name: aws}\nfunctions: {}\n", "a file of the Serverless Framework", ""},
		"terraform.tfstate":   {`{"version": 4, "terraform_version": "1.9.0", "serial": 1, "lineage": "x", "resources": []}`, "Terraform's state", ""},
		"main.tf":             {"resource \"aws_lambda_function\" \"f\" {\n  runtime = \"x\"\n}\n", "HCL, Terraform's language", ""},
		"policy.json":         {`{"Version": "2012-10-17", "Statement": []}`, "an IAM policy", ""},
		"package.json":        {`{"name": "f", "scripts": {}}`, "a package.json", ""},
		"compose.yaml":        {"services: {a: {image: x}}\n", "a Compose file", ""},
		"deployment.yaml":     {"apiVersion: v1\nkind: Pod\n", "a Kubernetes manifest", ""},
		"answer.json":         {`{"Configuration": {"FunctionName": "f"}, "Code": {}}`, "the answer of `aws lambda get-function`", ""},
		"code.zip":            {"PK\x03\x04\x14\x00", "a zip file", ""},
	}
	workspace := fstest.MapFS{}
	for name, f := range files {
		workspace[name] = &fstest.MapFile{Data: []byte(f.content)}
	}
	takes := map[string]func(*Options, string){
		"service":             func(o *Options, name string) { o.Definitions, o.Services = nil, []string{name} },
		"environment":         func(o *Options, name string) { o.Environments = []string{name} },
		"infrastructure":      func(o *Options, name string) { o.Infrastructures = []string{name} },
		"overrides":           func(o *Options, name string) { o.Overrides = []string{name} },
		"function-definition": func(o *Options, name string) { o.Services, o.Definitions = nil, []string{name} },
		"alias-definition":    func(o *Options, name string) { o.AliasDefinitions = []string{name} },
		"settings":            func(o *Options, name string) { o.Settings = []string{name} },
	}
	for input, take := range takes {
		for name, f := range files {
			if f.belongs == input && f.what != "a Harness pipeline" && f.what != "a Harness input set" {
				continue
			}
			opts := Options{Files: Files{Workspace: workspace}, Artifact: "s3://bucket/key", Serialised: true, Services: []string{"service.yaml"}}
			take(&opts, name)
			_, problems := Load(opts)
			errs := problems.Errors()
			if len(errs) != 1 || errs[0].File != name || !strings.Contains(errs[0].Message, f.what) || errs[0].Hint == "" || strings.ContainsAny(errs[0].Hint+errs[0].Message, "\n") {
				t.Errorf("%s: %s: got %d: %v; want one that names %s", input, name, len(errs), errs, f.what)
			}
			if f.belongs != "" && f.belongs != "service" && len(errs) == 1 && !strings.Contains(errs[0].Hint, "the input "+f.belongs) {
				t.Errorf("%s: %s: the hint names no input %s: %s", input, name, f.belongs, errs[0].Hint)
			}
		}
	}
}

// A document is no code, and a file's name is no alias.
func TestADocumentIsNoCodeAndAFileIsNoAlias(t *testing.T) {
	t.Parallel()
	workspace := fstest.MapFS{}
	for name, content := range map[string]string{"function.yaml": functionYAML, "service.yaml": serviceYAML, "notes.json": "[1]", "package.json": `{"name": "f", "scripts": {}}`} {
		workspace[name] = &fstest.MapFile{Data: []byte(content)}
	}
	for _, tc := range []struct{ artifact, alias, file, want, hint string }{
		{"service.yaml", "live", "service.yaml", "is a Harness Service, not code", "the input service"},
		{"function.yaml", "live", "function.yaml", "is a function definition, not code", "the input function-definition"},
		{"package.json", "live", "package.json", "is a package.json, not code", "the input artifact"},
		{"notes.json", "live", "notes.json", "is a document, not code", ""},
		{"s3://bucket/key.json", "live", "", "", ""},
		{"s3://bucket/key", "alias.yaml", "input alias", "alias.yaml is the name of a file", "the input alias-definition"},
	} {
		_, problems := Load(Options{Files: Files{Workspace: workspace}, Definitions: []string{"function.yaml"}, Artifact: tc.artifact, Aliases: []string{tc.alias}, Serialised: true})
		errs := problems.Errors()
		if tc.want == "" && len(errs) > 0 || tc.want != "" && (len(errs) != 1 || errs[0].File != tc.file || !strings.Contains(errs[0].Message, tc.want) || !strings.Contains(errs[0].Hint, tc.hint)) {
			t.Errorf("%+v: %v", tc, errs)
		}
	}
}
