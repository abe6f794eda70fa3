package app

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/lambda-rollout/lambda-rollout/internal/artifact"
	"github.com/lambda-rollout/lambda-rollout/internal/host"
	"github.com/lambda-rollout/lambda-rollout/internal/journal"
	"github.com/lambda-rollout/lambda-rollout/internal/report"
	"github.com/lambda-rollout/lambda-rollout/internal/run"
	"github.com/lambda-rollout/lambda-rollout/internal/service"
)

func (a *app) deploy(ctx context.Context) error {
	set, err := a.load()
	if err != nil {
		return err
	}
	if err := a.noOpenJournal(); err != nil {
		return &run.InputError{Err: err}
	}
	w, err := a.connect(ctx)
	if err != nil {
		return err
	}
	results, err := a.deployTo(ctx, w, set)
	return a.deployed(results, err)
}

func (a *app) deployTo(ctx context.Context, w *world, set *service.Set) (results []run.Result, _ error) {
	return results, a.withTargets(ctx, w, set, func(b *builder, targets []run.Target) error {
		opts, err := a.options(b.runID)
		if err != nil {
			return &run.InputError{Err: err}
		}
		results, err = run.Deploy(ctx, targets, opts)
		return err
	})
}

// withTargets resolves every artifact and calls do with what is ready to be
// observed. What was zipped or fetched is gone afterwards.
func (a *app) withTargets(ctx context.Context, w *world, set *service.Set, do func(*builder, []run.Target) error) error {
	temp, clean, err := artifact.NewTemp(a.host.TempDir(), a.host.Workspace())
	if err != nil {
		return &run.InputError{Err: err}
	}
	defer func() {
		if err := clean(); err != nil {
			a.log().Warn("remove the temporary folder: %v", err)
		}
	}()
	b := &builder{app: a, world: w, temp: temp, runID: a.runID()}
	targets, err := b.targets(ctx, set)
	if err != nil {
		return &run.InputError{Err: err}
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

func (a *app) options(runID string) (run.Options, error) {
	opts, err := a.rollbackOptions(runID)
	opts.Begun = func(name string) error { return a.host.SaveState("journal", name) }
	opts.Timeout = a.in.Duration("timeout")
	opts.AllowPartial = a.in.Bool("allow-partial-rollback")
	opts.PostFollows = a.host.PostFollows()
	return opts, err
}

// rollbackOptions are what a deployment and a rollback by hand share: both
// begin a journal.
func (a *app) rollbackOptions(runID string) (run.Options, error) {
	r := a.host.Run()
	store, err := a.newStore()
	if err != nil {
		return run.Options{}, err
	}
	return run.Options{
		Header: journal.Header{
			Run: runID, Started: a.Now().UTC(), Tool: versionNumber(), Repository: r.Repository,
			Commit: r.Commit, RunURL: r.URL, Salt: newSalt(),
			FirstDeploy: a.in.String("first-deploy"), StagingBucket: a.in.String("staging-bucket"),
		},
		Store: store, Log: a.log(), Timing: a.Timing, Now: a.Now,
		RollbackTimeout: a.in.Duration("rollback-timeout"), MaxParallel: a.in.Int("max-parallel"),
	}, nil
}

func (a *app) log() *report.Log {
	return report.NewLog(a.host.Log(), a.Now, a.annotateWarning())
}

// annotateWarning shows warnings where the host has a place for them; nil where
// the log alone has it.
func (a *app) annotateWarning() func(string) {
	if k := a.host.Kind(); k != host.GitHub && k != host.Act {
		return nil
	}
	return func(message string) {
		a.host.Annotate(host.Annotation{Warning: true, Title: "lambda-rollout", Message: message})
	}
}

// newStore is where this run's journal will be.
func (a *app) newStore() (journal.Store, error) {
	switch named := a.in.String("journal"); {
	case strings.HasPrefix(named, "s3://"):
		return nil, fmt.Errorf("journal %s: only files are supported", named)
	case named != "":
		return a.Store(a.absolute(named)), nil
	}
	return a.Store(a.host.JournalPath()), nil
}

func (a *app) absolute(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(a.host.Workspace(), path)
}

// noOpenJournal refuses to deploy over a run that was cut off in this place:
// its changes stand, and its journal is the only way back.
func (a *app) noOpenJournal() error {
	for _, path := range a.host.Journals() {
		content, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		log, err := journal.Parse(content)
		if err != nil {
			return fmt.Errorf("journal %s: %w (remove it when nothing of that run has to be put back)", path, err)
		}
		if log.State == journal.Open && log.Changed() {
			return &journal.OpenError{Name: path, Run: log.Header.Run, State: log.State}
		}
	}
	return nil
}
