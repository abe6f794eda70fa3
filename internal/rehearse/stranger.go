package rehearse

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/lambda-rollout/lambda-rollout/internal/deploy"
	"github.com/lambda-rollout/lambda-rollout/internal/lambdaapi"
	"github.com/lambda-rollout/lambda-rollout/internal/session"
)

// strangers are changes of somebody else: before each call that the deployment sends, and
// between it and its rollback, which is moment 0.
func (p *player) strangers() []scenario {
	var all []scenario
	for _, t := range p.copy.targets {
		for _, h := range p.hands(t) {
			for _, at := range p.moments() {
				name := fmt.Sprintf("call-%d:%s:%s", at, h.what, t.Label())
				if at == 0 {
					name = h.what + ":" + t.Label()
				}
				all = append(all, scenario{groupStranger, name, func(ctx context.Context, w *world) (verdict, error) {
					return p.meddled(ctx, w, t, meddling{hand: h, at: at})
				}})
			}
		}
	}
	return all
}

// manyCalls is how many calls a deployment sends before not every one is a moment of its own.
const manyCalls = 40

// moments are the calls before which somebody else comes: all of them, or the changing ones
// and those around them.
func (p *player) moments() []int {
	all := []int{0}
	for at := 1; at <= p.sent; at++ {
		near := at == 1 || slices.ContainsFunc(p.changing, func(c int) bool { return at-c <= 1 && c-at <= 1 })
		if near || p.sent <= manyCalls {
			all = append(all, at)
		}
	}
	return all
}

// patientStranger is how often somebody else waits for an update of the deployment's to end.
const patientStranger = 3

// meddling is a change of somebody else before the nth call of the deployment; 0 is after
// the last.
type meddling struct {
	hand
	at int

	// left is what somebody else left; met is set when there was something to change.
	left string
	met  bool
	// call is the deployment's call that came next, in the log of the copy.
	call int
}

// meddle makes the change, once what the deployment has under way is over.
func (m *meddling) meddle(ctx context.Context, w *world, s somebody) error {
	before, err := m.look(ctx, s)
	if err != nil {
		return err
	}
	err = m.change(ctx, s)
	for try := 0; err != nil && lambdaapi.Classify(err) == lambdaapi.Conflict && try < patientStranger; try++ {
		w.aws.Advance(inProgress)
		err = m.change(ctx, s)
	}
	switch {
	case errors.Is(err, errNothing):
		return nil
	case err != nil && slices.Contains([]lambdaapi.Class{lambdaapi.NotFound, lambdaapi.Refused}, lambdaapi.Classify(err)):
		return nil // what AWS does not let them do is no play
	case err != nil:
		return err
	}
	m.left, err = m.look(ctx, s)
	m.met = m.left != before
	m.call = len(w.aws.Calls())
	return err
}

// meddled plays the deployment and its rollback with somebody else's change, which neither
// may overwrite, and which must be said.
func (p *player) meddled(ctx context.Context, w *world, t played, m meddling) (verdict, error) {
	session, err := session.Open(ctx, w.access(w.machine()).Session)
	if err != nil {
		return verdict{}, err
	}
	s := somebody{lambdaapi.New(session, t.At.Region, w.patience()), t}
	process := w.machine()
	begun := m.at == 0
	process.OnCall = func(n int) {
		if n == m.at {
			done, _ := process.Met()
			begun = done.Opens > 0
			w.strike(m.meddle(ctx, w, s))
		}
	}
	ended := w.deploy(ctx, process)
	if m.at == 0 {
		w.strike(m.meddle(ctx, w, s))
	}
	if w.broken != nil || !m.met {
		return verdict{kind: unmet}, w.broken
	}
	if state, err := w.state(); err != nil || !begun && ended == nil && state == p.after {
		// The change came before the deployment looked, whose plan showed that it would be
		// overwritten.
		return verdict{kind: exact}, err
	}
	return p.unmeddled(ctx, w, ended, func() (verdict, error) { return m.kept(ctx, w, s) })
}

// fenced are the calls that carry the RevisionId just read: what somebody else changes
// before them makes AWS refuse them.
var fenced = []string{"UpdateFunctionCode", "UpdateFunctionConfiguration", "PublishVersion", "UpdateAlias"}

// kept reports whether what somebody else left is still there. A call without a
// precondition overwrites what changes in the instant before it.
func (m *meddling) kept(ctx context.Context, w *world, s somebody) (verdict, error) {
	next := ""
	if calls := w.aws.Calls(); m.call < len(calls) && calls[m.call].Changed {
		next = calls[m.call].Operation
	}
	now, err := m.look(ctx, s)
	switch {
	case err != nil:
		return verdict{}, err
	case now == m.left, now == "" && m.what == tags:
		// Tags go with a function that the deployment created.
		return verdict{kind: exact}, nil
	case next != "" && !slices.Contains(fenced, next):
		return verdict{kind: documented, detail: s.of.At.Function + ": what somebody else changes in the instant before " + next + " is overwritten: AWS has no precondition for that call"}, nil
	}
	return verdict{kind: wrong, detail: fmt.Sprintf("what somebody else had changed was overwritten: it was %s and is %s", short(m.left), short(now))}, nil
}

// unmeddled judges what became of somebody else's change.
func (p *player) unmeddled(ctx context.Context, w *world, ended error, kept func() (verdict, error)) (verdict, error) {
	if v := p.mayEnd(ended); v.kind == wrong {
		return v, nil
	}
	back := ended
	if ended == nil {
		back = w.rollback(ctx, w.machine())
	}
	v, err := kept()
	if err != nil || v.kind != exact {
		return v, err
	}
	var incomplete *deploy.IncompleteError
	switch {
	case errors.As(back, &incomplete):
		return verdict{kind: documented, detail: left(incomplete)}, nil
	case ended == nil && back != nil:
		return verdict{kind: wrong, detail: "the rollback ended with: " + short(back.Error())}, nil
	}
	return v, nil
}
