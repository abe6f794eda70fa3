// Package engine carries out a plan.Plan against AWS, step by step, in both
// directions.
//
// Promises: a step's intent is in the journal before its call is sent and its
// outcome after; a call is sent once, and after any doubt the engine reads the
// state from AWS before it decides to send it again, which the journal records;
// each change to a function or alias carries the RevisionId just read; what AWS
// answered to a change is compared with what the change was to do, and with what
// the function looks like once it is complete, so that nobody else's work is
// taken for this run's; when the context ends no new call starts, and the one in
// flight gets Grace to be answered.
package engine

import (
	"context"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/event"
	"github.com/lambda-rollout/lambda-rollout/internal/journal"
	"github.com/lambda-rollout/lambda-rollout/internal/lambdaapi"
	"github.com/lambda-rollout/lambda-rollout/internal/plan"
	"github.com/lambda-rollout/lambda-rollout/internal/timing"
)

// Reader asks about a function and changes nothing. See lambdaapi.Client for
// what each method returns.
type Reader interface {
	Region() string
	Timing() timing.Timing
	Find(ctx context.Context, function, qualifier string) (*definition.Observed, error)
	FindAlias(ctx context.Context, function, alias string) (*definition.ObservedAlias, error)
	ListAliases(ctx context.Context, function string) ([]definition.ObservedAlias, error)
	ListVersions(ctx context.Context, function string) ([]lambdaapi.Version, error)
	Provisioned(ctx context.Context, function, qualifier string) (definition.Status, error)
	CodeSigning(ctx context.Context, function string) (string, error)
	Settings(ctx context.Context, function string, keys []definition.SettingKey, policies []string) (map[definition.SettingKey]definition.SettingValue, error)
	Attached(ctx context.Context, arn string, qualifiers []string) ([]lambdaapi.Attachment, error)
}

// API is what an Engine calls.
type API interface {
	Reader
	CreateFunction(ctx context.Context, f definition.Function, code definition.Code) (*definition.Observed, error)
	UpdateConfiguration(ctx context.Context, function string, patch definition.Function, revision string) (*definition.Observed, error)
	UpdateCode(ctx context.Context, u lambdaapi.CodeUpdate) (*definition.Observed, error)
	PublishVersion(ctx context.Context, p lambdaapi.Publication) (*definition.Observed, error)
	CreateAlias(ctx context.Context, function string, a definition.Alias) (definition.ObservedAlias, error)
	UpdateAlias(ctx context.Context, function string, a definition.Alias, revision string) (definition.ObservedAlias, error)
	DeleteAlias(ctx context.Context, function, alias string) error
	DeleteFunction(ctx context.Context, function, qualifier string) error
	Tag(ctx context.Context, arn string, tags map[string]string) error
	Untag(ctx context.Context, arn string, keys []string) error
	SetCodeSigning(ctx context.Context, function, arn string) error
	PutSetting(ctx context.Context, function string, s definition.Setting, replaces bool) (definition.SettingValue, error)
	DeleteSetting(ctx context.Context, function string, key definition.SettingKey) error
}

// Code fetches the code that a rollback restores.
type Code interface {
	// Fetch downloads a zip, checks its hash, and returns it in the form that
	// Lambda takes: inline, or through the staging bucket above 50 MB.
	Fetch(ctx context.Context, url string, want definition.Code) (definition.Code, error)
}

// Engine works on one target. Make one with New.
type Engine struct {
	api    API
	record Record
	events event.Sink
	code   Code
	shifts Shifts

	live live
	// version was published last; target is the one that the aliases move to.
	version *definition.Observed
	target  string
}

// New returns an engine for the target of a record. It makes no call.
func New(api API, record Record, events event.Sink, code Code) *Engine {
	t := record.Target()
	e := &Engine{api: api, record: record, events: events, code: code, live: newLive(t.Function, t.Salt)}
	if t.Snapshot != nil {
		for _, name := range t.Snapshot.Unprovisioned {
			e.live.provisioned[name] = false
		}
	}
	return e
}

// HandingOver gives the engine what moves aliases in its place.
func (e *Engine) HandingOver(shifts Shifts) *Engine {
	e.shifts = shifts
	return e
}

// inFlight is a context for one call that outlives ctx by Grace, and in which
// no call goes out once ctx has ended.
func (e *Engine) inFlight(ctx context.Context) (context.Context, context.CancelFunc) {
	call, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		late := time.NewTimer(e.api.Timing().Grace)
		defer late.Stop()
		select {
		case <-late.C:
			cancel(context.Cause(ctx))
		case <-call.Done():
		}
	})
	return lambdaapi.SendBefore(call, ctx), func() { stop(); cancel(context.Canceled) }
}

// pause waits before the next try: doubling, 5 s at most with the default pace.
func (e *Engine) pause(ctx context.Context, try int) bool {
	t := e.api.Timing()
	return t.Sleep(ctx, min(t.Backoff<<min(try, 20), 25*t.Backoff)) == nil
}

// settle waits until no update is under way and remembers the state then.
func (e *Engine) settle(ctx context.Context) error {
	o, err := e.poller().Wait(ctx, e.live.function, "", e.waiting)
	if o != nil {
		e.live.latest = o
	}
	return err
}

func (e *Engine) poller() lambdaapi.Poller { return pollerOf(e.api) }

func pollerOf(api Reader) lambdaapi.Poller {
	return lambdaapi.Poller{Finder: api, Timing: api.Timing()}
}

func (e *Engine) waiting(o *definition.Observed) {
	status := o.Update
	if o.State.Value != "Active" && o.State.Value != "" || status.Value == "" {
		status = o.State
	}
	e.events.Emit(event.Waiting{Subject: e.live.function, Status: status.Value, Reason: status.Reason})
}

// refresh reads $LATEST anew.
func (e *Engine) refresh(ctx context.Context) error {
	o, err := e.api.Find(ctx, e.live.function, "")
	if err != nil {
		return err
	}
	e.live.latest = o
	return nil
}

// RestorePoint returns the version that holds the state from before the run; "" without one.
func (e *Engine) RestorePoint() string {
	if s := e.record.Target().Snapshot; s != nil {
		return s.RestorePoint
	}
	return ""
}

// FunctionURL returns the address of the function URL that the run set or found; ""
// where it looked for none.
func (e *Engine) FunctionURL() string { return plan.FunctionURL(e.live.settings) }

// Arn returns the function's own ARN, "" before it was seen.
func (e *Engine) Arn() string {
	if e.live.latest == nil {
		return ""
	}
	return e.live.latest.Arn
}

// live is what AWS showed of the function last.
type live struct {
	function string
	salt     []byte
	latest   *definition.Observed
	aliases  map[string]*definition.ObservedAlias
	signing  string
	// tags are those that the plan was made with.
	tags map[string]string
	// provisioned tells which aliases had provisioned concurrency when the run
	// began; one that is not in it was not asked about.
	provisioned map[string]bool
	settings    plan.Settings
	// created reports whether this run created the function.
	created bool
}

func newLive(function string, salt []byte) live {
	return live{function: function, salt: salt, aliases: map[string]*definition.ObservedAlias{}, provisioned: map[string]bool{}}
}

// content is a state of $LATEST as the journal keeps it.
func (l *live) content(o *definition.Observed) *journal.Content {
	c := plan.ContentOf(o, l.salt)
	return &c
}
