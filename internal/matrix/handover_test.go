package matrix

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cloudwatchtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/awstest"
)

// handedOver is a function whose alias live has a deployment group of CodeDeploy's,
// with an alarm.
func handedOver(w *world) {
	alarmed(w)
	w.group("app", "f-live")
}

func (w *world) codedeploy() *codedeploy.Client {
	return codedeploy.NewFromConfig(w.Config(awstest.Region, awstest.Key))
}

// group makes an application and a group that gives 10% for five minutes, unless the
// alarm errors is on.
func (w *world) group(application, group string) {
	w.t.Helper()
	ctx := context.Background()
	_, err := w.codedeploy().CreateApplication(ctx, &codedeploy.CreateApplicationInput{ApplicationName: &application, ComputePlatform: types.ComputePlatformLambda})
	w.must(err)
	_, err = w.codedeploy().CreateDeploymentGroup(ctx, &codedeploy.CreateDeploymentGroupInput{
		ApplicationName: &application, DeploymentGroupName: &group, ServiceRoleArn: aws.String(role),
		DeploymentConfigName: aws.String("CodeDeployDefault.LambdaCanary10Percent5Minutes"),
		AlarmConfiguration:   &types.AlarmConfiguration{Enabled: true, Alarms: []types.Alarm{{Name: aws.String("errors")}}},
	})
	w.must(err)
}

// byCodeDeploy is a deployment whose traffic CodeDeploy shifts.
func byCodeDeploy(before func(*world)) scenario {
	return scenario{
		before: before, definition: define(`, "memorySize": 256, "tags": {"team": "b"}`), files: map[string]string{"code/bootstrap": "two"},
		args: []string{"--function-definition", "function.json", "--artifact", "code", "--alias", "live", "--traffic", "codedeploy:app/{function}-{alias}"},
	}
}

// alarming is a function whose group's alarm is on three minutes from now.
func alarming(w *world) {
	handedOver(w)
	_, err := w.cloudwatch().PutMetricData(context.Background(), &cloudwatch.PutMetricDataInput{Namespace: aws.String("AWS/Lambda"), MetricData: []cloudwatchtypes.MetricDatum{
		{MetricName: aws.String("Errors"), Value: aws.Float64(9), Timestamp: aws.Time(time.Now().Add(3 * time.Minute))},
	}})
	w.must(err)
}

// silenced is a moment of a deployment's, and when somebody comes to roll it back.
type silenced struct {
	cut
	after time.Duration
}

func (s silenced) String() string { return fmt.Sprintf("%s, %s later", s.cut, s.after) }

// CodeDeploy goes on when the run is gone: whether the rollback comes at once, in the
// middle of the shift, or when it is over, and whether CodeDeploy has taken the alias
// back itself by then, the state after is the state before.
func TestARollbackIsExactWhileCodeDeployRuns(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]scenario{"goes well": byCodeDeploy(handedOver), "an alarm is on": byCodeDeploy(alarming)} {
		t.Run(name, func(t *testing.T) {
			var whole count
			awstest.Run(t, func(t *testing.T) {
				w := newWorld(t)
				before := s.prepare(w)
				done := s.deploy(w, cut{})
				whole = done.count
				if name == "goes well" {
					done.expect(t, "the deployment", 0, "is Succeeded: Alias live points to 2")
					return
				}
				done.expect(t, "the deployment", 1, "is stopped: ALARM_ACTIVE", "Everything is as it was")
				w.same(before, w.dump())
			})
			var all []silenced
			for at := 1; at <= whole.Moments; at++ {
				for _, after := range []time.Duration{0, 2 * time.Minute, 10 * time.Minute} {
					all = append(all, silenced{cut{anywhere, at}, after})
				}
			}
			var exact atomic.Int64
			tried := every(307, all, len(name)) // a prime: the sample holds every kind of moment
			if *full && !*grid {
				tried = nth(4, all, len(name))
			}
			each(t, tried, func(t *testing.T, c silenced) {
				w := newWorld(t)
				before := s.prepare(w)
				s.deploy(w, c.cut).expect(t, "the deployment", killed)
				w.pass(c.after)
				if w.restored(before) {
					exact.Add(1)
				}
			})
			t.Logf("%d deaths, %d exact", len(tried), exact.Load())
		})
	}
}

// A deployment that is not this run's stays, whatever it does to the alias.
func TestAForeignDeploymentOfTheGroupIsNotStopped(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		s := byCodeDeploy(handedOver)
		s.prepare(w)
		s.deploy(w, cut{}).expect(t, "the deployment", 0)
		spec := `{"version": "0.0", "Resources": [{"f": {"Type": "AWS::Lambda::Function", "Properties": {"Name": "f", "Alias": "live", "CurrentVersion": "2", "TargetVersion": "3"}}}]}`
		w.publishAnother("f")
		out, err := w.codedeploy().CreateDeployment(t.Context(), &codedeploy.CreateDeploymentInput{
			ApplicationName: aws.String("app"), DeploymentGroupName: aws.String("f-live"),
			Revision: &types.RevisionLocation{RevisionType: types.RevisionLocationTypeAppSpecContent, AppSpecContent: &types.AppSpecContent{Content: &spec}},
		})
		w.must(err)
		w.pass(time.Second)
		next := s.deploy(w, cut{})
		next.expect(t, "the next deployment", 3, "alias live shares its traffic already (2, 10% to 3)")
		back := w.run(cut{}, "rollback")
		back.expect(t, "the rollback", 4, "alias live was not rolled back: it points to 2, 10% to 3")
		info, err := w.codedeploy().GetDeployment(t.Context(), &codedeploy.GetDeploymentInput{DeploymentId: out.DeploymentId})
		w.must(err)
		if info.DeploymentInfo.Status != types.DeploymentStatusInProgress || strings.Contains(back.output, "Stopping") {
			t.Errorf("somebody else's deployment is %s\n%s", info.DeploymentInfo.Status, back.output)
		}
	})
}
