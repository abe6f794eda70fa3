package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy"
	codedeploytypes "github.com/aws/aws-sdk-go-v2/service/codedeploy/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/awstest"
)

// scenario is one course of a deployment and its rollback.
type scenario struct {
	name string
	// disturb arms faults before the deployment.
	disturb func(*bench)
	// deploy is the exit code that the deployment ends with when all is allowed.
	deploy int
}

// leastPlans are deployments, each with the scenarios in which all of its policy is
// needed.
var leastPlans = []struct {
	name string
	// before and change make the state before, and the files to deploy.
	before, change func(*bench)
	// artifact is what is deployed; "" is the object app.zip.
	artifact string
	// more are inputs of the deployment and of its rollback, traffic one of the
	// deployment alone.
	more    []string
	traffic string
	// deployOnly are more inputs of the deployment alone.
	deployOnly []string
	// verify is what the new version is invoked with; "" invokes nothing.
	verify    string
	scenarios []scenario
	// long is set where minutes pass. Without -full the first scenario is tried, and one
	// more where this is not set.
	long bool
}{
	{
		name:      "an alias alone, journal in S3",
		before:    func(b *bench) { deployLive(b, minimal) },
		change:    func(*bench) {},
		more:      []string{"--journal", "s3://code/journals"},
		scenarios: []scenario{{name: "as planned"}},
	},
	{
		name: "values from AWS",
		before: func(b *bench) {
			deployLive(b, minimal)
			b.values()
		},
		change: func(b *bench) {
			b.write("function.yaml", minimal+"environment: {variables: {AA: <+serviceVariables.a>, BB: '<+secrets.getValue(\"b\")>', CC: <+serviceVariables.c>}}\n")
		},
		deployOnly: []string{"--variables-from", "a=ssm:/app/a\nc=tfstate:s3://states/t#output.c", "--secrets-from", "b=secretsmanager:b#key"},
		scenarios: []scenario{
			{name: "as planned"},
			{name: "the version fails", deploy: 1, disturb: func(b *bench) { b.aws.Fail("version", "hello", "InternalError", "it cannot start") }},
		},
	},
	{
		name: "settings",
		before: func(b *bench) {
			deployLive(b, minimal)
			b.write("settings.yaml", "permissions: {a: {action: 'lambda:InvokeFunction', principal: sns.amazonaws.com}}\neventInvokeConfig: {maximumRetryAttempts: 0}\n")
			b.must("deploy", "--function-definition", "function.yaml", "--artifact", "s3://code/app.zip", "--alias", "live", "--settings", "settings.yaml")
		},
		change: func(b *bench) {
			b.write("settings.yaml", "permissions: {a: {action: 'lambda:InvokeFunction', principal: s3.amazonaws.com}}\neventInvokeConfig: {maximumRetryAttempts: 1}\n"+
				"functionUrl: {qualifier: live, authType: AWS_IAM}\nreservedConcurrency: 5\nrecursiveLoop: Allow\n")
		},
		deployOnly: []string{"--settings", "settings.yaml"},
		scenarios:  []scenario{{name: "as planned"}},
	},
	{
		name: "provisioned versions",
		before: func(b *bench) {
			b.write("settings.yaml", "provisionedConcurrency: {qualifier: live, provisionedConcurrentExecutions: 2, onVersion: true}\nruntimeManagement: null\n")
			b.object("app.zip", "1")
			b.must("deploy", "--function-definition", "function.yaml", "--artifact", "s3://code/app.zip", "--alias", "live", "--settings", "settings.yaml")
		},
		change: func(b *bench) {
			b.object("app.zip", "2")
			b.write("settings.yaml", "provisionedConcurrency: {qualifier: live, provisionedConcurrentExecutions: 3, onVersion: true}\nruntimeManagement: {updateRuntimeOn: FunctionUpdate}\n")
		},
		deployOnly: []string{"--settings", "settings.yaml"},
		scenarios: []scenario{
			{name: "as planned"},
			{name: "the version fails", deploy: 1, disturb: func(b *bench) { b.aws.Fail("version", "hello", "InternalError", "it cannot start") }},
			{name: "no answer to the code", deploy: 1, disturb: func(b *bench) {
				b.aws.Inject(awslocal.Fault{Operation: "UpdateFunctionCode", Count: 12, Action: awslocal.Drop})
			}},
		},
	},
	{
		name: "a new function",
		before: func(b *bench) {
			b.object("app.zip", "1")
			b.write("function.yaml", minimal+"layers: ["+b.layer("base")+"]\n")
		},
		change: func(*bench) {},
		scenarios: []scenario{
			{name: "as planned"},
		},
	},
	{
		name: "code, role, layers, tags and aliases",
		before: func(b *bench) {
			b.object("app.zip", "1")
			deployLive(b, minimal+"tags: {gone: a, kept: b}\nlayers: ["+b.layer("base")+"]\n")
		},
		change: func(b *bench) {
			b.object("app.zip", "2")
			b.write("function.yaml", strings.Replace(minimal, "role/hello", "role/other", 1)+
				"tags: {kept: c, added: d}\nlayers: ["+b.layer("base")+"]\nenvironment: {variables: {NAME: value}}\n")
		},
		scenarios: []scenario{
			{name: "as planned"},
			{name: "the version fails", deploy: 1, disturb: func(b *bench) { b.aws.Fail("version", "hello", "InternalError", "it cannot start") }},
		},
	},
	{
		name: "traffic in stages",
		before: func(b *bench) {
			deployLive(b, minimal)
			b.alarm("high")
		},
		change:  func(b *bench) { b.object("app.zip", "2") },
		traffic: "10%/20ms",
		scenarios: []scenario{
			{name: "as planned"},
			{name: "the version fails", deploy: 1, disturb: func(b *bench) { b.aws.Fail("version", "hello", "InternalError", "it cannot start") }},
			{name: "no answer to the code", deploy: 1, disturb: func(b *bench) {
				b.aws.Inject(awslocal.Fault{Operation: "UpdateFunctionCode", Count: 12, Action: awslocal.Drop})
			}},
		},
	},
	{
		name: "traffic by CodeDeploy",
		before: func(b *bench) {
			deployLive(b, minimal)
			b.must("deploy", "--function-definition", "function.yaml", "--artifact", "s3://code/app.zip", "--alias", "next")
			b.alarm("high")
			b.groups("live", "next")
		},
		change:     func(b *bench) { b.object("app.zip", "2") },
		deployOnly: []string{"--traffic", "codedeploy:{function}/{alias}"},
		long:       true,
		scenarios: []scenario{
			{name: "CodeDeploy stops one of two", deploy: 1, disturb: func(b *bench) { b.raise() }},
			{name: "as planned"},
			{name: "the version fails", deploy: 1, disturb: func(b *bench) { b.aws.Fail("version", "hello", "InternalError", "it cannot start") }},
			{name: "no answer to the code", deploy: 1, disturb: func(b *bench) {
				b.aws.Inject(awslocal.Fault{Operation: "UpdateFunctionCode", Count: 12, Action: awslocal.Drop})
			}},
		},
	},
	{
		name:     "an image",
		artifact: image + ":latest",
		before: func(b *bench) {
			b.image("1")
			b.write("function.yaml", "functionName: hello\nrole: arn:aws:iam::000000000000:role/hello\n")
			b.must("deploy", "--function-definition", "function.yaml", "--artifact", image+":latest", "--alias", "live")
		},
		change: func(b *bench) { b.image("2") },
		scenarios: []scenario{
			{name: "as planned"},
			{name: "the version fails", deploy: 1, disturb: func(b *bench) { b.aws.Fail("version", "hello", "InvalidImage", "it cannot start") }},
			{name: "no answer to the code", deploy: 1, disturb: func(b *bench) {
				b.aws.Inject(awslocal.Fault{Operation: "UpdateFunctionCode", Count: 12, Action: awslocal.Drop})
			}},
		},
	},
	{
		name:   "a version that is invoked",
		before: func(b *bench) { deployLive(b, minimal) },
		change: func(b *bench) { b.object("app.zip", "2") },
		verify: `{"cases": [{"expect-error": true, "against": "old"}]}`,
		scenarios: []scenario{
			{name: "as planned"},
			{name: "the version fails", deploy: 1, disturb: func(b *bench) { b.aws.Fail("version", "hello", "InternalError", "it cannot start") }},
			{name: "no answer to the code", deploy: 1, disturb: func(b *bench) {
				b.aws.Inject(awslocal.Fault{Operation: "UpdateFunctionCode", Count: 12, Action: awslocal.Drop})
			}},
		},
	},
	{
		name: "a gate that is a function",
		before: func(b *bench) {
			deployLive(b, minimal)
			b.write("approve.yaml", strings.Replace(minimal, "hello", "approve", 1))
			b.must("deploy", "--function-definition", "approve.yaml", "--artifact", "s3://code/app.zip", "--alias", "live")
		},
		change:     func(*bench) {},
		deployOnly: []string{"--gates", "before-traffic=arn:aws:lambda:eu-central-1:000000000000:function:approve:live"},
		scenarios:  []scenario{{name: "as planned"}},
	},
	{
		name:   "code alone",
		before: func(b *bench) { deployLive(b, minimal) },
		change: func(b *bench) { b.object("app.zip", "2") },
		scenarios: []scenario{
			{name: "as planned"},
			{name: "the version fails", deploy: 1, disturb: func(b *bench) { b.aws.Fail("version", "hello", "InternalError", "it cannot start") }},
			{name: "no answer to the code", deploy: 1, disturb: func(b *bench) {
				b.aws.Inject(awslocal.Fault{Operation: "UpdateFunctionCode", Count: 12, Action: awslocal.Drop})
			}},
		},
	},
}

