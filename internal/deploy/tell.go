package deploy

import (
	"context"
	"fmt"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/gate"
)

// What event gates are told.
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
	// maxTold is how many events may wait to be told.
	maxTold = 100
	// tellAtEnd is how long the end of a run waits for the events that are under
	// way, tellStopped that of a run that is to stop: GitHub kills a container 7.5 s
	// after its first signal.
	tellAtEnd, tellStopped = 15 * time.Second, time.Second
)

// teller tells event gates what happens, in its order. The run does not wait for
// them, but at its end, and what they answer decides nothing.
type teller struct {
	*deployment
	gates  []gate.Gate
	queue  chan gate.Body
	cancel context.CancelFunc
	ended  chan struct{}
	number int
}

// newTeller returns nil where nobody is to be told.
func newTeller(d *deployment) *teller {
	if d.Watching == nil || len(d.Watching.gates.at(gate.Event)) == 0 {
		return nil
	}
	// An event of the end is told when the run's own context has ended, too.
	ctx, cancel := context.WithCancel(context.Background())
	t := &teller{deployment: d, gates: d.Watching.gates.at(gate.Event), queue: make(chan gate.Body, maxTold), cancel: cancel, ended: make(chan struct{})}
	go t.run(ctx)
	return t
}

func (t *teller) run(ctx context.Context) {
	defer close(t.ended)
	for body := range t.queue {
		for _, g := range t.gates {
			if err := t.Watching.keeper.Tell(ctx, g, body); err != nil {
				warn(t.Events, "%v", err)
			}
		}
	}
}

// tell puts an event into the queue.
func (t *teller) tell(what string, reason error, body gate.Body) {
	if t == nil {
		return
	}
	t.number++
	body.ID = fmt.Sprintf("%s-event-%d", t.Record.Header.Run, t.number)
	body.Event = what
	if reason != nil {
		body.Reason = reason.Error()
	}
	select {
	case t.queue <- body:
	default:
		warn(t.Events, "the event %s is not told: %d others wait", what, maxTold)
	}
}

// close waits until the events are told, but not for long.
func (t *teller) close(ctx context.Context) {
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
	if d.teller != nil {
		d.teller.tell(what, nil, d.body(p))
	}
}

// over tells them how the run ended.
func (d *deployment) over(what string, reason error) {
	if d.teller != nil {
		d.teller.tell(what, reason, d.body(position{gate.Event, -1, held{}}))
	}
}
