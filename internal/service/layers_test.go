package service

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

// layerFiles are where each layer's variables and manifests stand; %s is their
// YAML, indented by four.
var layerFiles = map[layer]struct{ input, text string }{
	layerEnvironment:           {"overrides", "overrides:\n  type: ENV_GLOBAL_OVERRIDE\n  environmentRef: e\n  spec:\n%s"},
	layerEnvironmentService:    {"overrides", "serviceOverrides:\n  environmentRef: e\n  serviceRef: s\n  spec:\n%s"},
	layerInfrastructure:        {"overrides", "overrides:\n  environmentRef: e\n  infraIdentifier: i\n  spec:\n%s"},
	layerInfrastructureService: {"overrides", "overrides:\n  type: INFRA_SERVICE_OVERRIDE\n  environmentRef: e\n  infraIdentifier: i\n  serviceRef: s\n  spec:\n%s"},
}

const (
	layersDefinition  = `{"functionName": "f", "role": "arn:aws:iam::123456789012:role/r", "runtime": "nodejs22.x", "handler": "a.b", "description": "<+serviceVariables.v>"}`
	layersEnvironment = "environment:\n  identifier: e\n  name: e\n  type: Production\n"
	layersInfra       = "infrastructureDefinition:\n  identifier: i\n  name: i\n  type: AwsLambda\n  spec:\n    region: eu-west-1\n  allowSimultaneousDeployments: true\n"
)

func layersService(content string) string {
	return "service:\n  identifier: s\n  serviceDefinition:\n    type: AwsLambda\n    spec:\n" + strings.ReplaceAll(content, "    ", "      ")
}

// layersWorkspace sets variable v and the description of the alias a at each of
// the layers.
func layersWorkspace(layers ...layer) Options {
	content := func(l layer) string {
		alias := fmt.Sprintf(`'{"name": "a", "description": "%s"}'`, l)
		return "    variables:\n    - name: v\n      type: String\n      value: " + l.String() + "\n    manifests:\n" +
			"    - manifest:\n        identifier: a\n        type: AwsLambdaFunctionAliasDefinition\n        spec: {store: {type: Inline, spec: {content: " + alias + "}}}\n" +
			map[bool]string{true: "    - manifest:\n        identifier: f\n        type: AwsLambdaFunctionDefinition\n        spec: {store: {type: Github, spec: {paths: [f.json]}}}\n"}[l == layerService]
	}
	files := fstest.MapFS{
		"f.json":   {Data: []byte(layersDefinition)},
		"env.yaml": {Data: []byte(layersEnvironment)},
		"i.yaml":   {Data: []byte(layersInfra)},
	}
	opts := Options{
		Files: Files{Workspace: files}, Serialised: true, Artifact: "x.zip",
		Services: []string{"s.yaml"}, Environments: []string{"env.yaml"}, Infrastructures: []string{"i.yaml"},
	}
	files["s.yaml"] = &fstest.MapFile{Data: []byte(layersService(content(layerService)))}
	for _, l := range layers {
		switch l {
		case layerService:
		case layerInput:
			opts.Variables = map[string]string{"v": l.String()}
		default:
			name := fmt.Sprintf("o%d.yaml", l)
			files[name] = &fstest.MapFile{Data: fmt.Appendf(nil, layerFiles[l].text, content(l))}
			opts.Overrides = append(opts.Overrides, name)
		}
	}
	return opts
}

func TestEachLayerOverridesEachLowerOne(t *testing.T) {
	t.Parallel()
	for low := layerService; low < layerInput; low++ {
		for high := low + 1; high <= layerInput; high++ {
			// The order of the files must not matter.
			for _, order := range [][]layer{{low, high}, {high, low}} {
				set, problems := Load(layersWorkspace(order...))
				if len(set.Targets) != 1 {
					t.Fatalf("%s under %s: %v", low, high, problems.Error())
				}
				got := set.Targets[0]
				if want := high.String(); *got.Function.Description != want || got.Variables[0].Layer != want {
					t.Errorf("%s under %s: the variable came from %s (%s)", low, high, *got.Function.Description, got.Variables[0].Layer)
				}
				manifests := high
				if high == layerInput {
					manifests = low // the input variables has no manifests
				}
				if got.Aliases[0].Description == nil || *got.Aliases[0].Description != manifests.String() {
					t.Errorf("%s under %s: the manifest came from %v", low, high, got.Aliases[0].Description)
				}
			}
		}
	}
}