// alarm makes a CloudWatch alarm that lacks data.
func (b *bench) alarm(name string) {
	b.t.Helper()
	_, err := cloudwatch.NewFromConfig(b.config()).PutMetricAlarm(b.t.Context(), &cloudwatch.PutMetricAlarmInput{
		AlarmName: &name, Namespace: aws.String("N"), MetricName: aws.String("M"), Statistic: types.StatisticSum, Period: aws.Int32(60),
		EvaluationPeriods: aws.Int32(1), Threshold: aws.Float64(1), ComparisonOperator: types.ComparisonOperatorGreaterThanThreshold,
	})
	if err != nil {
		b.t.Fatal(err)
	}
}

// raise turns every alarm of this bench on, for a while.
func (b *bench) raise() {
	b.t.Helper()
	_, err := cloudwatch.NewFromConfig(b.config()).PutMetricData(b.t.Context(), &cloudwatch.PutMetricDataInput{
		Namespace: aws.String("N"), MetricData: []types.MetricDatum{{MetricName: aws.String("M"), Value: aws.Float64(9), Timestamp: aws.Time(time.Now().Add(-time.Minute))}},
	})
	if err != nil {
		b.t.Fatal(err)
	}
}

// groups makes deployment groups of the application hello; the alarm high stops the
// last one.
func (b *bench) groups(names ...string) {
	b.t.Helper()
	c := codedeploy.NewFromConfig(b.config())
	_, err := c.CreateApplication(b.t.Context(), &codedeploy.CreateApplicationInput{ApplicationName: aws.String("hello"), ComputePlatform: codedeploytypes.ComputePlatformLambda})
	_, short := c.CreateDeploymentConfig(b.t.Context(), &codedeploy.CreateDeploymentConfigInput{
		DeploymentConfigName: aws.String("short"), ComputePlatform: codedeploytypes.ComputePlatformLambda,
		TrafficRoutingConfig: &codedeploytypes.TrafficRoutingConfig{
			Type:            codedeploytypes.TrafficRoutingTypeTimeBasedCanary,
			TimeBasedCanary: &codedeploytypes.TimeBasedCanary{CanaryPercentage: 10, CanaryInterval: 1},
		},
	})
	err = errors.Join(err, short)
	for i, name := range names {
		_, made := c.CreateDeploymentGroup(b.t.Context(), &codedeploy.CreateDeploymentGroupInput{
			ApplicationName: aws.String("hello"), DeploymentGroupName: &name, ServiceRoleArn: aws.String("arn:aws:iam::000000000000:role/codedeploy"),
			DeploymentConfigName: aws.String("short"),
			AlarmConfiguration:   &codedeploytypes.AlarmConfiguration{Enabled: i == len(names)-1, Alarms: []codedeploytypes.Alarm{{Name: aws.String("high")}}},
		})
		err = errors.Join(err, made)
	}
	if err != nil {
		b.t.Fatal(err)
	}
}

