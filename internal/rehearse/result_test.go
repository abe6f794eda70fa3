package rehearse

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What plays leave is listed once, under the first of them, and told from what a finding
// says already.
func TestWhatIsLeftIsListedOnce(t *testing.T) {
	t.Parallel()
	var r Result
	r.add(scenario{group: groupDenied, name: "lambda:DeleteAlias"}, verdict{kind: documented, detail: "an alias", finding: "without lambda:DeleteAlias"})
	r.add(scenario{group: groupStranger, name: "call-9:tags"}, verdict{kind: documented, detail: "a tag"})
	r.add(scenario{group: groupStranger, name: "call-8:tags"}, verdict{kind: documented, detail: "a tag", finding: "somebody"})
	want := []Left{{Play: "denied:lambda:DeleteAlias", Detail: "an alias", Plays: 1, Found: true}, {Play: "stranger:call-8:tags", Detail: "a tag", Plays: 2}}
	if diff := cmp.Diff(want, r.Left); diff != "" {
		t.Error(diff)
	}
}
