package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/journal"
	"github.com/lambda-rollout/lambda-rollout/internal/lambdaapi"
	"github.com/lambda-rollout/lambda-rollout/internal/plan"
)

// state is what a rollback restores.
func (b *bench) state() string {
	if b.aws.function == nil {
		return "no function"
	}
	f := b.aws.function
	s := fmt.Sprintf("%s %d MB %q %v signing %q", f.CodeSha256, *f.MemorySize, *f.Description, f.Tags, b.aws.signing)
	for name, a := range b.aws.aliases {
		s += fmt.Sprintf(" %s→%s", name, plan.DescribeRouting(a.Alias))
	}
	return s
}

// everything is a deployment that changes all that a deployment can change.
func everything() plan.Wanted {
	w := wanted("live", "next")
	w.Function.Tags = map[string]string{"team": "web"}
	w.Function.CodeSigningConfigArn = new("arn:csc")
	return w
}

func TestTheStateAfterARollbackIsTheStateBefore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.aws.function.Tags = map[string]string{"old": "tag"}
		before := b.state()
		b.mustDeploy(everything())
		if b.state() == before {
			t.Fatal("nothing was deployed")
		}
		b.aws.calls = nil
		if r := b.rollback(t.Context()); !r.Complete() || b.state() != before {
			t.Errorf("%s, want %s: %+v", b.state(), before, r)
		}
		want := []string{"UpdateAlias", "DeleteAlias", "UpdateCode", "UpdateConfiguration", "SetCodeSigning", "Untag", "Tag"}
		if diff := cmp.Diff(want, b.aws.changes()); diff != "" {
			t.Error(diff)
		}
		b.aws.calls = nil
		if r := b.rollback(t.Context()); !r.Complete() || len(b.aws.changes()) > 0 {
			t.Errorf("a second rollback calls %q: %+v", b.aws.changes(), r)
		}
	})
}

// A rollback after each call of a deployment, answered or not, applied or not.
func TestARollbackRestoresTheStateWhereverTheDeploymentWasCutOff(t *testing.T) {
	t.Parallel()
	for _, call := range []string{"SetCodeSigning", "UpdateConfiguration", "UpdateCode", "PublishVersion", "UpdateAlias", "CreateAlias", "Untag", "Tag"} {
		for _, where := range []string{"before", "after"} {
			t.Run(where+" "+call, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					b := newBench(t)
					b.aws.function.Tags = map[string]string{"old": "tag"}
					before := b.state()
					ctx, cut := context.WithCancel(t.Context())
					hook := on(call, 1, func() error { cut(); return lost })
					if where == "before" {
						b.aws.before = hook
					} else {
						b.aws.after = hook
					}
					if err := b.deploy(ctx, everything()); err == nil {
						t.Fatal("the deployment went through")
					}
					b.aws.before, b.aws.after = nil, nil
					if r := b.rollback(t.Context()); !r.Complete() || b.state() != before {
						t.Errorf("%s, want %s: %+v", b.state(), before, r)
					}
				})
			})
		}
	}
}

func TestARollbackOfNothingMakesNoCall(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	if r := b.rollback(t.Context()); !r.Complete() || len(b.aws.calls) > 0 {
		t.Errorf("%+v after %q", r, b.aws.calls)
	}
	if p, err := LookBack(t.Context(), b.aws, nil, b.record.Target()); err != nil || !p.Empty() {
		t.Errorf("%v: %+v", err, p)
	}
}

func TestALookAtARollbackChangesNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.mustDeploy(wanted("live"))
		b.aws.calls = nil
		p, err := LookBack(t.Context(), b.aws, nil, b.record.Target())
		if err != nil || len(p.Steps) != 3 || len(b.aws.changes()) > 0 {
			t.Errorf("%v: %d steps after %q", err, len(p.Steps), b.aws.changes())
		}
	})
}

// The deployment's own update may still be under way when the rollback starts.
func TestARollbackWaitsForAnUpdateUnderWay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		before := b.state()
		ctx, cut := context.WithCancel(t.Context())
		b.aws.after = on("UpdateCode", 1, func() error { cut(); return lost })
		if err := b.deploy(ctx, wanted("live")); err == nil {
			t.Fatal("the deployment went through")
		}
		b.aws.settleAfter = 50 // it takes far longer than attempts
		b.aws.calls = nil
		if r := b.rollback(t.Context()); !r.Complete() || b.state() != before {
			t.Errorf("%s, want %s: %+v", b.state(), before, r)
		}
		if diff := cmp.Diff([]string{"UpdateCode", "UpdateConfiguration"}, b.aws.changes()); diff != "" {
			t.Errorf("a call went out while the update was under way: %s", diff)
		}
	})
}

