package cloudwatch

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/servicetest"
)

// The rows are the two tables of "Configuring how CloudWatch alarms treat missing
// data" (AWS's own examples; oldest first, X breaches, - is missing). "keep" is
// the state before.
func TestMissingDataIsTreatedAsTheTablesOfCloudWatchSay(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		points   string
		alarming int
		want     string // missing, ignore, breaching, notBreaching
	}{
		{"0-X-X", 3, "OK OK OK OK"},
		{"----0", 3, "OK OK OK OK"},
		{"-----", 3, "INSUFFICIENT_DATA keep ALARM OK"},
		{"0XX-X", 3, "ALARM ALARM ALARM ALARM"},
		{"--X--", 3, "ALARM keep ALARM OK"},
		{"0-X-X", 2, "ALARM ALARM ALARM ALARM"},
		{"00X0X", 2, "ALARM ALARM ALARM ALARM"},
		{"0-X--", 2, "OK OK ALARM OK"},
		{"----0", 2, "OK OK ALARM OK"},
		{"---X-", 2, "ALARM keep ALARM OK"},
	} {
		var got []string
		for _, missing := range []string{"missing", "ignore", "breaching", "notBreaching"} {
			w := window{needed: 3, alarming: test.alarming}
			for i := len(test.points) - 1; i >= 0; i-- {
				if test.points[i] != '-' {
					w.points = append(w.points, point{breaching: test.points[i] == 'X'})
				}
			}
			got = append(got, w.state(missing, "keep"))
		}
		if strings.Join(got, " ") != test.want {
			t.Errorf("%s, %d of 3: %s, want %s", test.points, test.alarming, strings.Join(got, " "), test.want)
		}
	}
}

// moving is a service whose time the test moves.
func moving(t *testing.T) (*served, *time.Time) {
	w, now := serve(t, ""), noon
	w.now = func() time.Time { return now }
	return w, &now
}

