package journal

import (
	"context"
	"errors"
	"strings"
	"testing"
)

// beginAs begins a run and claims its functions.
func beginAs(t *testing.T, b *bucket, run string) (*Journal, error) {
	t.Helper()
	ctx := context.Background()
	store, err := NewObject(b, ObjectURL("s3://bucket/runs", run))
	must(t, err)
	h := two()
	h.Run = run
	j, err := Create(ctx, store, h, clock)
	must(t, err)
	return j, NewLocks(b, "s3://bucket/runs/").Claim(ctx, run, store.Name(), clock(), h.Targets)
}

func TestALockIsFreeWhenItsRunHasEnded(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	for _, unmarked := range []bool{false, true} {
		b := newBucket()
		one, err := beginAs(t, b, "one")
		must(t, err)
		var busy *BusyError
		if _, err := beginAs(t, b, "two"); !errors.As(err, &busy) || busy.Run != "one" || !strings.Contains(err.Error(), "lambda-rollout-one.journal") {
			t.Errorf("while one is open: %v", err)
		}
		must(t, one.Settle(ctx, Deployed))
		if unmarked {
			// The mark was not written: the run's own records tell.
			delete(b.objects, "runs/settled/lambda-rollout-one.journal/deployed.json")
		}
		_, err = beginAs(t, b, "three")
		must(t, err)
		found, err := NewLocks(b, "s3://bucket/runs").Find(ctx, header.Targets[0])
		if must(t, err); found != "s3://bucket/runs/lambda-rollout-three.journal" {
			t.Errorf("found %s", found)
		}
	}
	found, err := NewLocks(newBucket(), "s3://bucket/runs").Find(ctx, header.Targets[0])
	if found != "" || err != nil {
		t.Errorf("an unclaimed function: %q, %v", found, err)
	}
}

// The last release's runs keep a function, too, and so does nobody whose journal
// is gone.
func TestLocksOfEarlierReleases(t *testing.T) {
	t.Parallel()
	for content, free := range map[string]bool{"interrupted": false, "deployed": true, "": true} {
		b := newBucket()
		b.objects["runs/locks/000000000000/us-east-1/f.json"] = []byte(`{"run":"old","journal":"s3://bucket/runs/lambda-rollout-old.jsonl"}`)
		if content != "" {
			b.objects["runs/lambda-rollout-old.jsonl"] = lastRelease(t, content)
		}
		if _, err := beginAs(t, b, "new"); (err == nil) != free {
			t.Errorf("%q: %v", content, err)
		}
	}
}

func TestALockThatCannotBeReadIsNamed(t *testing.T) {
	t.Parallel()
	for name, content := range map[string]string{
		"no JSON":            `locked`,
		"an elsewhere":       `{"run":"old","journal":"s3://elsewhere/lambda-rollout-old.jsonl"}`,
		"no journal":         `{"run":"old","journal":"/tmp/x"}`,
		"a broken journal":   `{"run":"old","journal":"s3://bucket/broken.jsonl"}`,
		"one without header": `{"run":"old","journal":"s3://bucket/gap.journal"}`,
	} {
		b := newBucket()
		b.objects["runs/locks/000000000000/us-east-1/g.json"] = []byte(content)
		b.objects["broken.jsonl"] = []byte("broken")
		b.objects["gap.journal/header/000002.json"] = []byte("{}")
		if _, err := beginAs(t, b, "new"); err == nil {
			t.Errorf("%s: claimed", name)
		}
	}
}

func TestOfTwoRunsThatBeginAtOnceOneGetsTheFunction(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	b := newBucket()
	racing := &racingBucket{bucket: b}
	locks := NewLocks(racing, "s3://bucket/runs")
	racing.beforePut = func(key string) {
		if strings.HasSuffix(key, "/f.json") {
			b.objects[key] = []byte(`{"run":"other","journal":"s3://bucket/runs/lambda-rollout-other.journal"}`)
		}
	}
	if err := locks.Claim(ctx, "r", "s3://bucket/runs/lambda-rollout-r.journal", clock(), two().Targets); !errors.Is(err, ErrTaken) {
		t.Errorf("against another run: %v", err)
	}
	b.objects = map[string][]byte{}
	racing.beforePut = nil
	racing.twice = true
	if err := locks.Claim(ctx, "r", "s3://bucket/runs/lambda-rollout-r.journal", clock(), two().Targets); err != nil {
		t.Errorf("against our own write, sent twice: %v", err)
	}
}

type racingBucket struct {
	*bucket
	beforePut func(key string)
	twice     bool
}

func (r *racingBucket) Put(ctx context.Context, key string, content []byte, etag string) (string, error) {
	if r.beforePut != nil {
		r.bucket.mu.Lock()
		r.beforePut(key)
		r.bucket.mu.Unlock()
	}
	tag, err := r.bucket.Put(ctx, key, content, etag)
	if r.twice && err == nil {
		return r.bucket.Put(ctx, key, content, etag)
	}
	return tag, err
}
