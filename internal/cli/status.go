package cli

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/deploy"
	"github.com/lambda-rollout/lambda-rollout/internal/history"
	"github.com/lambda-rollout/lambda-rollout/internal/plan"
	"github.com/lambda-rollout/lambda-rollout/internal/report"
	"github.com/lambda-rollout/lambda-rollout/internal/traffic"
)

// status shows functions as they are now, once or until it is interrupted.
func (a *app) status(ctx context.Context) error {
	if a.in.Bool("watch") {
		return a.watchStatus(ctx)
	}
	found, err := a.lookAt(ctx)
	if err != nil {
		return err
	}
	if a.json() {
		err = a.printJSON(found)
	} else {
		err = a.printFitted(a.host.Redact(report.StatusText(found)))
	}
	if err == nil && a.in.Bool("exit-code") && slices.ContainsFunc(found, func(s report.Status) bool { return s.Differs }) {
		return errChanges
	}
	return err
}

// lookAt reads the functions that are named, or those of the files.
func (a *app) lookAt(ctx context.Context) ([]report.Status, error) {
	names := a.functions()
	if len(names) == 0 {
		return a.lookAtFiles(ctx)
	}
	first, _ := definition.ParseFunctionName(names[0]) // a pattern is no name
	c, err := a.connect(ctx, first.Region)
	if err != nil {
		return nil, err
	}
	found, err := deploy.LookAt(ctx, c, names, a.knownRuns(ctx), a.in.Int("max-parallel"))
	return a.statuses(found), err
}

// functions are the names and patterns of the input function.
func (a *app) functions() []string {
	return strings.FieldsFunc(a.in.String("function"), func(r rune) bool { return r == ',' || r == ' ' || r == '\n' })
}

func (a *app) lookAtFiles(ctx context.Context) ([]report.Status, error) {
	set, err := a.load(ctx)
	if err != nil {
		return nil, err
	}
	c, err := a.connect(ctx, deploy.STSRegionHint(set.Set))
	if err != nil {
		return nil, err
	}
	var found []*deploy.Status
	err = a.withTemp(func(folders deploy.Folders) error {
		targets, err := deploy.Resolve(ctx, c, set.Set, deploy.Options{
			Marker: plan.Marker{Run: a.runID()}, Traffic: traffic.AllAtOnce(), Environment: a.in.String("environment-variables"),
			StagingBucket: a.in.String("staging-bucket"), Watch: deploy.Watch{Guard: deploy.Guard{Off: true}},
			Folders: folders, MaxParallel: a.in.Int("max-parallel"),
		})
		if err != nil {
			return err
		}
		planned, err := deploy.Plan(ctx, targets, a.quiet())
		if err != nil {
			return err
		}
		found, err = deploy.LookAtPlanned(ctx, planned, a.knownRuns(ctx), a.in.Int("max-parallel"))
		return err
	})
	return a.statuses(found), err
}

func (a *app) statuses(found []*deploy.Status) []report.Status {
	all := []report.Status{}
	for _, s := range found {
		all = append(all, a.statusOf(s))
	}
	return all
}

// statusOf is a function for the user.
func (a *app) statusOf(s *deploy.Status) report.Status {
	out := report.Status{
		Function: s.Function, Region: s.Region, Exists: s.Latest != nil, Differs: s.Differs(),
		Aliases: []report.StatusAlias{}, Waiting: []report.StatusVersion{}, OpenRuns: append([]string{}, s.OpenRuns...),
	}
	if s.Latest != nil {
		out.State, out.StateReason, out.LastUpdateStatus = s.Latest.State.Value, s.Latest.State.Reason, s.Latest.Update.Value
	}
	for _, alias := range s.Aliases {
		shown := report.StatusAlias{Alias: alias.Name, Rollback: report.StatusRollback{Version: alias.Rollback, Done: alias.Done, Note: alias.Why}}
		for _, r := range alias.Routes {
			shown.Routing = append(shown.Routing, report.StatusRoute{StatusVersion: publishedBy(r.Version), Percent: r.Percent, State: r.State.Value})
		}
		out.Aliases = append(out.Aliases, shown)
	}
	for _, v := range s.Waiting {
		out.Waiting = append(out.Waiting, publishedBy(v))
	}
	if s.Newest != nil {
		out.Latest = &report.StatusLatest{Version: s.Newest.Number, Changes: []report.Line{}}
		for _, c := range s.Unpublished {
			line := a.line(c)
			if c.Field == "Code" {
				line.From, line.To = report.ShortHash(line.From), report.ShortHash(line.To)
			}
			out.Latest.Changes = append(out.Latest.Changes, line)
		}
	}
	if s.Planned != nil {
		diff := a.diff(*s.Planned)
		out.Plan, out.Settings = &diff, a.settingsOf(*s.Planned)
	}
	return out
}

