package report

import (
	"fmt"

	"github.com/lambda-rollout/lambda-rollout/internal/event"
	"github.com/lambda-rollout/lambda-rollout/internal/plan"
	"github.com/lambda-rollout/lambda-rollout/internal/traffic"
)

// Emit writes the lines of an event, in the words that Harness' users know.
func (l *Log) Emit(e event.Event) {
	switch e := e.(type) {
	case event.StepBegan:
		l.stepBegan(e)
	case event.StepEnded:
		l.stepEnded(e)
	case event.WaitBegan:
		l.Line("Verifying if status of function to be Successful")
	case event.Waiting:
		l.Waiting(e.Subject, e.Status, e.Reason)
	case event.AliasesBegan:
		l.Line("Create or Update Aliases for function %s with version %s.", e.Function, e.Version)
	case event.AliasesEnded:
		l.Line("Done Creating Aliases")
	case event.AliasUpToDate:
		l.Line("Alias %s of function %s points to %s already.", e.Alias, e.Function, e.Routing)
	case event.CodeFirst:
		l.Warn("%s", codeFirst(e))
	case event.Downloading:
		l.Line("Downloading the previous code: [%s]", e.CodeSha256)
	case event.WatchingForLateCall:
		l.Line("A call of the interrupted run got no answer and may still arrive: watching %s for %s", e.Function, e.For)
	case event.StageHeld:
		l.stageHeld(e)
	case event.SectionBegan, event.AliasesMoved, event.WaveBegan, event.RollbackLimited, event.Tick, event.Planned:
		l.emitFleet(e)
	case event.StageWatched:
		l.stageWatched(e)
	case event.StageExtended:
		l.Line("The stage of %s lasts %s longer: %s", traffic.Percent(e.Percent), traffic.FormatDuration(e.By), e.Reason)
	case event.AlarmChanged:
		l.alarmChanged(e)
	case event.DurationsCompared:
		l.durationsCompared(e)
	case event.GateAsked, event.GateWaiting, event.GatePassed, event.GateRefused:
		l.emitGate(e)
	case event.ShiftFollowed:
		l.Line("CodeDeploy deployment %s is %s: Alias %s points to %s (%s)", e.Deployment, e.Status, e.Alias, e.Routing, traffic.FormatDuration(e.Since))
	case event.Warning:
		l.Warn("%s", e.Message)
	case event.RunBegan, event.OfTarget, event.ObserveBegan, event.ObserveEnded, event.DeployBegan, event.DeployEnded,
		event.AliasManifests, event.TargetEnded, event.DeploymentFailed, event.JournalSkipped, event.RollbackBegan, event.RollbackSkipped,
		event.RollbackEnded, event.VerifyBegan, event.CaseVerified, event.CaseFailed, event.CaseCompared:
		l.emitRun(e)
	}
}

func (l *Log) stageHeld(e event.StageHeld) {
	if e.Left == e.Wait {
		l.Line("Waiting %s with %s of the traffic on the new version", traffic.FormatDuration(e.Wait), traffic.Percent(e.Percent))
		return
	}
	l.Line("%s left with %s of the traffic on the new version", traffic.FormatDuration(e.Left), traffic.Percent(e.Percent))
}

func (l *Log) stepBegan(e event.StepBegan) {
	s, is := e.Step.(plan.Step)
	if !is {
		return
	}
	if e.Back {
		l.Line("%s", back(e.Function, s))
		return
	}
	for _, line := range forward(e, s) {
		l.Line("%s", line)
	}
}

// forward are the lines with which a step of a deployment begins.
func forward(e event.StepBegan, s plan.Step) []string {
	switch s := s.(type) {
	case plan.PublishRestorePoint:
		return []string{"Publishing a restore point: $LATEST differs from every version that an alias points to"}
	case plan.PublishVersion:
		return []string{"Publishing new version"}
	case plan.LeaveLatest:
		return []string{
			fmt.Sprintf("Alias %s of function %s is on $LATEST, which changes at once: it goes to the restore point first", s.Name, e.Function),
			"Updating " + moved(s.Name, e, ""),
		}
	case plan.CreateFunction:
		return []string{fmt.Sprintf("Creating Function: %s in region: %s", e.Function, e.Region)}
	case plan.UpdateConfiguration:
		return []string{fmt.Sprintf("Updating Function Configuration: [%s]", e.Function)}
	case plan.PublishLatest:
		return []string{"Publishing to $LATEST.PUBLISHED, which callers of the function itself reach"}
	case plan.CreateAlias:
		return []string{"Creating " + moved(s.Name, e, "")}
	case plan.MoveAlias:
		return []string{"Updating " + moved(s.Name, e, part(s))}
	case plan.UpdateAlias:
		return []string{"Updating " + moved(s.Alias.Name, e, "")}
	case plan.TagResource:
		return []string{fmt.Sprintf("Tagging function %s: %d tags", e.Function, len(s.Tags))}
	case plan.UntagResource:
		return []string{fmt.Sprintf("Removing %d tags of function %s", len(s.Keys), e.Function)}
	case plan.PutSetting:
		return []string{fmt.Sprintf("Setting %s of function %s: %s", s.Setting.SettingKey, e.Function, s.Describe())}
	case plan.DeleteSetting:
		return []string{fmt.Sprintf("Removing %s of function %s", s.Key, e.Function)}
	case plan.CreateDeployment:
		return []string{fmt.Sprintf("Handing Alias %s of function %s to CodeDeploy %s: from version %s to %s", s.Alias, e.Function, s.Group, s.From, e.Version)}
	case plan.UpdateCode, plan.PutCodeSigning, plan.DeleteCodeSigning, plan.DeleteAlias, plan.DeleteFunction, plan.DeleteVersion, plan.StopDeployment:
	}
	return nil
}

