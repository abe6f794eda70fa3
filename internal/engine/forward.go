package engine

import (
	"context"
	"maps"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/event"
	"github.com/lambda-rollout/lambda-rollout/internal/journal"
	"github.com/lambda-rollout/lambda-rollout/internal/lambdaapi"
	"github.com/lambda-rollout/lambda-rollout/internal/plan"
)

// Snapshot records the current state, before the first change of the run.
func (e *Engine) Snapshot(ctx context.Context, w plan.Wanted, o plan.Observation, p plan.Plan) error {
	e.Continue(w, o)
	s := &journal.Snapshot{}
	for _, a := range w.Aliases {
		now := o.Aliases[a.Name]
		if now == nil {
			s.Missing = append(s.Missing, a.Name)
			continue
		}
		s.Aliases = append(s.Aliases, journal.AliasOf(now.Alias))
		if has, known := o.Provisioned[a.Name]; known && !has {
			s.Unprovisioned = append(s.Unprovisioned, a.Name)
		}
	}
	if latest := o.Latest; latest != nil {
		s.Exists, s.Content = true, *e.live.content(latest)
		s.RestorePoint, s.Tags = p.RestorePoint, latest.Tags
		s.Architectures = latest.Architectures
		if latest.Description != nil {
			s.Description = *latest.Description
		}
		if latest.PackageType != nil {
			s.PackageType = *latest.PackageType
		}
		if published := o.LatestPublished; published != nil {
			s.LatestPublished = &journal.Published{Content: *e.live.content(published)}
			if published.Description != nil {
				s.LatestPublished.Description = *published.Description
			}
		}
		if w.Function.CodeSigningConfigArn != nil {
			s.CodeSigning = &o.CodeSigning
		}
	}
	s.Settings = settingsBefore(p, o)
	return e.record.Snapshot(context.WithoutCancel(ctx), s)
}

// Continue remembers the current state, from which a run that was interrupted goes on:
// the state from before the run is recorded already.
func (e *Engine) Continue(w plan.Wanted, o plan.Observation) {
	e.live.latest, e.live.signing, e.live.provisioned = o.Latest, o.CodeSigning, o.Provisioned
	for _, a := range w.Aliases {
		e.live.aliases[a.Name] = o.Aliases[a.Name]
	}
	if o.Latest != nil {
		e.live.tags = o.Latest.Tags
	}
	e.live.settings = maps.Clone(o.Settings)
}

// Prepare carries out a plan up to the published version that is ready for
// traffic, and returns it. No alias has moved then.
func (e *Engine) Prepare(ctx context.Context, p plan.Plan) (*definition.Observed, error) {
	steps := in(p, preparing)
	for len(steps) > 0 {
		err := e.deploy(ctx, steps[0])
		if codeFirst(steps, err) {
			e.events.Emit(event.CodeFirst{Function: e.live.function, Err: err})
			steps[0], steps[1] = steps[1], steps[0]
			continue
		}
		if err != nil {
			return nil, err
		}
		steps = steps[1:]
	}
	return e.version, nil
}

// codeFirst reports whether a refused configuration is worth another try after the
// code that changes as well: a new handler or runtime may need it.
func codeFirst(steps []plan.Step, err error) bool {
	if err == nil || len(steps) < 2 {
		return false
	}
	_, configuration := steps[0].(plan.UpdateConfiguration)
	_, code := steps[1].(plan.UpdateCode)
	return configuration && code && lambdaapi.Classify(err) == lambdaapi.Refused
}

// deploy carries out one step of a deployment.
func (e *Engine) deploy(ctx context.Context, s plan.Step) error {
	s, err := e.onNewVersion(ctx, s)
	if err != nil || s == nil {
		return err
	}
	began := e.begin(s, false)
	err = e.do(ctx, s, false)
	e.end(began, err)
	if err != nil {
		return err
	}
	if _, point := s.(plan.PublishRestorePoint); point {
		// Publishing moved the RevisionId of $LATEST.
		return e.refreshUnchanged(ctx)
	}
	return nil
}
