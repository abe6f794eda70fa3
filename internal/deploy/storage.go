package deploy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/event"
	"github.com/lambda-rollout/lambda-rollout/internal/journal"
)

// File opens the journal of a path on this machine.
type File func(path string) journal.Store

// InS3 reports whether a place of journals, or a journal's name, is in S3.
func InS3(place string) bool { return strings.HasPrefix(place, "s3://") }

// Storage is where runs keep their journals.
type Storage struct {
	// place is the path of a file, or a prefix or a journal in S3.
	place string
	file  File
	// objects is nil for a file.
	objects *bucket
}

// OpenStorage finds a place: the absolute path of a file, or s3://bucket/prefix,
// which the run's own session reads and writes.
func OpenStorage(ctx context.Context, c *Connection, place string, file File) (*Storage, error) {
	s := &Storage{place: place, file: file}
	if !InS3(place) {
		return s, nil
	}
	var err error
	s.objects, err = bucketOf(ctx, c, place)
	return s, notStarted(err)
}

// Create returns the store of a new journal.
func (s *Storage) Create(run string) (journal.Store, error) {
	if s.objects == nil {
		return s.file(s.place), nil
	}
	if journal.IsObjectURL(s.place) {
		return nil, fmt.Errorf("%s is the journal of one run: name the place of journals, s3://bucket/prefix", s.place)
	}
	return journal.NewObject(s.objects, journal.ObjectURL(s.place, run))
}

// Open returns the store of a journal in this place, by its path or URL.
func (s *Storage) Open(name string) (journal.Store, error) {
	if s.objects == nil {
		return s.file(name), nil
	}
	return journal.NewObject(s.objects, name)
}

// claim keeps other runs off the targets, where the place can.
func (s *Storage) claim(ctx context.Context, j *journal.Journal, now time.Time) error {
	if s.objects == nil {
		return nil
	}
	header := j.Header()
	return journal.NewLocks(s.objects, s.place).Claim(ctx, header.Run, j.Name(), now, header.Targets)
}

// List names the journals in S3 whose names begin so.
func (s *Storage) List(ctx context.Context, name string) ([]string, error) {
	runs, err := journal.Runs(ctx, s.objects, s.place, name)
	var names []string
	for _, r := range runs {
		names = append(names, r.URL)
	}
	return names, err
}

// Holder names the journal in S3 of the run that holds a function; "" where none
// does.
func (s *Storage) Holder(ctx context.Context, c *Connection, function string) (string, error) {
	name, err := definition.ParseFunctionName(function)
	if err != nil {
		return "", notStarted(err)
	}
	region, err := c.regionOf(name.Region, "")
	if err != nil {
		return "", notStarted(err)
	}
	identity, err := c.base.Identity(ctx)
	if err != nil {
		return "", notStarted(err)
	}
	return journal.NewLocks(s.objects, s.place).Find(ctx, journal.Target{Function: name.Name, Region: region, Account: identity.Account})
}

// DoubtError reports journals of which nobody knows whether they are of this run
// or of an earlier one. Nothing was rolled back.
type DoubtError struct {
	// Journals are their names, newest first, each with what is not known.
	Journals []string
}

func (e *DoubtError) Error() string {
	return "it is not certain which of these deployments belong to this run, so nothing is rolled back; to roll one back:\n  lambda-rollout rollback --journal " +
		strings.Join(e.Journals, "\n  lambda-rollout rollback --journal ")
}

// OwnJournals returns those of the journals that were found which are of this
// very run, newest first. Those of other repositories and runs are skipped, which
// the log says. Where one that has changes left may be of another run, the error
// is a *DoubtError.
func OwnJournals(ctx context.Context, found []string, open func(name string) (journal.Store, error), now journal.Origin, events event.Sink) ([]string, error) {
	type candidate struct {
		name    string
		started time.Time
	}
	var own, doubtful []*candidate
	for _, name := range found {
		store, err := open(name)
		if err != nil {
			return nil, &BlockedError{Journal: name, Err: err}
		}
		state, err := journal.Read(ctx, store)
		if err != nil {
			return nil, &BlockedError{Journal: name, Err: err}
		}
		if state.Header.Run == "" {
			continue // it ended before its first change
		}
		c := &candidate{name, state.Header.Started}
		switch relation, reason := state.Header.Relate(now); {
		case relation == journal.Own:
			own = append(own, c)
		case relation == journal.Foreign:
			events.Emit(event.JournalSkipped{Journal: name, Reason: reason})
		case !state.State.Settled() && state.Changed():
			c.name += "   # begun " + c.started.UTC().Format(time.RFC3339) + "; " + reason
			doubtful = append(doubtful, c)
		}
	}
	newest := func(all []*candidate) []string {
		slices.SortStableFunc(all, func(a, b *candidate) int { return cmp.Or(b.started.Compare(a.started), cmp.Compare(b.name, a.name)) })
		var names []string
		for _, c := range all {
			names = append(names, c.name)
		}
		return names
	}
	if len(doubtful) > 0 {
		return nil, &DoubtError{newest(doubtful)}
	}
	return newest(own), nil
}

