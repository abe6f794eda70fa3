package deploy

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/lambda-rollout/lambda-rollout/internal/engine"
	"github.com/lambda-rollout/lambda-rollout/internal/event"
	"github.com/lambda-rollout/lambda-rollout/internal/journal"
)

// Work is how targets are worked on.
type Work struct {
	// Events are told what happens, as it happens.
	Events event.Sink
	Now    func() time.Time
	Timing engine.Timing
	// MaxParallel is how many targets are worked on at once.
	MaxParallel int
	// Temp is the folder for code that is fetched.
	Temp string
}

// begin emits the names of a run's targets.
func (w Work) begin(targets []journal.Target) {
	var names []event.Target
	for _, t := range targets {
		names = append(names, nameOf(t))
	}
	w.Events.Emit(event.RunBegan{Targets: names})
}

// of are the events of one target.
func (w Work) of(t journal.Target) event.Sink { return event.To(w.Events, nameOf(t)) }

func nameOf(t journal.Target) event.Target {
	return event.Target{Function: t.Function, Region: t.Region}
}

// warn emits a message that the user should not overlook.
func warn(to event.Sink, format string, args ...any) {
	to.Emit(event.Warning{Message: fmt.Sprintf(format, args...)})
}

// labelled is what has a name in errors.
type labelled interface{ Label() string }

// each calls f for every target, so many at once; the first failure ends the
// others before their next call. Where there are several targets an error names
// its own.
func each[T labelled](ctx context.Context, parallel int, targets []T, f func(context.Context, T) error) error {
	group, inner := errgroup.WithContext(ctx)
	group.SetLimit(max(parallel, 1))
	errs := make([]error, len(targets))
	for i, t := range targets {
		group.Go(func() error {
			err := f(inner, t)
			if err != nil && len(targets) > 1 {
				err = fmt.Errorf("%s: %w", t.Label(), err)
			}
			errs[i] = err
			return err
		})
	}
	first := group.Wait()
	if first == nil {
		return nil
	}
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	var all []error
	for _, err := range errs {
		if err != nil && (errors.Is(err, first) || !errors.Is(err, context.Canceled)) {
			all = append(all, err)
		}
	}
	return errors.Join(all...)
}
