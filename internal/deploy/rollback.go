package deploy

import (
	"context"
	"fmt"
	"sync"

	"github.com/lambda-rollout/lambda-rollout/internal/engine"
	"github.com/lambda-rollout/lambda-rollout/internal/journal"
	"github.com/lambda-rollout/lambda-rollout/internal/report"
)

// Engine is one Target's engine for the way back.
type Engine struct {
	*engine.Engine
	Label string
}

// Rollback is what became of one Target on the way back.
type Rollback struct {
	Target   journal.Target
	Restored engine.Restored
	// Err says that AWS could not be read.
	Err error
	// Kept says that the function was new and stays, as first-deploy asks.
	Kept bool
}

// Left says what is not as it was, one line each.
func (r Rollback) Left() []string {
	var lines []string
	if r.Err != nil {
		lines = append(lines, r.Err.Error())
	}
	for _, f := range r.Restored.Refused {
		lines = append(lines, fmt.Sprintf("%s was left alone: %s; %s", f.Subject, f.Found, f.Reason))
	}
	for _, f := range r.Restored.Remaining {
		lines = append(lines, fmt.Sprintf("%s could not be carried out: %v", f.Step.Operation(), f.Err))
	}
	return lines
}

// Back rolls a journal back: every Target, side by side. The error is
// *IncompleteError where a person must look.
func Back(ctx context.Context, j *journal.Journal, engines []Engine, opts Options) ([]Rollback, error) {
	done, incomplete := rollback(ctx, j, engines, opts)
	if incomplete != nil {
		return done, incomplete
	}
	return done, nil
}

func rollback(ctx context.Context, j *journal.Journal, engines []Engine, opts Options) ([]Rollback, *IncompleteError) {
	opts.Log.Section("Rollback")
	defer opts.Log.Section("")
	header := j.Log().Header
	done := make([]Rollback, len(engines))
	slots := make(chan struct{}, max(opts.MaxParallel, 1))
	var all sync.WaitGroup
	for i, e := range engines {
		all.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			done[i] = one(ctx, j, e, logFor(opts.Log, e.Label, len(engines)))
		})
	}
	all.Wait()
	incomplete := &IncompleteError{Targets: done, Journal: j.Name()}
	for _, d := range done {
		if len(d.Left()) > 0 {
			return done, incomplete
		}
	}
	state := journal.RolledBack
	if keptAll(done) && header.FirstDeploy == "keep" {
		state = journal.Kept
	}
	if err := j.Settle(context.WithoutCancel(ctx), state); err != nil {
		done[0].Err = err
		return done, incomplete
	}
	return done, nil
}

func keptAll(done []Rollback) bool {
	for _, d := range done {
		if !d.Kept {
			return false
		}
	}
	return true
}

func one(ctx context.Context, j *journal.Journal, e Engine, log *report.Log) Rollback {
	t := j.Log().Targets[e.Index]
	r := Rollback{Target: t.Target}
	log.Line("Starting Rollback..")
	if s := t.Snapshot; s != nil && !s.Exists && j.Log().Header.FirstDeploy == "keep" {
		log.Line("function %s did not exist before; first-deploy: keep leaves it as it is", t.Function)
		r.Kept = true
		return r
	}
	if t.Snapshot == nil || len(t.Steps) == 0 {
		log.Line("Nothing was changed: no rollback data for function %s, skipped", t.Function)
		return r
	}
	r.Restored, r.Err = e.Rollback(ctx)
	for _, line := range r.Left() {
		log.Warn("%s", line)
	}
	if len(r.Left()) == 0 {
		log.Line("Done")
	}
	return r
}

func logFor(log *report.Log, label string, count int) *report.Log {
	if count == 1 {
		return log
	}
	return log.For(label)
}
