package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
	"github.com/lambda-rollout/lambda-rollout/internal/policy"
)

// stoppedInFirstStage takes a deployment back to the moment at which its first stage
// had begun: the rest of its journal, and what it did to the alias then, never happened.
func (b *bench) stoppedInFirstStage() {
	b.t.Helper()
	found, err := filepath.Glob(filepath.Join(b.dir, ".lambda-rollout", "*.jsonl"))
	b.check(err)
	var path string
	var lines []string
	end := -1
	for _, path = range found {
		content, err := os.ReadFile(path)
		b.check(err)
		lines = strings.SplitAfter(string(content), "\n")
		if end = slices.IndexFunc(lines, func(line string) bool { return strings.Contains(line, `"stage":2`) }); end >= 0 {
			break
		}
	}
	if end < 0 {
		b.t.Fatalf("no second stage in %v", found)
	}
	b.check(os.WriteFile(path, []byte(strings.Join(lines[:end], "")), 0o600))
	_, err = lambda.NewFromConfig(b.config()).UpdateAlias(b.t.Context(), &lambda.UpdateAliasInput{
		FunctionName: aws.String("hello"), Name: aws.String("live"), FunctionVersion: aws.String("1"),
		RoutingConfig: &types.AliasRoutingConfiguration{AdditionalVersionWeights: map[string]float64{"2": 0.1}},
	})
	b.check(err)
}

// What a deployment may do suffices to go on with its shift, and to roll that back.
func TestThePrintedPolicyIsEnoughToResume(t *testing.T) {
	t.Parallel()
	b := newBench(t, awslocal.Options{PolicyEvaluation: true})
	deployLive(b, minimal)
	b.object("app.zip", "2")
	b.write("function.yaml", minimal+"tags: {team: b}\n")
	inputs := []string{"--function-definition", "function.yaml", "--artifact", "s3://code/app.zip", "--alias", "live", "--traffic", "10%/20ms, 50%/20ms"}
	var set policy.Set
	if err := json.Unmarshal([]byte(b.must(append([]string{"policy"}, inputs...)...)), &set); err != nil {
		t.Fatal(err)
	}
	b.role(set.Permissions)
	as := []string{"--role-to-assume", deployer}
	b.must(slices.Concat([]string{"deploy"}, inputs, as)...)
	b.stoppedInFirstStage()
	document := b.must(slices.Concat([]string{"shift", "--resume", "--output", "json"}, as)...)
	if !json.Valid([]byte(document)) || !strings.Contains(document, `"previousVersion"`) {
		t.Errorf("the output is no document of a shift: %s", document)
	}
	b.must(slices.Concat([]string{"rollback"}, as)...)
}
