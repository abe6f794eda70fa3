package report

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/event"
)

// Whoever reads the summary learns who was asked, how long that took and what they
// said; of a rollback, too.
func TestASummaryHasTheGatesAndTheStages(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 29, 10, 0, 0, 0, time.UTC)
	r := NewRecorder(event.Discard{}, func() time.Time { return now })
	gate := func(moment string) event.Gate {
		return event.Gate{Moment: moment, To: "https://example.com/|" + moment}
	}
	for _, e := range []event.Event{
		event.GateAsked{Gate: gate("before-traffic")}, event.GatePassed{Gate: gate("before-traffic"), Reason: "go\non", Took: 42 * time.Second},
		event.StageHeld{Percent: 10, Wait: time.Minute, Left: time.Minute},
		event.StageWatched{Percent: 10, Aliases: []event.AliasEvidence{{New: event.Count{Invocations: 40, Errors: 40}, Verdict: "bad"}}},
		event.GateAsked{Gate: gate("before-stage")}, event.GateRefused{Gate: gate("before-stage"), Reason: "frozen", Took: time.Second},
		event.GateAsked{Gate: gate("after-traffic")},
	} {
		r.Emit(e)
	}
	now = now.Add(3 * time.Minute)
	r.Emit(event.DeploymentFailed{Err: errors.New("stopped")})
	for name, text := range map[string]string{
		"deployment": Summary(Deployment{Course: r.Course()}), "rollback": RollbackSummary("stopped", r.Course(), nil, nil),
	} {
		for _, want := range []string{
			`| before-traffic | https://example.com/\|before-traffic | 42.0 s | yes: go on |`, `| before-stage | https://example.com/\|before-stage | 1.0 s | no: frozen |`,
			`| after-traffic | https://example.com/\|after-traffic | 3m | no answer: the run ended |`, "| 10% |", "40/40 (100.0%)", "xychart",
		} {
			if !strings.Contains(text, want) {
				t.Errorf("%s: the summary lacks %s:\n%s", name, want, text)
			}
		}
	}
}
