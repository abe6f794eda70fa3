package metrics_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/google/go-cmp/cmp"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/awstest"
	"github.com/lambda-rollout/lambda-rollout/internal/metrics"
	"github.com/lambda-rollout/lambda-rollout/internal/session"
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

// run runs a test with an AWS of its own in virtual time.
func run(t *testing.T, test func(t *testing.T, a *awstest.AWS, c *metrics.Client), wrap ...awstest.Wrap) {
	t.Helper()
	t.Parallel()
	awstest.Run(t, func(t *testing.T) {
		a := awstest.StartInProcess(t, awslocal.Options{}, wrap...)
		s, err := session.Open(t.Context(), session.Options{
			Region: awstest.Region, AccessKeyID: awstest.Key, SecretAccessKey: "secret", Endpoint: a.URL, HTTPClient: a.HTTP,
			Limits: session.NewLimits(), Version: "test", LookupEnv: environment,
		})
		if err != nil {
			t.Fatal(err)
		}
		test(t, a, metrics.New(t.Context(), s, awstest.Region))
	})
}

// put writes a metric as Lambda does.
func put(t *testing.T, a *awstest.AWS, metric string, at time.Time, value float64, s metrics.Subject) {
	t.Helper()
	client := cloudwatch.NewFromConfig(aws.Config{
		Region: awstest.Region, BaseEndpoint: &a.URL, HTTPClient: a.HTTP, Credentials: credentials.NewStaticCredentialsProvider(awstest.Key, "secret", ""),
	})
	resource := s.Function + ":" + s.Alias
	d := []types.Dimension{{Name: aws.String("FunctionName"), Value: &s.Function}, {Name: aws.String("Resource"), Value: &resource}}
	if s.Version != "" {
		d = append(d, types.Dimension{Name: aws.String("ExecutedVersion"), Value: &s.Version})
	}
	_, err := client.PutMetricData(t.Context(), &cloudwatch.PutMetricDataInput{Namespace: aws.String("AWS/Lambda"), MetricData: []types.MetricDatum{
		{MetricName: &metric, Timestamp: &at, Value: &value, Dimensions: d},
	}})
	if err != nil {
		t.Fatal(err)
	}
}

func TestVersionsAndAliasesAreCountedByTheMinute(t *testing.T) {
	run(t, func(t *testing.T, a *awstest.AWS, c *metrics.Client) {
		now := time.Now().UTC().Truncate(time.Minute)
		older, newer, whole := metrics.Subject{"shop", "live", "1"}, metrics.Subject{"shop", "live", "2"}, metrics.Subject{"shop", "live", ""}
		first, second := now.Add(-10*time.Minute), now.Add(-9*time.Minute)
		put(t, a, "Invocations", first.Add(59*time.Second), 90, older)
		put(t, a, "Invocations", first, 10, newer)
		put(t, a, "Errors", first.Add(time.Second), 2, newer)
		put(t, a, "Errors", first.Add(2*time.Second), 1, newer)
		put(t, a, "Invocations", second, 7, newer)
		put(t, a, "Invocations", second, 50, whole)
		put(t, a, "Invocations", now.Add(-8*time.Minute), 1000, newer) // at the end, which is left out
		put(t, a, "Invocations", now.Add(-11*time.Minute), 1000, newer)
		got, err := c.Read(t.Context(), []metrics.Subject{newer, older, whole, {"other", "live", "2"}}, first.Add(30*time.Second), now.Add(-8*time.Minute))
		if err != nil {
			t.Fatal(err)
		}
		want := []metrics.Series{{first: {10, 3}, second: {7, 0}}, {first: {90, 0}}, {second: {50, 0}}, {}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]time.Time{first, second}, metrics.Minutes(got...)); diff != "" {
			t.Error(diff)
		}
		if got := got[0].Total(); got != (metrics.Count{Invocations: 17, Errors: 3}) {
			t.Errorf("total %+v", got)
		}
	})
}

func TestManyFunctionsShareACall(t *testing.T) {
	run(t, func(t *testing.T, a *awstest.AWS, c *metrics.Client) {
		now := time.Now().UTC().Truncate(time.Minute)
		var subjects []metrics.Subject
		for i := range 300 {
			subjects = append(subjects, metrics.Subject{Function: fmt.Sprintf("f%d", i), Alias: "live", Version: "2"})
		}
		at := now.Add(-5 * time.Minute)
		put(t, a, "Invocations", at, 1, subjects[0])
		put(t, a, "Invocations", at, 3, subjects[299])
		a.ResetCalls()
		got, err := c.Read(t.Context(), subjects, now.Add(-time.Hour), now)
		if err != nil {
			t.Fatal(err)
		}
		if got[0][at].Invocations != 1 || got[299][at].Invocations != 3 || len(got[150]) != 0 {
			t.Errorf("first %v, last %v, another %v", got[0], got[299], got[150])
		}
		if calls := a.Calls(); len(calls) != 2 {
			t.Errorf("%d calls for 300 versions, want 2", len(calls))
		}
	})
}

func TestNoMinuteNeedsNoCall(t *testing.T) {
	run(t, func(t *testing.T, a *awstest.AWS, c *metrics.Client) {
		at := time.Now().Truncate(time.Minute)
		got, err := c.Read(t.Context(), []metrics.Subject{{Function: "f"}}, at, at.Add(59*time.Second))
		if err != nil || len(got) != 1 || len(a.Calls()) != 0 {
			t.Errorf("%v, %v, %d calls", got, err, len(a.Calls()))
		}
	})
}

