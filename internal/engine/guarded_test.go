package engine

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/plan"
)

// Calls that take no RevisionId look first: what somebody else set since the plan
// stays, and is no change of this run.
func TestWhatSomebodyElseSetSinceThePlanIsNotOverwritten(t *testing.T) {
	t.Parallel()
	loop := definition.SettingKey{Kind: definition.RecursiveLoopSetting}
	tagged := func(value string) func(b *bench) {
		return func(b *bench) {
			now := *b.aws.function
			now.Tags = map[string]string{"team": value}
			b.aws.function = &now
		}
	}
	for name, tt := range map[string]struct {
		before, theirs func(b *bench)
		wants          func(w *plan.Wanted)
		call, says     string
		kept           func(b *bench) bool
	}{
		"a tag that is new": {
			theirs: tagged("theirs"), wants: func(w *plan.Wanted) { w.Function.Tags = map[string]string{"team": "ours"} },
			call: "Tag", says: "one of the tags team of function f",
			kept: func(b *bench) bool { return b.aws.function.Tags["team"] == "theirs" },
		},
		"a tag that was there": {
			before: tagged("old"), theirs: tagged("theirs"), wants: func(w *plan.Wanted) { w.Function.Tags = map[string]string{"team": "ours"} },
			call: "Tag", says: "one of the tags team of function f",
			kept: func(b *bench) bool { return b.aws.function.Tags["team"] == "theirs" },
		},
		"code signing": {
			theirs: func(b *bench) { b.aws.signing = "arn:theirs" }, wants: func(w *plan.Wanted) { w.Function.CodeSigningConfigArn = new("arn:ours") },
			call: "SetCodeSigning", says: "the code signing configuration of function f",
			kept: func(b *bench) bool { return b.aws.signing == "arn:theirs" },
		},
		"a setting": {
			theirs: func(b *bench) { b.aws.settings = plan.Settings{loop: definition.RecursiveLoop{Mode: "Terminate"}} },
			wants: func(w *plan.Wanted) {
				w.Settings = definition.Settings{Kinds: []definition.SettingKind{loop.Kind}, Named: []definition.Setting{{SettingKey: loop, Value: definition.RecursiveLoop{Mode: "Allow"}}}}
			},
			call: "PutSetting", says: "recursiveLoop of function f",
			kept: func(b *bench) bool { return b.aws.settings[loop] == definition.RecursiveLoop{Mode: "Terminate"} },
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b, w := newBench(t), wanted("live")
				if tt.before != nil {
					tt.before(b)
				}
				tt.wants(&w)
				// Behind the plan, ahead of everything else.
				b.aws.before = on("UpdateConfiguration", 1, func() error { tt.theirs(b); return nil })
				if tt.call == "SetCodeSigning" {
					b.aws.before = on("CodeSigning", 2, func() error { tt.theirs(b); return nil })
				}
				err := b.deploy(t.Context(), w)
				if foreign := (*ForeignError)(nil); !errors.As(err, &foreign) || !strings.Contains(err.Error(), tt.says) {
					t.Errorf("the error is %v", err)
				}
				if slices.Contains(b.aws.calls, tt.call) {
					t.Error("the call went out")
				}
				if r := b.rollback(t.Context()); !r.Complete() || !tt.kept(b) {
					t.Errorf("kept %v, %+v", tt.kept(b), r)
				}
			})
		})
	}
}

// Before a function exists nobody can read its settings, so what AWS gives it by itself
// is nobody's change.
func TestASettingOfANewFunctionBeginsWithAWSsDefault(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		loop := definition.SettingKey{Kind: definition.RecursiveLoopSetting}
		b, w := first(t)
		w.Settings = definition.Settings{Kinds: []definition.SettingKind{loop.Kind}, Named: []definition.Setting{{SettingKey: loop, Value: definition.RecursiveLoop{Mode: "Allow"}}}}
		b.aws.before = on("CreateFunction", 1, func() error {
			b.aws.settings = plan.Settings{loop: definition.RecursiveLoop{Mode: "Terminate"}}
			return nil
		})
		if err := b.deploy(t.Context(), w); err != nil || b.aws.settings[loop] != (definition.RecursiveLoop{Mode: "Allow"}) {
			t.Errorf("the setting is %v: %v", b.aws.settings[loop], err)
		}
	})
}
