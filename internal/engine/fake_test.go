package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"testing"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/event"
	"github.com/lambda-rollout/lambda-rollout/internal/journal"
	"github.com/lambda-rollout/lambda-rollout/internal/lambdaapi"
	"github.com/lambda-rollout/lambda-rollout/internal/plan"
	"github.com/lambda-rollout/lambda-rollout/internal/session"
	"github.com/lambda-rollout/lambda-rollout/internal/timing"
)

// fake is one function in a Lambda that answers at once. Faults and other
// writers come in through before and after.
type fake struct {
	mu       sync.Mutex
	function *definition.Observed
	versions []*definition.Observed
	aliases  map[string]*definition.ObservedAlias
	signing  string
	// status is the provisioned concurrency of the aliases, attached what hangs on
	// the function.
	status   map[string]string
	attached []lambdaapi.Attachment
	denied   error
	revision int
	// settleAfter is how many looks an update takes to end.
	settleAfter, looks int

	calls []string
	// before is asked ahead of the nth call of an operation, after behind it: an
	// error takes the place of the answer.
	before, after func(call string, n int) error
}

// apiError is an answer of AWS that refuses.
func apiError(status int, code, message string) error {
	return &awshttp.ResponseError{ResponseError: &smithyhttp.ResponseError{
		Response: &smithyhttp.Response{Response: &http.Response{StatusCode: status}},
		Err:      &smithy.GenericAPIError{Code: code, Message: message},
	}}
}

var (
	lost        = errors.New("no answer")
	refusal     = apiError(400, "InvalidParameterValueException", "The runtime does not fit")
	throttled   = apiError(429, "TooManyRequestsException", "Rate exceeded")
	notYet      = apiError(400, "InvalidParameterValueException", "The role defined for the function cannot be assumed by Lambda.")
	conflicting = apiError(409, "ResourceConflictException", "An update is in progress for resource")
	taken       = apiError(409, "ResourceConflictException", "Alias already exists")
	stale       = apiError(412, "PreconditionFailedException", "The RevisionId provided does not match")
	denial      = apiError(403, "AccessDeniedException", "not authorized")
)

// call counts a call and lets a fault come before it.
func (f *fake) call(name string) (n int, err error) {
	f.calls = append(f.calls, name)
	for _, c := range f.calls {
		if c == name {
			n++
		}
	}
	if f.before != nil {
		err = f.before(name, n)
	}
	return n, err
}

func (f *fake) done(name string, n int) error {
	if f.after != nil {
		return f.after(name, n)
	}
	return nil
}

// changes are the calls that change something, in their order.
func (f *fake) changes() []string {
	var all []string
	for _, c := range f.calls {
		switch c {
		case "Find", "FindAlias", "ListAliases", "ListVersions", "Provisioned", "CodeSigning", "Attached":
		default:
			all = append(all, c)
		}
	}
	return all
}

func (f *fake) next() string { f.revision++; return strconv.Itoa(f.revision) }

// update starts an update of $LATEST.
func (f *fake) update(change func(*definition.Observed)) *definition.Observed {
	now := *f.function
	change(&now)
	now.RevisionId, now.Update.Value = f.next(), "InProgress"
	f.function, f.looks = &now, 0
	answer := now
	return &answer
}

func (f *fake) Region() string        { return "eu-west-1" }
func (f *fake) Timing() timing.Timing { return timing.Default() }

func (f *fake) Find(_ context.Context, _, qualifier string) (*definition.Observed, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n, err := f.call("Find")
	if err != nil {
		return nil, err
	}
	if qualifier != "" {
		return f.find(qualifier), f.done("Find", n)
	}
	if f.function == nil {
		return nil, f.done("Find", n)
	}
	if f.looks++; f.looks >= f.settleAfter && !f.function.Settled() {
		settled := *f.function
		settled.Update.Value, settled.State.Value, settled.RevisionId = "Successful", "Active", f.next()
		f.function = &settled
	}
	seen := *f.function
	return &seen, f.done("Find", n)
}

func (f *fake) find(qualifier string) *definition.Observed {
	if a := f.aliases[qualifier]; a != nil {
		qualifier = a.Version
	}
	for _, v := range f.versions {
		if v.Version == qualifier {
			seen := *v
			return &seen
		}
	}
	return nil
}

