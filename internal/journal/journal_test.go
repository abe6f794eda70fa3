package journal

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
)

var header = Header{Run: "r1", Command: "deploy", Salt: []byte("salt"), Targets: []Target{{Function: "f", Region: "us-east-1", Account: "000000000000"}}}

func clock() time.Time { return time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC) }

// record writes a whole run, up to its end.
func record(t testing.TB, store Store) {
	t.Helper()
	ctx := context.Background()
	j, err := Create(ctx, store, header, clock)
	must(t, err)
	must(t, j.Append(ctx, Record{Snapshot: &Snapshot{Exists: true, Content: Content{CodeSha256: "old"}, Missing: []string{"new"}}}))
	step, err := j.Begin(ctx, 0, Intent{Call: "PublishVersion", RestorePoint: true})
	must(t, err)
	must(t, j.Again(ctx, 0, step))
	must(t, j.End(ctx, 0, step, Outcome{Result: Done, Version: "7"}))
	step, err = j.Begin(ctx, 0, Intent{Call: "UpdateAlias", AliasName: "live", Alias: &Alias{Name: "live", Version: "8"}})
	must(t, err)
	must(t, j.End(ctx, 0, step, Outcome{Result: Unknown}))
	must(t, j.Settle(ctx, Deployed))
	must(t, j.Close())
}

// written is a journal of a whole run, as bytes.
func written(t testing.TB) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "j.jsonl")
	record(t, NewFile(path))
	content, err := os.ReadFile(path)
	must(t, err)
	return content
}

// created returns a new journal, and the path of its file.
func created(t testing.TB) (*Journal, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "j.jsonl")
	j, err := Create(t.Context(), NewFile(path), header, clock)
	must(t, err)
	return j, path
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

var exact = cmpopts.IgnoreUnexported(RunState{})

// A crash can cut the last line at any byte: what is read is the state at the
// last whole line, whatever the cut.
func TestAnyPrefixReadsAsItsLastWholeLine(t *testing.T) {
	t.Parallel()
	content := written(t)
	var want *RunState
	for n := range len(content) + 1 {
		whole := bytes.LastIndexByte(content[:n], '\n') + 1
		if want == nil || whole == n {
			var err error
			want, err = Parse(content[:whole])
			must(t, err)
		}
		got, err := Parse(content[:n])
		if err != nil {
			t.Fatalf("the first %d bytes: %v", n, err)
		}
		if diff := cmp.Diff(want, got, exact); diff != "" || got.sound != whole {
			t.Fatalf("the first %d bytes: sound %d, want %d\n%s", n, got.sound, whole, diff)
		}
	}
	state, err := Parse(content)
	must(t, err)
	if target := state.Targets[0]; state.State != Deployed || target.Snapshot.RestorePoint != "7" || !target.Steps[1].Open() || len(target.Steps) != 2 {
		t.Errorf("read %+v", state)
	}
}

func TestParseRefusesWhatNoCrashLeaves(t *testing.T) {
	t.Parallel()
	head := `{"format":1,"run":"r","salt":"","targets":[{"function":"f","region":"r","account":"a"}]}` + "\n"
	for name, tt := range map[string]struct{ content, says string }{
		"another format":     {`{"format":2,"run":"r","targets":[{}]}` + "\n", "format is 2"},
		"no target":          {`{"format":1,"run":"r"}` + "\n", "names no run, no target"},
		"a broken header":    {`{"format":1,"run":"r",` + "\n", "the header: not a record"},
		"broken in between":  {head + "{\n" + `{"target":-1,"state":"deployed"}` + "\n", "line 2: not a record"},
		"no such target":     {head + `{"target":3,"snapshot":{}}` + "\n", "the header has no target 3"},
		"an outcome alone":   {head + `{"target":0,"step":4,"outcome":{"result":"done"}}` + "\n", "never begun"},
		"a line without end": {head + strings.Repeat("x", maxLine+1) + "\n" + head, "longer than"},
	} {
		if _, err := Parse([]byte(tt.content)); err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %v, want %q", name, err, tt.says)
		}
	}
}

