package awslocal_test

import (
	"context"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscloudwatch "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cloudwatchtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/awstest"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/cloudwatch"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/runner"
)

// failing is a version that takes 4 ms, and fails where the payload asks it to.
func failing(_ context.Context, e awslocal.Event) awslocal.Answer {
	time.Sleep(4 * time.Millisecond)
	a := awslocal.Answer{Payload: []byte(`"` + e.Version + `"`), Log: "hello\n"}
	if strings.Contains(string(e.Payload), "fail") {
		a.FunctionError = runner.Unhandled
	}
	return a
}

// shared makes fn with two versions and an alias that gives the second a weight;
// 0 gives it none.
func shared(t *testing.T, a *awstest.AWS, weight float64) *awslambda.Client {
	t.Helper()
	c := a.Lambda()
	awstest.CreateFunction(t, c, "fn")
	for _, content := range []string{"1", "2"} {
		_, err := c.UpdateFunctionCode(t.Context(), &awslambda.UpdateFunctionCodeInput{FunctionName: aws.String("fn"), ZipFile: awstest.Zip(t, "index.py", content)})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.PublishVersion(t.Context(), &awslambda.PublishVersionInput{FunctionName: aws.String("fn")}); err != nil {
			t.Fatal(err)
		}
	}
	in := &awslambda.CreateAliasInput{FunctionName: aws.String("fn"), Name: aws.String("live"), FunctionVersion: aws.String("1")}
	if weight > 0 {
		in.RoutingConfig = &types.AliasRoutingConfiguration{AdditionalVersionWeights: map[string]float64{"2": weight}}
	}
	if _, err := c.CreateAlias(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	return c
}

// metric is one value of the last ten minutes: the sum of the minutes, or the
// newest of a percentile.
func metric(t *testing.T, a *awstest.AWS, name, stat string, dimensions ...string) float64 {
	t.Helper()
	m := &cloudwatchtypes.Metric{Namespace: aws.String("AWS/Lambda"), MetricName: &name}
	for i := 0; i < len(dimensions); i += 2 {
		m.Dimensions = append(m.Dimensions, cloudwatchtypes.Dimension{Name: &dimensions[i], Value: &dimensions[i+1]})
	}
	now := time.Now()
	out, err := awscloudwatch.NewFromConfig(a.Config(awstest.Region, awstest.Key)).GetMetricData(t.Context(), &awscloudwatch.GetMetricDataInput{
		StartTime: aws.Time(now.Add(-10 * time.Minute)), EndTime: aws.Time(now.Add(time.Minute)),
		MetricDataQueries: []cloudwatchtypes.MetricDataQuery{{Id: aws.String("q"), MetricStat: &cloudwatchtypes.MetricStat{Metric: m, Period: aws.Int32(60), Stat: &stat}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	values := out.MetricDataResults[0].Values
	if stat != "Sum" && len(values) > 0 {
		return values[0]
	}
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	return sum
}

// invokeDirectly invokes fn without a network between: for thousands of calls.
func invokeDirectly(a *awstest.AWS, qualifier string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, a.URL+"/2015-03-31/functions/fn/invocations?Qualifier="+qualifier, strings.NewReader("{}"))
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260102/"+awstest.Region+"/lambda/aws4_request, SignedHeaders=host, Signature=00")
	w := httptest.NewRecorder()
	a.Server.ServeHTTP(w, r)
	return w
}

// A weight of 10 % is 10 % of 1,000 invocations, to 3 points, and CloudWatch says
// the same as the answers did.
func TestTrafficFollowsTheWeights(t *testing.T) {
	t.Parallel()
	awstest.Run(t, func(t *testing.T) {
		a := awstest.StartInProcess(t, awslocal.Options{Handler: failing, Seed: 7})
		shared(t, a, 0.1)
		const calls = 1000
		second := 0
		for range calls {
			answer := invokeDirectly(a, "live")
			if answer.Code != http.StatusOK {
				t.Fatalf("Invoke: %d %s", answer.Code, answer.Body)
			}
			if answer.Header().Get("X-Amz-Executed-Version") == "2" {
				second++
			}
		}
		if share := float64(second) / calls; math.Abs(share-0.1) > 0.03 {
			t.Errorf("share %.3f, want 0.1 within 0.03", share)
		}
		live := []string{"FunctionName", "fn", "Resource", "fn:live"}
		counts := [3]float64{
			metric(t, a, "Invocations", "Sum", live...),
			metric(t, a, "Invocations", "Sum", append(live, "ExecutedVersion", "1")...),
			metric(t, a, "Invocations", "Sum", append(live, "ExecutedVersion", "2")...),
		}
		if counts != [3]float64{calls, float64(calls - second), float64(second)} {
			t.Errorf("counted %v, want %d of the second version", counts, second)
		}
		if p99 := metric(t, a, "Duration", "p99", live...); p99 != 4 {
			t.Errorf("p99 of the duration: %g ms", p99)
		}
	})
}

func TestExecutedVersionIsCountedOnlyWhileTrafficIsSplit(t *testing.T) {
	t.Parallel()
	awstest.Run(t, func(t *testing.T) {
		a := awstest.StartInProcess(t, awslocal.Options{Handler: failing})
		c := shared(t, a, 0)
		for qualifier, payload := range map[string]string{"live": `"fail"`, "2": `{}`, "": `{}`} {
			in := &awslambda.InvokeInput{FunctionName: aws.String("fn"), Payload: []byte(payload)}
			if qualifier != "" {
				in.Qualifier = &qualifier
			}
			if _, err := c.Invoke(t.Context(), in); err != nil {
				t.Fatal(err)
			}
		}
		for _, test := range []struct {
			metric     string
			want       float64
			dimensions []string
		}{
			{"Invocations", 3, []string{"FunctionName", "fn"}},
			{"Invocations", 1, []string{"FunctionName", "fn", "Resource", "fn:live"}},
			{"Errors", 1, []string{"FunctionName", "fn", "Resource", "fn:live"}},
			{"Errors", 0, []string{"FunctionName", "fn", "Resource", "fn:2"}},
			{"Invocations", 1, []string{"FunctionName", "fn", "Resource", "fn:2"}},
			{"Invocations", 0, []string{"FunctionName", "fn", "Resource", "fn:live", "ExecutedVersion", "1"}},
		} {
			if got := metric(t, a, test.metric, "Sum", test.dimensions...); got != test.want {
				t.Errorf("%s %v: %g, want %g", test.metric, test.dimensions, got, test.want)
			}
		}
	})
}

// The delay of AWS holds an invocation back in virtual time, and can be switched
// over HTTP.
func TestTheMetricDelayIsSetInOptionsAndLater(t *testing.T) {
	t.Parallel()
	awstest.Run(t, func(t *testing.T) {
		a := awstest.StartInProcess(t, awslocal.Options{Handler: failing, MetricDelay: cloudwatch.AWSDelay, Control: true})
		c := shared(t, a, 0)
		seen := func() float64 { return metric(t, a, "Errors", "Sum", "FunctionName", "fn") }
		invoke := func() {
			t.Helper()
			if _, err := c.Invoke(t.Context(), &awslambda.InvokeInput{FunctionName: aws.String("fn"), Payload: []byte(`"fail"`)}); err != nil {
				t.Fatal(err)
			}
		}
		invoke()
		time.Sleep(59 * time.Second)
		if got := seen(); got != 0 {
			t.Errorf("after 59 s: %g", got)
		}
		time.Sleep(122 * time.Second)
		if got := seen(); got != 1 {
			t.Errorf("after 181 s: %g", got)
		}
		answer, err := a.HTTP.Post(a.URL+"/_local/metrics", "application/json", strings.NewReader(`{"From":"0s","To":"0s"}`))
		if err != nil || answer.StatusCode != http.StatusOK {
			t.Fatalf("%+v, %v", answer, err)
		}
		if err := answer.Body.Close(); err != nil {
			t.Fatal(err)
		}
		invoke()
		if got := seen(); got != 2 {
			t.Errorf("without a delay: %g", got)
		}
	})
}
