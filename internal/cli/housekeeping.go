package cli

import (
	"context"
	"slices"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/journal"
)

// keepJournals is how long a journal stays that nothing can be rolled back from.
const keepJournals = 30 * 24 * time.Hour

// housekeeping says in the state folder what it is, and removes settled journals
// there after a while. It fails nothing, and a dry run leaves all as it is.
func (a *app) housekeeping(ctx context.Context) {
	if a.flag("dry-run") {
		return
	}
	a.host.DescribeStateDir()
	if command := a.in.Command(); command != "deploy" && command != "rollback" && command != "shift" || a.host.IsPost() {
		return
	}
	before := a.Now().Add(-keepJournals)
	for _, path := range slices.Concat(a.host.Journals(), a.host.JournalsOfOthers()) {
		root := a.host.JournalRoot(path)
		if root == "" || path == a.progress.journalName() {
			continue // it is of the runner, or of this run
		}
		// What cannot be read or removed stays for those whom it concerns.
		_, _ = journal.RemoveSettled(context.WithoutCancel(ctx), root, path, before)
	}
}
