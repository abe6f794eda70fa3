package deploy

import (
	"testing"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
)

// Neither a deployment of code alone nor its rollback writes the environment: one
// that cannot be decrypted stops neither.
func TestCodeIsDeployedBesideAnEnvironmentThatCannotBeRead(t *testing.T) {
	run(t, awslocal.Options{}, func(f *fixture) {
		f.write("function.yaml", definitionOf("shop", "environment: {variables: {NAME: b}}\n"))
		f.mustDeploy()
		f.write("function.yaml", definitionOf("shop", ""))
		f.aws.Hide("shop", "Environment")
		f.deployCode("2")
		if _, err := f.rollback(); err != nil {
			f.Fatal(err)
		}
		if p := f.plan("function.yaml")[0].Before; f.alias("live") != "1" || p.Latest.CodeSha256 != p.Served.CodeSha256 {
			f.Errorf("live is %s", f.alias("live"))
		}
		f.write("function.yaml", definitionOf("shop", "environment: {variables: {NAME: c}}\n"))
		f.wantNoRollback("nvironment")
	})
}
