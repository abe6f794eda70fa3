package timing

import (
	"context"
	"time"
)

// Clock is the time in which a run waits between its calls. A deadline of a call is not
// its business.
type Clock interface {
	Now() time.Time
	// Sleep waits; its error is why ctx ended before.
	Sleep(ctx context.Context, d time.Duration) error
}

// Now is the time of the clock.
func (t Timing) Now() time.Time {
	if t.Clock != nil {
		return t.Clock.Now()
	}
	return time.Now()
}

// Sleep waits; its error is why ctx ended before.
func (t Timing) Sleep(ctx context.Context, d time.Duration) error {
	if t.Clock != nil {
		return t.Clock.Sleep(ctx, d)
	}
	over := time.NewTimer(d)
	defer over.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-over.C:
		return nil
	}
}