// RefuseOpenJournals refuses to deploy over an interrupted run: its changes are
// there, and its journal is what rolls them back. A journal that names another
// repository, endpoint or account than this process works with is no reason: it
// may have come with the repository.
func RefuseOpenJournals(ctx context.Context, found []journal.Store, access Access, now journal.Origin, events event.Sink) error {
	if len(found) == 0 {
		return nil
	}
	belief, err := access.belief(ctx)
	if err != nil {
		return notStarted(err)
	}
	for _, store := range found {
		state, err := journal.Read(ctx, store)
		if err != nil {
			warn(events, "skipped a journal: %v", err)
			continue
		}
		if state.State != journal.Open || !state.Changed() {
			continue
		}
		elsewhere := state.Header.Check(belief)
		if other := otherRepository(state.Header, now); other != "" {
			elsewhere = fmt.Errorf("it is of repository %s", other)
		}
		if elsewhere != nil {
			warn(events, "skipped the open journal %s: %v", store.Name(), elsewhere)
			continue
		}
		return notStarted(openJournal(store, state))
	}
	return nil
}

// RefuseTakenJournal refuses to begin a run with the journal that the user named,
// where that file is none, or where the journal is still needed: by an interrupted
// run, another repository, or an earlier step of this very run. It does so before it
// is known whether there is anything to change.
func RefuseTakenJournal(ctx context.Context, store journal.Store, now journal.Origin) error {
	state, err := journal.Read(ctx, store)
	if err != nil {
		return notStarted(err)
	}
	if state.State.Settled() || !state.Changed() {
		return nil
	}
	relation, _ := state.Header.Relate(now)
	switch other := otherRepository(state.Header, now); {
	case other != "":
		return notStarted(fmt.Errorf("the journal %s is of repository %s, which can roll back its deployment only with it: name another file", store.Name(), other))
	case state.State == journal.Open:
		return notStarted(openJournal(store, state))
	case relation == journal.Own:
		return notStarted(fmt.Errorf("the journal %s is of an earlier step of this run, which can be rolled back only with it: name another file for each step", store.Name()))
	}
	return nil
}

// RefuseForeignJournal refuses to roll back what the user named, where it is no
// journal, or that of another repository.
func RefuseForeignJournal(ctx context.Context, store journal.Store, now journal.Origin) error {
	state, err := journal.Read(ctx, store)
	switch {
	case errors.Is(err, journal.ErrForeign):
		return notStarted(err)
	case err != nil:
		return nil // whoever takes it over says what remains
	}
	if other := otherRepository(state.Header, now); other != "" {
		return notStarted(fmt.Errorf("the journal %s is of repository %s, not of %s, and is not rolled back here: do it there, or in a terminal", store.Name(), other, now.Repository))
	}
	return nil
}

// otherRepository names the repository of a journal that is not this run's; ""
// where it is, or where one of the two is not known.
func otherRepository(header journal.Header, now journal.Origin) string {
	if header.Repository == now.Repository || now.Repository == "" {
		return ""
	}
	return header.Repository
}

// openJournal tells a run that is still going on from one that was interrupted.
func openJournal(store journal.Store, state *journal.RunState) error {
	by, held, err := store.Held()
	if err != nil {
		return err
	}
	if held {
		return fmt.Errorf("run %s is still running, and its journal is %s: wait for its end (%s)", state.Header.Run, store.Name(), by)
	}
	return &journal.OpenError{Name: store.Name(), Run: state.Header.Run, State: state.State, Shifts: len(state.Stages) > 0}
}

// checkJournal compares what a journal names with environment and inputs, before
// anything is sent where it says.
func checkJournal(ctx context.Context, access Access, header journal.Header) error {
	belief, err := access.belief(ctx)
	if err != nil {
		return err
	}
	if err := header.Check(belief); err != nil {
		return errors.Join(errors.New("environment and inputs do not agree with the journal:"), err)
	}
	return nil
}
