package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/lambda-rollout/lambda-rollout/internal/deploy"
	"github.com/lambda-rollout/lambda-rollout/internal/host"
	"github.com/lambda-rollout/lambda-rollout/internal/journal"
)

// s3Journal reports whether the input journal names a place in S3.
func (a *app) s3Journal() bool { return deploy.InS3(a.in.String("journal")) }

// journalFile opens a journal on this machine.
func (a *app) journalFile(path string) journal.Store {
	return a.Store(a.host.JournalRoot(path), path)
}

// journalPlace is where the journal of a new run goes.
func (a *app) journalPlace() string {
	switch named := a.in.String("journal"); {
	case a.s3Journal():
		return named
	case named != "":
		return a.absolute(named)
	}
	return a.host.JournalPath()
}

// origin is the part of a pipeline that this process is.
func (a *app) origin() journal.Origin {
	r := a.host.Run()
	o := journal.Origin{
		Host: string(a.host.Kind()), Repository: r.Repository, Workflow: r.Pipeline, Pipeline: r.ID,
		Attempt: r.Attempt, Job: r.Job, Axis: r.Axis, Began: r.Began,
	}
	if r.AllJobs {
		o.Job = ""
	}
	if r.Scope == "" {
		o.Pipeline, o.Attempt = "", "" // a terminal's run is this one command
	}
	return o
}

// refuseOpenJournals keeps a new deployment from overtaking an interrupted one.
// In S3 every run has a name of its own, and the functions have locks.
func (a *app) refuseOpenJournals(ctx context.Context) error {
	if a.s3Journal() {
		return nil
	}
	if named := a.in.String("journal"); named != "" {
		now := a.origin()
		if a.host.Kind() == host.Act {
			now.Pipeline, now.Attempt = "", "" // it gives every run the same
		}
		if err := deploy.RefuseTakenJournal(ctx, a.journalFile(a.absolute(named)), now); err != nil {
			return err
		}
	}
	var found []journal.Store
	for _, path := range append(a.host.Journals(), a.host.JournalsOfOthers()...) {
		found = append(found, a.journalFile(path))
	}
	return deploy.RefuseOpenJournals(ctx, found, a.access(), a.origin(), a.log())
}

// storage opens a place of journals, in S3 with the run's own session.
func (a *app) storage(ctx context.Context, place string) (*deploy.Connection, *deploy.Storage, error) {
	if !deploy.InS3(place) {
		s, err := deploy.OpenStorage(ctx, nil, a.absolute(place), a.journalFile)
		return nil, s, err
	}
	c, err := a.connect(ctx, deploy.AnyRegion)
	if err != nil {
		return nil, nil, err
	}
	s, err := deploy.OpenStorage(ctx, c, place, a.journalFile)
	return c, s, err
}

// openStore opens a journal by its name: a path, or an object's URL.
func (a *app) openStore(ctx context.Context, name string) (journal.Store, error) {
	_, storage, err := a.storage(ctx, name)
	if err != nil {
		return nil, err
	}
	if !deploy.InS3(name) {
		name = a.absolute(name)
	}
	return storage.Open(name)
}

// findJournals names the journals to roll back, the newest first: what main
// left in its state, the one that is named, or what the host kept of this run.
// In a terminal, where every command is a run of its own, it is the newest one
// alone: what was deployed before stays.
func (a *app) findJournals(ctx context.Context) ([]string, error) {
	if state := a.host.State("journal"); state != "" {
		return []string{state}, nil
	}
	named := a.in.String("journal")
	switch {
	case journal.IsObjectURL(named):
		return []string{named}, nil
	case a.s3Journal():
		return a.findObjects(ctx)
	case named != "":
		if _, err := os.Stat(a.absolute(named)); err != nil && !a.host.IsPost() {
			return nil, notStarted(fmt.Errorf("journal %s: %w", named, err))
		}
		return []string{named}, nil
	}
	return a.foundHere(ctx, a.host.Journals())
}

// ownJournals names the journals to roll back, unless the user named somebody
// else's.
func (a *app) ownJournals(ctx context.Context) ([]string, error) {
	paths, err := a.findJournals(ctx)
	if err != nil || len(paths) != 1 || paths[0] != a.in.String("journal") || a.host.State("journal") != "" {
		return paths, err
	}
	store, err := a.openStore(ctx, paths[0])
	if err != nil {
		return nil, &deploy.BlockedError{Journal: paths[0], Err: err}
	}
	return paths, deploy.RefuseForeignJournal(ctx, store, a.origin())
}

// foundHere are those of the journals on this machine, newest first, that a
// rollback takes.
func (a *app) foundHere(ctx context.Context, paths []string) ([]string, error) {
	var err error
	switch {
	case a.host.Run().Scope == "":
		paths = paths[:min(len(paths), 1)]
	case a.host.Kind() == host.Act:
		// The folder is of this job's container alone.
	default:
		paths, err = a.own(ctx, paths, func(name string) (journal.Store, error) { return a.journalFile(name), nil })
	}
	for _, path := range paths {
		if odd := journal.OwnershipWarning(path); odd != "" {
			a.log().Warn("the journal %s %s", path, odd)
		}
	}
	return paths, err
}

// own are those of the journals that are of this run.
func (a *app) own(ctx context.Context, found []string, open func(string) (journal.Store, error)) ([]string, error) {
	return deploy.OwnJournals(ctx, found, open, a.origin(), a.log())
}

// findObjects looks below a prefix: for the journal that holds the function
// that is named, else for those of this very run.
func (a *app) findObjects(ctx context.Context) ([]string, error) {
	place := a.in.String("journal")
	c, storage, err := a.storage(ctx, place)
	if err != nil {
		return nil, &deploy.BlockedError{Journal: place, Err: err}
	}
	if function := a.in.String("function"); function != "" {
		found, err := storage.Holder(ctx, c, function)
		return one(found), err
	}
	found, err := storage.List(ctx, a.host.JournalPrefix())
	if err != nil {
		return nil, &deploy.BlockedError{Journal: place, Err: err}
	}
	if a.host.Run().Scope == "" && len(found) > 0 {
		return nil, notStarted(errors.New("several runs keep their journals there: name a function, or one of these with --journal:\n  " + strings.Join(found[:min(len(found), 10)], "\n  ")))
	}
	return a.own(ctx, found, storage.Open)
}
