package policy

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/plan"
	"github.com/lambda-rollout/lambda-rollout/internal/traffic"
)

// handedOver are the needs of an alias that CodeDeploy moves, one a line.
func handedOver(needs func(Target) []Need) []string {
	group := traffic.Group{Application: "app", Name: "{function}-{alias}"}
	var lines []string
	for _, n := range needs(Target{
		Account: "123456789012", Partition: "aws", Region: "eu-west-1", Before: plan.Observation{Latest: &definition.Observed{}},
		Wanted: plan.Wanted{Function: definition.Function{FunctionName: "f"}, Aliases: []definition.Alias{{Name: "live"}}, CodeDeploy: &group},
		Plan:   plan.Plan{Steps: []plan.Step{plan.CreateDeployment{Alias: "live", From: "1", Group: group.For("f", "live")}}},
	}) {
		if strings.HasPrefix(n.Action, "codedeploy:") || n.Action == "lambda:UpdateAlias" {
			lines = append(lines, strings.ReplaceAll(n.Action+" "+n.Resources[0], "arn:aws:codedeploy:eu-west-1:123456789012:", ""))
		}
	}
	slices.Sort(lines)
	return lines
}

func TestCodeDeployNeedsItsGroupAndNoMore(t *testing.T) {
	t.Parallel()
	reads := []string{"codedeploy:GetDeploymentConfig deploymentconfig:*", "codedeploy:GetDeploymentGroup deploymentgroup:app/f-live"}
	want := append([]string{
		"codedeploy:CreateDeployment deploymentgroup:app/f-live", "codedeploy:GetDeployment deploymentgroup:app/f-live",
		"codedeploy:ListDeployments deploymentgroup:app/f-live", "codedeploy:RegisterApplicationRevision application:app",
		"codedeploy:StopDeployment *", "lambda:UpdateAlias arn:aws:lambda:eu-west-1:123456789012:function:f",
	}, reads...)
	slices.Sort(want)
	if diff := cmp.Diff(want, handedOver(Needs)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(want, slices.Compact(handedOver(ServiceNeeds))); diff != "" {
		t.Errorf("every deployment: %s", diff)
	}
	if diff := cmp.Diff(reads, handedOver(PlanNeeds)); diff != "" {
		t.Errorf("a plan: %s", diff)
	}
}