// A late copy of the deployment's own call lands between the rollback's look and
// its fence.
func TestARollbackLooksAgainWhenALateCallArrives(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		before := b.state()
		ctx, cut := context.WithCancel(t.Context())
		b.aws.before = on("UpdateAlias", 1, func() error { cut(); return lost })
		if err := b.deploy(ctx, wanted("live")); err == nil {
			t.Fatal("the deployment went through")
		}
		b.aws.before = on("UpdateAlias", 2, func() error {
			late := *b.aws.aliases["live"]
			late.Version, late.RevisionId = "2", b.aws.next()
			b.aws.aliases["live"] = &late
			return nil
		})
		if r := b.rollback(t.Context()); !r.Complete() || b.state() != before {
			t.Errorf("%s, want %s: %+v", b.state(), before, r)
		}
	})
}

func TestARollbackThatKeepsBeingDisturbedEndsAfterSomeRounds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.mustDeploy(wanted("live"))
		b.aws.after = func(call string, _ int) error {
			if call == "UpdateAlias" {
				again := *b.aws.aliases["live"]
				again.Version, again.RevisionId = "2", b.aws.next()
				b.aws.aliases["live"] = &again
			}
			return nil
		}
		if _, err := b.engine().Rollback(t.Context()); err == nil || !strings.Contains(err.Error(), "keeps changing") {
			t.Errorf("the error is %v after %q", err, b.aws.changes())
		}
	})
}

// Nothing points to $LATEST, or changes it further, while it is not what it was.
func TestStepsAfterALostLatestAreNotTried(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.aws.aliases["live"].Version = plan.Latest
		b.mustDeploy(wanted("live"))
		b.code.err = errors.New("the zip is gone")
		b.aws.calls = nil
		r := b.rollback(t.Context())
		if diff := cmp.Diff([]string{"UpdateAlias"}, b.aws.changes()); diff != "" {
			t.Errorf("the alias goes to the restore point, and nothing more: %s", diff)
		}
		if len(r.Remaining) != 3 || !errors.Is(r.Remaining[0].Err, b.code.err) || r.Complete() {
			t.Errorf("remaining: %+v", r.Remaining)
		}
		for _, left := range r.Remaining[1:] {
			if !strings.Contains(left.Err.Error(), "not tried") {
				t.Errorf("%s: %v", left.Step.Operation(), left.Err)
			}
		}
		if got := b.aws.aliases["live"].Version; got != b.record.log.Snapshot.RestorePoint {
			t.Errorf("live is at %s", got)
		}
	})
}

func TestARollbackThatIsStoppedSendsNothingMore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.mustDeploy(wanted("live"))
		ctx, cut := context.WithCancel(t.Context())
		b.aws.calls, b.aws.after = nil, on("UpdateAlias", 1, func() error { cut(); return nil })
		r, err := b.engine().Rollback(ctx)
		if err != nil || r.Complete() || !slices.Equal(b.aws.changes(), []string{"UpdateAlias"}) {
			t.Errorf("%v after %q: %+v", err, b.aws.changes(), r)
		}
		// The next one finishes.
		b.aws.after = nil
		if r := b.rollback(t.Context()); !r.Complete() || b.aws.function.CodeSha256 != "one" {
			t.Errorf("%+v", r)
		}
	})
}

// first is the deployment of a function that is new.
func first(t *testing.T) (*bench, plan.Wanted) {
	b := newBench(t)
	b.aws.function, b.aws.versions, b.aws.aliases = nil, nil, map[string]*definition.ObservedAlias{}
	w := wanted("live")
	w.Function.Role, w.Function.Runtime, w.Function.Handler = new("arn:aws:iam::123456789012:role/f"), new("nodejs22.x"), new("index.handler")
	return b, w
}

func TestAFunctionThatTheRunCreatedIsDeleted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, w := first(t)
		b.mustDeploy(w)
		if r := b.rollback(t.Context()); !r.Complete() || b.state() != "no function" {
			t.Errorf("%s: %+v", b.state(), r)
		}
	})
}

