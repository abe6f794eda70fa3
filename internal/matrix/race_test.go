package matrix

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
)

// rival is one of two deployments of the same function: 256 and 512 MB tell
// whose work stands.
type rival struct {
	memory int32
	code   string
}

func (r rival) scenario() scenario {
	return scenario{
		definition: define(fmt.Sprintf(`, "memorySize": %d`, r.memory)), files: map[string]string{"code/bootstrap": r.code},
		args: []string{"--function-definition", "function.json", "--artifact", "code", "--alias", "live"},
	}
}

// TestOfTwoDeploymentsAtOnceOneWins starts a second deployment of a function at
// each call of a first, and lets it run a little or all the way. Whoever loses
// ends with an error and leaves the winner's work whole.
func TestOfTwoDeploymentsAtOnceOneWins(t *testing.T) {
	first, second := rival{256, "two"}, rival{512, "three"}
	alone := first.scenario()
	alone.before = ahead
	calls, _ := alone.record(t)
	var offsets []disturbance
	for _, p := range places(calls) {
		for _, head := range []time.Duration{5 * time.Millisecond, 60 * time.Millisecond, 300 * time.Millisecond} {
			offsets = append(offsets, disturbance{
				fmt.Sprintf("%s %d %s", p.operation, p.nth, head),
				awslocal.Fault{Operation: p.operation, Nth: p.nth, Action: awslocal.Delay, Delay: head},
			})
		}
	}
	var firstWon, secondWon, both atomic.Int64
	runParallel(t, offsets, func(t *testing.T, d disturbance) {
		t.Run(d.name, func(t *testing.T) {
			one, two := race(t, d.fault, first, second, func(run func()) { go run() })
			switch {
			case one == 0 && two == 0:
				both.Add(1)
			case one == 0:
				firstWon.Add(1)
			case two == 0:
				secondWon.Add(1)
			}
		})
	})
	fmt.Printf("two deployments at once: %d offsets; the first alone won %d, the second alone %d, both one after the other %d\n",
		len(offsets), firstWon.Load(), secondWon.Load(), both.Load())
}

// TestADeploymentThatFindsAnothersWorkLeavesItWhole holds a first deployment at
// its calls, the first three of each kind, until a second one is through.
func TestADeploymentThatFindsAnothersWorkLeavesItWhole(t *testing.T) {
	first, second := rival{256, "two"}, rival{512, "three"}
	alone := first.scenario()
	alone.before = ahead
	calls, _ := alone.record(t)
	runParallel(t, places(calls), func(t *testing.T, p place) {
		t.Run(fmt.Sprintf("%s %d", p.operation, p.nth), func(t *testing.T) {
			race(t, awslocal.Fault{Operation: p.operation, Nth: p.nth, Action: awslocal.Delay}, first, second, func(run func()) { run() })
		})
	})
}

// race runs both and gives their exit codes. begin starts the second one when
// the fault strikes the first.
func race(t *testing.T, f awslocal.Fault, first, second rival, begin func(run func())) (one, two int) {
	t.Helper()
	w := newWorld(t)
	ahead(w)
	rivalWorld := *w
	rivalWorld.dir = t.TempDir()
	w.write(first.files())
	rivalWorld.write(second.files())
	ended2 := make(chan ended, 1)
	var fired atomic.Bool
	f.Fired = func() {
		fired.Store(true)
		begin(func() { ended2 <- second.scenario().deploy(&rivalWorld, cut{}) })
	}
	w.server.Inject(f)
	ended1 := first.scenario().deploy(w, cut{})
	if !fired.Load() {
		return ended1.code, -1 // it polled less often than the one that was recorded
	}
	b := <-ended2
	winner := first
	switch {
	case ended1.code != 0 && b.code != 0:
		t.Fatalf("both lost: exit %d\n%s\nexit %d\n%s", ended1.code, ended1.output, b.code, b.output)
	case b.code == 0 && (ended1.code != 0 || w.live() == second.memory):
		winner = second
	}
	if got := [2]int32{w.live(), w.memory("")}; got != [2]int32{winner.memory, winner.memory} {
		t.Errorf("the winner's work is not whole: alias and $LATEST have %d, want %d\nfirst: exit %d\n%s\nsecond: exit %d\n%s",
			got, winner.memory, ended1.code, ended1.output, b.code, b.output)
	}
	return ended1.code, b.code
}

func (r rival) files() map[string]string {
	s := r.scenario()
	return map[string]string{"function.json": s.definition, "code/bootstrap": s.files["code/bootstrap"]}
}

func (w *world) live() int32 { return w.memory("live") }

// memory is the MemorySize of what a qualifier names.
func (w *world) memory(qualifier string) int32 {
	w.t.Helper()
	w.settle("f")
	in := &lambda.GetFunctionInput{FunctionName: aws.String("f")}
	if qualifier != "" {
		in.Qualifier = &qualifier
	}
	out, err := w.lambda.GetFunction(context.Background(), in)
	w.must(err)
	return aws.ToInt32(out.Configuration.MemorySize)
}
