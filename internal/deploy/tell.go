package deploy

import (
	"context"
	"fmt"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/gate"
)

// What event gates receive.
const (
	toldWaveBegan  = "wave-began"
	toldStageBegan = "stage-began"
	toldShifted    = "traffic-shifted"
	toldFailed     = "failed"
	toldRolledBack = "rolled-back"
	toldIncomplete = "rollback-incomplete"
	toldStopped    = "stopped"
	toldSucceeded  = "succeeded"
)

const (
	// maxQueued is how many events may wait to be sent.
	maxQueued = 100
	// tellAtEnd is how long the end of a run waits for the events that are under
	// way, tellStopped that of a run that is to stop: GitHub kills a container 7.5 s
	// after its first signal.
	tellAtEnd, tellStopped = 15 * time.Second, time.Second
)

// eventQueue sends events to event gates, one after the other. The run does not wait
// for them, except at its end, and their answers decide nothing.
type eventQueue struct {
	*deployment
	gates  []gate.Gate
	queue  chan gate.Body
	cancel context.CancelFunc
	ended  chan struct{}
	number int
}

// newEventQueue returns nil if there is no event gate.
func newEventQueue(d *deployment) *eventQueue {
	if d.Watching == nil || len(d.Watching.gates.at(gate.Event)) == 0 {
		return nil
	}
	// The last event is sent even if the run's own context has ended.
	ctx, cancel := context.WithCancel(context.Background())
	t := &eventQueue{deployment: d, gates: d.Watching.gates.at(gate.Event), queue: make(chan gate.Body, maxQueued), cancel: cancel, ended: make(chan struct{})}
	go t.run(ctx)
	return t
}

func (t *eventQueue) run(ctx context.Context) {
	defer close(t.ended)
	for body := range t.queue {
		for _, g := range t.gates {
			if err := t.Watching.keeper.Tell(ctx, g, body); err != nil {
				warn(t.Events, "%v", err)
			}
		}
	}
}

// add puts an event into the queue.
func (t *eventQueue) add(what string, reason error, body gate.Body) {
	if t == nil {
		return
	}
	t.number++
	body.ID = fmt.Sprintf("%s-event-%d", t.Record.Header.Run, t.number)
	if r := t.resumption(); r != nil {
		body.ID = fmt.Sprintf("%s-resumed-%d-event-%d", t.Record.Header.Run, len(r.log.Evidence), t.number)
	}
	body.Event = what
	if reason != nil {
		body.Reason = reason.Error()
	}
	select {
	case t.queue <- body:
	default:
		warn(t.Events, "the event %s was not sent: %d others wait", what, maxQueued)
	}
}

// close waits until the events are sent, but not for long.
func (t *eventQueue) close(ctx context.Context) {
	if t == nil {
		return
	}
	close(t.queue)
	limit := tellAtEnd
	if ctx.Err() != nil {
		limit = tellStopped
	}
	over := time.AfterFunc(limit, t.cancel)
	<-t.ended
	over.Stop()
	t.cancel()
}

// happened tells the event gates of something at a position.
func (d *deployment) happened(what string, p position) {
	if d.queue != nil {
		d.queue.add(what, nil, d.body(p))
	}
}

// over tells them how the run ended.
func (d *deployment) over(what string, reason error) {
	if d.queue != nil {
		d.queue.add(what, reason, d.body(position{gate.Event, -1, held{}}))
	}
}