// moved says where an alias goes.
func moved(alias string, e event.StepBegan, part string) string {
	return fmt.Sprintf("Alias %s for function %s with version %s%s.", alias, e.Function, e.Version, part)
}

func part(m plan.MoveAlias) string {
	if !m.Partial() {
		return ""
	}
	return " for " + traffic.Percent(m.Percent) + " of its traffic"
}

// stepEnded says what a step of a deployment did. A failure has its words where
// the deployment ends, and a rollback where it is complete.
func (l *Log) stepEnded(e event.StepEnded) {
	s, is := e.Step.(plan.Step)
	if !is || e.Back || e.Err != nil {
		return
	}
	switch s := s.(type) {
	case plan.PublishRestorePoint:
		l.Line("Published restore point: [%s]", e.Published)
	case plan.PublishVersion:
		if e.Existed {
			l.Line("Nothing changed since version [%s] was published", e.Published)
			return
		}
		l.Line("Published new version: [%s]", e.Published)
		l.Line("Published function ARN: [%s]", e.Arn)
	case plan.LeaveLatest:
		l.Line("Updated %s", moved(s.Name, e.StepBegan, ""))
	case plan.CreateFunction:
		l.Line("Created Function Code Sha256: [%s]", e.CodeSha256)
		l.Line("Created Function ARN: [%s]", e.Arn)
	case plan.UpdateCode:
		l.Line("Updated Function Code Sha256: [%s]", e.CodeSha256)
		l.Line("Updated Function ARN: [%s]", e.Arn)
	case plan.UpdateConfiguration:
		l.Line("Updated Function Configuration: [%s]", e.Function)
	case plan.CreateAlias:
		l.Line("Created %s", moved(s.Name, e.StepBegan, ""))
	case plan.MoveAlias:
		l.Line("Updated %s", moved(s.Name, e.StepBegan, part(s)))
	case plan.UpdateAlias:
		l.Line("Updated %s", moved(s.Alias.Name, e.StepBegan, ""))
	case plan.PutSetting:
		if e.URL != "" {
			l.Line("Function URL: [%s]", e.URL)
		}
	case plan.PublishLatest:
		l.Line("Published to $LATEST.PUBLISHED of %s", e.Function)
	case plan.TagResource, plan.UntagResource, plan.PutCodeSigning, plan.DeleteCodeSigning, plan.DeleteSetting:
	case plan.DeleteAlias, plan.DeleteFunction, plan.DeleteVersion, plan.CreateDeployment, plan.StopDeployment:
	}
}

// back is the line with which a step of a rollback begins.
func back(function string, s plan.Step) string {
	switch s := s.(type) {
	case plan.UpdateAlias:
		if s.Fence {
			return fmt.Sprintf("Alias %s points to %s; writing it once more so that no late call can move it", s.Alias.Name, plan.DescribeRouting(s.Alias))
		}
		return fmt.Sprintf("Updating Alias %s for function %s with version %s.", s.Alias.Name, function, plan.DescribeRouting(s.Alias))
	case plan.DeleteAlias:
		return fmt.Sprintf("Deleting Alias %s of function %s, which this run created", s.Name, function)
	case plan.UpdateCode:
		return fmt.Sprintf("Updating Function Code of %s back to Sha256: [%s]", function, s.Code.Sha256)
	case plan.UpdateConfiguration:
		if s.Fence {
			return fmt.Sprintf("Function %s is as it was; writing it once more so that no late call can change it", function)
		}
		return fmt.Sprintf("Updating Function Configuration of %s back", function)
	case plan.DeleteFunction:
		return fmt.Sprintf("Deleting function %s, which this run created", function)
	case plan.PublishLatest:
		return fmt.Sprintf("Publishing %s to $LATEST.PUBLISHED as it was", function)
	case plan.DeleteVersion:
		if s.Version == plan.LatestPublished {
			return fmt.Sprintf("Deleting $LATEST.PUBLISHED of %s, which this run published", function)
		}
		return fmt.Sprintf("Deleting version %s of %s, which failed", s.Version, function)
	case plan.TagResource, plan.UntagResource:
		return "Restoring the tags of " + function
	case plan.PutCodeSigning, plan.DeleteCodeSigning:
		return "Restoring the code signing configuration of " + function
	case plan.PutSetting:
		return fmt.Sprintf("Restoring %s of function %s: %s", s.Setting.SettingKey, function, s.Describe())
	case plan.DeleteSetting:
		return fmt.Sprintf("Removing %s of function %s, which this run set", s.Key, function)
	case plan.StopDeployment:
		return fmt.Sprintf("Stopping CodeDeploy deployment %s, which moves Alias %s of function %s", s.ID, s.Alias, function)
	case plan.CreateFunction, plan.PublishRestorePoint, plan.PublishVersion, plan.CreateAlias, plan.MoveAlias, plan.LeaveLatest, plan.CreateDeployment:
	}
	return s.Operation()
}
