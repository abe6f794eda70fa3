package engine

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/journal"
)

// unprovisioned is what the check of a deployment leaves in its snapshot.
func (b *bench) unprovisioned() { b.record.log.Snapshot.Unprovisioned = []string{"live"} }

// Traffic is right again after one call: the RevisionId that AWS gave the deployment
// is all that the first step of a rollback needs.
func TestARollbackMovesAnAliasWithoutALookAtIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		before := b.state()
		b.mustDeploy(wanted("live"))
		b.unprovisioned()
		b.aws.calls = nil
		if r := b.rollback(t.Context()); !r.Complete() || b.state() != before {
			t.Errorf("%s, want %s: %+v", b.state(), before, r)
		}
		looks := func(calls []string) []string {
			return slices.DeleteFunc(slices.Clone(calls), func(c string) bool { return c != "FindAlias" && c != "UpdateAlias" })
		}
		// The look at the end is what the promise rests on.
		if diff := cmp.Diff([]string{"UpdateAlias", "FindAlias"}, looks(b.aws.calls)); diff != "" {
			t.Error(diff)
		}
	})
}

// Whatever somebody else did to the alias meanwhile, the rollback ends as if it had
// looked first.
func TestARecalledAliasThatSomebodyChangedIsLookedAt(t *testing.T) {
	t.Parallel()
	at := func(version, description string) func(b *bench) {
		return func(b *bench) {
			b.aws.aliases["live"] = &definition.ObservedAlias{
				Alias: definition.Alias{Name: "live", Version: version, Description: &description}, RevisionId: b.aws.next(),
			}
		}
	}
	for name, c := range map[string]struct {
		somebody func(b *bench)
		refused  string
		alias    string
	}{
		"moved":                     {at("1", "mine"), "that is neither what it was before nor what this run set", "1"},
		"deleted":                   {func(b *bench) { b.aws.aliases["live"] = nil }, "somebody deleted it", ""},
		"only its RevisionId moved": {at("2", ""), "", "1"},
		"as before already":         {at("1", ""), "", "1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t)
				b.mustDeploy(wanted("live"))
				b.unprovisioned()
				c.somebody(b)
				r := b.rollback(t.Context())
				var refused []string
				for _, f := range r.Refused {
					refused = append(refused, f.Reason)
				}
				if strings.Join(refused, "; ") != c.refused || len(r.Remaining) > 0 {
					t.Errorf("refused %q, want %q; remaining %+v", refused, c.refused, r.Remaining)
				}
				version := ""
				if a := b.aws.aliases["live"]; a != nil {
					version = a.Version
				}
				if version != c.alias || b.aws.function.CodeSha256 != "one" {
					t.Errorf("live is at %q, want %q; the code is %s", version, c.alias, b.aws.function.CodeSha256)
				}
			})
		})
	}
}

func TestAnAliasIsRecalledOnlyWhereTheJournalTellsItsState(t *testing.T) {
	t.Parallel()
	move := func(change func(s *journal.Step)) journal.Step {
		s := journal.Step{
			Intent:  journal.Intent{Call: "UpdateAlias", AliasName: "live", Alias: &journal.Alias{Name: "live", Version: "2"}},
			Outcome: &journal.Outcome{Result: journal.Done, Revision: "r2"},
		}
		change(&s)
		return s
	}
	same := func(*journal.Step) {}
	for name, c := range map[string]struct {
		steps       []journal.Step
		provisioned bool
		recalled    bool
	}{
		"moved":                     {steps: []journal.Step{move(same)}, recalled: true},
		"moved in stages":           {steps: []journal.Step{move(same), move(same)}, recalled: true},
		"moved, then refused":       {steps: []journal.Step{move(same), move(func(s *journal.Step) { s.Outcome.Result = journal.Refused })}, recalled: true},
		"never moved":               {},
		"an answer was lost":        {steps: []journal.Step{move(same), move(func(s *journal.Step) { s.Outcome = nil })}},
		"an answer was unclear":     {steps: []journal.Step{move(same), move(func(s *journal.Step) { s.Outcome.Result = journal.Unknown })}},
		"a rollback began":          {steps: []journal.Step{move(same), move(func(s *journal.Step) { s.Intent.Back = true })}},
		"as before":                 {steps: []journal.Step{move(func(s *journal.Step) { s.Intent.Alias.Version = "1" })}},
		"of an earlier release":     {steps: []journal.Step{move(func(s *journal.Step) { s.Outcome.Revision = "" })}},
		"refused":                   {steps: []journal.Step{move(func(s *journal.Step) { s.Outcome.Result = journal.Refused })}},
		"provisioned concurrency":   {steps: []journal.Step{move(same)}, provisioned: true},
		"another alias was touched": {steps: []journal.Step{move(func(s *journal.Step) { s.Intent.AliasName = "next" })}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			log := journal.TargetLog{Steps: c.steps, Snapshot: &journal.Snapshot{Exists: true, Aliases: []journal.Alias{{Name: "live", Version: "1"}}}}
			if !c.provisioned {
				log.Snapshot.Unprovisioned = []string{"live"}
			}
			found := recalledAliases(log)["live"]
			if (found != nil) != c.recalled {
				t.Fatalf("recalled: %+v", found)
			}
			if found != nil && (found.RevisionId != "r2" || found.Version != "2") {
				t.Errorf("recalled %+v", found)
			}
		})
	}
}

// Weights that AWS itself gives an alias with provisioned concurrency while it moves
// are nobody's change: a rollback goes through them.
func TestARollbackGoesThroughWeightsOfAWS(t *testing.T) {
	t.Parallel()
	for _, provisioned := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t)
			before := b.state()
			b.mustDeploy(wanted("live"))
			if provisioned {
				b.aws.status["live"] = "READY"
			}
			b.aws.aliases["live"].Weights, b.aws.aliases["live"].RevisionId = map[string]float64{"1": 0.4}, b.aws.next()
			r := b.rollback(t.Context())
			if provisioned && (!r.Complete() || b.state() != before) {
				t.Errorf("%s, want %s: %+v", b.state(), before, r)
			}
			if !provisioned && r.Complete() {
				t.Errorf("weights of somebody else were taken for AWS's: %s", b.state())
			}
		})
	}
}
