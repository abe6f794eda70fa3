package engine

import (
	"context"

	"github.com/lambda-rollout/lambda-rollout/internal/journal"
)

// Record is the journal of one target.
type Record interface {
	// Target is what was recorded so far.
	Target() journal.TargetLog
	// Snapshot records the state from before the first change.
	Snapshot(ctx context.Context, s *journal.Snapshot) error
	// Begin records an intent before its call goes out, and returns its number.
	Begin(ctx context.Context, intent journal.Intent) (int, error)
	// Again records that the call of a step is about to go out once more.
	Again(ctx context.Context, step int) error
	// End records what became of a step.
	End(ctx context.Context, step int, outcome journal.Outcome) error
}

// RecordOf returns the part of a journal that is about one target, by its index in
// the header.
func RecordOf(j *journal.Journal, target int) Record { return record{j, target} }

type record struct {
	journal *journal.Journal
	target  int
}

func (r record) Target() journal.TargetLog { return r.journal.Target(r.target) }

func (r record) Snapshot(ctx context.Context, s *journal.Snapshot) error {
	return r.journal.Append(ctx, journal.Record{Target: r.target, Snapshot: s})
}

func (r record) Begin(ctx context.Context, intent journal.Intent) (int, error) {
	return r.journal.Begin(ctx, r.target, intent)
}

func (r record) Again(ctx context.Context, step int) error {
	return r.journal.Again(ctx, r.target, step)
}

func (r record) End(ctx context.Context, step int, outcome journal.Outcome) error {
	return r.journal.End(ctx, r.target, step, outcome)
}
