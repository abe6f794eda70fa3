package metrics

import (
	"strconv"
	"strings"
)

// The members of GetMetricData that are used. Times are in seconds.
type (
	request struct {
		Queries   []metricQuery `json:"MetricDataQueries"`
		StartTime int64         `json:"StartTime"`
		EndTime   int64         `json:"EndTime"`
		ScanBy    string        `json:"ScanBy"`
		NextToken string        `json:"NextToken,omitempty"`
	}
	metricQuery struct {
		ID   string     `json:"Id"`
		Stat metricStat `json:"MetricStat"`
	}
	metricStat struct {
		Metric metric `json:"Metric"`
		Period int    `json:"Period"`
		Stat   string `json:"Stat"`
	}
	metric struct {
		Namespace  string      `json:"Namespace"`
		Name       string      `json:"MetricName"`
		Dimensions []dimension `json:"Dimensions"`
	}
	dimension struct{ Name, Value string }

	response struct {
		Results   []result  `json:"MetricDataResults"`
		NextToken string    `json:"NextToken"`
		Messages  []message `json:"Messages"`
	}
	result struct {
		ID         string    `json:"Id"`
		Timestamps []float64 `json:"Timestamps"`
		Values     []float64 `json:"Values"`
		StatusCode string    `json:"StatusCode"`
		Messages   []message `json:"Messages"`
	}
	message struct{ Code, Value string }
)

// query asks for a metric of the subject with an index. The dimensions are those
// of one of the sets that Lambda writes: FunctionName and Resource, with
// ExecutedVersion where an alias shares its traffic.
func query(index int, ask statistic, s Subject) metricQuery {
	d := []dimension{{"FunctionName", s.Function}, {"Resource", s.Function + ":" + s.Alias}}
	if s.Version != "" {
		d = append(d, dimension{"ExecutedVersion", s.Version})
	}
	return metricQuery{
		ID:   ask.mark + strconv.Itoa(index),
		Stat: metricStat{Metric: metric{Namespace: "AWS/Lambda", Name: ask.metric, Dimensions: d}, Period: 60, Stat: ask.stat},
	}
}

// messages are what CloudWatch says of an answer that is not complete.
func (r response) messages() string {
	var all []string
	for _, m := range r.Messages {
		all = append(all, m.Code+": "+m.Value)
	}
	for _, result := range r.Results {
		for _, m := range result.Messages {
			all = append(all, m.Code+": "+m.Value)
		}
	}
	if len(all) == 0 {
		return ""
	}
	return " (" + strings.Join(all, "; ") + ")"
}
