package matrix

import (
	"strings"
	"testing"
)

// twice deploys two versions through the program: alias live goes 1 -> 2 -> 3.
func twice(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	published(w)
	for _, r := range []rival{{256, "two"}, {512, "three"}} {
		w.write(r.files())
		if done := r.scenario().deploy(w, cut{}); done.code != 0 {
			t.Fatalf("deploy: exit %d\n%s", done.code, done.output)
		}
	}
	return w
}

func (w *world) byHand(code int, want string, args ...string) {
	w.t.Helper()
	done := w.run(cut{}, append([]string{"rollback", "--function", "f", "--alias", "live"}, args...)...)
	if done.code != code || !strings.Contains(done.output, want) {
		w.t.Errorf("rollback %s: exit %d, want %d and %q\n%s", args, done.code, code, want, done.output)
	}
}

func (w *world) serves(alias, latest int32) {
	w.t.Helper()
	if got := [2]int32{w.live(), w.memory("")}; got != [2]int32{alias, latest} {
		w.t.Errorf("alias and $LATEST have %d MB, want %d", got, [2]int32{alias, latest})
	}
}

func TestRollbackByHandGoesToWhatTheAliasServedBefore(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := twice(t)
		w.serves(512, 512)
		w.ResetCalls()
		w.byHand(0, "~ Aliases.live: 3 → 2", "--dry-run")
		for _, c := range w.Calls() {
			if c.Changed {
				t.Errorf("a dry run made the call %s", c.Operation)
			}
		}
		w.serves(512, 512)
		w.byHand(0, "Updating Alias live for function f with version 2.")
		w.serves(256, 512)
		w.byHand(0, "Done", "--latest", "--to-version", "3")
		w.serves(512, 512)
		w.byHand(0, "Done", "--latest")
		w.serves(256, 256)
		w.byHand(3, "there is no version 9", "--to-version", "9")
		// By the newest marker of this alias version 3 replaced 2: it is there.
		w.byHand(0, "Nothing to roll back")
		w.byHand(0, "Done", "--to-version", "1")
		// Now it points to neither of the two.
		w.byHand(3, "\n  3  ")
		w.noSecretOnDisk()
	})
}

func TestARollbackByHandThatIsCutOffIsFinishedFromItsJournal(t *testing.T) {
	t.Parallel()
	each(t, []cut{{beforeAnswer, 1}, {beforeAnswer, 2}, {beforeAnswer, 3}}, func(t *testing.T, c cut) {
		w := twice(t)
		w.run(c, "rollback", "--function", "f", "--alias", "live", "--latest").expect(t, "the rollback by hand", killed)
		w.run(cut{}, "rollback").expect(t, "the rollback that finishes it", 0)
		w.serves(256, 256)
	})
}
