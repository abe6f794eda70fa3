package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/journal"
	"github.com/lambda-rollout/lambda-rollout/internal/lambdaapi"
	"github.com/lambda-rollout/lambda-rollout/internal/plan"
	"github.com/lambda-rollout/lambda-rollout/internal/session"
)

func TestEachErrorAndSightHasItsMove(t *testing.T) {
	t.Parallel()
	for class := lambdaapi.Refused; class <= lambdaapi.Stopped; class++ {
		if _, known := decisions[class]; !known {
			t.Errorf("class %d has no row", class)
		}
	}
	foreignErr := &ForeignError{}
	for _, tc := range []struct {
		name string
		err  error
		sees sight
		// looks is false where the answer alone decides.
		looks   bool
		want    move
		foreign bool
	}{
		{name: "refused", err: refusal, want: stop},
		{name: "denied", err: denial, want: stop},
		{name: "not found", err: apiError(404, "ResourceNotFoundException", ""), want: stop},
		{name: "throttled", err: throttled, want: retry},
		{name: "not usable yet", err: notYet, want: retry},
		{name: "stale and applied", err: stale, sees: applied, looks: true, want: done},
		{name: "stale and unchanged", err: stale, sees: unchanged, looks: true, want: retry},
		{name: "stale and foreign", err: stale, sees: foreign, looks: true, want: stop, foreign: true},
		{name: "stale and unreadable", err: stale, sees: unreadable, looks: true, want: retry},
		{name: "lost and applied", err: lost, sees: applied, looks: true, want: done},
		{name: "lost and unchanged", err: lost, sees: unchanged, looks: true, want: retry},
		{name: "lost and foreign", err: lost, sees: foreign, looks: true, want: stop, foreign: true},
		{name: "lost and unreadable", err: lost, sees: unreadable, looks: true, want: stop},
		{name: "an answer to another call", err: &lambdaapi.AnswerError{}, sees: unchanged, looks: true, want: retry},
		{name: "conflict and applied", err: taken, sees: applied, looks: true, want: done},
		{name: "conflict that stays", err: taken, sees: unchanged, looks: true, want: stop},
		{name: "conflict with an update", err: conflicting, sees: unchanged, looks: true, want: retry},
		{name: "conflict and foreign", err: taken, sees: foreign, looks: true, want: stop, foreign: true},
		{name: "conflict and unreadable", err: taken, sees: unreadable, looks: true, want: retry},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			looked := false
			a := attempt{engine: b.engine(), change: change{look: func(context.Context) (sight, error) {
				looked = true
				if tc.sees == unreadable {
					return unreadable, errors.New("no look")
				}
				return tc.sees, nil
			}}}
			got, err := a.nextMove(t.Context(), lambdaapi.Classify(tc.err), tc.err)
			if got != tc.want || looked != tc.looks {
				t.Errorf("move %d, looked %v; want %d, %v", got, looked, tc.want, tc.looks)
			}
			if !errors.Is(err, tc.err) || errors.As(err, &foreignErr) != tc.foreign {
				t.Errorf("the error is %v", err)
			}
		})
	}
}

func TestACallThatWasStoppedBeforeItWentOutChangedNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ctx, cancel := context.WithCancel(t.Context())
	b.aws.before = on("UpdateConfiguration", 1, func() error {
		cancel()
		return fmt.Errorf("%w: %w", session.ErrNotSent, ctx.Err())
	})
	if err := b.deploy(ctx, wanted("live")); !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v", err)
	}
	if got := b.record.outcome("UpdateFunctionConfiguration").Result; got != journal.Refused {
		t.Errorf("the outcome is %q, want refused: nothing can come of it", got)
	}
}

// A lost answer is looked into before anything goes out again.
func TestALostAnswerIsFollowedByALook(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		call      string
		operation string
		// unfenced changes can still arrive when their copy took effect.
		unfenced bool
	}{
		{call: "UpdateConfiguration", operation: "UpdateFunctionConfiguration"},
		{call: "UpdateCode", operation: "UpdateFunctionCode"},
		{call: "PublishVersion", operation: "PublishVersion"},
		{call: "UpdateAlias", operation: "UpdateAlias"},
		{call: "CreateAlias", operation: "CreateAlias", unfenced: true},
		{call: "Tag", operation: "TagResource", unfenced: true},
		{call: "Untag", operation: "UntagResource", unfenced: true},
		{call: "SetCodeSigning", operation: "PutFunctionCodeSigningConfig", unfenced: true},
	} {
		w := wanted("live", "next")
		w.Function.Tags = map[string]string{"team": "new"}
		w.Function.CodeSigningConfigArn = new("arn:csc")
		prepare := func(t *testing.T) *bench {
			b := newBench(t)
			b.aws.function.Tags = map[string]string{"old": "tag"}
			return b
		}
		for name, answer := range map[string]error{"nothing": lost, "another": &lambdaapi.AnswerError{Operation: tc.operation, Subject: "f"}} {
			t.Run(tc.call+" answered by "+name+" and not applied", func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					b := prepare(t)
					b.aws.before = failing(tc.call, 1, answer)
					b.mustDeploy(w)
					outcome := b.record.outcome(tc.operation)
					if outcome.Result != journal.Done || outcome.Doubt != tc.unfenced || b.record.again != 1 {
						t.Errorf("the outcome is %+v after %d calls that were recorded again, want done after one, doubt %v", outcome, b.record.again, tc.unfenced)
					}
				})
			})
			t.Run(tc.call+" answered by "+name+" and applied", func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					b := prepare(t)
					b.aws.after = failing(tc.call, 1, answer)
					b.mustDeploy(w)
					sent := 0
					for _, c := range b.aws.changes() {
						if c == tc.call {
							sent++
						}
					}
					want := 1
					if tc.call == "PublishVersion" {
						want = 2 // the version's number comes with the next answer
					}
					if got := b.record.outcome(tc.operation); sent != want || got.Result != journal.Done {
						t.Errorf("sent %d times, outcome %+v", sent, got)
					}
				})
			})
		}
	}
}

