package awslocal_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscloudwatch "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cloudwatchtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/awstest"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/runner"
)

// rollout is a server with fn, its versions 1 and 2, the alias live on 1, and a
// deployment group.
type rollout struct {
	*awstest.AWS
	lambda *awslambda.Client
	deploy *codedeploy.Client
}

func newRollout(t *testing.T, o awslocal.Options, group *codedeploy.CreateDeploymentGroupInput) *rollout {
	t.Helper()
	if o.Handler == nil {
		o.Handler = answering
	}
	a := awstest.StartInProcess(t, o)
	r := &rollout{a, shared(t, a, 0), codedeploy.NewFromConfig(a.Config(awstest.Region, awstest.Key))}
	if _, err := r.deploy.CreateApplication(t.Context(), &codedeploy.CreateApplicationInput{ApplicationName: aws.String("app"), ComputePlatform: types.ComputePlatformLambda}); err != nil {
		t.Fatal(err)
	}
	group.ApplicationName, group.DeploymentGroupName, group.ServiceRoleArn = aws.String("app"), aws.String("group"), aws.String(awstest.Role)
	if _, err := r.deploy.CreateDeploymentGroup(t.Context(), group); err != nil {
		t.Fatal(err)
	}
	return r
}

const appSpecYAML = `version: 0.0
Resources:
  - fn:
      Type: AWS::Lambda::Function
      Properties:
        Name: fn
        Alias: live
        CurrentVersion: 1
        TargetVersion: 2
`

func (r *rollout) create(t *testing.T, content string) (string, error) {
	t.Helper()
	out, err := r.deploy.CreateDeployment(t.Context(), &codedeploy.CreateDeploymentInput{
		ApplicationName: aws.String("app"), DeploymentGroupName: aws.String("group"),
		Revision: &types.RevisionLocation{RevisionType: types.RevisionLocationTypeAppSpecContent, AppSpecContent: &types.AppSpecContent{Content: &content}},
	})
	if err != nil {
		return "", err
	}
	return *out.DeploymentId, nil
}