// deployLive deploys a definition with the alias live, as root.
func deployLive(b *bench, definition string) {
	b.object("app.zip", "1")
	b.write("function.yaml", definition)
	b.must("deploy", "--function-definition", "function.yaml", "--artifact", "s3://code/app.zip", "--alias", "live")
}

// leastBench is the state before a deployment, the files changed already.
func leastBench(t *testing.T, plan int) *bench {
	b := virtualBench(t, awslocal.Options{PolicyEvaluation: true, Handler: broken})
	b.write("function.yaml", minimal)
	leastPlans[plan].before(b)
	leastPlans[plan].change(b)
	return b
}

// broken is a function that fails, unless it is the gate.
func broken(_ context.Context, e awslocal.Event) awslocal.Answer {
	if e.Function == "approve" {
		return awslocal.Answer{Payload: []byte(`{"approve": true}`)}
	}
	return awslocal.Answer{Payload: []byte(`{"errorMessage": "broken"}`), FunctionError: "Unhandled"}
}

// eachPlan runs f for each of leastPlans side by side, in virtual time.
func eachPlan(t *testing.T, f func(t *testing.T, plan int)) {
	step := 1
	if testing.Short() { // for the race detector, which is slow
		step = 3
	}
	everyNthPlan(t, step, f)
}

