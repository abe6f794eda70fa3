package event

import "time"

// Gate names whom a run asks, and when. To is shown as it is: it holds no secret.
type Gate struct {
	Moment, To string
}

// GateAsked is emitted when a gate is asked. Silence is a no after Timeout.
type GateAsked struct {
	Gate
	Timeout time.Duration
}

// GateWaiting is emitted when a gate has not decided: when it says something else
// than before, and every minute.
type GateWaiting struct {
	Gate
	Reason string
	Left   time.Duration
}

// GatePassed is emitted when a gate said yes.
type GatePassed struct {
	Gate
	Reason string
	Took   time.Duration
}

// GateRefused is emitted when a gate said no, or nothing in its time.
type GateRefused struct {
	Gate
	Reason string
	Took   time.Duration
}

func (GateAsked) sealed()   {}
func (GateWaiting) sealed() {}
func (GatePassed) sealed()  {}
func (GateRefused) sealed() {}
