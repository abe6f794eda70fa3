package engine

import (
	"context"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/journal"
	"github.com/lambda-rollout/lambda-rollout/internal/lambdaapi"
	"github.com/lambda-rollout/lambda-rollout/internal/plan"
)

// publishLatest publishes $LATEST to $LATEST.PUBLISHED and waits until callers
// without a qualifier can use it.
func (e *Engine) publishLatest(description string) change {
	predicted := *e.live.latest
	predicted.Description = &description
	wanted := &journal.Published{Content: *e.live.content(&predicted), Description: description}
	before := *e.live.content(e.live.latest)
	return change{
		intent: journal.Intent{LatestPublished: wanted},
		send: func(ctx context.Context) error {
			answer, err := e.api.PublishVersion(ctx, lambdaapi.Publication{
				Function: e.live.function, CodeSha256: e.live.latest.CodeSha256, RevisionId: e.live.latest.RevisionId, Description: description, Latest: true,
			})
			if err == nil && !showsCode(answer, e.live.latest.CodeSha256) {
				err = &lambdaapi.AnswerError{Operation: (plan.PublishLatest{}).Operation(), Subject: e.live.function}
			}
			return err
		},
		look: func(ctx context.Context) (sight, error) {
			now, err := e.api.Find(ctx, e.live.function, definition.LatestPublished)
			if err == nil {
				err = e.refresh(ctx)
			}
			switch {
			case err != nil:
				return unreadable, err
			case now != nil && plan.SameState(*e.live.content(now), wanted.Content):
				return applied, nil
			case e.live.latest == nil || !plan.SameState(*e.live.content(e.live.latest), before):
				return foreign, nil
			}
			return unchanged, nil
		},
		finish: func(ctx context.Context, _ *journal.Outcome) error {
			_, err := e.poller().Wait(ctx, e.live.function, definition.LatestPublished, e.waiting)
			return err
		},
	}
}

// onManagedInstances reports whether a function has, or is to have, a capacity
// provider.
func onManagedInstances(w plan.Wanted, latest *definition.Observed) bool {
	return w.Function.CapacityProviderConfig != nil || latest != nil && latest.CapacityProviderConfig != nil
}