func (r *rollout) started(t *testing.T, content string) string {
	t.Helper()
	id, err := r.create(t, content)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func (r *rollout) info(t *testing.T, id string) *types.DeploymentInfo {
	t.Helper()
	out, err := r.deploy.GetDeployment(t.Context(), &codedeploy.GetDeploymentInput{DeploymentId: &id})
	if err != nil {
		t.Fatal(err)
	}
	return out.DeploymentInfo
}

// alias is "1", or "1 2:0.1" while traffic is shared.
func (r *rollout) alias(t *testing.T) string {
	t.Helper()
	out, err := r.lambda.GetAlias(t.Context(), &awslambda.GetAliasInput{FunctionName: aws.String("fn"), Name: aws.String("live")})
	if err != nil {
		t.Fatal(err)
	}
	text := *out.FunctionVersion
	if out.RoutingConfig != nil {
		for version, weight := range out.RoutingConfig.AdditionalVersionWeights {
			text += fmt.Sprintf(" %s:%g", version, weight)
		}
	}
	return text
}

func TestADeploymentShiftsTrafficByTheClock(t *testing.T) {
	t.Parallel()
	awstest.Run(t, func(t *testing.T) {
		for _, test := range []struct {
			config string
			want   map[time.Duration]string
		}{
			{"CodeDeployDefault.LambdaCanary10Percent5Minutes", map[time.Duration]string{0: "1 2:0.1", 4*time.Minute + 59*time.Second: "1 2:0.1", 5 * time.Minute: "2"}},
			{"CodeDeployDefault.LambdaLinear10PercentEvery1Minute", map[time.Duration]string{0: "1 2:0.1", time.Minute: "1 2:0.2", 8*time.Minute + 59*time.Second: "1 2:0.9", 9 * time.Minute: "2"}},
			{"CodeDeployDefault.LambdaAllAtOnce", map[time.Duration]string{0: "2"}},
		} {
			for after, want := range test.want {
				r := newRollout(t, awslocal.Options{}, &codedeploy.CreateDeploymentGroupInput{DeploymentConfigName: &test.config})
				id := r.started(t, appSpecYAML)
				time.Sleep(after)
				if got := r.alias(t); got != want {
					t.Errorf("%s after %s: %s, want %s", test.config, after, got, want)
				}
				status := types.DeploymentStatusInProgress
				if want == "2" {
					status = types.DeploymentStatusSucceeded
				}
				if got := r.info(t, id); got.Status != status || got.Creator != types.DeploymentCreatorUser || got.ComputePlatform != types.ComputePlatformLambda {
					t.Errorf("%s after %s: %+v", test.config, after, got)
				}
			}
		}
	})
}

func TestAStoppedDeploymentIsRolledBackByAnotherOne(t *testing.T) {
	t.Parallel()
	awstest.Run(t, func(t *testing.T) {
		r := newRollout(t, awslocal.Options{}, &codedeploy.CreateDeploymentGroupInput{DeploymentConfigName: aws.String("CodeDeployDefault.LambdaCanary10Percent5Minutes")})
		id := r.started(t, appSpecYAML)
		if got := r.alias(t); got != "1 2:0.1" {
			t.Fatalf("alias %s", got)
		}
		_, err := r.create(t, appSpecYAML)
		awstest.WantCode(t, err, "DeploymentLimitExceededException")
		if _, err := r.deploy.StopDeployment(t.Context(), &codedeploy.StopDeploymentInput{DeploymentId: &id, AutoRollbackEnabled: aws.Bool(true)}); err != nil {
			t.Fatal(err)
		}
		d := r.info(t, id)
		if d.Status != types.DeploymentStatusStopped || d.ErrorInformation.Code != types.ErrorCodeManualStop || d.RollbackInfo == nil {
			t.Fatalf("%+v", d)
		}
		back := *d.RollbackInfo.RollbackDeploymentId
		if b := r.info(t, back); b.Status != types.DeploymentStatusInProgress || b.Creator != types.DeploymentCreatorCodeDeployRollback || *b.RollbackInfo.RollbackTriggeringDeploymentId != id {
			t.Errorf("%+v", b)
		}
		if got := r.alias(t); got != "1 2:0.1" {
			t.Errorf("while it rolls back: %s", got)
		}
		time.Sleep(5 * time.Second)
		if got := r.alias(t); got != "1" || r.info(t, back).Status != types.DeploymentStatusSucceeded {
			t.Errorf("after the rollback: %s, %+v", got, r.info(t, back))
		}
		_, err = r.deploy.StopDeployment(t.Context(), &codedeploy.StopDeploymentInput{DeploymentId: &id})
		awstest.WantCode(t, err, "DeploymentAlreadyCompletedException")
		events := names(lookup(t, r.AWS, "Username", back))
		if len(events) != 1 || events[0] != "UpdateAlias20150331" {
			t.Errorf("CloudTrail has %v of the rollback", events)
		}
	})
}

func TestStoppingWithoutARollbackLeavesTheWeights(t *testing.T) {
	t.Parallel()
	awstest.Run(t, func(t *testing.T) {
		r := newRollout(t, awslocal.Options{}, &codedeploy.CreateDeploymentGroupInput{DeploymentConfigName: aws.String("CodeDeployDefault.LambdaCanary10Percent5Minutes")})
		id := r.started(t, appSpecYAML)
		if _, err := r.deploy.StopDeployment(t.Context(), &codedeploy.StopDeploymentInput{DeploymentId: &id}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		if got, d := r.alias(t), r.info(t, id); got != "1 2:0.1" || d.RollbackInfo != nil {
			t.Errorf("%s, %+v", got, d)
		}
	})
}

// An alarm on the errors of what really ran stops the deployment.
func TestAnAlarmStopsADeployment(t *testing.T) {
	t.Parallel()
	awstest.Run(t, func(t *testing.T) {
		r := newRollout(t, awslocal.Options{Handler: failing}, &codedeploy.CreateDeploymentGroupInput{
			DeploymentConfigName:      aws.String("CodeDeployDefault.LambdaCanary10Percent5Minutes"),
			AlarmConfiguration:        &types.AlarmConfiguration{Enabled: true, Alarms: []types.Alarm{{Name: aws.String("errors")}}},
			AutoRollbackConfiguration: &types.AutoRollbackConfiguration{Enabled: true, Events: []types.AutoRollbackEvent{types.AutoRollbackEventDeploymentStopOnAlarm}},
		})
		_, err := awscloudwatch.NewFromConfig(r.Config(awstest.Region, awstest.Key)).PutMetricAlarm(t.Context(), &awscloudwatch.PutMetricAlarmInput{
			AlarmName: aws.String("errors"), Namespace: aws.String("AWS/Lambda"), MetricName: aws.String("Errors"), Statistic: cloudwatchtypes.StatisticSum, Period: aws.Int32(60),
			EvaluationPeriods: aws.Int32(1), Threshold: aws.Float64(1), ComparisonOperator: cloudwatchtypes.ComparisonOperatorGreaterThanOrEqualToThreshold,
			Dimensions: []cloudwatchtypes.Dimension{{Name: aws.String("FunctionName"), Value: aws.String("fn")}}, TreatMissingData: aws.String("notBreaching"),
		})
		if err != nil {
			t.Fatal(err)
		}
		id := r.started(t, appSpecYAML)
		if _, err := r.lambda.Invoke(t.Context(), &awslambda.InvokeInput{FunctionName: aws.String("fn"), Qualifier: aws.String("live"), Payload: []byte(`"fail"`)}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		d := r.info(t, id)
		if d.Status != types.DeploymentStatusStopped || d.ErrorInformation.Code != types.ErrorCodeAlarmActive || d.RollbackInfo == nil {
			t.Fatalf("%+v", d)
		}
		time.Sleep(5 * time.Second)
		if got := r.alias(t); got != "1" {
			t.Errorf("alias %s", got)
		}
	})
}

// hooked is a handler whose function hook reports a status to CodeDeploy, or fails.
func hooked(client func() *codedeploy.Client, status types.LifecycleEventStatus) awslocal.Handler {
	return func(ctx context.Context, e awslocal.Event) awslocal.Answer {
		if e.Function != "hook" {
			return awslocal.Answer{Payload: []byte(`"ok"`)}
		}
		var event struct{ DeploymentID, LifecycleEventHookExecutionID string }
		if status == "" || json.Unmarshal(e.Payload, &event) != nil {
			return awslocal.Answer{Payload: []byte(`{}`), FunctionError: runner.Unhandled}
		}
		time.Sleep(30 * time.Second)
		_, err := client().PutLifecycleEventHookExecutionStatus(ctx, &codedeploy.PutLifecycleEventHookExecutionStatusInput{
			DeploymentId: &event.DeploymentID, LifecycleEventHookExecutionId: &event.LifecycleEventHookExecutionID, Status: status,
		})
		if err != nil {
			return awslocal.Answer{Payload: []byte(`{}`), FunctionError: runner.Unhandled}
		}
		return awslocal.Answer{Payload: []byte(`"ok"`)}
	}
}

func TestHooksDecideAboutTraffic(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		status types.LifecycleEventStatus
		alias  string
		end    types.DeploymentStatus
	}{
		"succeeds": {types.LifecycleEventStatusSucceeded, "2", types.DeploymentStatusSucceeded},
		"reports":  {types.LifecycleEventStatusFailed, "1", types.DeploymentStatusFailed},
		"fails":    {"", "1", types.DeploymentStatusFailed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			awstest.Run(t, func(t *testing.T) {
				var r *rollout
				r = newRollout(t, awslocal.Options{Handler: hooked(func() *codedeploy.Client { return r.deploy }, test.status)}, &codedeploy.CreateDeploymentGroupInput{})
				awstest.CreateFunction(t, r.lambda, "hook")
				id := r.started(t, appSpecYAML+"Hooks:\n  - BeforeAllowTraffic: hook\n  - AfterAllowTraffic: arn:aws:lambda:us-east-1:000000000000:function:hook\n")
				if got := r.alias(t); got != "1" {
					t.Errorf("before the hook has answered: %s", got)
				}
				time.Sleep(31 * time.Second)
				if got := r.alias(t); got != test.alias {
					t.Errorf("after the first hook: %s", got)
				}
				time.Sleep(31 * time.Second)
				d := r.info(t, id)
				if d.Status != test.end || test.end == types.DeploymentStatusFailed && d.ErrorInformation.Code != types.ErrorCodeHookExecutionFailure {
					t.Errorf("%+v", d)
				}
			})
		})
	}
}

func TestWrongDeploymentsAreRefused(t *testing.T) {
	t.Parallel()
	awstest.Run(t, func(t *testing.T) {
		r := newRollout(t, awslocal.Options{}, &codedeploy.CreateDeploymentGroupInput{})
		for content, code := range map[string]string{
			"version: 0.0\nResources: []\n": "InvalidRevisionException",
			"{":                             "InvalidRevisionException",
			appSpecYAML + "Hooks:\n  - BeforeInstall: hook\n": "InvalidRevisionException",
		} {
			_, err := r.create(t, content)
			awstest.WantCode(t, err, code)
		}
		_, err := r.deploy.GetDeployment(t.Context(), &codedeploy.GetDeploymentInput{DeploymentId: aws.String("d-000000000")})
		awstest.WantCode(t, err, "DeploymentDoesNotExistException")
		_, err = r.deploy.GetDeploymentGroup(t.Context(), &codedeploy.GetDeploymentGroupInput{ApplicationName: aws.String("app"), DeploymentGroupName: aws.String("lost")})
		awstest.WantCode(t, err, "DeploymentGroupDoesNotExistException")
		_, err = r.deploy.CreateDeploymentGroup(t.Context(), &codedeploy.CreateDeploymentGroupInput{ApplicationName: aws.String("lost"), DeploymentGroupName: aws.String("g"), ServiceRoleArn: aws.String(awstest.Role)})
		awstest.WantCode(t, err, "ApplicationDoesNotExistException")
		// JSON is an AppSpec file, too; its version does not serve.
		id := r.started(t, `{"version":0.0,"Resources":[{"fn":{"Type":"AWS::Lambda::Function","Properties":{"Name":"fn","Alias":"live","CurrentVersion":"2","TargetVersion":"1"}}}]}`)
		if d := r.info(t, id); d.Status != types.DeploymentStatusFailed || d.ErrorInformation.Code != types.ErrorCodeInvalidLambdaConfiguration {
			t.Errorf("%+v", d)
		}
	})
}