// somePlans is eachPlan for what hardly hangs on the plan: every third without -full.
func somePlans(t *testing.T, f func(t *testing.T, plan int)) {
	step := 3
	switch {
	case *full:
		step = 1
	case testing.Short(): // for the race detector, which is slow
		step = 6
	}
	everyNthPlan(t, step, f)
}

func everyNthPlan(t *testing.T, step int, f func(t *testing.T, plan int)) {
	t.Parallel()
	for i, p := range leastPlans {
		if i%step != 0 {
			continue
		}
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			awstest.Run(t, func(t *testing.T) { f(t, i) })
		})
	}
}

// leastInputs are the inputs of a plan's deployment.
func leastInputs(plan int) []string {
	inputs := append([]string{
		"--function-definition", "function.yaml", "--artifact", cmp.Or(leastPlans[plan].artifact, "s3://code/app.zip"), "--alias", "live,next",
		"--verify", leastPlans[plan].verify,
	}, leastPlans[plan].deployOnly...)
	if leastPlans[plan].traffic != "" {
		// By default a deployment goes on without the permission to watch.
		inputs = append(inputs, "--traffic", leastPlans[plan].traffic, "--guard", "errors", "--alarms", "high")
	}
	return inputs
}

// run deploys as the role and rolls back, and tells whether that went as it
// does when all is allowed.
func (c scenario) run(b *bench, plan int) (ok bool, text string) {
	if c.disturb != nil {
		c.disturb(b)
	}
	more := append([]string{"--role-to-assume", deployer}, leastPlans[plan].more...)
	code, out, errs := b.run(slices.Concat([]string{"deploy"}, leastInputs(plan), more)...)
	text = fmt.Sprintf("deploy: exit %d\n%s%s", code, out, errs)
	if code != c.deploy {
		return false, text
	}
	code, out, errs = b.run(append([]string{"rollback"}, b.nameJournal(more)...)...)
	return code == 0, fmt.Sprintf("%srollback: exit %d\n%s%s", text, code, out, errs)
}

// nameJournal puts the one journal's own name for the place that holds it.
func (b *bench) nameJournal(inputs []string) []string {
	b.t.Helper()
	inputs = slices.Clone(inputs)
	for i, in := range inputs {
		bucket, prefix, ok := strings.Cut(strings.TrimPrefix(in, "s3://"), "/")
		if !ok || in == bucket+"/"+prefix {
			continue
		}
		client := s3.NewFromConfig(b.config(), func(o *s3.Options) { o.UsePathStyle = true })
		list, err := client.ListObjectsV2(b.t.Context(), &s3.ListObjectsV2Input{Bucket: &bucket, Prefix: &prefix})
		if err != nil {
			b.t.Fatal(err)
		}
		for _, o := range list.Contents {
			if run, _, ok := strings.Cut(*o.Key, ".journal/header/"); ok {
				inputs[i] = "s3://" + bucket + "/" + run + ".journal"
			}
		}
	}
	return inputs
}
