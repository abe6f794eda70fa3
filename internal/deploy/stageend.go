package deploy

import (
	"context"
	"fmt"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/event"
	"github.com/lambda-rollout/lambda-rollout/internal/guard"
	"github.com/lambda-rollout/lambda-rollout/internal/journal"
	"github.com/lambda-rollout/lambda-rollout/internal/traffic"
)

// release implements watcher: it decides what follows a stage whose time is over.
// Before the new version gets all of the traffic, the minutes that CloudWatch does
// not show yet are waited for.
func (g *sentinel) release(ctx context.Context, h held) (time.Duration, error) {
	if len(g.live) == 0 {
		return 0, nil
	}
	if err := g.look(ctx, h, g.Now().Sub(g.said) >= time.Second); err != nil {
		return 0, err
	}
	g.enter(h)
	now := g.Now()
	if whole := h.began.Add(h.Wait).Truncate(time.Minute); h.last && g.blind == nil && g.busy() && g.reader.complete(now).Before(whole) {
		more := whole.Add(g.reader.delay).Sub(now)
		return more, g.extend(ctx, h, more, "CloudWatch does not show the last minutes yet")
	}
	few := g.few()
	if len(few) == 0 {
		return 0, nil
	}
	reason := g.reason(few)
	switch g.OnInconclusive {
	case RollBackStage:
		err := fmt.Errorf("the guard cannot tell whether the new version is worse, and on-inconclusive is rollback: %s", reason)
		return 0, joined(err, g.note(ctx, journal.Evidence{Percent: h.Percent, Decision: "rollback", Reason: err.Error()}))
	case ExtendStage:
		if more := g.missing(few, h); more > 0 {
			return more, g.extend(ctx, h, more, reason)
		}
	case ContinueStage:
	}
	warn(g.Events, "the guard cannot tell after %s with %s of the traffic whether the new version is worse; the shift continues: %s",
		traffic.FormatDuration(now.Sub(h.began).Round(time.Second)), traffic.Percent(h.Percent), reason)
	return 0, g.note(ctx, journal.Evidence{Percent: h.Percent, Decision: "continue", Reason: reason})
}

// joined is err, with what went wrong beside it.
func joined(err, other error) error {
	if other == nil {
		return err
	}
	return fmt.Errorf("%w; %w", err, other)
}

func (g *sentinel) extend(ctx context.Context, h held, more time.Duration, reason string) error {
	g.Events.Emit(event.StageExtended{Percent: h.Percent, By: more.Round(time.Second), Wait: g.Now().Add(more).Sub(h.began).Round(time.Second), Reason: reason})
	return g.note(ctx, journal.Evidence{Percent: h.Percent, Decision: "extend", Reason: reason})
}

// busy reports whether any of the aliases has traffic.
func (g *sentinel) busy() bool {
	for _, c := range g.live {
		if t := c.Total(); c.hour.Invocations+t.New.Invocations+t.Old.Invocations > 0 {
			return true
		}
	}
	return false
}

// few are the aliases whose new version had too few invocations in the stage; all
// of them where CloudWatch cannot be read.
func (g *sentinel) few() []*comparison {
	var few []*comparison
	for _, c := range g.live {
		if g.blind != nil || g.run.Judge(c.Comparison) == guard.Inconclusive {
			few = append(few, c)
		}
	}
	return few
}

// reason says why a stage is inconclusive.
func (g *sentinel) reason(few []*comparison) string {
	if g.blind != nil {
		return fmt.Sprintf("CloudWatch could not be read: %v", g.blind)
	}
	var parts []string
	for _, c := range few {
		n := c.Stage().New.Invocations
		parts = append(parts, fmt.Sprintf("version %s of %s had %d of the %d invocations that min-invocations asks for", c.new, c.at.Function, n, g.MinInvocations))
	}
	return some(parts)
}

// missing is how much longer a stage must last until every alias has its minimum
// of invocations, at the rate that was seen; 0 where twice the stage's time does not
// suffice.
func (g *sentinel) missing(few []*comparison, h held) time.Duration {
	if g.blind != nil {
		return 0
	}
	now := g.Now()
	counted, complete := later(h.began, g.first), g.reader.complete(now)
	seen := complete.Sub(counted)
	var longest time.Duration
	for _, c := range few {
		n := float64(c.Stage().New.Invocations)
		perMinute := n / max(seen.Minutes(), 1)
		if seen < time.Minute && g.reader.delay > 0 {
			// Nothing is known of the stage yet: as in the hour before.
			perMinute = float64(c.hour.Invocations) / time.Hour.Minutes() * h.Percent / 100
		}
		if perMinute <= 0 {
			return 0
		}
		minutes := (float64(g.MinInvocations) - n) / perMinute
		if minutes > (2 * h.Wait).Minutes() {
			return 0
		}
		shown := later(counted, complete).Add(time.Duration(minutes * float64(time.Minute)))
		longest = max(longest, shown.Add(g.reader.delay+time.Minute).Truncate(time.Minute).Sub(now))
	}
	if now.Add(longest).Sub(h.began) > 2*h.Wait {
		return 0
	}
	return longest
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
