package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/deploy"
	"github.com/lambda-rollout/lambda-rollout/internal/host"
	"github.com/lambda-rollout/lambda-rollout/internal/journal"
)

// s3Journal is the place of journals that the input names, where it is in S3.
func (a *app) s3Journal() bool { return strings.HasPrefix(a.in.String("journal"), "s3://") }

// nearJournal is a Region to connect in for a run that keeps a journal: none
// where it goes to S3, since post knows only the environment's to find it.
func (a *app) nearJournal(region string) string {
	if a.s3Journal() {
		return ""
	}
	return region
}

// keepIn says where a run's journal is kept, and who keeps other runs off its
// functions there.
func (a *app) keepIn(w *world, opts *deploy.Options) error {
	switch named := a.in.String("journal"); {
	case a.s3Journal():
		objects, err := bucketOf(w.base, named)
		if err != nil {
			return err
		}
		store, err := journal.NewObject(objects, strings.TrimSuffix(named, "/")+"/lambda-rollout-"+opts.Header.Run+".jsonl")
		if err != nil {
			return err
		}
		locks := journal.NewLocks(objects, named)
		opts.Store = store
		opts.Claim = func(ctx context.Context, name string, targets []journal.Target) error {
			return locks.Claim(ctx, opts.Header.Run, name, a.Now(), targets)
		}
	case named != "":
		opts.Store = a.Store(a.absolute(named))
	default:
		opts.Store = a.Store(a.host.JournalPath())
	}
	return nil
}

// openStore opens a journal by its name: a path, or an object's URL.
func (a *app) openStore(ctx context.Context, name string) (journal.Store, error) {
	if !strings.HasPrefix(name, "s3://") {
		return a.Store(a.absolute(name)), nil
	}
	w, err := a.connect(ctx, "")
	if err != nil {
		return nil, err
	}
	objects, err := bucketOf(w.base, name)
	if err != nil {
		return nil, err
	}
	return journal.NewObject(objects, name)
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
	case strings.HasSuffix(named, ".jsonl") && a.s3Journal():
		return []string{named}, nil
	case a.s3Journal():
		return a.findObjects(ctx)
	case named != "":
		if _, err := os.Stat(a.absolute(named)); err != nil && !a.host.IsPost() {
			return nil, &deploy.InputError{Err: fmt.Errorf("journal %s: %w", named, err)}
		}
		return []string{named}, nil
	}
	paths := a.host.Journals()
	if a.host.Kind() == host.Terminal && len(paths) > 1 {
		paths = paths[:1]
	}
	return paths, nil
}

// findObjects looks below a prefix: for the journal that holds the function
// that is named, else for those of this very run.
func (a *app) findObjects(ctx context.Context) ([]string, error) {
	w, err := a.connect(ctx, "")
	if err != nil {
		return nil, err
	}
	place := a.in.String("journal")
	objects, err := bucketOf(w.base, place)
	if err != nil {
		return nil, &deploy.InputError{Err: err}
	}
	if function := a.in.String("function"); function != "" {
		return a.findHolder(ctx, w, journal.NewLocks(objects, place), function)
	}
	found, err := objects.newest(ctx, place, a.host.JournalPrefix())
	if err != nil {
		return nil, err
	}
	if a.host.Kind() == host.Terminal && len(found) > 0 {
		return nil, &deploy.InputError{Err: errors.New("several runs keep their journals there: name a function, or one of these with --journal:\n  " + strings.Join(found[:min(len(found), 10)], "\n  "))}
	}
	return found, nil
}

func (a *app) findHolder(ctx context.Context, w *world, locks *journal.Locks, function string) ([]string, error) {
	name, err := definition.ParseFunctionName(function)
	if err != nil {
		return nil, &deploy.InputError{Err: err}
	}
	region, err := (&builder{app: a, world: w}).region(name.Region, "")
	if err != nil {
		return nil, &deploy.InputError{Err: err}
	}
	identity, err := w.base.Identity(ctx)
	if err != nil {
		return nil, &deploy.InputError{Err: err}
	}
	found, err := locks.Find(ctx, journal.Target{Function: name.Name, Region: region, Account: identity.Account})
	return one(found), err
}

// noOpenJournal refuses to deploy over a run that was cut off in this place:
// its changes stand, and its journal is the only way back.
func (a *app) noOpenJournal() error {
	if a.s3Journal() {
		return nil
	}
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
			return a.openJournal(path, log)
		}
	}
	return nil
}

// openJournal tells a run that is still going on from one that was cut off.
func (a *app) openJournal(path string, log *journal.Log) error {
	store := a.Store(path)
	now, cancel := context.WithCancel(context.Background())
	cancel()
	if err := store.Lock(now); err != nil {
		return fmt.Errorf("run %s is still going on, and its journal is %s: wait for its end", log.Header.Run, path)
	}
	return errors.Join(&journal.OpenError{Name: path, Run: log.Header.Run, State: log.State}, store.Close())
}
