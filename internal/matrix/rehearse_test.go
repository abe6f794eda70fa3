package matrix

import (
	"slices"
	"strings"
	"testing"
)

// Every scenario of the crash matrix is rehearsed by the command, too: the copy takes the
// deployment, its plays end exact or documented, and nothing changes. Some plays of each
// stand for all, which -grid plays.
func TestEveryScenarioIsRehearsed(t *testing.T) {
	all := slices.DeleteFunc(scenarios(), func(s scenario) bool { return s.command != "" })
	for _, s := range every(5, all, 0) {
		t.Run(s.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				w := newWorld(t)
				before := s.prepare(w)
				args := append([]string{"rehearse", "--max-time", "1h"}, s.args...)
				if !*grid {
					args = append(args, "--play", "whole:deploy,whole:rollback,whole:again,killed:before-answer-1")
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
