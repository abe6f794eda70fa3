package deploy

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy"
	codedeploytypes "github.com/aws/aws-sdk-go-v2/service/codedeploy/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/awstest"
	"github.com/lambda-rollout/lambda-rollout/internal/traffic"
)

// groups makes deployment groups of the application app that give 10% for five
// minutes.
func (f *fixture) groups(names ...string) {
	f.Helper()
	c := codedeploy.NewFromConfig(f.aws.Config(awstest.Region, awstest.Key))
	_, err := c.CreateApplication(f.Context(), &codedeploy.CreateApplicationInput{ApplicationName: aws.String("app"), ComputePlatform: codedeploytypes.ComputePlatformLambda})
	for _, name := range names {
		_, made := c.CreateDeploymentGroup(f.Context(), &codedeploy.CreateDeploymentGroupInput{
			ApplicationName: aws.String("app"), DeploymentGroupName: &name, ServiceRoleArn: aws.String(awstest.Role),
			DeploymentConfigName: aws.String("CodeDeployDefault.LambdaCanary10Percent5Minutes"),
		})
		err = errors.Join(err, made)
	}
	if err != nil {
		f.Fatal(err)
	}
}

// handOver lets CodeDeploy shift the traffic of the next deployment, of new code.
func (f *fixture) handOver(group string, wait bool) {
	f.options.HandOver = &HandOver{Group: traffic.Group{Application: "app", Name: group}, Wait: wait}
	f.write("code/index.js", "2")
}

func TestARunWaitsForCodeDeployOrLeavesIt(t *testing.T) {
	for name, wait := range map[string]bool{"waits": true, "leaves": false} {
		t.Run(name, func(t *testing.T) {
			run(t, awslocal.Options{}, func(f *fixture) {
				f.deployCode("1")
				f.groups("shop-live")
				f.handOver("{function}-{alias}", wait)
				// The schedule's own time is not counted.
				f.timeout = time.Minute
				began := time.Now()
				if _, err := f.deploy(f.Context(), "function.yaml"); err != nil {
					f.Fatalf("%v\n%s", err, f.log)
				}
				took, want := time.Since(began), "2"
				if !wait {
					want = "1"
				}
				if took >= 5*time.Minute != wait || f.alias("live") != want || len(f.weights()) > 0 == wait {
					f.Errorf("after %s live is %s with %v\n%s", took, f.alias("live"), f.weights(), f.log)
				}
				if said := strings.Contains(f.log.String(), "NOBODY compares the versions"); said == wait {
					f.Errorf("the log says:\n%s", f.log)
				}
				time.Sleep(10 * time.Minute)
				if f.alias("live") != "2" {
					f.Errorf("in the end live is %s", f.alias("live"))
				}
			})
		})
	}
}

// The alarms of the run are watched while CodeDeploy shifts: its deployment is then
// stopped, and the alias is back before anything else is.
func TestAnAlarmOfTheRunStopsCodeDeploy(t *testing.T) {
	run(t, awslocal.Options{}, func(f *fixture) {
		f.deployCode("1")
		f.groups("g")
		f.alarm("errors")
		f.setAlarm("errors", types.StateValueOk)
		f.options.Watch.Alarms = []Alarm{{Name: "errors"}}
		f.handOver("g", true)
		f.later(2*time.Minute, "errors", types.StateValueAlarm)
		_, err := f.deploy(f.Context(), "function.yaml")
		var failed *FailedError
		if !errors.As(err, &failed) || !strings.Contains(err.Error(), "alarm errors") || f.alias("live") != "1" || len(f.weights()) > 0 {
			f.Fatalf("%v; live is %s with %v\n%s", err, f.alias("live"), f.weights(), f.log)
		}
		if log := f.log.String(); strings.Index(log, "Stopping CodeDeploy deployment d-") > strings.Index(log, "Updating Function Code of shop back") {
			f.Errorf("the code went first:\n%s", log)
		}
		time.Sleep(10 * time.Minute)
		if f.alias("live") != "1" {
			f.Errorf("later live is %s", f.alias("live"))
		}
	})
}

