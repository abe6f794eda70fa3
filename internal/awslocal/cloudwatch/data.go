package cloudwatch

import (
	"encoding/base64"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/api"
)

// Limits of "GetMetricData".
const (
	maxQueries    = 500
	maxDatapoints = 100_800
)

type metricQuery struct {
	Id         string
	MetricStat *metricStat
	Expression string
	Label      string
	ReturnData *bool
	Period     int
	AccountId  string
}

type metricStat struct {
	Metric struct {
		Namespace  string
		MetricName string
		Dimensions []dimension
	}
	Period int
	Stat   string
	Unit   string
}

type getMetricDataInput struct {
	MetricDataQueries []metricQuery
	StartTime         time.Time
	EndTime           time.Time
	ScanBy            string
	MaxDatapoints     int
	NextToken         string
}

type metricResult struct {
	Id         string
	Label      string
	Timestamps []time.Time
	Values     []float64
	StatusCode string
}

type getMetricDataOutput struct {
	MetricDataResults []metricResult
	NextToken         string
	Messages          []struct{ Code, Value string }
}

// getMetricData rests on "GetMetricData": newest first unless asked otherwise,
// minutes without data left out.
func (s *Service) getMetricData(c api.Caller, in *getMetricDataInput) (any, *api.Error) {
	if err := in.check(); err != nil {
		return nil, err
	}
	start, err := in.start()
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.metrics.arrive(s.now())
	out := getMetricDataOutput{MetricDataResults: []metricResult{}, Messages: []struct{ Code, Value string }{}}
	left := in.MaxDatapoints
	for i := start.query; i < len(in.MetricDataQueries); i++ {
		q := in.MetricDataQueries[i]
		if q.ReturnData != nil && !*q.ReturnData {
			continue
		}
		if left == 0 {
			out.NextToken = position{i, 0}.token()
			break
		}
		r := s.metrics.result(c, q, in)
		skip := 0
		if i == start.query {
			skip = min(start.point, len(r.Values))
		}
		r.Timestamps, r.Values = r.Timestamps[skip:], r.Values[skip:]
		if len(r.Values) > left {
			r.Timestamps, r.Values, r.StatusCode = r.Timestamps[:left], r.Values[:left], "PartialData"
			out.NextToken = position{i, skip + left}.token()
		}
		left -= len(r.Values)
		out.MetricDataResults = append(out.MetricDataResults, r)
		if out.NextToken != "" {
			break
		}
	}
	return out, nil
}

// position is where a page begins: a query and a point of its result.
type position struct{ query, point int }

func (p position) token() string {
	return base64.StdEncoding.EncodeToString([]byte(strconv.Itoa(p.query) + ":" + strconv.Itoa(p.point)))
}

func (in *getMetricDataInput) start() (position, *api.Error) {
	if in.NextToken == "" {
		return position{}, nil
	}
	raw, err := base64.StdEncoding.DecodeString(in.NextToken)
	query, point, _ := strings.Cut(string(raw), ":")
	q, err1 := strconv.Atoi(query)
	p, err2 := strconv.Atoi(point)
	if err != nil || err1 != nil || err2 != nil || q < 0 || p < 0 {
		return position{}, api.NewError(400, "InvalidNextToken", "The next token specified is invalid.")
	}
	return position{q, p}, nil
}

func (in *getMetricDataInput) check() *api.Error {
	if in.MaxDatapoints == 0 {
		in.MaxDatapoints = maxDatapoints
	}
	switch {
	case len(in.MetricDataQueries) == 0 || len(in.MetricDataQueries) > maxQueries:
		return invalid("The parameter MetricDataQueries must have between 1 and %d members.", maxQueries)
	case in.StartTime.IsZero() || in.EndTime.IsZero():
		return invalid("The parameters StartTime and EndTime are required.")
	case !in.StartTime.Before(in.EndTime):
		return invalid("The parameter StartTime must be less than the parameter EndTime.")
	case in.MaxDatapoints < 1 || in.MaxDatapoints > maxDatapoints:
		return invalidValue("MaxDatapoints", strconv.Itoa(in.MaxDatapoints))
	}
	seen := map[string]bool{}
	for _, q := range in.MetricDataQueries {
		if err := q.check(); err != nil {
			return err
		}
		if seen[q.Id] {
			return invalid("The values for parameter id in MetricDataQueries are not unique.")
		}
		seen[q.Id] = true
	}
	return nil
}