// The line feed of a last line may be on the disk without what is before it.
func TestABrokenLastLineIsLeftOut(t *testing.T) {
	t.Parallel()
	content := written(t)
	for _, torn := range []string{"{\n", "\x00\x00\x00\n"} {
		state, err := Parse(append(content[:len(content):len(content)], torn...))
		if err != nil || state.State != Deployed || state.sound != len(content) {
			t.Errorf("%q: %+v, %v", torn, state, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(written(f))
	f.Add([]byte("\n{}\n"))
	f.Fuzz(func(t *testing.T, content []byte) {
		state, err := Parse(content)
		if err != nil {
			return
		}
		if state.sound > len(content) {
			t.Fatalf("sound %d of %d bytes", state.sound, len(content))
		}
		again, err := Parse(content[:state.sound])
		if err != nil {
			t.Fatalf("the sound part does not read: %v", err)
		}
		if diff := cmp.Diff(state, again, exact); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestAStopHoldsBackTheNextCallAndNoRollback(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	j, path := created(t)
	forward, err := j.Begin(ctx, 0, Intent{Call: "UpdateAlias"})
	must(t, err)
	if j.Stopped() {
		t.Error("stopped before anybody asked")
	}
	must(t, NewFile(path).Stop(ctx))
	if _, err := j.Begin(ctx, 0, Intent{Call: "UpdateAlias"}); !errors.Is(err, ErrStopped) || !j.Stopped() {
		t.Errorf("another call: %v", err)
	}
	if err := j.Again(ctx, 0, forward); !errors.Is(err, ErrStopped) {
		t.Errorf("the same call again: %v", err)
	}
	must(t, j.End(ctx, 0, forward, Outcome{Result: Done}))
	back, err := j.Begin(ctx, 0, Intent{Call: "UpdateAlias", Back: true})
	must(t, err)
	must(t, j.Again(ctx, 0, back))
	must(t, j.Close())
}

func TestAnOpenJournalWithChangesIsNotWrittenOver(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "j.jsonl")
	begin := func() (*Journal, error) { return Create(ctx, NewFile(path), header, clock) }
	j, err := begin()
	must(t, err)
	must(t, j.Close())
	j, err = begin()
	if err != nil {
		t.Fatalf("over a run that changed nothing: %v", err)
	}
	_, err = j.Begin(ctx, 0, Intent{Call: "UpdateAlias"})
	must(t, err)
	must(t, j.Close())
	var open *OpenError
	if _, err := begin(); !errors.As(err, &open) || !strings.Contains(err.Error(), "rollback --journal "+path) {
		t.Errorf("over an open run: %v", err)
	}
	j, err = Resume(ctx, NewFile(path), clock)
	must(t, err)
	must(t, j.Settle(ctx, RolledBack))
	must(t, j.Close())
	j, err = begin()
	if err != nil {
		t.Fatalf("over a settled run: %v", err)
	}
	must(t, j.Close())
}

// What RunState and Target return is a copy: records that follow do not change it.
func TestWhatWasHandedOutStaysAsItWas(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	j, err := Create(ctx, NewFile(filepath.Join(t.TempDir(), "j")), header, clock)
	must(t, err)
	must(t, j.Append(ctx, Record{Snapshot: &Snapshot{Exists: true}}))
	step, err := j.Begin(ctx, 0, Intent{Call: "PublishVersion", RestorePoint: true})
	must(t, err)
	log, target := j.RunState(), j.Target(0)
	must(t, j.End(ctx, 0, step, Outcome{Result: Done, Version: "3"}))
	for name, got := range map[string]TargetLog{"RunState": log.Targets[0], "Target": target} {
		if got.Steps[0].Outcome != nil || got.Snapshot.RestorePoint != "" {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if now := j.Target(0); now.Snapshot.RestorePoint != "3" || j.Header().Run != "r1" || !j.RunState().Changed() {
		t.Errorf("now %+v", now)
	}
	must(t, j.Close())
}

func TestARollbackByHandAdoptsWhatItFound(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	j, path := created(t)
	live := Alias{Name: "live", Version: "4"}
	found := &TargetLog{
		Snapshot: &Snapshot{Exists: true, Content: Content{CodeSha256: "a"}, Aliases: []Alias{{Name: "live", Version: "3"}}, Missing: []string{"new"}},
		Steps: []Step{
			{Intent: Intent{Call: "UpdateAlias", Alias: &live, AliasName: "live"}, Outcome: &Outcome{Result: Done}},
			{Intent: Intent{Call: "UpdateFunctionCode", Content: &Content{CodeSha256: "b"}}, Outcome: &Outcome{Result: Done, Content: &Content{CodeSha256: "c"}, Version: "4"}},
			{Intent: Intent{Call: "UpdateFunctionCode", Content: &Content{CodeSha256: "d"}}, Outcome: &Outcome{Result: Refused}},
			{Intent: Intent{Call: "DeleteAlias", AliasName: "live"}, Outcome: &Outcome{Result: Done}},
		},
	}
	must(t, j.Adopt(ctx, found))
	must(t, j.Close())
	state, err := Read(ctx, NewFile(path))
	must(t, err)
	target := state.Targets[0]
	states, absent := target.AliasStates("live")
	if diff := cmp.Diff([]Alias{{Name: "live", Version: "3"}, live}, states); diff != "" || !absent {
		t.Errorf("alias states, absent %v: %s", absent, diff)
	}
	if states, absent := target.AliasStates("new"); len(states) != 0 || !absent {
		t.Errorf("new alias: %v, absent %v", states, absent)
	}
	if diff := cmp.Diff([]Content{{CodeSha256: "a"}, {CodeSha256: "b"}, {CodeSha256: "c"}}, target.Contents()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"4"}, target.Published()); diff != "" {
		t.Error(diff)
	}
}

func TestAnAliasComesBackWithEveryFieldNamed(t *testing.T) {
	t.Parallel()
	empty := ""
	a := AliasOf(definition.Alias{Name: "live", Version: "3", Weights: map[string]float64{"2": 0.1}})
	want := definition.Alias{Name: "live", Description: &empty, Version: "3", Weights: map[string]float64{"2": 0.1}}
	if diff := cmp.Diff(want, a.Definition()); diff != "" {
		t.Error(diff)
	}
	if b := AliasOf(a.Definition()); !a.Equal(b) || a.Equal(Alias{Name: "live", Version: "3"}) {
		t.Errorf("%+v and %+v", a, b)
	}
	c := Content{Fields: map[string]string{"Timeout": "1"}, CodeSha256: "x"}
	if !c.Equal(Content{Fields: map[string]string{"Timeout": "1"}, CodeSha256: "x"}) || c.Equal(Content{CodeSha256: "x"}) {
		t.Error("contents")
	}
}

// An unchanged deployment leaves a settled journal without a step.
func TestAMarkIsASettledJournal(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "j.jsonl")
	must(t, Mark(context.Background(), NewFile(path), header, clock))
	state, err := Read(context.Background(), NewFile(path))
	if must(t, err); state.State != Kept || state.Changed() {
		t.Errorf("%+v", state)
	}
	if _, err := os.Stat(path + ".lock"); err == nil {
		t.Error("a settled journal keeps its reserve")
	}
}

// A journal of as many Targets as a run may have can be read again.
func TestTheLargestHeaderReads(t *testing.T) {
	t.Parallel()
	h := header
	h.Targets = nil
	for range maxTargets {
		h.Targets = append(h.Targets, Target{
			Function: strings.Repeat("f", 64), Region: "ap-southeast-2", Account: "000000000000", Partition: "aws",
			Role: "arn:aws:iam::000000000000:role/" + strings.Repeat("r", 64), Connector: "arn:aws:iam::000000000000:role/" + strings.Repeat("c", 64),
		})
	}
	b := newBucket()
	store, err := NewObject(b, ObjectURL("s3://bucket/runs", "big"))
	must(t, err)
	_, err = Create(context.Background(), store, h, clock)
	must(t, err)
	state, err := Read(context.Background(), store)
	if must(t, err); len(state.Targets) != maxTargets {
		t.Errorf("%d targets", len(state.Targets))
	}
	h.Targets = append(h.Targets, h.Targets[0])
	if _, err := Create(context.Background(), store, h, clock); err == nil {
		t.Error("a journal that nobody could read was begun")
	}
}

// CodeDeploy leaves an alias at one of two versions, with any weight for the other.
func TestAStateOfCodeDeployIsTheRunsOwn(t *testing.T) {
	t.Parallel()
	handed := func(outcome *Outcome) TargetLog {
		return TargetLog{
			Snapshot: &Snapshot{Aliases: []Alias{{Name: "live", Version: "1", Description: "d"}}},
			Steps: []Step{{
				Intent:  Intent{AliasName: "live", Alias: &Alias{Name: "live", Version: "2", Description: "d"}, HandOver: &HandOver{From: "1"}},
				Outcome: outcome,
			}},
		}
	}
	for name, tc := range map[string]struct {
		alias   Alias
		outcome *Outcome
		want    bool
	}{
		"on the way":       {Alias{"live", "d", "1", map[string]float64{"2": 0.3}}, &Outcome{Result: Done}, true},
		"no answer":        {Alias{"live", "d", "1", map[string]float64{"2": 0.3}}, nil, true},
		"there":            {Alias{"live", "d", "2", nil}, &Outcome{Result: Done}, true},
		"the other way":    {Alias{"live", "d", "2", map[string]float64{"1": 0.3}}, &Outcome{Result: Done}, true},
		"refused":          {Alias{"live", "d", "1", map[string]float64{"2": 0.3}}, &Outcome{Result: Refused}, false},
		"a third version":  {Alias{"live", "d", "1", map[string]float64{"3": 0.3}}, &Outcome{Result: Done}, false},
		"another one":      {Alias{"live", "d", "3", map[string]float64{"2": 0.3}}, &Outcome{Result: Done}, false},
		"described anew":   {Alias{"live", "x", "1", map[string]float64{"2": 0.3}}, &Outcome{Result: Done}, false},
		"of another alias": {Alias{"next", "d", "1", map[string]float64{"2": 0.3}}, &Outcome{Result: Done}, false},
		"the state before": {Alias{"live", "d", "1", nil}, &Outcome{Result: Refused}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			log := handed(tc.outcome)
			if got := log.MayHaveLeft(tc.alias); got != tc.want {
				t.Errorf("%v, want %v", got, tc.want)
			}
		})
	}
	log := handed(&Outcome{Result: Done, Deployment: "d-1"})
	log.Steps = append(log.Steps, Step{Intent: Intent{Back: true, HandOver: &HandOver{Stop: "d-1"}}})
	if all := log.HandedOver(); len(all) != 1 || all[0].Deployment != "d-1" {
		t.Errorf("handed over: %+v", all)
	}
}
