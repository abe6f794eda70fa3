package plan

import (
	"fmt"
	"slices"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/journal"
)

// LatestPublished is the version that callers without a qualifier reach of a
// function on managed instances.
const LatestPublished = definition.LatestPublished

// publishLatest plans what callers without a qualifier reach of a function on
// managed instances: $LATEST.PUBLISHED, which is made anew of $LATEST. Where the
// deployment has an alias and there is none yet, callers use the alias.
func (f *forward) publishLatest() {
	now := f.o.LatestPublished
	managed := f.o.Latest.CapacityProviderConfig != nil || f.w.Function.CapacityProviderConfig != nil
	if !managed || now == nil && len(f.w.Aliases) > 0 {
		return
	}
	current := now != nil && SameContent(now, f.o.Latest)
	if !f.needsReturn && (now == nil || current) {
		return // Nothing changes, and whoever published nothing meant it.
	}
	if now != nil && !current {
		// It can be made of $LATEST alone, and $LATEST was something else before.
		f.plan.Irreversible = append(f.plan.Irreversible, fmt.Sprintf("%s differs from $LATEST, and AWS could not publish it again: publish it first (aws lambda publish-version --function-name %s --publish-to LATEST_PUBLISHED)",
			LatestPublished, f.w.Function.FunctionName))
	}
	from := ""
	if now != nil {
		from = now.CodeSha256
	}
	f.change(LatestPublished, from, f.w.Code.Sha256)
	f.plan.Steps = append(f.plan.Steps, PublishLatest{Description: f.w.Marker.String(), New: now == nil})
}

// latestPublished restores $LATEST.PUBLISHED once $LATEST is what it was; lost says
// that it is not.
func (b *back) latestPublished(lost bool) {
	if !b.t.PublishesLatest() {
		return
	}
	was, now := b.t.Snapshot.LatestPublished, b.o.LatestPublished
	if now == nil {
		if was != nil {
			b.refuse(LatestPublished, "it is gone", "somebody deleted it")
		}
		return
	}
	content := ContentOf(now, b.t.Salt)
	switch {
	case was != nil && SameState(content, was.Content):
	case !b.publishedByRun(content):
		b.refuse(LatestPublished, "it was published again", "that is neither what it was before nor what this run published")
	case was == nil && b.inUse(LatestPublished, LatestPublished):
	case was == nil:
		b.change(LatestPublished, now.CodeSha256, "")
		b.plan.Steps = append(b.plan.Steps, DeleteVersion{Version: LatestPublished})
	case lost:
		b.refuse(LatestPublished, "published by this run", "it is published from $LATEST, which could not be restored")
	default:
		b.change(LatestPublished, now.CodeSha256, was.Content.CodeSha256)
		b.plan.Steps = append(b.plan.Steps, PublishLatest{Description: was.Description})
	}
}

func (b *back) publishedByRun(content journal.Content) bool {
	return slices.ContainsFunc(b.t.Steps, func(s journal.Step) bool {
		return s.Intent.LatestPublished != nil && SameState(content, s.Intent.LatestPublished.Content)
	})
}
