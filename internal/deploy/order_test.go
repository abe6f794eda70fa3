package deploy

import (
	"testing"

	"github.com/lambda-rollout/lambda-rollout/internal/journal"
)

// The order in which the guard takes the invocations of a minute is drawn for each run and
// alias, and a run that goes on has the one that it had.
func TestEachAliasOfARunHasAnOrderOfItsOwn(t *testing.T) {
	t.Parallel()
	at := journal.Target{Account: "111122223333", Region: "eu-west-1", Function: "shop"}
	elsewhere, other := at, at
	elsewhere.Region, other.Function = "us-east-1", "shopl"
	orders := map[uint64]string{orderOf("run-1", at, "live"): "run 1"}
	for what, order := range map[string]uint64{
		"another run": orderOf("run-2", at, "live"), "another alias": orderOf("run-1", at, "beta"),
		"another Region": orderOf("run-1", elsewhere, "live"), "another function": orderOf("run-1", other, "ive"),
	} {
		if same, has := orders[order]; has {
			t.Errorf("%s has the order of %s", what, same)
		}
		orders[order] = what
	}
	again := at
	if orders[orderOf("run-1", again, "live")] != "run 1" {
		t.Error("a run that goes on has another order")
	}
}
