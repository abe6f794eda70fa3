package timing

import (
	"context"
	"time"
)

// Sleep waits; its error is why ctx ended before.
func Sleep(ctx context.Context, d time.Duration) error {
	over := time.NewTimer(d)
	defer over.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-over.C:
		return nil
	}
}
