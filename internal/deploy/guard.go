package deploy

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/event"
	"github.com/lambda-rollout/lambda-rollout/internal/guard"
	"github.com/lambda-rollout/lambda-rollout/internal/journal"
	"github.com/lambda-rollout/lambda-rollout/internal/metrics"
	"github.com/lambda-rollout/lambda-rollout/internal/plan"
)

// sentinel is the guard of a run: it compares the versions of all aliases that
// share their traffic, as CloudWatch counts them.
type sentinel struct {
	Work
	Guard
	reader  metricsReader
	run     *guard.Run
	aliases []*comparison
	// live are the aliases of the wave that shifts now.
	live []*comparison
	// note records evidence and decisions.
	note func(context.Context, journal.Evidence) error

	// first is the first minute that counts; the zero time before the first stage.
	first time.Time
	// since is the first minute that counts of a shift that has a past.
	since time.Time
	// stage is when the stage began whose invocations are counted.
	stage time.Time
	// blind is why CloudWatch could not be read when it was asked last; nil where it
	// could.
	blind error
	// said is when the evidence was emitted last.
	said time.Time
	// unrecorded is what was measured before the journal began.
	unrecorded []journal.Measured
}

// comparison is one alias of the run.
type comparison struct {
	*guard.Comparison
	at event.Target
	// of is the index of the target in the run.
	of    int
	alias string
	group *metricsGroup
	// base is the version that keeps the rest of the traffic; "" for the restore
	// point. old and new are known when the new version is ready.
	base, old, new string
	// weighted is the old version where the alias shares its traffic already.
	weighted string
	// past reports whether the versions share the traffic already, of which the new
	// one has percent: what they did so far counts.
	past    bool
	percent float64
	// hour is what the alias did in the hour before the run.
	hour guard.Count
	// added is what is in the evidence of each minute that may still grow.
	added map[time.Time]guard.Minute
}

// newSentinel reads an hour of the old versions' metrics. It returns nil where
// nothing is to be compared, and where CloudWatch cannot be read and need not be.
func newSentinel(ctx context.Context, planned []Planned, w Work) (*sentinel, error) {
	g := &sentinel{Work: w, Guard: planned[0].Watch.Guard}
	if g.Off {
		return nil, nil
	}
	g.reader.delay = w.Timing.MetricDelay
	for i, p := range planned {
		g.compare(ctx, i, p)
	}
	if len(g.aliases) == 0 {
		if g.Required {
			warn(w.Events, "guard: nothing is compared: no alias that exists shares its traffic for a time (as with traffic: 10%%/5m)")
		}
		return nil, nil
	}
	resumes := planned[0].Resumes
	resumes.addOver(ctx, planned, g)
	before := g.readBefore(ctx)
	var all []*guard.Comparison
	for _, c := range g.aliases {
		if hour, recorded := resumes.hourBefore(c); recorded {
			c.hour = hour
		}
		c.Comparison = guard.NewComparison(g.criteria(c.hour, orderOf(planned[c.of].Want.Run, planned[c.of].At, c.alias)))
		all = append(all, c.Comparison)
	}
	g.run = guard.NewRun(all...)
	resumes.replay(g)
	if before == nil {
		before = g.judgePast(ctx)
	}
	unread, is := errors.AsType[*unreadError](before)
	switch {
	case !is:
		return g, before
	case g.Required:
		return nil, fmt.Errorf("guard: %w (guard: none shifts the traffic unwatched)", unread.err)
	}
	warn(w.Events, "the traffic shifts UNWATCHED, nobody compares the error rates of the versions: %v (lambda-rollout policy prints what the role needs; guard: none hides this warning)", unread.err)
	return nil, nil
}

// unreadError reports that CloudWatch could not be read before the start.
type unreadError struct{ err error }

func (e *unreadError) Error() string { return e.err.Error() }

