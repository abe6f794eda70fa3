package matrix

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/awstest"
)

// mishap is what happens to a process, at a random moment.
type mishap string

const (
	kill         mishap = "kill"
	fullDisk     mishap = "full disk"
	closedOutput mishap = "closed output"
)

// accident is one mishap of one process of a job: its deployment, or the
// rollback after it.
type accident struct {
	seed uint64
	job
	mishap
	inRollback bool
	// moment is when it happens, as a part of the process' life.
	moment float64
}

func (a accident) String() string {
	process := "deployment"
	if a.inRollback {
		process = "rollback"
	}
	return fmt.Sprintf("seed %d, %s, %s in the %s at %.3f", a.seed, a.job.name, a.mishap, process, a.moment)
}

// job is a deployment and the process that rolls it back.
type job struct {
	name     string
	scenario scenario
	// post is set where the host is GitHub, whose post step rolls back.
	post bool
}

func jobs() []job {
	var all []job
	for _, s := range scenarios() {
		switch s.name {
		case "traffic in stages", "first deploy with two aliases and tags", "alias on $LATEST", "three functions at once":
			all = append(all, job{s.name, s, false})
		}
	}
	step := inputs(map[string]string{"traffic": "Canary10Percent5Minutes"})
	s := scenario{before: published, definition: define(`, "memorySize": 256` + newEnvironment), files: map[string]string{"code/bootstrap": "two"}}
	for name, value := range step {
		s.args = append(s.args, name, value)
	}
	return append(all, job{"stages with post", s, true})
}

// lifetime is what the two processes of a job do when nothing happens, and the
// state that the deployment leaves.
type lifetime struct {
	deploy, rollback count
	after            string
}

func (j job) live(t *testing.T) lifetime {
	t.Helper()
	w := newWorld(t)
	before := j.scenario.prepare(w)
	step := j.step(w)
	deployed := w.do(step.deploy())
	deployed.expect(t, "the deployment", 0)
	life := lifetime{deploy: deployed.count, after: w.dump()}
	back := w.do(step.rollback())
	back.expect(t, "the rollback", 0)
	w.same(before, w.dump())
	life.rollback = back.count
	return life
}

// step makes the processes of a job.
type step struct {
	deploy, rollback func() process
}

func (j job) step(w *world) step {
	if !j.post {
		return step{
			func() process { return j.scenario.process(w, cut{}) },
			func() process { return w.terminal(cut{}, "rollback") },
		}
	}
	with := map[string]string{}
	for i := 0; i < len(j.scenario.args); i += 2 {
		with[j.scenario.args[i]] = j.scenario.args[i+1]
	}
	u := newJob(w).use("deploy", with)
	return step{u.main, func() process { return u.post("failure") }}
}

// firstSeed makes a failure happen again.
var firstSeed = flag.Uint64("seed", 0, "the first seed of the random accidents; with -full random where it is 0")

// TestExitCodesAreTrueWhateverHappens lets a mishap strike a deployment or a
// rollback at a random moment, and holds what the exit code promises against the
// state: 0 is done, 1 and 3 are as before; after anything else a rollback brings
// the state from before.
func TestExitCodesAreTrueWhateverHappens(t *testing.T) {
	t.Parallel()
	number := 10
	if *full {
		number = 100
		if *firstSeed == 0 {
			*firstSeed = rand.Uint64() >> 32
		}
	}
	var all []accident
	lives := map[string]lifetime{}
	for _, j := range jobs() {
		awstest.Run(t, func(t *testing.T) { lives[j.name] = j.live(t) })
	}
	for n := range number {
		seed := *firstSeed + uint64(n)
		random := rand.New(rand.NewPCG(seed, 0))
		all = append(all, accident{
			seed: seed, job: jobs()[n%len(jobs())], mishap: []mishap{kill, fullDisk, closedOutput}[n%3],
			inRollback: random.IntN(3) == 0, moment: random.Float64(),
		})
	}
	var kept atomic.Int64
	each(t, all, func(t *testing.T, a accident) {
		a.happens(t, lives[a.job.name])
		if !t.Failed() {
			kept.Add(1)
		}
	})
	t.Logf("seeds from %d: %d of %d promises kept", *firstSeed, kept.Load(), len(all))
}

func (a accident) happens(t *testing.T, life lifetime) {
	w := newWorld(t)
	before := a.job.scenario.prepare(w)
	step := a.job.step(w)
	if a.inRollback {
		w.do(step.deploy()).expect(t, "the deployment", 0)
		w.keepsPromise(a.strikes(step.rollback(), life.rollback), before, before)
	} else {
		w.keepsPromise(a.strikes(step.deploy(), life.deploy), before, life.after)
	}
	w.do(step.rollback()).expect(t, "the rollback", 0)
	w.same(before, w.dump())
	w.noSecretOnDisk()
}

// strikes arms the mishap.
func (a accident) strikes(p process, life count) process {
	at := func(n int) int { return 1 + int(a.moment*float64(n)) }
	switch a.mishap {
	case kill:
		p.cut = cut{anywhere, at(mostOf(life.Moments))}
	case fullDisk:
		p.diskFull = at(life.Writes)
	case closedOutput:
		p.closed = at(mostOf(life.Lines))
	}
	return p
}

// mostOf leaves out the last tenth of a process' calls or lines: how often a wait
// looks and reports differs between runs, and the last of one run may be beyond
// the end of another.
func mostOf(n int) int { return n - n/10 }

// keepsPromise runs a process and compares the state with what its exit code
// promises.
func (w *world) keepsPromise(p process, before, after string) {
	w.t.Helper()
	done := w.do(p)
	if !done.struck {
		w.t.Fatalf("nothing happened: exit %d\n%s", done.code, done.output)
	}
	want := ""
	switch done.code {
	case 0:
		want = after
	case 1, 3:
		want = before
	case 4, 5:
		if p.closed == 0 && !strings.Contains(done.output, "lambda-rollout rollback --journal ") {
			w.t.Errorf("exit %d without the command that helps:\n%s", done.code, done.output)
		}
		return
	case killed:
		return
	default:
		w.t.Fatalf("exit %d:\n%s", done.code, done.output)
	}
	if diff := cmp.Diff(anonymous(w.t, want), anonymous(w.t, w.dump())); diff != "" {
		w.t.Errorf("exit %d, but the state is another (-want +got):\n%s\n%s", done.code, diff, done.output)
	}
}
