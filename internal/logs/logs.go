// Package logs reads what a function printed from CloudWatch Logs.
//
// It promises each line of the log group once and in the order of their times, with
// the version that printed it, and, while it follows, lines that arrive late too, as
// long as they are no older than [Overlap]. It changes nothing.
//
// Sources: https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html,
// https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-loggroups.html.
package logs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/smithy-go"

	"github.com/lambda-rollout/lambda-rollout/internal/awsfacts"
	"github.com/lambda-rollout/lambda-rollout/internal/lazyregexp"
	"github.com/lambda-rollout/lambda-rollout/internal/session"
)

// Query is which lines are asked for.
type Query struct {
	// Function printed them; Group is where it logs to.
	Function, Group string
	// Versions are those whose lines are wanted; nil means every version.
	Versions []string
	// Filter is CloudWatch's filter pattern, "" for every line.
	Filter string
	// Since is the time of the oldest line.
	Since time.Time
}

// Event is one line, or several that the function printed as one.
type Event struct {
	Time    time.Time `json:"time"`
	Version string    `json:"version"`
	Stream  string    `json:"stream"`
	Message string    `json:"message"`
}

// Client asks the CloudWatch Logs of one account and Region.
type Client struct {
	caller *session.Caller
	region string
	now    func() time.Time
}

// New returns the client of a session in a Region.
func New(ctx context.Context, s *session.Session, region string, now func() time.Time) *Client {
	return &Client{region: region, now: now, caller: s.Caller(session.Service{
		ID: "CloudWatch Logs", SigningName: "logs", Region: region,
		Endpoint: awsfacts.ServiceEndpoint("logs", region, s.UsesFIPS(ctx)), Target: "Logs_20140328",
	})}
}

// NoGroupError reports that the log group does not exist: Lambda makes it when the
// function logs for the first time, if its role may.
type NoGroupError struct{ Group, Region string }

func (e *NoGroupError) Error() string {
	return fmt.Sprintf("there is no log group %s in %s: the function has not logged yet, or its role may not (logs:CreateLogGroup, logs:CreateLogStream, logs:PutLogEvents)", e.Group, e.Region)
}

// maxPages bounds an answer. A page may be empty although more follow.
const maxPages = 10_000

// Read passes on every line from the query's time up to now, oldest first.
func (c *Client) Read(ctx context.Context, q Query, to func(Event) error) error {
	return c.read(ctx, q, func(l line) error { return to(l.event()) })
}

// read passes on the lines of every page.
func (c *Client) read(ctx context.Context, q Query, to func(line) error) error {
	in := filter{LogGroupName: q.Group, FilterPattern: q.Filter, StartTime: q.Since.UnixMilli(), EndTime: c.now().UnixMilli()}
	for range maxPages {
		var page filtered
		if err := c.caller.JSON(ctx, "FilterLogEvents", in, &page); err != nil {
			return c.explain(q, err)
		}
		for _, l := range page.Events {
			if !q.wants(l.LogStreamName) {
				continue
			}
			if err := to(l); err != nil {
				return err
			}
		}
		if page.NextToken == "" {
			return nil
		}
		in.NextToken = page.NextToken
	}
	return fmt.Errorf("read the log group %s: more than %d pages; ask for less with since or filter", q.Group, maxPages)
}

// explain names the log group that is missing, or the permission.
func (c *Client) explain(q Query, err error) error {
	if refused, ok := errors.AsType[smithy.APIError](err); ok && refused.ErrorCode() == "ResourceNotFoundException" {
		return &NoGroupError{q.Group, c.region}
	}
	return fmt.Errorf("read the log group %s: %w", q.Group, session.Explain(err, session.Call{Action: "logs:FilterLogEvents", Resource: "log-group:" + q.Group}))
}

// Overlap is how much later than its time a line may arrive and is still seen.
const Overlap = time.Minute

// Poll is how often a Follow asks. CloudWatch takes five such calls a second of an
// account and Region in its smallest Regions
// (https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/logs/cloudwatch_limits_cwl.html).
const Poll = 2 * time.Second

// Follow passes on lines until the context ends, which is no error. versions returns
// those that are wanted now, asked before each look. A log group that does not exist
// yet is waited for.
func (c *Client) Follow(ctx context.Context, q Query, versions func(context.Context) ([]string, error), to func(Event) error) error {
	seen := map[string]time.Time{}
	for {
		err := c.look(ctx, &q, versions, seen, to)
		var missing *NoGroupError
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil && !errors.As(err, &missing):
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(Poll):
		}
	}
}

// look passes on what has not been seen, and moves the query forward.
func (c *Client) look(ctx context.Context, q *Query, versions func(context.Context) ([]string, error), seen map[string]time.Time, to func(Event) error) error {
	wanted, err := versions(ctx)
	if err != nil {
		return err
	}
	q.Versions = wanted
	begun := c.now()
	if err := c.read(ctx, *q, func(l line) error {
		if _, known := seen[l.EventID]; known {
			return nil
		}
		seen[l.EventID] = time.UnixMilli(l.Timestamp)
		return to(l.event())
	}); err != nil {
		return err
	}
	if next := begun.Add(-Overlap); next.After(q.Since) {
		q.Since = next
	}
	for id, at := range seen {
		if at.Before(q.Since) {
			delete(seen, id)
		}
	}
	return nil
}

// streamName is how Lambda names a log stream: the date, the function in a log group
// that is not its own, the version, and the execution environment.
var streamName = lazyregexp.New(`^\d{4}/\d\d/\d\d/([A-Za-z0-9_-]*)\[([^\]]+)\]`)

// wants reports whether the lines of a log stream are asked for.
func (q Query) wants(stream string) bool {
	m := streamName.FindStringSubmatch(stream)
	switch {
	case m == nil:
		return q.Versions == nil
	case m[1] != "" && m[1] != q.Function:
		return false
	}
	return q.Versions == nil || slices.Contains(q.Versions, m[2])
}

// filter is FilterLogEvents' input, filtered its output.
type filter struct {
	LogGroupName  string `json:"logGroupName"`
	FilterPattern string `json:"filterPattern,omitempty"`
	StartTime     int64  `json:"startTime"`
	EndTime       int64  `json:"endTime"`
	NextToken     string `json:"nextToken,omitempty"`
}

type filtered struct {
	Events    []line `json:"events"`
	NextToken string `json:"nextToken"`
}

type line struct {
	EventID       string `json:"eventId"`
	LogStreamName string `json:"logStreamName"`
	Message       string `json:"message"`
	Timestamp     int64  `json:"timestamp"`
}

func (l line) event() Event {
	e := Event{Time: time.UnixMilli(l.Timestamp).UTC(), Stream: l.LogStreamName, Message: strings.TrimRight(l.Message, "\n")}
	if m := streamName.FindStringSubmatch(l.LogStreamName); m != nil {
		e.Version = m[2]
	}
	return e
}
