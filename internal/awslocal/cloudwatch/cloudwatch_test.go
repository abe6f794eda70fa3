package cloudwatch

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/google/go-cmp/cmp"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/api"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/servicetest"
)

// noon is the time of every test; nothing here waits for it to pass.
var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// callerOfTests makes every call.
var callerOfTests = api.Caller{Account: "111122223333", Region: "eu-west-1"}

type served struct {
	*Service
	url    string
	client *cloudwatch.Client
}

func serve(t *testing.T, dir string) *served {
	t.Helper()
	s, err := New(servicetest.OpenStore(t, dir), func() time.Time { return noon })
	if err != nil {
		t.Fatal(err)
	}
	url := servicetest.Serve(t, s, servicetest.Always(callerOfTests))
	return &served{s, url, cloudwatch.New(cloudwatch.Options{Region: "eu-west-1", BaseEndpoint: &url, RetryMaxAttempts: 1, Credentials: credentials.NewStaticCredentialsProvider("k", "s", "")})}
}

func (w *served) alarm(t *testing.T, names ...string) {
	t.Helper()
	for _, name := range names {
		_, err := w.client.PutMetricAlarm(t.Context(), &cloudwatch.PutMetricAlarmInput{
			AlarmName: &name, Namespace: aws.String("AWS/Lambda"), MetricName: aws.String("Errors"), Statistic: types.StatisticSum, Period: aws.Int32(60),
			EvaluationPeriods: aws.Int32(1), Threshold: aws.Float64(0.5), ComparisonOperator: types.ComparisonOperatorGreaterThanThreshold,
			Dimensions: []types.Dimension{{Name: aws.String("FunctionName"), Value: aws.String("fn")}}, TreatMissingData: aws.String("notBreaching"),
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func names(out *cloudwatch.DescribeAlarmsOutput) string {
	var list []string
	for _, a := range out.MetricAlarms {
		list = append(list, *a.AlarmName+" "+string(a.StateValue))
	}
	for _, a := range out.CompositeAlarms {
		list = append(list, "composite "+*a.AlarmName)
	}
	return strings.Join(list, ", ")
}

func TestAlarmsAreDescribedAsTheyWerePut(t *testing.T) {
	t.Parallel()
	w := serve(t, "")
	w.alarm(t, "errors")
	out, err := w.client.DescribeAlarms(t.Context(), &cloudwatch.DescribeAlarmsInput{AlarmNames: []string{"errors", "lost"}})
	if err != nil || len(out.MetricAlarms) != 1 {
		t.Fatalf("%+v, %v", out, err)
	}
	a := out.MetricAlarms[0]
	got := []any{*a.AlarmArn, *a.Threshold, *a.Period, *a.ActionsEnabled, a.StateValue, *a.StateReason, *a.Dimensions[0].Value, a.ComparisonOperator, *a.TreatMissingData, a.StateUpdatedTimestamp.UTC()}
	want := []any{"arn:aws:cloudwatch:eu-west-1:111122223333:alarm:errors", 0.5, int32(60), true, types.StateValueInsufficientData, "Unchecked: Initial alarm creation", "fn", types.ComparisonOperatorGreaterThanThreshold, "notBreaching", noon}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestStatesMoveByHand(t *testing.T) {
	t.Parallel()
	w := serve(t, "")
	w.alarm(t, "a", "b")
	set := func(name string, state types.StateValue) error {
		_, err := w.client.SetAlarmState(t.Context(), &cloudwatch.SetAlarmStateInput{AlarmName: &name, StateValue: state, StateReason: aws.String("test")})
		return err
	}
	if err := set("a", types.StateValueAlarm); err != nil {
		t.Fatal(err)
	}
	if got := servicetest.Code(set("lost", types.StateValueOk)); got != "ResourceNotFound" {
		t.Errorf("missing alarm: %s", got)
	}
	if got := servicetest.Code(set("a", "RED")); got != "ValidationError" {
		t.Errorf("unknown state: %s", got)
	}
	w.alarm(t, "a")
	out, err := w.client.DescribeAlarms(t.Context(), nil)
	if err != nil || names(out) != "a ALARM, b INSUFFICIENT_DATA" {
		t.Errorf("after a second put: %s, %v", names(out), err)
	}
	out, err = w.client.DescribeAlarms(t.Context(), &cloudwatch.DescribeAlarmsInput{StateValue: types.StateValueAlarm})
	if err != nil || names(out) != "a ALARM" {
		t.Errorf("in ALARM: %s, %v", names(out), err)
	}
}

func TestCompositeAlarmsAreShownWhenAskedFor(t *testing.T) {
	t.Parallel()
	w := serve(t, "")
	w.alarm(t, "a")
	if _, err := w.client.PutCompositeAlarm(t.Context(), &cloudwatch.PutCompositeAlarmInput{AlarmName: aws.String("all"), AlarmRule: aws.String("ALARM(a)")}); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		kinds []types.AlarmType
		want  string
	}{
		{nil, "a INSUFFICIENT_DATA"},
		{[]types.AlarmType{types.AlarmTypeCompositeAlarm}, "composite all"},
		{[]types.AlarmType{types.AlarmTypeCompositeAlarm, types.AlarmTypeMetricAlarm}, "a INSUFFICIENT_DATA, composite all"},
	} {
		out, err := w.client.DescribeAlarms(t.Context(), &cloudwatch.DescribeAlarmsInput{AlarmNames: []string{"a", "all"}, AlarmTypes: test.kinds})
		if err != nil || names(out) != test.want {
			t.Errorf("%v: %s, %v", test.kinds, names(out), err)
		}
	}
}

func TestAlarmsPageAndAreDeletedTogether(t *testing.T) {
	t.Parallel()
	w := serve(t, "")
	w.alarm(t, "a", "b", "c")
	var got []string
	pages := cloudwatch.NewDescribeAlarmsPaginator(w.client, &cloudwatch.DescribeAlarmsInput{MaxRecords: aws.Int32(2)})
	for pages.HasMorePages() {
		out, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, names(out))
	}
	if diff := cmp.Diff([]string{"a INSUFFICIENT_DATA, b INSUFFICIENT_DATA", "c INSUFFICIENT_DATA"}, got); diff != "" {
		t.Error(diff)
	}
	if _, err := w.client.DescribeAlarms(t.Context(), &cloudwatch.DescribeAlarmsInput{AlarmNames: make([]string, 101)}); servicetest.Code(err) != "ValidationError" {
		t.Errorf("101 names: %v", err)
	}
	if _, err := w.client.DeleteAlarms(t.Context(), &cloudwatch.DeleteAlarmsInput{AlarmNames: []string{"a", "lost"}}); servicetest.Code(err) != "ResourceNotFound" {
		t.Errorf("one is missing: %v", err)
	}
	if _, err := w.client.DeleteAlarms(t.Context(), &cloudwatch.DeleteAlarmsInput{AlarmNames: []string{"a", "b"}}); err != nil {
		t.Error(err)
	}
	out, err := w.client.DescribeAlarms(t.Context(), nil)
	if err != nil || names(out) != "c INSUFFICIENT_DATA" {
		t.Errorf("left: %s, %v", names(out), err)
	}
}

func TestAlarmsSurviveAReopen(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	t.Run("before", func(t *testing.T) { serve(t, dir).alarm(t, "a") })
	out, err := serve(t, dir).client.DescribeAlarms(t.Context(), nil)
	if err != nil || names(out) != "a INSUFFICIENT_DATA" {
		t.Errorf("%s, %v", names(out), err)
	}
}

// ask is one query of the last ten minutes.
func (w *served) ask(t *testing.T, metric, stat string, dimensions ...string) string {
	t.Helper()
	q := types.MetricDataQuery{Id: aws.String("q"), MetricStat: &types.MetricStat{Period: aws.Int32(60), Stat: &stat, Metric: &types.Metric{Namespace: aws.String("AWS/Lambda"), MetricName: &metric}}}
	for i := 0; i < len(dimensions); i += 2 {
		q.MetricStat.Metric.Dimensions = append(q.MetricStat.Metric.Dimensions, types.Dimension{Name: &dimensions[i], Value: &dimensions[i+1]})
	}
	out, err := w.client.GetMetricData(t.Context(), &cloudwatch.GetMetricDataInput{MetricDataQueries: []types.MetricDataQuery{q}, StartTime: aws.Time(noon.Add(-10 * time.Minute)), EndTime: aws.Time(noon)})
	if err != nil {
		t.Fatal(err)
	}
	r := out.MetricDataResults[0]
	var text []string
	for i := range r.Values {
		text = append(text, fmt.Sprintf("%s=%g", r.Timestamps[i].UTC().Format("15:04"), r.Values[i]))
	}
	return strings.Join(text, " ")
}

func TestInvocationsAreCountedByVersion(t *testing.T) {
	t.Parallel()
	w := serve(t, "")
	at := noon.Add(-2*time.Minute - 30*time.Second)
	record := func(version string, after time.Duration, failed, throttled bool) {
		w.Record(Invocation{Account: "111122223333", Region: "eu-west-1", Function: "fn", Resource: "fn:live", SharedVersion: version, Time: at.Add(after), Duration: 20 * time.Millisecond, Error: failed, Throttled: throttled})
	}
	record("1", 0, false, false)
	record("1", 0, false, false)
	record("2", 0, true, false)
	record("2", time.Minute, false, false)
	record("", 0, false, true)
	live := []string{"FunctionName", "fn", "Resource", "fn:live"}
	of := func(version string) []string {
		return append(append([]string{"ExecutedVersion", version}, live...), []string(nil)...)
	}
	for _, test := range []struct {
		metric, stat string
		dimensions   []string
		want         string
	}{
		{"Invocations", "Sum", []string{"FunctionName", "fn"}, "11:58=1 11:57=3"},
		{"Invocations", "Sum", live, "11:58=1 11:57=3"},
		{"Invocations", "Sum", of("1"), "11:57=2"},
		{"Errors", "Sum", of("1"), "11:57=0"},
		{"Errors", "Sum", of("2"), "11:58=0 11:57=1"},
		{"Errors", "Average", live, "11:58=0 11:57=0.3333333333333333"},
		{"Throttles", "Sum", live, "11:58=0 11:57=1"},
		{"Duration", "Maximum", of("2"), "11:58=20 11:57=20"},
		{"Duration", "p99", live, "11:58=20 11:57=20"},
		{"Invocations", "Sum", nil, "11:58=1 11:57=3"},
		{"Invocations", "Sum", []string{"FunctionName", "other"}, ""},
	} {
		if got := w.ask(t, test.metric, test.stat, test.dimensions...); got != test.want {
			t.Errorf("%s %s %v: %q, want %q", test.stat, test.metric, test.dimensions, got, test.want)
		}
	}
}

func TestMetricsCanBePutForAFunctionThatDidNotRun(t *testing.T) {
	t.Parallel()
	w := serve(t, "")
	at := aws.Time(noon.Add(-time.Minute))
	data := []types.MetricDatum{
		{MetricName: aws.String("Errors"), Timestamp: at, Value: aws.Float64(3)},
		{MetricName: aws.String("Errors"), Timestamp: at, Values: []float64{1, 2}, Counts: []float64{2, 1}},
		{MetricName: aws.String("Errors"), Timestamp: at, StatisticValues: &types.StatisticSet{SampleCount: aws.Float64(2), Sum: aws.Float64(10), Minimum: aws.Float64(1), Maximum: aws.Float64(9)}},
	}
	for i := range 200 { // enough for the SDK to pack the request
		data = append(data, types.MetricDatum{MetricName: aws.String(fmt.Sprintf("Other%d", i)), Timestamp: at, Value: aws.Float64(1), Dimensions: []types.Dimension{{Name: aws.String("Long"), Value: aws.String(strings.Repeat("x", 50))}}})
	}
	if _, err := w.client.PutMetricData(t.Context(), &cloudwatch.PutMetricDataInput{Namespace: aws.String("AWS/Lambda"), MetricData: data}); err != nil {
		t.Fatal(err)
	}
	for stat, want := range map[string]string{"Sum": "11:59=17", "SampleCount": "11:59=6", "Maximum": "11:59=9", "Minimum": "11:59=1"} {
		if got := w.ask(t, "Errors", stat); got != want {
			t.Errorf("%s: %s, want %s", stat, got, want)
		}
	}
	_, err := w.client.PutMetricData(t.Context(), &cloudwatch.PutMetricDataInput{Namespace: aws.String("n"), MetricData: []types.MetricDatum{{MetricName: aws.String("m"), Value: aws.Float64(math.NaN())}}})
	if servicetest.Code(err) != "InvalidParameterValue" {
		t.Errorf("NaN: %v", err)
	}
}

func TestMetricDataPages(t *testing.T) {
	t.Parallel()
	w := serve(t, "")
	for i := range 5 {
		w.Record(Invocation{Account: "111122223333", Region: "eu-west-1", Function: "fn", Resource: "fn", Time: noon.Add(-time.Duration(i+1) * time.Minute)})
	}
	query := func(id, metric string) types.MetricDataQuery {
		return types.MetricDataQuery{Id: &id, MetricStat: &types.MetricStat{Period: aws.Int32(60), Stat: aws.String("Sum"), Metric: &types.Metric{Namespace: aws.String("AWS/Lambda"), MetricName: &metric}}}
	}
	n, calls := 0, 0
	pages := cloudwatch.NewGetMetricDataPaginator(w.client, &cloudwatch.GetMetricDataInput{MetricDataQueries: []types.MetricDataQuery{query("a", "Invocations"), query("b", "Errors")}, StartTime: aws.Time(noon.Add(-time.Hour)), EndTime: &noon, MaxDatapoints: aws.Int32(3), ScanBy: types.ScanByTimestampAscending})
	for pages.HasMorePages() {
		out, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		calls++
		for _, r := range out.MetricDataResults {
			n += len(r.Values)
		}
	}
	if n != 10 || calls != 4 {
		t.Errorf("%d points in %d pages, want 10 in 4", n, calls)
	}
}

func TestWrongQueriesAreRefused(t *testing.T) {
	t.Parallel()
	w := serve(t, "")
	stat := func(stat string, period int32) *types.MetricStat {
		return &types.MetricStat{Period: &period, Stat: &stat, Metric: &types.Metric{Namespace: aws.String("n"), MetricName: aws.String("m")}}
	}
	tests := map[string][]types.MetricDataQuery{
		"math":     {{Id: aws.String("a"), Expression: aws.String("b/c")}},
		"id":       {{Id: aws.String("A"), MetricStat: stat("Sum", 60)}},
		"twice":    {{Id: aws.String("a"), MetricStat: stat("Sum", 60)}, {Id: aws.String("a"), MetricStat: stat("Sum", 60)}},
		"period":   {{Id: aws.String("a"), MetricStat: stat("Sum", 61)}},
		"stat":     {{Id: aws.String("a"), MetricStat: stat("Most", 60)}},
		"too many": make([]types.MetricDataQuery, 501),
	}
	for i := range tests["too many"] {
		tests["too many"][i] = types.MetricDataQuery{Id: aws.String(fmt.Sprintf("q%d", i)), MetricStat: stat("Sum", 60)}
	}
	for name, queries := range tests {
		_, err := w.client.GetMetricData(t.Context(), &cloudwatch.GetMetricDataInput{MetricDataQueries: queries, StartTime: aws.Time(noon.Add(-time.Hour)), EndTime: &noon})
		if got := servicetest.Code(err); got != "ValidationError" && got != "InvalidParameterValue" {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func TestWhatIsKeptIsBounded(t *testing.T) {
	t.Parallel()
	m := newMetrics()
	for i := range maxMinutes + 10 {
		m.add("s", noon.Add(time.Duration(i)*time.Minute), one(1))
	}
	if m.count > maxMinutes || m.count != len(m.series["s"]) {
		t.Errorf("%d minutes, %d in the series", m.count, len(m.series["s"]))
	}
	if m.series["s"][noon.Unix()/60] != nil {
		t.Error("the oldest minute is still there")
	}
}

// The other protocols: what Debian's CLI and newer ones send.
func TestTheQueryProtocolIsServed(t *testing.T) {
	t.Parallel()
	w := serve(t, "")
	post := func(form string) string {
		values, err := url.ParseQuery(form)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := http.PostForm(w.url, values)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		b, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(answer.StatusCode, " ", string(b))
	}
	put := "Action=PutMetricAlarm&Version=2010-08-01&AlarmName=a&MetricName=Errors&Namespace=AWS%2FLambda&Statistic=Sum&Period=60&EvaluationPeriods=1&Threshold=0.5&ComparisonOperator=GreaterThanThreshold&ActionsEnabled=false&Dimensions.member.1.Name=FunctionName&Dimensions.member.1.Value=fn"
	if got := post(put); !strings.HasPrefix(got, "200 <PutMetricAlarmResponse") {
		t.Error(got)
	}
	got := post("Action=DescribeAlarms&AlarmNames.member.1=a&AlarmNames.member.2=lost")
	for _, want := range []string{"<DescribeAlarmsResult><CompositeAlarms></CompositeAlarms><MetricAlarms><member><AlarmName>a</AlarmName>", "<Threshold>0.5</Threshold>", "<ActionsEnabled>false</ActionsEnabled>", "<Dimensions><member><Name>FunctionName</Name><Value>fn</Value></member></Dimensions>", "<StateUpdatedTimestamp>2026-03-01T12:00:00Z</StateUpdatedTimestamp>"} {
		if !strings.Contains(got, want) {
			t.Errorf("lacks %s:\n%s", want, got)
		}
	}
	for form, want := range map[string]string{
		"Action=SetAlarmState&AlarmName=x&StateValue=OK&StateReason=r": "404 ", "Action=Nonsense": "400 ",
		strings.Replace(put, "Period=60", "Period=often", 1): "400 ", put + "&Dimensions=x": "200 ",
	} {
		if got := post(form); !strings.HasPrefix(got, want) {
			t.Errorf("%s: %s", form, got)
		}
	}
}

func TestTheJSONProtocolIsServed(t *testing.T) {
	t.Parallel()
	w := serve(t, "")
	w.alarm(t, "a")
	post := func(operation, body string) (int, string) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.url, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Amz-Target", jsonTarget+operation)
		r.Header.Set("Content-Type", "application/x-amz-json-1.0")
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		b, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		return answer.StatusCode, string(b)
	}
	status, body := post("DescribeAlarms", `{"AlarmNames":["a"]}`)
	if status != 200 || !strings.Contains(body, `"StateUpdatedTimestamp":1772366400,`) || !strings.Contains(body, `"Threshold":0.5`) {
		t.Errorf("%d %s", status, body)
	}
	for request, want := range map[string]int{"{": 400, `{"AlarmNames":"a"}`: 400, `{"MaxRecords":1.5}`: 400, strings.Repeat(" ", maxBody+1): 413, strings.Repeat("[", 100000): 400} {
		if status, body := post("DescribeAlarms", request); status != want {
			t.Errorf("%.20s: %d %s", request, status, body)
		}
	}
}

func TestCBORVectors(t *testing.T) {
	t.Parallel()
	// Appendix A of RFC 8949.
	for text, want := range map[string]any{
		"00": int64(0), "1864": int64(100), "1a000f4240": int64(1000000), "20": int64(-1), "3903e7": int64(-1000),
		"f93c00": 1.0, "f90001": 5.960464477539063e-08, "f97c00": math.Inf(1), "fa47c35000": 100000.0, "fb3ff199999999999a": 1.1,
		"f4": false, "f5": true, "f6": nil, "6161": "a", "62c3bc": "ü", "7f657374726561646d696e67ff": "streaming",
		"83010203": []any{int64(1), int64(2), int64(3)}, "9f0102ff": []any{int64(1), int64(2)},
		"a16161f5": map[string]any{"a": true}, "bf6161f5ff": map[string]any{"a": true},
		"c11a514b67b0": time.Unix(1363896240, 0).UTC(), "c1fb41d452d9ec200000": time.Unix(1363896240, 500_000_000).UTC(),
	} {
		b, err := hex.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		got, err := decodeCBOR(b)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v %s", text, err, diff)
		}
	}
}

func FuzzCBOR(f *testing.F) {
	f.Add([]byte("\xa1\x61a\x9f\x01\xff"))
	f.Add(encodeCBOR(members{{"a", []any{int64(-5), "x", 1.5, noon, true}}}))
	f.Add(bytes.Repeat([]byte{0x81}, 1000))
	f.Fuzz(func(t *testing.T, b []byte) {
		in, err := decodeCBOR(b)
		if err != nil {
			return
		}
		_ = fill(reflect.ValueOf(new(getMetricDataInput)).Elem(), in, "")
		_ = fill(reflect.ValueOf(new(alarm)).Elem(), in, "")
	})
}

func FuzzForms(f *testing.F) {
	f.Add("Dimensions.member.1.Name=a&Dimensions.member.1=b&Dimensions=c&.=d&member.1.member.2=e")
	f.Fuzz(func(t *testing.T, text string) {
		form, err := url.ParseQuery(text)
		if err != nil {
			return
		}
		in, err := decodeForm(form)
		if err == nil {
			_ = fill(reflect.ValueOf(new(alarm)).Elem(), in, "")
		}
	})
}
