package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/event"
	"github.com/lambda-rollout/lambda-rollout/internal/journal"
	"github.com/lambda-rollout/lambda-rollout/internal/lambdaapi"
	"github.com/lambda-rollout/lambda-rollout/internal/plan"
	"github.com/lambda-rollout/lambda-rollout/internal/traffic"
)

func TestADeploymentChangesConfigurationThenCodeThenPublishesAndMovesAliasesThenTags(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.aws.function.Tags = map[string]string{"old": "tag"}
		w := wanted("live", "next")
		w.Function.Tags = map[string]string{"team": "web"}
		b.mustDeploy(w)
		want := []string{"UpdateConfiguration", "UpdateCode", "PublishVersion", "UpdateAlias", "CreateAlias", "Untag", "Tag"}
		if diff := cmp.Diff(want, b.aws.changes()); diff != "" {
			t.Error(diff)
		}
		if got := b.aws.find("2").Description; *got != w.Marker.String() {
			t.Errorf("version 2 is described as %q", *got)
		}
	})
}

func TestAnUnchangedFunctionMakesNoCallThatChangesAnything(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		w := wanted("live")
		w.Function.MemorySize, w.Code.Sha256 = new(int32(128)), "one"
		b.mustDeploy(w)
		if got := b.aws.changes(); len(got) > 0 {
			t.Errorf("calls %q", got)
		}
	})
}

func TestAConfigurationThatIsRefusedBeforeTheCodeIsTriedAfterIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.aws.before = failing("UpdateConfiguration", 1, refusal)
		b.mustDeploy(wanted("live"))
		want := []string{"UpdateConfiguration", "UpdateCode", "UpdateConfiguration", "PublishVersion", "UpdateAlias"}
		if diff := cmp.Diff(want, b.aws.changes()); diff != "" {
			t.Error(diff)
		}
		if !slices.ContainsFunc(b.events.all, func(e event.Event) bool { _, is := e.(event.CodeFirst); return is }) {
			t.Error("no event was emitted")
		}
		// The rollback goes through the order that was accepted.
		b.aws.calls, b.aws.before = nil, nil
		if r := b.rollback(t.Context()); !r.Complete() {
			t.Errorf("%+v", r)
		}
		if diff := cmp.Diff([]string{"UpdateAlias", "UpdateConfiguration", "UpdateCode"}, b.aws.changes()); diff != "" {
			t.Error(diff)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.aws.before = func(call string, _ int) error {
			if call == "UpdateConfiguration" {
				return refusal
			}
			return nil
		}
		if err := b.deploy(t.Context(), wanted("live")); !errors.Is(err, refusal) {
			t.Errorf("the error is %v", err)
		}
		if diff := cmp.Diff([]string{"UpdateConfiguration", "UpdateCode", "UpdateConfiguration"}, b.aws.changes()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestARestorePointIsPublishedBeforeTheFirstChangeWhereNoAliasHasTheState(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.aws.function.CodeSha256 = "hot fix"
		b.mustDeploy(wanted("live"))
		if diff := cmp.Diff([]string{"PublishVersion", "UpdateConfiguration", "UpdateCode", "PublishVersion", "UpdateAlias"}, b.aws.changes()); diff != "" {
			t.Error(diff)
		}
		if got := b.record.log.Snapshot.RestorePoint; got != "2" {
			t.Errorf("the restore point is %q", got)
		}
	})
}

func TestAnAliasOnLatestLeavesItBeforeItChanges(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.aws.aliases["live"].Version = plan.Latest
		b.aws.versions = nil
		w := wanted("live")
		w.Traffic = traffic.Schedule{{Percent: 10}}
		b.mustDeploy(w)
		want := []string{"PublishVersion", "UpdateAlias", "UpdateConfiguration", "UpdateCode", "PublishVersion", "UpdateAlias"}
		if diff := cmp.Diff(want, b.aws.changes()); diff != "" {
			t.Error(diff)
		}
		if got := b.aws.aliases["live"]; got.Version != "1" || got.Weights["2"] != 0.1 {
			t.Errorf("live is %v", got)
		}
	})
}

