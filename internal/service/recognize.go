package service

import (
	"cmp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/lambda-rollout/lambda-rollout/internal/document"
	"github.com/lambda-rollout/lambda-rollout/internal/yamltext"
)

// fileKind is what a file holds, by the keys at its root.
type fileKind struct {
	// what names it with its article; hint says what to do with it.
	what, hint string
}

// givenBy is the hint for a file that another input takes.
func givenBy(what, input string) fileKind {
	return fileKind{what, "set it with the input " + input}
}

// existing is how to get a definition out of what another tool has deployed.
const existing = "`lambda-rollout init --function NAME` writes the definition of the function as it is in AWS"

var (
	functionKind = givenBy("a function definition", "function-definition")
	aliasKind    = givenBy("an alias definition", "alias-definition")
	settingsKind = givenBy("a settings document", "settings")
)

// recognizers are looked at in their order; the first that fits names the file.
var recognizers = []struct {
	fits func(rootKeys) bool
	kind fileKind
}{
	{func(k rootKeys) bool { return k.isMapping("pipeline") }, fileKind{"a Harness pipeline", "make a workflow of it with `lambda-rollout convert`; what it deploys is in the files of its service, environment and infrastructure"}},
	{func(k rootKeys) bool { return k.isMapping("service") }, givenBy("a Harness Service", "service")},
	{func(k rootKeys) bool { return k.has("infrastructureDefinition") }, givenBy("a Harness Infrastructure", "infrastructure")},
	{func(k rootKeys) bool { return k.has("serviceOverrides") || k.only("overrides") }, givenBy("Harness overrides", "overrides")},
	{func(k rootKeys) bool { return k.has("inputSet") }, fileKind{"a Harness input set", "its values are given with the input inputs"}},
	{func(k rootKeys) bool {
		return k.only("environment") && !k.under("environment", "variables", "Variables") || k.under("environment", "identifier", "orgIdentifier", "projectIdentifier")
	}, givenBy("a Harness Environment", "environment")},
	{func(k rootKeys) bool { return k.has("jobs") && (k.has("on") || k.has("true")) }, fileKind{"a GitHub workflow", "name the files that its steps use; `lambda-rollout convert` converts its steps of aws-lambda-deploy and lambda-action"}},
	{func(k rootKeys) bool { return k.has("runs") && k.has("inputs", "outputs", "description", "branding") }, fileKind{"the metadata of a GitHub action", "name the files that its steps use"}},
	{func(k rootKeys) bool {
		return k.has("AWSTemplateFormatVersion", "Transform") || k.isMapping("Resources")
	}, fileKind{"a CloudFormation or SAM template", existing}},
	{func(k rootKeys) bool {
		return k.has("terraform_version") && k.has("serial", "lineage", "resources", "values")
	}, fileKind{"Terraform's state", "its values are named one by one: variables-from: NAME=tfstate:FILE#ADDRESS; lambroll's templates take it with the input tfstate"}},
	// https://learn.microsoft.com/azure/azure-functions/functions-reference, https://apex.run/#function-configuration-file:
	// their files have the name of lambroll's.
	{func(k rootKeys) bool { return k.has("bindings") && !k.has("functionName", "FunctionName") }, fileKind{"a function.json of Azure Functions", "this program deploys AWS Lambda"}},
	{func(k rootKeys) bool {
		return k.has("runtime", "handler", "role", "environment", "memory") && k.has("hooks", "memory", "nameTemplate") && !k.has("functionName", "FunctionName", "memorySize")
	}, fileKind{"a file of Apex", existing}},
	{func(k rootKeys) bool { return k.has("provider", "functions") && k.has("service") }, fileKind{"a file of the Serverless Framework", existing}},
	{func(k rootKeys) bool { return k.has("Configuration") && k.under("Configuration", "FunctionName") }, fileKind{"the answer of `aws lambda get-function`", "keep what is below Configuration"}},
	{func(k rootKeys) bool {
		return k.has("AuthType", "authType") || k.has("Config") && k.under("Config", "AuthType")
	}, settingsKind},
	{func(k rootKeys) bool { return k.has(settingsKeys...) && !k.has("functionName", "FunctionName") }, settingsKind},
	{func(k rootKeys) bool { return k.has("Statement") && k.has("Version") }, fileKind{"an IAM policy", "it belongs to a role; `lambda-rollout policy` prints the one that a deployment needs"}},
	{func(k rootKeys) bool {
		return k.has("tfstate", "prefixed_tfstate", "envfile", "ext_str", "ext_code", "log_level") && !k.has("functionName", "FunctionName")
	}, fileKind{"lambroll's option file", "`lambda-rollout convert FOLDER FILE` writes what it says as inputs"}},
	{func(k rootKeys) bool { return k.has("apiVersion") && k.has("kind") }, fileKind{"a Kubernetes manifest", "name a file with a function's definition"}},
	{func(k rootKeys) bool { return k.has("services") && !k.has("functionName") }, fileKind{"a Compose file", "name a file with a function's definition"}},
	{func(k rootKeys) bool { return k.has("name") && k.has("dependencies", "devDependencies", "scripts") }, fileKind{"a package.json", "the folder of the code is the input artifact"}},
	{func(k rootKeys) bool {
		return k.has("kind") && k.has("steps") || k.has("steps", "stages") && !k.has("functionName")
	}, fileKind{"a CI pipeline", "name the files that its steps use; `lambda-rollout convert` converts its steps of drone-lambda"}},
	{func(k rootKeys) bool { return k.has("functionName", "FunctionName") && k.has(functionKeys...) }, functionKind},
	{func(k rootKeys) bool { return k.has("name", "Name") && k.only(aliasKeys...) }, aliasKind},
}

