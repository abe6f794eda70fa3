package deploy

import (
	"context"
	"fmt"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/lambda-rollout/lambda-rollout/internal/artifact"
	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/diag"
	"github.com/lambda-rollout/lambda-rollout/internal/journal"
	"github.com/lambda-rollout/lambda-rollout/internal/lambdaapi"
	"github.com/lambda-rollout/lambda-rollout/internal/plan"
	"github.com/lambda-rollout/lambda-rollout/internal/service"
	"github.com/lambda-rollout/lambda-rollout/internal/session"
	"github.com/lambda-rollout/lambda-rollout/internal/traffic"
	"github.com/lambda-rollout/lambda-rollout/internal/verify"
)

// Target is one function to deploy in one Region.
type Target struct {
	// At is where the function is, as a journal records it.
	At journal.Target
	// Connector is the connectorRef of the infrastructure, by which the input
	// connectors names a role.
	Connector string
	Session   *session.Session
	API       *lambdaapi.Client
	Want      plan.Wanted
	// Artifact is the code to deploy; nil where none is: in a shift of traffic,
	// and in a rollback.
	Artifact *Artifact
	// StagingBucket takes zips that a call cannot carry; "" for none.
	StagingBucket string
	// Environment is the input environment-variables: replace, merge or keep.
	Environment string
	// Verify are the cases with which the new version is invoked before it gets
	// traffic.
	Verify []verify.Case
	// Wave is the wave that the target belongs to, counted from 0: one begins when
	// the one before is done.
	Wave int
	// Watch says how the run is watched while traffic is shared; it is the same for
	// all targets of a run.
	Watch Watch
	// HandOver says that CodeDeploy shifts the traffic; nil where this program does.
	HandOver *HandOver
	// Resumes is the run that goes on, the same for all targets; nil for a new one.
	Resumes *Resumption
	// Warnings are what was noticed about files and code.
	Warnings diag.List

	// prefetched is the observation that Resolve began; nil where it did not.
	prefetched *observation
}

// Label names the target where there are several.
func (t Target) Label() string { return nameOf(t.At).String() }

func (t Target) inRegion() string { return t.At.Region }

// Pinned names exactly the content that is deployed; "" without an artifact.
func (t Target) Pinned() string {
	if t.Artifact == nil {
		return ""
	}
	return t.Artifact.Pinned
}

// Options is what the inputs say about the functions of a deployment.
type Options struct {
	// Marker says who deploys; it goes into the descriptions of versions.
	Marker  plan.Marker
	Traffic traffic.Schedule
	// Environment is the input environment-variables: replace, merge or keep.
	Environment   string
	StagingBucket string
	// Verify are the cases of all functions.
	Verify []verify.Case
	Watch  Watch
	// HandOver says that CodeDeploy shifts the traffic; nil where this program does.
	HandOver *HandOver
	Folders  Folders
	// Waves are the patterns of each wave; none puts all functions into one.
	Waves []string
	// MaxParallel is how many targets are worked on at once.
	MaxParallel int
}

// Folders are those of this machine that a deployment reads and writes.
type Folders struct {
	// Workspace is what a relative path is relative to.
	Workspace string
	// Temp holds what is zipped or fetched.
	Temp string
}

// Resolve finds the session, the account and the code of every target, side by
// side, and checks the code against its definition. It changes nothing. Its
// error is a diag.List where the code does not fit its definition, else a
// *NotStartedError.
func Resolve(ctx context.Context, c *Connection, set *service.Set, o Options) ([]Target, error) {
	r := resolver{connection: c, options: o}
	resolutions := r.all(session.BeforeChanges(ctx), set)
	var targets []Target
	var failed causes
	var problems diag.List
	for _, r := range resolutions {
		if r.err != nil {
			failed.add("function "+r.from.Function.FunctionName, r.err)
		}
		targets, problems = append(targets, r.target), append(problems, r.target.Warnings...)
	}
	if err := failed.join(len(targets) > 1); err != nil {
		return nil, notStarted(err)
	}
	if err := distinct(targets); err != nil {
		return nil, notStarted(err)
	}
	if problems.Err() != nil {
		return nil, problems
	}
	if err := assignWaves(o.Waves, targets); err != nil {
		return nil, notStarted(err)
	}
	return targets, notStarted(askGroups(ctx, targets, o.MaxParallel))
}

// resolution is a target of the files and what became of it.
type resolution struct {
	from   service.Target
	target Target
	err    error
}

// all resolves every target; one that fails does not end the others.
func (r *resolver) all(ctx context.Context, set *service.Set) []*resolution {
	var all []*resolution
	var group errgroup.Group
	group.SetLimit(r.options.MaxParallel)
	for _, from := range set.Targets {
		one := &resolution{from: from}
		all = append(all, one)
		group.Go(func() error {
			one.target, one.err = r.target(ctx, from)
			return nil
		})
	}
	_ = group.Wait() // it never fails: each resolution has its own error
	return all
}

// distinct refuses two targets that are one function: each would undo the other.
func distinct(targets []Target) error {
	seen := map[journal.Target]bool{}
	for _, t := range targets {
		key := journal.Target{Function: t.At.Function, Region: t.At.Region, Account: t.At.Account}
		if seen[key] {
			return fmt.Errorf("function %s in %s is named twice: a run deploys each function once", key.Function, key.Region)
		}
		seen[key] = true
	}
	return nil
}