func (f *fake) FindAlias(_ context.Context, _, alias string) (*definition.ObservedAlias, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n, err := f.call("FindAlias")
	if err != nil {
		return nil, err
	}
	if a := f.aliases[alias]; a != nil {
		seen := *a
		return &seen, f.done("FindAlias", n)
	}
	return nil, f.done("FindAlias", n)
}

func (f *fake) ListAliases(context.Context, string) ([]definition.ObservedAlias, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, err := f.call("ListAliases"); err != nil {
		return nil, err
	}
	var all []definition.ObservedAlias
	for _, name := range slices.Sorted(maps.Keys(f.aliases)) {
		if f.aliases[name] != nil {
			all = append(all, *f.aliases[name])
		}
	}
	return all, nil
}

func (f *fake) ListVersions(context.Context, string) ([]lambdaapi.Version, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, err := f.call("ListVersions"); err != nil {
		return nil, err
	}
	var all []lambdaapi.Version
	for _, v := range f.versions {
		all = append(all, lambdaapi.Version{Number: v.Version, Description: *v.Description})
	}
	return all, nil
}

func (f *fake) Provisioned(_ context.Context, _, alias string) (definition.Status, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, err := f.call("Provisioned")
	status := f.status[alias]
	if status == "IN_PROGRESS" {
		f.status[alias] = "READY"
	}
	return definition.Status{Value: status}, err
}

func (f *fake) CodeSigning(context.Context, string) (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, err := f.call("CodeSigning")
	return f.signing, err
}

func (f *fake) Attached(_ context.Context, _ string, qualifiers []string) ([]lambdaapi.Attachment, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, err := f.call("Attached")
	var found []lambdaapi.Attachment
	for _, a := range f.attached {
		if slices.Contains(qualifiers, a.Qualifier) {
			found = append(found, a)
		}
	}
	return found, errors.Join(err, f.denied)
}

func (f *fake) CreateFunction(_ context.Context, d definition.Function, code definition.Code) (*definition.Observed, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n, err := f.call("CreateFunction")
	if err != nil {
		return nil, err
	}
	if f.function != nil {
		return nil, apiError(409, "ResourceConflictException", "Function already exist")
	}
	f.function = &definition.Observed{Function: d, Arn: "arn:f", Version: plan.Latest, CodeSha256: code.Sha256, RevisionId: f.next(), State: definition.Status{Value: "Pending"}}
	f.looks = 0
	answer := *f.function
	return &answer, f.done("CreateFunction", n)
}

func (f *fake) checked(revision string) error {
	switch {
	case f.function == nil:
		return apiError(404, "ResourceNotFoundException", "Function not found")
	case !f.function.Settled():
		return conflicting
	case revision != f.function.RevisionId:
		return stale
	}
	return nil
}

func (f *fake) UpdateConfiguration(_ context.Context, _ string, patch definition.Function, revision string) (*definition.Observed, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n, err := f.call("UpdateConfiguration")
	if err != nil {
		return nil, err
	}
	if err := f.checked(revision); err != nil {
		return nil, err
	}
	return f.update(func(o *definition.Observed) { o.Function = o.Function.Merge(patch) }), f.done("UpdateConfiguration", n)
}

func (f *fake) UpdateCode(_ context.Context, u lambdaapi.CodeUpdate) (*definition.Observed, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n, err := f.call("UpdateCode")
	if err != nil {
		return nil, err
	}
	if err := f.checked(u.RevisionId); err != nil {
		return nil, err
	}
	return f.update(func(o *definition.Observed) { o.CodeSha256, o.Architectures = u.Code.Sha256, u.Architectures }), f.done("UpdateCode", n)
}

func (f *fake) PublishVersion(_ context.Context, p lambdaapi.Publication) (*definition.Observed, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n, err := f.call("PublishVersion")
	if err != nil {
		return nil, err
	}
	if err := f.checked(p.RevisionId); err != nil {
		return nil, err
	}
	if len(f.versions) > 0 {
		if last := *f.versions[len(f.versions)-1]; plan.SameContent(&last, f.function) {
			return &last, f.done("PublishVersion", n)
		}
	}
	v := *f.function
	v.Version, v.Description = strconv.Itoa(len(f.versions)+1), &p.Description
	v.Arn += ":" + v.Version
	f.versions = append(f.versions, &v)
	moved := *f.function
	moved.RevisionId = f.next()
	f.function = &moved
	answer := v
	return &answer, f.done("PublishVersion", n)
}

