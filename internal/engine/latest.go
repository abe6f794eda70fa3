package engine

import (
	"context"
	"errors"
	"slices"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/event"
	"github.com/lambda-rollout/lambda-rollout/internal/journal"
	"github.com/lambda-rollout/lambda-rollout/internal/lambdaapi"
	"github.com/lambda-rollout/lambda-rollout/internal/plan"
)

// latestChange is a change of $LATEST: AWS answers it at once with the new
// values and then works on them.
type latestChange struct {
	engine *Engine
	// before and wanted are the states that the change leads between.
	before, wanted journal.Content
	// answer is what AWS said of our own call, or what the look showed that
	// found it applied.
	answer *definition.Observed
}

// took checks an answer and remembers it. One that does not show what the
// change was to do is no answer to it.
func (l *latestChange) took(operation string, answer *definition.Observed, shows bool) error {
	if !shows {
		return &lambdaapi.AnswerError{Operation: operation, Subject: l.engine.live.function}
	}
	l.answer = answer
	return nil
}

// look tells a lost update of $LATEST that was applied from one that was not,
// and both from somebody else's.
func (l *latestChange) look(ctx context.Context) (sight, error) {
	e := l.engine
	if err := e.refresh(ctx); err != nil {
		return unreadable, err
	}
	if e.live.latest == nil {
		return foreign, nil
	}
	switch now := *e.live.content(e.live.latest); {
	case plan.SameState(now, l.wanted) && !plan.SameState(l.wanted, l.before):
		l.answer = e.live.latest
		return applied, nil
	case plan.SameState(now, l.before):
		return unchanged, nil
	}
	return foreign, nil
}

// finish waits for the update. What is there in the end must be what AWS
// answered: between the end of our update and this look somebody else may have
// made one of their own, with the RevisionId that ours left.
func (l *latestChange) finish(ctx context.Context, o *journal.Outcome) error {
	e := l.engine
	e.events.Emit(event.WaitBegan{Function: e.live.function})
	err := e.settle(ctx)
	switch {
	case err == nil && l.answer != nil && !sameContent(l.answer, e.live.latest):
		o.Content = e.live.content(l.answer)
		return &ForeignError{Subject: "function " + e.live.function}
	case e.live.latest != nil:
		o.Content = e.live.content(e.live.latest)
	}
	return err
}

// sameContent compares code and configuration of the same function at two times.
// RevisionId, State, LastUpdateStatus, LastModified, RuntimeVersionConfig and
// SnapStart.OptimizationStatus move by themselves when an update ends, as the
// recorded answers of AWS show; none of them is in a definition.Function. What
// AWS could not show at one of the times proves nothing.
func sameContent(a, b *definition.Observed) bool {
	x, y := a.Function, b.Function
	for _, u := range slices.Concat(a.Unreadable, b.Unreadable) {
		switch u.Field {
		case "Environment":
			x.Environment, y.Environment = nil, nil
		case "ImageConfig":
			x.ImageConfig, y.ImageConfig = nil, nil
		}
	}
	return a.CodeSha256 == b.CodeSha256 && definition.EqualConfiguration(x, y)
}

// refreshUnchanged reads $LATEST anew for its RevisionId. Content that differs is
// somebody else's, and the RevisionId would let this run write over it.
func (e *Engine) refreshUnchanged(ctx context.Context) error {
	return e.unchanged(func() error { return e.refresh(ctx) })
}

// settleUnchanged waits until no update is under way, with the same care.
func (e *Engine) settleUnchanged(ctx context.Context) error {
	return e.unchanged(func() error { return failedIsSettled(e.settle(ctx)) })
}

func (e *Engine) unchanged(read func() error) error {
	before := e.live.latest
	if err := read(); err != nil {
		return err
	}
	if e.live.latest == nil || !sameContent(before, e.live.latest) {
		return &ForeignError{Subject: "function " + e.live.function}
	}
	return nil
}

func (e *Engine) createFunction(s plan.CreateFunction) change {
	wanted := definition.Observed{Function: s.Function, CodeSha256: s.Code.Sha256}
	l := &latestChange{engine: e, wanted: *e.live.content(&wanted)}
	signing := ""
	if s.Function.CodeSigningConfigArn != nil {
		signing = *s.Function.CodeSigningConfigArn
	}
	return change{
		intent:   journal.Intent{Content: &l.wanted, CodeSigning: &signing},
		unfenced: true,
		send: func(ctx context.Context) error {
			answer, err := e.api.CreateFunction(ctx, s.Function, s.Code)
			if err != nil {
				return err
			}
			return l.took(s.Operation(), answer, showsCode(answer, s.Code.Sha256) && shows(answer, s.Function))
		},
		look: func(ctx context.Context) (sight, error) {
			if err := e.refresh(ctx); err != nil {
				return unreadable, err
			}
			switch {
			case e.live.latest == nil:
				return unchanged, nil
			case e.live.latest.Tags[plan.RunTag] == s.Function.Tags[plan.RunTag]:
				l.answer = e.live.latest
				return applied, nil
			}
			return foreign, nil
		},
		finish: func(ctx context.Context, o *journal.Outcome) error {
			e.live.created = true
			return l.finish(ctx, o)
		},
	}
}

