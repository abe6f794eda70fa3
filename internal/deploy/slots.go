package deploy

import (
	"context"
	"sync"
)

// slots bounds how many targets of each Region are worked on at once. They begin in
// the order in which they queued, so that a run is the same each time.
type slots struct {
	size int
	mu   sync.Mutex
	of   map[string]*queue
}

// queue is the turns of one Region: turn n may begin once n+1-size others are over.
type queue struct {
	turns []*turn
	over  int
}

// turn is a place in the queue of a Region.
type turn struct {
	slots *slots
	queue *queue
	begin chan struct{}
}

// queue returns the next turn of a Region.
func (s *slots) queue(region string) *turn {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.of == nil {
		s.of = map[string]*queue{}
	}
	if s.of[region] == nil {
		s.of[region] = &queue{}
	}
	q := s.of[region]
	t := &turn{slots: s, queue: q, begin: make(chan struct{})}
	q.turns = append(q.turns, t)
	if len(q.turns) <= max(s.size, 1)+q.over {
		close(t.begin)
	}
	return t
}

// take waits for the turn and returns what ends it; nil where ctx ended before. All
// turns of a queue wait with the same context.
func (t *turn) take(ctx context.Context) (release func()) {
	select {
	case <-t.begin:
		// Where it has come, whoever asks decides what a context means that has ended.
		return t.release
	default:
	}
	select {
	case <-t.begin:
		return t.release
	case <-ctx.Done():
		return nil
	}
}

func (t *turn) release() {
	t.slots.mu.Lock()
	defer t.slots.mu.Unlock()
	if next := max(t.slots.size, 1) + t.queue.over; next < len(t.queue.turns) {
		close(t.queue.turns[next].begin)
	}
	t.queue.over++
}
