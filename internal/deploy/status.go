package deploy

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/history"
	"github.com/lambda-rollout/lambda-rollout/internal/journal"
	"github.com/lambda-rollout/lambda-rollout/internal/lambdaapi"
	"github.com/lambda-rollout/lambda-rollout/internal/plan"
	"github.com/lambda-rollout/lambda-rollout/internal/traffic"
)

// Status is a function as AWS shows it now.
type Status struct {
	Function, Region string
	// Latest is $LATEST; nil where there is no such function.
	Latest *definition.Observed
	// Aliases are all of the function's, by name.
	Aliases []AliasStatus
	// Newest is the newest published version, nil where there is none. Unpublished is
	// what $LATEST differs from it in, where that was never published.
	Newest      *history.Version
	Unpublished []definition.Change
	// Waiting are the published versions that are newer than all that get traffic.
	Waiting []history.Version
	// OpenRuns are the runs of this folder's journals that changed the function and
	// are still running or were interrupted.
	OpenRuns []string
	// Planned is what a deploy of the files would do; nil where none are named.
	Planned *Planned

	api *lambdaapi.Client
}

// AliasStatus is an alias with the versions that get its traffic.
type AliasStatus struct {
	Name   string
	Routes []Route
	// Rollback is the version, or None, to which a rollback by hand would point the
	// alias; "" where it would do nothing. Why is the reason then, and where it could
	// not choose.
	Rollback, Why string
	// Done reports whether the alias is where a rollback would point it.
	Done bool
}

// Route is a version with its share of an alias's traffic.
type Route struct {
	history.Version
	// Percent is of the traffic, 0 to 100.
	Percent float64
	// State is the version's, as AWS names it; "" where the version is gone.
	State definition.Status
}

// Label names the function in errors.
func (s *Status) Label() string { return s.Function + " in " + s.Region }

func (s *Status) inRegion() string { return s.Region }

// Differs reports whether a deploy of the files would change something; without
// files, whether $LATEST has changes that were never published.
func (s *Status) Differs() bool {
	if s.Planned != nil {
		return s.Planned.Changes()
	}
	return len(s.Unpublished) > 0
}

// LookAt reads the functions that names and patterns, as in shop-*, mean. A name must
// exist. Its error is a *NotStartedError.
func LookAt(ctx context.Context, c *Connection, patterns []string, runs []journal.RunState, parallel int) ([]*Status, error) {
	var all []*Status
	for _, pattern := range patterns {
		found, err := c.matching(ctx, pattern)
		if err != nil {
			return nil, notStarted(err)
		}
		for _, p := range found {
			if !slices.ContainsFunc(all, func(s *Status) bool { return s.Function == p.Function && s.Region == p.Region }) {
				all = append(all, &Status{Function: p.Function, Region: p.Region, api: p.api})
			}
		}
	}
	return all, notStarted(readAll(ctx, all, runs, parallel))
}

// LookAtPlanned reads the functions of a plan.
func LookAtPlanned(ctx context.Context, planned []Planned, runs []journal.RunState, parallel int) ([]*Status, error) {
	var all []*Status
	for i, p := range planned {
		all = append(all, &Status{Function: p.At.Function, Region: p.At.Region, api: p.API, Planned: &planned[i]})
	}
	return all, notStarted(readAll(ctx, all, runs, parallel))
}

func readAll(ctx context.Context, all []*Status, runs []journal.RunState, parallel int) error {
	return each(ctx, parallel, all, func(ctx context.Context, s *Status) error { return s.read(ctx, runs) })
}

// read asks AWS. The aliases are read last: a deploy that publishes in between has
// moved none yet to a version that is not known here.
func (s *Status) read(ctx context.Context, runs []journal.RunState) (err error) {
	if s.Latest, err = s.api.Find(ctx, s.Function, ""); err != nil {
		return err
	}
	switch {
	case s.Latest == nil && s.Planned != nil:
		return nil // the first deploy creates it
	case s.Latest == nil:
		return fmt.Errorf("there is no function %s in %s", s.Function, s.Region)
	}
	listed, err := s.api.ListVersions(ctx, s.Function)
	if err != nil {
		return err
	}
	aliases, err := s.api.ListAliases(ctx, s.Function)
	if err != nil {
		return err
	}
	var versions []history.Version
	for _, v := range listed {
		versions = append(versions, versionOf(v))
	}
	s.OpenRuns = openRuns(runs, s.Latest.Arn)
	return s.fill(ctx, versions, aliases, listed)
}

