package engine

import (
	"context"
	"errors"
	"slices"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/journal"
	"github.com/lambda-rollout/lambda-rollout/internal/lambdaapi"
	"github.com/lambda-rollout/lambda-rollout/internal/plan"
)

// Snapshot records what stands, before the first change of the run.
func (e *Engine) Snapshot(ctx context.Context, w plan.Wanted, o plan.Observation, p plan.Plan) error {
	e.bind(w.Function.FunctionName, e.Journal.Log().Header.Salt)
	e.latest, e.signing = o.Latest, o.CodeSigning
	s := &journal.Snapshot{}
	for _, a := range w.Aliases {
		now := o.Aliases[a.Name]
		e.aliases[a.Name] = now
		if now == nil {
			s.Missing = append(s.Missing, a.Name)
			continue
		}
		s.Aliases = append(s.Aliases, journal.AliasOf(now.Alias))
	}
	if latest := o.Latest; latest != nil {
		s.Exists, s.Content = true, *e.content(latest)
		s.RestorePoint, s.Tags = p.RestorePoint, latest.Tags
		s.Architectures = latest.Architectures
		if latest.Description != nil {
			s.Description = *latest.Description
		}
		if latest.PackageType != nil {
			s.PackageType = *latest.PackageType
		}
		if w.Function.CodeSigningConfigArn != nil {
			s.CodeSigning = &o.CodeSigning
		}
	}
	return e.Journal.Append(context.WithoutCancel(ctx), journal.Record{Target: e.Index, Snapshot: s})
}

// Prepare carries out a plan up to the published version that is ready to
// serve, and returns it. No alias has moved then.
func (e *Engine) Prepare(ctx context.Context, w plan.Wanted, p plan.Plan) (*definition.Observed, error) {
	steps := slices.DeleteFunc(slices.Clone(p.Steps), afterReady)
	for len(steps) > 0 {
		err := e.prepareStep(ctx, w, steps[0])
		if codeFirst(steps, err) {
			e.Log.Warn("AWS refuses the new configuration with the code that stands; the code goes first: %v", err)
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

// codeFirst says that a refused configuration is worth another try after the
// code that changes as well: a new handler or runtime may need it.
func codeFirst(steps []plan.Step, err error) bool {
	return err != nil && len(steps) > 1 &&
		steps[0].Call == plan.UpdateConfiguration && steps[1].Call == plan.UpdateCode &&
		lambdaapi.Classify(err) == lambdaapi.Refused
}

func (e *Engine) prepareStep(ctx context.Context, w plan.Wanted, s plan.Step) error {
	switch {
	case s.Call == plan.PublishVersion && s.RestorePoint:
		e.Log.Line("Publishing a restore point: $LATEST is no version that an alias serves")
		point, err := e.publish(ctx, w.Marker.RestorePoint(), true)
		if err != nil {
			return err
		}
		e.Log.Line("Published restore point: [%s]", point.Version)
		return e.refreshUnchanged(ctx)
	case s.Call == plan.PublishVersion:
		e.Log.Line("Publishing new version")
		version, err := e.publish(ctx, w.Marker.String(), false)
		if err != nil {
			return err
		}
		e.version = version
		if version.Description != nil && *version.Description != w.Marker.String() {
			e.Log.Line("Nothing changed since version [%s] was published", version.Version)
			return nil
		}
		e.Log.Line("Published new version: [%s]", version.Version)
		e.Log.Line("Published function ARN: [%s]", version.Arn)
		return nil
	case s.Route.Ahead:
		e.Log.Line("Alias %s of function %s is on $LATEST, which changes at once: it goes to the restore point first", s.Alias.Name, e.function)
		return e.shiftAlias(ctx, s, e.RestorePoint())
	case s.Call == plan.CreateFunction:
		e.Log.Line("Creating Function: %s in region: %s", e.function, e.API.Region())
	case s.Call == plan.UpdateConfiguration:
		e.Log.Line("Updating Function Configuration: [%s]", e.function)
	}
	if err := e.do(ctx, s, false); err != nil {
		return err
	}
	switch s.Call {
	case plan.CreateFunction:
		e.Log.Line("Created Function Code Sha256: [%s]", e.latest.CodeSha256)
		e.Log.Line("Created Function ARN: [%s]", e.latest.Arn)
	case plan.UpdateCode:
		e.Log.Line("Updated Function Code Sha256: [%s]", e.latest.CodeSha256)
		e.Log.Line("Updated Function ARN: [%s]", e.latest.Arn)
	case plan.UpdateConfiguration:
		e.Log.Line("Updated Function Configuration: [%s]", e.function)
	}
	return nil
}

// publish publishes $LATEST as it was last seen and waits for the version to
// be ready to serve.
func (e *Engine) publish(ctx context.Context, description string, restorePoint bool) (*definition.Observed, error) {
	var published *definition.Observed
	before := *e.content(e.latest)
	err := e.carry(ctx, change{
		intent: journal.Intent{Call: string(plan.PublishVersion), RestorePoint: restorePoint},
		send: func(ctx context.Context) (err error) {
			published, err = e.API.PublishVersion(ctx, lambdaapi.Publication{
				Function: e.function, CodeSha256: e.latest.CodeSha256, RevisionId: e.latest.RevisionId, Description: description,
			})
			return err
		},
		look: func(ctx context.Context) (verdict, error) {
			if err := e.refresh(ctx); err != nil {
				return 0, err
			}
			if e.latest == nil || !e.content(e.latest).Equal(before) {
				return foreign, nil
			}
			// A version that was published and not answered is given back by
			// the next try.
			return untouched, nil
		},
		finish: func(ctx context.Context, o *journal.Outcome) error {
			o.Version = published.Version
			if published.State.Value == "Active" && published.Settled() {
				return nil
			}
			ready, err := e.API.Wait(ctx, e.function, published.Version, e.waiting)
			if failed := (*lambdaapi.FailedError)(nil); errors.As(err, &failed) {
				o.Version, o.FailedVersion = "", published.Version
			}
			if err == nil {
				published = ready
			}
			return err
		},
	})
	return published, err
}
