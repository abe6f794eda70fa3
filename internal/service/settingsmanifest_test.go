package service

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
)

// A settings document is a manifest of a type of its own in a Harness Service, with
// variables and positions like every other, and the input settings replaces it.
func TestSettingsAreAManifestOfAService(t *testing.T) {
	t.Parallel()
	const document = `'{"reservedConcurrency": <+serviceVariables.n>, "functionUrl": {"qualifier": "live", "authType": "NONE"}}'`
	of := func(document string) Options {
		return Options{
			Files: Files{Workspace: fstest.MapFS{
				"f.json": {Data: []byte(`{"functionName": "f", "role": "arn:aws:iam::123456789012:role/r", "runtime": "nodejs22.x", "handler": "a.b"}`)},
				"i.yaml": {Data: []byte(layersInfra)}, "env.yaml": {Data: []byte(layersEnvironment)},
				"own.yaml": {Data: []byte("recursiveLoop: Allow\n")},
				"s.yaml": {Data: []byte(layersService("    variables:\n    - name: n\n      type: Number\n      value: 7\n    manifests:\n" +
					"    - manifest:\n        identifier: f\n        type: AwsLambdaFunctionDefinition\n        spec: {store: {type: Github, spec: {paths: [f.json]}}}\n" +
					"    - manifest:\n        identifier: s\n        type: AwsLambdaFunctionSettings\n        spec: {store: {type: Inline, spec: {content: " + document + "}}}\n"))},
			}},
			Serialised: true, Artifact: "x.zip", Services: []string{"s.yaml"}, Environments: []string{"env.yaml"}, Infrastructures: []string{"i.yaml"},
		}
	}
	set, problems := Load(of(document))
	if problems.Err() != nil {
		t.Fatal(problems)
	}
	got := set.Targets[0].Settings
	want := definition.Setting{SettingKey: definition.SettingKey{Kind: definition.ReservedConcurrencySetting}, Value: definition.ReservedConcurrency{Executions: 7}}
	if len(got.Named) != 2 || got.Named[0] != want || !got.Names(definition.FunctionURLSetting) {
		t.Errorf("%+v", got)
	}
	opts := of(document)
	opts.Settings = []string{"own.yaml"}
	set, problems = Load(opts)
	if problems.Err() != nil {
		t.Fatal(problems)
	}
	if got := set.Targets[0].Settings; len(got.Kinds) != 1 || got.Kinds[0] != definition.RecursiveLoopSetting {
		t.Errorf("with the input: %+v", got)
	}
	_, problems = Load(of(`'{"reservedConcurency": 1}'`))
	if err := problems.Err(); err == nil || !strings.Contains(err.Error(), "reservedConcurency") || !strings.Contains(err.Error(), "s.yaml:") {
		t.Errorf("a typo: %v", err)
	}
}
