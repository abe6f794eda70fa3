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

// hintUnlessS3 is a Region to connect in for a run that keeps a journal: none
// where it goes to S3, since post knows only the environment's to find it.
func (a *app) hintUnlessS3(region string) string {
	if a.s3Journal() {
		return ""
	}
	return region
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

// openJournals are the journals that a new deployment must not overtake. In S3
// every run has a name of its own.
func (a *app) openJournals() []string {
	if a.s3Journal() {
		return nil
	}
	return a.host.Journals()
}

// storage opens a place of journals, in S3 with the run's own session.
func (a *app) storage(ctx context.Context, place string) (*deploy.Connection, *deploy.Storage, error) {
	if !deploy.InS3(place) {
		s, err := deploy.OpenStorage(nil, a.absolute(place), a.Store)
		return nil, s, err
	}
	c, err := a.connect(ctx, "")
	if err != nil {
		return nil, nil, err
	}
	s, err := deploy.OpenStorage(c, place, a.Store)
	return c, s, err
}

// openStore opens a journal by its name: a path, or an object's URL.
func (a *app) openStore(ctx context.Context, name string) (journal.Store, error) {
	_, storage, err := a.storage(ctx, name)
	if err != nil {
		return nil, err
	}
	return storage.Open()
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
			return nil, notStarted(fmt.Errorf("journal %s: %w", named, err))
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
	c, storage, err := a.storage(ctx, a.in.String("journal"))
	if err != nil {
		return nil, err
	}
	if function := a.in.String("function"); function != "" {
		found, err := storage.Holder(ctx, c, function)
		return one(found), err
	}
	found, err := storage.Newest(ctx, a.host.JournalPrefix())
	if err != nil {
		return nil, err
	}
	if a.host.Kind() == host.Terminal && len(found) > 0 {
		return nil, notStarted(errors.New("several runs keep their journals there: name a function, or one of these with --journal:\n  " + strings.Join(found[:min(len(found), 10)], "\n  ")))
	}
	return found, nil
}
