package cli

import (
	"context"
	"errors"
	"strings"

	"github.com/lambda-rollout/lambda-rollout/internal/deploy"
	"github.com/lambda-rollout/lambda-rollout/internal/journal"
	"github.com/lambda-rollout/lambda-rollout/internal/plan"
)

// confirmJournal asks about what a journal's rollback deletes.
func (a *app) confirmJournal(ctx context.Context, store journal.Store) error {
	if !a.asks() {
		return nil
	}
	state, err := a.readJournal(ctx, store)
	if err != nil || state == nil {
		return nil // the rollback itself says what is wrong
	}
	return a.confirm(ctx, state)
}

// asks reports whether there is a user to ask, who has not answered yet.
func (a *app) asks() bool { return a.host.CanAsk() && !a.in.Bool("yes") }

// confirm asks before a rollback deletes something; no ends it.
func (a *app) confirm(ctx context.Context, state *journal.RunState) error {
	if !a.asks() {
		return nil
	}
	planned, err := deploy.PlanRollback(ctx, a.access(), state)
	if err != nil {
		return nil //nolint:nilerr // the rollback itself says what is wrong
	}
	var deletes []string
	for _, p := range planned {
		for _, s := range p.Plan.Steps {
			if name, deleted := plan.Deletes(s); !deleted {
				continue
			} else if name == "" {
				deletes = append(deletes, p.Label())
			} else {
				deletes = append(deletes, name+" of "+p.Label())
			}
		}
	}
	if len(deletes) == 0 {
		return nil
	}
	yes, err := a.host.Confirm(ctx, "The rollback deletes what the deployment created: "+strings.Join(deletes, ", ")+". Continue?")
	if err == nil && !yes {
		err = errors.New("the rollback was not confirmed: nothing was changed")
	}
	return notStarted(err)
}
