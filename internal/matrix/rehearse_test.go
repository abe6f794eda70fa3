package matrix

import (
	"slices"
	"strings"
	"testing"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/awstest"
	"github.com/lambda-rollout/lambda-rollout/internal/rehearse"
)

// Every scenario of the crash matrix is rehearsed by the command, too: the copy takes the
// deployment and dies at the very moments at which the matrix lets the whole program die,
// its plays end exact or documented, and nothing changes. The last moment of each kind is
// played, which there is where all others are; -grid plays everything.
func TestEveryScenarioIsRehearsed(t *testing.T) {
	all := slices.DeleteFunc(scenarios(), func(s scenario) bool { return s.command != "" })
	for _, s := range every(17, all, 3) {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			var deployed, restored count
			awstest.Run(t, func(t *testing.T) { deployed, restored = s.measure(t) })
			plays := []string{"whole:deploy", "whole:rollback", "whole:again"}
			for word, n := range map[string]count{"killed": deployed, "rollback-killed": restored} {
				for _, c := range lastCuts(rehearse.Cuts(n)) {
					plays = append(plays, word+":"+strings.ReplaceAll(c.String(), " ", "-"))
				}
			}
			awstest.Run(t, func(t *testing.T) {
				w := newWorld(t)
				before := s.prepare(w)
				args := append([]string{"rehearse", "--max-time", "1h"}, s.args...)
				if !*grid {
					args = append(args, "--play", strings.Join(plays, ","))
				}
				done := w.run(cut{}, args...)
				done.expect(t, "the rehearsal", 0)
				w.same(before, w.dump())
				if !strings.Contains(done.output, "end exact") || strings.Contains(done.output, "wrong: ") {
					t.Errorf("%s", done.output)
				}
			})
		})
	}
}

// lastCuts are the last of each kind.
func lastCuts(all []rehearse.Cut) []rehearse.Cut {
	var last []rehearse.Cut
	for _, c := range slices.Backward(all) {
		if !slices.ContainsFunc(last, func(other rehearse.Cut) bool { return other.Where == c.Where }) {
			last = append(last, c)
		}
	}
	return last
}
