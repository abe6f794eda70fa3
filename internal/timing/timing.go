// Package timing holds how patient a run is: with AWS, with other processes and
// with itself. Tests inject other numbers in one place.
package timing

import "time"

// Timing is every wait of the client side that has no input of its own.
type Timing struct {
	// Call bounds one attempt of one call, Upload one that carries code.
	Call, Upload time.Duration
	// ReadBackoff is the longest pause before a read is tried again.
	ReadBackoff time.Duration
	// FirstPoll is the time between the starts of two polls at first; it grows to
	// LastPoll.
	FirstPoll, LastPoll time.Duration
	// Backoff is the first pause before a change is tried again; it doubles, up to
	// 25 times as long.
	Backoff time.Duration
	// Propagation is how long a role or key may take to become usable.
	Propagation time.Duration
	// Watch is how long a rollback looks out for a late call that no RevisionId
	// stops.
	Watch time.Duration
	// Grace is what a call in flight gets when the run is stopped.
	Grace time.Duration
	// StopPoll is how often a deployment looks whether another process asked it to
	// stop. It looks before each call as well; this ends a wait.
	StopPoll time.Duration
	// StopSlack is what a slow machine gets beyond Grace before a rollback gives up
	// waiting for the deployment to end; GitHub gives the post step five minutes in
	// all.
	StopSlack time.Duration
	// MetricDelay is how long after its end a minute is complete in CloudWatch; 0
	// means that data can be read at once.
	MetricDelay time.Duration
	// Clock is the time in which the run waits; nil for the machine's.
	Clock Clock
}

// Default returns the numbers of the program. Where a runner ends a job it gives
// 7.5 s after the first signal, which Grace stays below
// (https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-cancellation).
func Default() Timing {
	return Timing{
		Call: time.Minute, Upload: 5 * time.Minute, ReadBackoff: 5 * time.Second,
		FirstPoll: 150 * time.Millisecond, LastPoll: 2 * time.Second, Backoff: 200 * time.Millisecond,
		Propagation: 5 * time.Minute, Watch: 30 * time.Second,
		Grace: 4 * time.Second, StopPoll: 200 * time.Millisecond, StopSlack: 30 * time.Second,
		MetricDelay: 3 * time.Minute,
	}
}
