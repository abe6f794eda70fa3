package deploy

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/traffic"
)

// pastLimit is how far back a shift looks at what its versions did.
const pastLimit = 24 * time.Hour

// sharing is an alias that shares its traffic between the version that a shift is
// about and another one.
type sharing struct {
	old     string
	percent float64
}

// sharesNow reports how an alias shares its traffic before a shift; ok is false
// where it does not, and where the version of the shift is no part of it.
func sharesNow(now *definition.ObservedAlias, version string) (s sharing, ok bool) {
	if now == nil || len(now.Weights) != 1 {
		return sharing{}, false
	}
	other := slices.Sorted(maps.Keys(now.Weights))[0]
	percent := traffic.PercentOf(now.Weights[other])
	switch version {
	case other:
		return sharing{old: now.Version, percent: percent}, true
	case now.Version:
		return sharing{old: other, percent: 100 - percent}, true
	}
	return sharing{}, false
}

// increases are the aliases of a shift that give the version more than the part of
// the traffic that it has already.
func (p Planned) increases() map[string]sharing {
	all := map[string]sharing{}
	if p.Want.ShiftTo == "" || p.Plan.Empty() {
		return all
	}
	for _, a := range p.Want.Aliases {
		s, ok := sharesNow(p.Before.Aliases[a.Name], p.Want.ShiftTo)
		if ok && p.Want.Traffic.Last() > s.percent {
			all[a.Name] = s
		}
	}
	return all
}

// judgePast judges what was measured since the aliases of a shift got their
// weights, so that a shift from 10% to 100% is not blind. Its error is that the
// shift must not start.
func (g *sentinel) judgePast(ctx context.Context) error {
	past := slices.DeleteFunc(slices.Clone(g.aliases), func(c *comparison) bool { return !c.past })
	if len(past) == 0 {
		return nil
	}
	g.live = past
	now := g.Now()
	g.first = now.Add(-pastLimit).Truncate(time.Minute)
	until := g.reader.complete(now)
	minutes, err := g.read(ctx, until)
	if err != nil {
		return &unreadError{err}
	}
	h := held{Stage: traffic.Stage{Percent: past[0].percent}, began: g.first, end: now}
	g.unrecorded = g.add(minutes, h)
	// What comes later belongs to the shift.
	g.since = until.Add(-time.Minute)
	g.emit(h, until)
	if g.run.Bad() {
		return fmt.Errorf("%w (shift with percentage 0 takes its traffic away; guard: none shifts anyway)", g.worse())
	}
	few := g.few()
	if len(few) == 0 {
		return nil
	}
	reason := g.reason(few)
	if g.OnInconclusive == RollBackStage {
		return fmt.Errorf("the guard cannot tell whether the new version is worse, and on-inconclusive is rollback: %s", reason)
	}
	warn(g.Events, "the guard cannot tell from what was measured so far whether the new version is worse: %s", reason)
	return nil
}