func (w *served) state(t *testing.T, name string) string {
	t.Helper()
	out, err := w.client.DescribeAlarms(t.Context(), &cloudwatch.DescribeAlarmsInput{
		AlarmNames: []string{name}, AlarmTypes: []types.AlarmType{types.AlarmTypeMetricAlarm, types.AlarmTypeCompositeAlarm},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range out.MetricAlarms {
		return string(a.StateValue)
	}
	for _, a := range out.CompositeAlarms {
		return string(a.StateValue)
	}
	return "none"
}

func (w *served) ran(at time.Time, failed bool) {
	w.Record(Invocation{Account: "111122223333", Region: "eu-west-1", Function: "fn", Resource: "fn:live", SharedVersion: "2", Time: at, Error: failed})
}

func TestAnAlarmFollowsTheErrorsOfWhatRan(t *testing.T) {
	t.Parallel()
	w, now := moving(t)
	w.alarm(t, "errors") // Errors of fn above 0.5 in one minute, nothing is OK
	step := func(want string) {
		t.Helper()
		if got := w.state(t, "errors"); got != want {
			t.Errorf("at %s: %s, want %s", now.Format("15:04:05"), got, want)
		}
	}
	step("INSUFFICIENT_DATA")
	*now = noon.Add(time.Minute)
	step("OK")
	w.ran(*now, true)
	step("OK") // its minute has not ended
	*now = noon.Add(2 * time.Minute)
	step("ALARM")
	w.ran(*now, false)
	*now = noon.Add(3 * time.Minute)
	step("OK")
	out, err := w.client.DescribeAlarms(t.Context(), &cloudwatch.DescribeAlarmsInput{StateValue: types.StateValueOk})
	want := "Threshold Crossed: 1 out of the last 1 datapoints [0 (01/03/26 12:02:00)] was not greater than the threshold (0.5)."
	if err != nil || len(out.MetricAlarms) != 1 || *out.MetricAlarms[0].StateReason != want || !out.MetricAlarms[0].StateTransitionedTimestamp.Equal(*now) {
		t.Errorf("%+v, %v", out, err)
	}
}

func TestAStateSetByHandStaysUntilThereIsNewerData(t *testing.T) {
	t.Parallel()
	w, now := moving(t)
	w.alarm(t, "errors")
	*now = noon.Add(90 * time.Second)
	if _, err := w.client.SetAlarmState(t.Context(), &cloudwatch.SetAlarmStateInput{AlarmName: aws.String("errors"), StateValue: types.StateValueAlarm, StateReason: aws.String("test")}); err != nil {
		t.Fatal(err)
	}
	*now = noon.Add(20 * time.Minute)
	if got := w.state(t, "errors"); got != "ALARM" {
		t.Errorf("without data: %s", got)
	}
	w.ran(*now, false)
	*now = noon.Add(21 * time.Minute)
	if got := w.state(t, "errors"); got != "OK" {
		t.Errorf("with newer data: %s", got)
	}
}

func TestCompositeAlarmsFollowTheirRule(t *testing.T) {
	t.Parallel()
	w := serve(t, "")
	w.alarm(t, "a", "b", "c d")
	set := func(name string, state types.StateValue) {
		t.Helper()
		if _, err := w.client.SetAlarmState(t.Context(), &cloudwatch.SetAlarmStateInput{AlarmName: &name, StateValue: state, StateReason: aws.String("test")}); err != nil {
			t.Fatal(err)
		}
	}
	set("a", types.StateValueAlarm)
	set("b", types.StateValueOk)
	put := func(name, rule string) error {
		_, err := w.client.PutCompositeAlarm(t.Context(), &cloudwatch.PutCompositeAlarmInput{AlarmName: &name, AlarmRule: &rule})
		return err
	}
	for i, test := range []struct{ rule, want string }{
		{"ALARM(a)", "ALARM"},
		{`ALARM("a") AND OK(arn:aws:cloudwatch:eu-west-1:111122223333:alarm:b)`, "ALARM"},
		{"ALARM(b) OR ALARM(a) AND FALSE", "OK"},
		{"NOT (ALARM(b) OR NOT TRUE)", "ALARM"},
		{`INSUFFICIENT_DATA("c d")`, "ALARM"},
		{`AT_LEAST(2, ALARM, (a, b, "c d"))`, "OK"},
		{`AT_LEAST(30%, ALARM, (a, b, "c d"))`, "ALARM"},
		{"ALARM(all1)", "ALARM"}, // of a composite alarm
	} {
		name := fmt.Sprintf("all%d", i)
		if err := put(name, test.rule); err != nil {
			t.Errorf("%s: %v", test.rule, err)
		}
		if got := w.state(t, name); got != test.want {
			t.Errorf("%s: %s, want %s", test.rule, got, test.want)
		}
	}
	set("b", types.StateValueAlarm)
	if got := w.state(t, "all1"); got != "OK" {
		t.Errorf("after b moved: %s", got)
	}
	for _, rule := range []string{"ALARM(lost)", "ALARM(a", "RED(a)", "ALARM(a) ALARM(b)", `ALARM("a)`, "AT_LEAST(x, ALARM, (a))", strings.Repeat("(", 200)} {
		if got := servicetest.Code(put("bad", rule)); got != "ValidationError" {
			t.Errorf("%s: %q", rule, got)
		}
	}
}

// With AWS's delay a minute is complete one to three minutes after its end, and
// Errors are never ahead of Invocations.
func TestMetricsArriveWithTheirDelay(t *testing.T) {
	t.Parallel()
	w, now := moving(t)
	w.SetDelay(AWSDelay)
	of := []string{"ExecutedVersion", "2", "FunctionName", "fn", "Resource", "fn:live"}
	behind := 0
	for range 20 {
		begun := *now
		w.ran(begun, true)
		var invocations, errors time.Duration
		for wait := range 190 {
			*now = begun.Add(time.Duration(wait) * time.Second)
			if invocations == 0 && w.last(t, "Invocations", of) {
				invocations = now.Sub(begun)
			}
			if errors == 0 && w.last(t, "Errors", of) {
				errors = now.Sub(begun)
			}
		}
		if invocations < time.Minute || errors < invocations || errors > 181*time.Second {
			t.Fatalf("invocations after %s, errors after %s", invocations, errors)
		}
		if errors > invocations {
			behind++
		}
		*now = begun.Add(10 * time.Minute)
	}
	if behind < 10 {
		t.Errorf("errors came later than invocations in %d of 20 minutes", behind)
	}
	w.SetDelay(Delay{})
	w.ran(*now, true)
	if !w.last(t, "Errors", of) {
		t.Error("without a delay the error is not there")
	}
}

// last reports whether there is a value of the last minutes, without HTTP.
func (w *served) last(t *testing.T, metric string, pairs []string) bool {
	t.Helper()
	q := metricQuery{Id: "q", MetricStat: &metricStat{Period: 60, Stat: "Sum"}}
	q.MetricStat.Metric.Namespace, q.MetricStat.Metric.MetricName = "AWS/Lambda", metric
	for i := 0; i < len(pairs); i += 2 {
		q.MetricStat.Metric.Dimensions = append(q.MetricStat.Metric.Dimensions, dimension{pairs[i], pairs[i+1]})
	}
	now := w.now()
	out, err := w.getMetricData(callerOfTests, &getMetricDataInput{MetricDataQueries: []metricQuery{q}, StartTime: now.Add(-200 * time.Second), EndTime: now.Add(time.Minute)})
	if err != nil {
		t.Fatal(err)
	}
	return len(out.(getMetricDataOutput).MetricDataResults[0].Values) > 0
}
