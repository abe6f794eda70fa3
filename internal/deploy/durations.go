package deploy

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/event"
	"github.com/lambda-rollout/lambda-rollout/internal/guard"
	"github.com/lambda-rollout/lambda-rollout/internal/journal"
	"github.com/lambda-rollout/lambda-rollout/internal/metrics"
)

// OnSlower is what follows where the new version is slower than the old one.
type OnSlower int

// What follows where the new version is slower.
const (
	// IgnoreSlower does not compare durations.
	IgnoreSlower OnSlower = iota
	// WarnOfSlower goes on, with a warning.
	WarnOfSlower
	// RollBackSlower rolls back.
	RollBackSlower
)

// stopwatch compares how long the versions take that the guard compares, minute by
// minute.
type stopwatch struct {
	*sentinel
	tests map[*comparison]*guard.Slower
	// until is the end of the minutes that are counted.
	until time.Time
	// stage is when the stage began whose figures were emitted.
	stage time.Time
	// warned reports whether the user knows that the new version is slower, blind
	// that durations cannot be read.
	warned, blind bool
}

// newStopwatch returns nil where durations are not compared.
func newStopwatch(g *sentinel, resumes *Resumption) *stopwatch {
	if g == nil || g.Slower == IgnoreSlower {
		return nil
	}
	s := &stopwatch{sentinel: g, tests: map[*comparison]*guard.Slower{}}
	for _, c := range g.aliases {
		s.tests[c] = &guard.Slower{}
	}
	resumes.replayDurations(s)
	return s
}

// watch implements watcher. Only whole minutes have a median that can be relied on.
func (s *stopwatch) watch(ctx context.Context, h held) (time.Time, error) {
	if len(s.live) == 0 {
		return time.Time{}, nil
	}
	again := metrics.Complete(s.Now(), s.reader.delay).Add(time.Minute + max(0, s.reader.delay))
	if s.first.IsZero() {
		return again, nil
	}
	return again, s.look(ctx, h)
}

// release implements watcher: it looks once more, and says once a stage what it has
// seen.
func (s *stopwatch) release(ctx context.Context, h held) (time.Duration, error) {
	if len(s.live) == 0 || s.first.IsZero() {
		return 0, nil
	}
	if err := s.look(ctx, h); err != nil {
		return 0, err
	}
	if !s.stage.Equal(h.began) {
		s.stage = h.began
		s.emit(h)
	}
	return 0, nil
}

// look takes the minutes into account that are complete now. Its error is that the
// new version is slower, where that rolls back.
func (s *stopwatch) look(ctx context.Context, h held) error {
	from, until := later(s.first, s.until), metrics.Complete(s.Now(), s.reader.delay)
	if !from.Before(until) {
		return nil
	}
	durations, err := s.read(ctx, from, until)
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	if err != nil {
		if !s.blind {
			warn(s.Events, "the guard cannot read durations: %v; it keeps trying", err)
		}
		s.blind = true
		return nil
	}
	s.until = until
	record := journal.Evidence{Percent: h.Percent, Durations: s.add(durations, from)}
	if len(record.Durations) > 0 {
		if err := s.note(ctx, record); err != nil {
			return err
		}
	}
	var all []*guard.Slower
	for _, t := range s.tests {
		all = append(all, t)
	}
	if s.warned || !guard.AnySlower(all...) {
		return nil
	}
	s.warned = true
	s.emit(h)
	return s.slower(ctx, h)
}

// add takes the minutes from one up to s.until into account, and returns those with
// invocations.
func (s *stopwatch) add(durations []metrics.Durations, from time.Time) []journal.Timed {
	var all []journal.Timed
	for i, c := range s.live {
		now, old := durations[2*i], durations[2*i+1]
		for at := from; at.Before(s.until); at = at.Add(time.Minute) {
			s.tests[c].Add(guard.Typical(now[at]), guard.Typical(old[at]))
			if now[at].Invocations+old[at].Invocations > 0 {
				all = append(all, journal.Timed{Of: c.of, Alias: c.alias, Minute: at, New: median(now[at]), Old: median(old[at])})
			}
		}
	}
	return all
}

// median is a minute as a journal keeps it, typical the same as the guard does.
func median(t metrics.Typical) journal.Median {
	return journal.Median{Invocations: t.Invocations, Milliseconds: float64(t.Median) / float64(time.Millisecond)}
}

func typical(m journal.Median) guard.Typical {
	return guard.Typical{Invocations: m.Invocations, Median: time.Duration(m.Milliseconds * float64(time.Millisecond))}
}

// slower reports that the new version is slower, and decides what follows.
func (s *stopwatch) slower(ctx context.Context, h held) error {
	var lines []string
	for _, c := range s.live {
		t := s.tests[c]
		worse, all := t.Minutes()
		if now, old := t.Last(); 2*worse > all {
			lines = append(lines, fmt.Sprintf("version %s of function %s was slower in %d of %d minutes of alias %s, in the last one %s instead of %s (medians)",
				c.new, c.at.Function, worse, all, c.alias, event.Milliseconds(now.Median), event.Milliseconds(old.Median)))
		}
	}
	err := fmt.Errorf("the new version is slower than the old one: %s", strings.Join(lines, "; "))
	record := journal.Evidence{Percent: h.Percent, Decision: "continue", Reason: err.Error()}
	if s.Slower == RollBackSlower {
		record.Decision = "rollback"
		return joined(err, s.note(ctx, record))
	}
	warn(s.Events, "%v; the shift continues (guard: duration! rolls back)", err)
	return s.note(ctx, record)
}

// read returns the durations of both versions of each alias.
func (s *stopwatch) read(ctx context.Context, from, until time.Time) ([]metrics.Durations, error) {
	var questions []question
	for _, c := range s.live {
		for _, version := range []string{c.new, c.old} {
			questions = append(questions, question{c.group, metrics.Subject{Function: c.at.Function, Alias: c.alias, Version: version}})
		}
	}
	return answer(ctx, &s.reader, questions, func(ctx context.Context, c *metrics.Client, subjects []metrics.Subject) ([]metrics.Durations, error) {
		return c.ReadDurations(ctx, subjects, from, until)
	})
}

func (s *stopwatch) emit(h held) {
	e := event.DurationsCompared{Percent: h.Percent}
	for _, c := range s.live {
		one := event.AliasDurations{Target: c.at, Alias: c.alias}
		now, old := s.tests[c].Last()
		one.New, one.Old = now.Median, old.Median
		one.Worse, one.Minutes = s.tests[c].Minutes()
		e.Aliases = append(e.Aliases, one)
	}
	s.Events.Emit(e)
}