func publishedBy(v history.Version) report.StatusVersion {
	return report.StatusVersion{
		Version: v.Number, Published: known(v.Published), Repository: v.Repository, Commit: v.Commit, Run: v.Run, RunURL: v.URL,
	}
}

// settingsOf are the settings that the files name, as they are. Provisioned
// concurrency on versions is shown of each version that an alias points to.
func (a *app) settingsOf(p deploy.Planned) []report.StatusSetting {
	var all []report.StatusSetting
	show := func(key definition.SettingKey, differs bool) {
		all = append(all, report.StatusSetting{
			Setting: key.String(), Value: a.host.Redact(definition.DescribeSetting(p.Before.Settings[key])), Differs: differs,
		})
	}
	onVersions := p.Want.Settings.OnVersions()
	for _, s := range p.Want.Settings.Wanted(p.Want.Aliases) {
		now := p.Before.Settings[s.SettingKey]
		if _, is := onVersions[s.Qualifier]; !is || s.Kind != definition.ProvisionedConcurrencySetting || now != nil {
			show(s.SettingKey, !definition.SameSetting(now, s.Value))
		}
	}
	if len(onVersions) == 0 {
		return all
	}
	for _, version := range plan.ServedVersions(p.Want, p.Before) {
		key := definition.SettingKey{Kind: definition.ProvisionedConcurrencySetting, Qualifier: version}
		show(key, p.Plan.ChangesSetting(key))
	}
	return all
}

// watchEvery is the time between two looks of --watch; with many functions it is
// longer, so that the looks stay far below the account's quota of calls.
const (
	watchEvery       = 2 * time.Second
	watchPerFunction = 100 * time.Millisecond
)

// watchStatus shows the functions again whenever something has changed, until it is
// interrupted, which is no error. A look that fails after the first one is worth a
// warning: the next may succeed.
func (a *app) watchStatus(ctx context.Context) error {
	last, warned := "", ""
	for {
		found, err := a.lookAt(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil && last == "":
			return err
		case err != nil && err.Error() != warned:
			warned = err.Error()
			a.log().Warn("%v", err)
		case err == nil:
			warned = ""
			if last, err = a.showWatched(found, last); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(max(watchEvery, time.Duration(len(found))*watchPerFunction)):
		}
	}
}

// Escape sequences of ECMA-48: the cursor to the upper left corner, and nothing but
// blanks behind it.
const redraw = "\x1b[H\x1b[J"

// showWatched prints what was found. On a terminal it takes the place of what was
// there; elsewhere, and as JSON Lines, it is printed only where something changed.
func (a *app) showWatched(found []report.Status, last string) (string, error) {
	line, err := json.Marshal(found)
	if err != nil {
		return last, err
	}
	text := a.host.Redact(report.StatusText(found))
	at := a.Now().UTC().Format(time.DateTime)
	switch {
	case a.json() && string(line) == last:
	case a.json():
		err = a.print(string(line) + "\n")
	case a.Redraws:
		err = a.printFitted(redraw + at + " UTC, Ctrl-C ends\n\n" + text)
	case string(line) != last:
		err = a.print(at + " UTC\n" + text + "\n")
	}
	return string(line), err
}
