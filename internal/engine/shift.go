package engine

import (
	"context"
	"slices"

	"github.com/lambda-rollout/lambda-rollout/internal/plan"
	"github.com/lambda-rollout/lambda-rollout/internal/traffic"
)

// afterReady are the calls that come after the new version is ready.
func afterReady(s plan.Step) bool {
	switch s.Call {
	case plan.CreateAlias, plan.UpdateAlias, plan.TagResource, plan.UntagResource:
		return !s.Route.Ahead
	}
	return false
}

// Shift moves the aliases towards the version, as far as one stage of the
// traffic goes, and in the last stage changes the tags.
func (e *Engine) Shift(ctx context.Context, p plan.Plan, version string, stage int) error {
	aliases := slices.ContainsFunc(p.Steps, func(s plan.Step) bool { return afterReady(s) && s.Alias.Name != "" })
	if aliases && stage == 0 {
		e.Log.Line("Create or Update Aliases for function %s with version %s.", e.function, version)
	}
	var tags []plan.Step
	for _, s := range p.Steps {
		switch {
		case !afterReady(s) || s.Stage != stage:
		case s.Alias.Name == "":
			tags = append(tags, s)
		default:
			if err := e.shiftAlias(ctx, s, version); err != nil {
				return err
			}
		}
	}
	if aliases && stage == plan.Stages(p)-1 {
		e.Log.Line("Done Creating Aliases")
	}
	for _, s := range tags {
		if err := e.changeTags(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// shiftAlias carries out one move, unless the alias stands so already: then
// PublishVersion gave back the version that it serves.
func (e *Engine) shiftAlias(ctx context.Context, s plan.Step, version string) error {
	s.Alias = plan.Routed(s, version, e.RestorePoint())
	if now := e.aliases[s.Alias.Name]; s.Call == plan.UpdateAlias && plan.Stands(s.Alias, now.Alias) {
		e.Log.Line("Alias %s of function %s serves %s already.", s.Alias.Name, e.function, plan.Serves(s.Alias))
		return nil
	}
	doing, done := "Updating", "Updated"
	if s.Call == plan.CreateAlias {
		doing, done = "Creating", "Created"
	}
	what := "with version " + version
	if s.Route.Shared {
		what += " for " + traffic.Percent(s.Route.Percent) + " of its traffic"
	}
	e.Log.Line("%s Alias %s for function %s %s.", doing, s.Alias.Name, e.function, what)
	if err := e.do(ctx, s, false); err != nil {
		return err
	}
	e.Log.Line("%s Alias %s for function %s %s.", done, s.Alias.Name, e.function, what)
	return nil
}

func (e *Engine) changeTags(ctx context.Context, s plan.Step) error {
	if s.Call == plan.TagResource {
		e.Log.Line("Tagging function %s: %d tags", e.function, len(s.Tags))
	} else {
		e.Log.Line("Removing %d tags of function %s", len(s.TagKeys), e.function)
	}
	return e.do(ctx, s, false)
}
