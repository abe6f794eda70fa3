package deploy

import (
	"context"
	"slices"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/guard"
)

// hourBefore is what an alias did in the hour before the run, as recorded.
func (r *Resumption) hourBefore(c *comparison) (guard.Count, bool) {
	if r == nil {
		return guard.Count{}, false
	}
	for _, e := range r.log.Evidence {
		for _, m := range e.Before {
			if m.Of == c.of && m.Alias == c.alias {
				return guard.Count{Invocations: m.Old[0], Errors: m.Old[1]}, true
			}
		}
	}
	return guard.Count{}, false
}

// addOver adds the aliases of the waves that are over: the evidence against them counts
// in the run as it did.
func (r *Resumption) addOver(ctx context.Context, planned []Planned, g *sentinel) {
	if r == nil {
		return
	}
	for _, e := range r.log.Evidence {
		for _, m := range e.Before {
			known := slices.ContainsFunc(g.aliases, func(c *comparison) bool { return c.of == m.Of && c.alias == m.Alias })
			if p := planned[m.Of]; !known && r.isOver(p.Wave) {
				g.aliases = append(g.aliases, &comparison{
					at: nameOf(p.At), of: m.Of, alias: m.Alias, group: g.reader.group(ctx, p.Target), added: map[time.Time]guard.Minute{},
				})
			}
		}
	}
}

// replay gives the guard the evidence of the journal, minute by minute as it came.
func (r *Resumption) replay(g *sentinel) {
	if r == nil {
		return
	}
	if len(r.stages) > 0 {
		g.since = g.firstMinute(r.stages[0].At)
	}
	for _, e := range r.log.Evidence {
		for _, m := range e.Minutes {
			for _, c := range g.aliases {
				if c.of != m.Of || c.alias != m.Alias {
					continue
				}
				grown := guard.Minute{New: guard.Count{Invocations: m.New[0], Errors: m.New[1]}, Old: guard.Count{Invocations: m.Old[0], Errors: m.Old[1]}}
				c.take(m.Minute, grown)
			}
		}
	}
}

// replayDurations gives the stopwatch the medians of the journal.
func (r *Resumption) replayDurations(s *stopwatch) {
	if r == nil || s == nil {
		return
	}
	for _, e := range r.log.Evidence {
		for _, m := range e.Durations {
			s.until = later(s.until, m.Minute.Add(time.Minute))
			for _, c := range s.aliases {
				if c.of == m.Of && c.alias == m.Alias {
					s.tests[c].Add(typical(m.New), typical(m.Old))
				}
			}
		}
	}
}
