package rehearse

import (
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/awstest"
	"github.com/lambda-rollout/lambda-rollout/internal/deploy"
	"github.com/lambda-rollout/lambda-rollout/internal/policy"
	"github.com/lambda-rollout/lambda-rollout/internal/traffic"
)

// handingOver runs f with the copy of a deployment whose traffic CodeDeploy shifts, by a
// configuration of the account's own.
func handingOver(t *testing.T, wait bool, f func(t *testing.T, a *awstest.AWS, c *Copy)) {
	t.Helper()
	t.Parallel()
	awstest.Run(t, func(t *testing.T) {
		a := real(t)
		ctx, client := t.Context(), codedeploy.NewFromConfig(a.Config(awstest.Region, awstest.Key))
		must := func(_ any, err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		must(a.Lambda().UpdateAlias(ctx, unshared()))
		must(client.CreateApplication(ctx, &codedeploy.CreateApplicationInput{ApplicationName: aws.String("app"), ComputePlatform: types.ComputePlatformLambda}))
		must(client.CreateDeploymentConfig(ctx, &codedeploy.CreateDeploymentConfigInput{
			DeploymentConfigName: aws.String("slow"), ComputePlatform: types.ComputePlatformLambda,
			TrafficRoutingConfig: &types.TrafficRoutingConfig{Type: types.TrafficRoutingTypeTimeBasedLinear, TimeBasedLinear: &types.TimeBasedLinear{LinearPercentage: 25, LinearInterval: 7}},
		}))
		must(client.CreateDeploymentGroup(ctx, &codedeploy.CreateDeploymentGroupInput{
			ApplicationName: aws.String("app"), DeploymentGroupName: aws.String("shop-live"), ServiceRoleArn: aws.String(awstest.Role), DeploymentConfigName: aws.String("slow"),
			AlarmConfiguration: &types.AlarmConfiguration{Enabled: true, Alarms: []types.Alarm{{Name: aws.String("errors")}}},
		}))
		a.ResetCalls()
		f(t, a, copied(t, a, "shop", func(o *deploy.Options) {
			o.Traffic = nil
			o.HandOver = &deploy.HandOver{Group: traffic.Group{Application: "app", Name: "{function}-{alias}"}, Wait: wait}
		}))
	})
}

// unshared takes the weights from the alias.
func unshared() *lambda.UpdateAliasInput {
	return &lambda.UpdateAliasInput{FunctionName: aws.String("shop"), Name: aws.String("live"), RoutingConfig: &lambdatypes.AliasRoutingConfiguration{}}
}

// A deployment whose traffic CodeDeploy shifts is played with all that CodeDeploy can do,
// in a group that has the real one's schedule and alarms.
func TestADeploymentByCodeDeployIsPlayed(t *testing.T) {
	handingOver(t, true, func(t *testing.T, a *awstest.AWS, c *Copy) {
		p := &player{copy: c, options: options(t)}
		p.options.Needs = []policy.Need{{Action: "codedeploy:CreateDeployment"}, {Action: "codedeploy:GetDeployment"}, {Action: "codedeploy:StopDeployment"}}
		if _, err := p.measure(t.Context()); err != nil {
			t.Fatal(err)
		}
		all := p.handOvers()
		var ofShift []string
		for i, s := range all {
			if strings.HasPrefix(s.name, "shift-1:") {
				ofShift = append(ofShift, s.name)
			} else if !*full && i%53 > 0 {
				continue
			}
			if v, err := p.one(t.Context(), s); err != nil || v.kind != exact {
				t.Errorf("%s: %+v %v", s.id(), v, err)
			}
		}
		if want := []string{"shift-1:alarm:errors", "shift-1:failed", "shift-1:role", "shift-1:signal", "shift-1:stopped"}; !slices.Equal(ofShift, want) {
			t.Errorf("the plays of the shift are %q", ofShift)
		}
		for _, where := range []string{BeforeCall, BeforeAnswer, LateEffect, BeforeWrite, TornWrite, AfterWrite} {
			if !slices.ContainsFunc(all, func(s scenario) bool {
				return strings.HasPrefix(s.name, where+" ") && strings.HasSuffix(s.name, ":in-the-middle")
			}) {
				t.Errorf("no play dies %s and is rolled back in the middle", where)
			}
		}
		for _, d := range p.denials() {
			if !strings.HasPrefix(d.name, "codedeploy:") {
				continue
			}
			v, err := p.one(t.Context(), scenario{groupDenied, d.name, denying(p, d)})
			if err != nil || v.kind != exact && v.kind != documented {
				t.Errorf("%s: %+v %v", d.name, v, err)
			}
		}
		if slices.ContainsFunc(a.Calls(), func(c awslocal.Call) bool { return c.Changed }) {
			t.Error("the rehearsal changed something")
		}
	})
}

// What nobody waits for is rolled back all the same, whenever that is, and once it has
// ended there is nothing to deploy again.
func TestADeploymentThatIsLeftToCodeDeployIsPlayed(t *testing.T) {
	handingOver(t, false, func(t *testing.T, _ *awstest.AWS, c *Copy) {
		r, err := Play(t.Context(), c, options(t))
		if err != nil {
			t.Fatal(err)
		}
		if total := r.Total(); len(r.Wrong) > 0 || total.Played < 5 {
			t.Errorf("%+v\n%+v", total, r.Wrong)
		}
		p := &player{copy: c, options: options(t)}
		if _, err := p.measure(t.Context()); err != nil {
			t.Fatal(err)
		}
		if v, err := p.one(t.Context(), scenario{groupWhole, "again", p.again}); err != nil || v.kind != exact {
			t.Errorf("again: %+v %v", v, err)
		}
	})
}