// shows reports whether an answer has every value that a change was to set.
func shows(answer *definition.Observed, wanted definition.Function) bool {
	wanted.CodeSigningConfigArn, wanted.PackageType = nil, nil // not in every answer
	d := definition.Diff(wanted, answer.Function)
	return len(d.Changes)+len(d.Immutable)+len(d.Architectures) == 0
}

// showsCode reports whether an answer is about the code that was sent; the hash
// of a reference may not be known beforehand.
func showsCode(answer *definition.Observed, sha256 string) bool {
	return sha256 == "" || answer.CodeSha256 == sha256
}

func (e *Engine) updateConfiguration(s plan.UpdateConfiguration) change {
	predicted := *e.live.latest
	predicted.Function = e.live.latest.Function.Merge(s.Patch)
	predicted.Unreadable = slices.DeleteFunc(slices.Clone(predicted.Unreadable), func(u definition.Unreadable) bool {
		// What could not be read is known once it was written.
		return u.Field == "Environment" && s.Patch.Environment != nil || u.Field == "ImageConfig" && s.Patch.ImageConfig != nil
	})
	l := &latestChange{engine: e, before: *e.live.content(e.live.latest), wanted: *e.live.content(&predicted)}
	return change{
		intent: journal.Intent{Content: &l.wanted},
		send: func(ctx context.Context) error {
			answer, err := e.api.UpdateConfiguration(ctx, e.live.function, s.Patch, e.live.latest.RevisionId)
			if err != nil {
				return err
			}
			return l.took(s.Operation(), answer, shows(answer, s.Patch))
		},
		look:   l.look,
		finish: l.finish,
	}
}

func (e *Engine) updateCode(s plan.UpdateCode) change {
	predicted := *e.live.latest
	predicted.Architectures, predicted.CodeSha256 = s.Architectures, s.Code.Sha256
	l := &latestChange{engine: e, before: *e.live.content(e.live.latest), wanted: *e.live.content(&predicted)}
	return change{
		intent: journal.Intent{Content: &l.wanted},
		send: func(ctx context.Context) error {
			answer, err := e.api.UpdateCode(ctx, lambdaapi.CodeUpdate{
				Function: e.live.function, Code: s.Code, Architectures: s.Architectures, RevisionId: e.live.latest.RevisionId,
			})
			if err != nil {
				return err
			}
			return l.took(s.Operation(), answer, showsCode(answer, s.Code.Sha256))
		},
		look:   l.look,
		finish: l.finish,
	}
}

// publish publishes $LATEST as it was last seen and waits for the version to be
// ready.
func (e *Engine) publish(description string, restorePoint bool) change {
	before := *e.live.content(e.live.latest)
	return change{
		intent: journal.Intent{RestorePoint: restorePoint},
		send: func(ctx context.Context) error {
			answer, err := e.api.PublishVersion(ctx, lambdaapi.Publication{
				Function: e.live.function, CodeSha256: e.live.latest.CodeSha256, RevisionId: e.live.latest.RevisionId, Description: description,
			})
			if err == nil && !showsCode(answer, e.live.latest.CodeSha256) {
				err = &lambdaapi.AnswerError{Operation: (plan.PublishVersion{}).Operation(), Subject: e.live.function}
			}
			e.version = answer
			return err
		},
		look: func(ctx context.Context) (sight, error) {
			if err := e.refresh(ctx); err != nil {
				return unreadable, err
			}
			if e.live.latest == nil || !plan.SameState(*e.live.content(e.live.latest), before) {
				return foreign, nil
			}
			// A version that was published and not answered is returned by the
			// next try.
			return unchanged, nil
		},
		finish: e.finishVersion,
	}
}

func (e *Engine) finishVersion(ctx context.Context, o *journal.Outcome) error {
	o.Version = e.version.Version
	if e.version.State.Value == "Active" && e.version.Settled() {
		return nil
	}
	ready, err := e.poller().Wait(ctx, e.live.function, e.version.Version, e.waiting)
	if failed := (*lambdaapi.FailedError)(nil); errors.As(err, &failed) {
		o.Version, o.FailedVersion = "", e.version.Version
	}
	if err == nil {
		e.version = ready
	}
	return err
}
