// Package cloudtrail is the embedded AWS CloudTrail: the event history of the
// Lambda management calls that this server answered.
//
// It promises what "Viewing CloudTrail Event history" and "Logging AWS Lambda API
// calls using AWS CloudTrail" say: 90 days, one Region, newest first, times in
// whole seconds, event names with the version of the API, and neither code nor
// environment values. Calls that changed something are durable; reads and refused
// calls end with the process. It records no invocations, which are data events,
// and no service but Lambda.
package cloudtrail

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/api"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/awsjson"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/store"
)

const (
	prefix    = "cloudtrail/"
	retention = 90 * 24 * time.Hour
	// maxEvents bounds what is kept; above it the oldest tenth goes.
	maxEvents = 50_000
	maxPage   = 50 // "LookupEvents", MaxResults
)

// Service keeps the events of every account and Region.
type Service struct {
	awsjson.Service
	store *store.Store
	now   api.Clock

	mu     sync.Mutex
	events []event // oldest first
	delay  time.Duration
}

// event is one call, as it is stored.
type event struct {
	ID              string
	Account, Region string
	Time            time.Time // whole seconds
	Arrived         time.Time // when it can be looked up
	Name            string
	ReadOnly        bool
	AccessKey       string
	Username        string
	Resources       []resource `json:",omitempty"`
	Document        string     // CloudTrailEvent, of what is in the store
	key             string     // in the store, "" where it is not there
	call            *Call      // of what is not, to be written when it is asked for
}

type resource struct{ ResourceType, ResourceName string }

// New serves the events that st holds.
func New(st *store.Store, now api.Clock) (*Service, error) {
	s := &Service{store: st, now: now}
	lookup := awsjson.Op(s.lookupEvents)
	s.Service = awsjson.Service{Target: "CloudTrail_20131101.", Operations: map[string]awsjson.Operation{"LookupEvents": lookup}}
	for _, key := range st.Keys(prefix) {
		e := event{key: key}
		if _, err := st.Get(key, &e); err != nil {
			return nil, fmt.Errorf("load CloudTrail's events: %w", err)
		}
		s.events = append(s.events, e)
	}
	slices.SortStableFunc(s.events, func(a, b event) int { return a.Time.Compare(b.Time) })
	return s, nil
}

// Operation names the API call that r makes; older clients spell the target with
// the service's package.
func (s *Service) Operation(r *http.Request) string {
	r.Header.Set("X-Amz-Target", strings.TrimPrefix(r.Header.Get("X-Amz-Target"), "com.amazonaws.cloudtrail.v20131101."))
	return s.Service.Operation(r)
}

// SetDelay changes how late the events of further calls can be looked up
// ("typically within 5 minutes" in AWS).
func (s *Service) SetDelay(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.delay = d
}

// Call is a management call that was answered.
type Call struct {
	Caller     api.Caller
	Event      string // "UpdateAlias20150331"
	ReadOnly   bool
	Function   string         // as the request named it, "" for none
	ARN        string         // of the function, "" where it is not known
	Parameters map[string]any // requestParameters
	Response   map[string]any // responseElements, nil for reads
	Error      *api.Error
	RequestID  string
	Agent      string
	InvokedBy  string // a service that acts for the caller
}

// Record keeps a call; nothing of it may change later.
func (s *Service) Record(c Call) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now().UTC()
	e := event{
		ID: api.NewID(), Account: c.Caller.Account, Region: c.Caller.Region, Time: now.Truncate(time.Second), Arrived: now.Add(s.delay),
		Name: c.Event, ReadOnly: c.ReadOnly, AccessKey: c.Caller.AccessKeyID, Username: username(c.Caller),
	}
	for _, name := range []string{c.Function, c.ARN} {
		if name != "" && !slices.Contains(e.Resources, resource{"AWS::Lambda::Function", name}) {
			e.Resources = append(e.Resources, resource{"AWS::Lambda::Function", name})
		}
	}
	if c.ReadOnly || c.Error != nil {
		e.call = &c
	} else {
		document, err := json.Marshal(c.document(e))
		if err != nil {
			return fmt.Errorf("record the event %s: %w", c.Event, err)
		}
		e.Document = string(document)
		e.key = prefix + e.Account + "/" + e.Region + "/" + strconv.FormatInt(now.UnixNano(), 10) + "-" + e.ID
		if err := s.store.Put(e.key, e); err != nil {
			return fmt.Errorf("record the event %s: %w", c.Event, err)
		}
	}
	s.events = append(s.events, e)
	return s.forget(now)
}

// forget drops what is older than the history reaches, and the oldest tenth where
// there is too much.
func (s *Service) forget(now time.Time) error {
	n := 0
	for n < len(s.events) && now.Sub(s.events[n].Time) > retention {
		n++
	}
	if len(s.events)-n > maxEvents {
		n += maxEvents / 10
	}
	for _, e := range s.events[:n] {
		if e.key == "" {
			continue
		}
		if err := s.store.Delete(e.key); err != nil {
			return fmt.Errorf("forget an event: %w", err)
		}
	}
	s.events = slices.Delete(s.events, 0, n)
	return nil
}

// username is a session's name, a user's, or root.
func username(c api.Caller) string {
	if c.PrincipalARN == "" || strings.HasSuffix(c.PrincipalARN, ":root") {
		return "root"
	}
	return c.PrincipalARN[strings.LastIndex(c.PrincipalARN, "/")+1:]
}

