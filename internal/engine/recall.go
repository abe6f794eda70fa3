package engine

import (
	"slices"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/journal"
)

// recalledAliases are the aliases that the first step of a rollback may move without a
// look, as the journal knows them: AWS answered to the last move with the RevisionId that
// the alias has if nobody changed it since. The call that moves it back carries that
// RevisionId, so that AWS refuses it (412) where somebody did, and the engine looks.
//
// An alias is not recalled where a look tells more than the journal: where an answer was
// lost, where the alias is as it was before, where it had provisioned concurrency, whose
// weights AWS sets by itself, and where an earlier rollback moved it.
func recalledAliases(t journal.TargetLog) map[string]*definition.ObservedAlias {
	recalled := map[string]*definition.ObservedAlias{}
	if t.Snapshot == nil || !t.Snapshot.Exists {
		return recalled
	}
	for _, was := range t.Snapshot.Aliases {
		last := lastMove(t, was.Name)
		if last == nil || last.Intent.Alias.Equal(was) || !slices.Contains(t.Snapshot.Unprovisioned, was.Name) {
			continue
		}
		recalled[was.Name] = &definition.ObservedAlias{Alias: last.Intent.Alias.Definition(), RevisionId: last.Outcome.Revision}
	}
	return recalled
}

// lastMove is the deployment's last move of an alias that AWS carried out; nil where the
// steps of the alias do not tell.
func lastMove(t journal.TargetLog, alias string) *journal.Step {
	var last *journal.Step
	for i, s := range t.Steps {
		if s.Intent.AliasName != alias {
			continue
		}
		if s.Open() || s.Intent.Back || s.Intent.Alias == nil {
			return nil
		}
		if s.Outcome.Result == journal.Done {
			last = &t.Steps[i]
		}
	}
	if last == nil || last.Outcome.Revision == "" {
		return nil
	}
	return last
}

// sentAliases are the aliases of the deployment for which a call may have gone out. A
// rollback has nothing to do with the others.
func sentAliases(t journal.TargetLog) []string {
	names := slices.Clone(t.Snapshot.Missing)
	for _, a := range t.Snapshot.Aliases {
		names = append(names, a.Name)
	}
	return slices.DeleteFunc(names, func(name string) bool {
		return !slices.ContainsFunc(t.Steps, func(s journal.Step) bool { return s.Intent.AliasName == name })
	})
}