func TestAPublicationThatFindsNothingNewMovesNoAlias(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.aws.aliases["live"].Version = "1"
		w := wanted("live")
		w.Function.MemorySize, w.Code.Sha256 = new(int32(128)), "one"
		o, err := Observe(t.Context(), b.aws, w, nil)
		if err != nil {
			t.Fatal(err)
		}
		p := plan.Plan{Function: "f", Steps: []plan.Step{plan.PublishVersion{Description: "ours"}, plan.MoveAlias{Name: "live", Percent: 100}}}
		e := b.engine()
		if err := e.Snapshot(t.Context(), w, o, p); err != nil {
			t.Fatal(err)
		}
		version, err := e.Prepare(t.Context(), p)
		if err == nil {
			if err = e.Shift(t.Context(), p, version.Version, 0); err == nil {
				err = e.Finish(t.Context(), p)
			}
		}
		if err != nil || version.Version != "1" || slices.Contains(b.aws.changes(), "UpdateAlias") {
			t.Errorf("%v: version %s after %q", err, version.Version, b.aws.changes())
		}
		ended := slices.IndexFunc(b.events.all, func(e event.Event) bool { s, is := e.(event.StepEnded); return is && s.Existed && s.Published == "1" })
		if ended < 0 {
			t.Errorf("the events are %+v", b.events.all)
		}
		if e.Arn() != "arn:f" {
			t.Errorf("the ARN is %q", e.Arn())
		}
	})
}

func TestAVersionThatCannotStartIsRecordedAndDeletedByTheRollback(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.aws.before = on("PublishVersion", 1, func() error {
			b.aws.function.State.Value = "Pending" // the version begins in this state
			b.aws.function.Update.Value = ""
			return nil
		})
		e := failedVersion{b.aws}
		w := wanted("live")
		o, err := Observe(t.Context(), e, w, nil)
		if err != nil {
			t.Fatal(err)
		}
		p := plan.Forward(w, o)
		engine := New(e, b.record, b.events, b.code)
		if err := engine.Snapshot(t.Context(), w, o, p); err != nil {
			t.Fatal(err)
		}
		_, err = engine.Prepare(t.Context(), p)
		if failed := (*lambdaapi.FailedError)(nil); !errors.As(err, &failed) || failed.Qualifier != "2" {
			t.Fatalf("the error is %v", err)
		}
		if got := b.record.outcome("PublishVersion"); got.FailedVersion != "2" || got.Version != "" {
			t.Errorf("the outcome is %+v", got)
		}
		b.aws.calls = nil
		if r := b.rollback(t.Context()); !r.Complete() || !slices.Contains(b.aws.changes(), "DeleteFunction") || len(b.aws.versions) != 1 {
			t.Errorf("%+v after %q, versions %d", r, b.aws.changes(), len(b.aws.versions))
		}
	})
}

// failedVersion publishes versions that AWS cannot start.
type failedVersion struct{ *fake }

func (f failedVersion) PublishVersion(ctx context.Context, p lambdaapi.Publication) (*definition.Observed, error) {
	v, err := f.fake.PublishVersion(ctx, p)
	if err == nil {
		v.State.Value = "Pending"
		f.versions[len(f.versions)-1].State = definition.Status{Value: "Failed", Reason: "no", Code: "InvalidImage"}
	}
	return v, err
}

// Somebody else's update is made and completed just before each of the looks of
// a deployment. It must never be taken for the deployment's own work.
func TestASecondWriterBetweenOurUpdateAndOurNextLookIsSeen(t *testing.T) {
	t.Parallel()
	rival := func(b *bench) func(string, int) error {
		return func(string, int) error {
			now := *b.aws.function
			now.MemorySize, now.RevisionId = new(int32(512)), b.aws.next()
			now.Update.Value, now.State.Value = "Successful", "Active"
			b.aws.function = &now
			return nil
		}
	}
	looks := 0
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.mustDeploy(wanted("live"))
		for _, c := range b.aws.calls {
			if c == "Find" {
				looks++
			}
		}
	})
	const observing = 2 // $LATEST and what the alias points to
	if looks < observing+3 {
		t.Fatalf("a deployment looks %d times", looks)
	}
	for n := observing + 1; n <= looks; n++ {
		t.Run(fmt.Sprint("look ", n), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t)
				act, struck := rival(b), false
				b.aws.before = func(call string, i int) error {
					if call != "Find" || i != n {
						return nil
					}
					struck = true
					return act(call, i)
				}
				err := b.deploy(t.Context(), wanted("live"))
				foreignErr := (*ForeignError)(nil)
				if !struck || !errors.As(err, &foreignErr) {
					t.Fatalf("the deployment ended with %v", err)
				}
				r := b.rollback(t.Context())
				if *b.aws.function.MemorySize != 512 || r.Complete() {
					t.Errorf("the other writer's work is gone, or the rollback claims that all is as it was: %d MB, %+v", *b.aws.function.MemorySize, r)
				}
			})
		})
	}
}