func TestEnvironmentVariablesAreALayerOfTheirOwnFile(t *testing.T) {
	t.Parallel()
	opts := layersWorkspace(layerService)
	workspace := opts.Files.Workspace.(fstest.MapFS)
	workspace["env.yaml"] = &fstest.MapFile{Data: []byte(layersEnvironment + "  variables:\n    - name: v\n      type: String\n      value: of the environment\n    - name: new\n      type: String\n      value: n\n")}
	set, problems := Load(opts)
	if len(set.Targets) != 1 {
		t.Fatal(problems.Error())
	}
	want := []Variable{{Name: "v", Value: "of the environment", Layer: "environment"}, {Name: "new", Value: "n", Layer: "environment"}}
	if diff := cmp.Diff(want, set.Targets[0].Variables); diff != "" {
		t.Error(diff)
	}
}

// TestEveryPathOfTheLanguageResolves evaluates each path that Harness documents
// against real documents.
func TestEveryPathOfTheLanguageResolves(t *testing.T) {
	t.Parallel()
	paths := map[string]string{
		"serviceVariables.x":                "1",
		"serviceVariableOverrides.x":        "1",
		"service.name":                      "Service",
		"service.identifier":                "svc",
		"service.type":                      "AwsLambda",
		"service.description":               "a service",
		"service.tags.k":                    "v",
		"org.identifier":                    "o",
		"project.identifier":                "p",
		"env.name":                          "Env",
		"env.identifier":                    "env",
		"env.type":                          "Production",
		"env.description":                   "an environment",
		"env.variables.x":                   "1",
		"infra.name":                        "Infra",
		"infra.infraIdentifier":             "infra",
		"infra.connectorRef":                "aws",
		"infra.region":                      "eu-west-1",
		"infra.tags.k":                      "v",
		"artifact.image":                    "123456789012.dkr.ecr.eu-west-1.amazonaws.com/app@sha256:0f",
		"artifact.tag":                      "1.0",
		"artifacts.primary.image":           "123456789012.dkr.ecr.eu-west-1.amazonaws.com/app@sha256:0f",
		"artifacts.primary.imagePath":       "app",
		"artifacts.primary.tag":             "1.0",
		"artifacts.primary.path":            "b/app.zip",
		"artifacts.primary.filePath":        "b/app.zip",
		"artifacts.primary.bucketName":      "code",
		"artifacts.primary.region":          "eu-west-1",
		"artifacts.primary.type":            "Ecr",
		"artifacts.primary.identifier":      "a",
		"artifacts.primary.metadata.SHA":    "sha256:0f",
		"pipeline.name":                     "P",
		"pipeline.identifier":               "p",
		"pipeline.sequenceId":               "7",
		"pipeline.executionId":              "8",
		"pipeline.executionUrl":             "https://ci/8",
		"pipeline.variables.given":          "yes",
		"stage.name":                        "S",
		"stage.variables.given":             "yes",
		"variable.given":                    "yes",
		"variable.account.given":            "yes",
		`serviceVariables.get("given")`:     "yes",
		`env.variables["x"]`:                "1",
		`secrets.getValue("id")`:            "shhh",
		`serviceVariables.containsKey("x")`: "true",
	}
	var definitionText strings.Builder
	definitionText.WriteString("functionName: f\nrole: arn:aws:iam::123456789012:role/r\nenvironment:\n  variables:\n")
	names := map[string]string{}
	i := 0
	for path := range paths {
		name := fmt.Sprintf("V%d", i)
		names[name] = path
		fmt.Fprintf(&definitionText, "    %s: <+%s>\n", name, path)
		i++
	}
	files := fstest.MapFS{
		"f.yaml": {Data: []byte(definitionText.String())},
		"s.yaml": {Data: []byte(`service:
  name: Service
  identifier: svc
  description: a service
  orgIdentifier: o
  projectIdentifier: p
  tags: {k: v}
  serviceDefinition:
    type: AwsLambda
    spec:
      manifests: [{manifest: {identifier: f, type: AwsLambdaFunctionDefinition, spec: {store: {type: Git, spec: {paths: [f.yaml]}}}}}]
      artifacts: {primary: {sources: [{identifier: a, type: Ecr, spec: {connectorRef: aws, registryId: "123456789012", region: eu-west-1, imagePath: app,
        tag: "1.0", digest: "sha256:0f", bucketName: code, filePath: b/app.zip}}]}}
`)},
		"e.yaml": {Data: []byte("environment:\n  name: Env\n  identifier: env\n  description: an environment\n  type: Production\n  variables: [{name: x, type: Number, value: 1}]\n")},
		"i.yaml": {Data: []byte("infrastructureDefinition:\n  name: Infra\n  identifier: infra\n  tags: {k: v}\n  type: AwsLambda\n  spec: {connectorRef: aws, region: eu-west-1}\n  allowSimultaneousDeployments: true\n")},
	}
	set, problems := Load(Options{
		Files: Files{Workspace: files}, Services: []string{"s.yaml"}, Environments: []string{"e.yaml"}, Infrastructures: []string{"i.yaml"},
		Variables: map[string]string{"given": "yes"}, Secrets: map[string]string{"id": "shhh"},
		Host: map[string]string{
			"pipeline.name": "P", "pipeline.identifier": "p", "pipeline.sequenceId": "7", "pipeline.executionId": "8",
			"pipeline.executionUrl": "https://ci/8", "stage.name": "S",
		},
	})
	if len(set.Targets) != 1 {
		t.Fatal(problems.Error())
	}
	for name, path := range names {
		if got := set.Targets[0].Function.Environment.Variables[name]; got != paths[path] {
			t.Errorf("<+%s> is %q, want %q", path, got, paths[path])
		}
	}
}

