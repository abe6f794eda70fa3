package deploy

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/lambda-rollout/lambda-rollout/internal/engine"
	"github.com/lambda-rollout/lambda-rollout/internal/report"
)

// Work is how targets are worked on.
type Work struct {
	Log    *report.Log
	Now    func() time.Time
	Timing engine.Timing
	// MaxParallel is how many targets are worked on at once.
	MaxParallel int
	// Temp is the folder for code that is fetched.
	Temp string
}

// log is the log for one of so many targets.
func (w Work) log(label string, targets int) *report.Log {
	if targets == 1 {
		return w.Log
	}
	return w.Log.For(label)
}

// labelled is what has a name in log and errors.
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
