package deploy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/event"
	"github.com/lambda-rollout/lambda-rollout/internal/gate"
	"github.com/lambda-rollout/lambda-rollout/internal/journal"
	"github.com/lambda-rollout/lambda-rollout/internal/lambdaapi"
	"github.com/lambda-rollout/lambda-rollout/internal/policy"
	"github.com/lambda-rollout/lambda-rollout/internal/traffic"
)

// Gates are those of a run, and how they are asked.
type Gates struct {
	All     []gate.Gate
	Secret  string
	Timeout time.Duration
	// HTTP carries what addresses get. It follows no redirect.
	HTTP gate.Doer
	// Connection invokes the functions, as the run itself.
	Connection *Connection
}

// at are the gates of a moment.
func (g Gates) at(m gate.Moment) []gate.Gate {
	var all []gate.Gate
	for _, one := range g.All {
		if one.Moment == m {
			all = append(all, one)
		}
	}
	return all
}

// longest is how long the gates of one wave may take to decide.
func (g Gates) longest(s traffic.Schedule) time.Duration {
	asked := len(g.at(gate.BeforeWave)) + len(g.at(gate.BeforeTraffic)) + len(g.at(gate.AfterTraffic)) + len(s.Stages())*len(g.at(gate.BeforeStage))
	return time.Duration(asked) * g.Timeout
}

// Needs returns the permissions to invoke the gates that are functions.
func (g Gates) Needs() []policy.Need {
	var all []policy.Need
	for _, one := range g.All {
		if f, is := one.To.(gate.Function); is {
			all = append(all, policy.InvokeGate(f.String()))
		}
	}
	return all
}

// warnOfUnasked warns of gates that are not asked, since no alias moves.
func (g Gates) warnOfUnasked(planned []Planned, events event.Sink) {
	if slices.ContainsFunc(planned, func(p Planned) bool { return len(p.Want.Aliases) > 0 }) {
		return
	}
	for _, m := range []gate.Moment{gate.BeforeTraffic, gate.BeforeStage, gate.AfterTraffic} {
		if len(g.at(m)) > 0 {
			warn(events, "gates: %s is never asked: this deployment names no alias, so no traffic shifts by it (before-wave is asked before any change)", m)
		}
	}
}

// keeper asks the gates of a run.
func (g Gates) keeper(w Work) *gate.Keeper {
	return &gate.Keeper{HTTP: g.HTTP, Invoker: gateInvoker{g.Connection}, Secret: g.Secret, Timeout: g.Timeout, Now: w.Now, Sleep: w.Timing.Sleep, Agent: "lambda-rollout"}
}

// gateInvoker implements gate.Invoker.
type gateInvoker struct{ connection *Connection }

// InvokeGate implements gate.Invoker.
func (i gateInvoker) InvokeGate(ctx context.Context, f gate.Function, payload []byte) (gate.Reply, error) {
	api := lambdaapi.New(i.connection.base, f.Region, i.connection.timing)
	answer, err := api.Invoke(ctx, lambdaapi.Invocation{Function: f.ARN(), Qualifier: f.Qualifier, Payload: payload})
	if err == nil {
		return gate.Reply{Payload: answer.Payload, FunctionError: answer.FunctionError}, nil
	}
	switch lambdaapi.Classify(err) {
	case lambdaapi.Throttled, lambdaapi.Propagating, lambdaapi.Conflict, lambdaapi.Unknown:
		return gate.Reply{}, &gate.LaterError{Err: err}
	case lambdaapi.Refused, lambdaapi.Denied, lambdaapi.NotFound, lambdaapi.Stale, lambdaapi.Stopped:
	}
	return gate.Reply{}, err
}

// position is where a run is when it asks: stage is the index of the one that a yes
// begins, -1 before the traffic.
type position struct {
	moment gate.Moment
	stage  int
	held   held
}

// ask asks the gates of a moment, one after the other. Meanwhile the watchers go on,
// and may decide. Its error is that a gate, or a watcher, ends the run.
func (d *deployment) ask(ctx context.Context, p position) error {
	if d.Watching == nil {
		return nil
	}
	for _, g := range d.Watching.gates.at(p.moment) {
		if err := d.askGate(ctx, g, p); err != nil {
			return err
		}
	}
	return nil
}

