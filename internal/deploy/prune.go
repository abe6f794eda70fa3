package deploy

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/history"
	"github.com/lambda-rollout/lambda-rollout/internal/journal"
	"github.com/lambda-rollout/lambda-rollout/internal/lambdaapi"
	"github.com/lambda-rollout/lambda-rollout/internal/prune"
	"github.com/lambda-rollout/lambda-rollout/internal/session"
)

// Pruning is how old versions are deleted.
type Pruning struct {
	// Keep is how many of the newest versions of a function stay in any case.
	Keep int
	// Runs are the runs whose journals are known: what they lead back to stays.
	Runs []journal.RunState
	Now  func() time.Time
	// MaxParallel is how many functions are looked at at the same time.
	MaxParallel int
}

// Pruned is a function with what becomes of its versions.
type Pruned struct {
	Function, Region string
	Decisions        []prune.Decision
	// Deleted are the versions that were deleted.
	Deleted []prune.Decision

	api *lambdaapi.Client
	// arn is the unqualified one, durable whether executions may run on versions.
	arn     string
	durable bool
}

// Label names the function in errors.
func (p *Pruned) Label() string { return p.Function + " in " + p.Region }

func (p *Pruned) inRegion() string { return p.Region }

// PlanPrune looks at the functions whose names match a pattern, as in shop-*, and
// decides what becomes of their versions. A name without a pattern must exist. Its
// error is a *NotStartedError.
func PlanPrune(ctx context.Context, c *Connection, pattern string, how Pruning) ([]*Pruned, error) {
	found, err := c.matching(ctx, pattern)
	if err == nil {
		err = each(ctx, how.MaxParallel, found, func(ctx context.Context, p *Pruned) error { return p.decide(ctx, how) })
	}
	return found, notStarted(err)
}

// matching are the functions that a pattern names, in their order.
func (c *Connection) matching(ctx context.Context, pattern string) ([]*Pruned, error) {
	if !strings.ContainsAny(pattern, "*?[") {
		name, err := definition.ParseFunctionName(pattern)
		if err != nil {
			return nil, err
		}
		region, err := c.regionOf(name.Region, "")
		if err == nil {
			err = c.owns(ctx, name)
		}
		if err == nil {
			region, err = c.whereIs(ctx, region, name)
		}
		if err != nil {
			return nil, err
		}
		return []*Pruned{{Function: name.Name, Region: region, api: lambdaapi.New(c.base, region, c.timing)}}, nil
	}
	if _, err := path.Match(pattern, ""); err != nil {
		return nil, fmt.Errorf("pattern %q: a [ has no ]", pattern)
	}
	region, err := c.regionOf("", "")
	if err != nil {
		return nil, err
	}
	api := lambdaapi.New(c.base, region, c.timing)
	names, err := api.ListFunctions(ctx)
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	var found []*Pruned
	for _, name := range names {
		if matches, _ := path.Match(pattern, name); matches {
			found = append(found, &Pruned{Function: name, Region: region, api: api})
		}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("no function in %s matches %s", region, pattern)
	}
	return found, nil
}

// decide looks at a function. What others attached, and what runs, is asked only of
// the versions that nothing else keeps.
func (p *Pruned) decide(ctx context.Context, how Pruning) error {
	found, err := p.api.Find(ctx, p.Function, "")
	if err == nil && found == nil {
		err = fmt.Errorf("there is no function %s in %s", p.Function, p.Region)
	}
	if err != nil {
		return err
	}
	p.arn, p.durable = found.Arn, found.DurableConfig != nil
	// The aliases are read last: a deployment that publishes in between has moved
	// none yet to a version that is not known here.
	versions, err := p.api.ListVersions(ctx, p.Function)
	if err != nil {
		return err
	}
	aliases, err := p.api.ListAliases(ctx, p.Function)
	if err != nil {
		return err
	}
	facts := prune.Facts{
		Keep: how.Keep, Now: how.Now(), Aliases: map[string]history.Pointer{}, Held: p.held(how.Runs),
		Attached: map[string][]string{}, Running: map[string]bool{},
	}
	for _, v := range versions {
		facts.Versions = append(facts.Versions, versionOf(v))
	}
	for _, a := range aliases {
		facts.Aliases[a.Name] = history.Pointer{Version: a.Version, Weights: a.Weights}
	}
	if err := p.ask(ctx, &facts); err != nil {
		return err
	}
	p.Decisions = prune.Decide(facts)
	return nil
}

