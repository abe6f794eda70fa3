package deploy

import (
	"context"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/lambda-rollout/lambda-rollout/internal/journal"
	"github.com/lambda-rollout/lambda-rollout/internal/metrics"
)

// metricsReader reads the metrics of the aliases of a run, which may be in several
// accounts and Regions: one call for each of these.
type metricsReader struct {
	// delay is how long after its end a minute is complete.
	delay  time.Duration
	groups []*metricsGroup
}

// metricsGroup is what one client reads.
type metricsGroup struct {
	account, connector, region string
	client                     *metrics.Client
}

// question is whose metrics are asked for, and by which client.
type question struct {
	group   *metricsGroup
	subject metrics.Subject
}

// group is the group of a target.
func (r *metricsReader) group(ctx context.Context, t Target) *metricsGroup {
	if strings.HasPrefix(t.At.Endpoint, journal.LocalEndpoint) {
		r.delay = 0
	}
	for _, g := range r.groups {
		if g.account == t.At.Account && g.connector == t.At.Connector && g.region == t.At.Region {
			return g
		}
	}
	g := &metricsGroup{t.At.Account, t.At.Connector, t.At.Region, metrics.New(ctx, t.Session, t.At.Region)}
	r.groups = append(r.groups, g)
	return g
}

// read answers the questions, in their order.
func (r *metricsReader) read(ctx context.Context, questions []question, from, until time.Time) ([]metrics.Series, error) {
	return answer(ctx, r, questions, func(ctx context.Context, c *metrics.Client, subjects []metrics.Subject) ([]metrics.Series, error) {
		return c.Read(ctx, subjects, from, until)
	})
}

// answer asks every client once, side by side, and returns the answers in the order
// of the questions.
func answer[T any](ctx context.Context, r *metricsReader, questions []question, read func(context.Context, *metrics.Client, []metrics.Subject) ([]T, error)) ([]T, error) {
	all := make([]T, len(questions))
	var calls errgroup.Group
	for _, g := range r.groups {
		var mine []metrics.Subject
		var at []int
		for i, q := range questions {
			if q.group == g {
				mine, at = append(mine, q.subject), append(at, i)
			}
		}
		calls.Go(func() error {
			ctx, cancel := context.WithTimeout(ctx, questionTimeout)
			defer cancel()
			series, err := read(ctx, g.client, mine)
			for i, s := range series {
				all[at[i]] = s
			}
			return err
		})
	}
	return all, calls.Wait()
}

// complete is the end of the minutes that can be relied on. Where metrics arrive at
// once, what the current minute has so far can be, too.
func (r *metricsReader) complete(now time.Time) time.Time {
	if r.delay <= 0 {
		return metrics.Complete(now, 0).Add(time.Minute)
	}
	return metrics.Complete(now, r.delay)
}

// partialLook is how often the guard looks where metrics arrive at once.
const partialLook = 5 * time.Second

// again is when there is something new to read: where metrics are delayed, when
// the next minute is complete.
func (r *metricsReader) again(now time.Time) time.Time {
	if r.delay <= 0 {
		return now.Add(partialLook)
	}
	return r.complete(now).Add(time.Minute + r.delay)
}
