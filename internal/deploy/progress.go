package deploy

import (
	"context"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/event"
)

// tickEvery is how often a run says how far it is, for whom it has many targets.
const tickEvery = 5 * time.Second

// ticking emits a Tick every few seconds until the returned function is called.
func (w Work) ticking(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(tickEvery)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				w.Events.Emit(event.Tick{})
			}
		}
	}()
	return func() {
		cancel()
		<-ended
	}
}