type resolver struct {
	connection *Connection
	options    Options
	// folders zips a folder once for all targets.
	folders artifact.Folders

	mu sync.Mutex
	// codes are the artifacts by what they are found by: one that several targets
	// deploy is looked up, hashed and sent to the staging bucket once.
	codes map[codeKey]*code
	// sessions are those of the connectors' roles.
	sessions map[string]*session.Session
	clients  map[clientKey]*lambdaapi.Client
	// prefetching counts the targets of each Region whose state is read early.
	prefetching map[string]int
}

type clientKey struct {
	session *session.Session
	region  string
}

// client returns the one client of a session in a Region.
func (r *resolver) client(s *session.Session, region string) *lambdaapi.Client {
	r.mu.Lock()
	defer r.mu.Unlock()
	key := clientKey{s, region}
	if r.clients == nil {
		r.clients = map[clientKey]*lambdaapi.Client{}
	}
	if r.clients[key] == nil {
		r.clients[key] = lambdaapi.New(s, region, r.connection.timing)
	}
	return r.clients[key]
}

// prefetches reports whether the state of another target of a Region is read early:
// of a fleet only as many as are worked on at once, since the quota is the limit.
func (r *resolver) prefetches(region string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.prefetching == nil {
		r.prefetching = map[string]int{}
	}
	r.prefetching[region]++
	return r.prefetching[region] <= max(r.options.MaxParallel, 1)
}

// assume returns the one session of a connector's role.
func (r *resolver) assume(role string) (*session.Session, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s := r.sessions[role]; s != nil {
		return s, nil
	}
	s, err := r.connection.access.assume(r.connection.base, role)
	if err != nil {
		return nil, err
	}
	if r.sessions == nil {
		r.sessions = map[string]*session.Session{}
	}
	r.sessions[role] = s
	return s, nil
}

// codeKey is what finding an artifact depends on.
type codeKey struct {
	ref artifact.Ref
	// role and source are the roles of the function and of the artifact.
	role, source, region string
}

// code is an artifact of one or more targets.
type code struct {
	found once[*artifact.Result]
	sent  once[definition.Code]
}

func (r *resolver) code(key codeKey) *code {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.codes == nil {
		r.codes = map[codeKey]*code{}
	}
	if r.codes[key] == nil {
		r.codes[key] = &code{}
	}
	return r.codes[key]
}

func (r *resolver) target(ctx context.Context, from service.Target) (Target, error) {
	name, err := definition.ParseFunctionName(from.Function.FunctionName)
	if err != nil {
		return Target{}, err
	}
	region, err := r.connection.regionOf(name.Region, from.Infrastructure.Region)
	if err != nil {
		return Target{}, err
	}
	if problems := definition.CheckRegion(*from.Function, region, from.Document); len(problems) > 0 {
		return Target{}, problems
	}
	s, err := r.assume(from.Infrastructure.Role)
	if err != nil {
		return Target{}, err
	}
	t := Target{
		Session: s, API: r.client(s, region), Connector: from.Infrastructure.ConnectorRef,
		StagingBucket: r.options.StagingBucket, Environment: r.options.Environment, Want: r.want(from, name),
		Verify: verify.For(r.options.Verify, name.Name), Watch: r.options.Watch, HandOver: r.options.HandOver.clone(),
	}
	if r.prefetches(region) {
		t.prefetched = prefetchObservation(ctx, t.API, t.Want)
	}
	var identity session.Identity
	group, call := errgroup.WithContext(ctx)
	group.Go(func() (err error) { identity, err = s.Identity(call); return err })
	group.Go(func() (err error) { t.Artifact, err = r.artifact(ctx, from, s, region); return err })
	if err := group.Wait(); err != nil {
		return Target{}, err
	}
	if name.Account != "" && name.Account != identity.Account {
		return Target{}, fmt.Errorf("function %s is in account %s, but the credentials belong to account %s", from.Function.FunctionName, name.Account, identity.Account)
	}
	t.Want.Code = t.Artifact.want()
	t.At = r.connection.at(name.Name, region, identity)
	t.At.Connector = from.Infrastructure.Role
	t.Warnings = checkCode(ctx, from, t.Artifact.Result)
	return t, nil
}

// want is the wanted state, but for the code.
func (r *resolver) want(from service.Target, name definition.Name) plan.Wanted {
	f := from.Function.Clone()
	f.FunctionName = name.Name
	return plan.Wanted{
		Function: f, Aliases: from.Aliases, Settings: from.Settings, Run: r.options.Marker.Run, Marker: r.options.Marker,
		StagingBucket: r.options.StagingBucket != "", Traffic: r.options.Traffic, CodeDeploy: r.options.HandOver.group(),
	}
}

func (r *resolver) artifact(ctx context.Context, from service.Target, s *session.Session, region string) (*Artifact, error) {
	var source *session.Session
	if role := from.Artifact.Role; role != "" {
		var err error
		if source, err = r.assume(role); err != nil {
			return nil, err
		}
	}
	ref, err := reference(from.Artifact)
	if err != nil {
		return nil, err
	}
	if ref.Kind == artifact.ECR && ref.Image.Registry == "" {
		if ref.Image, err = registry(ctx, s, ref.Image); err != nil {
			return nil, err
		}
	}
	shared := r.code(codeKey{ref, from.Infrastructure.Role, from.Artifact.Role, region})
	found, err := shared.found.get(ctx, func() (*artifact.Result, error) {
		return artifact.Resolve(ctx, ref, artifact.Options{
			Session: s, Source: source, Region: region, StagingBucket: r.options.StagingBucket,
			Workspace: r.options.Folders.Workspace, TempDir: r.options.Folders.Temp, Folders: &r.folders,
		})
	})
	if err != nil {
		return nil, err
	}
	return &Artifact{From: from.Artifact, Result: found, named: from.Function.Code, sent: &shared.sent}, nil
}
