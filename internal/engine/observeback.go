package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/journal"
	"github.com/lambda-rollout/lambda-rollout/internal/lambdaapi"
	"github.com/lambda-rollout/lambda-rollout/internal/plan"
)

// observeBack reads what a rollback has to compare with its journal. Aliases that
// are recalled are not read.
func observeBack(ctx context.Context, api Reader, t journal.TargetLog, recalled map[string]*definition.ObservedAlias) (plan.Observation, error) {
	o := plan.Observation{Aliases: map[string]*definition.ObservedAlias{}, WeightsSetByAWS: map[string]bool{}}
	maps.Copy(o.Aliases, recalled)
	s := t.Snapshot
	names := slices.DeleteFunc(sentAliases(t), func(name string) bool { return recalled[name] != nil })
	found := make([]*definition.ObservedAlias, len(names))
	group, call := errgroup.WithContext(ctx)
	group.Go(func() (err error) { o.Latest, err = api.Find(call, t.Function, ""); return err })
	if s.RestorePoint != "" {
		group.Go(func() (err error) { o.RestorePoint, err = api.Find(call, t.Function, s.RestorePoint); return err })
	}
	if s.Exists {
		for i, name := range names {
			group.Go(func() (err error) { found[i], err = api.FindAlias(call, t.Function, name); return err })
		}
	}
	if keys := t.SettingKeys(); len(keys) > 0 {
		group.Go(func() (err error) { o.Settings, err = api.Settings(call, t.Function, keys, nil); return err })
	}
	if t.PublishesLatest() {
		group.Go(func() (err error) {
			o.LatestPublished, err = api.Find(call, t.Function, definition.LatestPublished)
			return err
		})
	}
	if s.CodeSigning != nil {
		group.Go(func() (err error) { o.CodeSigning, err = api.CodeSigning(call, t.Function); return err })
	}
	if err := group.Wait(); err != nil {
		return o, err
	}
	for i, name := range names {
		o.Aliases[name] = found[i]
		if found[i] == nil || len(found[i].Weights) == 0 || !s.Exists {
			continue
		}
		if p, err := api.Provisioned(ctx, t.Function, name); err == nil && p.Value != "" {
			o.WeightsSetByAWS[name] = !ourWeights(t, *found[i])
		}
	}
	if o.Latest != nil {
		o.AttachedByOthers = attachedByOthers(ctx, api, t, o)
	}
	if !s.Exists && o.AttachedByOthers[""].Unseen != "" {
		// It may be gone: the deletion of an earlier rollback, whose answer was lost,
		// comes late.
		latest, err := api.Find(ctx, t.Function, "")
		if err != nil {
			return o, err
		}
		o.Latest = latest
	}
	return o, nil
}

// ourWeights reports whether an alias' weights are in the journal: then AWS did
// not put them there.
func ourWeights(t journal.TargetLog, now definition.ObservedAlias) bool {
	return t.MayHaveLeft(journal.AliasOf(now.Alias))
}

// attachedByOthers looks at everything that a rollback may be about to delete.
func attachedByOthers(ctx context.Context, api Reader, t journal.TargetLog, o plan.Observation) map[string]plan.Attached {
	if !t.Snapshot.Exists {
		return map[string]plan.Attached{"": attachedToFunction(ctx, api, t, o)}
	}
	// A version that AWS could not start is not asked about: nobody could use it.
	var doomed []string
	for _, name := range t.Snapshot.Missing {
		if states, _ := t.AliasStates(name); len(states) > 0 && o.Aliases[name] != nil {
			doomed = append(doomed, name)
		}
	}
	if t.PublishesLatest() && t.Snapshot.LatestPublished == nil && o.LatestPublished != nil {
		doomed = append(doomed, plan.LatestPublished)
	}
	found := make([]plan.Attached, len(doomed))
	var all errgroup.Group
	for i, qualifier := range doomed {
		all.Go(func() error {
			attachments, err := api.Attached(ctx, o.Latest.Arn, []string{qualifier})
			attachments = notOurs(attachments, t, o.Settings)
			found[i] = attachedOf(attachments, nil, err)
			return nil
		})
	}
	_ = all.Wait() // it never fails
	by := map[string]plan.Attached{}
	for i, qualifier := range doomed {
		by[qualifier] = found[i]
	}
	return by
}

// attachedOf puts together what was found and what could not be looked at.
func attachedOf(attachments []lambdaapi.Attachment, others []string, err error) plan.Attached {
	var a plan.Attached
	a.Found = others
	for _, what := range attachments {
		a.Found = append(a.Found, what.String())
	}
	if err != nil {
		a.Unseen = unseen(err)
	}
	return a
}

