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
	bubble(t, func(t *testing.T) {
		w := newWorldPending(t, time.Hour)
		s := faultScenarios()[0]
		before := s.prepare(w)
		waits := w.inject(awslocal.Fault{Operation: "GetFunction", Nth: 4, Action: awslocal.Delay})
		main := w.start(s.process(w, cut{}))
		await(t, "the wait", waits)
		if !w.restored(before) {
			t.FailNow()
		}
		main.end().expect(t, "the deployment that was stopped", 5)
	})
}