// Between a look and the next call the RevisionId guards.
func TestASecondWriterBetweenALookAndACallIsSeen(t *testing.T) {
	t.Parallel()
	for _, call := range []string{"UpdateConfiguration", "UpdateCode", "PublishVersion"} {
		t.Run(call, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t)
				b.aws.before = on(call, 1, func() error {
					now := *b.aws.function
					now.Timeout, now.RevisionId = new(int32(99)), b.aws.next()
					b.aws.function = &now
					return nil
				})
				err := b.deploy(t.Context(), wanted("live"))
				if foreignErr := (*ForeignError)(nil); !errors.As(err, &foreignErr) {
					t.Errorf("the error is %v", err)
				}
				if b.rollback(t.Context()); b.aws.function.Timeout == nil || *b.aws.function.Timeout != 99 {
					t.Error("the other writer's work is gone")
				}
			})
		})
	}
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.aws.before = on("UpdateAlias", 1, func() error {
			moved := *b.aws.aliases["live"]
			moved.Version, moved.RevisionId = "7", b.aws.next()
			b.aws.aliases["live"] = &moved
			return nil
		})
		err := b.deploy(t.Context(), wanted("live"))
		if foreignErr := (*ForeignError)(nil); !errors.As(err, &foreignErr) || !strings.Contains(err.Error(), "alias live of f was changed by somebody else") {
			t.Errorf("the error is %v", err)
		}
		if r := b.rollback(t.Context()); b.aws.aliases["live"].Version != "7" || !r.Complete() {
			t.Errorf("live is at %s, %+v", b.aws.aliases["live"].Version, r)
		}
	})
}

// The RevisionId moves by itself, when an update ends and when others tag.
func TestARevisionThatMovedAloneIsNoSecondWriter(t *testing.T) {
	t.Parallel()
	for _, call := range []string{"UpdateConfiguration", "UpdateCode", "PublishVersion", "UpdateAlias"} {
		t.Run(call, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t)
				b.aws.before = on(call, 1, func() error {
					now, live := *b.aws.function, *b.aws.aliases["live"]
					now.RevisionId, live.RevisionId = b.aws.next(), b.aws.next()
					b.aws.function, b.aws.aliases["live"] = &now, &live
					return nil
				})
				b.mustDeploy(wanted("live"))
			})
		})
	}
}

func TestWhatAWSCannotShowIsNoSecondWriter(t *testing.T) {
	t.Parallel()
	hole := []definition.Unreadable{{Field: "Environment", Reason: "AccessDeniedException"}}
	a := &definition.Observed{CodeSha256: "one", Function: definition.Function{Environment: &definition.Environment{Variables: map[string]string{"A": "b"}}}}
	b := &definition.Observed{CodeSha256: "one", Unreadable: hole}
	if !sameContent(a, b) || sameContent(a, &definition.Observed{CodeSha256: "one"}) || sameContent(a, &definition.Observed{CodeSha256: "two", Unreadable: hole}) {
		t.Error("an unreadable environment counts as changed, or a readable one does not")
	}
}

func TestAFunctionWhoseUpdateFailsIsReportedWithAWSReason(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.aws.after = on("UpdateCode", 1, func() error {
			b.aws.function.Update = definition.Status{Value: "Failed", Reason: "no such image", Code: "ImageDeleted"}
			return nil
		})
		err := b.deploy(t.Context(), wanted("live"))
		if failed := (*lambdaapi.FailedError)(nil); !errors.As(err, &failed) || failed.Status.Code != "ImageDeleted" {
			t.Errorf("the error is %v", err)
		}
		if got := b.record.outcome("UpdateFunctionCode"); got.Result != journal.Done || got.Content == nil {
			t.Errorf("the outcome is %+v", got)
		}
	})
}

