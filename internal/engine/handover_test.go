package engine

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lambda-rollout/lambda-rollout/internal/codedeploy"
	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/plan"
	"github.com/lambda-rollout/lambda-rollout/internal/traffic"
)

// fakeShifts is CodeDeploy with one group, whose deployments last until they are
// stopped or done.
type fakeShifts struct {
	aws         *fake
	deployments []*codedeploy.Deployment
	orders      []codedeploy.Order
	// lose takes the place of the answers to Create, before or after the effect.
	lose    error
	effect  bool
	stopped []string
}

func (f *fakeShifts) Create(_ context.Context, o codedeploy.Order) (string, error) {
	f.aws.mu.Lock()
	defer f.aws.mu.Unlock()
	f.orders = append(f.orders, o)
	err := f.lose
	f.lose = nil
	if err != nil && !f.effect {
		return "", err
	}
	d := &codedeploy.Deployment{ID: "d-" + o.To, Status: "InProgress", Description: o.Description}
	f.deployments = append(f.deployments, d)
	f.move(o.Alias, o.From, map[string]float64{o.To: 0.1})
	return d.ID, err
}

// move needs the lock of the fake.
func (f *fakeShifts) move(alias, version string, weights map[string]float64) {
	a := *f.aws.aliases[alias]
	a.Version, a.Weights, a.RevisionId = version, weights, f.aws.next()
	f.aws.aliases[alias] = &a
}

func (f *fakeShifts) Get(_ context.Context, id string) (codedeploy.Deployment, error) {
	f.aws.mu.Lock()
	defer f.aws.mu.Unlock()
	for _, d := range f.deployments {
		if d.ID == id {
			return *d, nil
		}
	}
	return codedeploy.Deployment{}, errors.New("no deployment " + id)
}

func (f *fakeShifts) Running(context.Context, traffic.Group) ([]codedeploy.Deployment, error) {
	f.aws.mu.Lock()
	defer f.aws.mu.Unlock()
	var all []codedeploy.Deployment
	for _, d := range f.deployments {
		if !d.Over() {
			all = append(all, *d)
		}
	}
	return all, nil
}

func (f *fakeShifts) Since(context.Context, traffic.Group, time.Time) ([]codedeploy.Deployment, error) {
	f.aws.mu.Lock()
	defer f.aws.mu.Unlock()
	var all []codedeploy.Deployment
	for _, d := range f.deployments {
		all = append(all, *d)
	}
	return all, nil
}

// Stop begins a deployment back, which is named and done a while later.
func (f *fakeShifts) Stop(_ context.Context, id string) error {
	f.aws.mu.Lock()
	defer f.aws.mu.Unlock()
	f.stopped = append(f.stopped, id)
	for _, d := range f.deployments {
		if d.ID == id {
			d.Status = codedeploy.Stopped
			back := &codedeploy.Deployment{ID: "d-back", Status: "InProgress", RollsBack: id}
			f.deployments = append(f.deployments, back)
			f.later(time.Second, func() { d.RolledBackBy = back.ID })
			f.later(20*time.Second, func() { back.Status = codedeploy.Succeeded; f.move("live", f.orders[0].From, nil) })
		}
	}
	return nil
}

func (f *fakeShifts) later(d time.Duration, effect func()) {
	time.AfterFunc(d, func() {
		f.aws.mu.Lock()
		defer f.aws.mu.Unlock()
		effect()
	})
}

// handing is a function whose alias a deployment hands over.
func handing(t *testing.T, shifts *fakeShifts) (*bench, plan.Wanted) {
	t.Helper()
	b := newBench(t)
	shifts.aws = b.aws
	b.shifts = shifts
	w := wanted("live")
	w.CodeDeploy = &traffic.Group{Application: "a", Name: "g"}
	return b, w
}

