package cloudwatch

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/api"
)

// Bounds on what is kept. Above maxMinutes the oldest tenth goes; of a minute's
// values maxValues are kept for percentiles.
const (
	maxMinutes = 200_000
	maxValues  = 200
)

type dimension struct{ Name, Value string }

// metrics are minutes of metrics by series (see seriesKey) and Unix minute.
type metrics struct {
	series  map[string]map[int64]*minute
	count   int // of minutes
	pending pending
}

// minute is what came in one minute of a series.
type minute struct {
	count, sum, low, high float64
	values                []float64
}

func newMetrics() metrics {
	return metrics{series: map[string]map[int64]*minute{}, pending: pending{due: map[int64]map[pendingMinute]*minute{}}}
}

// seriesKey names one metric of one account and Region, its dimensions in order.
func seriesKey(account, region, namespace, name string, dimensions []dimension) string {
	sorted := slices.SortedFunc(slices.Values(dimensions), func(a, b dimension) int { return cmp.Compare(a.Name, b.Name) })
	parts := []string{account, region, namespace, name}
	for _, d := range sorted {
		parts = append(parts, d.Name, d.Value)
	}
	return strings.Join(parts, "\x00")
}

// sample is a number of equal or summed-up values at one time.
type sample struct {
	count, sum, low, high float64
	value                 float64 // where all are equal
	equal                 bool
}

func one(v float64) sample { return sample{1, v, v, v, v, true} }

func (m *metrics) add(series string, at time.Time, s sample) {
	one := newMinute()
	one.take(s)
	m.merge(series, at.Unix()/60, one)
}

// merge adds what came in a minute of a series.
func (m *metrics) merge(series string, slot int64, add *minute) {
	if m.series[series] == nil {
		m.series[series] = map[int64]*minute{}
	}
	into := m.series[series][slot]
	if into == nil {
		into = newMinute()
		m.series[series][slot] = into
		m.count++
	}
	into.join(add)
	if m.count > maxMinutes {
		m.forgetOldest()
	}
}

func newMinute() *minute { return &minute{low: math.Inf(1), high: math.Inf(-1)} }

func (m *minute) take(s sample) {
	m.count += s.count
	m.sum += s.sum
	m.low, m.high = min(m.low, s.low), max(m.high, s.high)
	for n := s.count; s.equal && n > 0 && len(m.values) < maxValues; n-- {
		m.values = append(m.values, s.value)
	}
}

func (m *minute) join(o *minute) {
	m.count += o.count
	m.sum += o.sum
	m.low, m.high = min(m.low, o.low), max(m.high, o.high)
	m.values = append(m.values, o.values[:min(len(o.values), maxValues-len(m.values))]...)
}

// forgetOldest drops about a tenth of the minutes, the oldest first.
func (m *metrics) forgetOldest() {
	var slots []int64
	for _, series := range m.series {
		slots = slices.AppendSeq(slots, maps.Keys(series))
	}
	slices.Sort(slots)
	until := slots[len(slots)/10]
	for key, series := range m.series {
		maps.DeleteFunc(series, func(slot int64, _ *minute) bool { return slot <= until })
		if len(series) == 0 {
			delete(m.series, key)
		}
	}
	m.count = 0
	for _, series := range m.series {
		m.count += len(series)
	}
}

// Invocation is one run of a function, or one that was refused.
type Invocation struct {
	Account, Region string
	Function        string
	Resource        string // "fn", "fn:alias" or "fn:version": as it was invoked
	// SharedVersion is the version that ran where an alias split its traffic, ""
	// otherwise.
	SharedVersion string
	Time          time.Time // when it began
	Duration      time.Duration
	Error         bool
	Throttled     bool
}

