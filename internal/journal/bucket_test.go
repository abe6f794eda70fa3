package journal

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// bucket is S3 with its conditional writes.
type bucket struct {
	mu      sync.Mutex
	objects map[string][]byte
	// latency is what each request takes, in a bubble.
	latency func() time.Duration
	// fault, where it is not nil, decides about each Put: lose its answer, or
	// lose the request.
	fault func(key string) (lost, dropped bool)
	// late are writes that were dropped and may still arrive.
	late []func()

	puts, sent, lists int
}

func newBucket() *bucket { return &bucket{objects: map[string][]byte{}} }

var errNoAnswer = errors.New("no answer")

func (b *bucket) wait() {
	if b.latency != nil {
		time.Sleep(b.latency())
	}
}

// tag depends on the content alone, as S3's does.
func tag(content []byte) string {
	if content == nil {
		return ""
	}
	return "tag of " + string(content)
}

func (b *bucket) Get(_ context.Context, key string) ([]byte, string, error) {
	b.wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	return bytes.Clone(b.objects[key]), tag(b.objects[key]), nil
}

func (b *bucket) Put(_ context.Context, key string, content []byte, etag string) (string, error) {
	b.wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.puts, b.sent = b.puts+1, b.sent+len(content)
	content = bytes.Clone(content)
	write := func() error {
		if tag(b.objects[key]) != etag {
			return ErrTaken
		}
		b.objects[key] = content
		return nil
	}
	var lost, dropped bool
	if b.fault != nil {
		lost, dropped = b.fault(key)
	}
	if dropped {
		b.late = append(b.late, func() { _ = write() })
		return "", errNoAnswer
	}
	err := write()
	if lost {
		return "", errNoAnswer
	}
	if err != nil {
		return "", err
	}
	return tag(content), nil
}

func (b *bucket) List(_ context.Context, prefix, delimiter string) ([]Entry, error) {
	b.wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lists++
	var all []Entry
	for key := range b.objects {
		rest, ok := strings.CutPrefix(key, prefix)
		if !ok {
			continue
		}
		if before, _, folder := strings.Cut(rest, "/"); folder && delimiter != "" {
			key = prefix + before + "/"
		}
		all = append(all, Entry{Key: key})
	}
	slices.SortFunc(all, func(x, y Entry) int { return strings.Compare(x.Key, y.Key) })
	return slices.CompactFunc(all, func(x, y Entry) bool { return x.Key == y.Key }), nil
}

// arrive lets the writes that were dropped arrive.
func (b *bucket) arrive() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, write := range b.late {
		write()
	}
	b.late = nil
}

// object is the journal r in the bucket.
func object(t testing.TB, b *bucket) Store {
	t.Helper()
	store, err := NewObject(b, "s3://bucket/runs/lambda-rollout-r.journal")
	must(t, err)
	return store
}

// two is a header with two Targets.
func two() Header {
	h := header
	h.Targets = []Target{header.Targets[0], {Function: "g", Region: "us-east-1", Account: "000000000000"}}
	return h
}
