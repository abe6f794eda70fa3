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
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
	"github.com/lambda-rollout/lambda-rollout/internal/deploy"
	"github.com/lambda-rollout/lambda-rollout/internal/journal"
	"github.com/lambda-rollout/lambda-rollout/internal/policy"
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
	// Needs are the actions of the deployment and its rollback; Missing are those that IAM
	// does not allow to its role.
	Needs   []policy.Need
	Missing []session.Denied
	// Plays are the names of the only plays to play; none plays all.
	Plays []string

	// store takes the place of the journal's; nil for the journal's own. A test breaks a
	// rule of the engine by it.
	store func(journal.Store) journal.Store
	// every leaves all but the first and then every nth scenario of a kind out, for
	// tests; 0 leaves none out.
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
	// times is how often the deployment calls each operation.
	times map[string]int
	// questions is how many gates are asked, lasted how many stages last, and guarded
	// whether versions are compared meanwhile.
	questions, lasted int
	// handed is what the deployment had done when it handed the first alias to CodeDeploy,
	// shifts how often it was told how far that is.
	handed Count
	shifts int
	// took is how long the deployment takes.
	took time.Duration
	// sent is how many calls the deployment sends, reads too, and changing are those of them
	// that change something.
	sent     int
	changing []int
	guarded  bool
}

// verdict is how a play ended.
type verdict struct {
	kind   kind
	detail string
	// finding is what the user should know of it.
	finding finding
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

// Play rehearses a deployment against its copy.
func Play(ctx context.Context, c *Copy, o Options) (*Result, error) {
	p := &player{copy: c, options: o}
	all, err := p.measure(ctx)
	if err != nil {
		return nil, err
	}
	result := &Result{Calls: p.deployed.Calls}
	if p.before != p.after {
		all = append(all, p.scenarios()...)
	} else {
		result.Findings = append(result.Findings, "the deployment would change nothing")
	}
	if all, err = chosen(all, o.Plays); err != nil {
		return nil, err
	}
	err = p.playAll(ctx, all, result)
	result.sort()
	return result, err
}

// UnknownPlayError reports a play that the deployment does not have.
type UnknownPlayError struct {
	Play string
	// Known are the names of all plays.
	Known []string
}

// Error names the play and some that there are.
func (e *UnknownPlayError) Error() string {
	word, _, _ := strings.Cut(e.Play, ":")
	var like []string
	for _, name := range e.Known {
		if strings.HasPrefix(name, word+":") {
			like = append(like, name)
		}
	}
	if len(like) == 0 {
		like = e.Known
	}
	return fmt.Sprintf("this deployment has no play %s; it has %s", e.Play, some(like))
}

// some are the first of many names.
func some(names []string) string {
	const most = 8
	if len(names) > most {
		return strings.Join(names[:most], ", ") + fmt.Sprintf(" and %d others", len(names)-most)
	}
	return strings.Join(names, ", ")
}

// chosen are the plays of these names; all where there are none.
func chosen(all []scenario, names []string) ([]scenario, error) {
	if len(names) == 0 {
		return all, nil
	}
	var only []scenario
	var known []string
	byName := map[string]scenario{}
	for _, s := range all {
		known, byName[s.id()] = append(known, s.id()), s
	}
	for _, name := range names {
		s, is := byName[name]
		if !is {
			return nil, &UnknownPlayError{name, known}
		}
		only = append(only, s)
	}
	return only, nil
}

// playAll plays side by side, in an order that brings every kind of scenario early: a
// rehearsal that is ended has seen something of each.
func (p *player) playAll(ctx context.Context, all []scenario, result *Result) error {
	stopped := ctx
	ctx, end := context.WithTimeout(ctx, p.options.MaxTime)
	defer end()
	const stride = 37
	queue := make(chan scenario, len(all))
	queued := map[group]int{}
	for first := range stride {
		for i := first; i < len(all); i += stride {
			if queued[all[i].group]++; p.options.every > 1 && queued[all[i].group]%p.options.every != 1 {
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
		return v, fmt.Errorf("rehearse %s: %w", s.id(), err)
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
	m.Base = &spy{wire: wire{w.aws}, machine: m, player: p}
	if err := w.deploy(ctx, m); err != nil {
		return nil, fmt.Errorf("the copy does not take this deployment: %w", err)
	}
	p.deployed, _ = m.Met()
	p.sent, p.times = m.Sent(), map[string]int{}
	for _, c := range w.aws.Calls() {
		p.times[c.Operation]++
	}
	p.questions, p.lasted, p.shifts, p.took = w.questions, w.lasted, w.shifts, max(w.ahead, time.Second)
	p.guarded = slices.ContainsFunc(w.aws.Calls(), func(c awslocal.Call) bool { return c.Operation == "GetMetricData" })
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
	return []scenario{{groupWhole, "deploy", func(context.Context, *world) (verdict, error) {
		return verdict{kind: exact}, nil // measured above
	}}, {groupWhole, "rollback", func(context.Context, *world) (verdict, error) {
		return p.restoredTo(now, back, p.options.Terms.AllowPartial), nil
	}}}, nil
}
