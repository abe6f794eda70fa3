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
	r.add(scenario{group: groupDenied, name: "lambda:DeleteAlias"}, verdict{kind: documented, detail: "an alias", finding: finding{text: "without lambda:DeleteAlias"}})
	r.add(scenario{group: groupStranger, name: "call-9:tags"}, verdict{kind: documented, detail: "a tag"})
	r.add(scenario{group: groupStranger, name: "call-8:tags"}, verdict{kind: documented, detail: "a tag", finding: finding{text: "somebody"}})
	want := []Left{{Play: "denied:lambda:DeleteAlias", Detail: "an alias", Plays: 1, Found: true}, {Play: "stranger:call-8:tags", Detail: "a tag", Plays: 2}}
	if diff := cmp.Diff(want, r.Left); diff != "" {
		t.Error(diff)
	}
}

// Actions without which the same happens are one finding.
func TestActionsOfOneConsequenceAreOneFinding(t *testing.T) {
	t.Parallel()
	var r Result
	for _, action := range []string{"lambda:ListAliases", "lambda:GetPolicy", "lambda:GetPolicy", "lambda:DeleteAlias"} {
		detail := "no permission for " + action
		if action == "lambda:DeleteAlias" {
			detail = "lambda:DeleteAlias is not allowed"
		}
		d := denial{actions: []string{action}}
		r.add(scenario{group: groupDenied, name: action}, verdict{kind: documented, finding: consequence(d, nil, verdict{kind: documented, detail: detail})})
	}
	r.add(scenario{group: groupDenied, name: "else"}, verdict{kind: exact, finding: finding{text: "an alias shares its traffic"}})
	r.sort()
	want := []string{
		"an alias shares its traffic",
		"without any one of lambda:GetPolicy, lambda:ListAliases this deployment goes through, and its rollback does not: no permission for the one that is missing",
		"without lambda:DeleteAlias this deployment goes through, and its rollback does not: lambda:DeleteAlias is not allowed",
	}
	if diff := cmp.Diff(want, r.Findings); diff != "" {
		t.Error(diff)
	}
}