var (
	settingsKeys = strings.Fields("functionUrl functionUrlConfig permissions reservedConcurrency provisionedConcurrency eventInvokeConfig recursiveLoop runtimeManagement scalingConfig")
	functionKeys = strings.Fields("role Role runtime Runtime handler Handler code Code memorySize MemorySize timeout Timeout environment Environment packageType PackageType architectures Architectures layers Layers")
	aliasKeys    = strings.Fields("name Name description Description functionVersion FunctionVersion routingConfig RoutingConfig aliasArn AliasArn revisionId RevisionId $schema")
)

// Describe says what a file holds and what to do with it, where its shape tells.
func Describe(content []byte) (what, hint string) {
	var doc yaml.Node
	if yaml.Unmarshal(yamltext.OfJSON(content), &doc) != nil || len(doc.Content) == 0 {
		return "", ""
	}
	kind, _ := recognize(doc.Content[0])
	return kind.what, kind.hint
}

// Belonging is the identifier of the environment that a file holds, and of the one that
// the infrastructure in it belongs to; "" where there is none.
func Belonging(content []byte) (environment, of string) {
	var doc struct {
		Environment              struct{ Identifier, Name string }
		InfrastructureDefinition struct {
			EnvironmentRef string `yaml:"environmentRef"`
		} `yaml:"infrastructureDefinition"`
	}
	if yaml.Unmarshal(yamltext.OfJSON(content), &doc) != nil {
		return "", ""
	}
	return cmp.Or(doc.Environment.Identifier, doc.Environment.Name), unscoped(doc.InfrastructureDefinition.EnvironmentRef)
}

// recognize names what a document holds, where its keys tell.
func recognize(root *yaml.Node) (fileKind, bool) {
	root = document.Resolved(root)
	if root.Kind != yaml.MappingNode {
		return fileKind{}, false
	}
	keys := rootKeys{}
	for content := document.Pairs(root); len(content) > 1; content = content[2:] {
		keys[content[0].Value] = document.Resolved(content[1])
	}
	for _, r := range recognizers {
		if r.fits(keys) {
			return r.kind, true
		}
	}
	return fileKind{}, false
}

// rootKeys are the keys of a mapping with their values.
type rootKeys map[string]*yaml.Node

func (k rootKeys) has(names ...string) bool {
	return slices.ContainsFunc(names, func(name string) bool { return k[name] != nil })
}

func (k rootKeys) isMapping(name string) bool {
	return k[name] != nil && k[name].Kind == yaml.MappingNode
}

// only reports whether there is no other key.
func (k rootKeys) only(names ...string) bool {
	for key := range k {
		if !slices.Contains(names, key) {
			return false
		}
	}
	return len(k) > 0
}

// under reports whether a key's value is a mapping with one of the names.
func (k rootKeys) under(key string, names ...string) bool {
	return k.isMapping(key) && hasKey(k[key], names...)
}
