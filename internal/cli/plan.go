package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"

	"github.com/lambda-rollout/lambda-rollout/internal/artifact"
	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/deploy"
	"github.com/lambda-rollout/lambda-rollout/internal/host"
	"github.com/lambda-rollout/lambda-rollout/internal/plan"
	"github.com/lambda-rollout/lambda-rollout/internal/report"
	"github.com/lambda-rollout/lambda-rollout/internal/traffic"
)

// plan shows what deploy would do and changes nothing.
func (a *app) plan(ctx context.Context) error {
	set, err := a.load()
	if err != nil {
		return err
	}
	w, err := a.connect(ctx, near(set))
	if err != nil {
		return err
	}
	return a.withTargets(ctx, w, set, func(b *builder, targets []deploy.Target) error {
		results, err := a.prepare(ctx, targets)
		if err != nil {
			return err
		}
		var diffs []report.Diff
		for i, r := range results {
			d := a.diff(r)
			d.Files = b.files(ctx, b.code[i], r)
			diffs = append(diffs, d)
		}
		return errors.Join(a.showPlan(diffs), a.planned(results))
	})
}

// prepare observes and plans, without the log of a deployment.
func (a *app) prepare(ctx context.Context, targets []deploy.Target) ([]deploy.Result, error) {
	return deploy.Prepare(ctx, targets, deploy.Options{
		Log: report.NewLog(io.Discard, a.Now, nil), MaxParallel: a.in.Int("max-parallel"), Now: a.Now,
	})
}

// diff is one Target's plan for a person.
func (a *app) diff(r deploy.Result) report.Diff {
	d := report.Diff{
		Function: r.Target.Journal.Function, Region: r.Target.Journal.Region, Artifact: r.Target.Artifact,
		Changed: changes(r.Plan), Calls: []string{}, Changes: []report.Line{},
		Warnings: r.Plan.Warnings, NoWayBack: r.Plan.NoWayBack, Blocked: r.Plan.Blocked,
	}
	for _, s := range r.Plan.Steps {
		d.Calls = append(d.Calls, callText(s))
	}
	drift := driftOf(r)
	for _, c := range r.Plan.Changes {
		line := a.line(c)
		if c.Field == "Code" {
			codeLine(&line, r)
		}
		if was, drifted := drift[c.Field]; drifted {
			line.Drifted, line.Served = true, a.line(was).From
			if c.Field == "Code" {
				line.Served = shortHash(was.From)
			}
			d.Served = r.Before.Served.Version
			delete(drift, c.Field)
		}
		d.Changes = append(d.Changes, line)
	}
	if d.Changed && len(drift) > 0 {
		d.Served = r.Before.Served.Version
		for _, c := range driftList(r) {
			if _, left := drift[c.Field]; left {
				d.Drift = append(d.Drift, a.line(c))
			}
		}
	}
	return d
}

// changes says whether a deployment changes anything. A publication alone
// gives back the version that stands unless $LATEST moved since, which only
// the call itself tells.
func changes(p plan.Plan) bool {
	return len(p.Changes) > 0 || !p.Empty() && !p.OnlyPublishes()
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
	case plan.DeleteAlias:
		return s.Operation() + " " + s.Name
	case plan.PublishRestorePoint:
		return s.Operation() + " (restore point)"
	case plan.CreateFunction, plan.UpdateConfiguration, plan.UpdateCode, plan.PublishVersion, plan.TagResource, plan.UntagResource,
		plan.PutCodeSigning, plan.DeleteCodeSigning, plan.DeleteFunction, plan.DeleteVersion:
	}
	return s.Operation()
}

func (a *app) line(c definition.Change) report.Line {
	op := map[definition.Kind]string{definition.Set: "+", definition.Changed: "~", definition.Removed: "-"}[c.Kind]
	return report.Line{Op: op, Field: c.Field, From: a.host.Redact(c.From), To: a.host.Redact(c.To)}
}

// codeLine shortens the hashes, which nobody reads to the end, and adds sizes
// where both are known.
func codeLine(l *report.Line, r deploy.Result) {
	l.From, l.To = shortHash(l.From), shortHash(l.To)
	size := r.Target.Wanted.Code.Size
	switch before := r.Before.Latest; {
	case size == 0:
	case before == nil || before.CodeSize == 0:
		l.Note = report.Size(size)
	default:
		l.Note = report.Size(before.CodeSize) + " → " + report.Size(size)
	}
}

func shortHash(sum string) string {
	const enough = 12
	if len(sum) <= enough {
		return sum
	}
	return sum[:enough] + "…"
}