func TestWhatTheHostKnowsIsNeverEvaluated(t *testing.T) {
	t.Parallel()
	opts := layersWorkspace(layerService)
	opts.Variables = map[string]string{"v": "<+pipeline.name>"}
	opts.Host = map[string]string{"pipeline.name": `<+secrets.getValue("id")>`}
	opts.Secrets = map[string]string{"id": "shhh"}
	set, _ := Load(opts)
	if got := *set.Targets[0].Function.Description; got != `<+secrets.getValue("id")>` {
		t.Errorf("a branch name was evaluated: %q", got)
	}
}

func TestSecretsAreKnownEvenWhenTheInputIsWrong(t *testing.T) {
	t.Parallel()
	opts := layersWorkspace(layerService)
	workspace := opts.Files.Workspace.(fstest.MapFS)
	workspace["env.yaml"] = &fstest.MapFile{Data: []byte(layersEnvironment + `  variables:
    - {name: password, type: Secret, value: db}
    - {name: typed, type: Secret, value: db}
    - {name: upper, type: String, value: <+serviceVariables.password.toUpperCase()>}
    - {name: missing, type: Secret, value: nowhere}
`)}
	opts.Secrets = map[string]string{"db": "hunter22", "unused": "also-secret"}
	opts.Variables = map[string]string{"typed": "given-value", "v": "<+serviceVariables.missing>"}
	set, problems := Load(opts)
	if !strings.Contains(problems.Error(), `the Secret variable missing is not the id of a secret`) {
		t.Errorf("problems: %v", problems.Error())
	}
	want := []string{"also-secret", "given-value", "HUNTER22", "hunter22"}
	if diff := cmp.Diff(want, set.Secrets); diff != "" {
		t.Error(diff)
	}
}

func TestWorkspaceCannotBeLeftBySymlink(t *testing.T) {
	t.Parallel()
	outside := t.TempDir()
	workspace := t.TempDir()
	if err := os.WriteFile(filepath.Join(outside, "f.json"), []byte(layersDefinition), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(workspace, "link")); err != nil {
		t.Fatal(err)
	}
	files, closeFiles, err := OpenFiles(t.Context(), workspace)
	if err != nil {
		t.Fatal(err)
	}
	defer closeFiles()
	load := func(name string) error {
		_, problems := Load(Options{Files: files, Definitions: []string{name}, Artifact: "x.zip", Variables: map[string]string{"v": "x"}})
		return problems.Err()
	}
	if err := load("link/f.json"); err == nil || !strings.Contains(err.Error(), "link/f.json: leads out of the workspace through a symbolic link") {
		t.Errorf("through a symlink: %v", err)
	}
	if err := load(filepath.Join(outside, "f.json")); err != nil {
		t.Errorf("an absolute path is the user's own word: %v", err)
	}
	if err := load(filepath.Join(outside, "*.json")); err != nil {
		t.Errorf("an absolute glob: %v", err)
	}
}
