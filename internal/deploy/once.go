package deploy

import (
	"context"
	"sync"
)

// once is a value that the first who asks for it finds, for all who ask. Whoever
// waits for it can give up.
type once[T any] struct {
	mu    sync.Mutex
	done  chan struct{}
	value T
	err   error
}

func (o *once[T]) get(ctx context.Context, find func() (T, error)) (T, error) {
	o.mu.Lock()
	first := o.done == nil
	if first {
		o.done = make(chan struct{})
	}
	o.mu.Unlock()
	if first {
		o.value, o.err = find()
		close(o.done)
	}
	select {
	case <-o.done:
		return o.value, o.err
	case <-ctx.Done():
		var none T
		return none, context.Cause(ctx)
	}
}
