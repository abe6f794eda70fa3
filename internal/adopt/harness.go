package adopt

import (
	"fmt"
	"strings"

	"github.com/lambda-rollout/lambda-rollout/internal/artifact"
	"github.com/lambda-rollout/lambda-rollout/internal/lazyregexp"
)

// notInIdentifier is what Harness takes in no identifier
// (https://developer.harness.io/docs/platform/references/entity-identifier-reference).
var notInIdentifier = lazyregexp.New(`[^0-9a-zA-Z_$]`)

func identifier(name string) string {
	id := notInIdentifier.ReplaceAllString(name, "_")
	if id[0] >= '0' && id[0] <= '9' || id[0] == '$' {
		id = "_" + id
	}
	return id
}

// service is a Harness Service that names the files.
func (m *maker) service(aliases []string, settings, where string) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "service:\n  name: %s\n  identifier: %s\n  serviceDefinition:\n    type: AwsLambda\n    spec:\n      manifests:\n", yamlText(m.Function), yamlText(identifier(m.Function)))
	manifest := func(id, kind, file string) {
		fmt.Fprintf(&b, `        - manifest:
            identifier: %s
            type: %s
            spec:
              store:
                type: Github
                spec:
                  connectorRef: github
                  gitFetchType: Branch
                  branch: main
                  paths:
                    - %s
`, yamlText(id), kind, yamlText(file))
	}
	manifest("definition", "AwsLambdaFunctionDefinition", m.name("function"+m.extension))
	for i, a := range aliases {
		manifest(fmt.Sprintf("alias_%d", i+1), "AwsLambdaFunctionAliasDefinition", a)
	}
	if settings != "" {
		manifest("settings", "AwsLambdaFunctionSettings", settings)
	}
	b.WriteString("      artifacts:\n        primary:\n          primaryArtifactRef: code\n          sources:\n            - identifier: code\n")
	m.artifactSource(&b, where)
	return []byte(b.String())
}

func (m *maker) artifactSource(b *strings.Builder, where string) {
	ref, err := artifact.ParseRef(where)
	switch {
	case err == nil && ref.Kind == artifact.ECR:
		version := "digest: " + yamlText(ref.Image.Digest)
		if ref.Image.Digest == "" {
			version = "tag: " + yamlText(ref.Image.Tag)
		}
		fmt.Fprintf(b, "              type: Ecr\n              spec:\n                connectorRef: aws\n                region: %s\n                registryId: %s\n                imagePath: %s\n                %s\n",
			ref.Image.Region, yamlText(ref.Image.Account), yamlText(ref.Image.Repository), version)
	case err == nil && ref.Kind == artifact.S3:
		fmt.Fprintf(b, "              type: AmazonS3\n              spec:\n                connectorRef: aws\n                region: %s\n                bucketName: %s\n                filePath: %s\n",
			m.source.Region, yamlText(ref.Bucket), yamlText(ref.Key))
		m.note("a Harness Service names no version of an S3 object: it deploys the newest one")
	default:
		fmt.Fprintf(b, "              type: Local\n              spec:\n                path: %s\n", yamlText(where))
	}
}
