package deploy

import (
	"context"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/guard"
	"github.com/lambda-rollout/lambda-rollout/internal/metrics"
	"github.com/lambda-rollout/lambda-rollout/internal/traffic"
)

// Watch says how a run is watched while its versions share the traffic.
type Watch struct {
	Guard Guard
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
func (g Guard) criteria(before guard.Count) guard.Criteria {
	tolerance := g.Tolerance
	if tolerance < 0 {
		tolerance = guard.Tolerance(guard.DefaultAbsolute, guard.DefaultRelative, before)
	}
	return guard.Criteria{Tolerance: tolerance, MaxErrorRate: g.MaxErrorRate, MinInvocations: g.MinInvocations, Before: before}
}

// Watching is what looks at a run while traffic is shared, made before the start.
type Watching struct {
	guard *sentinel
}

// NewWatching asks CloudWatch what watching the run needs, before it starts:
// an hour of the old versions' metrics. It changes nothing. Its error is a
// *NotStartedError.
func NewWatching(ctx context.Context, planned []Planned, w Work) (*Watching, error) {
	if len(planned) == 0 || unchanged(planned) {
		return &Watching{}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, questionTimeout)
	defer cancel()
	g, err := newSentinel(ctx, planned, w)
	if err != nil {
		return nil, notStarted(err)
	}
	return &Watching{guard: g}, nil
}

// watchers are those of a deployment whose versions are ready.
func (w *Watching) watchers(d *deployment) []watched {
	var all []watched
	if w != nil && w.guard != nil {
		w.guard.begin(d)
		all = append(all, watched{watcher: w.guard})
	}
	return all
}

// speaks reports whether the guard says how a stage goes on.
func (w *Watching) speaks() bool { return w != nil && w.guard != nil }

// Guarded reports whether the metrics of the target's versions are compared.
func (p Planned) Guarded() bool { return !p.Watch.Guard.Off && len(p.shares()) > 0 }

// longest is how long a schedule may take: a stage that is extended lasts twice its
// time, and its end may wait for CloudWatch.
func (w Watch) longest(s traffic.Schedule) time.Duration {
	total := s.Total()
	if w.Guard.Off || total == 0 {
		return total
	}
	return 2*total + time.Duration(len(s))*(metrics.Delay+time.Minute)
}
