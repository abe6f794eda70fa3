package engine

import (
	"context"
	"slices"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/event"
	"github.com/lambda-rollout/lambda-rollout/internal/plan"
)

// phase is when a step of a deployment is carried out.
type phase int

const (
	// preparing comes before the new version is ready.
	preparing phase = iota
	// shifting moves an alias.
	shifting
	// finishing comes last: tags and settings.
	finishing
)

func phaseOf(s plan.Step) phase {
	switch s := s.(type) {
	case plan.CreateAlias, plan.MoveAlias, plan.UpdateAlias, plan.CreateDeployment:
		return shifting
	case plan.PutSetting:
		return phaseOfSetting(s.Early)
	case plan.DeleteSetting:
		return phaseOfSetting(s.Early)
	case plan.TagResource, plan.UntagResource, plan.PublishLatest:
		return finishing
	case plan.CreateFunction, plan.UpdateConfiguration, plan.UpdateCode, plan.PublishRestorePoint, plan.PublishVersion,
		plan.LeaveLatest, plan.PutCodeSigning, plan.DeleteCodeSigning:
	case plan.DeleteAlias, plan.DeleteFunction, plan.DeleteVersion, plan.StopDeployment:
		// A deployment deletes nothing.
	}
	return preparing
}

func phaseOfSetting(early bool) phase {
	if early {
		return preparing
	}
	return finishing
}

// in keeps the steps of one phase.
func in(p plan.Plan, wanted phase) []plan.Step {
	return slices.DeleteFunc(slices.Clone(p.Steps), func(s plan.Step) bool { return phaseOf(s) != wanted })
}

// Shift moves the aliases towards the version, as far as one stage of the
// traffic goes.
func (e *Engine) Shift(ctx context.Context, p plan.Plan, version string, stage int) error {
	e.target = version
	aliases, last := in(p, shifting), stage == plan.Stages(p)-1
	if len(aliases) > 0 && stage == 0 {
		e.events.Emit(event.AliasesBegan{Function: e.live.function, Version: version})
	}
	for _, s := range aliases {
		if plan.StageOf(s) != stage || e.upToDate(s) {
			continue
		}
		if err := e.deploy(ctx, s); err != nil {
			return err
		}
	}
	if last && len(aliases) > 0 {
		e.events.Emit(event.AliasesEnded{Function: e.live.function})
	}
	return nil
}

// Finishes reports whether a plan has steps for Finish.
func Finishes(p plan.Plan) bool { return len(in(p, finishing)) > 0 }

// Finish changes tags and settings, once the aliases are where they belong.
func (e *Engine) Finish(ctx context.Context, p plan.Plan) error {
	for _, s := range in(p, finishing) {
		if err := e.deploy(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// upToDate reports, and emits, that an alias is already as a move leaves it:
// PublishVersion returned the version that it points to.
func (e *Engine) upToDate(s plan.Step) bool {
	var wanted definition.Alias
	if m, is := s.(plan.MoveAlias); is {
		wanted = m.Resolve(e.target, e.RestorePoint())
	} else if d, is := s.(plan.CreateDeployment); is {
		wanted = definition.Alias{Name: d.Alias, Version: e.target}
	} else {
		return false
	}
	if !plan.UpToDate(wanted, e.live.aliases[wanted.Name].Alias) {
		return false
	}
	e.events.Emit(event.AliasUpToDate{Function: e.live.function, Alias: wanted.Name, Routing: plan.DescribeRouting(wanted)})
	return true
}