func TestALostCallWhoseEffectCannotBeSeenIsRecordedAsUnknown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		down := false
		b.aws.before = func(call string, _ int) error {
			switch {
			case call == "UpdateConfiguration":
				down = true
				return lost
			case down && call == "Find":
				return lost
			}
			return nil
		}
		if err := b.deploy(t.Context(), wanted("live")); !errors.Is(err, lost) {
			t.Errorf("the error is %v", err)
		}
		if got := b.record.outcome("UpdateFunctionConfiguration").Result; got != journal.Unknown || len(b.aws.changes()) != 1 {
			t.Errorf("outcome %q after %q, want unknown after one call", got, b.aws.changes())
		}
	})
}

// An answer with success that does not show what the call was to do is none.
func TestAnAnswerThatShowsSomethingElseIsALostAnswer(t *testing.T) {
	t.Parallel()
	for _, call := range []string{"UpdateConfiguration", "UpdateCode", "PublishVersion", "CreateAlias", "UpdateAlias", "CreateFunction"} {
		t.Run(call, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t)
				if call == "CreateFunction" {
					b.aws.function, b.aws.versions, b.aws.aliases = nil, nil, map[string]*definition.ObservedAlias{}
				}
				w := wanted("live", "next")
				w.Function.Role, w.Function.Runtime, w.Function.Handler = new("arn:aws:iam::123456789012:role/f"), new("nodejs22.x"), new("index.handler")
				e := &foreignAnswers{fake: b.aws, call: call}
				o, err := Observe(t.Context(), e, w, nil)
				if err != nil {
					t.Fatal(err)
				}
				p := plan.Forward(w, o)
				engine := New(e, b.record, b.events, b.code)
				version, err := (*definition.Observed)(nil), engine.Snapshot(t.Context(), w, o, p)
				if err == nil {
					version, err = engine.Prepare(t.Context(), p)
				}
				if err == nil {
					if err = engine.Shift(t.Context(), p, version.Version, 0); err == nil {
						err = engine.Finish(t.Context(), p)
					}
				}
				if err != nil {
					t.Fatal(err)
				}
				if !e.answered {
					t.Fatal("no foreign answer was given")
				}
				if o := b.aws.function; *o.MemorySize != 256 || o.CodeSha256 != "two" || b.aws.aliases["live"].Version != version.Version || b.aws.aliases["next"].Version != version.Version {
					t.Errorf("the deployment is not complete: %v %v", o, b.aws.aliases)
				}
			})
		})
	}
}

// foreignAnswers does nothing at the first call of an operation and answers with
// an object of somebody else.
type foreignAnswers struct {
	*fake
	call     string
	answered bool
}

func (f *foreignAnswers) first(call string) bool {
	is := call == f.call && !f.answered
	f.answered = f.answered || is
	return is
}

func other() *definition.Observed {
	return &definition.Observed{Function: definition.Function{FunctionName: "f", MemorySize: new(int32(1024))}, CodeSha256: "other", Version: "9", State: definition.Status{Value: "Active"}}
}

func (f *foreignAnswers) CreateFunction(ctx context.Context, d definition.Function, c definition.Code) (*definition.Observed, error) {
	if f.first("CreateFunction") {
		return other(), nil
	}
	return f.fake.CreateFunction(ctx, d, c)
}

func (f *foreignAnswers) UpdateConfiguration(ctx context.Context, name string, d definition.Function, r string) (*definition.Observed, error) {
	if f.first("UpdateConfiguration") {
		return other(), nil
	}
	return f.fake.UpdateConfiguration(ctx, name, d, r)
}

func (f *foreignAnswers) UpdateCode(ctx context.Context, u lambdaapi.CodeUpdate) (*definition.Observed, error) {
	if f.first("UpdateCode") {
		return other(), nil
	}
	return f.fake.UpdateCode(ctx, u)
}

