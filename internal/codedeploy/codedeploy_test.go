package codedeploy_test

import (
	"errors"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/codedeploy"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/google/go-cmp/cmp"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/awstest"
	"github.com/lambda-rollout/lambda-rollout/internal/codedeploy"
	"github.com/lambda-rollout/lambda-rollout/internal/session"
	"github.com/lambda-rollout/lambda-rollout/internal/traffic"
)

func TestMain(m *testing.M) {
	// A proxy's certificates of this machine: the SDK adds them to a client of
	// its own alone.
	if err := os.Unsetenv("AWS_CA_BUNDLE"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// environment keeps the machine's own settings out.
func environment(name string) (string, bool) {
	if name == "AWS_CONFIG_FILE" || name == "AWS_SHARED_CREDENTIALS_FILE" {
		return os.DevNull, true
	}
	return "", false
}

var (
	group = traffic.Group{Application: "app", Name: "group"}
	order = codedeploy.Order{Group: group, Function: "fn", Alias: "live", From: "1", To: "2", Description: "run 7"}
)

// run runs a test in virtual time, with fn, its versions 1 and 2, the alias live on
// 1, and a group with a configuration.
func run(t *testing.T, config string, test func(t *testing.T, a *awstest.AWS, c *codedeploy.Client), wrap ...awstest.Wrap) {
	t.Helper()
	t.Parallel()
	awstest.Run(t, func(t *testing.T) {
		a := awstest.StartInProcess(t, awslocal.Options{}, wrap...)
		awstest.CreateFunction(t, a.Lambda(), "fn")
		for _, memory := range []int32{128, 256} {
			if _, err := a.Lambda().UpdateFunctionConfiguration(t.Context(), &lambda.UpdateFunctionConfigurationInput{FunctionName: aws.String("fn"), MemorySize: &memory}); err != nil {
				t.Fatal(err)
			}
			if _, err := a.Lambda().PublishVersion(t.Context(), &lambda.PublishVersionInput{FunctionName: aws.String("fn")}); err != nil {
				t.Fatal(err)
			}
		}
		_, err := a.Lambda().CreateAlias(t.Context(), &lambda.CreateAliasInput{FunctionName: aws.String("fn"), Name: aws.String("live"), FunctionVersion: aws.String("1")})
		client := sdk.NewFromConfig(a.Config(awstest.Region, awstest.Key))
		_, made := client.CreateApplication(t.Context(), &sdk.CreateApplicationInput{ApplicationName: aws.String("app"), ComputePlatform: types.ComputePlatformLambda})
		_, grouped := client.CreateDeploymentGroup(t.Context(), &sdk.CreateDeploymentGroupInput{
			ApplicationName: aws.String("app"), DeploymentGroupName: aws.String("group"), ServiceRoleArn: aws.String(awstest.Role), DeploymentConfigName: &config,
		})
		s, opened := session.Open(t.Context(), session.Options{
			Region: awstest.Region, AccessKeyID: awstest.Key, SecretAccessKey: "secret", Endpoint: a.URL, HTTPClient: a.HTTP,
			Limits: session.NewLimits(), Version: "test", LookupEnv: environment,
		})
		if err := errors.Join(err, made, grouped, opened); err != nil {
			t.Fatal(err)
		}
		test(t, a, codedeploy.New(t.Context(), s, awstest.Region))
	})
}

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

const canary = "CodeDeployDefault.LambdaCanary10Percent5Minutes"

// What is handed over runs; stopped, another deployment takes the alias back.
func TestAnAliasIsHandedOverAndTakenBack(t *testing.T) {
	run(t, canary, func(t *testing.T, a *awstest.AWS, c *codedeploy.Client) {
		schedule := must[traffic.Schedule](t)(c.Group(t.Context(), group))
		if schedule.String() != "10%/5m" {
			t.Errorf("the schedule of the group is %s", schedule)
		}
		id := must[string](t)(c.Create(t.Context(), order))
		running := must[[]codedeploy.Deployment](t)(c.Running(t.Context(), group))
		want := []codedeploy.Deployment{{ID: id, Status: "InProgress", Description: "run 7"}}
		if diff := cmp.Diff(want, running); diff != "" {
			t.Error(diff)
		}
		time.Sleep(time.Minute)
		if err := c.Stop(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		d := must[codedeploy.Deployment](t)(c.Get(t.Context(), id))
		if d.Status != codedeploy.Stopped || !d.Over() || d.RolledBackBy == "" || !strings.HasPrefix(d.Reason, "MANUAL_STOP: ") {
			t.Errorf("%+v", d)
		}
		back := must[codedeploy.Deployment](t)(c.Get(t.Context(), d.RolledBackBy))
		if back.Over() || back.RollsBack != id {
			t.Errorf("%+v", back)
		}
		time.Sleep(10 * time.Second)
		if all := must[[]codedeploy.Deployment](t)(c.Since(t.Context(), group, time.Now())); len(all) != 2 {
			t.Errorf("the group had %+v", all)
		}
		time.Sleep(time.Hour)
		if all := must[[]codedeploy.Deployment](t)(c.Since(t.Context(), group, time.Now())); len(all) != 0 {
			t.Errorf("within an hour the group had %+v", all)
		}
	})
}

// A call that creates something goes out once, whatever becomes of its answer.
func TestADeploymentIsCreatedOnce(t *testing.T) {
	sent := 0
	lost := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".CreateDeployment") {
				sent++
				w.WriteHeader(http.StatusServiceUnavailable)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
	run(t, canary, func(t *testing.T, a *awstest.AWS, c *codedeploy.Client) {
		if id, err := c.Create(t.Context(), order); err == nil || sent != 1 {
			t.Errorf("%s, %v after %d calls", id, err, sent)
		}
	}, lost)
}

func TestWhatIsWrongWithAGroupIsSaid(t *testing.T) {
	run(t, "CodeDeployDefault.LambdaLinear10PercentEvery10Minutes", func(t *testing.T, a *awstest.AWS, c *codedeploy.Client) {
		_, err := c.Group(t.Context(), traffic.Group{Application: "app", Name: "other"})
		if want := "there is no deployment group app/other in us-east-1: create it, or name another one in traffic"; err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "No Deployment Group found") {
			t.Errorf("%v, want %q", err, want)
		}
		if s := must[traffic.Schedule](t)(c.Group(t.Context(), group)); s.Total() != 90*time.Minute {
			t.Errorf("the group's schedule is %s", s)
		}
	})
}

// A group that somebody deletes takes its deployments along.
func TestWhatIsNotThereMovesNothing(t *testing.T) {
	run(t, "CodeDeployDefault.LambdaAllAtOnce", func(t *testing.T, a *awstest.AWS, c *codedeploy.Client) {
		d := must[codedeploy.Deployment](t)(c.Get(t.Context(), "d-NONE"))
		if want := (codedeploy.Deployment{ID: "d-NONE", Status: codedeploy.Gone, Reason: "The deployment d-NONE could not be found"}); !cmp.Equal(d, want) || !d.Over() {
			t.Errorf("the deployment is %+v", d)
		}
		all := must[[]codedeploy.Deployment](t)(c.Since(t.Context(), traffic.Group{Application: "app", Name: "other"}, time.Now()))
		if len(all) > 0 {
			t.Errorf("the group has %v", all)
		}
	})
}
