package convert

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const inlinePipeline = `pipeline:
  id: shop
  inputs: {version: {type: string, default: "1"}}
  stages:
    - id: one
      service: &orders
        name: orders api
        description: what customers order
        deployment_type: aws_lambda
        artifacts: {primary: {type: s3, spec: {connector: aws, bucket: builds, file_path: "o/${{ inputs.version }}.zip"}}}
        manifests:
          - {type: AwsLambdaFunctionDefinition, spec: {store: {type: git, spec: {connector: hub, paths: [lambda/function.yaml]}}}}
          - {id: live, type: aws-lambda-function-alias-definition, spec: {store: {type: inline, spec: {content: "name: live"}}}}
        variables: {tier: 5, "url": "https://${{ environment.name }}/${{ 'inputs.a' }}", token: "${{ secrets.tok }}", none: ""}
        config_files: [{id: a}]
      environment: {id: e, deploy-to: i}
      steps: [{template: {uses: awsLambdaRollingDeployStep}}, {run: "echo ${{ service.variables.tier }}"}]
    - {id: same, service: *orders, environment: {id: e, deploy-to: i}, steps: [{template: {uses: awsLambdaRollingDeployStep}}]}
    - id: other
      service: {name: orders api, artifacts: {primary: {sources: [{id: a, type: ecr, spec: {image: x, tag: 1}}, {id: b, type: Ecr, spec: {image_path: y, tag: "2", colour: red}}], ref: b}}}
      environment: {id: e, deploy-to: i}
      steps: [{template: {uses: awsLambdaRollingDeployStep}}]
    - {id: pods, service: {name: pods, deployment_type: kubernetes, manifests: [{type: k8s}]}, steps: [{template: {uses: k8sRollingDeployStep}}]}
`

// A service that a pipeline of Harness 3.0 holds itself becomes a file of its own.
func TestAServiceInsideAPipelineBecomesAFile(t *testing.T) {
	t.Parallel()
	result, problems := Convert(File{"ci/pipeline.yaml", []byte(inlinePipeline)}, nil)
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range result.Files {
		names = append(names, f.Name)
	}
	if diff := cmp.Diff([]string{".github/workflows/pipeline.yml", ".harness/orders_api.yaml", ".harness/orders_api_2.yaml"}, names); diff != "" {
		t.Fatal(diff)
	}
	if diff := cmp.Diff(`# The service of pipeline.yaml, which holds it itself.
service:
  name: orders api
  identifier: orders_api
  description: what customers order
  serviceDefinition:
    type: AwsLambda
    spec:
      artifacts:
        primary:
          primaryArtifactRef: source1
          sources:
            - identifier: source1
              type: AmazonS3
              spec:
                connectorRef: aws
                bucketName: builds
                filePath: o/<+pipeline.variables.version>.zip
      manifests:
        - manifest:
            identifier: manifest1
            type: AwsLambdaFunctionDefinition
            spec:
              store:
                type: Git
                spec:
                  connectorRef: hub
                  paths:
                    - lambda/function.yaml
        - manifest:
            identifier: live
            type: AwsLambdaFunctionAliasDefinition
            spec:
              store:
                type: Inline
                spec:
                  content: 'name: live'
      variables:
        - name: tier
          type: String
          value: "5"
        - name: url
          type: String
          value: https://<+env.name>/<+'inputs.a'>
        - name: token
          type: String
          value: <+secrets.getValue("tok")>
        - name: none
          type: String
          value: ""
`, string(result.Files[1].Content)); diff != "" {
		t.Error(diff)
	}
	workflow, second := string(result.Files[0].Content), string(result.Files[2].Content)
	for text, count := range map[string]int{
		"service: .harness/orders_api.yaml\n": 2, "service: .harness/orders_api_2.yaml\n": 1, "version=${{ inputs.version }}": 3,
		"tok=${{ secrets.TOK }}": 3, "TIER: \"5\"": 1, "configuration files have no equivalent here": 1,
		"the stage pods deploys kubernetes": 1, "the key colour of an artifact source's spec has no equivalent": 1,
	} {
		if got := strings.Count(workflow, text); got != count {
			t.Errorf("%q is there %d times, want %d", text, got, count)
		}
	}
	for _, text := range []string{"primaryArtifactRef: b", "- identifier: a", "- identifier: b", "tag: 1\n", "imagePath: y\n"} {
		if !strings.Contains(second, text) {
			t.Errorf("no %q in\n%s", text, second)
		}
	}
	if t.Failed() {
		t.Log(workflow)
	}
}