// ask adds what others attached to the versions that may go, and what runs on them.
func (p *Pruned) ask(ctx context.Context, facts *prune.Facts) error {
	var numbers []string
	for _, d := range prune.Deletable(prune.Decide(*facts)) {
		numbers = append(numbers, d.Number)
	}
	if len(numbers) == 0 {
		return nil
	}
	attached, err := p.api.Attached(ctx, p.arn, numbers)
	if err != nil {
		return err
	}
	for _, a := range attached {
		facts.Attached[a.Qualifier] = append(facts.Attached[a.Qualifier], a.What)
	}
	for _, number := range numbers {
		if !p.durable {
			break
		}
		if facts.Running[number], err = p.api.RunsExecution(ctx, p.Function, number); err != nil {
			return err
		}
	}
	return nil
}

// held are the versions to which journals lead back: those of every run that is open
// and of the last one that deployed.
func (p *Pruned) held(runs []journal.RunState) map[string]string {
	held := map[string]string{}
	var last *journal.RunState
	for i, run := range runs {
		switch {
		case run.State == journal.Open:
			p.hold(held, run)
		case run.State == journal.Deployed && p.isOf(run) && (last == nil || last.Header.Started.Before(run.Header.Started)):
			last = &runs[i]
		}
	}
	if last != nil {
		p.hold(held, *last)
	}
	return held
}

func (p *Pruned) isOf(run journal.RunState) bool {
	return slices.ContainsFunc(run.Targets, p.isTarget)
}

func (p *Pruned) isTarget(t journal.TargetLog) bool {
	return t.Function == p.Function && t.Region == p.Region && strings.Contains(p.arn, ":"+t.Account+":")
}

func (p *Pruned) hold(held map[string]string, run journal.RunState) {
	for _, t := range run.Targets {
		if t.Snapshot == nil || !p.isTarget(t) {
			continue
		}
		held[t.Snapshot.RestorePoint] = t.Run
		for _, a := range t.Snapshot.Aliases {
			for _, version := range (history.Pointer{Version: a.Version, Weights: a.Weights}).Versions() {
				held[version] = t.Run
			}
		}
	}
}

// PartlyPrunedError reports that some versions were deleted and others not.
type PartlyPrunedError struct {
	Deleted int
	Err     error
}

func (e *PartlyPrunedError) Error() string {
	return fmt.Sprintf("%d versions were deleted, then: %v; run the same command again to continue", e.Deleted, e.Err)
}
func (e *PartlyPrunedError) Unwrap() error { return e.Err }

// Prune deletes what nothing keeps, the oldest first. A version that AWS does not
// let go, as one that Lambda@Edge replicates, stays with AWS's reason. Its error is
// a *PartlyPrunedError once something was deleted.
func Prune(ctx context.Context, functions []*Pruned) error {
	deleted := 0
	var errs []error
	for _, p := range functions {
		if err := p.delete(ctx); err != nil {
			errs = append(errs, err)
		}
		deleted += len(p.Deleted)
		if ctx.Err() != nil {
			break
		}
	}
	switch err := session.Join(errs...); {
	case err == nil:
		return nil
	case deleted > 0:
		return &PartlyPrunedError{deleted, err}
	default:
		return err
	}
}

// NotDeleted begins the reason why a version stays that AWS does not let go.
const NotDeleted = "AWS does not delete it: "

// Prune deletes the old versions of the function that was deployed, and returns
// those that are gone.
func (r Result) Prune(ctx context.Context, how Pruning) ([]prune.Decision, error) {
	p := &Pruned{Function: r.At.Function, Region: r.At.Region, api: r.API}
	if err := p.decide(ctx, how); err != nil {
		return nil, err
	}
	err := p.delete(ctx)
	return p.Deleted, err
}

func (p *Pruned) delete(ctx context.Context) error {
	for i, d := range p.Decisions {
		if d.Keeps() {
			continue
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		err := p.api.DeleteVersion(ctx, p.Function, d.Number)
		if err == nil {
			p.Deleted = append(p.Deleted, d)
			continue
		}
		switch lambdaapi.Classify(err) {
		case lambdaapi.Refused, lambdaapi.Conflict:
			p.Decisions[i].Reasons = []string{NotDeleted + reasonOf(err)}
		case lambdaapi.Denied, lambdaapi.NotFound, lambdaapi.Throttled, lambdaapi.Propagating, lambdaapi.Stale, lambdaapi.Unknown, lambdaapi.Stopped:
			return err
		}
	}
	return nil
}

// reasonOf is the innermost text of an error: AWS's own.
func reasonOf(err error) string {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err.Error()
		}
		err = inner
	}
}