// compare adds the aliases of a target that share their traffic for a time, or that
// a shift gives more of it.
func (g *sentinel) compare(ctx context.Context, index int, p Planned) {
	increases := p.increases()
	add := func(c *comparison) {
		c.at, c.of, c.group, c.added = nameOf(p.At), index, g.reader.group(ctx, p.Target), map[time.Time]guard.Minute{}
		if now := p.Before.Aliases[c.alias]; now != nil && len(now.Weights) > 0 {
			c.weighted = now.Version
		}
		if s, is := increases[c.alias]; is && p.Resumes == nil {
			c.past, c.percent, c.old, c.new, c.weighted = true, s.percent, s.old, p.Want.ShiftTo, s.old
		}
		g.aliases = append(g.aliases, c)
	}
	for _, m := range p.shares() {
		add(&comparison{alias: m.Name, base: m.Base})
	}
	for _, a := range p.Want.Aliases {
		s, is := increases[a.Name]
		if known := slices.ContainsFunc(g.aliases, func(c *comparison) bool { return c.of == index && c.alias == a.Name }); is && !known {
			add(&comparison{alias: a.Name, base: s.old})
		}
	}
}

// readBefore reads what the old versions did in the hour before.
func (g *sentinel) readBefore(ctx context.Context) error {
	var questions []question
	for _, c := range g.aliases {
		questions = append(questions, question{c.group, metrics.Subject{Function: c.at.Function, Alias: c.alias, Version: c.weighted}})
	}
	now := g.Now()
	series, err := g.reader.read(ctx, questions, now.Add(-time.Hour), now)
	if err != nil {
		return &unreadError{err}
	}
	for i, c := range g.aliases {
		c.hour = guard.Count(series[i].Total())
	}
	return nil
}

// begin tells the guard which versions of a wave are compared.
func (g *sentinel) begin(d *deployment) {
	g.note, g.live, g.first = d.journal.Note, nil, g.since
	for _, t := range d.targets {
		for _, c := range g.aliases {
			if c.of != t.index {
				continue
			}
			c.new, c.old = t.newVersion(), c.base
			if c.old == "" {
				c.old = t.engine.RestorePoint()
			}
			g.live = append(g.live, c)
		}
	}
}

// watch implements watcher.
func (g *sentinel) watch(ctx context.Context, h held) (time.Time, error) {
	if len(g.live) == 0 {
		return time.Time{}, nil
	}
	if g.first.IsZero() {
		g.first = g.firstMinute(h.began)
	}
	again := g.reader.again(g.Now())
	if g.Now().Sub(h.began) < time.Second {
		return again, nil
	}
	return again, g.look(ctx, h, g.Now().Sub(g.said) >= time.Minute)
}

// firstMinute is the first one that counts of a shift that began then. A minute counts
// whole or not at all.
func (g *sentinel) firstMinute(began time.Time) time.Time {
	if g.WarmUp > 0 {
		return began.Add(g.WarmUp + time.Minute - 1).Truncate(time.Minute)
	}
	return began.Truncate(time.Minute)
}

// look takes into account what is new in CloudWatch, and emits it where it is to say
// so. Its error is that the new version is worse, or that the journal cannot be
// written.
func (g *sentinel) look(ctx context.Context, h held, say bool) error {
	until := g.reader.complete(g.Now())
	minutes, err := g.read(ctx, until)
	if context.Cause(ctx) != nil {
		return context.Cause(ctx)
	}
	if err != nil && g.blind == nil {
		warn(g.Events, "the guard cannot read the metrics: %v; it keeps trying, and a stage without metrics is inconclusive", err)
	}
	if g.blind = err; err != nil {
		return nil
	}
	return g.judge(ctx, h, minutes, until, say)
}

// judge adds minutes up to until to the evidence, records them, and emits the evidence
// where it is to say so. Its error is as that of look.
func (g *sentinel) judge(ctx context.Context, h held, minutes []map[time.Time]guard.Minute, until time.Time, say bool) error {
	record := journal.Evidence{Percent: h.Percent, Minutes: g.add(minutes, h)}
	bad := g.run.Bad()
	if say || bad {
		g.emit(h, until)
	}
	if !bad {
		if len(record.Minutes) == 0 {
			return nil
		}
		return g.note(ctx, record)
	}
	worse := g.worse()
	record.Decision, record.Reason = "rollback", worse.Error()
	if err := g.note(ctx, record); err != nil {
		return errors.Join(worse, err)
	}
	return worse
}

