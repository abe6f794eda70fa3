// Package rehearse plays a deployment against a copy of the functions that it would
// change, with everything that can go wrong, before it is run for real.
//
// A Reader stands between the program and AWS while the functions are read: it lets
// questions through and nothing else, so that no rehearsal can change anything. Of what
// Lambda answered a Copy is made in an embedded AWS, without the values of environment
// variables. Play then runs the deployment and its rollback there, each time in a fork of
// the copy: whole, killed at every moment (Machine, Cut), with answers lost, permissions
// missing and waits that fail, and compares the state of every function, field by field.
//
// The crash matrix of the tests kills with the same Machine: what users play is what
// proves the program. Nothing waits for a clock here, because an AWS of this process
// answers at once.
package rehearse

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/deploy"
	"github.com/lambda-rollout/lambda-rollout/internal/journal"
	"github.com/lambda-rollout/lambda-rollout/internal/lambdaapi"
	"github.com/lambda-rollout/lambda-rollout/internal/session"
)

// Options are how a deployment is rehearsed.
type Options struct {
	// Terms are those of the deployment.
	Terms deploy.Terms
	// MaxTime ends the rehearsal: what was not played by then is counted.
	MaxTime time.Duration
	// Temp is the folder for code.
	Temp string

	// store takes the place of the journal's; nil for the journal's own. A test breaks a
	// rule of the engine by it.
	store func(journal.Store) journal.Store
	// every leaves all but every nth scenario out, for tests; 0 leaves none out.
	every int
}

// player plays scenarios against copies of one copy.
type player struct {
	copy    *Copy
	options Options
	// before and after are the states that the deployment begins and ends with.
	before, after string
	// deployed and restored count what the deployment and its rollback do, and
	// operations are those of Lambda that they call; deploys are those of the
	// deployment alone.
	deployed, restored Count
	operations         []string
}

// verdict is how a play ended.
type verdict struct {
	kind   kind
	detail string
	// finding is what the user should know of it.
	finding string
}

type kind int

const (
	// exact: everything is as it was before, or as the deployment leaves it.
	exact kind = iota
	// documented: something is left, which the program listed with exit code 4, and a
	// rollback finished once it could.
	documented
	wrong
	// unmet: what was to go wrong did not come.
	unmet
)

// scenario is one play.
type scenario struct {
	group, name string
	play        func(ctx context.Context, w *world) (verdict, error)
}

// Play rehearses a deployment against its copy.
func Play(ctx context.Context, c *Copy, o Options) (*Result, error) {
	p := &player{copy: c, options: o}
	all, err := p.measure(ctx)
	if err != nil {
		return nil, err
	}
	result := &Result{Calls: p.deployed.Calls}
	result.add(scenario{group: groupWhole}, verdict{kind: exact})
	if p.before == p.after {
		result.Findings = append(result.Findings, "the deployment would change nothing")
		return result, nil
	}
	all = append(all, p.scenarios()...)
	err = p.playAll(ctx, all, result)
	result.sort()
	return result, err
}

// playAll plays side by side, in an order that brings every kind of scenario early: a
// rehearsal that is ended has seen something of each.
func (p *player) playAll(ctx context.Context, all []scenario, result *Result) error {
	stopped := ctx
	ctx, end := context.WithTimeout(ctx, p.options.MaxTime)
	defer end()
	const stride = 37
	queue := make(chan scenario, len(all))
	queued := 0
	for first := range stride {
		for i := first; i < len(all); i += stride {
			if queued++; p.options.every > 1 && queued%p.options.every != 0 {
				result.skip(all[i])
				continue
			}
			queue <- all[i]
		}
	}
	close(queue)
	var workers sync.WaitGroup
	var mu sync.Mutex
	var failed error
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for s := range queue {
				if ctx.Err() != nil {
					mu.Lock()
					result.skip(s)
					mu.Unlock()
					continue
				}
				v, err := p.one(context.WithoutCancel(ctx), s)
				mu.Lock()
				failed = errors.Join(failed, err)
				result.add(s, v)
				mu.Unlock()
			}
		})
	}
	workers.Wait()
	return errors.Join(failed, context.Cause(stopped))
}

