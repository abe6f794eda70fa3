package deploy

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/event"
	"github.com/lambda-rollout/lambda-rollout/internal/lambdaapi"
	"github.com/lambda-rollout/lambda-rollout/internal/redact"
	"github.com/lambda-rollout/lambda-rollout/internal/verify"
)

// verify invokes every new version before any alias moves. Its error is that a
// version did not answer as expected; the log says how.
func (d *deployment) verify(ctx context.Context) error {
	var verified []*target
	for _, t := range d.targets {
		if t.verifies() {
			verified = append(verified, t)
		}
	}
	if len(verified) == 0 {
		return nil
	}
	d.Events.Emit(event.SectionBegan{Title: "Verify"})
	return each(ctx, d.MaxParallel, verified, func(ctx context.Context, t *target) error {
		v := verifier{target: t, events: d.of(t.At), work: d.Work, version: t.newVersion(), old: t.oldVersion()}
		v.hide(t.Want.Function.Environment)
		if latest := t.Before.Latest; latest != nil {
			v.hide(latest.Environment)
		}
		return v.all(ctx)
	})
}

// verifies reports whether the deployment publishes a version that is to be
// invoked.
func (p Planned) verifies() bool { return len(p.Verify) > 0 && !p.Plan.Empty() }

// oldVersion is the version that the first alias pointed to; "" where there was
// none. What $LATEST was before the deployment is in the restore point.
func (t *target) oldVersion() string {
	old := t.Previous()
	if old == "$LATEST" {
		return t.engine.RestorePoint()
	}
	return old
}

// warnOfSideEffects warns of cases that invoke the old version too.
func (p *Planned) warnOfSideEffects() {
	old := p.Previous()
	if old == "" {
		return // there is none; the run says so where it would have been invoked
	}
	var names []string
	for _, c := range p.Verify {
		if c.Old != nil {
			names = append(names, c.Name)
		}
	}
	if len(names) > 0 && p.verifies() {
		p.Plan.Warnings = append(p.Plan.Warnings, fmt.Sprintf(
			"verify (against: old): the payload of %s is sent to the new version of function %s and to version %s, which gets the traffic now, twice each: its side effects happen four times",
			some(names), p.At.Function, old))
	}
}

// verifier invokes the new version of one target.
type verifier struct {
	*target
	events       event.Sink
	work         Work
	version, old string
	secrets      redact.Set
}

// hide keeps the values of an environment out of the log.
func (v *verifier) hide(e *definition.Environment) {
	if e == nil {
		return
	}
	for _, value := range e.Variables {
		v.secrets.Add(value)
	}
}

// all runs every case, so that one run shows everything that is wrong.
func (v *verifier) all(ctx context.Context) error {
	v.events.Emit(event.VerifyBegan{Function: v.At.Function, Version: v.version, Cases: len(v.Verify)})
	var failed []string
	for _, c := range v.Verify {
		wrong, log, err := v.run(ctx, c)
		if cause := context.Cause(ctx); cause != nil {
			return cause
		}
		if err != nil {
			wrong = append(wrong, err.Error())
		}
		if len(wrong) == 0 {
			continue
		}
		failed = append(failed, c.Name)
		for i := range wrong {
			wrong[i] = v.secrets.Text(wrong[i])
		}
		v.events.Emit(event.CaseFailed{Case: c.Name, Version: v.version, Problems: wrong, Log: v.secrets.Text(log)})
	}
	if len(failed) > 0 {
		return fmt.Errorf("version %s of function %s was invoked before it got traffic and did not answer as expected: %s", v.version, v.At.Function, strings.Join(failed, ", "))
	}
	return nil
}

// run invokes the new version once, and both versions again where they are
// compared. It returns what is wrong, and the end of the new version's log.
func (v *verifier) run(ctx context.Context, c verify.Case) (wrong []string, log string, err error) {
	answer, err := v.invoke(ctx, v.version, c.Payload)
	if err != nil {
		return nil, "", err
	}
	if wrong = c.Check(answer); len(wrong) > 0 {
		return wrong, answer.Log, nil
	}
	v.events.Emit(event.CaseVerified{Case: c.Name, Version: v.version, Usage: answer.Summary()})
	if c.Old == nil {
		return nil, "", nil
	}
	if v.old == "" {
		warn(v.events, "verify: %s is compared with nothing: no alias of function %s pointed to a version", c.Name, v.At.Function)
		return nil, "", nil
	}
	wrong, err = v.compare(ctx, c, answer)
	return wrong, answer.Log, err
}

// compare sends the payload to the old version, and once more to both: a first
// invocation may include what only a new environment does.
func (v *verifier) compare(ctx context.Context, c verify.Case, answer verify.Answer) ([]string, error) {
	old, err := v.invoke(ctx, v.old, c.Payload)
	if err != nil {
		return nil, err
	}
	if wrong := c.Old.Compare(answer, old); len(wrong) > 0 {
		return wrong, nil
	}
	warm, err := v.invoke(ctx, v.version, c.Payload)
	if err != nil {
		return nil, err
	}
	oldWarm, err := v.invoke(ctx, v.old, c.Payload)
	if err != nil {
		return nil, err
	}
	v.events.Emit(event.CaseCompared{Case: c.Name, Version: v.version, Old: v.old, Usage: warm.Summary(), OldUsage: oldWarm.Summary()})
	return nil, nil
}

// invoke calls a version by its number, once: a payload may do something that
// must not happen twice.
func (v *verifier) invoke(ctx context.Context, version string, payload []byte) (verify.Answer, error) {
	start := v.work.Now()
	a, err := v.API.Invoke(ctx, lambdaapi.Invocation{Function: v.At.Function, Qualifier: version, Payload: payload})
	if err != nil {
		return verify.Answer{}, err
	}
	if a.Version != "" && a.Version != version {
		return verify.Answer{}, errors.New("version " + a.Version + " answered instead of version " + version)
	}
	return verify.Answer{Payload: a.Payload, Error: a.FunctionError, Log: a.Log, Took: v.work.Now().Sub(start)}, nil
}
