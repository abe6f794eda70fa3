// Package cloudtrail reads from CloudTrail's event history where the aliases of
// functions pointed to, and when.
//
// It promises every event of the calls that move an alias, and of those that create
// or delete a function, back to the time that [Trail.From] says: events older than
// 90 days, or behind the last page that it reads, are not there. It changes
// nothing. An event arrives minutes after its call; how late, AWS does not promise.
//
// Sources: https://docs.aws.amazon.com/awscloudtrail/latest/userguide/view-cloudtrail-events.html,
// https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_LookupEvents.html,
// https://docs.aws.amazon.com/lambda/latest/dg/logging-using-cloudtrail.html.
package cloudtrail

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/awsfacts"
	"github.com/lambda-rollout/lambda-rollout/internal/session"
)

// Retention is how far back the event history reaches.
const Retention = 90 * 24 * time.Hour

// Event is one call that succeeded.
type Event struct {
	// Second is when AWS answered, in whole seconds.
	Second time.Time
	// By is the session's or the user's name; Service is the AWS service that made
	// the call, "" for none.
	By, Service string
	// Function is the function as the call named it: name or ARN.
	Function string
	// Change is what the call did.
	Change Change
}

// Change is what a call did: [AliasSet], [AliasDeleted], [FunctionCreated] or
// [FunctionDeleted].
type Change interface{ change() }

// AliasSet is a call that created or updated an alias.
type AliasSet struct {
	Alias string
	// Version and Weights are where the alias then pointed to. Version is "" where
	// the event does not say.
	Version string
	Weights map[string]float64
	// RevisionID is the alias's after the call, and Expected the one that the call
	// named as its precondition, "" for none.
	RevisionID, Expected string
}

// AliasDeleted is a call that deleted an alias.
type AliasDeleted struct{ Alias string }

// FunctionCreated is a call that created a function.
type FunctionCreated struct{}

// FunctionDeleted is a call that deleted a function with all its versions.
type FunctionDeleted struct{}

func (AliasSet) change()        {}
func (AliasDeleted) change()    {}
func (FunctionCreated) change() {}
func (FunctionDeleted) change() {}

// Trail is what the event history has of one Region.
type Trail struct {
	// From is the time since which no event is missing, but for those that have not
	// arrived yet.
	From time.Time
	// Read is when the history was read.
	Read time.Time
	// Events are in the order of their seconds. The order within a second is not
	// known.
	Events []Event
}

// Client asks the CloudTrail of one account and Region.
type Client struct {
	caller *session.Caller
	region string
	now    func() time.Time
}

// New returns the client of a session in a Region.
func New(ctx context.Context, s *session.Session, region string, now func() time.Time) *Client {
	return &Client{region: region, now: now, caller: s.Caller(session.Service{
		ID: "CloudTrail", SigningName: "cloudtrail", Region: region,
		Endpoint: awsfacts.ServiceEndpoint("cloudtrail", region, s.UsesFIPS(ctx)),
		Target:   "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101",
	})}
}

const (
	// perPage is the largest page of LookupEvents.
	perPage = 50
	// maxPages bounds what is read of each event name: 5000 calls.
	maxPages = 100
	// pause keeps to two calls a second, which is what AWS allows for an account and
	// Region.
	pause = 550 * time.Millisecond
)

// names are the events that matter. LookupEvents takes one attribute: by the
// event's name it finds calls that named the function in whatever way.
var names = []string{
	"CreateAlias20150331", "UpdateAlias20150331", "DeleteAlias20150331",
	"CreateFunction20150331", "DeleteFunction20150331",
}

// Read reads the history back to a time, as far as there is one. functions chooses
// by the name or ARN that a call used.
func (c *Client) Read(ctx context.Context, since time.Time, functions func(name string) bool) (*Trail, error) {
	now := c.now()
	trail := &Trail{Read: now, From: since}
	if oldest := now.Add(-Retention); trail.From.Before(oldest) {
		trail.From = oldest
	}
	for _, name := range names {
		if err := c.read(ctx, name, trail, functions); err != nil {
			return nil, fmt.Errorf("read the event history of %s: %w", c.region, session.Explain(err, session.Call{Action: "cloudtrail:LookupEvents", Resource: "*"}))
		}
	}
	trail.Events = slices.DeleteFunc(trail.Events, func(e Event) bool { return e.Second.Before(trail.From.Truncate(time.Second)) })
	slices.SortStableFunc(trail.Events, func(a, b Event) int { return a.Second.Compare(b.Second) })
	return trail, nil
}

// read adds the events of one name, newest first. Where there are more than it
// reads, the trail begins behind the oldest.
func (c *Client) read(ctx context.Context, name string, trail *Trail, functions func(string) bool) error {
	in := lookup{
		LookupAttributes: []attribute{{"EventName", name}}, MaxResults: perPage, StartTime: trail.From.Unix(),
	}
	oldest := trail.Read
	var found []Event
	defer func() {
		slices.Reverse(found) // equal seconds stay in the order of AWS's answer
		trail.Events = append(trail.Events, found...)
	}()
	for range maxPages {
		var page lookedUp
		if err := c.caller.JSON(ctx, "LookupEvents", in, &page); err != nil {
			return err
		}
		for _, e := range page.Events {
			oldest = e.EventTime.Time
			event, ok, err := e.decode(name)
			if err != nil {
				return err
			}
			if ok && functions(event.Function) {
				found = append(found, event)
			}
		}
		if page.NextToken == "" {
			return nil
		}
		in.NextToken = page.NextToken
		if err := c.rest(ctx); err != nil {
			return err
		}
	}
	if begin := oldest.Add(time.Second); begin.After(trail.From) {
		trail.From = begin
	}
	return nil
}

// rest waits between two pages of AWS's own CloudTrail.
func (c *Client) rest(ctx context.Context) error {
	if c.caller.Custom {
		return nil
	}
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(pause):
		return nil
	}
}

// decode reads an event; false for one of a call that failed or changed something
// else.
func (e looked) decode(name string) (Event, bool, error) {
	var d document
	if err := json.Unmarshal([]byte(e.CloudTrailEvent), &d); err != nil {
		return Event{}, false, fmt.Errorf("event %s is not JSON: %w", e.EventID, err)
	}
	if d.ErrorCode != "" {
		return Event{}, false, nil
	}
	out := Event{Second: e.EventTime.Time.UTC(), By: e.Username, Service: d.UserIdentity.InvokedBy, Function: d.RequestParameters.FunctionName}
	switch base, _, _ := strings.Cut(name, "2"); base {
	case "CreateAlias", "UpdateAlias":
		out.Change = d.alias()
	case "DeleteAlias":
		out.Change = AliasDeleted{Alias: d.RequestParameters.Name}
	case "CreateFunction":
		out.Change = FunctionCreated{}
	case "DeleteFunction":
		out.Change = FunctionDeleted{}
		if d.RequestParameters.Qualifier != "" {
			return Event{}, false, nil // one version
		}
	default:
		return Event{}, false, errors.New("event " + name + " has no meaning here")
	}
	return out, true, nil
}

func (d document) alias() AliasSet {
	set := AliasSet{Alias: d.RequestParameters.Name, Expected: d.RequestParameters.RevisionID}
	if r := d.ResponseElements; r != nil {
		set.Version, set.RevisionID = r.FunctionVersion, r.RevisionID
		if r.Name != "" {
			set.Alias = r.Name
		}
		if r.RoutingConfig != nil {
			set.Weights = r.RoutingConfig.AdditionalVersionWeights
		}
	}
	return set
}
