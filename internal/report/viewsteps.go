package report

import (
	"fmt"
	"strings"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/event"
	"github.com/lambda-rollout/lambda-rollout/internal/plan"
	"github.com/lambda-rollout/lambda-rollout/internal/terminal"
	"github.com/lambda-rollout/lambda-rollout/internal/traffic"
)

// ofTarget takes an event of one target. Of many targets only what went wrong has
// a line of its own.
func (v *View) ofTarget(p layout, t event.Target, e event.Event, now time.Time) []terminal.Line {
	name := v.name(t)
	switch e := e.(type) {
	case event.ObserveBegan:
		v.begin(t, "read the function", now)
	case event.ObserveEnded:
		return v.observed(p, t, e, now)
	case event.StepBegan:
		over := v.stageOver(p, now)
		if s, is := e.Step.(plan.Step); is {
			v.begin(t, stepName(s, e.Version, e.Back), now)
		}
		return over
	case event.StepEnded:
		return v.stepEnded(p, t, e, now)
	case event.Waiting:
		v.waiting(t, e, now)
	case event.AliasUpToDate:
		return v.few(p.row(note, name, fmt.Sprintf("alias %s points to %s already", e.Alias, e.Routing), ""))
	case event.CodeFirst:
		return v.warn(p, t, codeFirst(e))
	case event.Downloading:
		v.begin(t, "download the previous code", now)
	case event.WatchingForLateCall:
		v.begin(t, "watch for a call that got no answer", now).until = now.Add(e.For)
	case event.VerifyBegan:
		v.begin(t, "verify version "+e.Version+": "+count(e.Cases, "case"), now)
	case event.CaseVerified:
		return v.few(p.row(ok, name, "verified "+e.Case+" in "+e.Usage, ""))
	case event.CaseCompared:
		return v.few(p.row(ok, name, fmt.Sprintf("%s answered as version %s did: %s, and %s before", e.Case, e.Old, e.Usage, e.OldUsage), ""))
	case event.CaseFailed:
		return caseFailed(p, name, e)
	case event.Warning:
		return v.warn(p, t, e.Message)
	case event.DeployEnded, event.TargetEnded:
		delete(v.under, t)
	case event.RollbackBegan:
		v.begin(t, "roll back", now)
	case event.RollbackSkipped, event.RollbackEnded:
		delete(v.under, t)
		return v.restored(p, name, e)
	case event.StageHeld, event.StageWatched, event.StageExtended:
		return v.stageEvent(p, e, now)
	case event.ShiftFollowed:
		return v.few(p.row(note, name, fmt.Sprintf("alias %s points to %s: CodeDeploy deployment %s is %s", e.Alias, e.Routing, e.Deployment, e.Status), Took(e.Since)))
	case event.AlarmChanged:
		return v.alarm(p, e)
	case event.DurationsCompared:
		return v.durations(p, e)
	case event.GateAsked, event.GateWaiting, event.GatePassed, event.GateRefused:
		return v.gateEvent(p, e, now)
	case event.RunBegan, event.OfTarget, event.DeployBegan, event.AliasManifests, event.DeploymentFailed, event.JournalSkipped, event.WaitBegan,
		event.AliasesBegan, event.AliasesEnded, event.SectionBegan, event.Planned, event.AliasesMoved, event.WaveBegan,
		event.RollbackLimited, event.Tick:
	}
	return nil
}

// few are lines that many targets do not have.
func (v *View) few(lines []terminal.Line) []terminal.Line {
	if v.many() {
		return nil
	}
	return lines
}

func (v *View) warn(p layout, t event.Target, message string) []terminal.Line {
	if v.many() && !v.warned.first(t, message) {
		return nil
	}
	return p.row(warning, v.name(t), message, "")
}

func (v *View) observed(p layout, t event.Target, e event.ObserveEnded, now time.Time) []terminal.Line {
	took := Took(now.Sub(v.since(t, now)))
	delete(v.under, t)
	if v.many() {
		return nil
	}
	found := "found version " + e.Version
	if !e.Exists {
		found = "new function: a rollback deletes it"
	}
	return p.row(ok, v.name(t), found, took)
}

// since is when what is under way with a target began.
func (v *View) since(t event.Target, now time.Time) time.Time {
	if a := v.under[t]; a != nil {
		return a.since
	}
	return now
}

