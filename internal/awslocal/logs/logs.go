// Package logs is the embedded CloudWatch Logs: what the functions that ran here
// printed, by log group and stream.
//
// It promises to answer DescribeLogGroups, DescribeLogStreams, FilterLogEvents and
// GetLogEvents as the Amazon CloudWatch Logs API Reference says. Logs are durable
// and bounded. Lambda alone writes to it, and filter patterns are terms and regular
// expressions, no selectors of JSON fields: such a pattern is refused.
package logs

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/api"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/awsjson"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/store"
)

const (
	prefix = "logs/"
	// maxChunks bounds the invocations whose logs are kept; the oldest go first.
	maxChunks = 20_000
)

// Service keeps the logs of every account and Region.
type Service struct {
	awsjson.Service
	store *store.Store
	now   api.Clock

	mu     sync.Mutex
	groups map[groupKey]*group
	chunks []*chunk // oldest first
	next   int64    // the number of the next chunk
}

type groupKey struct{ account, region, name string }

type group struct {
	created time.Time
	bytes   int64
	streams map[string]*stream
}

type stream struct {
	created time.Time
	events  []event
}

// event is one line.
type event struct {
	Timestamp int64  `json:"timestamp"` // ms
	Message   string `json:"message"`
	Ingestion int64  `json:"ingestionTime"`
	id        string
}

// chunk are the lines of one invocation, as they are stored.
type chunk struct {
	Account, Region, Group, Stream string
	At                             time.Time
	Number                         int64
	Lines                          []Line
}

func (c *chunk) key() string {
	return fmt.Sprintf("%s%s/%s/%020d", prefix, c.Account, c.Region, c.Number)
}

// Line is one line of a log.
type Line struct {
	Time time.Time
	Text string
}

// New serves the logs that st holds.
func New(st *store.Store, now api.Clock) (*Service, error) {
	s := &Service{store: st, now: now, groups: map[groupKey]*group{}}
	s.Service = awsjson.Service{Target: "Logs_20140328.", Operations: map[string]awsjson.Operation{
		"DescribeLogGroups":  awsjson.Op(s.describeLogGroups),
		"DescribeLogStreams": awsjson.Op(s.describeLogStreams),
		"FilterLogEvents":    awsjson.Op(s.filterLogEvents),
		"GetLogEvents":       awsjson.Op(s.getLogEvents),
	}}
	for _, key := range st.Keys(prefix) {
		c := new(chunk)
		if _, err := st.Get(key, c); err != nil {
			return nil, fmt.Errorf("load logs: %w", err)
		}
		s.chunks = append(s.chunks, c)
	}
	slices.SortFunc(s.chunks, func(a, b *chunk) int { return cmp.Compare(a.Number, b.Number) })
	for _, c := range s.chunks {
		s.add(c)
		s.next = c.Number + 1
	}
	return s, nil
}

// Write adds the lines of one invocation to a stream, which is made where it is
// missing, as is its group.
func (s *Service) Write(account, region, group, stream string, lines []Line) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := &chunk{Account: account, Region: region, Group: group, Stream: stream, At: s.now().UTC(), Number: s.next, Lines: lines}
	if err := s.store.Put(c.key(), c); err != nil {
		return fmt.Errorf("write to the log group %s: %w", group, err)
	}
	s.next++
	s.chunks = append(s.chunks, c)
	s.add(c)
	if len(s.chunks) <= maxChunks {
		return nil
	}
	for _, old := range s.chunks[:maxChunks/10] {
		if err := s.store.Delete(old.key()); err != nil {
			return fmt.Errorf("forget old logs: %w", err)
		}
		s.drop(old)
	}
	s.chunks = slices.Delete(s.chunks, 0, maxChunks/10)
	return nil
}

func (s *Service) add(c *chunk) {
	key := groupKey{c.Account, c.Region, c.Group}
	g := s.groups[key]
	if g == nil {
		g = &group{created: c.At, streams: map[string]*stream{}}
		s.groups[key] = g
	}
	st := g.streams[c.Stream]
	if st == nil {
		st = &stream{created: c.At}
		g.streams[c.Stream] = st
	}
	for i, l := range c.Lines {
		st.events = append(st.events, event{l.Time.UnixMilli(), l.Text, c.At.UnixMilli(), fmt.Sprintf("%036d%020d", c.Number, i)})
		g.bytes += int64(len(l.Text)) + eventOverhead
	}
	byTime := func(a, b event) int { return cmp.Compare(a.Timestamp, b.Timestamp) }
	if begin := max(0, len(st.events)-len(c.Lines)-1); !slices.IsSortedFunc(st.events[begin:], byTime) {
		slices.SortStableFunc(st.events, byTime)
	}
}

// eventOverhead is what an event counts beside its text ("PutLogEvents").
const eventOverhead = 26

func (s *Service) drop(c *chunk) {
	g := s.groups[groupKey{c.Account, c.Region, c.Group}]
	st := g.streams[c.Stream]
	of := fmt.Sprintf("%036d", c.Number)
	st.events = slices.DeleteFunc(st.events, func(e event) bool { return strings.HasPrefix(e.id, of) })
	for _, l := range c.Lines {
		g.bytes -= int64(len(l.Text)) + eventOverhead
	}
}

func notFound(what string) *api.Error {
	return api.NewError(http.StatusBadRequest, "ResourceNotFoundException", "The specified log "+what+" does not exist.")
}

func invalid(format string, args ...any) *api.Error {
	return awsjson.Invalid("InvalidParameterException", format, args...)
}

// named finds a group by the name or the ARN that a request gives.
func (s *Service) named(c api.Caller, name, identifier string) (*group, string, *api.Error) {
	if name != "" && identifier != "" || name == "" && identifier == "" {
		return nil, "", invalid("Exactly one of logGroupName and logGroupIdentifier must be given.")
	}
	if name == "" {
		name = identifier
		if _, after, ok := strings.Cut(identifier, ":log-group:"); ok {
			name = strings.TrimSuffix(after, ":*")
		}
	}
	g := s.groups[groupKey{c.Account, c.Region, name}]
	if g == nil {
		return nil, "", notFound("group")
	}
	return g, name, nil
}

func sortedStreams(g *group) []string { return slices.Sorted(maps.Keys(g.streams)) }