func (d *deployment) askGate(ctx context.Context, g gate.Gate, p position) error {
	began := d.Now()
	name := event.Gate{Moment: string(g.Moment), To: g.To.String()}
	record := journal.Gate{Moment: name.Moment, To: name.To}
	note := func(answer, reason string) error {
		record := record
		record.Answer, record.Reason = answer, reason
		return d.journal.Note(ctx, journal.Evidence{Percent: p.held.Percent, Gate: &record})
	}
	if err := note("", ""); err != nil {
		return err
	}
	d.Events.Emit(event.GateAsked{Gate: name, Timeout: d.Watching.gates.Timeout})
	said, body := "", d.body(p)
	err := d.attended(ctx, p.held, func(ctx context.Context) (err error) {
		said, err = d.Watching.keeper.Ask(ctx, g, body, d.waiting(name))
		return err
	})
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	if refused, is := errors.AsType[*gate.RefusedError](err); is {
		d.Events.Emit(event.GateRefused{Gate: name, Reason: refused.Error(), Took: d.Now().Sub(began)})
		return joined(refused, note("no", refused.Error()))
	}
	if err != nil {
		return err
	}
	d.Events.Emit(event.GatePassed{Gate: name, Reason: said, Took: d.Now().Sub(began)})
	return note("yes", said)
}

// waiting emits the answers of a gate that has not decided: a new one at once, and
// the same every minute.
func (d *deployment) waiting(name event.Gate) func(reason string, left time.Duration) {
	var last string
	var at time.Time
	return func(reason string, left time.Duration) {
		if now := d.Now(); reason != last || now.Sub(at) >= time.Minute {
			last, at = reason, now
			d.Events.Emit(event.GateWaiting{Gate: name, Reason: reason, Left: left})
		}
	}
}

// errAnswered ends the watch over a gate that decided.
var errAnswered = errors.New("the gate has decided")

// attended runs wait and lets the watchers look meanwhile. One of them that ends the
// run ends wait, too.
func (d *deployment) attended(ctx context.Context, h held, wait func(context.Context) error) error {
	inner, cancel := context.WithCancelCause(ctx)
	defer cancel(errAnswered)
	answered := make(chan error, 1)
	go func() { answered <- wait(inner) }()
	for i := range d.watchers {
		if d.watchers[i].next.IsZero() {
			d.watchers[i].next = d.Now()
		}
	}
	for {
		if err := d.look(ctx, h); err != nil {
			cancel(err)
			<-answered
			return err
		}
		next := d.nextWatch()
		if next.IsZero() {
			return <-answered
		}
		over := time.NewTimer(next.Sub(d.Now()))
		select {
		case err := <-answered:
			over.Stop()
			return err
		case <-over.C:
		}
	}
}

// body is what gates get.
func (d *deployment) body(p position) gate.Body {
	header := d.Record.Header
	stages := d.targets[0].Want.Traffic.Stages()
	b := gate.Body{
		ID:   fmt.Sprintf("%s-%s-%d", header.Run, p.moment, d.wave),
		Run:  gate.Run{ID: header.Run, Command: header.Command, Repository: header.Repository, Commit: header.Commit, URL: header.RunURL},
		Wave: d.wave, Waves: d.allWaves, Stages: len(stages) + d.resumption().over(), From: p.held.Percent, To: p.held.Percent,
	}
	if p.stage >= 0 {
		b.Stage, b.To = p.stage+1+d.resumption().over(), stages[p.stage].Percent
		b.ID += fmt.Sprintf("-%d", b.Stage)
	}
	for _, t := range d.targets {
		one := gate.Deployed{Function: t.At.Function, Region: t.At.Region, Account: t.At.Account, Aliases: []string{}, NewVersion: t.newVersion()}
		for _, a := range t.Want.Aliases {
			one.Aliases = append(one.Aliases, a.Name)
		}
		one.Evidence = d.Watching.guard.seen(t.index)
		b.Functions = append(b.Functions, one)
	}
	return b
}

// seen is what the guard knows of the aliases of a target.
func (g *sentinel) seen(target int) []gate.Evidence {
	if g == nil {
		return nil
	}
	var all []gate.Evidence
	for _, c := range g.live {
		if total := c.Total(); c.of == target {
			all = append(all, gate.Evidence{Alias: c.alias, OldVersion: c.old, New: gate.Count(total.New), Old: gate.Count(total.Old), Verdict: g.run.Judge(c.Comparison).String()})
		}
	}
	return all
}
