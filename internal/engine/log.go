package engine

import (
	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/event"
	"github.com/lambda-rollout/lambda-rollout/internal/plan"
)

// begin emits that a step is about to go out.
func (e *Engine) begin(s plan.Step, back bool) event.StepBegan {
	began := event.StepBegan{Function: e.live.function, Region: e.api.Region(), Step: s, Back: back}
	switch s := s.(type) {
	case plan.CreateAlias, plan.MoveAlias, plan.CreateDeployment:
		began.Version = e.target
	case plan.UpdateAlias:
		began.Version = s.Alias.Version
	case plan.LeaveLatest:
		began.Version = e.RestorePoint()
	case plan.CreateFunction, plan.UpdateConfiguration, plan.UpdateCode, plan.PublishRestorePoint, plan.PublishVersion, plan.PublishLatest,
		plan.DeleteAlias, plan.TagResource, plan.UntagResource, plan.PutCodeSigning, plan.DeleteCodeSigning, plan.DeleteFunction, plan.DeleteVersion, plan.PutSetting, plan.DeleteSetting, plan.StopDeployment:
	}
	e.events.Emit(began)
	return began
}

// end emits what became of a step.
func (e *Engine) end(began event.StepBegan, err error) {
	ended := event.StepEnded{StepBegan: began, Err: err}
	if e.live.latest != nil {
		ended.Arn, ended.CodeSha256 = e.live.latest.Arn, e.live.latest.CodeSha256
	}
	_, latest := began.Step.(plan.PublishLatest)
	if began.Step.Operation() == (plan.PublishVersion{}).Operation() && !latest && err == nil {
		ended.Arn, ended.Published = e.version.Arn, e.version.Version
		s, is := began.Step.(plan.PublishVersion)
		ended.Existed = is && e.version.Description != nil && *e.version.Description != s.Description
	}
	if s, is := began.Step.(plan.PutSetting); is && err == nil {
		url, _ := e.live.settings[s.Setting.SettingKey].(definition.FunctionURL)
		ended.URL = url.URL
	}
	e.events.Emit(ended)
}
