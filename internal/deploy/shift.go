package deploy

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/plan"
	"github.com/lambda-rollout/lambda-rollout/internal/session"
	"github.com/lambda-rollout/lambda-rollout/internal/traffic"
)

// ShiftOptions is what the inputs say about a shift of traffic.
type ShiftOptions struct {
	// Run is the id of the run.
	Run     string
	Traffic traffic.Schedule
	Watch   Watch
}

// ResolveShift finds the functions and versions between which traffic is to
// shift. The targets have no artifact. Its error is a *NotStartedError.
func ResolveShift(ctx context.Context, c *Connection, requests []Request, o ShiftOptions) ([]Target, error) {
	var targets []Target
	var errs []error
	for _, r := range requests {
		t, err := shiftTarget(ctx, c, r)
		t.Want.Run, t.Want.Traffic, t.Watch = o.Run, o.Traffic, o.Watch
		targets, errs = append(targets, t), append(errs, err)
	}
	if err := session.Join(errs...); err != nil {
		return nil, notStarted(err)
	}
	return targets, nil
}

// shiftTarget finds the version to which the aliases of a request shift.
func shiftTarget(ctx context.Context, c *Connection, r Request) (Target, error) {
	l, err := look(ctx, c, r)
	if err != nil {
		return Target{}, err
	}
	for _, name := range l.names() {
		if l.now[name] == nil {
			return Target{}, l.noAlias(name)
		}
	}
	version, err := l.shiftsTo(ctx)
	if err != nil {
		return Target{}, err
	}
	t := Target{At: l.at(), Connector: r.Connector, Session: l.session, API: l.api}
	t.Want = plan.Wanted{Function: definition.Function{FunctionName: r.Function}, ShiftTo: version}
	for _, name := range l.names() {
		t.Want.Aliases = append(t.Want.Aliases, definition.Alias{Name: name})
	}
	return t, nil
}

// shiftsTo is the version that is named, or the one that shares the aliases'
// traffic already.
func (l *liveFunction) shiftsTo(ctx context.Context) (string, error) {
	if l.Version != "" {
		found, err := l.api.Find(ctx, l.Function, l.Version)
		if err == nil && found == nil {
			err = l.choose(ctx, l.names()[0], "there is no version "+l.Version)
		}
		return l.Version, err
	}
	version := ""
	for _, name := range l.names() {
		shares := slices.Sorted(maps.Keys(l.now[name].Weights))
		switch {
		case len(shares) == 0:
			return "", l.choose(ctx, name, "it shares its traffic with no other version")
		case version != "" && shares[0] != version:
			return "", fmt.Errorf("the aliases of %s share their traffic with different versions, %s and %s: shift them one after the other", l.Function, version, shares[0])
		}
		version = shares[0]
	}
	return version, nil
}
