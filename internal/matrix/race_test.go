package matrix

import (
	"context"
	"fmt"
	"math"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/awstest"
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

// crossing is when a second deployment comes in: it starts at one call of the
// first, which waits there until the second has made so many calls.
type crossing struct {
	place
	head int
}

func (c crossing) String() string { return fmt.Sprintf("%s, %d calls ahead", c.place, c.head) }

// through lets the second deployment end before the first goes on.
const through = math.MaxInt

// TestOfTwoDeploymentsAtOnceOneWins starts a second deployment of a function at
// each call of a first, and lets it run a little or all the way. Whoever loses
// ends with an error and leaves the winner's work whole.
func TestOfTwoDeploymentsAtOnceOneWins(t *testing.T) {
	t.Parallel()
	var all []crossing
	for _, p := range places(recordRival(t), 3) {
		for _, head := range []int{1, 4, 8, 12, 16, 20, 24, through} {
			all = append(all, crossing{p, head})
		}
	}
	var firstWon, secondWon, both atomic.Int64
	each(t, every(19, all, 0), func(t *testing.T, c crossing) {
		switch one, two := race(t, c, rival{256, "two"}, rival{512, "three"}); {
		case one == 0 && two == 0:
			both.Add(1)
		case one == 0:
			firstWon.Add(1)
		case two == 0:
			secondWon.Add(1)
		}
	})
	t.Logf("%d crossings; the first alone won %d, the second alone %d, both one after the other %d",
		firstWon.Load()+secondWon.Load()+both.Load(), firstWon.Load(), secondWon.Load(), both.Load())
}

// recordRival is the calls of a deployment without a rival.
func recordRival(t *testing.T) (calls []awslocal.Call) {
	t.Helper()
	alone := rival{256, "two"}.scenario()
	alone.before = ahead
	awstest.Run(t, func(t *testing.T) { calls, _ = alone.record(t) })
	return calls
}

// race runs both and returns their exit codes.
func race(t *testing.T, c crossing, first, second rival) (one, two int) {
	t.Helper()
	w := newWorld(t)
	ahead(w)
	other := *w
	other.newMachine()
	w.write(first.files())
	other.write(second.files())
	var rivals chan ended
	struck := w.inject(awslocal.Fault{Operation: c.operation, Nth: c.nth, Action: awslocal.Delay}, func() {
		rivals = other.comesIn(second.scenario(), c.head)
	})
	a := first.scenario().deploy(w, cut{})
	await(t, "the second deployment", struck)
	b := <-rivals
	winner := first
	switch {
	case a.code != 0 && b.code != 0:
		t.Fatalf("both lost: exit %d\n%s\nexit %d\n%s", a.code, a.output, b.code, b.output)
	case b.code == 0 && (a.code != 0 || w.live() == second.memory):
		winner = second
	}
	if got := [2]int32{w.live(), w.memory("")}; got != [2]int32{winner.memory, winner.memory} {
		t.Errorf("the winner's work is not whole: alias and $LATEST have %d, want %d\nfirst: exit %d\n%s\nsecond: exit %d\n%s",
			got, winner.memory, a.code, a.output, b.code, b.output)
	}
	return a.code, b.code
}

// comesIn starts a deployment and returns when it has made so many calls, or has
// ended; how it ended comes through the channel.
func (w *world) comesIn(s scenario, calls int) chan ended {
	enough, gone, how := make(chan struct{}), make(chan struct{}), make(chan ended, 1)
	p := s.process(w, cut{})
	p.onCall = func(n int) {
		if n == calls {
			close(enough)
		}
	}
	running := w.start(p)
	go func() {
		e, _ := running.wait()
		how <- e
		close(gone)
	}()
	select {
	case <-enough:
	case <-gone:
	}
	return how
}

func (r rival) files() map[string]string {
	s := r.scenario()
	return map[string]string{"function.json": s.definition, "code/bootstrap": s.files["code/bootstrap"]}
}

// tagged is a deployment that changes a tag too.
func tagged() scenario {
	s := rival{256, "two"}.scenario()
	s.before, s.definition = ahead, define(`, "memorySize": 256, "tags": {"team": "b"}`)
	return s
}

func recordTagged(t *testing.T) (calls []awslocal.Call) {
	t.Helper()
	awstest.Run(t, func(t *testing.T) { calls, _ = tagged().record(t) })
	return calls
}

func (w *world) live() int32 { return w.memory("live") }

// memory is the MemorySize of what a qualifier names.
func (w *world) memory(qualifier string) int32 {
	w.t.Helper()
	w.settle()
	return aws.ToInt32(w.get(qualifier).Configuration.MemorySize)
}

// get reads function f.
func (w *world) get(qualifier string) *lambda.GetFunctionOutput {
	w.t.Helper()
	in := &lambda.GetFunctionInput{FunctionName: aws.String("f")}
	if qualifier != "" {
		in.Qualifier = &qualifier
	}
	out, err := w.lambda.GetFunction(context.Background(), in)
	w.must(err)
	return out
}

// writer is somebody else who changes the function while it is deployed.
type writer struct {
	name string
	does func(w *world) error
	// wrote reports whether the change is still there.
	wrote func(w *world) bool
	// publishes reports whether the change is in a version; nil for what no
	// version holds.
	publishes func(f *lambda.GetFunctionOutput) bool
	// alias is whether the change is one of the alias that the deployment moves.
	alias bool
}

// latest is a writer of $LATEST.
func latest(name string, does func(w *world) error, wrote func(f *lambda.GetFunctionOutput) bool) writer {
	return writer{name: name, does: does, publishes: wrote, wrote: func(w *world) bool { return wrote(w.get("")) }}
}

func writers() []writer {
	ctx, f, live := context.Background(), aws.String("f"), aws.String("live")
	alias := func(name string, in lambda.UpdateAliasInput, wrote func(a *lambda.GetAliasOutput) bool) writer {
		in.FunctionName, in.Name = f, live
		return writer{name: name, alias: true, does: func(w *world) error {
			_, err := w.lambda.UpdateAlias(ctx, &in)
			return err
		}, wrote: func(w *world) bool {
			out, err := w.lambda.GetAlias(ctx, &lambda.GetAliasInput{FunctionName: f, Name: live})
			w.must(err)
			return wrote(out)
		}}
	}
	tag := func(name, key string) writer {
		return writer{name: name, does: func(w *world) error {
			w.tag(map[string]string{key: "theirs"})
			return nil
		}, wrote: func(w *world) bool { return w.get("").Tags[key] == "theirs" }}
	}
	return []writer{
		latest("configuration", func(w *world) error {
			_, err := w.lambda.UpdateFunctionConfiguration(ctx, &lambda.UpdateFunctionConfigurationInput{FunctionName: f, Timeout: aws.Int32(42)})
			return err
		}, func(f *lambda.GetFunctionOutput) bool { return *f.Configuration.Timeout == 42 }),
		latest("the deployment's own field", func(w *world) error {
			_, err := w.lambda.UpdateFunctionConfiguration(ctx, &lambda.UpdateFunctionConfigurationInput{FunctionName: f, MemorySize: aws.Int32(1024)})
			return err
		}, func(f *lambda.GetFunctionOutput) bool { return *f.Configuration.MemorySize == 1024 }),
		latest("code", func(w *world) error {
			_, err := w.lambda.UpdateFunctionCode(ctx, &lambda.UpdateFunctionCodeInput{FunctionName: f, ZipFile: zipped("three")})
			return err
		}, func(f *lambda.GetFunctionOutput) bool { return *f.Configuration.CodeSha256 == hashOf(zipped("three")) }),
		alias("alias moved", lambda.UpdateAliasInput{FunctionVersion: aws.String("$LATEST")},
			func(a *lambda.GetAliasOutput) bool { return *a.FunctionVersion == "$LATEST" }),
		alias("alias description", lambda.UpdateAliasInput{Description: aws.String("theirs")},
			func(a *lambda.GetAliasOutput) bool { return *a.Description == "theirs" }),
		tag("another tag", "cost"),
		tag("the deployment's own tag", "team"),
	}
}

// intrusion is one writer at one look of a deployment at its function.
type intrusion struct {
	writer
	nth int
}

func (i intrusion) String() string { return fmt.Sprintf("%s at GetFunction %d", i.name, i.nth) }

// TestASecondWriterIsNoticedAtEveryLook holds a deployment at each of its
// GetFunction calls, once it has changed something, until somebody else's update
// of the function is through. That update stays, whatever the deployment does
// next, and never becomes part of the version that the deployment publishes.
func TestASecondWriterIsNoticedAtEveryLook(t *testing.T) {
	t.Parallel()
	var all []intrusion
	look, changed := 0, false
	for _, c := range recordTagged(t) {
		changed = changed || c.Changed
		if c.Operation != "GetFunction" {
			continue
		}
		look++
		for _, w := range writers() {
			if changed {
				all = append(all, intrusion{w, look})
			}
		}
	}
	if len(all) < len(writers())*3 {
		t.Fatalf("the deployment looks at its function too seldom for this test: %d cases", len(all))
	}
	each(t, every(7, all, 0), func(t *testing.T, i intrusion) {
		w := newWorld(t)
		ahead(w)
		deployment, moved := tagged(), false
		w.write(map[string]string{"function.json": deployment.definition, "code/bootstrap": "two"})
		struck := w.inject(awslocal.Fault{Operation: "GetFunction", Nth: i.nth, Action: awslocal.Delay}, func() {
			w.settle()
			moved = slices.ContainsFunc(w.Calls(), func(c awslocal.Call) bool { return c.Operation == "UpdateAlias" && c.Changed })
			if err := i.does(w); err != nil {
				t.Error(err)
			}
			w.settle()
		})
		done := deployment.deploy(w, cut{})
		await(t, "the second writer", struck)
		if !i.wrote(w) {
			t.Errorf("the second writer's work is gone: exit %d\n%s", done.code, done.output)
		}
		live := w.get("live")
		switch {
		case i.alias && done.code == 0 && !moved:
			t.Errorf("the deployment did not notice the other move of its alias:\n%s", done.output)
		case i.alias:
		case done.code == 0 && (i.publishes != nil && i.publishes(live) || *live.Configuration.MemorySize != 256):
			t.Errorf("the deployment published the second writer's work:\n%s", done.output)
		case done.code != 0 && *live.Configuration.Version != "1":
			t.Errorf("exit %d, but the alias points to version %s:\n%s", done.code, *live.Configuration.Version, done.output)
		}
	})
}
