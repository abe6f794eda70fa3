package engine

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/plan"
)

// Observe reads the state of a function and of the aliases that a deployment
// names, side by side. An update that is under way is waited out first.
func Observe(ctx context.Context, api Reader, w plan.Wanted, seen func(*definition.Observed)) (plan.Observation, error) {
	name := w.Function.FunctionName
	o, err := observe(ctx, api, w)
	if err != nil || o.Latest == nil || o.Latest.Settled() {
		return o, err
	}
	if _, err := pollerOf(api).Wait(ctx, name, "", seen); err != nil {
		return o, fmt.Errorf("an update of %s was already in progress: %w", name, err)
	}
	return observe(ctx, api, w)
}

func observe(ctx context.Context, api Reader, w plan.Wanted) (plan.Observation, error) {
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
	if !w.Settings.Empty() {
		group.Go(func() (err error) { o.Settings, err = readSettings(call, api, w); return err })
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
	if err := readVersions(ctx, api, w, &o); err != nil {
		return o, err
	}
	if o.Latest != nil && onManagedInstances(w, o.Latest) {
		var err error
		if o.LatestPublished, err = api.Find(ctx, name, definition.LatestPublished); err != nil {
			return o, err
		}
	}
	o.Provisioned = provisionedAliases(ctx, api, w, o)
	for name, has := range o.Provisioned {
		if now := o.Aliases[name]; has && now != nil && len(now.Weights) > 0 {
			// They are AWS' own, for as long as it makes the version ready to which
			// somebody moved the alias.
			settled := *now
			settled.Weights = nil
			o.Aliases[name] = &settled
		}
	}
	err := observeVersions(ctx, api, w, &o)
	return o, err
}

// provisionedAliases reports which aliases have provisioned concurrency: AWS lets
// such an alias share no traffic, and gives it weights of its own while it moves. An
// alias whose traffic is neither shared nor to be shared is left out, and so is one
// of which it may not be read, as by a role that only plans: who moves it asks.
func provisionedAliases(ctx context.Context, api Reader, w plan.Wanted, o plan.Observation) map[string]bool {
	var mu sync.Mutex
	found := map[string]bool{}
	var group errgroup.Group
	for _, a := range w.Aliases {
		now := o.Aliases[a.Name]
		if now == nil || !w.Traffic.Gradual() && len(now.Weights) == 0 {
			continue
		}
		group.Go(func() error {
			if p, err := api.Provisioned(ctx, w.Function.FunctionName, a.Name); err == nil {
				mu.Lock()
				defer mu.Unlock()
				found[a.Name] = p.Value != ""
			}
			return nil
		})
	}
	_ = group.Wait() // it never fails
	return found
}

// observeVersions reads the versions that matter: the one that the first alias
// points to, the one that shares its traffic, which a canary left behind, and for a
// gradual shift all that are to share theirs.
func observeVersions(ctx context.Context, api Reader, w plan.Wanted, o *plan.Observation) error {
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
		// The first alias that is named is new; another one exists already.
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
