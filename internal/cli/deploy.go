package cli

import (
	"context"
	"path/filepath"
	"strings"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/deploy"
	"github.com/lambda-rollout/lambda-rollout/internal/event"
	"github.com/lambda-rollout/lambda-rollout/internal/host"
	"github.com/lambda-rollout/lambda-rollout/internal/journal"
	"github.com/lambda-rollout/lambda-rollout/internal/plan"
	"github.com/lambda-rollout/lambda-rollout/internal/report"
	"github.com/lambda-rollout/lambda-rollout/internal/traffic"
)

// deploy takes functions from files to a live version.
func (a *app) deploy(ctx context.Context) error {
	set, err := a.load(ctx)
	if err != nil {
		return err
	}
	if err := a.refuseOpenJournals(ctx); err != nil {
		return err
	}
	c, err := a.connect(ctx, deploy.STSRegionHint(set.Set))
	if err != nil {
		return err
	}
	var results []deploy.Result
	err = a.withTemp(func(folders deploy.Folders) error {
		run := a.runID()
		a.startView() // from here on it takes a while
		targets, err := a.resolve(ctx, c, set, run, folders)
		if err != nil {
			return err
		}
		execution, err := a.execution(ctx, c, a.header("deploy", run), folders)
		if err != nil {
			return err
		}
		execution.Record.Header.FirstDeploy, execution.Record.Header.StagingBucket = a.in.String("first-deploy"), a.in.String("staging-bucket")
		results, err = a.change(ctx, targets, execution)
		return err
	})
	err = a.deployed(results, err)
	if err == nil {
		a.keepVersions(ctx, results)
	}
	return err
}

// resolve finds sessions and code and prints what is to be said of them.
func (a *app) resolve(ctx context.Context, c *deploy.Connection, set *loaded, run string, folders deploy.Folders) ([]deploy.Target, error) {
	a.limitMemory(len(set.Targets))
	targets, err := deploy.Resolve(ctx, c, set.Set, deploy.Options{
		Marker: a.marker(run), Traffic: a.in.Course("traffic"), Environment: a.in.String("environment-variables"),
		StagingBucket: a.in.String("staging-bucket"), Verify: set.cases, Watch: a.watch(c), Folders: folders, MaxParallel: a.in.Int("max-parallel"),
		Waves: a.in.List("waves"), HandOver: a.handOver(),
	})
	for _, t := range targets {
		a.warnings(t.Warnings)
	}
	return targets, err
}

// change observes, plans, checks and carries out: what a deployment and a shift
// of traffic share.
func (a *app) change(ctx context.Context, targets []deploy.Target, execution deploy.Execution) ([]deploy.Result, error) {
	ctx, cancel := deploy.WithTimeout(ctx, targets, a.in.Duration("timeout"))
	defer cancel()
	if end, limited := ctx.Deadline(); limited {
		a.view().limit(end)
	}
	if err := a.host.CheckOutputs(); err != nil {
		return nil, notStarted(err)
	}
	execution.Events.Emit(event.SectionBegan{Title: "Prepare rollback"})
	defer execution.Events.Emit(event.SectionBegan{})
	planned, err := deploy.Plan(ctx, targets, execution.Work)
	if err != nil {
		return nil, err
	}
	if err := deploy.CheckDeadlines(planned, a.deadlines(), a.in.Duration("rollback-timeout"), execution.Work); err != nil {
		return nil, err
	}
	if err := deploy.Check(ctx, planned, a.terms(), execution.Work); err != nil {
		return nil, err
	}
	if execution.Watching, err = deploy.NewWatching(ctx, planned, execution.Work); err != nil {
		return nil, err
	}
	return deploy.Deploy(ctx, planned, execution)
}

// handOver says whether CodeDeploy shifts the traffic; nil where it does not.
func (a *app) handOver() *deploy.HandOver {
	g := a.in.Group("traffic")
	if g == nil {
		return nil
	}
	return &deploy.HandOver{Group: *g, Wait: a.in.Bool("traffic-wait") || !a.in.Given("traffic-wait")}
}

func (a *app) terms() deploy.Terms {
	return deploy.Terms{AllowPartial: a.flag("allow-partial-rollback"), KeepNew: a.keepsNew()}
}

// keepsNew reports whether a rollback does not delete a new function.
func (a *app) keepsNew() bool {
	return a.in.Has("first-deploy") && a.in.String("first-deploy") == "keep"
}

// runID is a new name for this run.
func (a *app) runID() string {
	a.runName = deploy.RunID(a.host.Run().Key())
	return a.runName
}

