package engine

import (
	"errors"
	"testing"
	"testing/synctest"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/lambdaapi"
	"github.com/lambda-rollout/lambda-rollout/internal/plan"
)

// managed is a function on managed instances, which callers without a qualifier reach at
// $LATEST.PUBLISHED.
func managed(t *testing.T, published bool) (*bench, plan.Wanted) {
	b, w := newBench(t), wanted()
	b.aws.aliases = map[string]*definition.ObservedAlias{}
	b.aws.function.CapacityProviderConfig = &definition.CapacityProviderConfig{}
	b.aws.versions[0].CapacityProviderConfig = &definition.CapacityProviderConfig{}
	if published {
		p := *b.aws.function
		p.Version, p.Description = plan.LatestPublished, new("theirs")
		b.aws.published = &p
	}
	return b, w
}

// A deployment publishes to $LATEST.PUBLISHED once, whatever becomes of the answers, and a
// rollback restores what was there.
func TestWhatCallersOfManagedInstancesReachIsPublishedAndRestored(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		published     bool
		before, after error
	}{
		"it was published":         {published: true},
		"it was not":               {},
		"the call got lost":        {published: true, before: lost},
		"the answer got lost":      {published: true, after: lost},
		"another answer":           {published: true, after: &lambdaapi.AnswerError{Operation: "PublishVersion", Subject: "f"}},
		"of a new one, got lost":   {after: lost},
		"the RevisionId had moved": {published: true, before: stale},
	} {
		synctest.Test(t, func(t *testing.T) {
			b, w := managed(t, tc.published)
			fired := 0
			fault := func(err error) func(string, int) error {
				// After the restore point and the version.
				return on("PublishVersion", 3, func() error { fired++; return err })
			}
			b.aws.before, b.aws.after = fault(tc.before), fault(tc.after)
			b.mustDeploy(w)
			if fired == 0 {
				t.Errorf("%s: it never happened", name)
			}
			if p := b.aws.published; p == nil || p.CodeSha256 != "two" || *p.Description != w.Marker.String() {
				t.Fatalf("%s: published %+v", name, p)
			}
			b.aws.before, b.aws.after = nil, nil
			if r := b.rollback(t.Context()); !r.Complete() || b.aws.function.CodeSha256 != "one" {
				t.Errorf("%s: %+v", name, r)
			}
			switch p := b.aws.published; {
			case !tc.published && p != nil:
				t.Errorf("%s: %+v stays", name, p)
			case tc.published && (p.CodeSha256 != "one" || *p.Description != "theirs"):
				t.Errorf("%s: restored %s, %q", name, p.CodeSha256, *p.Description)
			}
		})
	}
}

func TestWhatSomebodyElsePublishedIsNotWrittenOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, w := managed(t, true)
		b.aws.before = on("PublishVersion", 3, func() error {
			now := *b.aws.function
			now.MemorySize, now.RevisionId = new(int32(999)), b.aws.next()
			b.aws.function = &now
			return stale
		})
		err := b.deploy(t.Context(), w)
		if foreign := (*ForeignError)(nil); !errors.As(err, &foreign) || b.aws.published.CodeSha256 != "one" {
			t.Errorf("%v, published %s", err, b.aws.published.CodeSha256)
		}
	})
	// What this run published, and others use by now, stays.
	synctest.Test(t, func(t *testing.T) {
		b, w := managed(t, false)
		b.mustDeploy(w)
		b.aws.attached = []lambdaapi.Attachment{{Qualifier: plan.LatestPublished, What: "permission api"}}
		if r := b.rollback(t.Context()); len(r.Refused) != 1 || r.Refused[0].Subject != plan.LatestPublished || b.aws.published == nil {
			t.Errorf("%+v, published %+v", r, b.aws.published)
		}
	})
}