// read returns the minutes of each alias that may have changed.
func (g *sentinel) read(ctx context.Context, until time.Time) ([]map[time.Time]guard.Minute, error) {
	var questions []question
	from := until
	for _, c := range g.live {
		for _, version := range []string{c.new, c.old} {
			questions = append(questions, question{c.group, metrics.Subject{Function: c.at.Function, Alias: c.alias, Version: version}})
		}
		from = earliest(from, c.from(g.first))
	}
	series, err := g.reader.read(ctx, questions, from, until)
	if err != nil {
		return nil, err
	}
	all := make([]map[time.Time]guard.Minute, len(g.live))
	for i := range g.live {
		all[i] = map[time.Time]guard.Minute{}
		for _, at := range metrics.Minutes(series[2*i], series[2*i+1]) {
			all[i][at] = guard.Minute{New: guard.Count(series[2*i][at]), Old: guard.Count(series[2*i+1][at])}
		}
	}
	return all, nil
}

func earliest(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// from is the first minute of a comparison that is worth asking about: the last
// one that had data may have grown.
func (c *comparison) from(first time.Time) time.Time {
	for at := range c.added {
		if at.After(first) {
			first = at
		}
	}
	return first
}

// add adds what is new in the minutes to the evidence, in the order of time, and
// returns it.
func (g *sentinel) add(minutes []map[time.Time]guard.Minute, h held) []journal.Measured {
	var all []metrics.Series
	for _, of := range minutes {
		s := metrics.Series{}
		for at := range of {
			s[at] = metrics.Count{}
		}
		all = append(all, s)
	}
	var measured []journal.Measured
	for _, at := range metrics.Minutes(all...) {
		if at.Before(g.first) {
			continue
		}
		if !at.Before(h.began.Truncate(time.Minute)) {
			g.enter(h)
		}
		for i, c := range g.live {
			m, has := minutes[i][at]
			grown := m.Minus(c.added[at])
			if !has || grown == (guard.Minute{}) {
				continue
			}
			c.take(at, grown)
			measured = append(measured, journal.Measured{
				Of: c.of, Alias: c.alias, Minute: at,
				New: [2]int64{grown.New.Invocations, grown.New.Errors}, Old: [2]int64{grown.Old.Invocations, grown.Old.Errors},
			})
		}
	}
	return measured
}

// take takes what is new in a minute into account.
func (c *comparison) take(at time.Time, grown guard.Minute) {
	c.added[at] = c.added[at].Plus(grown)
	if grown.Whole() {
		c.Add(grown)
		return
	}
	var all []guard.Minute
	for _, at := range slices.SortedFunc(maps.Keys(c.added), time.Time.Compare) {
		all = append(all, c.added[at])
	}
	c.Revise(all)
}

// enter begins to count the invocations of a stage, once.
func (g *sentinel) enter(h held) {
	if !g.stage.Equal(h.began) {
		g.stage = h.began
		g.run.BeginStage()
	}
}

func (g *sentinel) emit(h held, until time.Time) {
	g.said = g.Now()
	e := event.StageWatched{Percent: h.Percent, Left: max(0, h.end.Sub(g.Now())).Round(time.Second), Until: earliest(until, g.Now())}
	for _, c := range g.live {
		total := c.Total()
		e.Aliases = append(e.Aliases, event.AliasEvidence{
			Target: c.at, Alias: c.alias, NewVersion: c.new, OldVersion: c.old,
			New: event.Count(total.New), Old: event.Count(total.Old),
			Verdict: g.run.Judge(c.Comparison).String(), Detectable: g.run.Detectable(c.Comparison),
		})
	}
	g.Events.Emit(e)
}

// worse says what the evidence is.
func (g *sentinel) worse() error {
	var lines []string
	for _, c := range g.aliases {
		if g.run.Judge(c.Comparison) != guard.Bad {
			continue
		}
		t := c.Total()
		lines = append(lines, fmt.Sprintf("version %s of function %s failed in %d of %d invocations of alias %s, version %s in %d of %d at the same time",
			c.new, c.at.Function, t.New.Errors, t.New.Invocations, c.alias, c.old, t.Old.Errors, t.Old.Invocations))
	}
	return fmt.Errorf("the new version fails more often than the old one: %s", strings.Join(lines, "; "))
}

// shares are the moves that first give the new version a part of an alias' traffic
// in a stage that has a time.
func (p Planned) shares() []plan.MoveAlias {
	var moves []plan.MoveAlias
	seen := map[string]bool{}
	stages := p.Want.Traffic.Stages()
	for _, s := range p.Plan.Steps {
		m, is := s.(plan.MoveAlias)
		if is && m.Partial() && m.Percent > 0 && stages[m.Stage].Wait > 0 && !seen[m.Name] {
			seen[m.Name] = true
			moves = append(moves, m)
		}
	}
	return moves
}
