// Package metrics reads from CloudWatch how often versions of functions were
// invoked and how often they failed, minute by minute, and the states of alarms.
//
// It promises one call for many functions, and every data point of each: an
// answer that CloudWatch marks as incomplete is asked for again, and one that it
// marks as failed is an error. It makes no decision, changes nothing, and waits
// for nothing: [Complete] says which minutes can be relied on.
//
// Sources: https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html,
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html.
package metrics

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/awsfacts"
	"github.com/lambda-rollout/lambda-rollout/internal/session"
)

// Subject is what is counted.
type Subject struct {
	Function, Alias string
	// Version counts only what one version answered for the alias. CloudWatch has
	// that only while the alias shares its traffic between two versions. ""
	// counts every invocation of the alias.
	Version string
}

// Count is how often a subject was invoked in a minute, and how often it failed:
// exceptions and timeouts, but not throttles.
type Count struct {
	Invocations, Errors int64
}

// Series is the counts by the start of their minute, in UTC. A minute without
// data is missing.
type Series map[time.Time]Count

// Delay is how long after its end a minute is complete in AWS. CloudWatch shows an
// invocation one to three minutes later, and its error not before it.
const Delay = 3 * time.Minute

// Complete returns the end of the minutes that are complete at a time, where data
// arrive with at most a delay: every minute that begins before it is.
func Complete(now time.Time, delay time.Duration) time.Time {
	return now.Add(-delay).UTC().Truncate(time.Minute)
}

// Client asks the CloudWatch of one account and Region.
type Client struct {
	caller *session.Caller
	region string
}

// New returns the client of a session in a Region.
func New(ctx context.Context, s *session.Session, region string) *Client {
	return &Client{region: region, caller: s.Caller(session.Service{
		ID: "CloudWatch", SigningName: "monitoring", Region: region, Endpoint: endpoint(region, s.UsesFIPS(ctx)),
		Target: "GraniteServiceVersion20100801", ContentType: "application/x-amz-json-1.0",
	})}
}

// endpoint is CloudWatch's own.
func endpoint(region string, fips bool) string {
	return awsfacts.ServiceEndpoint("monitoring", region, fips)
}

// maxQueries is the limit of one call.
const maxQueries = 500