// document is the CloudTrailEvent ("CloudTrail record contents").
func (c Call) document(e event) map[string]any {
	identity := map[string]any{"type": "Root", "principalId": c.Caller.Account, "arn": c.Caller.PrincipalARN, "accountId": c.Caller.Account, "accessKeyId": c.Caller.AccessKeyID}
	if strings.Contains(c.Caller.PrincipalARN, ":assumed-role/") {
		identity["type"], identity["principalId"] = "AssumedRole", c.Caller.AccessKeyID+":"+e.Username
	}
	if c.InvokedBy != "" {
		identity["invokedBy"] = c.InvokedBy
	}
	d := map[string]any{
		"eventVersion": "1.11", "userIdentity": identity, "eventTime": e.Time.Format(time.RFC3339), "eventSource": "lambda.amazonaws.com",
		"eventName": c.Event, "awsRegion": e.Region, "sourceIPAddress": cmp.Or(c.InvokedBy, "127.0.0.1"), "userAgent": cmp.Or(c.InvokedBy, c.Agent),
		"requestParameters": c.Parameters, "responseElements": c.Response, "requestID": c.RequestID, "eventID": e.ID, "readOnly": c.ReadOnly,
		"eventType": "AwsApiCall", "managementEvent": true, "recipientAccountId": e.Account, "eventCategory": "Management",
	}
	if c.Error != nil {
		d["errorCode"], d["errorMessage"] = strings.TrimSuffix(c.Error.Code, "Exception"), c.Error.Message
	}
	return d
}

type lookupInput struct {
	LookupAttributes []struct{ AttributeKey, AttributeValue string }
	StartTime        *awsjson.Time
	EndTime          *awsjson.Time
	EventCategory    string
	MaxResults       *int
	NextToken        string
}

type lookupOutput struct {
	Events    []shown
	NextToken string `json:",omitempty"`
}

type shown struct {
	EventId, EventName, EventSource, ReadOnly, Username string
	AccessKeyId                                         string `json:",omitempty"`
	EventTime                                           awsjson.Time
	Resources                                           []resource
	CloudTrailEvent                                     string
}

var attributes = map[string]func(e event, value string) bool{
	"EventId":     func(e event, v string) bool { return e.ID == v },
	"EventName":   func(e event, v string) bool { return e.Name == v },
	"ReadOnly":    func(e event, v string) bool { return strconv.FormatBool(e.ReadOnly) == v },
	"Username":    func(e event, v string) bool { return e.Username == v },
	"AccessKeyId": func(e event, v string) bool { return e.AccessKey == v },
	"EventSource": func(_ event, v string) bool { return v == "lambda.amazonaws.com" },
	"ResourceType": func(e event, v string) bool {
		return slices.ContainsFunc(e.Resources, func(r resource) bool { return r.ResourceType == v })
	},
	"ResourceName": func(e event, v string) bool {
		return slices.ContainsFunc(e.Resources, func(r resource) bool { return r.ResourceName == v })
	},
}

// lookupEvents rests on "LookupEvents": one attribute at most, newest first.
func (s *Service) lookupEvents(ctx context.Context, in *lookupInput) (any, *api.Error) {
	limit := maxPage
	if in.MaxResults != nil {
		limit = *in.MaxResults
	}
	matches := func(event) bool { return true }
	switch {
	case limit < 1 || limit > maxPage:
		return nil, awsjson.Invalid("InvalidMaxResultsException", "A max results value of %d is invalid. Specify max results between 1 and 50.", limit)
	case in.StartTime != nil && in.EndTime != nil && in.EndTime.Before(in.StartTime.Time):
		return nil, awsjson.Invalid("InvalidTimeRangeException", "The start time must be before the end time.")
	case len(in.LookupAttributes) > 1:
		return nil, awsjson.Invalid("InvalidLookupAttributesException", "You can specify only one lookup attribute.")
	case in.EventCategory != "" && in.EventCategory != "insight":
		return nil, awsjson.Invalid("InvalidEventCategoryException", "The event category %s is not valid.", in.EventCategory)
	case in.EventCategory == "insight":
		return lookupOutput{Events: []shown{}}, nil
	}
	for _, a := range in.LookupAttributes {
		match := attributes[a.AttributeKey]
		if match == nil || a.AttributeValue == "" {
			return nil, awsjson.Invalid("InvalidLookupAttributesException", "The lookup attribute %s is not valid.", a.AttributeKey)
		}
		matches = func(e event) bool { return match(e, a.AttributeValue) }
	}
	found := s.find(api.From(ctx), in, matches)
	page, next, err := awsjson.Page(found, in.NextToken, limit, awsjson.Invalid("InvalidNextTokenException", "The next token is not valid."))
	if err != nil {
		return nil, err
	}
	out := lookupOutput{Events: []shown{}, NextToken: next}
	for _, e := range page {
		if e.call != nil {
			document, err := json.Marshal(e.call.document(e))
			if err != nil {
				return nil, api.NewError(http.StatusInternalServerError, "InternalFailure", err.Error())
			}
			e.Document = string(document)
		}
		out.Events = append(out.Events, shown{
			EventId: e.ID, EventName: e.Name, EventSource: "lambda.amazonaws.com", ReadOnly: strconv.FormatBool(e.ReadOnly), Username: e.Username,
			AccessKeyId: e.AccessKey, EventTime: awsjson.Time{Time: e.Time}, Resources: append([]resource{}, e.Resources...), CloudTrailEvent: e.Document,
		})
	}
	return out, nil
}

// find are the caller's events that can be looked up, newest first.
func (s *Service) find(c api.Caller, in *lookupInput, matches func(event) bool) []event {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	var found []event
	for _, e := range slices.Backward(s.events) {
		if e.Account == c.Account && e.Region == c.Region && !e.Arrived.After(now) && now.Sub(e.Time) <= retention &&
			(in.StartTime == nil || !e.Time.Before(in.StartTime.Time)) && (in.EndTime == nil || !e.Time.After(in.EndTime.Time)) && matches(e) {
			found = append(found, e)
		}
	}
	return found
}
