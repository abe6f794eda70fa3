package journal

import (
	"context"
	"errors"
	"fmt"
)

// singleObject is a journal of an earlier release in S3: one object of JSON
// lines, written anew for each line over the state that was read (If-Match). It
// is read and rolled back; new journals are numbered objects.
type singleObject struct {
	bucket Bucket
	name   string
	key    string

	content []byte
	etag    string
	// turn admits one writer at a time.
	turn chan struct{}
}

// Name returns the object's URL.
func (o *singleObject) Name() string { return o.name }

// Read implements Store.
func (o *singleObject) Read(ctx context.Context) (*RunState, error) {
	content, etag, err := o.bucket.Get(ctx, o.key)
	if err != nil {
		return nil, err
	}
	o.content, o.etag = content, etag
	return parse(content)
}

// Create implements Store: it refuses.
func (o *singleObject) Create(context.Context, []byte, RunState, Holder) error {
	return fmt.Errorf("%s is the journal of an earlier run: name the place of journals, s3://bucket/prefix", o.name)
}

// TakeOver implements Store. S3's ETag is a hash of the content: an empty line
// makes it another, so the former owner fails at its next append.
func (o *singleObject) TakeOver(ctx context.Context, _ Holder) (*RunState, error) {
	o.turn = make(chan struct{}, 1)
	for range maxTakeover {
		state, err := o.Read(ctx)
		if err != nil || state == nil || state.State.Settled() {
			return state, err
		}
		sound := o.content[:state.sound:state.sound]
		if err := o.replace(ctx, append(sound, '\n')); !errors.Is(err, ErrTaken) {
			return state, err
		}
	}
	return nil, ErrTaken
}

// replace writes content over what was read.
func (o *singleObject) replace(ctx context.Context, content []byte) error {
	etag, err := o.bucket.Put(ctx, o.key, content, o.etag)
	if errors.Is(err, ErrTaken) {
		// A write whose answer was lost meets its own content.
		var found []byte
		var getErr error
		if found, etag, getErr = o.bucket.Get(ctx, o.key); getErr == nil && string(found) == string(content) {
			err = nil
		}
	}
	if err != nil {
		return err
	}
	o.content, o.etag = content, etag
	return nil
}

// Append implements Store.
func (o *singleObject) Append(ctx context.Context, _ int, line []byte) error {
	select {
	case o.turn <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	defer func() { <-o.turn }()
	return o.replace(ctx, append(o.content[:len(o.content):len(o.content)], line...))
}

// Ended implements Store: earlier releases kept no marks.
func (o *singleObject) Ended(context.Context, State) {}

// Held implements Store: nobody holds an object.
func (o *singleObject) Held() (Holder, bool, error) { return Holder{}, false, nil }

// FreeReserve implements Store: a bucket is never full.
func (o *singleObject) FreeReserve() bool { return false }

// Stop implements Store: TakeOver stops the former owner.
func (o *singleObject) Stop(context.Context) error { return nil }

// Stopped implements Store: the next append finds out.
func (o *singleObject) Stopped() bool { return false }

// Close implements Store: there is no lock to release.
func (o *singleObject) Close() error { return nil }