func TestAnUpdateUnderWayIsWaitedOutBeforeThePlan(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.aws.settleAfter = 20
		b.aws.function.Update.Value = "InProgress"
		seen := 0
		o, err := Observe(t.Context(), b.aws, wanted("live"), func(*definition.Observed) { seen++ })
		if err != nil || !o.Latest.Settled() || seen == 0 {
			t.Errorf("%v after %d looks: %+v", err, seen, o.Latest)
		}
	})
}

func TestAnAliasWithProvisionedConcurrencyIsFollowedUntilItsWeightsAreGone(t *testing.T) {
	t.Parallel()
	weights := func(b *bench) {
		shifting := *b.aws.aliases["live"]
		shifting.Weights, shifting.RevisionId = map[string]float64{"1": 0.5}, b.aws.next()
		b.aws.aliases["live"] = &shifting
	}
	for name, answer := range map[string]error{"answered": nil, "lost": lost} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t)
				b.aws.status["live"] = "IN_PROGRESS"
				looks := 0
				b.aws.before = func(call string, _ int) error {
					if looks++; call == "FindAlias" && looks > 3 {
						settled := *b.aws.aliases["live"]
						settled.Weights = nil
						b.aws.aliases["live"] = &settled
					}
					return nil
				}
				b.aws.after = on("UpdateAlias", 1, func() error { weights(b); looks = 0; return answer })
				b.mustDeploy(wanted("live"))
				if got := b.aws.aliases["live"]; got.Version != "2" || len(got.Weights) > 0 {
					t.Errorf("live is %+v", got)
				}
				// The rollback meets them as well.
				b.aws.status["live"] = "IN_PROGRESS"
				b.aws.after = on("UpdateAlias", 2, func() error { weights(b); looks = 0; return answer })
				weights(b)
				if r := b.rollback(t.Context()); !r.Complete() || b.aws.aliases["live"].Version != "1" {
					t.Errorf("%+v, live is %+v", r, b.aws.aliases["live"])
				}
			})
		})
	}
}

func TestWeightsOfAWSAreNotPartOfTheStateBefore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.aws.status["live"] = "READY"
		b.aws.aliases["live"].Weights = map[string]float64{"7": 0.3}
		o, err := Observe(t.Context(), b.aws, wanted("live"), nil)
		if err != nil || len(o.Aliases["live"].Weights) > 0 || !o.Provisioned["live"] {
			t.Errorf("%v: %+v", err, o.Aliases["live"])
		}
	})
}

func TestProvisionedConcurrencyThatFailsFailsTheDeployment(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.aws.status["live"] = "FAILED"
		if err := b.deploy(t.Context(), wanted("live")); err == nil || !strings.Contains(err.Error(), "provisioned concurrency of alias live is FAILED") {
			t.Errorf("the error is %v", err)
		}
	})
	// Not knowing is a warning: the alias has moved.
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.aws.before = failing("Provisioned", 1, denial)
		b.mustDeploy(wanted("live"))
		if !slices.ContainsFunc(b.events.all, func(e event.Event) bool { _, is := e.(event.Warning); return is }) {
			t.Error("nobody was warned")
		}
	})
}

func TestAShiftMovesTheAliasAndNothingElse(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.mustDeploy(func() plan.Wanted {
			w := wanted("live")
			w.Traffic = traffic.Schedule{{Percent: 10}}
			return w
		}())
		b.aws.calls = nil
		b.mustDeploy(plan.Wanted{
			Function: definition.Function{FunctionName: "f"}, Aliases: []definition.Alias{{Name: "live"}}, ShiftTo: "2", Traffic: traffic.Schedule{{Percent: 50}},
		})
		if got := b.aws.aliases["live"]; got.Version != "1" || got.Weights["2"] != 0.5 {
			t.Errorf("live is %+v", got)
		}
		if diff := cmp.Diff([]string{"UpdateAlias"}, b.aws.changes()); diff != "" {
			t.Error(diff)
		}
	})
}