// marker is what the descriptions of versions say of this run.
func (a *app) marker(run string) plan.Marker {
	r := a.host.Run()
	return plan.Marker{Run: run, Repository: r.Repository, Commit: r.Commit, URL: r.URL, Text: a.in.String("version-description")}
}

// execution is how this run changes functions.
func (a *app) execution(ctx context.Context, c *deploy.Connection, header journal.Header, folders deploy.Folders) (deploy.Execution, error) {
	a.warnOfExpiry(a.in.Course("traffic").Total())
	record, err := a.record(ctx, c, header)
	return deploy.Execution{
		Work: a.work(folders.Temp), Record: record,
		RollbackTimeout: a.in.Duration("rollback-timeout"), PostFollows: a.host.PostFollows(),
	}, err
}

func (a *app) work(temp string) deploy.Work {
	return deploy.Work{Events: a.recorder, Now: a.Now, Timing: a.timing(), MaxParallel: a.in.Int("max-parallel"), Temp: temp}
}

// header says who runs, as the journal keeps it.
func (a *app) header(command, run string) journal.Header {
	r, origin := a.host.Run(), a.origin()
	salt := a.Salt
	if salt == nil {
		salt = deploy.Salt()
	}
	return journal.Header{
		Run: run, Started: a.Now().UTC(), Tool: versionNumber(), Command: command, Repository: r.Repository,
		Commit: r.Commit, RunURL: r.URL, Actor: r.Actor, Origin: &origin, Scope: r.Scope, Salt: salt, Endpoints: a.serviceEndpoints(),
	}
}

// record says where the journal goes.
func (a *app) record(ctx context.Context, c *deploy.Connection, header journal.Header) (deploy.Record, error) {
	storage, err := deploy.OpenStorage(ctx, c, a.journalPlace(), a.journalFile)
	return deploy.Record{
		Header: header, Storage: storage, Mark: a.host.FindsByName(),
		SaveState: func(name string) error {
			a.progress.began(name)
			return a.host.SaveState("journal", name)
		},
	}, err
}

// serviceEndpoints are those that the environment names for single services.
func (a *app) serviceEndpoints() map[string]string {
	const prefix = "AWS_ENDPOINT_URL_"
	if ignore, _ := a.lookupEnv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"); ignore == "true" {
		return nil
	}
	found := map[string]string{}
	for _, kv := range a.Env {
		if name, url, _ := strings.Cut(kv, "="); strings.HasPrefix(name, prefix) && url != "" {
			found[name] = url
		}
	}
	return found
}

func (a *app) log() *report.Log {
	log := report.NewLog(a.host.Log(), a.Now, a.annotateWarning()).Detailed(a.in.Bool("verbose"))
	if k := a.host.Kind(); k == host.GitHub || k == host.Act {
		log.Fold(a.section)
	}
	if screen := a.host.Screen(); screen != nil && !a.in.Bool("verbose") {
		log.Fit(func() int { columns, _ := screen.Size(); return columns })
	}
	return log
}

// section ends the part of the log that is open and begins the next.
func (a *app) section(title string) {
	if a.folded {
		a.host.EndGroup()
	}
	if a.folded = title != ""; a.folded {
		a.host.Group(title)
	}
}

// annotateWarning shows warnings where the host has a place for them; nil where
// the log alone has it.
func (a *app) annotateWarning() func(string) {
	if k := a.host.Kind(); k != host.GitHub && k != host.Act {
		return nil
	}
	return a.host.Warn
}

// relative is a path below the current folder as the user types it.
func (a *app) relative(path string) string {
	if below, err := filepath.Rel(a.Dir, path); err == nil && filepath.IsLocal(below) {
		return below
	}
	return path
}

func (a *app) absolute(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(a.host.Workspace(), path)
}

// longSchedule is how long traffic may shift before credentials that nobody
// renews are worth a warning. A session lasts an hour unless it is asked
// for longer
// (https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html).
const longSchedule = 30 * time.Minute

// warnOfExpiry tells of credentials that may expire between the stages of a
// schedule: neither the next stage nor the rollback would be allowed then. Those
// of role-to-assume are renewed.
func (a *app) warnOfExpiry(schedule time.Duration) {
	token, _ := a.lookupEnv("AWS_SESSION_TOKEN")
	renewed := a.in.Given("role-to-assume") || a.in.Bool("local")
	if schedule >= longSchedule && !renewed && (token != "" || a.in.Given("aws-session-token")) {
		a.log().Warn("the stages of the traffic take %s, and a session's credentials may expire before they and a rollback are done: with role-to-assume they are renewed", traffic.FormatDuration(schedule))
	}
}

// notStarted marks the error of what comes before the first change; nil stays
// nil.
func notStarted(err error) error {
	if err == nil {
		return nil
	}
	return &deploy.NotStartedError{Err: err}
}
