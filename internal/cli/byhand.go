package cli

import (
	"context"
	"errors"

	"github.com/lambda-rollout/lambda-rollout/internal/deploy"
	"github.com/lambda-rollout/lambda-rollout/internal/journal"
	"github.com/lambda-rollout/lambda-rollout/internal/session"
)

// manual rolls functions back without a journal of their deployment: to what
// their aliases pointed to before, or to the version that is named. All of them
// are looked at, and confirmed, before the first is changed.
func (a *app) manual(ctx context.Context) ([]deploy.Restored, error) {
	c, asked, err := a.askedFor(ctx)
	if err != nil {
		return nil, err
	}
	for _, state := range asked {
		if err := a.confirm(ctx, &state); err != nil {
			return nil, err
		}
	}
	var all []deploy.Restored
	var errs []error
	for i, state := range asked {
		restored, err := a.byHand(ctx, c, &state)
		if err != nil && i > 0 {
			err = &deploy.PartlyError{Function: state.Targets[0].Function, Err: err}
		}
		all, errs = append(all, restored...), append(errs, err)
	}
	return all, errors.Join(errs...)
}

// byHand rolls one function back, with a journal of its own.
func (a *app) byHand(ctx context.Context, c *deploy.Connection, state *journal.RunState) ([]deploy.Restored, error) {
	record, err := a.record(ctx, c, state.Header)
	if err != nil {
		return nil, err
	}
	j, err := record.Adopt(ctx, &state.Targets[0], a.Now)
	if err != nil {
		return nil, err
	}
	restored, err := a.rollBack(ctx, j)
	return restored, errors.Join(err, j.Close())
}

// askedFor looks at each function of the inputs. It returns, for each that is not
// where it is asked to be, the journal that leads it there.
func (a *app) askedFor(ctx context.Context) (*deploy.Connection, []journal.RunState, error) {
	requests, err := a.requests(ctx)
	if err != nil {
		return nil, nil, err
	}
	c, err := a.connect(ctx, regionHint(requests))
	if err != nil {
		return nil, nil, err
	}
	if requests, err = a.rewound(ctx, c, requests); err != nil {
		return nil, nil, err
	}
	var asked []journal.RunState
	var errs []error
	for _, r := range requests {
		header := a.header("rollback", a.runID())
		header.StagingBucket = a.in.String("staging-bucket")
		target, err := deploy.Manual(ctx, c, r, header.Run)
		switch {
		case err != nil:
			errs = append(errs, err)
		case len(target.Steps) == 0:
			a.log().Line("Nothing to roll back: function %s in %s is already as requested", target.Function, target.Region)
		default:
			header.Salt, header.Targets = target.Salt, []journal.Target{target.Target}
			asked = append(asked, journal.RunState{Header: header, Targets: []journal.TargetLog{*target}})
		}
	}
	return c, asked, notStarted(session.Join(errs...))
}
