package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/deploy"
	"github.com/lambda-rollout/lambda-rollout/internal/journal"
	"github.com/lambda-rollout/lambda-rollout/internal/prune"
	"github.com/lambda-rollout/lambda-rollout/internal/report"
)

// prune deletes old versions that nothing needs any more. It shows all of them
// before it deletes the first.
func (a *app) prune(ctx context.Context) error {
	pattern := a.in.String("function")
	name, _ := definition.ParseFunctionName(pattern) // a pattern is no name
	c, err := a.connect(ctx, name.Region)
	if err != nil {
		return err
	}
	functions, err := deploy.PlanPrune(ctx, c, pattern, a.pruning(a.knownRuns(ctx)))
	if err != nil {
		return err
	}
	dry := a.in.Bool("dry-run")
	count, size := deletable(functions)
	if !a.json() {
		if err := a.printFitted(pruneText(functions)); err != nil {
			return notStarted(err)
		}
	}
	if !dry && count > 0 {
		if err := a.confirmPrune(ctx, functions, count, size); err != nil {
			return err
		}
		err = deploy.Prune(ctx, functions)
	}
	if a.json() {
		if a.pruned = pruneDocuments(functions, dry); err != nil {
			return err
		}
		return a.printJSON(a.pruned)
	}
	return errors.Join(err, a.printFitted(pruneResult(functions, dry, count, size)))
}

func (a *app) pruning(runs []journal.RunState) deploy.Pruning {
	return deploy.Pruning{Keep: a.in.Int("keep-versions"), Runs: runs, Now: a.Now, MaxParallel: a.in.Int("max-parallel")}
}

// confirmPrune asks before the first version is deleted; no ends it.
func (a *app) confirmPrune(ctx context.Context, functions []*deploy.Pruned, count int, size int64) error {
	if !a.asks() {
		return nil
	}
	yes, err := a.host.Confirm(ctx, fmt.Sprintf("Delete %s of %s, %s of code storage? No rollback restores them.",
		number(count, "version"), number(len(functions), "function"), report.Size(size)))
	if err == nil && !yes {
		err = errors.New("the deletion was not confirmed: nothing was changed")
	}
	return notStarted(err)
}

func number(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	if strings.HasSuffix(what, "s") {
		what += "e"
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// deletable is how many versions may go, and their code storage.
func deletable(functions []*deploy.Pruned) (count int, size int64) {
	for _, f := range functions {
		goes := prune.Deletable(f.Decisions)
		count, size = count+len(goes), size+prune.Size(goes)
	}
	return count, size
}

// pruneText shows what goes and what stays.
func pruneText(functions []*deploy.Pruned) string {
	var b strings.Builder
	for _, f := range functions {
		fmt.Fprintf(&b, "%s in %s: %s\n", f.Function, f.Region, number(len(f.Decisions), "version"))
		for _, d := range f.Decisions {
			if d.Keeps() {
				fmt.Fprintf(&b, "  keep   %s: %s\n", d.Number, strings.Join(d.Reasons, "; "))
				continue
			}
			fmt.Fprintf(&b, "  delete %s  %s  %s\n", d.Number, d.Published.Format(time.DateOnly), report.Size(d.CodeSize))
		}
	}
	return b.String()
}

// pruneResult is the last line.
func pruneResult(functions []*deploy.Pruned, dry bool, count int, size int64) string {
	switch {
	case count == 0:
		return "Nothing to delete\n"
	case dry:
		return fmt.Sprintf("Would delete %s, which frees %s of code storage\n", number(count, "version"), report.Size(size))
	}
	var b strings.Builder
	deleted, freed := 0, int64(0)
	for _, f := range functions {
		deleted, freed = deleted+len(f.Deleted), freed+prune.Size(f.Deleted)
		for _, d := range f.Decisions {
			if len(d.Reasons) == 1 && strings.HasPrefix(d.Reasons[0], deploy.NotDeleted) {
				fmt.Fprintf(&b, "Version %s of %s stays: %s\n", d.Number, f.Function, d.Reasons[0])
			}
		}
	}
	fmt.Fprintf(&b, "Deleted %s, which frees %s of code storage\n", number(deleted, "version"), report.Size(freed))
	return b.String()
}

// pruneDocument is a function as --output json shows it.
type pruneDocument struct {
	Function string          `json:"function"`
	Region   string          `json:"region"`
	DryRun   bool            `json:"dryRun"`
	Versions []prunedVersion `json:"versions"`
	// Freed is the code storage, in bytes, of what was deleted; in a dry run of what
	// would be.
	Freed int64 `json:"freed"`
}

type prunedVersion struct {
	Version  string `json:"version"`
	CodeSize int64  `json:"codeSize"`
	// Action is delete or keep; Deleted reports whether it was done.
	Action  string   `json:"action"`
	Deleted bool     `json:"deleted"`
	Reasons []string `json:"reasons"`
}

func pruneDocuments(functions []*deploy.Pruned, dry bool) []pruneDocument {
	all := []pruneDocument{}
	for _, f := range functions {
		doc := pruneDocument{Function: f.Function, Region: f.Region, DryRun: dry, Versions: []prunedVersion{}, Freed: prune.Size(f.Deleted)}
		if dry {
			doc.Freed = prune.Size(prune.Deletable(f.Decisions))
		}
		gone := map[string]bool{}
		for _, d := range f.Deleted {
			gone[d.Number] = true
		}
		for _, d := range f.Decisions {
			v := prunedVersion{Version: d.Number, CodeSize: d.CodeSize, Action: "delete", Deleted: gone[d.Number], Reasons: []string{}}
			if d.Keeps() {
				v.Action, v.Reasons = "keep", d.Reasons
			}
			doc.Versions = append(doc.Versions, v)
		}
		all = append(all, doc)
	}
	return all
}

// keepVersions is the input keep-versions after a deployment that succeeded. What
// goes wrong there is worth a warning and no more.
func (a *app) keepVersions(ctx context.Context, results []deploy.Result) {
	if !a.in.Given("keep-versions") || ctx.Err() != nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, keepTimeout)
	defer cancel()
	runs := a.knownRuns(ctx)
	if name := a.progress.journalName(); name != "" {
		own, err := a.ownRun(ctx, name)
		if err != nil {
			a.log().Warn("keep-versions deletes nothing: the journal of this run cannot be read, so it is unknown which versions a rollback needs: %v", err)
			return
		}
		runs = append(runs, *own)
	}
	for _, r := range results {
		deleted, err := r.Prune(ctx, a.pruning(runs))
		if len(deleted) > 0 {
			a.log().Line("Deleted %s of function %s in %s, which frees %s of code storage", number(len(deleted), "old version"), r.At.Function, r.At.Region, report.Size(prune.Size(deleted)))
		}
		if err != nil {
			a.log().Warn("keep-versions: %v", err)
		}
	}
}

// keepTimeout bounds what keep-versions adds to a deployment.
const keepTimeout = 2 * time.Minute

// ownRun is the state of the run whose journal this process wrote.
func (a *app) ownRun(ctx context.Context, name string) (*journal.RunState, error) {
	store, err := a.openStore(ctx, name)
	if err != nil {
		return nil, err
	}
	return journal.Read(ctx, store)
}