func (q metricQuery) check() *api.Error {
	switch {
	case q.Id == "" || q.Id[0] < 'a' || q.Id[0] > 'z':
		return invalid("The value '%s' for parameter id is not matching the expected pattern ^[a-z][a-zA-Z0-9_]*$.", q.Id)
	case q.MetricStat == nil && q.Expression != "":
		return invalid("Error in expression '%s': the embedded CloudWatch knows no metric math.", q.Id)
	case q.MetricStat == nil:
		return invalid("The parameter MetricDataQueries.member.MetricStat is required.")
	case q.MetricStat.Period < 1 || q.MetricStat.Period%60 != 0:
		return invalid("The parameter MetricDataQueries.member.MetricStat.Period must be a multiple of 60.")
	}
	if _, err := statistic(q.MetricStat.Stat); err != nil {
		return err
	}
	return nil
}

// result gathers one query's periods. A period is counted by its beginning,
// which lies on a multiple of its length.
func (m *metrics) result(c api.Caller, q metricQuery, in *getMetricDataInput) metricResult {
	r := metricResult{Id: q.Id, Label: q.Label, Timestamps: []time.Time{}, Values: []float64{}, StatusCode: "Complete"}
	if r.Label == "" {
		r.Label = q.MetricStat.Metric.MetricName
	}
	metric := q.MetricStat.Metric
	series := m.series[seriesKey(c.Account, c.Region, metric.Namespace, metric.MetricName, metric.Dimensions)]
	period := int64(q.MetricStat.Period)
	periods := map[int64]*minute{}
	for slot, one := range series {
		begin := slot * 60 / period * period
		if begin < in.StartTime.Unix()/period*period || begin >= in.EndTime.Unix() {
			continue
		}
		periods[begin] = periods[begin].plus(one)
	}
	value, _ := statistic(q.MetricStat.Stat) // checked before
	begins := slices.Sorted(maps.Keys(periods))
	if in.ScanBy != "TimestampAscending" {
		slices.Reverse(begins)
	}
	for _, begin := range begins {
		r.Timestamps = append(r.Timestamps, time.Unix(begin, 0).UTC())
		r.Values = append(r.Values, value(periods[begin]))
	}
	return r
}

func (m *minute) plus(o *minute) *minute {
	if m == nil {
		m = newMinute()
	}
	return &minute{m.count + o.count, m.sum + o.sum, min(m.low, o.low), max(m.high, o.high), slices.Concat(m.values, o.values)}
}

// statistic is how a period becomes one value ("CloudWatch statistics
// definitions"); percentiles are those of the values that were kept.
func statistic(name string) (func(*minute) float64, *api.Error) {
	switch name {
	case "Sum":
		return func(m *minute) float64 { return m.sum }, nil
	case "SampleCount":
		return func(m *minute) float64 { return m.count }, nil
	case "Average":
		return func(m *minute) float64 { return m.sum / m.count }, nil
	case "Minimum":
		return func(m *minute) float64 { return m.low }, nil
	case "Maximum":
		return func(m *minute) float64 { return m.high }, nil
	}
	text, ok := strings.CutPrefix(name, "p")
	p, err := strconv.ParseFloat(text, 64)
	if !ok || err != nil || !(p >= 0 && p <= 100) {
		return nil, invalidValue("Stat", name)
	}
	return func(m *minute) float64 { return m.percentile(p) }, nil
}

func (m *minute) percentile(p float64) float64 {
	if len(m.values) == 0 {
		return m.high // summed up before it came: nothing better is known
	}
	sorted := slices.Sorted(slices.Values(m.values))
	return sorted[max(0, int(math.Ceil(p/100*float64(len(sorted))))-1)]
}