// one plays a scenario in a world of its own.
func (p *player) one(ctx context.Context, s scenario) (v verdict, err error) {
	w, err := p.world()
	if err != nil {
		return verdict{}, err
	}
	defer func() { err = errors.Join(err, w.aws.Close()) }()
	v, err = s.play(ctx, w)
	if err != nil {
		return v, fmt.Errorf("rehearse %s, %s: %w", s.group, s.name, err)
	}
	return v, nil
}

// measure plays the deployment and its rollback once, unharmed, and counts what they do.
func (p *player) measure(ctx context.Context) (more []scenario, err error) {
	w, err := p.world()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, w.aws.Close()) }()
	if p.before, err = w.state(); err != nil {
		return nil, err
	}
	w.aws.ResetCalls()
	m := w.machine()
	if err := w.deploy(ctx, m); err != nil {
		return nil, fmt.Errorf("the copy does not take this deployment: %w", err)
	}
	p.deployed, _ = m.Met()
	if p.after, err = w.state(); err != nil {
		return nil, err
	}
	m = w.machine()
	back := w.rollback(ctx, m)
	p.restored, _ = m.Met()
	for _, c := range w.aws.Calls() {
		if c.Service == "lambda" && !slices.Contains(p.operations, c.Operation) {
			p.operations = append(p.operations, c.Operation)
		}
	}
	now, err := w.state()
	if err != nil {
		return nil, err
	}
	return []scenario{{groupWhole, "a rollback of the whole deployment", func(context.Context, *world) (verdict, error) {
		return p.restoredTo(now, back, p.options.Terms.AllowPartial), nil
	}}}, nil
}

// restoredTo judges the end of a rollback. listed is whether it may leave something.
func (p *player) restoredTo(state string, err error, listed bool) verdict {
	if p.options.Terms.KeepNew {
		state = only(p.before, state)
	}
	var incomplete *deploy.IncompleteError
	var blocked *deploy.BlockedError
	switch {
	case errors.As(err, &incomplete) && listed:
		return verdict{kind: documented, detail: left(incomplete)}
	case errors.As(err, &blocked) && listed:
		return verdict{kind: documented, detail: blocked.Err.Error()}
	case err != nil:
		return verdict{kind: wrong, detail: "the rollback ended with: " + short(err.Error())}
	case state != p.before:
		return verdict{kind: wrong, detail: "the state is not the one before: " + differs(p.before, state)}
	}
	return verdict{kind: exact}
}

// left is what a rollback listed.
func left(incomplete *deploy.IncompleteError) string {
	var lines []string
	for _, t := range incomplete.Targets {
		for _, line := range t.Left() {
			lines = append(lines, t.Target.Function+": "+line)
		}
	}
	return strings.Join(lines, "; ")
}

// The groups of scenarios, which are the rows of the table.
const (
	groupWhole    = "the deployment, its rollback, and the deployment again"
	groupKilled   = "killed at a call or a write, then rolled back"
	groupLost     = "an answer lost, before or after the effect"
	groupBack     = "the rollback killed, then another"
	groupDenied   = "a permission missing"
	groupFailed   = "an update or a version that ends in Failed"
	groupStranger = "somebody else's change before the rollback"
)

