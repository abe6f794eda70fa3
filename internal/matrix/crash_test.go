// Package matrix proves the promise that the project is for: wherever a
// deployment or a rollback is cut off, a rollback brings back the state before,
// field by field. It runs the whole program against the embedded AWS over HTTP:
// in this process and in virtual time, and for what an operating system alone
// can do, such as SIGKILL and file locks, in real processes.
package matrix

import (
	stdcmp "cmp"
	"flag"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/awstest"
)

// full is how every cut, fault and race is tried; without it a sample is.
var full = flag.Bool("full", false, "try every cut, fault and race, not a sample of them")

// grid is for what is as much as all others together: the cuts of settings and of each
// of their forms, the deaths beside CodeDeploy, and the plays of a rehearsal of each
// scenario.
var grid = flag.Bool("grid", false, "with -full, try every cut of settings, every death beside CodeDeploy and every play of each scenario, not some of them")

// deployment prepares a world for a scenario and gives the state before.
func (s scenario) prepare(w *world) string {
	w.t.Helper()
	w.blind = s.blind
	s.before(w)
	w.write(s.files)
	if s.definition != "" {
		w.write(map[string]string{"function.json": s.definition})
	}
	return w.dump()
}

func (s scenario) deploy(w *world, c cut) ended { return w.do(s.process(w, c)) }

// process is the deployment, as in a terminal.
func (s scenario) process(w *world, c cut) process {
	return w.terminal(c, append([]string{stdcmp.Or(s.command, "deploy")}, s.args...)...)
}

// TestRollbackIsExactWhereverARunIsCutOff cuts a deployment at every call and every
// write and rolls it back; and it cuts the rollback of a whole deployment, which a
// second rollback finishes.
func TestRollbackIsExactWhereverARunIsCutOff(t *testing.T) {
	t.Parallel()
	var deployments, rollbacks, exact atomic.Int64
	t.Cleanup(func() {
		t.Logf("%d cuts of deployments, %d cuts of rollbacks, %d exact", deployments.Load(), rollbacks.Load(), exact.Load())
	})
	all := slices.Concat(scenarios(), every(17, eachSetting(), 3))
	if testing.Short() { // for the race detector, which is slow
		all = nth(5, all, 0)
	}
	for i, s := range all {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			var deployed, restored count
			awstest.Run(t, func(t *testing.T) { deployed, restored = s.measure(t) })
			ofDeployment, ofRollback := s.tried(i, cuts(deployed), cuts(restored))
			each(t, ofDeployment, func(t *testing.T, c cut) {
				deployments.Add(1)
				w := newWorld(t)
				before := s.prepare(w)
				s.deploy(w, c).expect(t, "the deployment", killed)
				if w.restored(before) {
					exact.Add(1)
				}
			})
			each(t, ofRollback, func(t *testing.T, c cut) {
				rollbacks.Add(1)
				w := newWorld(t)
				before := s.prepare(w)
				s.deploy(w, cut{}).expect(t, "the deployment", 0)
				w.run(c, "rollback").expect(t, "the rollback", killed)
				if w.restored(before) {
					exact.Add(1)
				}
			})
		})
	}
}

// tried are the cuts of the ith scenario's deployment and rollback that are tried: a sample
// of both for every third scenario, of one of them for the others, and with -full all.
func (s scenario) tried(i int, deployment, rollback []cut) (ofDeployment, ofRollback []cut) {
	switch {
	case *full && s.oneIn > 0 && !*grid:
		return nth(s.oneIn, deployment, i), nth(s.oneIn, rollback, i)
	case *full:
		return deployment, rollback
	case i%3 == 0:
		return some(deployment, i), some(rollback, i)
	case i%3 == 1:
		return some(deployment, i), nil
	default:
		return nil, some(rollback, i)
	}
}

// TestRollbackIsExactWhereverSIGKILLComes kills real processes, whose files,
// locks and sockets the operating system takes back, at forty moments.
func TestRollbackIsExactWhereverSIGKILLComes(t *testing.T) {
	t.Parallel()
	moments := []cut{{beforeAnswer, 2}, {tornWrite, 4}, {beforeCall, 3}, {afterWrite, 3}, {beforeAnswer, 3}, {beforeWrite, 5}, {afterWrite, 5}}
	var brief []scenario
	for _, s := range scenarios() {
		// The stages of a shift last for minutes, and the code of these functions
		// does not run.
		if s.command != "shift" && !slices.Contains(s.args, "--traffic") && !slices.Contains(s.args, "--verify") {
			brief = append(brief, s)
		}
	}
	number := 4
	if *full {
		number = 40
	}
	for i := range number {
		s, c := brief[i*5%len(brief)], moments[i%len(moments)]
		t.Run(s.name+", "+c.String(), func(t *testing.T) {
			t.Parallel()
			w := newRealWorld(t)
			before := s.prepare(w)
			s.deploy(w, c).expect(t, "the deployment", killed)
			w.restored(before)
		})
	}
}

// measure runs the scenario whole, proves that a rollback of it is exact, and
// counts what both do.
func (s scenario) measure(t *testing.T) (deployed, restored count) {
	t.Helper()
	w := newWorld(t)
	before := s.prepare(w)
	done := s.deploy(w, cut{})
	done.expect(t, "the deployment", 0)
	if w.dump() == before {
		t.Fatalf("the deployment changed nothing:\n%s", done.output)
	}
	back := w.run(cut{}, "rollback")
	back.expect(t, "the rollback", 0)
	w.same(before, w.dump())
	w.noSecretOnDisk()
	return done.count, back.count
}

// restored rolls back and reports whether the state is the one before.
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

// each runs f for every item as a parallel test in a bubble of its own, and
// returns when all have ended.
func each[T fmt.Stringer](t *testing.T, all []T, f func(t *testing.T, item T)) {
	t.Helper()
	t.Run("", func(t *testing.T) {
		for _, item := range all {
			t.Run(item.String(), func(t *testing.T) {
				bubble(t, func(t *testing.T) { f(t, item) })
			})
		}
	})
}

// bubble runs f in virtual time, beside other tests.
func bubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	t.Parallel()
	awstest.Run(t, f)
}

// sampleStep is how many items one stands for where not all are tried. It is
// prime, so that a sample holds every kind of a list that repeats its kinds.
const sampleStep = 101

// some is the whole list with -full, and a sample of it otherwise: the first one
// tells samples of several lists apart.
func some[T any](all []T, first int) []T { return every(sampleStep, all, first) }

// every is the whole list with -full, and every nth of it otherwise.
func every[T any](step int, all []T, first int) []T {
	if *full {
		return all
	}
	return nth(step, all, first)
}

// nth is one of so many of a list, from the first one on.
func nth[T any](step int, all []T, first int) []T {
	var sample []T
	for i := first % max(1, min(step, len(all))); i < len(all); i += step {
		sample = append(sample, all[i])
	}
	return sample
}
