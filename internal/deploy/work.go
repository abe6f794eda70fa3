package deploy

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/lambda-rollout/lambda-rollout/internal/event"
	"github.com/lambda-rollout/lambda-rollout/internal/journal"
	"github.com/lambda-rollout/lambda-rollout/internal/session"
	"github.com/lambda-rollout/lambda-rollout/internal/timing"
)

// Work is how targets are worked on.
type Work struct {
	// Events receives what happens, as it happens.
	Events event.Sink
	Now    func() time.Time
	Timing timing.Timing
	// MaxParallel is how many targets are worked on at once in each Region, whose
	// quotas are apart.
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

// placed is what has a name in errors and is in a Region.
type placed interface {
	Label() string
	inRegion() string
}

// endedBy is why the calls for the other targets ended: the first that failed.
type endedBy struct{ first error }

func (e *endedBy) Error() string { return e.first.Error() }
func (e *endedBy) Unwrap() error { return e.first }

// each calls f for every target, so many at once in each Region and begun in their
// order; the first failure ends the others before their next call. Where there are
// several targets an error names its own. A target that was only ended by another's
// failure is not named.
func each[T placed](ctx context.Context, parallel int, targets []T, f func(context.Context, T) error) error {
	inner, end := context.WithCancelCause(ctx)
	defer end(nil)
	var group errgroup.Group
	free := slots{size: parallel}
	errs := make([]error, len(targets))
	for i, t := range targets {
		turn := free.queue(t.inRegion())
		group.Go(func() error {
			release := turn.take(inner)
			if release == nil {
				errs[i] = context.Cause(inner)
				return errs[i]
			}
			defer release()
			if errs[i] = f(inner, t); errs[i] != nil {
				end(&endedBy{errs[i]}) // the first one counts
			}
			return errs[i]
		})
	}
	first := group.Wait()
	if first == nil {
		return nil
	}
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	var all causes
	for i, err := range errs {
		if ended := (*endedBy)(nil); err == nil || errors.As(err, &ended) || errors.Is(err, context.Canceled) {
			continue
		}
		all.add(targets[i].Label(), err)
		if f, is := any(targets[i]).(interface{ fails() }); is {
			f.fails()
		}
	}
	if len(all.order) == 0 {
		return first
	}
	return all.join(len(targets) > 1)
}

// causes are errors of targets by what they say: what several targets have in
// common is reported once. What is wrong with the session, such as credentials that
// expired, needs no name of a target.
type causes struct {
	order []string
	// first is an error that says so, labels are its targets.
	first  map[string]error
	labels map[string][]string
}

func (c *causes) add(label string, err error) {
	text := err.Error()
	if shared := session.Cause(err); shared != nil {
		text = shared.Error()
	}
	if c.first == nil {
		c.first, c.labels = map[string]error{}, map[string][]string{}
	}
	if c.first[text] == nil {
		c.order, c.first[text] = append(c.order, text), err
	}
	c.labels[text] = append(c.labels[text], label)
}

// join is one error for each cause, nil without one. named puts the targets in
// front.
func (c *causes) join(named bool) error {
	var all []error
	for _, text := range c.order {
		err := c.first[text]
		switch shared := session.Cause(err); {
		case shared != nil && len(c.labels[text]) > 1:
			err = shared
		case named:
			err = fmt.Errorf("%s: %w", some(c.labels[text]), err)
		}
		all = append(all, err)
	}
	return errors.Join(all...)
}

// some are the first of many names.
func some(names []string) string {
	const enough = 3
	if len(names) <= enough+1 {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:enough], ", "), len(names)-enough)
}