// scenarios are all that can go wrong with what was measured.
func (p *player) scenarios() []scenario {
	all := []scenario{{groupWhole, "the same deployment again", p.again}}
	for _, c := range Cuts(p.deployed) {
		all = append(all, scenario{groupKilled, c.String(), func(ctx context.Context, w *world) (verdict, error) { return p.killed(ctx, w, c) }})
	}
	for at := 1; at <= p.deployed.Calls; at++ {
		for _, where := range []string{BeforeCall, BeforeAnswer} {
			c := Cut{where, at}
			all = append(all, scenario{groupLost, c.String(), func(ctx context.Context, w *world) (verdict, error) { return p.lost(ctx, w, c) }})
		}
	}
	for _, c := range Cuts(p.restored) {
		all = append(all, scenario{groupBack, c.String(), func(ctx context.Context, w *world) (verdict, error) { return p.killedBack(ctx, w, c) }})
	}
	for _, operation := range p.operations {
		all = append(all, scenario{groupDenied, "lambda:" + operation, func(ctx context.Context, w *world) (verdict, error) { return p.denied(ctx, w, operation) }})
	}
	for _, what := range []string{"create", "update", "version"} {
		all = append(all, scenario{groupFailed, what, func(ctx context.Context, w *world) (verdict, error) { return p.failing(ctx, w, what) }})
	}
	for _, t := range p.copy.targets {
		all = append(all, scenario{groupStranger, "the description of $LATEST of " + t.Label(), func(ctx context.Context, w *world) (verdict, error) {
			return p.stranger(ctx, w, t, changeLatest)
		}})
		for _, a := range t.Want.Aliases {
			all = append(all, scenario{groupStranger, "the description of alias " + a.Name + " of " + t.Label(), func(ctx context.Context, w *world) (verdict, error) {
				return p.stranger(ctx, w, t, changeAlias(a.Name))
			}})
		}
	}
	return all
}

// again deploys twice: the second time nothing may change.
func (p *player) again(ctx context.Context, w *world) (verdict, error) {
	if err := w.deploy(ctx, w.machine()); err != nil {
		return verdict{}, err
	}
	w.aws.ResetCalls()
	if err := w.deploy(ctx, w.machine()); err != nil {
		return verdict{kind: wrong, detail: "the second deployment ended with: " + short(err.Error())}, nil
	}
	state, err := w.state()
	if err != nil || state == p.after {
		return verdict{kind: exact}, err
	}
	return verdict{kind: wrong, detail: "a second deployment of the same changed something: " + differs(p.after, state)}, nil
}

// back rolls back and judges.
func (p *player) back(ctx context.Context, w *world, listed bool) (verdict, error) {
	m := w.machine()
	m.OnCall = w.arriveAt(3)
	back := w.rollback(ctx, m)
	w.arriveAt(0)(0)
	state, err := w.state()
	return p.restoredTo(state, back, listed), err
}

func (p *player) killed(ctx context.Context, w *world, c Cut) (verdict, error) {
	m := w.machine()
	m.Cut = c
	_ = w.deploy(ctx, m) // nobody is there to take its error
	if _, met := m.Met(); !met {
		return verdict{kind: unmet}, nil
	}
	return p.back(ctx, w, p.options.Terms.AllowPartial)
}

func (p *player) killedBack(ctx context.Context, w *world, c Cut) (verdict, error) {
	if err := w.deploy(ctx, w.machine()); err != nil {
		return verdict{}, err
	}
	m := w.machine()
	m.Cut = c
	_ = w.rollback(ctx, m) // as above
	if _, met := m.Met(); !met {
		return verdict{kind: unmet}, nil
	}
	return p.back(ctx, w, p.options.Terms.AllowPartial)
}

func (p *player) lost(ctx context.Context, w *world, c Cut) (verdict, error) {
	m := w.machine()
	m.Lose = c
	ended := w.deploy(ctx, m)
	if _, met := m.Met(); !met {
		return verdict{kind: unmet}, nil
	}
	return p.ended(w, ended, false)
}

// ended judges a deployment that lived to its end.
func (p *player) ended(w *world, ended error, listed bool) (verdict, error) {
	state, err := w.state()
	if err != nil {
		return verdict{}, err
	}
	var incomplete *deploy.IncompleteError
	var failed *deploy.FailedError
	var not *deploy.NotStartedError
	want := p.before
	switch {
	case ended == nil:
		want = p.after
	case errors.As(ended, &incomplete) && listed:
		return verdict{kind: documented, detail: left(incomplete)}, nil
	case !errors.As(ended, &failed) && !errors.As(ended, &not):
		return verdict{kind: wrong, detail: "the deployment ended with: " + short(ended.Error())}, nil
	}
	if state != want {
		return verdict{kind: wrong, detail: fmt.Sprintf("the deployment ended with %v, but %s", ended, differs(want, state))}, nil
	}
	return verdict{kind: exact}, nil
}

