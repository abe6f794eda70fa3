package engine

import (
	"github.com/lambda-rollout/lambda-rollout/internal/plan"
	"github.com/lambda-rollout/lambda-rollout/internal/traffic"
)

// beginning logs a step of a deployment before it goes out.
func (e *Engine) beginning(s plan.Step) {
	switch s := s.(type) {
	case plan.PublishRestorePoint:
		e.Log.Line("Publishing a restore point: $LATEST is no version that an alias serves")
	case plan.PublishVersion:
		e.Log.Line("Publishing new version")
	case plan.LeaveLatest:
		e.Log.Line("Alias %s of function %s is on $LATEST, which changes at once: it goes to the restore point first", s.Name, e.function)
		e.Log.Line("Updating Alias %s for function %s with version %s.", s.Name, e.function, e.RestorePoint())
	case plan.CreateFunction:
		e.Log.Line("Creating Function: %s in region: %s", e.function, e.API.Region())
	case plan.UpdateConfiguration:
		e.Log.Line("Updating Function Configuration: [%s]", e.function)
	case plan.CreateAlias:
		e.Log.Line("Creating Alias %s for function %s with version %s.", s.Name, e.function, e.target)
	case plan.MoveAlias:
		e.Log.Line("Updating Alias %s for function %s %s.", s.Name, e.function, e.with(s))
	case plan.UpdateAlias:
		e.Log.Line("Updating Alias %s for function %s with version %s.", s.Alias.Name, e.function, e.target)
	case plan.TagResource:
		e.Log.Line("Tagging function %s: %d tags", e.function, len(s.Tags))
	case plan.UntagResource:
		e.Log.Line("Removing %d tags of function %s", len(s.Keys), e.function)
	case plan.UpdateCode, plan.PutCodeSigning, plan.DeleteCodeSigning:
	case plan.DeleteAlias, plan.DeleteFunction, plan.DeleteVersion:
	}
}

// done logs a step of a deployment that is complete.
func (e *Engine) done(s plan.Step) {
	switch s := s.(type) {
	case plan.PublishRestorePoint:
		e.Log.Line("Published restore point: [%s]", e.version.Version)
	case plan.PublishVersion:
		if e.version.Description != nil && *e.version.Description != s.Description {
			e.Log.Line("Nothing changed since version [%s] was published", e.version.Version)
			return
		}
		e.Log.Line("Published new version: [%s]", e.version.Version)
		e.Log.Line("Published function ARN: [%s]", e.version.Arn)
	case plan.LeaveLatest:
		e.Log.Line("Updated Alias %s for function %s with version %s.", s.Name, e.function, e.RestorePoint())
	case plan.CreateFunction:
		e.Log.Line("Created Function Code Sha256: [%s]", e.latest.CodeSha256)
		e.Log.Line("Created Function ARN: [%s]", e.latest.Arn)
	case plan.UpdateCode:
		e.Log.Line("Updated Function Code Sha256: [%s]", e.latest.CodeSha256)
		e.Log.Line("Updated Function ARN: [%s]", e.latest.Arn)
	case plan.UpdateConfiguration:
		e.Log.Line("Updated Function Configuration: [%s]", e.function)
	case plan.CreateAlias:
		e.Log.Line("Created Alias %s for function %s with version %s.", s.Name, e.function, e.target)
	case plan.MoveAlias:
		e.Log.Line("Updated Alias %s for function %s %s.", s.Name, e.function, e.with(s))
	case plan.UpdateAlias:
		e.Log.Line("Updated Alias %s for function %s with version %s.", s.Alias.Name, e.function, e.target)
	case plan.TagResource, plan.UntagResource, plan.PutCodeSigning, plan.DeleteCodeSigning:
	case plan.DeleteAlias, plan.DeleteFunction, plan.DeleteVersion:
	}
}

// with is what a move gives an alias, for the log.
func (e *Engine) with(m plan.MoveAlias) string {
	what := "with version " + e.target
	if m.Partial() {
		what += " for " + traffic.Percent(m.Percent) + " of its traffic"
	}
	return what
}
