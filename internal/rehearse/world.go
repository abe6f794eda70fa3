package rehearse

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"sync"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
	"github.com/lambda-rollout/lambda-rollout/internal/deploy"
	"github.com/lambda-rollout/lambda-rollout/internal/journal"
	"github.com/lambda-rollout/lambda-rollout/internal/lambdaapi"
	"github.com/lambda-rollout/lambda-rollout/internal/session"
	"github.com/lambda-rollout/lambda-rollout/internal/timing"
)

// pending and inProgress are how long the copy takes to create and to update a function.
const pending, inProgress = 3 * time.Second, 2 * time.Second

// patience is the program's own, with fewer looks: its waits pass at once, on the world's
// clock. Only what a deadline of a call or a read that is tried again takes is real.
func (w *world) patience() timing.Timing {
	t := timing.Default()
	t.FirstPoll, t.LastPoll, t.Backoff = 3*inProgress/4, 10*time.Second, 2*time.Second
	t.Upload, t.Grace, t.ReadBackoff, t.StopPoll = t.Call, 10*time.Second, time.Millisecond, time.Hour
	t.MetricDelay, t.Clock = 0, w
	return t
}

// endpoint is the address of the copy, which only its own client reaches.
const endpoint = "http://localhost"

// world is the copy as one scenario finds it, with a journal that outlives the process
// of the deployment.
type world struct {
	*Copy
	aws     *awslocal.Server
	journal journal.Store
	terms   deploy.Terms
	temp    string
	timeout time.Duration
	// asRole is whether the program works as a role whose policies count, and not as the
	// account's root.
	asRole bool

	// surroundings are what the deployment asks and who calls its aliases.
	surroundings
	// broken is why the play could not be set up.
	broken error

	mu sync.Mutex
	// late are calls whose effect is still to come.
	late []func()
}

func (p *player) world() (*world, error) {
	w := &world{surroundings: surroundings{rate: p.copy.callers}}
	aws, err := p.copy.aws.Fork(w.answer)
	if err != nil {
		return nil, err
	}
	w.timeout = p.timeout()
	w.Copy, w.aws, w.terms, w.temp = p.copy, aws, p.options.Terms, p.options.Temp
	w.journal = journal.NewMemory("rehearsal")
	if p.options.store != nil {
		w.journal = p.options.store(w.journal)
	}
	return w, nil
}

// timeout is what a process gets: an hour beside what it takes where nothing goes wrong, and
// what each gate may take.
func (p *player) timeout() time.Duration {
	if p.took == 0 {
		return 7 * 24 * time.Hour // it is not known yet
	}
	return 2*p.took + time.Hour + time.Duration(p.questions+1)*p.copy.targets[0].Watch.Gates.Timeout
}

// machine is one on which nothing breaks.
func (w *world) machine() *Machine {
	return &Machine{Base: wire{w.aws}, Later: func(send func()) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.late = append(w.late, send)
	}}
}

// arriveAt lets late calls arrive before the machine's nth call.
func (w *world) arriveAt(nth int) func(int) {
	return func(n int) {
		if n != nth {
			return
		}
		w.mu.Lock()
		late := w.late
		w.late = nil
		w.mu.Unlock()
		for _, send := range late {
			send()
		}
	}
}

func (w *world) access(m *Machine) deploy.Access {
	t := w.patience()
	access := deploy.Access{Timing: t, Session: session.Options{
		Region: w.targets[0].At.Region, AccessKeyID: w.targets[0].At.Account, SecretAccessKey: "rehearsal", Endpoint: endpoint, Pinned: true,
		HTTPClient: &http.Client{Transport: m}, Unlimited: true, CallTimeout: t.Call, ReadBackoff: t.ReadBackoff,
	}}
	if w.asRole {
		access.Session.Role = &session.Role{ARN: w.role(), SessionName: roleName, Duration: longestRole}
	}
	return access
}

func (w *world) work() deploy.Work {
	return deploy.Work{Events: (*stages)(w), Now: w.Now, Timing: w.patience(), MaxParallel: 1, Temp: w.temp}
}

// within gives the process that begins so much time.
func (w *world) within(timeout time.Duration) {
	w.clock.Lock()
	defer w.clock.Unlock()
	w.deadline = time.Now().Add(w.ahead + timeout)
}