func (f *fake) CreateAlias(_ context.Context, _ string, a definition.Alias) (definition.ObservedAlias, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n, err := f.call("CreateAlias")
	if err != nil {
		return definition.ObservedAlias{}, err
	}
	if f.aliases[a.Name] != nil {
		return definition.ObservedAlias{}, taken
	}
	f.aliases[a.Name] = &definition.ObservedAlias{Alias: a, RevisionId: f.next()}
	return *f.aliases[a.Name], f.done("CreateAlias", n)
}

func (f *fake) UpdateAlias(_ context.Context, _ string, a definition.Alias, revision string) (definition.ObservedAlias, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n, err := f.call("UpdateAlias")
	now := f.aliases[a.Name]
	switch {
	case err != nil:
		return definition.ObservedAlias{}, err
	case now == nil:
		return definition.ObservedAlias{}, apiError(404, "ResourceNotFoundException", "Alias not found")
	case now.RevisionId != revision:
		return definition.ObservedAlias{}, stale
	}
	if a.Description == nil {
		a.Description = now.Description
	}
	answer := definition.ObservedAlias{Alias: a, RevisionId: f.next()}
	f.aliases[a.Name] = &answer
	copied := answer
	return copied, f.done("UpdateAlias", n)
}

func (f *fake) DeleteAlias(_ context.Context, _, alias string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	n, err := f.call("DeleteAlias")
	if err != nil {
		return err
	}
	delete(f.aliases, alias)
	return f.done("DeleteAlias", n)
}

func (f *fake) DeleteFunction(_ context.Context, _, qualifier string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	n, err := f.call("DeleteFunction")
	if err != nil {
		return err
	}
	if qualifier == "" {
		f.function, f.versions, f.aliases = nil, nil, map[string]*definition.ObservedAlias{}
	}
	f.versions = slices.DeleteFunc(f.versions, func(v *definition.Observed) bool { return v.Version == qualifier })
	return f.done("DeleteFunction", n)
}

func (f *fake) Tag(_ context.Context, _ string, tags map[string]string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	n, err := f.call("Tag")
	if err != nil {
		return err
	}
	now := *f.function
	now.Tags = maps.Clone(now.Tags)
	maps.Copy(now.Tags, tags)
	now.RevisionId = f.next()
	f.function = &now
	return f.done("Tag", n)
}

func (f *fake) Untag(_ context.Context, _ string, keys []string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	n, err := f.call("Untag")
	if err != nil {
		return err
	}
	now := *f.function
	now.Tags = maps.Clone(now.Tags)
	maps.DeleteFunc(now.Tags, func(k, _ string) bool { return slices.Contains(keys, k) })
	f.function = &now
	return f.done("Untag", n)
}

func (f *fake) SetCodeSigning(_ context.Context, _, arn string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	n, err := f.call("SetCodeSigning")
	if err != nil {
		return err
	}
	f.signing = arn
	return f.done("SetCodeSigning", n)
}

// memory is a journal of one target that is kept nowhere.
type memory struct {
	mu   sync.Mutex
	log  journal.TargetLog
	next int
	// again counts the calls that were said to go out once more.
	again int
	// taken is the error that another process causes.
	taken error
}

func (m *memory) Target() journal.TargetLog {
	m.mu.Lock()
	defer m.mu.Unlock()
	t := m.log
	t.Steps = slices.Clone(t.Steps)
	return t
}

func (m *memory) Snapshot(_ context.Context, s *journal.Snapshot) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.log.Snapshot = s
	return nil
}

func (m *memory) Begin(_ context.Context, intent journal.Intent) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.taken != nil {
		return 0, m.taken
	}
	m.next++
	m.log.Steps = append(m.log.Steps, journal.Step{Number: m.next, Intent: intent})
	return m.next, nil
}

func (m *memory) Again(context.Context, int) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.again++
	return m.taken
}

func (m *memory) End(_ context.Context, step int, outcome journal.Outcome) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range m.log.Steps {
		if s := &m.log.Steps[i]; s.Number == step {
			s.Outcome = &outcome
			if s.Intent.RestorePoint && outcome.Version != "" {
				m.log.Snapshot.RestorePoint = outcome.Version
			}
		}
	}
	return nil
}

// outcome is what became of the last step of an operation.
func (m *memory) outcome(operation string) journal.Outcome {
	for _, s := range slices.Backward(m.log.Steps) {
		if s.Intent.Call == operation && s.Outcome != nil {
			return *s.Outcome
		}
	}
	return journal.Outcome{}
}