// The deletion of an earlier rollback, whose answer was lost, comes while the next one
// looks at what others attached.
func TestAFunctionThatGoesWhileARollbackLooksIsGone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, w := first(t)
		b.mustDeploy(w)
		b.aws.before = on("ListAliases", 1, func() error {
			b.aws.function, b.aws.versions, b.aws.aliases = nil, nil, map[string]*definition.ObservedAlias{}
			return apiError(404, "ResourceNotFoundException", "Function not found")
		})
		if r := b.rollback(t.Context()); !r.Complete() {
			t.Errorf("%+v", r)
		}
	})
}

func TestNothingIsDeletedThatOthersHaveBegunToUse(t *testing.T) {
	t.Parallel()
	type someone func(b *bench)
	attach := func(qualifier, what string) someone {
		return func(b *bench) {
			b.aws.attached = []lambdaapi.Attachment{{Qualifier: qualifier, What: what}}
		}
	}
	both := map[string]someone{
		"permission p of live":         attach("live", "permission p"),
		"function URL of live":         attach("live", "function URL"),
		"event source mapping of live": attach("live", "event source mapping"),
		"no permission for":            func(b *bench) { b.aws.denied = denial },
	}
	onFunction := map[string]someone{
		"permission p":              attach("", "permission p"),
		"provisioned concurrency":   attach("1", "provisioned concurrency"),
		"reserved concurrency of 5": attach("", "reserved concurrency of 5"),
		"alias theirs": func(b *bench) {
			b.aws.aliases["theirs"] = &definition.ObservedAlias{Alias: definition.Alias{Name: "theirs", Version: "1"}}
		},
		"version 2": func(b *bench) {
			v := *b.aws.versions[0]
			v.Version, v.Description = "2", new("by hand")
			b.aws.versions = append(b.aws.versions, &v)
		},
		"code signing configuration arn:theirs": func(b *bench) { b.aws.signing = "arn:theirs" },
	}
	refused := func(t *testing.T, r Restored, want string) {
		t.Helper()
		if len(r.Refused) != 1 || !strings.Contains(r.Refused[0].Found, want) {
			t.Errorf("refused: %+v, want %q", r.Refused, want)
		}
	}
	for _, cases := range []map[string]someone{both, onFunction} {
		for want, act := range cases {
			t.Run("function, "+want, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					b, w := first(t)
					b.mustDeploy(w)
					act(b)
					r := b.rollback(t.Context())
					if b.aws.function == nil {
						t.Error("it is deleted")
					}
					refused(t, r, strings.Replace(want, "no permission for", "cannot be seen", 1))
				})
			})
		}
	}
	for want, act := range both {
		t.Run("alias, "+want, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t)
				b.aws.aliases = map[string]*definition.ObservedAlias{}
				b.mustDeploy(wanted("live"))
				act(b)
				r := b.rollback(t.Context())
				if b.aws.aliases["live"] == nil {
					t.Error("it is deleted")
				}
				if b.aws.function.CodeSha256 != "one" {
					t.Error("the rest is not rolled back")
				}
				refused(t, r, strings.Replace(want, "no permission for", "cannot be seen", 1))
			})
		})
	}
}

// Two steps of one job deploy a function that is new: what the later one published
// and its rollback left is no use by somebody else. Another job's is.
func TestAVersionOfTheSameJobIsNoUse(t *testing.T) {
	t.Parallel()
	for by, deleted := range map[string]bool{"lambda-rollout o_r-7-ci-two-abc; live was 1": true, "lambda-rollout o_r-8-ci-two-abc; live was 1": false, "by hand": false} {
		synctest.Test(t, func(t *testing.T) {
			b, w := first(t)
			b.record.log.Scope = "o_r-7-ci"
			b.mustDeploy(w)
			v := *b.aws.versions[0]
			v.Version, v.Description = "2", &by
			b.aws.versions = append(b.aws.versions, &v)
			if r := b.rollback(t.Context()); r.Complete() != deleted || (b.aws.function == nil) != deleted {
				t.Errorf("%s: %+v", by, r)
			}
		})
	}
}

func TestAFunctionOfAnotherRunIsNotDeleted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, w := first(t)
		b.mustDeploy(w)
		b.aws.function.Tags[plan.RunTag] = "r2"
		if r := b.rollback(t.Context()); b.aws.function == nil || len(r.Refused) != 1 {
			t.Errorf("%+v", r)
		}
	})
}