// deploy plays the deployment as one process.
func (w *world) deploy(ctx context.Context, m *Machine) error {
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	m.Kill, w.stop = func() { end(Lost{}) }, end
	w.within(w.timeout)
	s, err := session.Open(ctx, w.access(m).Session)
	if err != nil {
		return err
	}
	var targets []deploy.Target
	for _, t := range w.targets {
		in := t.In(s, lambdaapi.New(s, t.At.Region, w.patience()), t.code)
		in.Watch.Gates = w.asked(in.Watch.Gates)
		targets = append(targets, in)
	}
	planned, err := deploy.Plan(ctx, targets, w.work())
	if err != nil {
		return err
	}
	if err := deploy.Check(ctx, planned, w.terms, w.work()); err != nil {
		return err
	}
	watching, err := deploy.NewWatching(ctx, planned, w.work())
	if err != nil {
		return err
	}
	storage, err := deploy.OpenStorage(ctx, nil, w.journal.Name(), func(string) journal.Store { return Mortal(w.journal, m) })
	if err != nil {
		return err
	}
	header := journal.Header{Run: targets[0].Want.Run, Started: time.Now().UTC(), Command: "deploy", Salt: w.salt, StagingBucket: targets[0].StagingBucket}
	if w.terms.KeepNew {
		header.FirstDeploy = "keep"
	}
	_, err = deploy.Deploy(ctx, planned, deploy.Execution{
		Work: w.work(), RollbackTimeout: time.Minute, Watching: watching,
		Record: deploy.Record{Header: header, Storage: storage, SaveState: func(string) error { return nil }},
	})
	return err
}

// rollback plays a rollback from the journal as another process.
func (w *world) rollback(ctx context.Context, m *Machine) (err error) {
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	m.Kill, w.stop = func() { end(Lost{}) }, end
	w.within(w.timeout)
	j, err := deploy.TakeOver(ctx, Mortal(w.journal, m), w.work())
	if err != nil || j == nil {
		return err
	}
	defer func() { err = errors.Join(err, j.Close()) }()
	state := j.RunState()
	switch {
	case state.State.Settled():
		return nil
	case !state.Changed():
		return j.Settle(ctx, journal.RolledBack)
	}
	_, err = deploy.Rollback(ctx, j, w.access(m), time.Minute, w.work())
	return err
}

// settled is when nothing is under way any more, whatever was begun.
const settled = 10 * time.Second

// state is what a client could see of every function, published versions apart.
func (w *world) state() (string, error) {
	w.aws.Advance(settled + w.handedFor())
	return State(w.aws, w.targets[0].At.Account)
}

// State is what a client could see of every function of an account, published versions
// apart: two are equal where nothing differs.
func State(aws *awslocal.Server, account string) (string, error) {
	state, err := aws.Dump(account)
	if err != nil {
		return "", err
	}
	text, err := json.Marshal(state.Functions)
	return string(text), err
}

// differs describes where two states differ.
func differs(want, got string) string {
	var before, after map[string]map[string]any
	if json.Unmarshal([]byte(want), &before) != nil || json.Unmarshal([]byte(got), &after) != nil {
		return "the states cannot be compared"
	}
	for name, was := range before {
		is, there := after[name]
		if !there {
			return name + " is gone"
		}
		for part, value := range was {
			if a, b := mustJSON(value), mustJSON(is[part]); a != b {
				return fmt.Sprintf("%s of %s is %s and was %s", part, name, short(b), short(a))
			}
		}
	}
	for name := range after {
		if _, was := before[name]; !was {
			return name + " exists and did not before"
		}
	}
	return "the order of something"
}

// only is a state without the functions that another one does not have.
func only(other, state string) string {
	var known, all map[string]json.RawMessage
	if json.Unmarshal([]byte(other), &known) != nil || json.Unmarshal([]byte(state), &all) != nil {
		return state
	}
	maps.DeleteFunc(all, func(name string, _ json.RawMessage) bool { return known[name] == nil })
	return mustJSON(all)
}

func mustJSON(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

func short(text string) string {
	const limit = 300
	if len(text) > limit {
		return text[:limit] + "…"
	}
	return text
}