// denied plays the deployment, and its rollback, with one action refused throughout.
func (p *player) denied(ctx context.Context, w *world, operation string) (verdict, error) {
	var fired atomic.Bool
	w.aws.Inject(awslocal.Fault{
		Service: "lambda", Operation: operation, Count: -1, Action: awslocal.Error, Status: http.StatusForbidden, Code: "AccessDeniedException",
		Message: "User: arn:aws:sts::" + p.copy.targets[0].At.Account + ":assumed-role/rehearsal is not authorized to perform: lambda:" + operation + " because no identity-based policy allows it",
		Fired:   func() { fired.Store(true) },
	})
	ended := w.deploy(ctx, w.machine())
	v, err := p.ended(w, ended, true)
	if err != nil || v.kind == wrong {
		return v, err
	}
	if ended == nil {
		if v, err = p.back(ctx, w, true); err != nil || v.kind == wrong {
			return v, err
		}
		if v.kind == documented {
			v.finding = fmt.Sprintf("without lambda:%s this deployment goes through, and its rollback does not: %s", operation, short(v.detail))
		}
	}
	if !fired.Load() {
		return verdict{kind: unmet}, nil
	}
	if v.kind != documented {
		return v, nil
	}
	w.aws.ClearFaults()
	last, err := p.back(ctx, w, false)
	if err != nil || last.kind == wrong {
		return verdict{kind: wrong, detail: "with the permission back, " + last.detail}, err
	}
	return v, nil
}

// failing lets a wait of the deployment end in Failed.
func (p *player) failing(ctx context.Context, w *world, what string) (verdict, error) {
	w.aws.Fail(what, "", "InternalError", "rehearsed")
	ended := w.deploy(ctx, w.machine())
	if ended == nil {
		return verdict{kind: unmet}, nil
	}
	return p.ended(w, ended, p.options.Terms.AllowPartial)
}

const byHand = "changed by somebody else"

// hand changes something, and returns a look at whether it is still so.
type hand func(ctx context.Context, api *lambdaapi.Client, function string) (kept func() (bool, error), err error)

func changeLatest(ctx context.Context, api *lambdaapi.Client, function string) (func() (bool, error), error) {
	text := byHand
	_, err := api.UpdateConfiguration(ctx, function, definition.Function{Description: &text}, "")
	return func() (bool, error) {
		now, err := api.Find(ctx, function, "")
		return now != nil && now.Description != nil && *now.Description == byHand, err
	}, err
}

func changeAlias(name string) hand {
	return func(ctx context.Context, api *lambdaapi.Client, function string) (func() (bool, error), error) {
		now, err := api.FindAlias(ctx, function, name)
		if err != nil || now == nil {
			return nil, err
		}
		text, changed := byHand, now.Alias
		changed.Description = &text
		_, err = api.UpdateAlias(ctx, function, changed, "")
		return func() (bool, error) {
			now, err := api.FindAlias(ctx, function, name)
			return now != nil && now.Description != nil && *now.Description == byHand, err
		}, err
	}
}

// stranger changes something between the deployment and its rollback, which must not
// touch it, and must say so.
func (p *player) stranger(ctx context.Context, w *world, t played, change hand) (verdict, error) {
	if err := w.deploy(ctx, w.machine()); err != nil {
		return verdict{}, err
	}
	s, err := session.Open(ctx, w.access(w.machine()).Session)
	if err != nil {
		return verdict{}, err
	}
	kept, err := change(ctx, lambdaapi.New(s, t.At.Region, patience), t.At.Function)
	if err != nil || kept == nil {
		return verdict{kind: unmet}, err
	}
	back := w.rollback(ctx, w.machine())
	still, err := kept()
	var incomplete *deploy.IncompleteError
	switch {
	case err != nil:
		return verdict{}, err
	case !still:
		return verdict{kind: wrong, detail: "the rollback overwrote what somebody else had changed"}, nil
	case back == nil:
		return verdict{kind: exact}, nil
	case errors.As(back, &incomplete):
		return verdict{kind: documented, detail: left(incomplete)}, nil
	}
	return verdict{kind: wrong, detail: "the rollback ended with: " + short(back.Error())}, nil
}