// CodeDeploy's word is not enough: somebody moved the alias meanwhile.
func TestASuccessOfCodeDeployIsLookedAt(t *testing.T) {
	run(t, awslocal.Options{}, func(f *fixture) {
		f.deployCode("1")
		f.groups("g")
		f.handOver("g", true)
		time.AfterFunc(5*time.Minute+time.Second, func() {
			_, err := f.lambda.UpdateAlias(f.Context(), &lambda.UpdateAliasInput{FunctionName: aws.String("shop"), Name: aws.String("live"), FunctionVersion: aws.String("1")})
			if err != nil {
				f.Error(err)
			}
		})
		_, err := f.deploy(f.Context(), "function.yaml")
		if err == nil || !strings.Contains(err.Error(), "is succeeded, but alias live points to 1") {
			f.Errorf("%v\n%s", err, f.log)
		}
	})
}

func TestGroupsThatCannotDoItAreRefusedBeforeTheStart(t *testing.T) {
	for name, test := range map[string]struct {
		group   string
		aliases []string
		want    string
	}{
		"there is none":       {"other", []string{"live"}, "there is no deployment group app/other in us-east-1: create it"},
		"one for two aliases": {"{function}", []string{"live", "next"}, "the deployment group app/shop in us-east-1 would get shop:live, shop:next, and a group shifts one alias at a time"},
		"busy":                {"g", []string{"live"}, "the deployment group app/g in us-east-1 is busy with the deployment d-"},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, awslocal.Options{}, func(f *fixture) {
				f.aliases = test.aliases
				f.deployCode("1")
				f.groups("g", "shop")
				if name == "busy" {
					f.write("other.yaml", definitionOf("other", ""))
					f.mustDeploy("other.yaml")
					f.handOver("g", false)
					f.mustDeploy("other.yaml")
				}
				f.handOver(test.group, true)
				before := f.aws.Calls()
				_, err := f.deploy(f.Context(), "function.yaml")
				var refused *NotStartedError
				if !errors.As(err, &refused) || !strings.Contains(err.Error(), test.want) {
					f.Errorf("%v, want %q", err, test.want)
				}
				for _, c := range f.aws.Calls()[len(before):] {
					if c.Changed {
						f.Errorf("the call %s went out", c.Operation)
					}
				}
			})
		})
	}
}

// Somebody deletes the group, and with it the deployment: nothing moves the alias any
// more, and one answer alone does not say so.
func TestADeploymentThatVanishesIsRolledBack(t *testing.T) {
	run(t, awslocal.Options{}, func(f *fixture) {
		f.deployCode("1")
		f.groups("g")
		f.handOver("g", true)
		gone := awslocal.Fault{Operation: "GetDeployment", Action: awslocal.Error, Status: 400, Code: "DeploymentDoesNotExistException", Message: "not found"}
		f.aws.Inject(gone)
		time.AfterFunc(2*time.Minute, func() {
			c := codedeploy.NewFromConfig(f.aws.Config(awstest.Region, awstest.Key))
			all, err := c.ListDeployments(f.Context(), &codedeploy.ListDeploymentsInput{ApplicationName: aws.String("app"), DeploymentGroupName: aws.String("g")})
			if err != nil || len(all.Deployments) != 1 {
				f.Errorf("%v, %v", all, err)
				return
			}
			if _, err := c.StopDeployment(f.Context(), &codedeploy.StopDeploymentInput{DeploymentId: &all.Deployments[0], AutoRollbackEnabled: aws.Bool(false)}); err != nil {
				f.Error(err)
			}
			gone.Count = -1
			f.aws.Inject(gone)
		})
		began := time.Now()
		_, err := f.deploy(f.Context(), "function.yaml")
		var failed *FailedError
		if !errors.As(err, &failed) || !strings.Contains(err.Error(), "which moves alias live, is gone: not found") || f.alias("live") != "1" || len(f.weights()) > 0 {
			f.Fatalf("%v; live is %s with %v\n%s", err, f.alias("live"), f.weights(), f.log)
		}
		if took := time.Since(began); took < 2*time.Minute || took > 3*time.Minute {
			f.Errorf("it took %s\n%s", took, f.log)
		}
	})
}