// Read returns the series of each subject, in their order, over the minutes from
// a time up to, and not including, another. Both are rounded down to minutes.
func (c *Client) Read(ctx context.Context, subjects []Subject, from, to time.Time) ([]Series, error) {
	all := make([]Series, len(subjects))
	for i := range all {
		all[i] = Series{}
	}
	err := c.readAll(ctx, subjects, [2]time.Time{from, to}, reading{
		what: "metrics", ask: []statistic{{"i", "Invocations", "Sum"}, {"e", "Errors", "Sum"}},
		add: func(subject int, mark string, at, value float64) { all[subject].add(mark, at, value) },
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

// Used reports whether a subject was invoked at all between two times, which may be
// days apart: CloudWatch is asked for one number a day.
func (c *Client) Used(ctx context.Context, s Subject, from, to time.Time) (bool, error) {
	q := query(0, statistic{"i", "Invocations", "Sum"}, s)
	q.Stat.Period = int(24 * time.Hour / time.Second)
	var out response
	in := request{StartTime: from.Unix(), EndTime: to.Unix(), ScanBy: "TimestampAscending", Queries: []metricQuery{q}}
	if err := c.caller.JSON(ctx, "GetMetricData", in, &out); err != nil {
		return false, fmt.Errorf("read the metrics of %s:%s in %s: %w", s.Function, s.Alias, c.region, explain(err))
	}
	if len(out.Results) != 1 {
		return false, errors.New("CloudWatch did not answer the query that was asked")
	}
	return slices.ContainsFunc(out.Results[0].Values, func(v float64) bool { return v > 0 }), nil
}

// readAll asks for the statistics of all subjects, in as few calls as their limit
// allows.
func (c *Client) readAll(ctx context.Context, subjects []Subject, span [2]time.Time, r reading) error {
	from, to := span[0].UTC().Truncate(time.Minute), span[1].UTC().Truncate(time.Minute)
	if !from.Before(to) {
		return nil
	}
	atOnce, add := maxQueries/len(r.ask), r.add
	for begin := 0; begin < len(subjects); begin += atOnce {
		r.subjects = subjects[begin:min(begin+atOnce, len(subjects))]
		r.add = func(subject int, mark string, at, value float64) { add(begin+subject, mark, at, value) }
		if err := c.read(ctx, r, from, to); err != nil {
			return fmt.Errorf("read the %s of %s in %s: %w", r.what, r.name(), c.region, explain(err))
		}
	}
	return nil
}

// explain names the permission that is missing.
func explain(err error) error {
	return session.Explain(err, session.Call{Action: "cloudwatch:GetMetricData", Resource: "*"})
}

// reading is what one call, and the pages that follow it, is about.
type reading struct {
	// what names the statistics for the user.
	what     string
	subjects []Subject
	ask      []statistic
	// add takes a data point of a subject and statistic.
	add func(subject int, mark string, at, value float64)
}

// statistic is what is asked of every subject. Its mark begins the ids of its
// queries.
type statistic struct{ mark, metric, stat string }

func (r reading) name() string {
	if len(r.subjects) == 1 {
		return r.subjects[0].Function + ":" + r.subjects[0].Alias
	}
	return strconv.Itoa(len(r.subjects)) + " aliases and versions"
}

func (c *Client) read(ctx context.Context, r reading, from, to time.Time) error {
	in := request{StartTime: from.Unix(), EndTime: to.Unix(), ScanBy: "TimestampAscending"}
	for i, s := range r.subjects {
		for _, ask := range r.ask {
			in.Queries = append(in.Queries, query(i, ask, s))
		}
	}
	// Every page but the last has data points, of which there is one a minute and
	// query; a server that repeats itself would never end.
	pages := 2 + len(in.Queries)*int(to.Sub(from)/time.Minute)
	for range pages {
		var out response
		if err := c.caller.JSON(ctx, "GetMetricData", in, &out); err != nil {
			return err
		}
		if err := r.take(out); err != nil {
			return err
		}
		if out.NextToken == "" {
			return nil
		}
		in.NextToken = out.NextToken
	}
	return errors.New("CloudWatch's answer has more pages than data points")
}

// take adds a page to the series.
func (r reading) take(out response) error {
	for _, result := range out.Results {
		i, asked, err := r.of(result.ID)
		if err != nil {
			return err
		}
		switch result.StatusCode {
		case "Complete", "PartialData", "":
		default:
			return fmt.Errorf("CloudWatch could not read %s of %s: %s%s", asked.metric, r.subjects[i].Function, result.StatusCode, out.messages())
		}
		if len(result.Timestamps) != len(result.Values) {
			return fmt.Errorf("CloudWatch answered %d values for %d minutes", len(result.Values), len(result.Timestamps))
		}
		for at, value := range result.Values {
			r.add(i, asked.mark, result.Timestamps[at], value)
		}
	}
	return nil
}

// of returns the subject and the statistic that a result is of.
func (r reading) of(id string) (subject int, asked statistic, err error) {
	for _, ask := range r.ask {
		number, is := strings.CutPrefix(id, ask.mark)
		if subject, err := strconv.Atoi(number); is && err == nil && subject >= 0 && subject < len(r.subjects) {
			return subject, ask, nil
		}
	}
	return 0, statistic{}, fmt.Errorf("CloudWatch answered a query that was not asked: %q", id)
}

func (s Series) add(mark string, at, value float64) {
	minute := time.Unix(int64(at), 0).UTC().Truncate(time.Minute)
	c := s[minute]
	if n := int64(math.Round(value)); mark == "e" {
		c.Errors += n
	} else {
		c.Invocations += n
	}
	s[minute] = c
}

// Minutes returns the minutes of several series that have data, in their order.
func Minutes(all ...Series) []time.Time {
	seen := map[time.Time]bool{}
	var minutes []time.Time
	for _, s := range all {
		for at := range s {
			if !seen[at] {
				seen[at] = true
				minutes = append(minutes, at)
			}
		}
	}
	slices.SortFunc(minutes, time.Time.Compare)
	return minutes
}

// Total returns the sum of a series.
func (s Series) Total() Count {
	var total Count
	for _, c := range s {
		total.Invocations += c.Invocations
		total.Errors += c.Errors
	}
	return total
}
