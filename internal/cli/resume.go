package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/deploy"
	"github.com/lambda-rollout/lambda-rollout/internal/journal"
)

// resume goes on with a shift that was stopped and not rolled back: under the same
// run, from the same journal.
func (a *app) resume(ctx context.Context) (err error) {
	store, header, err := a.stopped(ctx)
	if err != nil {
		return err
	}
	c, err := a.connect(ctx, header.Targets[0].Region)
	if err != nil {
		return err
	}
	r, targets, err := deploy.Resume(ctx, store, a.access(), a.gates(c), a.work(""))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	if a.in.Bool("dry-run") {
		return a.show(ctx, targets)
	}
	a.runName = r.Run()
	stages := targets[0].Want.Traffic
	a.log().Line("Run %s, which began at %s, continues with %s", r.Run(), header.Started.UTC().Format(time.DateTime), stages)
	return a.withTemp(func(folders deploy.Folders) error {
		execution := deploy.Execution{
			Work: a.work(folders.Temp), RollbackTimeout: a.rollbackTime(), PostFollows: a.host.PostFollows(),
			Record: deploy.Record{Header: header, SaveState: func(name string) error {
				a.progress.began(name)
				return a.host.SaveState("journal", name)
			}},
		}
		a.warnOfExpiry(stages.Total())
		results, err := a.change(ctx, targets, execution)
		return a.deployed(results, err)
	})
}

// stopped finds the journal of the run to go on with: the one that is named, or the
// one that is open.
func (a *app) stopped(ctx context.Context) (journal.Store, journal.Header, error) {
	names, err := a.findJournals(ctx)
	if err != nil {
		return nil, journal.Header{}, notStarted(err)
	}
	var open []journal.Store
	var header journal.Header
	for _, name := range names {
		store, err := a.openStore(ctx, name)
		if err != nil {
			return nil, header, notStarted(err)
		}
		log, err := journal.Read(ctx, store)
		if err != nil {
			return nil, header, notStarted(err)
		}
		if len(log.Header.Targets) > 0 && (log.State == journal.Open || len(names) == 1) {
			open, header = append(open, store), log.Header
		}
	}
	switch {
	case len(open) == 0:
		return nil, header, notStarted(errors.New("no journal of an interrupted run was found: name it with journal"))
	case len(open) > 1:
		var all []string
		for _, s := range open {
			all = append(all, "--journal "+s.Name())
		}
		return nil, header, notStarted(fmt.Errorf("%d runs were interrupted; name one of them:\n  %s", len(open), strings.Join(all, "\n  ")))
	}
	return open[0], header, nil
}
