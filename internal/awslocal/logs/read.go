package logs

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/api"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/awsjson"
)

// Limits of the API Reference: groups and streams a page, events a page.
const (
	maxDescribed = 50
	maxEvents    = 10_000
)

func errToken() *api.Error { return invalid("The specified nextToken is invalid.") }

// pageLimit is a limit between 1 and most, most where none is given.
func pageLimit(asked *int, most int) (int, *api.Error) {
	if asked == nil {
		return most, nil
	}
	if *asked < 1 || *asked > most {
		return 0, invalid("1 validation error detected: Value '%d' at 'limit' failed to satisfy constraint: Member must have value between 1 and %d", *asked, most)
	}
	return *asked, nil
}

type logGroup struct {
	LogGroupName      string `json:"logGroupName"`
	Arn               string `json:"arn"`
	LogGroupArn       string `json:"logGroupArn"`
	CreationTime      int64  `json:"creationTime"`
	MetricFilterCount int    `json:"metricFilterCount"`
	StoredBytes       int64  `json:"storedBytes"`
	LogGroupClass     string `json:"logGroupClass"`
}

// describeLogGroups rests on "DescribeLogGroups": sorted by name.
func (s *Service) describeLogGroups(ctx context.Context, in *struct {
	LogGroupNamePrefix, LogGroupNamePattern, NextToken string
	Limit                                              *int
}) (any, *api.Error) {
	c := api.From(ctx)
	limit, err := pageLimit(in.Limit, maxDescribed)
	switch {
	case err != nil:
		return nil, err
	case in.LogGroupNamePrefix != "" && in.LogGroupNamePattern != "":
		return nil, invalid("LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []logGroup
	for key, g := range s.groups {
		if key.account != c.Account || key.region != c.Region || !strings.HasPrefix(key.name, in.LogGroupNamePrefix) ||
			!strings.Contains(strings.ToLower(key.name), strings.ToLower(in.LogGroupNamePattern)) {
			continue
		}
		arn := "arn:" + api.Partition(c.Region) + ":logs:" + c.Region + ":" + c.Account + ":log-group:" + key.name
		found = append(found, logGroup{key.name, arn + ":*", arn, g.created.UnixMilli(), 0, g.bytes, "STANDARD"})
	}
	slices.SortFunc(found, func(a, b logGroup) int { return strings.Compare(a.LogGroupName, b.LogGroupName) })
	page, next, err := awsjson.Page(found, in.NextToken, limit, errToken())
	return struct {
		LogGroups []logGroup `json:"logGroups"`
		NextToken string     `json:"nextToken,omitempty"`
	}{append([]logGroup{}, page...), next}, err
}

type logStream struct {
	LogStreamName       string `json:"logStreamName"`
	Arn                 string `json:"arn"`
	CreationTime        int64  `json:"creationTime"`
	FirstEventTimestamp int64  `json:"firstEventTimestamp,omitempty"`
	LastEventTimestamp  int64  `json:"lastEventTimestamp,omitempty"`
	LastIngestionTime   int64  `json:"lastIngestionTime,omitempty"`
	UploadSequenceToken string `json:"uploadSequenceToken"`
	StoredBytes         int64  `json:"storedBytes"`
}

// describeLogStreams rests on "DescribeLogStreams"; StoredBytes is 0, as it is in
// AWS since 2019.
func (s *Service) describeLogStreams(ctx context.Context, in *struct {
	LogGroupName, LogGroupIdentifier, LogStreamNamePrefix, OrderBy, NextToken string
	Descending                                                                bool
	Limit                                                                     *int
}) (any, *api.Error) {
	c := api.From(ctx)
	limit, err := pageLimit(in.Limit, maxDescribed)
	switch {
	case err != nil:
		return nil, err
	case in.OrderBy == "LastEventTime" && in.LogStreamNamePrefix != "":
		return nil, invalid("Cannot order by LastEventTime with a logStreamNamePrefix.")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	g, name, err := s.named(c, in.LogGroupName, in.LogGroupIdentifier)
	if err != nil {
		return nil, err
	}
	found := []logStream{}
	for _, stream := range sortedStreams(g) {
		if !strings.HasPrefix(stream, in.LogStreamNamePrefix) {
			continue
		}
		st := g.streams[stream]
		shown := logStream{LogStreamName: stream, CreationTime: st.created.UnixMilli(), UploadSequenceToken: "49000000000000000000000000000000000000000000000000000000"}
		shown.Arn = "arn:" + api.Partition(c.Region) + ":logs:" + c.Region + ":" + c.Account + ":log-group:" + name + ":log-stream:" + stream
		if n := len(st.events); n > 0 {
			shown.FirstEventTimestamp, shown.LastEventTimestamp, shown.LastIngestionTime = st.events[0].Timestamp, st.events[n-1].Timestamp, st.events[n-1].Ingestion
		}
		found = append(found, shown)
	}
	if in.OrderBy == "LastEventTime" {
		slices.SortStableFunc(found, func(a, b logStream) int { return cmp.Compare(a.LastEventTimestamp, b.LastEventTimestamp) })
	}
	if in.Descending {
		slices.Reverse(found)
	}
	page, next, err := awsjson.Page(found, in.NextToken, limit, errToken())
	return struct {
		LogStreams []logStream `json:"logStreams"`
		NextToken  string      `json:"nextToken,omitempty"`
	}{page, next}, err
}

type filteredEvent struct {
	event
	LogStreamName string `json:"logStreamName"`
	EventID       string `json:"eventId"`
}

type filterInput struct {
	LogGroupName, LogGroupIdentifier, LogStreamNamePrefix, FilterPattern, NextToken string
	LogStreamNames                                                                  []string
	StartTime, EndTime                                                              *int64
	Limit                                                                           *int
}

// within reports whether a time lies in a range that includes both ends, as
// FilterLogEvents' does.
func within(at int64, start, end *int64) bool {
	return (start == nil || at >= *start) && (end == nil || at <= *end)
}

// filterLogEvents rests on "FilterLogEvents": sorted by time over all streams.
func (s *Service) filterLogEvents(ctx context.Context, in *filterInput) (any, *api.Error) {
	limit, err := pageLimit(in.Limit, maxEvents)
	if err != nil {
		return nil, err
	}
	if len(in.LogStreamNames) > 0 && in.LogStreamNamePrefix != "" {
		return nil, invalid("LogStreamNamePrefix and LogStreamNames are mutually exclusive parameters.")
	}
	matches, err := parsePattern(in.FilterPattern)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	g, _, err := s.named(api.From(ctx), in.LogGroupName, in.LogGroupIdentifier)
	if err != nil {
		return nil, err
	}
	for _, name := range in.LogStreamNames {
		if g.streams[name] == nil {
			return nil, notFound("stream")
		}
	}
	found := []filteredEvent{}
	for _, name := range sortedStreams(g) {
		if len(in.LogStreamNames) > 0 && !slices.Contains(in.LogStreamNames, name) || !strings.HasPrefix(name, in.LogStreamNamePrefix) {
			continue
		}
		for _, e := range g.streams[name].events {
			if within(e.Timestamp, in.StartTime, in.EndTime) && matches(e.Message) {
				found = append(found, filteredEvent{e, name, e.id})
			}
		}
	}
	slices.SortStableFunc(found, func(a, b filteredEvent) int {
		return cmp.Or(cmp.Compare(a.Timestamp, b.Timestamp), strings.Compare(a.EventID, b.EventID))
	})
	page, next, err := awsjson.Page(found, in.NextToken, limit, errToken())
	return struct {
		Events             []filteredEvent `json:"events"`
		SearchedLogStreams []struct{}      `json:"searchedLogStreams"`
		NextToken          string          `json:"nextToken,omitempty"`
	}{page, []struct{}{}, next}, err
}

type getInput struct {
	LogGroupName, LogGroupIdentifier, LogStreamName, NextToken string
	StartTime, EndTime                                         *int64
	StartFromHead                                              bool
	Limit                                                      *int
}

// getLogEvents rests on "GetLogEvents": the newest page first unless asked
// otherwise, EndTime excluded, and the same token again at either end.
func (s *Service) getLogEvents(ctx context.Context, in *getInput) (any, *api.Error) {
	limit, err := pageLimit(in.Limit, maxEvents)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	g, _, err := s.named(api.From(ctx), in.LogGroupName, in.LogGroupIdentifier)
	if err != nil {
		return nil, err
	}
	st := g.streams[in.LogStreamName]
	if st == nil {
		return nil, notFound("stream")
	}
	events := []event{}
	for _, e := range st.events {
		if within(e.Timestamp, in.StartTime, nil) && (in.EndTime == nil || e.Timestamp < *in.EndTime) {
			events = append(events, e)
		}
	}
	begin := max(0, len(events)-limit)
	if in.StartFromHead {
		begin = 0
	}
	end := min(len(events), begin+limit)
	if in.NextToken != "" {
		at, convErr := strconv.Atoi(in.NextToken[min(2, len(in.NextToken)):])
		if convErr != nil || at < 0 {
			return nil, errToken()
		}
		at = min(at, len(events))
		switch in.NextToken[:2] {
		case "f/":
			begin, end = at, min(len(events), at+limit)
		case "b/":
			begin, end = max(0, at-limit), at
		default:
			return nil, errToken()
		}
	}
	return struct {
		Events            []event `json:"events"`
		NextForwardToken  string  `json:"nextForwardToken"`
		NextBackwardToken string  `json:"nextBackwardToken"`
	}{events[begin:end], "f/" + strconv.Itoa(end), "b/" + strconv.Itoa(begin)}, nil
}
