package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/codedeploy"
	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/event"
	"github.com/lambda-rollout/lambda-rollout/internal/journal"
	"github.com/lambda-rollout/lambda-rollout/internal/plan"
	"github.com/lambda-rollout/lambda-rollout/internal/traffic"
)

// Shifts is what moves aliases in an engine's place. See codedeploy.Client for what
// each method returns.
type Shifts interface {
	Create(ctx context.Context, o codedeploy.Order) (id string, err error)
	Get(ctx context.Context, id string) (codedeploy.Deployment, error)
	Running(ctx context.Context, g traffic.Group) ([]codedeploy.Deployment, error)
	Since(ctx context.Context, g traffic.Group, at time.Time) ([]codedeploy.Deployment, error)
	Stop(ctx context.Context, id string) error
}

// described is the description by which the deployment of an alias is found again.
// It proves which run created it.
func described(t journal.TargetLog, alias string) string {
	return fmt.Sprintf("%s=%s %s:%s", plan.RunTag, t.Run, t.Function, alias)
}

// createDeployment hands an alias to CodeDeploy. No precondition keeps a lost copy of
// the call from arriving late.
func (e *Engine) createDeployment(s plan.CreateDeployment) change {
	order := codedeploy.Order{
		Group: s.Group, Function: e.live.function, Alias: s.Alias, From: s.From, To: e.target,
		Description: described(e.record.Target(), s.Alias),
	}
	wanted := journal.Alias{Name: s.Alias, Version: e.target}
	if now := e.live.aliases[s.Alias]; now != nil {
		wanted.Description = journal.AliasOf(now.Alias).Description
	}
	began, id := e.api.Timing().Now(), ""
	return change{
		intent: journal.Intent{
			AliasName: s.Alias, Alias: &wanted, HandOver: &journal.HandOver{Application: s.Group.Application, Group: s.Group.Name, From: s.From},
		},
		unfenced: true,
		send:     func(ctx context.Context) (err error) { id, err = e.shifts.Create(ctx, order); return err },
		look: func(ctx context.Context) (sight, error) {
			ours, err := findDescribed(ctx, e.shifts, s.Group, began, order.Description)
			if err != nil {
				return unreadable, err
			}
			if ours != nil {
				id = ours.ID
				return applied, nil
			}
			others, err := e.shifts.Running(ctx, s.Group)
			switch {
			case err != nil:
				return unreadable, err
			case len(others) > 0:
				return foreign, nil
			}
			return unchanged, nil
		},
		finish: func(_ context.Context, o *journal.Outcome) error { o.Deployment = id; return nil },
	}
}

// findDescribed finds the deployment of a group with a description, nil where there is
// none.
func findDescribed(ctx context.Context, shifts Shifts, g traffic.Group, since time.Time, description string) (*codedeploy.Deployment, error) {
	all, err := shifts.Since(ctx, g, since)
	for _, d := range all {
		if d.Description == description {
			return &d, nil
		}
	}
	return nil, err
}

// stopDeployment stops a deployment and follows the one that rolls it back to its end.
func (e *Engine) stopDeployment(s plan.StopDeployment) change {
	return change{
		intent: journal.Intent{HandOver: &journal.HandOver{Stop: s.ID}},
		send:   func(ctx context.Context) error { return e.shifts.Stop(ctx, s.ID) },
		look: func(ctx context.Context) (sight, error) {
			d, err := e.shifts.Get(ctx, s.ID)
			switch {
			case err != nil:
				return unreadable, err
			case d.Over():
				return applied, nil
			}
			return unchanged, nil
		},
		finish: func(ctx context.Context, _ *journal.Outcome) error { return e.followBack(ctx, s.ID) },
	}
}

// rollbackLooks is how often a deployment that was stopped is asked for the one that
// rolls it back, which CodeDeploy may name a moment later.
const rollbackLooks = 5

// followBack waits until a deployment is over, and the one that rolls it back too. One
// that is gone is asked for as often, since CodeDeploy may not know a young one yet. How
// that one ended does not matter: whoever asked looks at the alias.
func (e *Engine) followBack(ctx context.Context, id string) error {
	d, err := e.untilOver(ctx, id)
	for look := 0; err == nil && d.Status != codedeploy.Succeeded && d.RolledBackBy == "" && look < rollbackLooks; look++ {
		if !e.pause(ctx, look) {
			return context.Cause(ctx)
		}
		d, err = e.shifts.Get(ctx, id)
	}
	if err != nil || d.RolledBackBy == "" {
		return err
	}
	_, err = e.untilOver(ctx, d.RolledBackBy)
	return err
}

