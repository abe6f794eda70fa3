package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/deploy"
	"github.com/lambda-rollout/lambda-rollout/internal/plan"
	"github.com/lambda-rollout/lambda-rollout/internal/policy"
	"github.com/lambda-rollout/lambda-rollout/internal/report"
	"github.com/lambda-rollout/lambda-rollout/internal/traffic"
)

// shift moves aliases between the version that they serve and a new one: a
// deployment of traffic alone, journalled and rolled back as every other.
func (a *app) shift(ctx context.Context) error {
	orders, err := a.orders()
	if err != nil {
		return err
	}
	if err := a.noOpenJournal(); err != nil {
		return &deploy.InputError{Err: err}
	}
	w, err := a.connect(ctx, a.nearJournal(nearOrders(orders)))
	if err != nil {
		return err
	}
	b := &builder{app: a, world: w, runID: a.runID()}
	var targets []deploy.Target
	var errs []error
	for _, o := range orders {
		t, err := b.shiftTarget(ctx, o)
		targets, errs = append(targets, t), append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return &deploy.InputError{Err: err}
	}
	if a.in.Bool("dry-run") {
		return a.showShift(ctx, targets)
	}
	opts, err := a.changing(w, b.runID)
	if err != nil {
		return &deploy.InputError{Err: err}
	}
	opts.Preflight = b.shiftAllowed
	results, err := deploy.Deploy(ctx, targets, opts)
	return a.deployed(results, err)
}

// showShift prints what a shift would do.
func (a *app) showShift(ctx context.Context, targets []deploy.Target) error {
	results, err := a.prepare(ctx, targets)
	if err != nil {
		return err
	}
	var diffs []report.Diff
	for _, r := range results {
		diffs = append(diffs, a.diff(r))
	}
	return errors.Join(a.showPlan(diffs), a.planned(results))
}

// shiftTarget finds the version that the aliases of an order shift to.
func (b *builder) shiftTarget(ctx context.Context, o order) (deploy.Target, error) {
	s, err := b.look(ctx, b.world, o)
	if err != nil {
		return deploy.Target{}, err
	}
	for _, name := range s.names() {
		if s.now[name] == nil {
			return deploy.Target{}, fmt.Errorf("function %s in %s has no alias %s", s.function, s.api.Region(), name)
		}
	}
	version, err := s.shiftsTo(ctx)
	if err != nil {
		return deploy.Target{}, err
	}
	t := deploy.Target{
		Label: label(s.function, s.api.Region()), Journal: s.journal(b.app), API: s.api, Connector: o.connector,
		Code: &fetcher{session: s.session, region: s.api.Region()},
		Wanted: plan.Wanted{
			Function: definition.Function{FunctionName: s.function}, Run: b.runID,
			ShiftTo: version, Traffic: b.in.Course("traffic"),
		},
	}
	if b.in.Given("percentage") {
		t.Wanted.Traffic = traffic.Course{{Percent: b.in.Percent("percentage")}}
	}
	for _, name := range s.names() {
		t.Wanted.Aliases = append(t.Wanted.Aliases, definition.Alias{Name: name})
	}
	return t, nil
}

// shiftsTo is the version that is named, or the one that shares the aliases'
// traffic already.
func (s *standing) shiftsTo(ctx context.Context) (string, error) {
	if s.version != "" {
		found, err := s.api.Find(ctx, s.function, s.version)
		if err == nil && found == nil {
			err = s.choose(ctx, s.names()[0], "there is no version "+s.version)
		}
		return s.version, err
	}
	version := ""
	for _, name := range s.names() {
		shares := slices.Sorted(maps.Keys(s.now[name].Weights))
		switch {
		case len(shares) == 0:
			return "", s.choose(ctx, name, "it shares its traffic with no other version")
		case version != "" && shares[0] != version:
			return "", fmt.Errorf("the aliases of %s share their traffic with different versions, %s and %s: shift them one after the other", s.function, version, shares[0])
		}
		version = shares[0]
	}
	return version, nil
}

// shiftAllowed asks before the first change whether all of it is permitted.
func (b *builder) shiftAllowed(ctx context.Context, results []deploy.Result) error {
	ctx, cancel := context.WithTimeout(ctx, preflightTimeout)
	defer cancel()
	errs := []error{b.permitted(ctx, results, func(i int) []policy.Need {
		at := results[i].Target.Journal
		return policy.Needs(policy.Target{
			Account: at.Account, Partition: at.Partition, Region: at.Region,
			Wanted: results[i].Target.Wanted, Before: results[i].Before, Plan: results[i].Plan,
		})
	})}
	for _, r := range results {
		errs = append(errs, provisioned(ctx, r))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("nothing was changed: %w", err)
	}
	return nil
}
