package journal

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestARunInS3ReadsAsTheSameRunInAFile(t *testing.T) {
	t.Parallel()
	b := newBucket()
	record(t, object(t, b))
	got, err := Read(context.Background(), object(t, b))
	must(t, err)
	want, err := Parse(written(t))
	must(t, err)
	if diff := cmp.Diff(want, got, exact); diff != "" {
		t.Error(diff)
	}
	keys := slices.Sorted(maps.Keys(b.objects))
	const run = "runs/lambda-rollout-r.journal/"
	if diff := cmp.Diff([]string{
		run + "0-f/000001.json", run + "0-f/000002.json", run + "0-f/000003.json", run + "0-f/000004.json", run + "0-f/000005.json", run + "0-f/000006.json",
		run + "header/000001.json", run + "header/000002.json",
		"runs/settled/lambda-rollout-r.journal/deployed.json",
	}, keys); diff != "" {
		t.Error(diff)
	}
	if nothing, err := Read(context.Background(), object(t, newBucket())); err != nil || nothing.Header.Run != "" {
		t.Errorf("no journal: %+v, %v", nothing, err)
	}
}

// Records of different Targets are written side by side, those of one Target
// one after another; nothing is locked meanwhile, or virtual time would stop.
func TestAppendsOfDifferentTargetsDoNotWaitForEachOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBucket()
		b.latency = func() time.Duration { return time.Second }
		ctx := t.Context()
		j, err := Create(ctx, object(t, b), two(), clock)
		must(t, err)
		start := time.Now()
		var all sync.WaitGroup
		for i := range 2 {
			for range 3 {
				all.Go(func() {
					if _, err := j.Begin(ctx, i, Intent{Call: "UpdateAlias"}); err != nil {
						t.Error(err)
					}
				})
			}
		}
		all.Wait()
		if took := time.Since(start); took != 3*time.Second {
			t.Errorf("three appends of each of two Targets took %s, want 3s", took)
		}
		if numbers := stepNumbers(j.RunState()); len(numbers) != 6 {
			t.Errorf("step numbers %v", numbers)
		}
		// Whoever waits for its turn goes away when its context ends.
		var holder sync.WaitGroup
		holder.Go(func() { _, _ = j.Begin(ctx, 0, Intent{Call: "UpdateAlias"}) })
		defer holder.Wait()
		synctest.Wait()
		ended, cancel := context.WithCancelCause(ctx)
		cancel(errNoAnswer)
		if _, err := j.Begin(ended, 0, Intent{Call: "UpdateAlias"}); !errors.Is(err, errNoAnswer) {
			t.Errorf("an append after the end: %v", err)
		}
	})
}

func stepNumbers(s *RunState) map[int]bool {
	numbers := map[int]bool{}
	for _, t := range s.Targets {
		for _, step := range t.Steps {
			numbers[step.Number] = true
		}
	}
	return numbers
}

// A write whose answer was lost is recognised by its content, in one read.
func TestAnOwnWriteWhoseAnswerWasLostIsOurs(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	for _, tt := range []struct {
		name          string
		lost, dropped bool
		arrives       bool
	}{
		{name: "it took effect", lost: true},
		{name: "it never arrived", dropped: true},
		{name: "it arrived later", dropped: true, arrives: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := newBucket()
			j, err := Create(ctx, object(t, b), header, clock)
			must(t, err)
			faults := 0
			b.fault = func(string) (bool, bool) {
				faults++
				return tt.lost && faults == 1, tt.dropped && faults == 1
			}
			if _, err := j.Begin(ctx, 0, Intent{Call: "UpdateAlias"}); !errors.Is(err, errNoAnswer) {
				t.Fatalf("without an answer: %v", err)
			}
			if tt.arrives {
				b.arrive()
			}
			step, err := j.Begin(ctx, 0, Intent{Call: "DeleteAlias"})
			must(t, err)
			b.arrive() // too late: the number is occupied
			must(t, j.End(ctx, 0, step, Outcome{Result: Done}))
			state, err := Read(ctx, object(t, b))
			must(t, err)
			want := 1
			if tt.lost || tt.arrives {
				want = 2
			}
			steps := state.Targets[0].Steps
			if len(steps) != want || steps[want-1].Intent.Call != "DeleteAlias" || steps[want-1].Open() {
				t.Errorf("recorded %+v", steps)
			}
			if want == 2 && !steps[0].Open() {
				t.Errorf("the call that never went out is closed: %+v", steps[0])
			}
		})
	}
}

