package deploy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/codedeploy"
	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/plan"
	"github.com/lambda-rollout/lambda-rollout/internal/traffic"
)

// HandOver says that AWS CodeDeploy shifts the traffic.
type HandOver struct {
	// Group may hold {function} and {alias}: one group is for one alias.
	Group traffic.Group
	// Wait reports whether the run follows the shift to its end.
	Wait bool

	// longest is how long the groups of a target take.
	longest time.Duration
}

func (h *HandOver) clone() *HandOver {
	if h == nil {
		return nil
	}
	own := *h
	return &own
}

func (h *HandOver) group() *traffic.Group {
	if h == nil {
		return nil
	}
	return &h.Group
}

// Groups returns the deployment groups of the target's aliases, in their order; none where
// CodeDeploy shifts no traffic.
func (t Target) Groups() []traffic.Group {
	if t.HandOver == nil {
		return nil
	}
	var all []traffic.Group
	for _, a := range t.Want.Aliases {
		all = append(all, t.HandOver.Group.For(t.At.Function, a.Name))
	}
	return all
}

func (t Target) codeDeploy(ctx context.Context) *codedeploy.Client {
	return codedeploy.New(ctx, t.Session, t.At.Region)
}

// askGroups looks at the deployment groups of all targets: they must exist, be for
// Lambda, and each be for one alias alone.
func askGroups(ctx context.Context, targets []Target, parallel int) error {
	if len(targets) == 0 || targets[0].HandOver == nil {
		return nil
	}
	if err := oneGroupEach(targets); err != nil {
		return err
	}
	return each(ctx, parallel, targets, func(ctx context.Context, t Target) error {
		ctx, cancel := context.WithTimeout(ctx, questionTimeout)
		defer cancel()
		var all []error
		for _, g := range t.Groups() {
			schedule, err := t.codeDeploy(ctx).Group(ctx, g)
			all = append(all, err)
			t.HandOver.longest = max(t.HandOver.longest, schedule.Total())
		}
		return errors.Join(all...)
	})
}

// oneGroupEach refuses a group that would get several aliases: it runs one deployment
// at a time.
func oneGroupEach(targets []Target) error {
	type place struct {
		account, region string
		group           traffic.Group
	}
	of := map[place][]string{}
	var order []place
	for _, t := range targets {
		for i, g := range t.Groups() {
			p := place{t.At.Account, t.At.Region, g}
			if of[p] == nil {
				order = append(order, p)
			}
			of[p] = append(of[p], t.At.Function+":"+t.Want.Aliases[i].Name)
		}
	}
	var all []error
	for _, p := range order {
		if len(of[p]) > 1 {
			all = append(all, fmt.Errorf("the deployment group %s in %s would get %s, and a group shifts one alias at a time: use {function} and {alias} in its name", p.group, p.region, some(of[p])))
		}
	}
	return errors.Join(all...)
}

// groupsFree asks whether the deployment groups have a deployment under way, which
// would keep the next one from starting.
func (p Planned) groupsFree(ctx context.Context) error {
	var all []error
	for _, s := range p.Plan.Steps {
		s, is := s.(plan.CreateDeployment)
		if !is {
			continue
		}
		running, err := p.codeDeploy(ctx).Running(ctx, s.Group)
		all = append(all, err)
		for _, d := range running {
			all = append(all, fmt.Errorf("the deployment group %s in %s is busy with the deployment %s, which is %s: wait for its end, or stop it", s.Group, p.At.Region, d.ID, d.Status))
		}
	}
	return errors.Join(all...)
}

// handOverSlack is what CodeDeploy gets beyond the time of its schedule: it begins a
// moment after it is asked, and looks at the clock now and then.
const handOverSlack = 5 * time.Minute

// waitsForCodeDeploy is the time of the schedule by which CodeDeploy shifts the traffic
// of a plan, where the run waits for it.
func (p Planned) waitsForCodeDeploy() time.Duration {
	hands := slices.ContainsFunc(p.Plan.Steps, func(s plan.Step) bool { _, is := s.(plan.CreateDeployment); return is })
	if !hands || p.HandOver == nil || !p.HandOver.Wait {
		return 0
	}
	return p.HandOver.longest
}

// HandedFor returns how long CodeDeploy takes to shift the traffic of the target at the most;
// 0 where it shifts none.
func (t Target) HandedFor() time.Duration {
	if t.HandOver == nil {
		return 0
	}
	return t.HandOver.longest + handOverSlack
}

// longestHandOver is how long the run may wait for CodeDeploy.
func longestHandOver(targets []Target) time.Duration {
	var longest time.Duration
	for _, t := range targets {
		if t.HandOver != nil && t.HandOver.Wait {
			longest = max(longest, t.HandOver.longest+handOverSlack)
		}
	}
	return longest
}

// followHandOver waits until CodeDeploy has moved the aliases that were handed over,
// while the alarms are watched; or says that nobody does.
func (d *deployment) followHandOver(ctx context.Context) error {
	f := newFollower(d)
	if len(f.shifts) == 0 {
		return nil
	}
	if !d.targets[0].HandOver.Wait {
		warn(d.Events, "CodeDeploy shifts the traffic from here on, and this run does not wait (traffic-wait: false): NOBODY compares the versions, a shift that fails rolls back its own alias only, and $LATEST and the other functions stay as they are now. To roll everything back: %s",
			RollbackCommand(d.journal.Name()))
		for _, s := range f.shifts {
			d.of(s.target.At).Emit(s.event(codedeploy.Deployment{ID: s.handed.Deployment, Status: "Created"}, definition.Alias{Version: s.handed.From}, 0))
		}
		return nil
	}
	d.watchers = append([]watched{{watcher: f}}, d.Watching.after(d)...)
	_, err := d.dwell(ctx, traffic.Stage{Percent: 100}, false)
	return err
}

// leaves reports whether the run ends while CodeDeploy goes on.
func (d *deployment) leaves() bool {
	h := d.targets[0].HandOver
	return h != nil && !h.Wait
}

// handedWords are the words of a deployment that did not succeed.
func handedWords(s *shift, d codedeploy.Deployment) string {
	text := fmt.Sprintf("CodeDeploy deployment %s of the group %s/%s, which moves alias %s, is %s", d.ID, s.handed.Application, s.handed.Group, s.handed.To.Name, strings.ToLower(string(d.Status)))
	if d.Reason != "" {
		text += ": " + d.Reason
	}
	return text
}

// unfinished are the shifts that are not over.
func (f *follower) unfinished() bool {
	return slices.ContainsFunc(f.shifts, func(s *shift) bool { return !s.over })
}