// driftList is what was changed in $LATEST since the version that the alias
// serves was published: From what that version holds, To what stands now.
// Nothing drifted where $LATEST is the version that shares the alias' traffic.
// Descriptions are left out: a version's own is this program's marker.
func driftList(r deploy.Result) []definition.Change {
	o := r.Before
	if o.Latest == nil || o.Served == nil || o.Served.Version == plan.Latest {
		return nil
	}
	for _, v := range o.OnTrial(r.Target.Wanted.Aliases) {
		if plan.SameContent(v, o.Latest) {
			return nil
		}
	}
	latest, served := definition.Canonical(o.Latest.Function), o.Served.Function
	latest.Description = nil
	d := definition.Diff(latest, served)
	list := append(d.Changes, d.Architectures...)
	if o.Latest.CodeSha256 != o.Served.CodeSha256 {
		list = append(list, definition.Change{Field: "Code", From: o.Served.CodeSha256, To: o.Latest.CodeSha256, Kind: definition.Changed})
	}
	return list
}

func driftOf(r deploy.Result) map[string]definition.Change {
	drift := map[string]definition.Change{}
	for _, c := range driftList(r) {
		drift[c.Field] = c
	}
	return drift
}

// files compares the zip that stands with the one that would be deployed; nil
// where the code stays, is new or is an image.
func (b *builder) files(ctx context.Context, code *artifact.Result, r deploy.Result) *report.Files {
	latest := r.Before.Latest
	if latest == nil || latest.CodeSha256 == r.CodeSha256 || code.Kind == artifact.ECR || latest.ResolvedImageUri != "" {
		return nil
	}
	files, err := b.compare(ctx, code, r)
	if err != nil {
		return &report.Files{Changes: []report.File{}, Note: "which files differ is not shown: " + err.Error()}
	}
	return files
}

func (b *builder) compare(ctx context.Context, code *artifact.Result, r deploy.Result) (*report.Files, error) {
	latest := r.Before.Latest
	switch {
	case latest.CodeLocation == "":
		return nil, errors.New("AWS gives no address for the code that stands")
	case latest.CodeSize > artifact.InlineLimit:
		return nil, fmt.Errorf("the code that stands has %s", report.Size(latest.CodeSize))
	}
	fetch := r.Target.Code.(*fetcher)
	path, err := artifact.Download(ctx, fetch.session.HTTPClient(), artifact.Source{URL: latest.CodeLocation, Sha256: latest.CodeSha256}, b.temp)
	if err != nil {
		return nil, err
	}
	before, closeBefore, err := artifact.OpenListing(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = closeBefore() }()
	after, closeAfter, err := code.Listing(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = closeAfter() }()
	files := &report.Files{Changes: []report.File{}}
	ops := map[string]string{"added": "+", "changed": "~", "removed": "-"}
	for _, c := range artifact.Compare(before, after) {
		files.Changes = append(files.Changes, report.File{Op: ops[c.Op], Name: c.Name, Before: c.Before, After: c.After})
	}
	if len(files.Changes) == 0 {
		files.Note = "the files are the same: the zip was packed in another way"
	}
	return files, nil
}

// showPlan prints the plan and hands it out.
func (a *app) showPlan(diffs []report.Diff) error {
	var err error
	if a.json() {
		var text []byte
		if text, err = json.MarshalIndent(diffs, "", "  "); err == nil {
			_, err = fmt.Fprintf(a.Stdout, "%s\n", text)
		}
	} else {
		_, err = io.WriteString(a.host.Log(), report.Text(diffs))
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

// comment is the output `plan`. GitHub drops an output that holds a masked
// value, and credential actions may mask the account's number.
func (a *app) comment(diffs []report.Diff) string {
	return a.host.Redact(accountNumber.ReplaceAllString(report.Comment(diffs), "${1}***:"))
}

// planned says how a plan ends: with an error where a deployment would refuse
// to start, with 2 where --exit-code asks and something would change.
func (a *app) planned(results []deploy.Result) error {
	var refused []error
	changed := false
	for _, r := range results {
		changed = changed || changes(r.Plan)
		name := r.Target.Journal.Function
		for _, b := range r.Plan.Blocked {
			refused = append(refused, fmt.Errorf("function %s: %s", name, b))
		}
		for _, n := range r.Plan.NoWayBack {
			if !a.asked("allow-partial-rollback") {
				refused = append(refused, fmt.Errorf("function %s: no way back: %s (allow-partial-rollback deploys all the same)", name, n))
			}
		}
	}
	if err := errors.Join(refused...); err != nil {
		return &deploy.InputError{Err: fmt.Errorf("it would not start: %w", err)}
	}
	if changed && a.asked("exit-code") {
		return &exitError{code: exitChanges}
	}
	return nil
}

// accountNumber is the account inside an ARN.
var accountNumber = regexp.MustCompile(`(arn:aws[a-z-]*:[a-z0-9-]+:[a-z0-9-]*:)\d{12}:`)
