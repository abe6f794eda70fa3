package report

import (
	"maps"
	"slices"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/awsfacts"
	"github.com/lambda-rollout/lambda-rollout/internal/event"
	"github.com/lambda-rollout/lambda-rollout/internal/plan"
)

// callsPerSecond is the rate at which the steps of an account and Region go out.
const callsPerSecond = awsfacts.ControlPlaneRate - 1

// tally counts how far the targets of a run are.
type tally struct {
	members map[event.Target]*member
	// until is when a rollback must end; zero before one begins.
	until time.Time
}

// member is what is known of one target.
type member struct {
	state state
	// steps are still to be carried out.
	steps int
	// planned are all that it has.
	planned int
	version string
}

type state int

const (
	waiting state = iota
	running
	// ready is a target whose new version is ready: its aliases are still to move.
	ready
	done
	failed
	restoring
	restored
)

func newTally(targets []event.Target) *tally {
	c := &tally{members: map[event.Target]*member{}}
	for _, t := range targets {
		c.members[t] = &member{}
	}
	return c
}

func (c *tally) regions() map[string]bool {
	all := map[string]bool{}
	for t := range c.members {
		all[t.Region] = true
	}
	return all
}

// take takes an event of a target, and returns what is known of it then.
func (c *tally) take(t event.Target, e event.Event) *member {
	m := c.members[t]
	if m == nil {
		m = &member{}
		c.members[t] = m
	}
	//nolint:gochecksumtype // the others change nothing that is counted
	switch e := e.(type) {
	case event.ObserveBegan, event.DeployBegan:
		m.state = running
	case event.ObserveEnded:
		m.state = waiting
	case event.Planned:
		m.steps, m.planned = e.Steps, e.Steps
	case event.DeployEnded:
		m.state = ready
	case event.StepBegan:
		if !e.Back {
			m.state = running
		}
	case event.StepEnded:
		m.stepEnded(e)
	case event.TargetEnded:
		m.state, m.steps = done, 0
	case event.RollbackBegan:
		m.state = restoring
	case event.RollbackSkipped:
		m.state = restored
	case event.RollbackEnded:
		m.state = restored
		if len(e.Left) > 0 {
			m.state = failed
		}
	}
	return m
}

func (m *member) stepEnded(e event.StepEnded) {
	if e.Back {
		return
	}
	if e.Err != nil {
		m.state = failed
		return
	}
	m.steps--
	if _, published := e.Step.(plan.PublishVersion); published {
		m.version = e.Published
	}
}

// progress is how much of the planned steps is complete, from 0 to 1.
func (c *tally) progress() float64 {
	planned, left := 0, 0
	for _, m := range c.members {
		planned, left = planned+m.planned, left+max(m.steps, 0)
	}
	if planned == 0 {
		return 0
	}
	return 1 - float64(left)/float64(planned)
}

// states counts the targets of each state.
func (c *tally) states() map[state]int {
	n := map[state]int{}
	for _, m := range c.members {
		n[m.state]++
	}
	return n
}

// left is the time that the remaining steps take at the rate of their Region: the
// quotas of Regions are apart.
func (c *tally) left() time.Duration {
	steps := map[string]int{}
	for t, m := range c.members {
		steps[t.Region] += max(m.steps, 0)
	}
	if len(steps) == 0 {
		return 0
	}
	return time.Duration(slices.Max(slices.Collect(maps.Values(steps)))) * time.Second / callsPerSecond
}
