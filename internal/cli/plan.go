package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/deploy"
	"github.com/lambda-rollout/lambda-rollout/internal/event"
	"github.com/lambda-rollout/lambda-rollout/internal/host"
	"github.com/lambda-rollout/lambda-rollout/internal/lazyregexp"
	"github.com/lambda-rollout/lambda-rollout/internal/plan"
	"github.com/lambda-rollout/lambda-rollout/internal/report"
	"github.com/lambda-rollout/lambda-rollout/internal/traffic"
)

// plan shows what deploy would do and changes nothing.
func (a *app) plan(ctx context.Context) error {
	set, err := a.load(ctx)
	if err != nil {
		return err
	}
	return a.withPlanned(ctx, set, func(p plannedSet) error { return a.showPlanned(ctx, p.planned, p.temp) })
}

// show prints what a shift of targets would do.
func (a *app) show(ctx context.Context, targets []deploy.Target) error {
	planned, err := a.planTargets(ctx, targets)
	if err != nil {
		return err
	}
	return a.showPlanned(ctx, planned, "")
}

// showPlanned prints what would be done. temp takes the code that is compared.
func (a *app) showPlanned(ctx context.Context, planned []deploy.Planned, temp string) error {
	var diffs []report.Diff
	for _, p := range planned {
		d := a.diff(p)
		d.Files = files(ctx, p, temp)
		diffs = append(diffs, d)
	}
	if err := a.showPlan(diffs); err != nil {
		return err
	}
	return a.planned(planned)
}

// plannedSet is what a deployment of the files would do. temp takes code that is
// looked at.
type plannedSet struct {
	connection *deploy.Connection
	targets    []deploy.Target
	planned    []deploy.Planned
	temp       string
}

// withPlanned plans the deployment of a set, and changes nothing.
func (a *app) withPlanned(ctx context.Context, set *loaded, do func(plannedSet) error) error {
	c, err := a.connect(ctx, deploy.STSRegionHint(set.Set))
	if err != nil {
		return err
	}
	return a.withTemp(func(folders deploy.Folders) error {
		targets, err := a.resolve(ctx, c, set, a.runID(), folders)
		if err != nil {
			return err
		}
		planned, err := a.planTargets(ctx, targets)
		if err != nil {
			return err
		}
		return do(plannedSet{c, targets, planned, folders.Temp})
	})
}

// planTargets plans, and asks AWS whether a rollback could restore everything.
func (a *app) planTargets(ctx context.Context, targets []deploy.Target) ([]deploy.Planned, error) {
	planned, err := deploy.Plan(ctx, targets, a.quiet())
	if err == nil {
		deploy.AskRestorable(ctx, planned, a.quiet())
	}
	return planned, err
}

// quiet works without the log of a deployment.
func (a *app) quiet() deploy.Work {
	return deploy.Work{Events: event.Discard{}, MaxParallel: a.in.Int("max-parallel"), Now: a.Now}
}

// diff is one target's plan for the user.
func (a *app) diff(r deploy.Planned) report.Diff {
	d := report.Diff{
		Function: r.At.Function, Region: r.At.Region, Artifact: r.Pinned(),
		Changed: r.Changes(), Calls: []string{}, Changes: []report.Line{},
		Warnings: r.Plan.Warnings, Irreversible: r.Plan.Irreversible, Blockers: r.Plan.Blockers,
	}
	for _, s := range r.Plan.Steps {
		d.Calls = append(d.Calls, callText(s))
	}
	drift := map[string]definition.Change{}
	for _, c := range r.Drift() {
		drift[c.Field] = c
	}
	for _, c := range r.Plan.Changes {
		line := a.line(c)
		if c.Field == "Code" {
			codeLine(&line, r)
		}
		if was, drifted := drift[c.Field]; drifted {
			line.Drifted, line.Served = true, a.line(was).From
			if c.Field == "Code" {
				line.Served = report.ShortHash(was.From)
			}
			d.Served = r.Before.Served.Version
		}
		d.Changes = append(d.Changes, line)
	}
	for _, c := range r.GoesLive() {
		d.Served = r.Before.Served.Version
		d.Drift = append(d.Drift, a.line(c))
	}
	return d
}

