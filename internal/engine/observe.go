package engine

import (
	"context"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/journal"
	"github.com/lambda-rollout/lambda-rollout/internal/lambdaapi"
	"github.com/lambda-rollout/lambda-rollout/internal/plan"
)

// Observe reads what stands of a function and of the aliases that a deployment
// names, side by side. An update that is under way is waited out first.
func Observe(ctx context.Context, api *lambdaapi.Client, w plan.Wanted, seen func(*definition.Observed)) (plan.Observation, error) {
	name := w.Function.FunctionName
	o, err := observe(ctx, api, w)
	if err != nil || o.Latest == nil || o.Latest.Settled() {
		return o, err
	}
	if _, err := api.Wait(ctx, name, "", seen); err != nil {
		return o, fmt.Errorf("an update of %s was under way already: %w", name, err)
	}
	return observe(ctx, api, w)
}

func observe(ctx context.Context, api *lambdaapi.Client, w plan.Wanted) (plan.Observation, error) {
	name := w.Function.FunctionName
	o := plan.Observation{Aliases: map[string]*definition.ObservedAlias{}}
	found := make([]*definition.ObservedAlias, len(w.Aliases))
	group, call := errgroup.WithContext(ctx)
	group.Go(func() (err error) { o.Latest, err = api.Find(call, name, ""); return err })
	if len(w.Aliases) > 0 {
		group.Go(func() (err error) { o.Served, err = api.Find(call, name, w.Aliases[0].Name); return err })
	}
	for i, a := range w.Aliases {
		group.Go(func() (err error) { found[i], err = api.FindAlias(call, name, a.Name); return err })
	}
	if w.Function.CodeSigningConfigArn != nil {
		group.Go(func() (err error) { o.CodeSigning, err = api.CodeSigning(call, name); return err })
	}
	if err := group.Wait(); err != nil {
		return o, err
	}
	for i, a := range w.Aliases {
		o.Aliases[a.Name] = found[i]
	}
	if w.Traffic.Gradual() {
		o.Provisioned = provisionedAliases(ctx, api, w)
	}
	return o, observeVersions(ctx, api, w, &o)
}

// provisionedAliases are those with provisioned concurrency, which AWS lets share
// no traffic. Where that may not be read, as by a role that only plans, the
// deployment finds out.
func provisionedAliases(ctx context.Context, api *lambdaapi.Client, w plan.Wanted) map[string]bool {
	has := make([]bool, len(w.Aliases))
	var group errgroup.Group
	for i, a := range w.Aliases {
		group.Go(func() error {
			p, err := api.Provisioned(ctx, w.Function.FunctionName, a.Name)
			has[i] = err == nil && p.Value != ""
			return nil
		})
	}
	_ = group.Wait() // it never fails
	found := map[string]bool{}
	for i, a := range w.Aliases {
		found[a.Name] = has[i]
	}
	return found
}

// observeVersions reads the versions that matter: the one that the first alias
// serves, the one that shares its traffic, which a canary left behind, and for a
// gradual shift all that are to share theirs.
func observeVersions(ctx context.Context, api *lambdaapi.Client, w plan.Wanted, o *plan.Observation) error {
	o.Versions = map[string]*definition.Observed{}
	if o.Served != nil {
		o.Versions[o.Served.Version] = o.Served
	}
	numbers := numbersToRead(w, o)
	found := make([]*definition.Observed, len(numbers))
	group, ctx := errgroup.WithContext(ctx)
	for i, number := range numbers {
		group.Go(func() (err error) { found[i], err = api.Find(ctx, w.Function.FunctionName, number); return err })
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for i, number := range numbers {
		o.Versions[number] = found[i]
	}
	if first := o.First(w.Aliases); first != nil && o.Served == nil {
		// The first alias that is named is new; another one serves already.
		o.Served = o.Versions[first.Version]
		if first.Version == plan.Latest {
			o.Served = o.Latest
		}
	}
	return nil
}

// numbersToRead are the published versions that observeVersions has yet to read.
func numbersToRead(w plan.Wanted, o *plan.Observation) []string {
	var numbers []string
	add := func(number string) {
		if number != "" && number != plan.Latest && o.Versions[number] == nil && !slices.Contains(numbers, number) {
			numbers = append(numbers, number)
		}
	}
	add(w.ShiftTo)
	if first := o.First(w.Aliases); first != nil {
		add(first.Version)
		for number := range first.Weights {
			add(number)
		}
	}
	for _, a := range w.Aliases {
		if now := o.Aliases[a.Name]; now != nil && w.Traffic.Gradual() {
			add(now.Version)
		}
	}
	return numbers
}

// observeBack reads what a rollback has to compare with its journal.
func (e *Engine) observeBack(ctx context.Context, t journal.TargetLog) (plan.Observation, error) {
	o := plan.Observation{Aliases: map[string]*definition.ObservedAlias{}, Injected: map[string]bool{}}
	s := t.Snapshot
	names := slices.Clone(s.Missing)
	for _, a := range s.Aliases {
		names = append(names, a.Name)
	}
	found := make([]*definition.ObservedAlias, len(names))
	group, call := errgroup.WithContext(ctx)
	group.Go(func() (err error) { o.Latest, err = e.API.Find(call, t.Function, ""); return err })
	if s.RestorePoint != "" {
		group.Go(func() (err error) { o.RestorePoint, err = e.API.Find(call, t.Function, s.RestorePoint); return err })
	}
	if s.Exists {
		for i, name := range names {
			group.Go(func() (err error) { found[i], err = e.API.FindAlias(call, t.Function, name); return err })
		}
	}
	if s.CodeSigning != nil {
		group.Go(func() (err error) { o.CodeSigning, err = e.API.CodeSigning(call, t.Function); return err })
	}
	if err := group.Wait(); err != nil {
		return o, err
	}
	for i, name := range names {
		o.Aliases[name] = found[i]
		if found[i] == nil || len(found[i].Weights) == 0 || !s.Exists {
			continue
		}
		if p, err := e.API.Provisioned(ctx, t.Function, name); err == nil && p.Value != "" {
			o.Injected[name] = !ourWeights(t, *found[i])
		}
	}
	e.latest, e.aliases, e.signing = o.Latest, o.Aliases, o.CodeSigning
	if !s.Exists && o.Latest != nil {
		var err error
		o.Strangers, err = e.strangers(ctx, t)
		return o, err
	}
	return o, nil
}

// ourWeights says that an alias' weights stand in the journal: then AWS did not
// put them there.
func ourWeights(t journal.TargetLog, now definition.ObservedAlias) bool {
	states, _ := t.AliasStates(now.Name)
	return slices.ContainsFunc(states, journal.AliasOf(now.Alias).Equal)
}

// strangers lists what others attached to a function that this run created.
func (e *Engine) strangers(ctx context.Context, t journal.TargetLog) ([]string, error) {
	var others []string
	aliases, err := e.API.ListAliases(ctx, t.Function)
	if err != nil {
		return nil, err
	}
	for _, a := range aliases {
		if states, _ := t.AliasStates(a.Name); !slices.ContainsFunc(states, journal.AliasOf(a.Alias).Equal) {
			others = append(others, "alias "+a.Name)
		}
	}
	if has, err := e.API.HasPolicy(ctx, t.Function); err != nil {
		return nil, err
	} else if has {
		others = append(others, "a permission in its policy")
	}
	if has, err := e.API.HasEventSources(ctx, t.Function); err != nil {
		return nil, err
	} else if has {
		others = append(others, "an event source mapping")
	}
	return others, nil
}
