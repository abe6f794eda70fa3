package service

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
)

// manyServices is a workspace of n services with 50 variables each, half of
// them expressions, all of them used in the definition.
func manyServices(n int) Options {
	files := fstest.MapFS{
		"env.yaml":   {Data: []byte(layersEnvironment + "  variables:\n    - {name: zone, type: String, value: eu}\n")},
		"infra.yaml": {Data: []byte(layersInfra)},
	}
	for i := range n {
		var service, function strings.Builder
		fmt.Fprintf(&service, `service:
  name: service %d
  identifier: service_%d
  serviceDefinition:
    type: AwsLambda
    spec:
      manifests:
        - manifest:
            identifier: fn
            type: AwsLambdaFunctionDefinition
            spec: {store: {type: Github, spec: {connectorRef: gh, gitFetchType: Branch, branch: main, paths: [fn/%d.json]}}}
      artifacts:
        primary:
          primaryArtifactRef: <+input>
          sources:
            - {identifier: zip, type: AmazonS3, spec: {connectorRef: aws, bucketName: code, region: eu-west-1, filePath: builds/<+serviceVariables.v0>.zip}}
      variables:
`, i, i, i)
		fmt.Fprintf(&function, `{"functionName": "f-%d", "role": "arn:aws:iam::123456789012:role/r", "runtime": "nodejs22.x", "handler": "a.b", "memorySize": <+serviceVariables.v0 == "x" ? 128 : 256>, "environment": {"variables": {`, i)
		for v := range 50 {
			value := fmt.Sprintf("value %d", v)
			if v%2 == 1 {
				value = fmt.Sprintf(`<+<+serviceVariables.v%d>.concat("-<+env.identifier>")>`, v-1)
			}
			fmt.Fprintf(&service, "        - name: v%d\n          type: String\n          value: %s\n", v, value)
			fmt.Fprintf(&function, `"V%d": "<+serviceVariables.v%d>/<+serviceVariables.zone>",`, v, v)
		}
		files[fmt.Sprintf("services/%d.yaml", i)] = &fstest.MapFile{Data: []byte(service.String())}
		files[fmt.Sprintf("fn/%d.json", i)] = &fstest.MapFile{Data: []byte(strings.TrimSuffix(function.String(), ",") + "}}}")}
	}
	return Options{
		Files: Files{Workspace: files}, Serialised: true,
		Services: []string{"services/*.yaml"}, Environments: []string{"env.yaml"}, Infrastructures: []string{"infra.yaml"},
	}
}

// BenchmarkThousandServices renders and checks 1,000 services of 50 variables:
// under a second an operation on two cores.
func BenchmarkThousandServices(b *testing.B) {
	opts := manyServices(1000)
	b.ReportAllocs()
	for b.Loop() {
		set, problems := Load(opts)
		if len(set.Targets) != 1000 {
			b.Fatal(problems.Errors()[0])
		}
	}
}
