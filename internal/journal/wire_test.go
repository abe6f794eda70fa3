package journal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// contents are full contents of which each differs a little from the one before.
func contents(n int) []Content {
	var all []Content
	for i := range n {
		c := Content{Fields: map[string]string{}, CodeSha256: fmt.Sprint("code ", i/2)}
		for f := range 20 {
			c.Fields[fmt.Sprint("field", f)] = fmt.Sprint("digest ", f, " ", (i+f)/20)
		}
		all = append(all, c)
	}
	return all
}

// What is read is what was recorded, however little of it was written.
func TestContentsAreWrittenAsWhatChanged(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "j.jsonl")
	j, err := Create(ctx, NewFile(path), two(), clock)
	must(t, err)
	all := contents(12)
	fewer := Content{Fields: map[string]string{"field1": "x"}, CodeSha256: "y"}
	all = append(all, fewer, Content{Fields: fewer.Fields}, fewer, Content{CodeSha256: "z"}, all[0])
	for i := range 2 {
		must(t, j.Append(ctx, Record{Target: i, Snapshot: &Snapshot{Exists: true, Content: all[0]}}))
	}
	for n := 1; n < len(all); n++ {
		for i := range 2 {
			step, err := j.Begin(ctx, i, Intent{Call: "UpdateFunctionCode", Content: &all[n-i]})
			must(t, err)
			must(t, j.End(ctx, i, step, Outcome{Result: Done, Content: &all[n]}))
		}
	}
	must(t, j.Close())
	state, err := Read(ctx, NewFile(path))
	must(t, err)
	if diff := cmp.Diff(j.RunState(), state, exact); diff != "" {
		t.Error(diff)
	}
	for i, s := range state.Targets[1].Steps {
		if !s.Intent.Content.Equal(all[i]) || !s.Outcome.Content.Equal(all[i+1]) {
			t.Errorf("step %d: %+v", i, s)
		}
	}
	content, err := os.ReadFile(path)
	must(t, err)
	if full := bytes.Count(content, []byte(`"field19":"`)); full > 20 {
		t.Errorf("%d contents were written in full", full)
	}
}

// After a write that failed nobody knows what is recorded, so the next content is
// written in full.
func TestAfterAFailedWriteAContentIsWrittenInFull(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	all := contents(3)
	for _, arrives := range []bool{false, true} {
		b := newBucket()
		j, err := Create(ctx, object(t, b), header, clock)
		must(t, err)
		must(t, j.Append(ctx, Record{Snapshot: &Snapshot{Content: all[0]}}))
		fail := true
		b.fault = func(string) (bool, bool) { defer func() { fail = false }(); return false, fail }
		if _, err := j.Begin(ctx, 0, Intent{Call: "UpdateFunctionCode", Content: &all[2]}); !errors.Is(err, errNoAnswer) {
			t.Fatal(err)
		}
		if arrives {
			b.arrive()
		}
		_, err = j.Begin(ctx, 0, Intent{Call: "UpdateFunctionCode", Content: &all[1]})
		must(t, err)
		state, err := Read(ctx, object(t, b))
		must(t, err)
		steps := state.Targets[0].Steps
		if last := steps[len(steps)-1]; !last.Intent.Content.Equal(all[1]) {
			t.Errorf("arrives %v: read %+v", arrives, last.Intent.Content)
		}
	}
}

func TestAContentThatRefersToNothingIsAnError(t *testing.T) {
	t.Parallel()
	head, _, _ := bytes.Cut(written(t), []byte{'\n'})
	for _, record := range []string{
		`{"target":0,"step":1,"intent":{"call":"x"},"changes":{"codeSha256":"y"}}`,
		`{"target":7,"step":1,"intent":{"call":"x"},"changes":{}}`,
	} {
		if _, err := Parse([]byte(string(head) + "\n" + record + "\n")); err == nil || !strings.Contains(err.Error(), "not recorded") {
			t.Errorf("%s: %v", record, err)
		}
	}
}

// A deployment of a hundred functions sends at most 1.5 MB to S3, with about a
// kilobyte for the head of each request.
func TestTheJournalOfAHundredFunctionsIsSmall(t *testing.T) {
	t.Parallel()
	const functions, head, most = 100, 1000, 1_500_000
	ctx := context.Background()
	old, err := Parse(lastRelease(t, "deployed"))
	must(t, err)
	h := old.Header
	h.Targets = nil
	for i := range functions {
		target := old.Header.Targets[0]
		target.Function = fmt.Sprint("function-", i)
		h.Targets = append(h.Targets, target)
	}
	b := newBucket()
	j, err := Create(ctx, object(t, b), h, clock)
	must(t, err)
	must(t, NewLocks(b, "s3://bucket/runs").Claim(ctx, h.Run, j.Name(), clock(), h.Targets))
	for i := range functions {
		must(t, j.Append(ctx, Record{Target: i, Snapshot: old.Targets[0].Snapshot}))
		for _, s := range old.Targets[0].Steps {
			step, err := j.Begin(ctx, i, s.Intent)
			must(t, err)
			must(t, j.End(ctx, i, step, *s.Outcome))
		}
	}
	must(t, j.Settle(ctx, Deployed))
	all := b.sent + head*b.puts
	t.Logf("%d writes, %d bytes, %d with heads", b.puts, b.sent, all)
	if all > most || b.puts < functions*10 {
		t.Errorf("%d bytes in %d writes, want at most %d", all, b.puts, most)
	}
}
