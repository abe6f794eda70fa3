// Package matrix proves the promise that the project is for: wherever a
// deployment or a rollback is cut off, a rollback brings back the state before,
// field by field. It runs the program itself, which is this test binary
// executed again, against the embedded AWS over HTTP.
package matrix

import (
	stdcmp "cmp"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// workers run side by side: most of a cut's time is spent waiting.
const workers = 16

// deployment prepares a world for a scenario and gives the state before.
func (s scenario) prepare(w *world) string {
	w.t.Helper()
	s.before(w)
	w.write(s.files)
	if s.definition != "" {
		w.write(map[string]string{"function.json": s.definition})
	}
	return w.dump()
}

func (s scenario) deploy(w *world, c cut) ended {
	return w.run(c, append([]string{stdcmp.Or(s.command, "deploy")}, s.args...)...)
}

// cuts are all the places where a child that does n can die.
func cuts(n count) []cut {
	var all []cut
	for at := 1; at <= n.Calls; at++ {
		all = append(all, cut{beforeCall, at}, cut{beforeAnswer, at}, cut{lateEffect, at})
	}
	for at := 1; at <= n.Writes; at++ {
		all = append(all, cut{beforeWrite, at}, cut{tornWrite, at}, cut{afterWrite, at})
	}
	return all
}

func TestRollbackIsExactWhereverADeploymentIsCutOff(t *testing.T) {
	var total, exact atomic.Int64
	for _, s := range scenarios() {
		t.Run(s.name, func(t *testing.T) {
			n := s.measure(t)
			parallel(t, cuts(n), func(t *testing.T, c cut) {
				total.Add(1)
				w := newWorld(t)
				before := s.prepare(w)
				died := s.deploy(w, c)
				if !died.killed {
					t.Errorf("the deployment was not cut off: exit %d\n%s", died.code, died.output)
				}
				if w.restored(before) {
					exact.Add(1)
				}
			})
		})
	}
	fmt.Printf("crash matrix: %d cuts of deployments, %d exact\n", total.Load(), exact.Load())
}

// TestRollbackIsExactWhereverARollbackIsCutOff cuts the way back of a whole
// deployment at every call and every write, and lets a second rollback finish.
func TestRollbackIsExactWhereverARollbackIsCutOff(t *testing.T) {
	var total, exact atomic.Int64
	for _, s := range scenarios() {
		t.Run(s.name, func(t *testing.T) {
			n := s.measureBack(t)
			parallel(t, cuts(n), func(t *testing.T, c cut) {
				total.Add(1)
				w := newWorld(t)
				before := s.prepare(w)
				if done := s.deploy(w, cut{}); done.code != 0 {
					t.Fatalf("the deployment failed: exit %d\n%s", done.code, done.output)
				}
				if died := w.run(c, "rollback"); !died.killed {
					t.Errorf("the rollback was not cut off: exit %d\n%s", died.code, died.output)
				}
				if w.restored(before) {
					exact.Add(1)
				}
			})
		})
	}
	fmt.Printf("crash matrix: %d cuts of rollbacks, %d exact\n", total.Load(), exact.Load())
}

// measureBack counts what a rollback of the whole deployment does.
func (s scenario) measureBack(t *testing.T) count {
	t.Helper()
	w := newWorld(t)
	s.prepare(w)
	if done := s.deploy(w, cut{}); done.code != 0 {
		t.Fatalf("the deployment failed: exit %d\n%s", done.code, done.output)
	}
	back := w.run(cut{}, "rollback")
	if back.code != 0 {
		t.Fatalf("rollback: exit %d\n%s", back.code, back.output)
	}
	return back.count
}

// measure runs the scenario whole, and proves that a rollback of it is exact.
func (s scenario) measure(t *testing.T) count {
	t.Helper()
	w := newWorld(t)
	before := s.prepare(w)
	done := s.deploy(w, cut{})
	if done.code != 0 {
		t.Fatalf("the deployment failed: exit %d\n%s", done.code, done.output)
	}
	if w.dump() == before {
		t.Fatalf("the deployment changed nothing:\n%s", done.output)
	}
	if !w.restored(before) {
		t.FailNow()
	}
	return done.count
}

// restored rolls back and compares.
func (w *world) restored(before string) bool {
	w.t.Helper()
	back := w.run(cut{}, "rollback")
	after := w.dump()
	w.noSecretOnDisk()
	if back.code != 0 {
		w.t.Errorf("rollback: exit %d\n%s\njournal:\n%s", back.code, back.output, w.journal())
		return false
	}
	if diff := cmp.Diff(before, after); diff != "" {
		w.t.Errorf("the state after is not the state before (-before +after):\n%s\n%s\njournal:\n%s", diff, back.output, w.journal())
		return false
	}
	return true
}

// parallel runs f for every cut, a few at a time.
func parallel(t *testing.T, all []cut, f func(t *testing.T, c cut)) {
	t.Helper()
	runParallel(t, all, func(t *testing.T, c cut) {
		t.Run(fmt.Sprintf("%s %d", c.Where, c.At), func(t *testing.T) { f(t, c) })
	})
}

// runParallel runs f for every item, a few at a time; with -short for a sample.
func runParallel[T any](t *testing.T, all []T, f func(t *testing.T, item T)) {
	t.Helper()
	if testing.Short() {
		all = sample(all)
	}
	slots := make(chan struct{}, workers)
	var group sync.WaitGroup
	for _, item := range all {
		group.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			f(t, item)
		})
	}
	group.Wait()
}

// sampleStep is how many items stand for one with -short.
const sampleStep = 17

func sample[T any](all []T) []T {
	var some []T
	for i := 0; i < len(all); i += sampleStep {
		some = append(some, all[i])
	}
	return some
}
