package rehearse

import (
	"context"
	"errors"
	"fmt"

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

// strangers are changes of somebody else: before each call that the deployment sends, and
// between it and its rollback.
func (p *player) strangers() []scenario {
	var all []scenario
	add := func(t played, what string, change hand) {
		for at := 1; at <= p.sent; at++ {
			all = append(all, scenario{groupStranger, fmt.Sprintf("call-%d:%s:%s", at, what, t.Label()), func(ctx context.Context, w *world) (verdict, error) {
				return p.meddled(ctx, w, t, meddling{change, at})
			}})
		}
		all = append(all, scenario{groupStranger, what + ":" + t.Label(), func(ctx context.Context, w *world) (verdict, error) {
			return p.meddled(ctx, w, t, meddling{change, 0})
		}})
	}
	for _, t := range p.copy.targets {
		add(t, "$LATEST", changeLatest)
		for _, a := range t.Want.Aliases {
			add(t, "alias-"+a.Name, changeAlias(a.Name))
		}
	}
	return all
}

// meddling is a change of somebody else before the nth call of the deployment; 0 is after
// the last.
type meddling struct {
	change hand
	at     int
}

// meddled plays the deployment and its rollback with somebody else's change, which neither
// may overwrite, and which must be said.
func (p *player) meddled(ctx context.Context, w *world, t played, m meddling) (verdict, error) {
	s, err := session.Open(ctx, w.access(w.machine()).Session)
	if err != nil {
		return verdict{}, err
	}
	api := lambdaapi.New(s, t.At.Region, patience)
	var kept func() (bool, error)
	process := w.machine()
	begun := m.at == 0
	meddle := func() {
		change, err := m.change(ctx, api, t.At.Function)
		switch {
		case err == nil:
			kept = change
		case lambdaapi.Classify(err) != lambdaapi.NotFound:
			w.strike(err)
		}
	}
	process.OnCall = func(n int) {
		if n == m.at {
			done, _ := process.Met()
			begun = done.Opens > 0
			meddle()
		}
	}
	ended := w.deploy(ctx, process)
	if m.at == 0 {
		meddle()
	}
	if w.broken != nil || kept == nil {
		return verdict{kind: unmet}, w.broken
	}
	if state, err := w.state(); err != nil || !begun && ended == nil && state == p.after {
		// The change came before the deployment looked, whose plan showed that it would be
		// overwritten.
		return verdict{kind: exact}, err
	}
	return p.unmeddled(ctx, w, ended, kept)
}

// unmeddled judges what became of somebody else's change.
func (p *player) unmeddled(ctx context.Context, w *world, ended error, kept func() (bool, error)) (verdict, error) {
	if v := p.mayEnd(ended); v.kind == wrong {
		return v, nil
	}
	back := ended
	if ended == nil {
		back = w.rollback(ctx, w.machine())
	}
	still, err := kept()
	var incomplete *deploy.IncompleteError
	switch {
	case err != nil:
		return verdict{}, err
	case !still:
		return verdict{kind: wrong, detail: "what somebody else had changed was overwritten"}, nil
	case errors.As(back, &incomplete):
		return verdict{kind: documented, detail: left(incomplete)}, nil
	case ended == nil && back != nil:
		return verdict{kind: wrong, detail: "the rollback ended with: " + short(back.Error())}, nil
	}
	return verdict{kind: exact}, nil
}