func TestAnAliasIsHandedOverWithBothVersionsAndTheRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		shifts := &fakeShifts{}
		b, w := handing(t, shifts)
		b.mustDeploy(w)
		want := codedeploy.Order{
			Group: traffic.Group{Application: "a", Name: "g"}, Function: "f", Alias: "live", From: "1", To: "2", Description: "lambda-rollout:run=r1 f:live",
		}
		if diff := cmp.Diff([]codedeploy.Order{want}, shifts.orders); diff != "" {
			t.Error(diff)
		}
		if handed := b.engine().HandedOver(); len(handed) != 1 || handed[0].Deployment != "d-2" || handed[0].From != "1" {
			t.Errorf("the journal holds %+v", handed)
		}
	})
}

// An answer that is lost is looked for: by its description the deployment is this
// run's, and no second one is created.
func TestALostAnswerOfCodeDeployIsLookedFor(t *testing.T) {
	t.Parallel()
	for name, effect := range map[string]bool{"it was created": true, "it was not": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				shifts := &fakeShifts{lose: lost, effect: effect}
				b, w := handing(t, shifts)
				b.mustDeploy(w)
				if len(shifts.deployments) != 1 || len(shifts.orders) != map[bool]int{true: 1, false: 2}[effect] {
					t.Errorf("%d calls, %d deployments", len(shifts.orders), len(shifts.deployments))
				}
				if handed := b.engine().HandedOver(); handed[0].Deployment != "d-2" {
					t.Errorf("the journal holds %+v", handed)
				}
			})
		})
	}
}

func TestAnotherDeploymentOfTheGroupIsInTheWay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		busy := apiError(400, "DeploymentLimitExceededException", "The Deployment Group 'g' already has an active Deployment 'd-other'")
		shifts := &fakeShifts{lose: busy, deployments: []*codedeploy.Deployment{{ID: "d-other", Status: "InProgress", Description: "somebody's"}}}
		b, w := handing(t, shifts)
		err := b.deploy(t.Context(), w)
		var foreign *ForeignError
		if !errors.As(err, &foreign) || len(shifts.orders) != 1 {
			t.Errorf("%v after %d calls", err, len(shifts.orders))
		}
		if b.rollback(t.Context()); len(shifts.stopped) > 0 {
			t.Errorf("stopped %q", shifts.stopped)
		}
	})
}

// A rollback moves no alias while CodeDeploy does: it stops that, follows the way
// back to its end, and looks.
func TestARollbackWaitsUntilCodeDeployHasTakenTheAliasBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		shifts := &fakeShifts{}
		b, w := handing(t, shifts)
		before := b.state()
		b.mustDeploy(w)
		b.aws.calls = nil
		began := time.Now()
		r := b.rollback(t.Context())
		if !r.Complete() || b.state() != before || time.Since(began) < 20*time.Second {
			t.Errorf("%s after %s, want %s: %+v", b.state(), time.Since(began), before, r)
		}
		if calls := b.aws.changes(); slices.Contains(calls, "UpdateAlias") || !slices.Equal(shifts.stopped, []string{"d-2"}) {
			t.Errorf("calls %q, stopped %q", calls, shifts.stopped)
		}
		if !slices.ContainsFunc(r.Changes, func(c definition.Change) bool {
			return c.Field == "Aliases.live" && c.From == "1, 10% to 2" && c.To == "1"
		}) {
			t.Errorf("restored %+v", r.Changes)
		}
		b.aws.calls, shifts.stopped = nil, nil
		if r := b.rollback(t.Context()); !r.Complete() || len(b.aws.changes())+len(shifts.stopped) > 0 {
			t.Errorf("a second rollback changes %q and stops %q", b.aws.changes(), shifts.stopped)
		}
	})
}

// A look says what a rollback would do, and waits for nothing.
func TestALookAtARollbackNamesTheDeploymentThatItWouldStop(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		shifts := &fakeShifts{}
		b, w := handing(t, shifts)
		b.mustDeploy(w)
		began := time.Now()
		p, err := LookBack(t.Context(), b.aws, shifts, b.record.Target())
		if err != nil || p.Empty() || p.Steps[0] != (plan.StopDeployment{Alias: "live", ID: "d-2"}) || len(shifts.stopped) > 0 || !time.Now().Equal(began) {
			t.Errorf("%+v, %v, stopped %q", p.Steps, err, shifts.stopped)
		}
	})
}