func callText(s plan.Step) string {
	switch s := s.(type) {
	case plan.MoveAlias:
		if s.Partial() {
			return s.Operation() + " " + s.Name + " " + traffic.Percent(s.Percent)
		}
		return s.Operation() + " " + s.Name
	case plan.LeaveLatest:
		return s.Operation() + " " + s.Name + " (restore point)"
	case plan.CreateAlias:
		return s.Operation() + " " + s.Name
	case plan.UpdateAlias:
		return s.Operation() + " " + s.Alias.Name
	case plan.CreateDeployment:
		return s.Operation() + " " + s.Alias + " (CodeDeploy " + s.Group.String() + ")"
	case plan.StopDeployment:
		return s.Operation() + " " + s.ID + " (CodeDeploy, alias " + s.Alias + ")"
	case plan.DeleteAlias:
		return s.Operation() + " " + s.Name
	case plan.PublishRestorePoint:
		return s.Operation() + " (restore point)"
	case plan.PublishLatest:
		return s.Operation() + " " + definition.LatestPublished
	case plan.PutSetting:
		return s.Operation() + " " + s.Setting.SettingKey.String()
	case plan.DeleteSetting:
		return s.Operation() + " " + s.Key.String()
	case plan.CreateFunction, plan.UpdateConfiguration, plan.UpdateCode, plan.PublishVersion, plan.TagResource, plan.UntagResource,
		plan.PutCodeSigning, plan.DeleteCodeSigning, plan.DeleteFunction, plan.DeleteVersion:
	}
	return s.Operation()
}

// opOf is the sign in front of a line.
func opOf(k definition.Kind) string {
	return map[definition.Kind]string{definition.Set: "+", definition.Changed: "~", definition.Removed: "-"}[k]
}

func (a *app) line(c definition.Change) report.Line {
	return report.Line{Op: opOf(c.Kind), Field: c.Field, From: a.host.Redact(c.From), To: a.host.Redact(c.To)}
}

// codeLine shortens the hashes, which nobody reads to the end, and adds sizes
// where both are known.
func codeLine(l *report.Line, r deploy.Planned) {
	l.From, l.To = report.ShortHash(l.From), report.ShortHash(l.To)
	size := r.Want.Code.Size
	switch before := r.Before.Latest; {
	case size == 0:
	case before == nil || before.CodeSize == 0:
		l.Note = report.Size(size)
	default:
		l.Note = report.Size(before.CodeSize) + " → " + report.Size(size)
	}
}

// files compares the current zip with the one that would be deployed; nil where
// the code stays, is new or is an image.
func files(ctx context.Context, p deploy.Planned, temp string) *report.Files {
	if !p.ReplacesZip() {
		return nil
	}
	files := &report.Files{Changes: []report.File{}}
	changes, err := p.CompareFiles(ctx, temp)
	if err != nil {
		files.Note = "which files differ is not shown: " + err.Error()
		return files
	}
	ops := map[string]string{"added": "+", "changed": "~", "removed": "-"}
	for _, c := range changes {
		files.Changes = append(files.Changes, report.File{Op: ops[c.Op], Name: c.Name, Before: c.Before, After: c.After})
	}
	if len(files.Changes) == 0 {
		files.Note = "the files are the same: the zip was packed in another way"
	}
	return files
}

// showPlan prints the plan and hands it out.
func (a *app) showPlan(diffs []report.Diff) error {
	var err error
	if a.json() {
		err = a.printJSON(diffs)
	} else {
		a.printText(diffs)
	}
	changed := false
	for _, d := range diffs {
		changed = changed || d.Changed
	}
	if a.host.Kind() != host.Terminal {
		// A terminal has just been shown all of it.
		err = errors.Join(err, a.host.SetOutputs([]host.Output{{Name: "changed", Value: strconv.FormatBool(changed)}, {Name: "plan", Value: a.comment(diffs)}}))
	}
	return errors.Join(err, a.host.Summary(report.PlanSummary(diffs)))
}

// printText shows diffs in the log, in colour on a terminal.
func (a *app) printText(diffs []report.Diff) {
	if screen := a.host.Screen(); screen != nil && len(diffs) > 0 {
		columns, _ := screen.Size()
		screen.Print(report.TextLines(columns, diffs)...)
		return
	}
	a.log().Block(report.Text(diffs))
}

// comment is the output `plan`. GitHub drops an output that holds a masked
// value, and credential actions may mask the account's number.
func (a *app) comment(diffs []report.Diff) string {
	return a.host.Redact(accountNumber.ReplaceAllString(report.Comment(diffs), "${1}***:"))
}

// planned says how a plan ends: with an error where a deployment would refuse
// to start, with 2 where --exit-code asks and something would change.
func (a *app) planned(planned []deploy.Planned) error {
	if err := deploy.Refused(planned, a.terms()); err != nil {
		return notStarted(fmt.Errorf("it would not start: %w", err))
	}
	if a.flag("exit-code") && slices.ContainsFunc(planned, deploy.Planned.Changes) {
		return errChanges
	}
	return nil
}

// accountNumber is the account inside an ARN.
var accountNumber = lazyregexp.New(`(arn:aws[a-z-]*:[a-z0-9-]+:[a-z0-9-]*:)\d{12}:`)
