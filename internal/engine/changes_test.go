package engine

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
)

// A rollback names as restored what it restored, not what it meant to.
func TestWhatWasNotRestoredIsNoChange(t *testing.T) {
	t.Parallel()
	all := []string{"Aliases.live", "Code", "MemorySize", "Tags.team"}
	for call, missing := range map[string][]string{
		"":                    nil,
		"UpdateAlias":         {"Aliases.live"},
		"UpdateCode":          {"Code", "MemorySize"}, // the configuration is not tried then
		"UpdateConfiguration": {"MemorySize"},
		"Untag":               {"Tags.team"},
	} {
		t.Run(call, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b, w := newBench(t), wanted("live")
				w.Function.Tags = map[string]string{"team": "ours"}
				b.mustDeploy(w)
				b.aws.calls = nil
				b.aws.before = failing(call, 1, denial)
				r := b.rollback(t.Context())
				var got []string
				for _, c := range r.Changes {
					got = append(got, c.Field)
				}
				slices.Sort(got)
				want := slices.DeleteFunc(slices.Clone(all), func(field string) bool { return slices.Contains(missing, field) })
				if diff := cmp.Diff(strings.Join(want, " "), strings.Join(got, " ")); diff != "" || r.Complete() != (call == "") {
					t.Errorf("complete %v (-want +got):\n%s", r.Complete(), diff)
				}
			})
		})
	}
	synctest.Test(t, func(t *testing.T) {
		b, w := first(t)
		b.mustDeploy(w)
		b.aws.before = failing("DeleteFunction", 1, denial)
		if r := b.rollback(t.Context()); r.Complete() || len(r.Changes) > 0 {
			t.Errorf("a function that could not be deleted: %+v", r)
		}
	})
}
