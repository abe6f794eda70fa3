package deploy

import (
	"context"
	"fmt"
	"hash/fnv"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/gate"
	"github.com/lambda-rollout/lambda-rollout/internal/guard"
	"github.com/lambda-rollout/lambda-rollout/internal/journal"
	"github.com/lambda-rollout/lambda-rollout/internal/metrics"
	"github.com/lambda-rollout/lambda-rollout/internal/session"
	"github.com/lambda-rollout/lambda-rollout/internal/traffic"
)

// Watch says how a run is watched while its versions share the traffic.
type Watch struct {
	Guard Guard
	// Alarms are watched before, during and Bake after the shift.
	Alarms []Alarm
	Bake   time.Duration
	Gates  Gates
}

// Guard says how the error rates of the versions are compared.
type Guard struct {
	// Off compares nothing.
	Off bool
	// Required reports whether a run does not start where CloudWatch cannot be
	// read; otherwise it shifts its traffic unwatched, with a warning.
	Required bool
	// WarmUp is left out at the beginning of the first stage.
	WarmUp time.Duration
	// MaxErrorRate bounds the new version's error rate, as a fraction; 0 means no
	// bound.
	MaxErrorRate float64
	// Tolerance is by how much the new version's error rate may lie above the old
	// one's, as a fraction; negative means the default: see guard.Tolerance.
	Tolerance float64
	// MinInvocations of the new version are needed to call a stage good.
	MinInvocations int64
	OnInconclusive OnInconclusive
	// Slower is what follows where the new version is slower.
	Slower OnSlower
}

// OnInconclusive is what follows a stage with too few invocations.
type OnInconclusive int

// What follows a stage with too few invocations.
const (
	// ExtendStage waits for the minimum where twice the stage's time suffices.
	ExtendStage OnInconclusive = iota
	// ContinueStage goes on, with a warning.
	ContinueStage
	// RollBackStage rolls back.
	RollBackStage
)

// criteria are those of one alias.
func (g Guard) criteria(before guard.Count, order uint64) guard.Criteria {
	tolerance := g.Tolerance
	if tolerance < 0 {
		tolerance = guard.Tolerance(guard.DefaultAbsolute, guard.DefaultRelative, before)
	}
	return guard.Criteria{Tolerance: tolerance, MaxErrorRate: g.MaxErrorRate, MinInvocations: g.MinInvocations, Before: before, Order: order}
}

// orderOf is the order of an alias' invocations: another one in each run, and the same when
// a run goes on.
func orderOf(run string, t journal.Target, alias string) uint64 {
	h := fnv.New64a()
	for _, part := range []string{run, t.Account, t.Region, t.Function, alias} {
		_, _ = h.Write(append([]byte(part), 0))
	}
	return h.Sum64()
}

// Watching is what looks at a run while traffic is shared, made before the start.
type Watching struct {
	guard *sentinel
	// durations are compared beside the errors; nil where they are not.
	durations *stopwatch
	alarms    *alarms
	bake      time.Duration
	gates     Gates
	keeper    *gate.Keeper
}

// NewWatching asks CloudWatch what watching the run needs, before it starts:
// an hour of the old versions' metrics, and the alarms. It changes nothing. Its error is a
// *NotStartedError.
func NewWatching(ctx context.Context, planned []Planned, w Work) (*Watching, error) {
	if len(planned) == 0 || unchanged(planned) && planned[0].Resumes == nil {
		return &Watching{}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, questionTimeout)
	defer cancel()
	g, err := newSentinel(ctx, planned, w)
	if g != nil && err == nil {
		g.warnOfUnused(ctx, planned)
	}
	a, alarmed := newAlarms(ctx, planned, w)
	if err := session.Join(err, alarmed); err != nil {
		return nil, notStarted(fmt.Errorf("nothing was changed: %w", err))
	}
	gates := planned[0].Watch.Gates
	gates.warnOfUnasked(planned, w.Events)
	return &Watching{guard: g, durations: newStopwatch(g, planned[0].Resumes), alarms: a, bake: planned[0].Watch.Bake, gates: gates, keeper: gates.keeper(w)}, nil
}

// watchers are those of a deployment whose versions are ready.
func (w *Watching) watchers(d *deployment) []watched {
	var all []watched
	if w != nil && w.guard != nil {
		w.guard.begin(d)
		all = append(all, watched{watcher: w.guard})
		if w.durations != nil {
			all = append(all, watched{watcher: w.durations})
		}
	}
	return append(all, w.after(d)...)
}

// after are those that go on when the last stage is over. The guard does not:
// CloudWatch counts no version apart then.
func (w *Watching) after(d *deployment) []watched {
	if w == nil || w.alarms == nil {
		return nil
	}
	w.alarms.note = d.journal.Note
	return []watched{{watcher: w.alarms}}
}

// Guarded reports whether the metrics of the target's versions are compared, now or
// in the shifts that are to come.
func (p Planned) Guarded() bool {
	toCome := p.Want.Traffic.Last() < 100 && p.Before.Latest != nil && len(p.Want.Aliases) > 0
	return !p.Watch.Guard.Off && (toCome || len(p.shares())+len(p.increases()) > 0)
}

// Alarmed reports whether alarms are read for the target.
func (p Planned) Alarmed() bool { return len(p.Watch.Alarms) > 0 && !p.Plan.Empty() }

// longest is how long a schedule may take: a stage that is extended lasts twice its
// time, its end may wait for CloudWatch, the alarms are watched after it, and gates
// may take their time to decide.
func (w Watch) longest(s traffic.Schedule) time.Duration {
	total, apart := s.Total(), w.Bake+w.Gates.longest(s)
	if w.Guard.Off || total == 0 {
		return total + apart
	}
	return apart + 2*total + time.Duration(len(s))*(metrics.Delay+time.Minute)
}
