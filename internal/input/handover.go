package input

import (
	"slices"

	"github.com/lambda-rollout/lambda-rollout/internal/gate"
)

// crossCheckCodeDeploy refuses what AWS CodeDeploy cannot honour where it shifts the
// traffic, and what nobody is there to do where the run does not wait for it.
func (s *Set) crossCheckCodeDeploy(fail func(message, hint string)) {
	given := func(name string) bool { return s.values[name].given }
	wait := s.values["traffic-wait"]
	leaves := wait.given && !wait.truth
	if s.values["traffic"].group == nil {
		if leaves {
			fail("traffic-wait is false, but the traffic is not CodeDeploy's to shift", "give traffic: codedeploy:APPLICATION/GROUP")
		}
		return
	}
	if s.command == "shift" {
		fail("shift moves the traffic itself, and codedeploy: hands it over", "give percentage, or stages with traffic; deploy takes codedeploy:APPLICATION/GROUP")
	}
	if what := s.values["guard"].list; given("guard") && !slices.Contains(what, "none") {
		fail("guard compares versions in stages that this program holds, and CodeDeploy has stages of its own", "leave guard out; the alarms of the deployment group, and alarms, watch the shift")
	}
	for _, name := range []string{"max-error-rate", "error-tolerance"} {
		if given(name) {
			fail(name+" is for the guard, which does not watch a shift by CodeDeploy", "leave it out; alarms may watch the error rate")
		}
	}
	if s.values["guard-warm-up"].length > 0 {
		fail("guard-warm-up is for the guard, which does not watch a shift by CodeDeploy", "leave it out")
	}
	if s.asks(gate.BeforeStage) {
		fail("gates: before-stage asks between stages that this program holds, and CodeDeploy does not ask", "use before-traffic or after-traffic")
	}
	if leaves {
		s.crossCheckLeft(fail)
	}
}

// crossCheckLeft refuses what has to happen while nobody waits any more.
func (s *Set) crossCheckLeft(fail func(message, hint string)) {
	given := func(name string) bool { return s.values[name].given }
	if given("alarms") {
		fail("alarms are watched by a run that waits, and traffic-wait is false", "put the alarms into the deployment group, or let the run wait")
	}
	if given("waves") {
		fail("waves begin when the one before is done, which a run with traffic-wait: false does not see", "leave out waves, or let the run wait")
	}
	if s.asks(gate.AfterTraffic) {
		fail("gates: after-traffic asks when the shift is over, which a run with traffic-wait: false does not see", "leave it out, or let the run wait")
	}
}

// asks reports whether there is a gate of a moment.
func (s *Set) asks(m gate.Moment) bool {
	return slices.ContainsFunc(s.values["gates"].gates, func(g gate.Gate) bool { return g.Moment == m })
}