// answers replaces GetMetricData's answers, one after the other; the last one
// repeats.
func answers(texts ...string) awstest.Wrap {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".GetMetricData") {
				next.ServeHTTP(w, r)
				return
			}
			if r.Header.Get("Content-Type") != "application/x-amz-json-1.0" {
				w.WriteHeader(http.StatusUnsupportedMediaType)
				return
			}
			text := texts[0]
			if len(texts) > 1 {
				texts = texts[1:]
			}
			if strings.Contains(text, "__type") {
				w.WriteHeader(http.StatusBadRequest)
			}
			_, _ = w.Write([]byte(text))
		})
	}
}

func page(t *testing.T, next string, results ...map[string]any) string {
	t.Helper()
	text, err := json.Marshal(map[string]any{"MetricDataResults": results, "NextToken": next, "Messages": []any{}})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestPagesAreAddedUp(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	one := map[string]any{"Id": "i0", "StatusCode": "PartialData", "Timestamps": []int64{at.Unix()}, "Values": []float64{5}}
	two := map[string]any{"Id": "i0", "StatusCode": "Complete", "Timestamps": []int64{at.Unix() + 60}, "Values": []float64{6}}
	errs := map[string]any{"Id": "e0", "StatusCode": "Complete", "Timestamps": []int64{at.Unix() + 60}, "Values": []float64{2}}
	run(t, func(t *testing.T, _ *awstest.AWS, c *metrics.Client) {
		got, err := c.Read(t.Context(), []metrics.Subject{{Function: "f"}}, at, at.Add(time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		want := []metrics.Series{{at: {5, 0}, at.Add(time.Minute): {6, 2}}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}, answers(page(t, "more", one), page(t, "", two, errs)))
}

func TestAnAnswerThatCannotBeReliedOnIsAnError(t *testing.T) {
	for name, tc := range map[string]struct{ answer, want string }{
		"failed":       {page(t, "", map[string]any{"Id": "e0", "StatusCode": "InternalError"}), "could not read Errors of f: InternalError"},
		"not asked":    {page(t, "", map[string]any{"Id": "i7", "StatusCode": "Complete"}), `not asked: "i7"`},
		"torn":         {page(t, "", map[string]any{"Id": "i0", "Timestamps": []int64{1, 2}, "Values": []float64{1}}), "1 values for 2 minutes"},
		"without end":  {page(t, "again"), "more pages than data points"},
		"not allowed":  {`{"__type": "AccessDenied", "message": "User: arn:aws:sts::123456789012:assumed-role/ci/run is not authorized to perform: cloudwatch:GetMetricData because no identity-based policy allows the cloudwatch:GetMetricData action"}`, "cloudwatch:GetMetricData"},
		"not readable": {`{"MetricDataResults": 1}`, "read the metrics of f:live in " + awstest.Region},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, func(t *testing.T, _ *awstest.AWS, c *metrics.Client) {
				_, err := c.Read(t.Context(), []metrics.Subject{{Function: "f", Alias: "live"}}, time.Now().Add(-time.Hour), time.Now())
				if err == nil || !strings.Contains(err.Error(), tc.want) {
					t.Errorf("ends with %v, want %q", err, tc.want)
				}
				if _, denied := errors.AsType[session.Denied](err); denied != (name == "not allowed") {
					t.Errorf("denied is %v: %v", denied, err)
				}
			}, answers(tc.answer))
		})
	}
}

// An invocation at the end of a minute can be seen three minutes later.
func TestAMinuteIsCompleteThreeMinutesAfterItsEnd(t *testing.T) {
	t.Parallel()
	minute := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for after, want := range map[time.Duration]bool{
		0: false, 4*time.Minute - time.Second: false, 4 * time.Minute: true, 5 * time.Minute: true,
	} {
		if got := minute.Before(metrics.Complete(minute.Add(after), metrics.Delay)); got != want {
			t.Errorf("%s after its start: complete is %v", after, got)
		}
	}
}

func TestAlarmsOfBothKindsAreFoundByName(t *testing.T) {
	run(t, func(t *testing.T, a *awstest.AWS, c *metrics.Client) {
		client := cloudwatch.NewFromConfig(a.Config(awstest.Region, awstest.Key))
		var names []string
		for i := range 150 {
			name := fmt.Sprintf("alarm-%03d", i)
			names = append(names, name)
			_, err := client.PutMetricAlarm(t.Context(), &cloudwatch.PutMetricAlarmInput{
				AlarmName: &name, Namespace: aws.String("N"), MetricName: aws.String("M"), Statistic: types.StatisticSum, Period: aws.Int32(60),
				EvaluationPeriods: aws.Int32(1), Threshold: aws.Float64(1), ComparisonOperator: types.ComparisonOperatorGreaterThanThreshold,
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		if _, err := client.PutCompositeAlarm(t.Context(), &cloudwatch.PutCompositeAlarmInput{AlarmName: aws.String("any"), AlarmRule: aws.String("ALARM(alarm-149)")}); err != nil {
			t.Fatal(err)
		}
		_, err := client.SetAlarmState(t.Context(), &cloudwatch.SetAlarmStateInput{AlarmName: aws.String("alarm-149"), StateValue: types.StateValueAlarm, StateReason: aws.String("why")})
		if err != nil {
			t.Fatal(err)
		}
		found, err := c.Alarms(t.Context(), append(names, "any", "nobody"))
		if err != nil || len(found) != 151 {
			t.Fatalf("%d alarms, %v", len(found), err)
		}
		if got := found["alarm-149"]; got != (metrics.Alarm{Name: "alarm-149", State: metrics.InAlarm, Reason: "why"}) {
			t.Errorf("%+v", got)
		}
		if got := found["any"].State; got != metrics.InAlarm {
			t.Errorf("the composite alarm is %s", got)
		}
	})
}
