package deploy

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/journal"
)

// Record is how a run is recorded, so that it can be rolled back.
type Record struct {
	// Header says who runs. Its Targets are filled in.
	Header  journal.Header
	Storage *Storage
	// SaveState keeps the journal's name in the host's state, where a later step
	// finds it, before the first change.
	SaveState func(journal string) error
	// Mark leaves a settled journal for a run that changes nothing, where a later
	// rollback finds the journals of its run by their names.
	Mark bool
}

// RunID names a run in tags, markers and journals: the host's own name for it,
// and a few random letters, since a re-run must not be taken for the first.
func RunID(key string) string {
	var random [4]byte
	_, _ = rand.Read(random[:])
	return key + "-" + hex.EncodeToString(random[:])
}

// Salt returns what goes into the digests of a journal.
func Salt() []byte {
	salt := make([]byte, 16)
	_, _ = rand.Read(salt)
	return salt
}

// begin opens the journal of a run and keeps other runs off its targets.
func (r Record) begin(ctx context.Context, targets []journal.Target, now func() time.Time) (*journal.Journal, error) {
	store, err := r.Storage.Create(r.Header.Run)
	if err != nil {
		return nil, err
	}
	header := r.Header
	header.Targets = targets
	j, err := journal.Create(ctx, store, header, now)
	if err != nil {
		return nil, err
	}
	err = r.Storage.claim(ctx, j, now())
	if err == nil {
		err = r.SaveState(j.Name())
	}
	if err != nil {
		// It changed nothing: no other run waits for it.
		return nil, errors.Join(err, j.Settle(context.WithoutCancel(ctx), journal.Kept), j.Close())
	}
	return j, nil
}

// mark records that this run changed nothing.
func (r Record) mark(ctx context.Context, targets []journal.Target, now func() time.Time) error {
	if !r.Mark {
		return nil
	}
	store, err := r.Storage.Create(r.Header.Run)
	if err != nil {
		return err
	}
	header := r.Header
	header.Targets = targets
	return journal.Mark(ctx, store, header, now)
}

// Adopt begins the journal of a rollback by hand: from the state that was found,
// with steps that are taken for this run's own.
func (r Record) Adopt(ctx context.Context, t *journal.TargetLog, now func() time.Time) (*journal.Journal, error) {
	r.Header.Salt = t.Salt
	j, err := r.begin(ctx, []journal.Target{t.Target}, now)
	if err != nil {
		return nil, notStarted(err)
	}
	if err := j.Adopt(ctx, t); err != nil {
		return nil, errors.Join(notStarted(err), j.Close())
	}
	return j, nil
}

// TakeOver asks the deployment that writes a journal to stop and opens the
// journal for its rollback. A deployment notices within a moment, and a call in
// flight gets its grace. It returns nil where there is no journal. Its error is a
// *BlockedError.
func TakeOver(ctx context.Context, store journal.Store, w Work) (*journal.Journal, error) {
	if err := store.Stop(ctx); err != nil {
		return nil, &BlockedError{Journal: store.Name(), Err: fmt.Errorf("ask the deployment to stop: %w", err)}
	}
	if !InS3(store.Name()) {
		limit := w.Timing.Grace + w.Timing.StopSlack
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, limit, fmt.Errorf("the deployment did not end within %s", limit))
		defer cancel()
	}
	j, err := journal.Resume(ctx, store, w.Now)
	if err != nil {
		return nil, &BlockedError{Journal: store.Name(), Err: err}
	}
	return j, nil
}