// Record counts an invocation under the dimensions of "Types of metrics for
// Lambda functions": the function, what was invoked, and, while an alias splits
// its traffic, the version that ran. The metric's time is when the function was
// invoked. A throttled one is no invocation.
func (s *Service) Record(i Invocation) {
	counts := map[string]float64{"Throttles": truth(i.Throttled)}
	if !i.Throttled {
		counts["Invocations"], counts["Errors"] = 1, truth(i.Error)
		counts["Duration"] = float64(i.Duration.Microseconds()) / 1000
	}
	function, resource := dimension{"FunctionName", i.Function}, dimension{"Resource", i.Resource}
	sets := [][]dimension{nil, {function}, {function, resource}}
	if i.SharedVersion != "" {
		sets = append(sets, []dimension{function, resource, {"ExecutedVersion", i.SharedVersion}})
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	slot, ended := i.Time.Unix()/60, s.now()
	for name, v := range counts {
		arrives := ended.Add(s.delay.of(i, name, slot))
		for _, dimensions := range sets {
			series := seriesKey(i.Account, i.Region, "AWS/Lambda", name, dimensions)
			if arrives.After(ended) {
				s.metrics.await(arrives, pendingMinute{series, slot}, one(v))
			} else {
				s.metrics.add(series, i.Time, one(v))
			}
		}
	}
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

type putMetricDataInput struct {
	Namespace  string
	MetricData []metricDatum
}

type metricDatum struct {
	MetricName      string
	Dimensions      []dimension
	Timestamp       *time.Time
	Value           *float64
	Values          []float64
	Counts          []float64
	StatisticValues *struct{ SampleCount, Sum, Minimum, Maximum float64 }
}

// putMetricData rests on "PutMetricData", but lets AWS/Lambda in: it is how a
// test makes a version look broken.
func (s *Service) putMetricData(c api.Caller, in *putMetricDataInput) (any, *api.Error) {
	if in.Namespace == "" {
		return nil, invalid("The parameter Namespace is required.")
	}
	if len(in.MetricData) > 1000 {
		return nil, invalid("The collection MetricData must not have a size greater than 1000.")
	}
	var samples [][]sample
	for i := range in.MetricData {
		of, err := in.MetricData[i].samples()
		if err != nil {
			return nil, err
		}
		samples = append(samples, of)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, d := range in.MetricData {
		at := s.now()
		if d.Timestamp != nil {
			at = *d.Timestamp
		}
		for _, one := range samples[i] {
			s.metrics.add(seriesKey(c.Account, c.Region, in.Namespace, d.MetricName, d.Dimensions), at, one)
		}
	}
	return nil, nil
}

// samples checks one datum and spells it out.
func (d *metricDatum) samples() ([]sample, *api.Error) {
	switch {
	case d.MetricName == "":
		return nil, invalid("The parameter MetricData.member.MetricName is required.")
	case len(d.Dimensions) > 30:
		return nil, invalid("The collection Dimensions must not have a size greater than 30.")
	case d.StatisticValues != nil:
		v := d.StatisticValues
		if v.SampleCount <= 0 || anyInvalid(v.SampleCount, v.Sum, v.Minimum, v.Maximum) {
			return nil, invalid("The parameter StatisticValues.SampleCount must be greater than 0.")
		}
		return []sample{{count: v.SampleCount, sum: v.Sum, low: v.Minimum, high: v.Maximum}}, nil
	case d.Value != nil:
		d.Values, d.Counts = []float64{*d.Value}, nil
	case len(d.Values) == 0 || len(d.Values) > 150:
		return nil, invalid(
			"The parameters Values, Value and StatisticValues are mutually exclusive and you have specified none; Values may hold up to 150.",
		)
	case d.Counts != nil && len(d.Counts) != len(d.Values):
		return nil, invalid("The parameters Values and Counts must have the same size.")
	}
	var of []sample
	for i, v := range d.Values {
		n := 1.0
		if d.Counts != nil {
			n = d.Counts[i]
		}
		if n <= 0 || anyInvalid(n, v) {
			return nil, invalidValue("Value", strconv.FormatFloat(v, 'g', -1, 64))
		}
		of = append(of, sample{n, n * v, v, v, v, true})
	}
	return of, nil
}

// anyInvalid finds what "MetricDatum" refuses: NaN and infinities.
func anyInvalid(values ...float64) bool {
	return slices.ContainsFunc(values, func(v float64) bool { return math.IsNaN(v) || math.Abs(v) > 0x1p360 })
}
