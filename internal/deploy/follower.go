package deploy

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/codedeploy"
	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/event"
	"github.com/lambda-rollout/lambda-rollout/internal/journal"
	"github.com/lambda-rollout/lambda-rollout/internal/plan"
)

// follower follows the shifts that CodeDeploy carries out for a run.
type follower struct {
	*deployment
	shifts []*shift
	began  time.Time
	// pause is the time to the next look.
	pause time.Duration
	// blind is why CodeDeploy could not be asked last.
	blind error
}

// shift is one alias on its way.
type shift struct {
	target *target
	handed journal.HandedOver
	over   bool
	// missed reports that CodeDeploy did not know the deployment, which it may say
	// once of a young one.
	missed bool
	// said is what was emitted last, and when.
	said event.ShiftFollowed
	at   time.Time
}

// The follower looks soon at first, for a group that shifts all at once, and then as
// often as it is worth.
const (
	firstFollow = 2 * time.Second
	lastFollow  = 15 * time.Second
)

func newFollower(d *deployment) *follower {
	f := &follower{deployment: d, began: d.Now(), pause: firstFollow}
	for _, t := range d.targets {
		for _, h := range t.engine.HandedOver() {
			f.shifts = append(f.shifts, &shift{target: t, handed: h})
		}
	}
	return f
}

// watch implements watcher.
func (f *follower) watch(ctx context.Context, _ held) (time.Time, error) {
	var failed, unseen error
	for _, s := range f.shifts {
		if s.over {
			continue
		}
		call, cancel := context.WithTimeout(ctx, questionTimeout)
		d, now, err := s.target.engine.Handed(call, s.handed)
		cancel()
		if err != nil {
			unseen = errors.Join(unseen, err)
			continue
		}
		if d.Status == codedeploy.Gone && !s.missed {
			s.missed = true
			continue
		}
		s.missed = d.Status == codedeploy.Gone
		failed = errors.Join(failed, f.look(s, d, now))
	}
	if unseen != nil && f.blind == nil && context.Cause(ctx) == nil {
		warn(f.Events, "CodeDeploy cannot be read now: %v; the run keeps trying", unseen)
	}
	f.blind = unseen
	f.pause = min(2*f.pause, lastFollow)
	if !f.unfinished() {
		return time.Time{}, failed
	}
	return f.Now().Add(f.pause), failed
}

// look takes in what became of a shift. Its error is that it failed.
func (f *follower) look(s *shift, d codedeploy.Deployment, now definition.Alias) error {
	s.over = d.Over()
	e := s.event(d, now, f.Now().Sub(f.began))
	if before := s.said; e.Status != before.Status || e.Routing != before.Routing || f.Now().Sub(s.at) >= time.Minute {
		s.said, s.at = e, f.Now()
		f.of(s.target.At).Emit(e)
	}
	switch {
	case !s.over:
		return nil
	case d.Status != codedeploy.Succeeded:
		s.target.fails()
		return errors.New(handedWords(s, d))
	case now.Version != s.handed.To.Version || len(now.Weights) > 0:
		s.target.fails()
		return fmt.Errorf("%s, but alias %s points to %s", handedWords(s, d), s.handed.To.Name, plan.DescribeRouting(now))
	}
	return nil
}

func (s *shift) event(d codedeploy.Deployment, now definition.Alias, since time.Duration) event.ShiftFollowed {
	return event.ShiftFollowed{
		Alias: s.handed.To.Name, Deployment: d.ID, Status: string(d.Status), Routing: plan.DescribeRouting(now), Since: since.Round(time.Second),
	}
}

// release implements watcher: the shift lasts until CodeDeploy reports its end.
func (f *follower) release(context.Context, held) (time.Duration, error) {
	if f.unfinished() {
		return f.pause, nil
	}
	return 0, nil
}