// No RevisionId stops a late CreateFunction, so a rollback watches for it.
func TestALateCreationIsWatchedForAndUndone(t *testing.T) {
	t.Parallel()
	for name, arrives := range map[string]bool{"it arrives": true, "it never comes": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b, w := first(t)
				ctx, cut := context.WithCancel(t.Context())
				b.aws.before = on("CreateFunction", 1, func() error { cut(); return lost })
				if err := b.deploy(ctx, w); err == nil {
					t.Fatal("the deployment went through")
				}
				start := time.Now()
				b.aws.before = func(call string, _ int) error {
					if arrives && call == "Find" && time.Since(start) > 20*time.Second {
						arrives = false
						f := definition.CreateBody(w.Function)
						f.PackageType, f.Tags = new("Zip"), map[string]string{plan.RunTag: "r1"}
						b.aws.function = &definition.Observed{Function: f, Arn: "arn:f", Version: plan.Latest, CodeSha256: "two", State: definition.Status{Value: "Active"}}
					}
					return nil
				}
				r := b.rollback(t.Context())
				if took := time.Since(start); !r.Complete() || b.aws.function != nil || took < 20*time.Second || took > 40*time.Second {
					t.Errorf("after %s: %+v", took, r)
				}
			})
		})
	}
}

func TestPlanWarnsWhereARollbackCouldNotLook(t *testing.T) {
	t.Parallel()
	b, w := first(t)
	p := plan.Forward(w, plan.Observation{})
	if got := MayDelete(t.Context(), b.aws, p); len(got) > 0 {
		t.Errorf("warned without a reason: %q", got)
	}
	b.aws.denied = denial
	if got := MayDelete(t.Context(), b.aws, p); len(got) > 0 {
		t.Errorf("a denial that names no permission is no news: %q", got)
	}
	b.aws.denied = deniedFor("lambda:GetPolicy")
	if got := MayDelete(t.Context(), b.aws, p); len(got) != 1 || !strings.Contains(got[0], "lambda:GetPolicy") {
		t.Errorf("got %q", got)
	}
	b.aws.denied = nil
	for _, question := range []string{"ListAliases", "ListVersions", "CodeSigning"} {
		b.aws.calls, b.aws.before = nil, failing(question, 1, deniedFor("lambda:"+question))
		if got := MayDelete(t.Context(), b.aws, p); len(got) != 1 || !strings.Contains(got[0], "lambda:"+question) {
			t.Errorf("%s is denied: got %q", question, got)
		}
	}
	if got := MayDelete(t.Context(), b.aws, plan.Plan{Steps: []plan.Step{plan.UpdateCode{}}}); len(got) > 0 {
		t.Errorf("nothing is created, and yet %q", got)
	}
}

func TestAnUnreadableFunctionEndsTheRollback(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.mustDeploy(wanted("live"))
		b.aws.calls = nil
		b.aws.before = failing("Find", 1, denial)
		if _, err := b.engine().Rollback(t.Context()); !errors.Is(err, denial) {
			t.Errorf("the error is %v", err)
		}
		b.aws.calls, b.aws.before = nil, failing("FindAlias", 1, denial)
		if _, err := Observe(t.Context(), b.aws, wanted("live"), nil); !errors.Is(err, denial) {
			t.Errorf("the error is %v", err)
		}
	})
}

func TestARecordBelongsToOneTargetOfAJournal(t *testing.T) {
	t.Parallel()
	store := journal.NewFile(t.TempDir() + "/run.jsonl")
	header := journal.Header{Run: "r1", Salt: []byte("salt"), Targets: []journal.Target{{Function: "a"}, {Function: "b"}}}
	j, err := journal.Create(t.Context(), store, header, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = j.Close() }()
	r := RecordOf(j, 1)
	step, err := 0, r.Snapshot(t.Context(), &journal.Snapshot{Exists: true})
	if err == nil {
		step, err = r.Begin(t.Context(), journal.Intent{Call: "UpdateAlias"})
	}
	if err = errors.Join(err, r.Again(t.Context(), step), r.End(t.Context(), step, journal.Outcome{Result: journal.Done})); err != nil {
		t.Fatal(err)
	}
	if got := r.Target(); got.Function != "b" || got.Snapshot == nil || len(got.Steps) != 1 || got.Steps[0].Outcome == nil {
		t.Errorf("recorded: %+v", got)
	}
	if got := RecordOf(j, 0).Target(); got.Function != "a" || len(got.Steps) > 0 {
		t.Errorf("the other target has %+v", got)
	}
}
