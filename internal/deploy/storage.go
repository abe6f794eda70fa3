package deploy

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/journal"
)

// File opens the journal of a path on this machine.
type File func(path string) journal.Store

// InS3 reports whether a place of journals, or a journal's name, is in S3.
func InS3(place string) bool { return strings.HasPrefix(place, "s3://") }

// Storage is where runs keep their journals.
type Storage struct {
	// place is the path of a file, or a prefix or an object in S3.
	place string
	file  File
	// objects is nil for a file.
	objects *bucket
}

// OpenStorage finds a place: the absolute path of a file, or s3://bucket/prefix,
// which the run's own session reads and writes.
func OpenStorage(c *Connection, place string, file File) (*Storage, error) {
	s := &Storage{place: place, file: file}
	if !InS3(place) {
		return s, nil
	}
	var err error
	s.objects, err = bucketOf(c.base, place)
	return s, notStarted(err)
}

// Create returns the store of a new journal.
func (s *Storage) Create(run string) (journal.Store, error) {
	if s.objects == nil {
		return s.file(s.place), nil
	}
	return journal.NewObject(s.objects, strings.TrimSuffix(s.place, "/")+"/lambda-rollout-"+run+".jsonl")
}

// Open returns the store of the journal that the place names.
func (s *Storage) Open() (journal.Store, error) {
	if s.objects == nil {
		return s.file(s.place), nil
	}
	return journal.NewObject(s.objects, s.place)
}

// claim keeps other runs off the targets, where the place can.
func (s *Storage) claim(ctx context.Context, j *journal.Journal, now time.Time) error {
	if s.objects == nil {
		return nil
	}
	header := j.Log().Header
	return journal.NewLocks(s.objects, s.place).Claim(ctx, header.Run, j.Name(), now, header.Targets)
}

// Newest names the journals in S3 whose names begin so, newest first.
func (s *Storage) Newest(ctx context.Context, name string) ([]string, error) {
	return s.objects.newest(ctx, s.place, name)
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

// RefuseOpenJournals refuses to deploy over an interrupted run: its changes are
// there, and its journal is the only way to roll them back.
func RefuseOpenJournals(paths []string, file File) error {
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		log, err := journal.Parse(content)
		if err != nil {
			return notStarted(fmt.Errorf("journal %s: %w (remove it when nothing of that run has to be put back)", path, err))
		}
		if log.State == journal.Open && log.Changed() {
			return notStarted(openJournal(file(path), log))
		}
	}
	return nil
}

// openJournal tells a run that is still going on from one that was interrupted.
func openJournal(store journal.Store, log *journal.Log) error {
	now, cancel := context.WithCancel(context.Background())
	cancel()
	if err := store.Lock(now); err != nil {
		return fmt.Errorf("run %s is still going on, and its journal is %s: wait for its end", log.Header.Run, store.Name())
	}
	return errors.Join(&journal.OpenError{Name: store.Name(), Run: log.Header.Run, State: log.State}, store.Close())
}