// unseen names the permissions that are missing, and whatever else went wrong.
func unseen(err error) string {
	if actions := lambdaapi.DeniedActions(err); len(actions) > 0 {
		return "no permission for " + strings.Join(actions, ", ")
	}
	return strings.ReplaceAll(err.Error(), "\n", "; ")
}

// attachedToFunction lists what others attached to a function that this run
// created: aliases and versions that it did not make, and whatever hangs on the
// function and on any of them.
func attachedToFunction(ctx context.Context, api Reader, t journal.TargetLog, o plan.Observation) plan.Attached {
	var others []string
	qualifiers := []string{""}
	if o.LatestPublished != nil {
		qualifiers = append(qualifiers, plan.LatestPublished)
	}
	parts, unread := readParts(ctx, api, t.Function)
	for _, a := range parts.aliases {
		qualifiers = append(qualifiers, a.Name)
		if states, _ := t.AliasStates(a.Name); !slices.ContainsFunc(states, journal.AliasOf(a.Alias).Equal) {
			others = append(others, "alias "+a.Name)
		}
	}
	for _, v := range parts.versions {
		qualifiers = append(qualifiers, v.Number)
		if !ownVersion(t, v) {
			others = append(others, "version "+v.Number)
		}
	}
	if parts.signing != "" && !setSigning(t, parts.signing) {
		others = append(others, "code signing configuration "+parts.signing)
	}
	attachments, err := api.Attached(ctx, o.Latest.Arn, qualifiers)
	attachments = notOurs(attachments, t, o.Settings)
	return attachedOf(attachments, others, errors.Join(unread, err))
}

// functionParts are what is deleted together with a function.
type functionParts struct {
	aliases  []definition.ObservedAlias
	versions []lambdaapi.Version
	signing  string
}

// readParts reads all of them that can be read. The error names every question
// that was not answered.
func readParts(ctx context.Context, api Reader, function string) (functionParts, error) {
	var parts functionParts
	var errs [3]error
	var all errgroup.Group
	all.Go(func() error { parts.aliases, errs[0] = api.ListAliases(ctx, function); return nil })
	all.Go(func() error { parts.versions, errs[1] = api.ListVersions(ctx, function); return nil })
	all.Go(func() error { parts.signing, errs[2] = api.CodeSigning(ctx, function); return nil })
	_ = all.Wait() // it never fails: errs has the errors
	return parts, errors.Join(errs[:]...)
}

// ownVersion reports whether the run published a version, or a later run of the
// same job did. A rollback undoes the later run first, and where that failed or was
// not wanted, an alias or $LATEST still has what it left.
func ownVersion(t journal.TargetLog, v lambdaapi.Version) bool {
	return slices.Contains(t.Published(), v.Number) || slices.Contains(t.FailedVersions(), v.Number) ||
		plan.PublishedBy(v.Description, t.Run) || plan.PublishedIn(v.Description, t.Scope)
}

// setSigning reports whether the run itself set a code signing configuration.
func setSigning(t journal.TargetLog, arn string) bool {
	return slices.ContainsFunc(t.Steps, func(s journal.Step) bool {
		return s.Intent.CodeSigning != nil && *s.Intent.CodeSigning == arn
	})
}

// MayDeleteCalls returns how many calls MayDelete makes, without those of GetPolicy,
// which have a quota of their own.
func MayDeleteCalls(p plan.Plan) int {
	qualifiers := p.Creates()
	calls := 3 + len(qualifiers)
	if slices.Contains(qualifiers, "") {
		calls += 4 + 3
	}
	return calls
}

// MayDelete asks what a rollback of a plan would have to ask before it deletes
// what the plan creates, and returns a warning where the answers are denied: the
// rollback would then leave the function or alias there. AWS checks a permission
// before it looks whether the function exists.
func MayDelete(ctx context.Context, api Reader, p plan.Plan) []string {
	qualifiers := p.Creates()
	if len(qualifiers) == 0 {
		return nil
	}
	var unread, err error
	var both sync.WaitGroup
	if slices.Contains(qualifiers, "") {
		both.Go(func() { _, unread = readParts(ctx, api, p.Function) })
	}
	both.Go(func() { _, err = api.Attached(ctx, p.Function, qualifiers) })
	both.Wait()
	actions := lambdaapi.DeniedActions(errors.Join(unread, err))
	if len(actions) == 0 {
		return nil
	}
	return []string{fmt.Sprintf("with these credentials a rollback would not delete what this deployment creates in %s, because it could not see whether others use it by then: no permission for %s",
		p.Function, strings.Join(actions, ", "))}
}