// The SDK sends a write again by itself: the second copy meets the first.
func TestACopyOfOurOwnWriteIsOurs(t *testing.T) {
	t.Parallel()
	b := newBucket()
	ctx := context.Background()
	twice := &resending{bucket: b}
	store, err := NewObject(twice, "s3://bucket/runs/lambda-rollout-r.journal")
	must(t, err)
	j, err := Create(ctx, store, header, clock)
	must(t, err)
	_, err = j.Begin(ctx, 0, Intent{Call: "UpdateAlias"})
	must(t, err)
	if reads := twice.reads; reads != 2 {
		t.Errorf("%d reads for two writes", reads)
	}
}

type resending struct {
	*bucket
	reads int
}

func (r *resending) Put(ctx context.Context, key string, content []byte, etag string) (string, error) {
	if _, err := r.bucket.Put(ctx, key, content, etag); err != nil {
		return "", err
	}
	return r.bucket.Put(ctx, key, content, etag)
}

func (r *resending) Get(ctx context.Context, key string) ([]byte, string, error) {
	r.reads++
	return r.bucket.Get(ctx, key)
}

func TestWhoeverTakesAJournalInS3OverStopsTheOther(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	b := newBucket()
	j, err := Create(ctx, object(t, b), two(), clock)
	must(t, err)
	step, err := j.Begin(ctx, 0, Intent{Call: "UpdateFunctionCode"})
	must(t, err)
	other := object(t, b)
	must(t, other.Stop(ctx))
	if j.Stopped() || other.Stopped() {
		t.Error("a stop of a journal in S3 is found by the next append alone")
	}
	taken, err := Resume(ctx, other, clock)
	must(t, err)
	for what, err := range map[string]error{
		"the same call again":           j.Again(ctx, 0, step),
		"its outcome":                   j.End(ctx, 0, step, Outcome{Result: Done}),
		"its end":                       j.Settle(ctx, Deployed),
		"a Target that had no step yet": j.Append(ctx, Record{Target: 1, Snapshot: &Snapshot{}}),
	} {
		var by *TakenError
		if !errors.Is(err, ErrTaken) || !errors.As(err, &by) || by.By.PID != os.Getpid() || !strings.Contains(err.Error(), "(lambda-rollout rollback)") {
			t.Errorf("%s: %v", what, err)
		}
	}
	if len(taken.Target(0).Steps) != 1 {
		t.Errorf("taken over: %+v", taken.RunState())
	}
	must(t, taken.Settle(ctx, RolledBack))
	must(t, taken.Close())
	puts := b.puts
	again, err := Resume(ctx, object(t, b), clock)
	if must(t, err); again.RunState().State != RolledBack || b.puts != puts {
		t.Errorf("of a settled run: %d writes, %+v", b.puts-puts, again.RunState())
	}
	if nothing, err := Resume(ctx, object(t, newBucket()), clock); nothing != nil || err != nil {
		t.Errorf("where there is no journal: %v, %v", nothing, err)
	}
}