func (f *foreignAnswers) PublishVersion(ctx context.Context, p lambdaapi.Publication) (*definition.Observed, error) {
	if f.first("PublishVersion") {
		return other(), nil
	}
	return f.fake.PublishVersion(ctx, p)
}

func (f *foreignAnswers) CreateAlias(ctx context.Context, name string, a definition.Alias) (definition.ObservedAlias, error) {
	if f.first("CreateAlias") {
		return definition.ObservedAlias{}, nil
	}
	return f.fake.CreateAlias(ctx, name, a)
}

func (f *foreignAnswers) UpdateAlias(ctx context.Context, name string, a definition.Alias, r string) (definition.ObservedAlias, error) {
	if f.first("UpdateAlias") {
		return definition.ObservedAlias{Alias: definition.Alias{Name: a.Name, Version: "7"}}, nil
	}
	return f.fake.UpdateAlias(ctx, name, a, r)
}

func TestARoleThatIsNotUsableYetIsWaitedForMinutes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		start := time.Now()
		usable := start.Add(4 * time.Minute)
		b.aws.before = func(call string, _ int) error {
			if call == "UpdateConfiguration" && time.Now().Before(usable) {
				return notYet
			}
			return nil
		}
		b.mustDeploy(wanted("live"))
		if took := time.Since(start); took < 4*time.Minute {
			t.Errorf("it took %s", took)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		start := time.Now()
		b.aws.before = func(call string, _ int) error {
			if call == "UpdateConfiguration" {
				return notYet
			}
			return nil
		}
		err := b.deploy(t.Context(), wanted("live"))
		if took := time.Since(start); !errors.Is(err, notYet) || took < 5*time.Minute || took > 6*time.Minute {
			t.Errorf("after %s: %v", took, err)
		}
	})
}

func TestAThrottledCallIsTriedForHalfAMinute(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.aws.before = func(call string, _ int) error {
			if call == "UpdateConfiguration" {
				return throttled
			}
			return nil
		}
		start := time.Now()
		err := b.deploy(t.Context(), wanted("live"))
		if took := time.Since(start); !errors.Is(err, throttled) || took < 20*time.Second || took > time.Minute || len(b.aws.changes()) != attempts {
			t.Errorf("after %s and %d calls: %v", took, len(b.aws.changes()), err)
		}
		if got := b.record.outcome("UpdateFunctionConfiguration").Result; got != journal.Refused {
			t.Errorf("the outcome is %q", got)
		}
	})
}

// An update of somebody else's that was under way at the first call is waited
// out, however long it takes, and its content is then somebody else's work.
func TestAConflictIsWaitedOutWhileAnUpdateIsUnderWay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.aws.settleAfter = 200
		b.aws.before = on("UpdateConfiguration", 1, func() error {
			b.aws.update(func(*definition.Observed) {}) // it changes nothing
			return nil
		})
		b.mustDeploy(wanted("live"))
		if got := *b.aws.function.MemorySize; got != 256 {
			t.Errorf("MemorySize %d", got)
		}
	})
}

// hanging answers no change before its context ends.
type hanging struct{ *fake }

func (h hanging) UpdateConfiguration(ctx context.Context, _ string, _ definition.Function, _ string) (*definition.Observed, error) {
	h.calls = append(h.calls, "UpdateConfiguration")
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestACallInFlightGetsItsGraceAndNoNewOneStarts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		ctx, cancel := context.WithCancelCause(t.Context())
		signal := errors.New("stopped by a signal")
		time.AfterFunc(time.Minute, func() { cancel(signal) })
		w := wanted("live")
		o, err := Observe(ctx, b.aws, w, nil)
		if err != nil {
			t.Fatal(err)
		}
		p := plan.Forward(w, o)
		e := New(hanging{b.aws}, b.record, b.events, b.code)
		if err := e.Snapshot(ctx, w, o, p); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		_, err = e.Prepare(ctx, p)
		if took := time.Since(start); !errors.Is(err, signal) || took != time.Minute+4*time.Second {
			t.Errorf("after %s: %v", took, err)
		}
		if got := b.record.outcome("UpdateFunctionConfiguration"); got.Result != journal.Unknown {
			t.Errorf("the outcome is %+v", got)
		}
		calls := len(b.aws.calls)
		if _, err := e.Prepare(ctx, p); !errors.Is(err, signal) || len(b.aws.calls) != calls {
			t.Errorf("%q after the signal: %v", b.aws.calls[calls:], err)
		}
	})
}

func TestATakenJournalEndsTheDeployment(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.aws.before = on("UpdateConfiguration", 1, func() error {
			b.record.taken = journal.ErrTaken
			return throttled
		})
		if err := b.deploy(t.Context(), wanted("live")); !errors.Is(err, journal.ErrTaken) {
			t.Errorf("the error is %v", err)
		}
		if got := b.aws.changes(); !slices.Equal(got, []string{"UpdateConfiguration"}) {
			t.Errorf("calls %q", got)
		}
	})
}
