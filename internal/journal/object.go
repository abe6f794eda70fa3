package journal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Bucket is a place for objects where a write can be made to depend on what
// was read.
type Bucket interface {
	// Get reads an object and its ETag; nil and no error where there is none.
	Get(ctx context.Context, key string) (content []byte, etag string, err error)
	// Put writes over the object with the ETag, or a new one where that is
	// empty, and gives the new ETag; ErrTaken where somebody else wrote it.
	Put(ctx context.Context, key string, content []byte, etag string) (string, error)
}

// Object keeps a journal in S3, for machines whose disk does not outlive the
// process. Each write names the ETag that was read (If-Match), so a process
// that another one has taken over from fails at its next append: before its
// next call, since an intent is written first
// (https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html).
//
// Beside the journal stands one lock object a function: it names the journal
// of the run that is not settled, so that no second run starts on the function.
type Object struct {
	bucket Bucket
	name   string
	key    string

	content []byte
	etag    string
}

// ParseObject splits s3://bucket/key.
func ParseObject(url string) (bucket, key string, err error) {
	rest, ok := strings.CutPrefix(url, "s3://")
	bucket, key, _ = strings.Cut(rest, "/")
	if !ok || bucket == "" {
		return "", "", fmt.Errorf("journal %s is not of the form s3://bucket/prefix", url)
	}
	return bucket, strings.Trim(key, "/"), nil
}

// NewObject names a journal's object by its URL, s3://bucket/key; nothing is
// read yet.
func NewObject(bucket Bucket, url string) (*Object, error) {
	_, key, err := ParseObject(url)
	if err != nil {
		return nil, err
	}
	return &Object{bucket: bucket, name: url, key: key}, nil
}

// Name is the object's URL.
func (o *Object) Name() string { return o.name }

// Lock does nothing: the condition on each write is the lock.
func (o *Object) Lock(context.Context) error { return nil }

// Load reads the object and remembers its ETag for the next write.
func (o *Object) Load(ctx context.Context) ([]byte, error) {
	content, etag, err := o.bucket.Get(ctx, o.key)
	if err != nil {
		return nil, err
	}
	o.content, o.etag = content, etag
	return content, nil
}

// Replace writes content over the state that was loaded.
func (o *Object) Replace(ctx context.Context, content []byte) error {
	etag, err := o.bucket.Put(ctx, o.key, content, o.etag)
	if err != nil {
		return err
	}
	o.content, o.etag = append([]byte(nil), content...), etag
	return nil
}

// Append writes the whole object with one more line.
func (o *Object) Append(ctx context.Context, line []byte) error {
	return o.Replace(ctx, append(append([]byte(nil), o.content...), line...))
}

// Stop takes the journal over: rewriting it changes its ETag, so the process
// that writes it fails at its next append.
func (o *Object) Stop(ctx context.Context) error {
	for range takeovers {
		content, err := o.Load(ctx)
		if err != nil || content == nil {
			return err
		}
		// S3's ETag is a hash of the content: an empty line makes it another.
		if err := o.Replace(ctx, append(content, '\n')); !errors.Is(err, ErrTaken) {
			return err
		}
	}
	return ErrTaken
}

// takeovers is how often Stop tries against a process that keeps writing.
const takeovers = 20

// Stopped is what the next append says: nobody leaves a mark in S3.
func (o *Object) Stopped() bool { return false }

// Close has nothing to give back.
func (o *Object) Close() error { return nil }

// claim is what a function's lock object holds.
type claim struct {
	Run     string    `json:"run"`
	Journal string    `json:"journal"`
	At      time.Time `json:"at"`
}

// Locks are the lock objects below one prefix.
type Locks struct {
	bucket Bucket
	prefix string
}

// NewLocks names the place that all runs share: s3://bucket/prefix.
func NewLocks(bucket Bucket, prefix string) *Locks {
	return &Locks{bucket: bucket, prefix: strings.TrimSuffix(prefix, "/")}
}

func (l *Locks) object(t Target) (*Object, error) {
	return NewObject(l.bucket, fmt.Sprintf("%s/locks/%s/%s/%s.json", l.prefix, t.Account, t.Region, t.Function))
}

// BusyError says that another run's journal holds a function.
type BusyError struct {
	Target       Target
	Run, Journal string
	State        State
}

func (e *BusyError) Error() string {
	return fmt.Sprintf("function %s in %s is held by run %s, whose journal is %s (wait for it, or: lambda-rollout rollback --journal %s)",
		e.Target.Function, e.Target.Region, e.Run, e.State, e.Journal)
}

// Claim takes the lock of each Target for a run, unless another run that is
// still open holds it. A run that deployed and ended holds nothing.
func (l *Locks) Claim(ctx context.Context, run, journal string, at time.Time, targets []Target) error {
	text, err := json.Marshal(claim{Run: run, Journal: journal, At: at.UTC()})
	if err != nil {
		return err
	}
	for _, t := range targets {
		if err := l.claim(ctx, t, text); err != nil {
			return err
		}
	}
	return nil
}

func (l *Locks) claim(ctx context.Context, t Target, text []byte) error {
	o, err := l.object(t)
	if err != nil {
		return err
	}
	old, err := o.Load(ctx)
	if err != nil {
		return err
	}
	if old != nil {
		if err := l.free(ctx, t, old); err != nil {
			return err
		}
	}
	err = o.Replace(ctx, text)
	if errors.Is(err, ErrTaken) {
		return fmt.Errorf("function %s in %s: another run began at the same moment: %w", t.Function, t.Region, err)
	}
	return err
}

// free says whether the run that holds a lock has ended.
func (l *Locks) free(ctx context.Context, t Target, text []byte) error {
	var held claim
	if err := json.Unmarshal(text, &held); err != nil {
		return fmt.Errorf("read the lock of function %s: %w", t.Function, err)
	}
	o, err := NewObject(l.bucket, held.Journal)
	if err != nil {
		return err
	}
	content, err := o.Load(ctx)
	if err != nil {
		return err
	}
	log, err := Parse(content)
	if err != nil {
		return fmt.Errorf("journal %s: %w", held.Journal, err)
	}
	if log.Header.Run == "" || log.State != Open {
		return nil
	}
	return &BusyError{Target: t, Run: held.Run, Journal: held.Journal, State: log.State}
}

// Find is the journal that holds a function's lock; "" where none does.
func (l *Locks) Find(ctx context.Context, t Target) (string, error) {
	o, err := l.object(t)
	if err != nil {
		return "", err
	}
	content, err := o.Load(ctx)
	if err != nil || content == nil {
		return "", err
	}
	var held claim
	if err := json.Unmarshal(content, &held); err != nil {
		return "", fmt.Errorf("read the lock of function %s: %w", t.Function, err)
	}
	return held.Journal, nil
}