// What the former owner writes while a journal is taken over is read as it was
// written: the content of $LATEST in full, though only its changes are in the record.
func TestATakeoverReadsWhatTheFormerOwnerWroteMeanwhile(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	b := newBucket()
	j, err := Create(ctx, object(t, b), header, clock)
	must(t, err)
	must(t, j.Append(ctx, Record{Snapshot: &Snapshot{Exists: true, Content: Content{Fields: map[string]string{"Handler": "a", "Timeout": "1"}, CodeSha256: "old"}}}))
	meanwhile := &interrupted{bucket: b, before: func() {
		_, err := j.Begin(ctx, 0, Intent{Call: "UpdateFunctionConfiguration", Content: &Content{Fields: map[string]string{"Handler": "a", "Timeout": "2"}, CodeSha256: "old"}})
		must(t, err)
		_, err = j.Begin(ctx, 0, Intent{Call: "UpdateFunctionCode", Content: &Content{Fields: map[string]string{"Handler": "a", "Timeout": "2"}, CodeSha256: "new"}})
		must(t, err)
	}}
	store, err := NewObject(meanwhile, "s3://bucket/runs/lambda-rollout-r.journal")
	must(t, err)
	taken, err := Resume(ctx, store, clock)
	must(t, err)
	read, err := Read(ctx, object(t, b))
	must(t, err)
	if diff := cmp.Diff(read.Targets, taken.RunState().Targets); diff != "" || meanwhile.before != nil {
		t.Errorf("-read again +taken over:\n%s", diff)
	}
	if steps := taken.Target(0).Steps; len(steps) != 2 || steps[1].Intent.Content == nil || steps[1].Intent.Content.Fields["Timeout"] != "2" || steps[1].Intent.Content.CodeSha256 != "new" {
		t.Errorf("taken over: %+v", steps)
	}
}

// interrupted calls a function before the first write.
type interrupted struct {
	*bucket
	before func()
}

func (i *interrupted) Put(ctx context.Context, key string, content []byte, etag string) (string, error) {
	if before := i.before; before != nil {
		i.before = nil
		before()
	}
	return i.bucket.Put(ctx, key, content, etag)
}

// Whatever the network does to their order, of several processes that work on
// one journal each Target has one owner at a time, and the one that took over
// last owns them all.
func TestOfManyOwnersOneIsLeft(t *testing.T) {
	t.Parallel()
	overtaken, won := 0, 0
	for seed := range uint64(30) {
		synctest.Test(t, func(t *testing.T) {
			b := newBucket()
			random := rand.New(rand.NewPCG(seed, 1))
			var mu sync.Mutex
			b.latency = func() time.Duration {
				mu.Lock()
				defer mu.Unlock()
				return time.Duration(random.IntN(50)) * time.Millisecond
			}
			ctx := t.Context()
			j, err := Create(ctx, object(t, b), two(), time.Now)
			must(t, err)
			start := time.Now()
			var all sync.WaitGroup
			work := func(j *Journal, target int) {
				for {
					step, err := j.Begin(ctx, target, Intent{Call: "UpdateAlias", Back: true})
					if err == nil {
						time.Sleep(40 * time.Millisecond) // AWS answers the call
						err = j.End(ctx, target, step, Outcome{Result: Done})
					}
					if errors.Is(err, ErrTaken) || err == nil && time.Since(start) > 2*time.Second {
						return
					}
					if err != nil {
						t.Errorf("seed %d: %v", seed, err)
						return
					}
				}
			}
			all.Go(func() { work(j, 0) })
			all.Go(func() { work(j, 1) })
			owners := make([]*Journal, 3)
			for i := range owners {
				all.Go(func() {
					time.Sleep(time.Duration(i) * 20 * time.Millisecond)
					taken, err := Resume(ctx, object(t, b), time.Now)
					if errors.Is(err, ErrTaken) {
						return
					}
					must(t, err)
					owners[i] = taken
				})
			}
			all.Wait()
			left := 0
			for _, o := range owners {
				if o == nil {
					overtaken++
					continue
				}
				if o.Settle(ctx, RolledBack) == nil {
					left++
					for i := range 2 {
						if err := o.Append(ctx, Record{Target: i, Snapshot: &Snapshot{}}); err != nil {
							t.Errorf("seed %d: the last owner does not own Target %d: %v", seed, i, err)
						}
					}
				}
			}
			if left != 1 {
				t.Errorf("seed %d: %d owners are left", seed, left)
			}
			won += left
			if _, err := Read(ctx, object(t, b)); err != nil {
				t.Errorf("seed %d: %v", seed, err)
			}
		})
	}
	if overtaken == 0 || won == 0 {
		t.Errorf("no takeover met another: %d, %d", overtaken, won)
	}
}

