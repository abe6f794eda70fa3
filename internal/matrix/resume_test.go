package matrix

import (
	"strings"
	"sync/atomic"
	"testing"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/awstest"
)

// A shift that was cut off goes on; cut off again, at any call or write of that, a
// rollback still restores what was before the deployment.
func TestARollbackIsExactWhereverAResumedShiftIsCutOff(t *testing.T) {
	t.Parallel()
	definition := define(`, "memorySize": 256, "tags": {"team": "b"}`)
	shift := []string{"--artifact", "code", "--alias", "live,beta", "--traffic", "10%/2m, 50%/2m"}
	t.Run("one wave", func(t *testing.T) {
		t.Parallel()
		cutOffAgain(t, 1, scenario{
			before: published, definition: definition, files: map[string]string{"code/bootstrap": "two"},
			args: append([]string{"--function-definition", "function.json"}, shift...),
		})
	})
	t.Run("the last of two waves", func(t *testing.T) {
		t.Parallel()
		cutOffAgain(t, 2, scenario{
			before: twoFunctions, definition: definition, files: twoFiles(),
			args: append([]string{"--function-definition", "function.json,g.json", "--waves", "g"}, shift...),
		})
	})
}

func cutOffAgain(t *testing.T, waves int, s scenario) {
	// stopped is a world whose deployment died when its shift had begun.
	stopped := func(t *testing.T, at cut) (w *world, before string) {
		w = newWorld(t)
		before = s.prepare(w)
		s.deploy(w, at).expect(t, "the deployment", killed)
		return w, before
	}
	first := cut{afterWrite, 0}
	var whole count
	awstest.Run(t, func(t *testing.T) {
		w := newWorld(t)
		before := s.prepare(w)
		s.deploy(w, cut{}).expect(t, "the deployment", 0)
		after := w.dump()
		// The first line is the file's name; the intent of the move to 50% follows its
		// stage.
		for i, line := range strings.Split(w.journal(), "\n") {
			if strings.Contains(line, `"stage":2`) {
				first.At = i + 1
			}
		}
		w.run(cut{}, "rollback").expect(t, "the rollback", 0)
		w.same(before, w.dump())
		again, before := stopped(t, first)
		if strings.Count(again.journal(), `"stage":2`) != waves || strings.Count(again.journal(), `"stage":3`) != waves-1 {
			t.Fatalf("the deployment was not cut off in its second stage:\n%s", again.journal())
		}
		resumed := again.run(cut{}, "shift", "--resume")
		resumed.expect(t, "the resumed shift", 0)
		again.same(after, again.dump())
		again.run(cut{}, "rollback").expect(t, "the rollback", 0)
		again.same(before, again.dump())
		whole = resumed.count
	})
	var tried, exact atomic.Int64
	each(t, some(cuts(whole), 0), func(t *testing.T, c cut) {
		tried.Add(1)
		w, before := stopped(t, first)
		w.run(c, "shift", "--resume").expect(t, "the resumed shift", killed)
		if w.restored(before) {
			exact.Add(1)
		}
	})
	t.Logf("%d cuts, %d exact", tried.Load(), exact.Load())
}

// Wherever a deployment was cut off, its shift goes on or is refused, and a rollback
// restores what was before.
func TestAResumedShiftIsExactOrRefusedWhereverTheDeploymentWasCutOff(t *testing.T) {
	t.Parallel()
	t.Run("one wave", func(t *testing.T) {
		t.Parallel()
		resumedOrRefused(t, 23, scenario{
			before: alarmed, definition: define(`, "tags": {"team": "b"}`), files: map[string]string{"code/bootstrap": "two"},
			args: []string{"--function-definition", "function.json", "--artifact", "code", "--alias", "live", "--traffic", "10%/2m", "--alarms", "errors", "--alarm-bake", "1m"},
		})
	})
	t.Run("two waves", func(t *testing.T) {
		t.Parallel()
		resumedOrRefused(t, 29, scenario{
			before: twoFunctions, definition: define(`, "tags": {"team": "b"}`), files: twoFiles(),
			args: []string{"--function-definition", "function.json,g.json", "--waves", "g", "--artifact", "code", "--alias", "live", "--traffic", "10%/2m"},
		})
	})
}

// twoFunctions are f and g, each with version 1 that alias live serves.
func twoFunctions(w *world) {
	published(w)
	w.create("g", nil)
	w.alias("g", "live", w.publish("g"), nil)
}

func twoFiles() map[string]string {
	return map[string]string{"code/bootstrap": "two", "g.json": strings.Replace(define(""), `"f"`, `"g"`, 1)}
}

func resumedOrRefused(t *testing.T, one int, s scenario) {
	var whole count
	var after string
	awstest.Run(t, func(t *testing.T) {
		w := newWorld(t)
		s.prepare(w)
		done := s.deploy(w, cut{})
		done.expect(t, "the deployment", 0)
		whole, after = done.count, w.dump()
	})
	var resumed, refused atomic.Int64
	each(t, every(one, cuts(whole), 0), func(t *testing.T, c cut) {
		w := newWorld(t)
		before := s.prepare(w)
		s.deploy(w, c).expect(t, "the deployment", killed)
		w.settle()
		switch end := w.run(cut{}, "shift", "--resume"); end.code {
		case 0:
			resumed.Add(1)
			w.same(after, w.dump())
		case 3:
			refused.Add(1)
		default:
			t.Errorf("the resumed shift: exit %d\n%s", end.code, end.output)
		}
		w.restored(before)
	})
	if resumed.Load() == 0 || refused.Load() == 0 {
		t.Errorf("%d shifts went on, %d were refused: want both", resumed.Load(), refused.Load())
	}
	t.Logf("%d shifts went on, %d were refused", resumed.Load(), refused.Load())
}
