package rehearse

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
	"github.com/lambda-rollout/lambda-rollout/internal/lazyregexp"
)

// group is a kind of scenario: a row of the table, and the word that begins the names
// of its plays.
type group struct{ word, title string }

// The groups, in the order of the table.
var (
	groupWhole    = group{"whole", "the deployment, its rollback, and the deployment again"}
	groupKilled   = group{"killed", "killed at a call or a write, then rolled back"}
	groupLost     = group{"lost", "an answer lost, before or after the effect"}
	groupBack     = group{"rollback-killed", "the rollback killed, then another"}
	groupDenied   = group{"denied", "a permission missing"}
	groupFailed   = group{"failed", "an update or a version that ends in Failed"}
	groupJudged   = group{"judged", "verify, a gate, an alarm, the guard or a signal"}
	groupHanded   = group{"codedeploy", "CodeDeploy stopped, failed, or not waited for"}
	groupStranger = group{"stranger", "somebody else's change"}
)

var groups = []group{groupWhole, groupKilled, groupLost, groupBack, groupDenied, groupFailed, groupJudged, groupHanded, groupStranger}

// scenario is one play.
type scenario struct {
	group group
	name  string
	play  func(ctx context.Context, w *world) (verdict, error)
}

// unsafe is what a shell would not take as it is.
var unsafe = lazyregexp.New(`[^A-Za-z0-9:_.,@/-]+`)

// id is the name by which a play is asked for again: the same in each rehearsal of the
// same deployment, and safe in a shell.
func (s scenario) id() string {
	return s.group.word + ":" + strings.Trim(unsafe.ReplaceAllString(s.name, "-"), "-")
}

// scenarios are all that can go wrong with what was measured.
func (p *player) scenarios() []scenario {
	all := []scenario{{groupWhole, "again", p.again}}
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
	for _, d := range p.denials() {
		all = append(all, scenario{groupDenied, d.name, denying(p, d)})
	}
	all = append(all, p.failures()...)
	all = append(all, p.judgements()...)
	all = append(all, p.handOvers()...)
	all = append(all, p.strangers()...)
	return all
}

// again deploys twice: the second time nothing may change.
func (p *player) again(ctx context.Context, w *world) (verdict, error) {
	if err := w.deploy(ctx, w.machine()); err != nil {
		return verdict{}, err
	}
	first := p.after
	if after := p.copy.handedFor(); after > 0 {
		// CodeDeploy may still shift the traffic, when nobody waits for it.
		err := w.Sleep(ctx, after)
		if err == nil {
			first, err = w.state()
		}
		if err != nil {
			return verdict{}, err
		}
	}
	w.aws.ResetCalls()
	if err := w.deploy(ctx, w.machine()); err != nil {
		return verdict{kind: wrong, detail: "the second deployment ended with: " + short(err.Error())}, nil
	}
	state, err := w.state()
	if err != nil || state == first {
		return verdict{kind: exact}, err
	}
	return verdict{kind: wrong, detail: "a second deployment of the same changed something: " + differs(first, state)}, nil
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
	// What arrives while the rollback works cannot be told from somebody else's.
	return p.back(ctx, w, p.options.Terms.AllowPartial || c.Where == LateEffect)
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

// failures are the waits of the deployment, each of which ends in Failed.
func (p *player) failures() []scenario {
	var all []scenario
	for operation, what := range map[string]string{
		"CreateFunction": "create", "UpdateFunctionCode": "update", "UpdateFunctionConfiguration": "update", "PublishVersion": "version",
	} {
		if !slices.Contains(p.operations, operation) {
			continue
		}
		for nth := 1; nth <= p.times[operation]; nth++ {
			all = append(all, scenario{groupFailed, fmt.Sprintf("%s-%d", operation, nth), func(ctx context.Context, w *world) (verdict, error) {
				return p.failing(ctx, w, failure{operation, what, nth})
			}})
		}
	}
	return all
}

// failure is the nth call of an operation whose effect ends in Failed.
type failure struct {
	operation, what string
	nth             int
}

// failing lets a wait of the deployment end in Failed.
func (p *player) failing(ctx context.Context, w *world, f failure) (verdict, error) {
	w.aws.Inject(awslocal.Fault{Service: "lambda", Operation: f.operation, Nth: f.nth, Action: awslocal.Delay, Fired: func() {
		w.aws.Fail(f.what, "", "InternalError", "rehearsed")
	}})
	ended := w.deploy(ctx, w.machine())
	if ended == nil {
		return verdict{kind: unmet}, nil
	}
	return p.ended(w, ended, p.options.Terms.AllowPartial)
}