func TestAGapIsAnError(t *testing.T) {
	t.Parallel()
	const run = "runs/lambda-rollout-r.journal/"
	for name, gone := range map[string]string{
		"the header":           run + "header/000001.json",
		"the first of several": run + "0-f/000001.json",
		"one in the middle":    run + "0-f/000003.json",
	} {
		b := newBucket()
		record(t, object(t, b))
		delete(b.objects, gone)
		if _, err := Read(context.Background(), object(t, b)); err == nil || !strings.Contains(err.Error(), gone+" is missing") {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := Resume(context.Background(), object(t, b), clock); err == nil {
			t.Errorf("%s: resumed", name)
		}
	}
}

func TestABrokenRecordIsNamedAndAForeignObjectSkipped(t *testing.T) {
	t.Parallel()
	const run = "runs/lambda-rollout-r.journal/"
	b := newBucket()
	record(t, object(t, b))
	for _, key := range []string{"README.txt", "0-f/1.json", "0-f/000009.txt", "header/"} {
		b.objects[run+key] = []byte("x")
	}
	_, err := Read(context.Background(), object(t, b))
	must(t, err)
	b.objects[run+"0-f/000002.json"] = []byte("{")
	if _, err := Read(context.Background(), object(t, b)); err == nil || !strings.Contains(err.Error(), run+"0-f/000002.json: not a record") {
		t.Errorf("%v", err)
	}
}

// A journal in S3 may begin slowly: nothing but the caller bounds it.
func TestAJournalInS3MayBeginSlowly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBucket()
		b.latency = func() time.Duration { return 40 * time.Second }
		_, err := Create(t.Context(), object(t, b), header, clock)
		must(t, err)
	})
}

func TestRunsAreListedWithTheirEnds(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	b := newBucket()
	for i, end := range [][]State{{}, {Deployed}, {Deployed, RolledBack}, {Kept}} {
		h := header
		h.Run = fmt.Sprintf("octo-%d", i)
		store, err := NewObject(b, ObjectURL("s3://bucket/runs/", h.Run))
		must(t, err)
		j, err := Create(ctx, store, h, clock)
		must(t, err)
		for _, state := range end {
			must(t, j.Settle(ctx, state))
		}
	}
	b.objects["runs/lambda-rollout-octo-old.jsonl"] = lastRelease(t, "deployed")
	b.objects["runs/lambda-rollout-cat-1.journal/header/000001.json"] = []byte("{}")
	b.objects["runs/lambda-rollout-octo-notes.txt"] = []byte("x")
	b.lists = 0
	runs, err := Runs(ctx, b, "s3://bucket/runs", "lambda-rollout-octo-")
	must(t, err)
	const place = "s3://bucket/runs/lambda-rollout-octo-"
	if diff := cmp.Diff([]Run{
		{place + "0.journal", ""}, {place + "1.journal", Deployed}, {place + "2.journal", RolledBack}, {place + "3.journal", Kept}, {place + "old.jsonl", ""},
	}, runs); diff != "" || b.lists != 2 {
		t.Errorf("%d listings\n%s", b.lists, diff)
	}
	if _, err := Runs(ctx, b, "bucket/runs", ""); err == nil {
		t.Error("a place that is no URL")
	}
}

func TestNamesOfJournalsInS3(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]bool{
		"s3://b/p/lambda-rollout-1.journal": true, "s3://b/p/lambda-rollout-1.journal/": true, "s3://b/lambda-rollout-1.jsonl": true,
		"s3://b": false, "s3://b/p": false, "s3://b/lambda-rollout-1": false, "/p/x.jsonl": false,
	} {
		if got := IsObjectURL(url); got != want {
			t.Errorf("%s: %v", url, got)
		}
	}
	for _, url := range []string{"", "s3://", "s3:///k", "https://b/k", "/tmp/x.jsonl"} {
		if _, err := NewObject(newBucket(), url); err == nil {
			t.Errorf("%s is taken", url)
		}
	}
}
