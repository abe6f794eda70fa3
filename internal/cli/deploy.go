package cli

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"path/filepath"
	"strings"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/artifact"
	"github.com/lambda-rollout/lambda-rollout/internal/deploy"
	"github.com/lambda-rollout/lambda-rollout/internal/host"
	"github.com/lambda-rollout/lambda-rollout/internal/journal"
	"github.com/lambda-rollout/lambda-rollout/internal/report"
	"github.com/lambda-rollout/lambda-rollout/internal/service"
	"github.com/lambda-rollout/lambda-rollout/internal/traffic"
)

func (a *app) deploy(ctx context.Context) error {
	set, err := a.load()
	if err != nil {
		return err
	}
	if err := a.noOpenJournal(); err != nil {
		return &deploy.InputError{Err: err}
	}
	w, err := a.connect(ctx, a.nearJournal(near(set)))
	if err != nil {
		return err
	}
	results, err := a.deployTo(ctx, w, set)
	return a.deployed(results, err)
}

func (a *app) deployTo(ctx context.Context, w *world, set *service.Set) (results []deploy.Result, _ error) {
	return results, a.withTargets(ctx, w, set, func(b *builder, targets []deploy.Target) error {
		opts, err := a.options(w, b.runID)
		if err != nil {
			return &deploy.InputError{Err: err}
		}
		opts.Preflight = func(ctx context.Context, results []deploy.Result) error { return b.preflight(ctx, set, results) }
		results, err = deploy.Deploy(ctx, targets, opts)
		return err
	})
}

// withTargets resolves every artifact and calls do with what is ready to be
// observed. What was zipped or fetched is gone afterwards.
func (a *app) withTargets(ctx context.Context, w *world, set *service.Set, do func(*builder, []deploy.Target) error) error {
	temp, clean, err := artifact.NewTemp(a.host.TempDir(), a.host.Workspace())
	if err != nil {
		return &deploy.InputError{Err: err}
	}
	defer func() {
		if err := clean(); err != nil {
			a.log().Warn("remove the temporary folder: %v", err)
		}
	}()
	b := &builder{app: a, world: w, temp: temp, runID: a.runID()}
	targets, err := b.targets(ctx, set)
	if err != nil {
		return &deploy.InputError{Err: err}
	}
	if err := b.checkAllCode(ctx, set); err != nil {
		return err
	}
	return do(b, targets)
}

// runID names a run in tags, markers and journals: the host's own name for it,
// and a few random letters, since a re-run must not be taken for the first.
func (a *app) runID() string {
	var random [4]byte
	_, _ = rand.Read(random[:])
	return a.host.Run().Key() + "-" + hex.EncodeToString(random[:])
}

// newSalt goes into the digests of a journal.
func newSalt() []byte {
	salt := make([]byte, 16)
	_, _ = rand.Read(salt)
	return salt
}

func (a *app) options(w *world, runID string) (deploy.Options, error) {
	opts, err := a.changing(w, runID)
	opts.Header.FirstDeploy, opts.Header.StagingBucket = a.in.String("first-deploy"), a.in.String("staging-bucket")
	opts.AllowPartial = a.in.Bool("allow-partial-rollback")
	return opts, err
}

// changing are what a deployment and a shift share: a later step may roll them
// back.
func (a *app) changing(w *world, runID string) (deploy.Options, error) {
	a.warnOfExpiry(a.in.Course("traffic").Total())
	opts, err := a.journalled(w, runID)
	opts.Begun = func(name string) error { return a.host.SaveState("journal", name) }
	opts.Timeout = a.in.Duration("timeout")
	opts.PostFollows = a.host.PostFollows()
	return opts, err
}

// journalled are what all share that begin a journal.
func (a *app) journalled(w *world, runID string) (deploy.Options, error) {
	r := a.host.Run()
	opts := deploy.Options{
		Header: journal.Header{
			Run: runID, Started: a.Now().UTC(), Tool: versionNumber(), Repository: r.Repository,
			Commit: r.Commit, RunURL: r.URL, Salt: newSalt(),
			Endpoints: a.serviceEndpoints(),
		},
		Log: a.log(), Timing: a.Timing, Now: a.Now,
		RollbackTimeout: a.in.Duration("rollback-timeout"), MaxParallel: a.in.Int("max-parallel"),
	}
	return opts, a.keepIn(w, &opts)
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
	log := report.NewLog(a.host.Log(), a.Now, a.annotateWarning())
	if k := a.host.Kind(); k == host.GitHub || k == host.Act {
		log.Fold(a.section)
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

func (a *app) absolute(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(a.host.Workspace(), path)
}

// longCourse is how long a course of traffic may take before credentials that
// nobody renews are worth a warning. A session lasts an hour unless it is asked
// for longer
// (https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html).
const longCourse = 30 * time.Minute

// warnOfExpiry tells of credentials that may expire between the stages of a
// course: neither the next stage nor the rollback would be allowed then. Those
// of role-to-assume are renewed.
func (a *app) warnOfExpiry(course time.Duration) {
	token, _ := a.lookupEnv("AWS_SESSION_TOKEN")
	renewed := a.in.Given("role-to-assume") || a.in.Bool("local")
	if course >= longCourse && !renewed && (token != "" || a.in.Given("aws-session-token")) {
		a.log().Warn("the stages of the traffic take %s, and a session's credentials may expire before they and a rollback are done: with role-to-assume they are renewed", traffic.Short(course))
	}
}
