package deploy

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/cloudtrail"
	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/history"
	"github.com/lambda-rollout/lambda-rollout/internal/journal"
	"github.com/lambda-rollout/lambda-rollout/internal/lambdaapi"
	"github.com/lambda-rollout/lambda-rollout/internal/plan"
	"github.com/lambda-rollout/lambda-rollout/internal/session"
)

// Historian looks back at functions. It reads the event history of an account and
// Region once for all of them.
type Historian struct {
	connection *Connection
	now        func() time.Time
	runs       []journal.RunState
	trails     map[trailKey]*trailRead
}

type trailKey struct{ connector, region string }

// trailRead is a history that was read, or why it was not.
type trailRead struct {
	trail *cloudtrail.Trail
	err   error
}

// NewHistorian looks back with a connection. runs are those whose journals are
// known.
func NewHistorian(c *Connection, runs []journal.RunState, now func() time.Time) *Historian {
	return &Historian{connection: c, now: now, runs: runs, trails: map[trailKey]*trailRead{}}
}

// Past is what is known of a function.
type Past struct {
	history.Function
	// NoTrail is why CloudTrail's event history could not be read; nil where it was.
	NoTrail error
	// Journals is how many journals tell of the function.
	Journals int
}

// Function looks back at a function by its name. Its error is a *NotStartedError.
func (h *Historian) Function(ctx context.Context, name definition.Name) (*Past, error) {
	region, err := h.connection.regionOf(name.Region, "")
	if err != nil {
		return nil, notStarted(err)
	}
	if err := h.connection.owns(ctx, name); err != nil {
		return nil, notStarted(err)
	}
	if region, err = h.connection.whereIs(ctx, region, name); err != nil {
		return nil, notStarted(err)
	}
	past, err := h.past(ctx, h.connection.base, trailKey{"", region}, name.Name)
	return past, notStarted(err)
}

// past looks back at a function with a session.
func (h *Historian) past(ctx context.Context, s *session.Session, at trailKey, function string) (*Past, error) {
	identity, err := s.Identity(ctx)
	if err != nil {
		return nil, err
	}
	api := lambdaapi.New(s, at.region, h.connection.timing)
	// The aliases are read after the events: what changes in between is then an
	// event that is missing, and proves nothing wrong.
	trail := h.trail(ctx, s, at)
	versions, err := api.ListVersions(ctx, function)
	if err != nil {
		return nil, err
	}
	aliases, err := api.ListAliases(ctx, function)
	if err != nil {
		return nil, err
	}
	past := &Past{NoTrail: trail.err, Function: history.Function{Name: function, Region: at.region}}
	for _, v := range versions {
		past.Versions = append(past.Versions, versionOf(v))
	}
	for _, a := range aliases {
		past.Aliases = append(past.Aliases, history.Alias{
			Name: a.Name, RevisionID: a.RevisionId, Now: history.Pointer{Version: a.Version, Weights: a.Weights},
		})
	}
	if trail.trail != nil {
		past.addTrail(trail.trail)
	}
	past.addMarkers()
	for _, run := range h.runs {
		past.addJournal(run, identity.Account)
	}
	return past, nil
}

// trail reads the event history of a Region, once.
func (h *Historian) trail(ctx context.Context, s *session.Session, at trailKey) *trailRead {
	if h.trails[at] == nil {
		trail, err := cloudtrail.New(ctx, s, at.region, h.now).Read(ctx, h.now().Add(-cloudtrail.Retention), func(string) bool { return true })
		h.trails[at] = &trailRead{trail, err}
	}
	return h.trails[at]
}

// lastModified is the layout of Lambda's times
// (https://docs.aws.amazon.com/lambda/latest/api/API_FunctionConfiguration.html).
const lastModified = "2006-01-02T15:04:05.000-0700"

func versionOf(v lambdaapi.Version) history.Version {
	out := history.Version{Number: v.Number, CodeSha256: v.CodeSha256, CodeSize: v.CodeSize, Description: v.Description, Was: map[string]string{}}
	if at, err := time.Parse(lastModified, v.LastModified); err == nil {
		out.Published = at.UTC()
	}
	if p, ok := plan.ParseMarker(v.Description); ok {
		out.Run, out.Repository, out.Commit, out.URL, out.RestorePoint = p.Run, p.Repository, p.Commit, p.URL, p.RestorePoint
		for _, was := range p.Was {
			out.Was[was.Alias] = was.Version
		}
	}
	return out
}

