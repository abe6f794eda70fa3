package matrix

import (
	"testing"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
)

// TestARollbackEndsADeploymentThatWaits: after a cancel GitHub's runner can
// leave main's container alive, without a signal, beside the post step. main
// may just be waiting for a function that stays Pending.
func TestARollbackEndsADeploymentThatWaits(t *testing.T) {
	w := newWorldPending(t, time.Hour)
	s := faultScenarios()[0]
	before := s.prepare(w)
	waits := make(chan struct{})
	w.server.Inject(awslocal.Fault{Operation: "GetFunction", Nth: 4, Action: awslocal.Delay, Delay: time.Millisecond, Fired: func() { close(waits) }})
	done := make(chan ended, 1)
	go func() { done <- s.deploy(w, cut{}) }()
	<-waits
	if !w.restored(before) {
		t.FailNow()
	}
	if main := <-done; main.code != 5 {
		t.Errorf("the deployment that was stopped ended with %d:\n%s", main.code, main.output)
	}
}