// events keeps what was emitted.
type events struct {
	mu  sync.Mutex
	all []event.Event
}

func (e *events) Emit(one event.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.all = append(e.all, one)
}

// oldCode hands out code as it is asked for.
type oldCode struct{ err error }

func (c oldCode) Fetch(_ context.Context, _ string, want definition.Code) (definition.Code, error) {
	want.ZipPath = "old.zip"
	return want, c.err
}

// bench is a function with a version 1 that the alias live points to, and an
// engine at work on it.
type bench struct {
	t      *testing.T
	aws    *fake
	record *memory
	events *events
	code   oldCode
}

func newBench(t *testing.T) *bench {
	f := &definition.Observed{
		Function: definition.Function{
			FunctionName: "f", Role: new("arn:aws:iam::123456789012:role/f"), Runtime: new("nodejs22.x"), Handler: new("index.handler"), PackageType: new("Zip"),
			MemorySize: new(int32(128)), Architectures: []string{"x86_64"}, Description: new("mine"), Tags: map[string]string{},
		},
		Arn: "arn:f", Version: plan.Latest, CodeSha256: "one", RevisionId: "0", CodeLocation: "https://code/1",
		State: definition.Status{Value: "Active"}, Update: definition.Status{Value: "Successful"},
	}
	v := *f
	v.Version, v.Arn, v.Description = "1", "arn:f:1", new("first")
	return &bench{
		t: t, events: &events{},
		record: &memory{log: journal.TargetLog{Target: journal.Target{Function: "f", Region: "eu-west-1"}, Run: "r1", Salt: []byte("0123456789abcdef")}},
		aws: &fake{
			function: f, versions: []*definition.Observed{&v}, settleAfter: 2, status: map[string]string{},
			aliases: map[string]*definition.ObservedAlias{"live": {Alias: definition.Alias{Name: "live", Version: "1", Description: new("")}, RevisionId: "0"}},
		},
	}
}

func (b *bench) engine() *Engine { return New(b.aws, b.record, b.events, b.code) }

// wanted is a deployment of another memory size and of new code.
func wanted(aliases ...string) plan.Wanted {
	w := plan.Wanted{
		Function: definition.Function{FunctionName: "f", MemorySize: new(int32(256))},
		Code:     definition.Code{Sha256: "two"}, Run: "r1", Marker: plan.Marker{Run: "r1"},
	}
	for _, a := range aliases {
		w.Aliases = append(w.Aliases, definition.Alias{Name: a})
	}
	return w
}

// deploy observes, plans and carries a deployment out, all of its stages at
// once.
func (b *bench) deploy(ctx context.Context, w plan.Wanted) error {
	o, err := Observe(ctx, b.aws, w, nil)
	if err != nil {
		return err
	}
	p := plan.Forward(w, o)
	if len(p.Blockers) > 0 {
		return fmt.Errorf("blocked: %q", p.Blockers)
	}
	e := b.engine()
	if err := e.Snapshot(ctx, w, o, p); err != nil {
		return err
	}
	version, err := e.Prepare(ctx, p)
	if err != nil {
		return err
	}
	number := p.Version
	if version != nil {
		number = version.Version
	}
	for stage := range plan.Stages(p) {
		if err := e.Shift(ctx, p, number, stage); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) mustDeploy(w plan.Wanted) {
	b.t.Helper()
	if err := b.deploy(b.t.Context(), w); err != nil {
		b.t.Fatal(err)
	}
}

// rollback rolls back what is recorded.
func (b *bench) rollback(ctx context.Context) Restored {
	b.t.Helper()
	r, err := b.engine().Rollback(ctx)
	if err != nil {
		b.t.Fatal(err)
	}
	return r
}

// on returns a hook that acts at the nth call of an operation.
func on(call string, nth int, act func() error) func(string, int) error {
	return func(c string, n int) error {
		if c == call && n == nth {
			return act()
		}
		return nil
	}
}

// failing returns a hook that answers the nth call of an operation with an error.
func failing(call string, nth int, err error) func(string, int) error {
	return on(call, nth, func() error { return err })
}

// deniedFor is a refusal that names the missing permission.
func deniedFor(action string) error {
	return session.Denied{Action: action, Resource: "*", Err: denial}
}