func (v *View) stepEnded(p layout, t event.Target, e event.StepEnded, now time.Time) []terminal.Line {
	took := Took(now.Sub(v.since(t, now)))
	delete(v.under, t)
	s, is := e.Step.(plan.Step)
	if !is {
		return nil
	}
	name, text := v.name(t), stepName(s, e.Version, e.Back)
	if e.Err != nil {
		return p.row(wrong, name, text, took)
	}
	if e.Published != "" {
		text += " version " + e.Published
		if e.Existed {
			text = "nothing changed since version " + e.Published + " was published"
		}
	}
	lines := p.row(ok, name, text, took)
	if e.URL != "" {
		lines = append(lines, p.below(e.URL)...)
	}
	return v.few(lines)
}

// waiting notes what AWS says of what it is asked to do.
func (v *View) waiting(t event.Target, e event.Waiting, now time.Time) {
	a := v.under[t]
	if a == nil {
		a = v.begin(t, "wait for AWS", now)
	}
	if a.status = e.Status; e.Reason != "" {
		a.status += ": " + e.Reason
	}
}

func caseFailed(p layout, name string, e event.CaseFailed) []terminal.Line {
	lines := p.row(wrong, name, fmt.Sprintf("%s: version %s did not answer as expected", e.Case, e.Version), "")
	lines = append(lines, p.block(strings.Join(e.Problems, "\n"))...)
	if e.Log == "" {
		return lines
	}
	lines = append(lines, p.below("the end of its log:")...)
	return append(lines, p.block(e.Log)...)
}

// restored is the line of a target whose rollback is over.
func (v *View) restored(p layout, name string, e event.Event) []terminal.Line {
	if skipped, is := e.(event.RollbackSkipped); is {
		if skipped.Kept {
			return v.few(p.row(note, name, "the function is new; first-deploy: keep leaves it as it is", ""))
		}
		return v.few(p.row(note, name, "nothing was changed", ""))
	}
	ended, _ := e.(event.RollbackEnded)
	var lines []terminal.Line
	for _, left := range ended.Left {
		lines = append(lines, p.row(wrong, name, left, "")...)
	}
	if len(ended.Left) > 0 {
		return lines
	}
	return v.few(p.row(undone, name, "as it was before", ""))
}

// stepName says what a step does, in a few words.
func stepName(s plan.Step, version string, back bool) string {
	switch s := s.(type) {
	case plan.CreateFunction:
		return "create the function"
	case plan.UpdateConfiguration:
		return verb(back, s.Fence) + " the configuration"
	case plan.UpdateCode:
		return verb(back, false) + " the code"
	case plan.PublishRestorePoint:
		return "publish a restore point"
	case plan.PublishVersion:
		return "publish"
	case plan.PublishLatest:
		return "publish to " + plan.LatestPublished
	case plan.CreateAlias:
		return "create alias " + s.Name + " → " + version
	case plan.MoveAlias:
		if s.Partial() {
			return "alias " + s.Name + ": " + traffic.Percent(s.Percent) + " → " + version
		}
		return "alias " + s.Name + " → " + version
	case plan.LeaveLatest:
		return "alias " + s.Name + " → restore point " + version
	case plan.UpdateAlias:
		return "alias " + s.Alias.Name + " → " + plan.DescribeRouting(s.Alias)
	case plan.TagResource:
		return verb(back, false) + " " + count(len(s.Tags), "tag")
	case plan.UntagResource:
		return "remove " + count(len(s.Keys), "tag")
	case plan.PutCodeSigning:
		return verb(back, false) + " the code signing configuration"
	case plan.DeleteCodeSigning:
		return "remove the code signing configuration"
	case plan.PutSetting:
		return verb(back, false) + " " + fmt.Sprint(s.Setting.SettingKey)
	case plan.DeleteSetting:
		return "remove " + fmt.Sprint(s.Key)
	case plan.DeleteAlias:
		return "delete alias " + s.Name
	case plan.DeleteFunction:
		return "delete the function"
	case plan.DeleteVersion:
		if s.Version == plan.LatestPublished {
			return "delete " + s.Version
		}
		return "delete version " + s.Version + ", which failed"
	case plan.CreateDeployment:
		return "hand alias " + s.Alias + " to CodeDeploy " + s.Group.String() + " → " + version
	case plan.StopDeployment:
		return "stop CodeDeploy deployment " + s.ID + " of alias " + s.Alias
	}
	return s.Operation()
}

// verb is what is done with something that exists.
func verb(back, fence bool) string {
	switch {
	case fence:
		return "write once more, against late calls,"
	case back:
		return "restore"
	}
	return "update"
}
