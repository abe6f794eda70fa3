package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/lambda-rollout/lambda-rollout/internal/deploy"
	"github.com/lambda-rollout/lambda-rollout/internal/journal"
	"github.com/lambda-rollout/lambda-rollout/internal/plan"
)

// byHand moves aliases back without a journal of the deployment: to what they
// served before, or to the version that is named.
func (a *app) byHand(ctx context.Context) error {
	orders, err := a.orders()
	if err != nil {
		return err
	}
	w, err := a.connect(ctx, a.nearJournal(nearOrders(orders)))
	if err != nil {
		return err
	}
	var errs []error
	for _, o := range orders {
		errs = append(errs, a.carryOut(ctx, w, o))
	}
	return errors.Join(errs...)
}

// carryOut rolls one function back to what an order says.
func (a *app) carryOut(ctx context.Context, w *world, o order) error {
	s, err := a.look(ctx, w, o)
	if err != nil {
		return &deploy.InputError{Err: err}
	}
	if err := s.target(ctx); err != nil {
		return &deploy.InputError{Err: err}
	}
	log, err := s.record(ctx, a)
	if err != nil {
		return &deploy.InputError{Err: err}
	}
	if a.in.Bool("dry-run") {
		return a.showBack(ctx, s.api, *log)
	}
	return a.restore(ctx, w, log)
}

// target finds out, for each alias that names no version, what it served before
// the version that it serves now. A version that is named must be there.
func (s *standing) target(ctx context.Context) error {
	for _, name := range s.names() {
		switch version := s.aliases[name]; version {
		case "none", plan.Latest:
			continue
		case "":
		default:
			found, err := s.api.Find(ctx, s.function, version)
			if err != nil {
				return err
			}
			if found == nil {
				return s.choose(ctx, name, "there is no version "+version)
			}
			continue
		}
		if shares, err := s.shares(ctx, name); err != nil {
			return err
		} else if shares {
			// It has not gone over to another version yet: back is where it is.
			s.aliases[name] = s.now[name].Version
			continue
		}
		served, err := s.api.Find(ctx, s.function, s.now[name].Version)
		if err != nil {
			return err
		}
		description := ""
		if served != nil && served.Description != nil {
			description = *served.Description
		}
		was := plan.ParseWas(description, name)
		switch was {
		case "":
			return s.choose(ctx, name, "its description does not say what the alias served before")
		case "none":
			return s.choose(ctx, name, "it is the first one that the alias served")
		}
		s.aliases[name] = was
	}
	return nil
}

// shares says that an alias gives part of its traffic to a version on trial.
// Weights beside provisioned concurrency are AWS' own, of an alias that has moved.
func (s *standing) shares(ctx context.Context, name string) (bool, error) {
	if len(s.now[name].Weights) == 0 {
		return false, nil
	}
	concurrency, err := s.api.Provisioned(ctx, s.function, name)
	return concurrency.Value == "", err
}

// record writes the order as the journal of a run that changed from the wanted
// state to what stands now: the way back is then the one of every rollback,
// and one that is cut off can be finished.
func (s *standing) record(ctx context.Context, a *app) (*journal.TargetLog, error) {
	salt := newSalt()
	log := &journal.TargetLog{Target: s.journal(a), Run: a.runID(), Salt: salt}
	snapshot := &journal.Snapshot{Exists: true, Content: plan.ContentOf(s.latest, salt), Tags: s.latest.Tags}
	if s.latest.Description != nil {
		snapshot.Description = *s.latest.Description
	}
	snapshot.Architectures = s.latest.Architectures
	for _, name := range s.names() {
		if s.now[name] == nil {
			continue
		}
		now := journal.AliasOf(s.now[name].Alias)
		log.Steps = append(log.Steps, found(plan.UpdateAlias{}, journal.Intent{Alias: &now, AliasName: name}))
		if s.aliases[name] == "none" {
			snapshot.Missing = append(snapshot.Missing, name)
			continue
		}
		was := now
		was.Version, was.Weights = s.aliases[name], s.weights[name]
		snapshot.Aliases = append(snapshot.Aliases, was)
	}
	if s.order.latest {
		if err := s.recordLatest(ctx, log, snapshot); err != nil {
			return nil, err
		}
	}
	log.Snapshot = snapshot
	return log, nil
}

// found is what stands now, as a step that is done.
func found(call plan.Step, intent journal.Intent) journal.Step {
	intent.Call = call.Operation()
	return journal.Step{Intent: intent, Outcome: &journal.Outcome{Result: journal.Done}}
}

func (s *standing) recordLatest(ctx context.Context, log *journal.TargetLog, snapshot *journal.Snapshot) error {
	version := s.point
	if version == "" && len(snapshot.Aliases) > 0 {
		version = snapshot.Aliases[0].Version
	}
	if version == "" {
		return fmt.Errorf("$LATEST of %s cannot be brought back: no alias names the version to take", s.function)
	}
	point, err := s.api.Find(ctx, s.function, version)
	if err != nil {
		return err
	}
	if point == nil {
		return fmt.Errorf("function %s has no version %s", s.function, version)
	}
	standing := snapshot.Content
	log.Steps = append(log.Steps, found(plan.UpdateConfiguration{}, journal.Intent{Content: &standing}))
	wanted := *point
	wanted.Description = s.latest.Description
	snapshot.Content = plan.ContentOf(&wanted, log.Salt)
	snapshot.RestorePoint, snapshot.Architectures = version, point.Architectures
	return nil
}

// restore journals the order and rolls it back.
func (a *app) restore(ctx context.Context, w *world, log *journal.TargetLog) error {
	opts, err := a.journalled(w, log.Run)
	if err != nil {
		return &deploy.InputError{Err: err}
	}
	header := opts.Header
	header.StagingBucket = a.in.String("staging-bucket")
	header.Salt, header.Targets = log.Salt, []journal.Target{log.Target}
	j, err := journal.Create(ctx, opts.Store, header, a.Now)
	if err != nil {
		return &deploy.InputError{Err: err}
	}
	if opts.Claim != nil {
		if err := opts.Claim(ctx, j.Name(), header.Targets); err != nil {
			return errors.Join(&deploy.InputError{Err: err}, j.Settle(ctx, journal.Kept), j.Close())
		}
	}
	// A post step finishes what is cut off here.
	if err := errors.Join(a.host.SaveState("journal", j.Name()), j.Adopt(ctx, log)); err != nil {
		return errors.Join(&deploy.InputError{Err: err}, j.Close())
	}
	return errors.Join(a.rollBack(ctx, j), j.Close())
}
