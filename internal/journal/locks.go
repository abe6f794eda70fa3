package journal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// claim is the content of a function's lock object.
type claim struct {
	Run     string    `json:"run"`
	Journal string    `json:"journal"`
	At      time.Time `json:"at"`
}

// Locks are the lock objects below one prefix in S3: one for each function. It
// names the journal of the last run that changed the function, so that no second
// run starts while that one is open.
type Locks struct {
	bucket Bucket
	prefix string
}

// NewLocks names the place that all runs share: s3://bucket/prefix.
func NewLocks(bucket Bucket, prefix string) *Locks {
	return &Locks{bucket: bucket, prefix: strings.TrimSuffix(prefix, "/")}
}

func (l *Locks) key(t Target) (string, error) {
	_, key, err := ParseObject(fmt.Sprintf("%s/locks/%s/%s/%s.json", l.prefix, t.Account, t.Region, t.Function))
	return key, err
}

// BusyError reports that another run's journal holds a function.
type BusyError struct {
	Target       Target
	Run, Journal string
	State        State
}

func (e *BusyError) Error() string {
	return fmt.Sprintf("function %s in %s is held by run %s, whose journal is %s (wait for it, or: lambda-rollout rollback --journal %s)",
		e.Target.Function, e.Target.Region, e.Run, e.State, e.Journal)
}

// held is a lock object as read.
type held struct {
	target Target
	key    string
	etag   string
	claim  *claim
}

// Claim takes the lock of each Target for a run, side by side, unless another
// run that is still open holds one. A run that deployed and ended holds nothing.
func (l *Locks) Claim(ctx context.Context, run, journal string, at time.Time, targets []Target) error {
	text, err := json.Marshal(claim{Run: run, Journal: journal, At: at.UTC()})
	if err != nil {
		return err
	}
	locks := make([]held, len(targets))
	if err := each(ctx, len(targets), func(ctx context.Context, i int) (err error) {
		locks[i], err = l.read(ctx, targets[i])
		return err
	}); err != nil {
		return err
	}
	// The functions of a deployment were mostly deployed together.
	states := map[string]State{}
	for _, h := range locks {
		if h.claim == nil {
			continue
		}
		state, known := states[h.claim.Journal]
		if !known {
			if state, err = l.state(ctx, h.claim.Journal); err != nil {
				return err
			}
			states[h.claim.Journal] = state
		}
		if state == Open {
			return &BusyError{Target: h.target, Run: h.claim.Run, Journal: h.claim.Journal, State: state}
		}
	}
	return each(ctx, len(targets), func(ctx context.Context, i int) error { return l.take(ctx, locks[i], text) })
}

// each calls f for so many indexes, side by side.
func each(ctx context.Context, count int, f func(ctx context.Context, i int) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(sideBySide)
	for i := range count {
		group.Go(func() error { return f(ctx, i) })
	}
	return group.Wait()
}

func (l *Locks) read(ctx context.Context, t Target) (held, error) {
	key, err := l.key(t)
	if err != nil {
		return held{}, err
	}
	content, etag, err := l.bucket.Get(ctx, key)
	h := held{target: t, key: key, etag: etag}
	if err != nil || content == nil {
		return h, err
	}
	h.claim = &claim{}
	if err := json.Unmarshal(content, h.claim); err != nil {
		return h, fmt.Errorf("read the lock of function %s, s3 key %s: %w", t.Function, key, err)
	}
	return h, nil
}

func (l *Locks) take(ctx context.Context, h held, text []byte) error {
	_, err := l.bucket.Put(ctx, h.key, text, h.etag)
	if !errors.Is(err, ErrTaken) {
		return err
	}
	if found, _, getErr := l.bucket.Get(ctx, h.key); getErr == nil && string(found) == string(text) {
		return nil // the answer of our own write was lost
	}
	return fmt.Errorf("function %s in %s: another run began at the same moment: %w", h.target.Function, h.target.Region, err)
}

// state is the state of the run with a journal; "" where the journal is gone.
func (l *Locks) state(ctx context.Context, url string) (State, error) {
	bucket, key, err := ParseObject(url)
	if own, _, _ := ParseObject(l.prefix); err != nil || bucket != own {
		return "", fmt.Errorf("the lock names the journal %s, which is not in the same bucket", url)
	}
	state, err := runState(ctx, l.bucket, url, key)
	if err != nil {
		return "", fmt.Errorf("journal %s: %w", url, err)
	}
	return state, nil
}

// Find returns the URL of the journal that holds a function's lock; "" where
// none does.
func (l *Locks) Find(ctx context.Context, t Target) (string, error) {
	h, err := l.read(ctx, t)
	if err != nil || h.claim == nil {
		return "", err
	}
	return h.claim.Journal, nil
}