// addTrail adds what CloudTrail has of the function.
func (p *Past) addTrail(trail *cloudtrail.Trail) {
	p.Trail = &history.Coverage{From: trail.From.UTC(), Read: trail.Read.UTC()}
	for _, e := range trail.Events {
		if name, err := definition.ParseFunctionName(e.Function); err != nil || name.Name != p.Name {
			continue
		}
		move := history.Move{Second: e.Second, By: e.By, Source: history.CloudTrail}
		if e.Service != "" {
			move.By = e.Service
		}
		alias := ""
		switch c := e.Change.(type) {
		case cloudtrail.AliasSet:
			alias, move.RevisionID, move.Expected = c.Alias, c.RevisionID, c.Expected
			move.To, move.Unknown = history.Pointer{Version: c.Version, Weights: c.Weights}, c.Version == ""
		case cloudtrail.AliasDeleted:
			alias = c.Alias
		case cloudtrail.FunctionCreated, cloudtrail.FunctionDeleted:
			p.Reborn = append(p.Reborn, e.Second)
			continue
		}
		if a := p.Alias(alias); a != nil {
			a.Moves = append(a.Moves, move)
		}
	}
}

// addMarkers adds what the markers of versions say.
func (p *Past) addMarkers() {
	for _, v := range p.Versions {
		for name := range v.Was {
			if a := p.Alias(name); a != nil {
				a.Told = append(a.Told, history.Move{
					Second: v.Published.Truncate(time.Second), To: history.Pointer{Version: v.Number}, Run: v.Run, Source: history.Markers,
				})
			}
		}
	}
}

// addJournal adds the moves that a run recorded.
func (p *Past) addJournal(run journal.RunState, account string) {
	for _, t := range run.Targets {
		if t.Function != p.Name || t.Region != p.Region || t.Account != account {
			continue
		}
		p.Journals++
		for _, s := range t.Steps {
			if s.Intent.Alias == nil || s.Outcome == nil || s.Outcome.Result != journal.Done {
				continue
			}
			if a := p.Alias(s.Intent.Alias.Name); a != nil && !s.Record.At.IsZero() {
				a.Told = append(a.Told, history.Move{
					Second: s.Record.At.UTC().Truncate(time.Second), Run: t.Run, Source: history.Journals,
					To: history.Pointer{Version: s.Intent.Alias.Version, Weights: s.Intent.Alias.Weights},
				})
			}
		}
	}
	for i := range p.Aliases {
		slices.SortStableFunc(p.Aliases[i].Told, func(a, b history.Move) int { return a.Second.Compare(b.Second) })
	}
}

// CompareVersions returns what separates two versions of a function, $LATEST
// included, and the Region of the function. Its error is a *NotStartedError.
func CompareVersions(ctx context.Context, c *Connection, name definition.Name, from, to string) (string, []definition.Change, error) {
	region, err := c.regionOf(name.Region, "")
	if err == nil {
		err = c.owns(ctx, name)
	}
	if err == nil {
		region, err = c.whereIs(ctx, region, name)
	}
	if err != nil {
		return "", nil, notStarted(err)
	}
	api := lambdaapi.New(c.base, region, c.timing)
	var found [2]*definition.Observed
	for i, version := range []string{from, to} {
		o, err := api.Find(ctx, name.Name, version)
		if err == nil && o == nil {
			err = fmt.Errorf("function %s in %s has no version %s", name.Name, region, version)
		}
		if err != nil {
			return "", nil, notStarted(err)
		}
		for _, u := range o.Unreadable {
			if u.Field != "Tags" {
				return "", nil, notStarted(fmt.Errorf("compare version %s of %s: %s cannot be read: %s", version, name.Name, u.Field, u.Reason))
			}
		}
		found[i] = o
	}
	return region, compareVersions(found[0], found[1]), nil
}

// compareVersions is the difference in configuration, then in code.
func compareVersions(from, to *definition.Observed) []definition.Change {
	a, b := from.Function, to.Function
	a.Description, b.Description = nil, nil // the markers of the two
	a.Tags, b.Tags = nil, nil               // of the function
	d := definition.Diff(b, a)
	changes := slices.Concat(d.Changes, d.Architectures, d.Immutable)
	// What only the older one has, a diff does not name.
	back := definition.Diff(a, b)
	for _, c := range slices.Concat(back.Changes, back.Architectures, back.Immutable) {
		if slices.ContainsFunc(changes, func(known definition.Change) bool { return known.Field == c.Field }) {
			continue
		}
		c.From, c.To = c.To, c.From
		switch c.Kind {
		case definition.Set:
			c.Kind = definition.Removed
		case definition.Removed:
			c.Kind = definition.Set
		case definition.Changed:
		}
		changes = append(changes, c)
	}
	slices.SortStableFunc(changes, func(x, y definition.Change) int { return slices.Compare([]byte(x.Field), []byte(y.Field)) })
	if from.CodeSha256 != to.CodeSha256 {
		changes = append(changes, definition.Change{Field: "Code", From: from.CodeSha256, To: to.CodeSha256, Kind: definition.Changed})
	}
	return changes
}
