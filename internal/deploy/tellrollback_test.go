package deploy

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
	"github.com/lambda-rollout/lambda-rollout/internal/gate"
)

// A rollback by another process tells the event gates, and asks no other.
func TestEventGatesLearnOfARollback(t *testing.T) {
	run(t, awslocal.Options{}, func(f *fixture) {
		f.deployCode("1")
		f.deployCode("2")
		k := f.guardedBy(&gatekeeper{}, gate.BeforeTraffic, gate.Event, gate.AfterTraffic)
		_, failure := f.rollback()
		TellOfRollback(f.Context(), f.options.Watch.Gates, f.journal(), failure, f.work())
		TellOfRollback(f.Context(), f.options.Watch.Gates.Event(), f.journal(), errors.New("somebody else moved it"), f.work())
		want := []string{"eventrolled-back 0->0 of 0: live 1 map[]", "eventrollback-incomplete 0->0 of 0: live 1 map[]"}
		if diff := cmp.Diff(want, k.seen); diff != "" {
			f.Fatal(diff)
		}
		first := k.said[0]
		one := first.Functions[0]
		if first.Run.ID != f.journal().Header.Run || one.Function != "shop" || one.NewVersion != "2" || cmp.Diff([]string{"live"}, one.Aliases) != "" || k.said[1].Reason != "somebody else moved it" || first.ID == k.said[1].ID {
			f.Errorf("told %+v", k.said)
		}
		// One that hangs keeps nobody.
		k.answer = func(gate.Body) (int, string) { return 0, "" }
		TellOfRollback(f.Context(), f.options.Watch.Gates, f.journal(), nil, f.work())
		f.logged("did not accept the event")
	})
}
