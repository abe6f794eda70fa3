package metrics

import (
	"context"
	"time"
)

// Typical is how long a subject took in a minute: the median of so many invocations.
type Typical struct {
	Median      time.Duration
	Invocations int64
}

// Durations are medians by the start of their minute, in UTC. A minute without data
// is missing. Medians of several minutes make no median of all of them.
type Durations map[time.Time]Typical

// ReadDurations returns the durations of each subject, as Read returns counts. Lambda
// writes Duration for each invocation, and CloudWatch knows its percentiles
// (https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html).
func (c *Client) ReadDurations(ctx context.Context, subjects []Subject, from, to time.Time) ([]Durations, error) {
	all := make([]Durations, len(subjects))
	for i := range all {
		all[i] = Durations{}
	}
	err := c.readAll(ctx, subjects, [2]time.Time{from, to}, reading{
		what: "durations", ask: []statistic{{"d", "Duration", "p50"}, {"n", "Duration", "SampleCount"}},
		add: func(subject int, mark string, at, value float64) { all[subject].add(mark, at, value) },
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

func (d Durations) add(mark string, at, value float64) {
	minute := time.Unix(int64(at), 0).UTC().Truncate(time.Minute)
	t := d[minute]
	if mark == "d" {
		t.Median = time.Duration(value * float64(time.Millisecond))
	} else {
		t.Invocations += int64(value)
	}
	d[minute] = t
}