// untilOver waits for the end of a deployment.
func (e *Engine) untilOver(ctx context.Context, id string) (codedeploy.Deployment, error) {
	for look := 0; ; look++ {
		d, err := e.shifts.Get(ctx, id)
		if err != nil || d.Over() {
			return d, err
		}
		e.events.Emit(event.Waiting{Subject: "CodeDeploy deployment " + id, Status: string(d.Status), Reason: d.Reason})
		if !e.pause(ctx, look) {
			return d, fmt.Errorf("CodeDeploy deployment %s is not over: %w", id, context.Cause(ctx))
		}
	}
}

// handedOver asks CodeDeploy about what a run handed over: the deployments that still
// move an alias, by the alias, and those that failed, which CodeDeploy takes back.
func handedOver(ctx context.Context, shifts Shifts, t journal.TargetLog) (shifting map[string]string, returning []string, err error) {
	shifting = map[string]string{}
	for _, h := range t.HandedOver() {
		d, err := deploymentOf(ctx, shifts, t, h)
		switch {
		case err != nil:
			return nil, nil, err
		case d == nil:
		case !d.Over():
			shifting[h.To.Name] = d.ID
		case d.Status != codedeploy.Succeeded:
			returning = append(returning, d.ID)
		}
	}
	return shifting, returning, nil
}

// deploymentOf is the deployment that was created for an alias; nil where none is
// found.
func deploymentOf(ctx context.Context, shifts Shifts, t journal.TargetLog, h journal.HandedOver) (*codedeploy.Deployment, error) {
	if h.Deployment == "" {
		return findDescribed(ctx, shifts, traffic.Group{Application: h.Application, Name: h.Group}, h.At, described(t, h.To.Name))
	}
	d, err := shifts.Get(ctx, h.Deployment)
	return &d, err
}

// observeTarget reads the target of a rollback once CodeDeploy moves none of its
// aliases any more: what it still moves is stopped, and what it takes back is waited
// for.
func (r *Rollback) observeTarget(ctx context.Context, recalled map[string]*definition.ObservedAlias) (plan.Observation, error) {
	for {
		t := r.record.Target()
		o, err := observeBack(ctx, r.api, t, recalled)
		if err != nil {
			return o, err
		}
		shifting, returning, err := handedOver(ctx, r.shifts, t)
		returning = slices.DeleteFunc(returning, func(id string) bool { return r.followed[id] })
		if err != nil || len(shifting)+len(returning) == 0 {
			return o, err
		}
		aliases := slices.Sorted(maps.Keys(shifting))
		for _, alias := range aliases {
			err = errors.Join(err, r.step(ctx, plan.StopDeployment{Alias: alias, ID: shifting[alias]}))
		}
		for _, id := range returning {
			err = errors.Join(err, r.followBack(ctx, id))
			r.followed[id] = true
		}
		if err != nil {
			return o, err
		}
		r.takenBack(ctx, o, aliases)
	}
}

// takenBack notes which aliases CodeDeploy led back.
func (r *Rollback) takenBack(ctx context.Context, before plan.Observation, aliases []string) {
	for _, alias := range aliases {
		was := before.Aliases[alias]
		now, err := r.api.FindAlias(ctx, r.live.function, alias)
		if err != nil || was == nil || now == nil || plan.DescribeRouting(was.Alias) == plan.DescribeRouting(now.Alias) {
			continue // the next look tells
		}
		r.result.Changes = append(r.result.Changes, definition.Change{
			Field: "Aliases." + alias, From: plan.DescribeRouting(was.Alias), To: plan.DescribeRouting(now.Alias), Kind: definition.Changed,
		})
	}
}

// HandedOver returns the aliases that CodeDeploy was asked to move.
func (e *Engine) HandedOver() []journal.HandedOver {
	t := e.record.Target()
	return t.HandedOver()
}

// Handed asks what became of an alias that was handed over: the deployment, and what
// the alias points to.
func (e *Engine) Handed(ctx context.Context, h journal.HandedOver) (codedeploy.Deployment, definition.Alias, error) {
	d, err := e.shifts.Get(ctx, h.Deployment)
	if err != nil {
		return d, definition.Alias{}, err
	}
	now, err := e.api.FindAlias(ctx, e.live.function, h.To.Name)
	if err == nil && now == nil {
		err = &ForeignError{Subject: fmt.Sprintf("alias %s of %s", h.To.Name, e.live.function)}
	}
	if err != nil {
		return d, definition.Alias{}, err
	}
	return d, now.Alias, nil
}
