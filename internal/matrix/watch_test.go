package matrix

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/awstest"
)

func (w *world) cloudwatch() *cloudwatch.Client {
	return cloudwatch.NewFromConfig(w.Config(awstest.Region, awstest.Key))
}

// alarmed is a function with an alarm that is OK.
func alarmed(w *world) {
	published(w)
	_, err := w.cloudwatch().PutMetricAlarm(context.Background(), &cloudwatch.PutMetricAlarmInput{
		AlarmName: aws.String("errors"), Namespace: aws.String("AWS/Lambda"), MetricName: aws.String("Errors"), Statistic: types.StatisticSum,
		Period: aws.Int32(60), EvaluationPeriods: aws.Int32(1), Threshold: aws.Float64(5), ComparisonOperator: types.ComparisonOperatorGreaterThanThreshold,
	})
	w.must(err)
}

// failing is a function whose next version fails in every second invocation, as
// CloudWatch says for the minutes that come.
func failing(w *world) {
	published(w)
	begin := time.Now().Truncate(time.Minute)
	for version, counts := range map[string][2]float64{"1": {900, 0}, "2": {100, 50}} {
		for i, metric := range []string{"Invocations", "Errors"} {
			var data []types.MetricDatum
			for minute := range 20 {
				data = append(data, types.MetricDatum{
					MetricName: &metric, Value: aws.Float64(counts[i]), Timestamp: aws.Time(begin.Add(time.Duration(minute) * time.Minute)),
					Dimensions: []types.Dimension{
						{Name: aws.String("FunctionName"), Value: aws.String("f")}, {Name: aws.String("Resource"), Value: aws.String("f:live")},
						{Name: aws.String("ExecutedVersion"), Value: &version},
					},
				})
			}
			_, err := w.cloudwatch().PutMetricData(context.Background(), &cloudwatch.PutMetricDataInput{Namespace: aws.String("AWS/Lambda"), MetricData: data})
			w.must(err)
		}
	}
}

// The guard takes a version back whose metrics are bad; cut off at any call or
// write of that, the state after a rollback is the state before, and no weight is
// left behind.
func TestAGuardsRollbackIsExactWhereverItIsCutOff(t *testing.T) {
	t.Parallel()
	s := scenario{
		before: failing, definition: define(`, "memorySize": 256`), files: map[string]string{"code/bootstrap": "two"},
		args: []string{"--function-definition", "function.json", "--artifact", "code", "--alias", "live", "--traffic", "10%/10m"},
	}
	var whole count
	awstest.Run(t, func(t *testing.T) {
		w := newWorld(t)
		before := s.prepare(w)
		done := s.deploy(w, cut{})
		done.expect(t, "the deployment", 1)
		if !strings.Contains(done.output, "version 2 of function f failed in") {
			t.Errorf("another reason:\n%s", done.output)
		}
		w.same(before, w.dump())
		whole = done.count
	})
	var tried, exact atomic.Int64
	each(t, some(cuts(whole), 0), func(t *testing.T, c cut) {
		tried.Add(1)
		w := newWorld(t)
		before := s.prepare(w)
		s.deploy(w, c).expect(t, "the deployment", killed)
		if w.restored(before) {
			exact.Add(1)
		}
	})
	t.Logf("%d cuts, %d exact", tried.Load(), exact.Load())
}
