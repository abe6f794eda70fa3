package cli

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
	"github.com/lambda-rollout/lambda-rollout/internal/policy"
)

// A deployment that leaves traffic to later steps prints what these need, too:
// the shifts and the rollbacks of all of them.
func TestThePrintedPolicyIsEnoughForTheShiftsToCome(t *testing.T) {
	t.Parallel()
	b := newBench(t, awslocal.Options{PolicyEvaluation: true})
	deployLive(b, minimal)
	b.object("app.zip", "2")
	inputs := []string{"--function-definition", "function.yaml", "--artifact", "s3://code/app.zip", "--alias", "live", "--traffic", "0%"}
	var set policy.Set
	if err := json.Unmarshal([]byte(b.must(append([]string{"policy"}, inputs...)...)), &set); err != nil {
		t.Fatal(err)
	}
	b.role(set.Permissions)
	as := []string{"--role-to-assume", deployer}
	b.must(slices.Concat([]string{"deploy"}, inputs, as)...)
	shift := slices.Concat([]string{"shift", "--function", "hello", "--alias", "live"}, as)
	b.must(slices.Concat(shift, []string{"--to-version", "2", "--percentage", "10"})...)
	b.must(slices.Concat(shift, []string{"--traffic", "50%/20ms"})...)
	b.must("rollback")
}