// fill reads the versions that get traffic, and the newest one.
func (s *Status) fill(ctx context.Context, versions []history.Version, aliases []definition.ObservedAlias, listed []lambdaapi.Version) error {
	read := map[string]*definition.Observed{plan.Latest: s.Latest}
	for _, number := range needed(versions, aliases) {
		found, err := s.api.Find(ctx, s.Function, number)
		if err != nil {
			return err
		}
		read[number] = found
	}
	slices.SortFunc(aliases, func(a, b definition.ObservedAlias) int { return strings.Compare(a.Name, b.Name) })
	for _, a := range aliases {
		s.Aliases = append(s.Aliases, aliasStatus(a, versions, listed, read))
	}
	if n := len(versions); n > 0 {
		s.Newest = &versions[n-1]
		s.Unpublished = neverPublished(read, s.Newest.Number)
	}
	s.Waiting = waiting(versions, aliases)
	return nil
}

// neverPublished is what $LATEST differs from the newest version in; nothing where it is
// the state of a version that gets traffic, as after a rollback.
func neverPublished(read map[string]*definition.Observed, newest string) (changes []definition.Change) {
	for number, version := range read {
		if number == plan.Latest || version == nil {
			continue
		}
		found := unpublished(version, read[plan.Latest])
		if len(found) == 0 {
			return nil
		}
		if number == newest {
			changes = found
		}
	}
	return changes
}

// unpublished is what $LATEST differs from a version in, as far as both can be read.
func unpublished(version, latest *definition.Observed) []definition.Change {
	hidden := slices.Concat(version.Unreadable, latest.Unreadable)
	return slices.DeleteFunc(compareVersions(version, latest), func(c definition.Change) bool {
		return slices.ContainsFunc(hidden, func(u definition.Unreadable) bool {
			return strings.HasPrefix(strings.ToLower(c.Field), strings.ToLower(u.Field))
		})
	})
}

// needed are the versions to read: those that get traffic, and the newest one.
func needed(versions []history.Version, aliases []definition.ObservedAlias) []string {
	numbers := map[string]bool{}
	for _, a := range aliases {
		for _, number := range (history.Pointer{Version: a.Version, Weights: a.Weights}).Versions() {
			numbers[number] = true
		}
	}
	if n := len(versions); n > 0 {
		numbers[versions[n-1].Number] = true
	}
	delete(numbers, plan.Latest)
	return slices.Sorted(maps.Keys(numbers))
}

func aliasStatus(a definition.ObservedAlias, versions []history.Version, listed []lambdaapi.Version, read map[string]*definition.Observed) AliasStatus {
	out := AliasStatus{Name: a.Name}
	rest := 100.0
	for _, number := range slices.Sorted(maps.Keys(a.Weights)) {
		percent := traffic.PercentOf(a.Weights[number])
		out.Routes, rest = append(out.Routes, routeOf(number, percent, versions, read)), rest-percent
	}
	out.Routes = slices.Insert(out.Routes, 0, routeOf(a.Version, rest, versions, read))
	out.Rollback, out.Why = versionBefore(listed, a.Name, a.Version)
	switch {
	case out.Why != "":
		out.Rollback = ""
	case out.Rollback == a.Version && len(a.Weights) == 0:
		out.Rollback, out.Why, out.Done = "", "it points to version "+a.Version+" as before the last deploy already", true
	case out.Rollback != None && out.Rollback != plan.Latest && !slices.ContainsFunc(versions, func(v history.Version) bool { return v.Number == out.Rollback }):
		out.Rollback, out.Why = "", "version "+out.Rollback+" is gone"
	}
	return out
}

func routeOf(number string, percent float64, versions []history.Version, read map[string]*definition.Observed) Route {
	route := Route{Version: history.Version{Number: number}, Percent: percent}
	for _, v := range versions {
		if v.Number == number {
			route.Version = v
		}
	}
	if found := read[number]; found != nil {
		route.State, route.CodeSha256, route.CodeSize = found.State, found.CodeSha256, found.CodeSize
	}
	return route
}

// waiting are the versions behind the newest one that gets traffic, which no restore
// point is.
func waiting(versions []history.Version, aliases []definition.ObservedAlias) []history.Version {
	if len(aliases) == 0 {
		return nil // nobody says what gets traffic
	}
	newest := -1
	for _, a := range aliases {
		for _, number := range (history.Pointer{Version: a.Version, Weights: a.Weights}).Versions() {
			newest = max(newest, slices.IndexFunc(versions, func(v history.Version) bool { return v.Number == number }))
		}
	}
	return slices.DeleteFunc(slices.Clone(versions[newest+1:]), func(v history.Version) bool { return v.RestorePoint })
}

// openRuns are the runs that changed a function and are not settled.
func openRuns(runs []journal.RunState, arn string) []string {
	var open []string
	for _, run := range runs {
		for _, t := range run.Targets {
			if run.State == journal.Open && len(t.Steps) > 0 && strings.HasSuffix(arn, ":"+t.Region+":"+t.Account+":function:"+t.Function) {
				open = append(open, run.Header.Run)
			}
		}
	}
	return open
}
