package rehearse

import (
	"context"
	"errors"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/deploy"
	"github.com/lambda-rollout/lambda-rollout/internal/lambdaapi"
	"github.com/lambda-rollout/lambda-rollout/internal/session"
)

const byHand = "changed by somebody else"

// hand changes something, and returns a look at whether it is still so.
type hand func(ctx context.Context, api *lambdaapi.Client, function string) (kept func() (bool, error), err error)

func changeLatest(ctx context.Context, api *lambdaapi.Client, function string) (func() (bool, error), error) {
	text := byHand
	_, err := api.UpdateConfiguration(ctx, function, definition.Function{Description: &text}, "")
	return func() (bool, error) {
		now, err := api.Find(ctx, function, "")
		return now != nil && now.Description != nil && *now.Description == byHand, err
	}, err
}

func changeAlias(name string) hand {
	return func(ctx context.Context, api *lambdaapi.Client, function string) (func() (bool, error), error) {
		now, err := api.FindAlias(ctx, function, name)
		if err != nil || now == nil {
			return nil, err
		}
		text, changed := byHand, now.Alias
		changed.Description = &text
		_, err = api.UpdateAlias(ctx, function, changed, "")
		return func() (bool, error) {
			now, err := api.FindAlias(ctx, function, name)
			return now != nil && now.Description != nil && *now.Description == byHand, err
		}, err
	}
}

// stranger changes something between the deployment and its rollback, which must not
// touch it, and must say so.
func (p *player) stranger(ctx context.Context, w *world, t played, change hand) (verdict, error) {
	if err := w.deploy(ctx, w.machine()); err != nil {
		return verdict{}, err
	}
	s, err := session.Open(ctx, w.access(w.machine()).Session)
	if err != nil {
		return verdict{}, err
	}
	kept, err := change(ctx, lambdaapi.New(s, t.At.Region, patience), t.At.Function)
	if err != nil || kept == nil {
		return verdict{kind: unmet}, err
	}
	back := w.rollback(ctx, w.machine())
	still, err := kept()
	var incomplete *deploy.IncompleteError
	switch {
	case err != nil:
		return verdict{}, err
	case !still:
		return verdict{kind: wrong, detail: "the rollback overwrote what somebody else had changed"}, nil
	case back == nil:
		return verdict{kind: exact}, nil
	case errors.As(back, &incomplete):
		return verdict{kind: documented, detail: left(incomplete)}, nil
	}
	return verdict{kind: wrong, detail: "the rollback ended with: " + short(back.Error())}, nil
}
