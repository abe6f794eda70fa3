package engine

import (
	"context"
	"fmt"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/journal"
	"github.com/lambda-rollout/lambda-rollout/internal/plan"
)

// do carries out one step of a plan, forward or back.
func (e *Engine) do(ctx context.Context, s plan.Step, back bool) error {
	// Tags and numbered versions moved the RevisionId of what is published.
	_, publishes := s.(plan.PublishLatest)
	// Going back, an update of the deployment, or an earlier step of the rollback,
	// may still be under way.
	if publishes || back && onLatest(s) && !e.live.latest.Settled() {
		if err := e.settleUnchanged(ctx); err != nil {
			return err
		}
	}
	c := e.changeOf(s)
	c.intent.Call, c.intent.Back = s.Operation(), back
	return e.execute(ctx, c)
}

// changeOf is how the engine sends a step.
func (e *Engine) changeOf(s plan.Step) change {
	switch s := s.(type) {
	case plan.CreateFunction:
		return e.createFunction(s)
	case plan.UpdateConfiguration:
		return e.updateConfiguration(s)
	case plan.UpdateCode:
		return e.updateCode(s)
	case plan.PublishRestorePoint:
		return e.publish(s.Description, true)
	case plan.PublishVersion:
		return e.publish(s.Description, false)
	case plan.PublishLatest:
		return e.publishLatest(s.Description)
	case plan.CreateAlias:
		return e.createAlias(definition.Alias{Name: s.Name, Description: s.Description, Version: e.target})
	case plan.MoveAlias:
		return e.updateAlias(s.Resolve(e.target, e.RestorePoint()))
	case plan.LeaveLatest:
		return e.updateAlias(definition.Alias{Name: s.Name, Version: e.RestorePoint()})
	case plan.UpdateAlias:
		return e.updateAlias(s.Alias)
	case plan.DeleteAlias:
		return e.deleteAlias(s)
	case plan.TagResource:
		return e.tag(s.Tags, nil)
	case plan.UntagResource:
		return e.tag(nil, s.Keys)
	case plan.PutCodeSigning:
		return e.codeSigning(s.Arn)
	case plan.DeleteCodeSigning:
		return e.codeSigning("")
	case plan.DeleteFunction:
		return e.deleteFunction("")
	case plan.DeleteVersion:
		return e.deleteFunction(s.Version)
	case plan.PutSetting:
		return e.setting(s.Setting, s.Replaces)
	case plan.CreateDeployment:
		return e.createDeployment(s)
	case plan.StopDeployment:
		return e.stopDeployment(s)
	case plan.DeleteSetting:
		return e.setting(definition.Setting{SettingKey: s.Key}, true)
	}
	panic(fmt.Sprintf("engine: no change for step %T", s))
}

func (e *Engine) tag(set map[string]string, remove []string) change {
	return change{
		intent:   journal.Intent{Tags: set, TagKeys: remove},
		unfenced: true, guarded: true,
		send: func(ctx context.Context) error {
			if len(set) > 0 {
				return e.api.Tag(ctx, e.Arn(), set)
			}
			return e.api.Untag(ctx, e.Arn(), remove)
		},
		look: func(ctx context.Context) (sight, error) {
			if err := e.refresh(ctx); err != nil {
				return unreadable, err
			}
			if e.live.latest == nil {
				return foreign, nil
			}
			for _, u := range e.live.latest.Unreadable {
				if u.Field == "Tags" {
					return unreadable, fmt.Errorf("the tags of function %s cannot be read: %s", e.live.function, u.Reason)
				}
			}
			return tagsSeen(e.live.tags, e.live.latest.Tags, set, remove), nil
		},
	}
}

// tagsSeen tells tags that are as a change leaves them from those that are as they
// were planned with, and both from somebody else's.
func tagsSeen(before, now, set map[string]string, remove []string) sight {
	seen := applied
	wanted := map[string]*string{}
	for key, value := range set {
		wanted[key] = &value
	}
	for _, key := range remove {
		wanted[key] = nil
	}
	for key, value := range wanted {
		is, has := now[key]
		was, had := before[key]
		switch {
		case has == (value != nil) && (value == nil || is == *value):
		case has == had && is == was:
			seen = unchanged
		default:
			return foreign
		}
	}
	return seen
}

func (e *Engine) codeSigning(arn string) change {
	return change{
		intent:   journal.Intent{CodeSigning: &arn},
		unfenced: true, guarded: true,
		send: func(ctx context.Context) error { return e.api.SetCodeSigning(ctx, e.live.function, arn) },
		look: func(ctx context.Context) (sight, error) {
			now, err := e.api.CodeSigning(ctx, e.live.function)
			switch {
			case err != nil:
				return unreadable, err
			case now == arn:
				return applied, nil
			case now == e.live.signing:
				return unchanged, nil
			}
			return foreign, nil
		},
	}
}

// deleteFunction deletes the function, or one version of it.
func (e *Engine) deleteFunction(version string) change {
	return change{
		intent:   journal.Intent{Version: version},
		unfenced: true,
		send:     func(ctx context.Context) error { return e.api.DeleteFunction(ctx, e.live.function, version) },
		look: func(ctx context.Context) (sight, error) {
			now, err := e.api.Find(ctx, e.live.function, version)
			switch {
			case err != nil:
				return unreadable, err
			case now == nil:
				return applied, nil
			}
			return unchanged, nil
		},
	}
}
