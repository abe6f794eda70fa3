package deploy

import (
	"context"
	"fmt"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/gate"
	"github.com/lambda-rollout/lambda-rollout/internal/journal"
)

// Event returns the event gates alone: a rollback asks nobody.
func (g Gates) Event() Gates {
	g.All = g.at(gate.Event)
	return g
}

// Invokes reports whether one of the gates is a function.
func (g Gates) Invokes() bool { return len(g.Needs()) > 0 }

// TellOfRollback tells the event gates what became of the rollback of a journal by a
// process of its own. Whatever they answer is a warning at most. failure is nil where
// everything is as it was.
func TellOfRollback(ctx context.Context, g Gates, log *journal.RunState, failure error, w Work) {
	limit := tellAtEnd
	if ctx.Err() != nil {
		limit = tellStopped
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
	defer cancel()
	keeper := g.keeper(w)
	for _, one := range g.at(gate.Event) {
		if err := keeper.Tell(ctx, one, rollbackBody(log, failure, w.Now())); err != nil {
			warn(w.Events, "%v", err)
		}
	}
}

func rollbackBody(log *journal.RunState, failure error, now time.Time) gate.Body {
	h := log.Header
	b := gate.Body{
		Event: toldRolledBack, Wave: 1, Waves: 1,
		Run: gate.Run{ID: h.Run, Command: "rollback", Repository: h.Repository, Commit: h.Commit, URL: h.RunURL},
	}
	if failure != nil {
		b.Event, b.Reason = toldIncomplete, failure.Error()
	}
	b.ID = fmt.Sprintf("%s-%s-%d", h.Run, b.Event, now.Unix())
	for _, t := range log.Targets {
		one := gate.Deployed{Function: t.Function, Region: t.Region, Account: t.Account, Aliases: []string{}}
		if s := t.Snapshot; s != nil {
			for _, a := range s.Aliases {
				one.Aliases = append(one.Aliases, a.Name)
			}
			one.Aliases = append(one.Aliases, s.Missing...)
		}
		if published := t.Published(); len(published) > 0 {
			one.NewVersion = published[len(published)-1]
		}
		b.Functions = append(b.Functions, one)
	}
	return b
}
