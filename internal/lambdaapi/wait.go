package lambdaapi

import (
	"context"
	"fmt"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/timing"
)

// FailedError reports that AWS gave up creating or updating a function or version.
type FailedError struct {
	Function, Qualifier string
	Status              definition.Status
}

func (e *FailedError) Error() string {
	subject := e.Function
	if e.Qualifier != "" {
		subject += ":" + e.Qualifier
	}
	return fmt.Sprintf("function %s failed: %s (%s)", subject, e.Status.Reason, e.Status.Code)
}

// Poller waits for a function by looking at it again and again.
type Poller struct {
	Finder
	Timing timing.Timing
}

// Finder looks at $LATEST (qualifier "") or at what a version or alias names.
type Finder interface {
	Find(ctx context.Context, name, qualifier string) (*definition.Observed, error)
}

// Wait polls GetFunction until nothing is under way and returns the state that
// it then has. seen receives every answer. A Failed state is a *FailedError with
// the state beside it: the caller may want to look at it. The SDK's own
// waiters hide the reason and loop on Inactive.
func (p Poller) Wait(ctx context.Context, name, qualifier string, seen func(*definition.Observed)) (*definition.Observed, error) {
	started := p.Timing.Now()
	for {
		if err := p.Timing.Sleep(ctx, p.interval(p.Timing.Now().Sub(started))); err != nil {
			return nil, fmt.Errorf("wait for %s: %w", name, err)
		}
		o, err := p.Find(ctx, name, qualifier)
		if err != nil {
			return nil, err
		}
		if o == nil {
			return nil, fmt.Errorf("wait for %s: it is no longer there", name)
		}
		if seen != nil {
			seen(o)
		}
		if status, failed := o.Failed(); failed {
			return o, &FailedError{Function: name, Qualifier: qualifier, Status: status}
		}
		if o.Settled() {
			return o, nil
		}
	}
}

// interval is the time from now to the start of the next poll, when the wait
// is elapsed old: polls start FirstPoll apart for the first ten, then ever
// further, a tenth of the wait's age.
func (p Poller) interval(elapsed time.Duration) time.Duration {
	first := p.Timing.FirstPoll
	if elapsed < 10*first {
		return first - elapsed%first
	}
	return min(elapsed/10, p.Timing.LastPoll)
}
