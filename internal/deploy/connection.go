package deploy

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/embedded"
	"github.com/lambda-rollout/lambda-rollout/internal/journal"
	"github.com/lambda-rollout/lambda-rollout/internal/service"
	"github.com/lambda-rollout/lambda-rollout/internal/session"
	"github.com/lambda-rollout/lambda-rollout/internal/timing"
)

// Access is how a process reaches AWS: what all its sessions share.
type Access struct {
	// Session holds credentials, transport and limits. Its Region is the one
	// that the inputs name.
	Session session.Options
	// Role is the role to assume; its ARN is "" for none.
	Role session.Role
	// Connectors are the roles of connectorRefs.
	Connectors map[string]string
	// Local is the folder of the embedded AWS, "" for the real one; LocalDir is
	// that folder wherever the calls go.
	Local, LocalDir string
	// Endpoints are those that the environment names for single services, by their
	// variables' names.
	Endpoints map[string]string
	Embedded  *embedded.Pool
	Timing    timing.Timing
}

// localPoll suits an AWS without a network between.
const localPoll = 10 * time.Millisecond

// Connection is the AWS that a run works in.
type Connection struct {
	access Access
	base   *session.Session
	// region is the Region of a function that names none; "" where nothing does.
	region string
	timing timing.Timing
}

// Connect opens the session that the sessions of all targets start from. It
// makes no call. stsRegionHint is the Region to ask STS in where no default is
// named; it becomes no function's Region.
func Connect(ctx context.Context, access Access, stsRegionHint string) (*Connection, error) {
	c, err := connect(ctx, access, stsRegionHint)
	return c, notStarted(err)
}

func connect(ctx context.Context, access Access, stsRegionHint string) (*Connection, error) {
	opts := access.Session
	if access.Role.ARN != "" {
		opts.Role = &access.Role
	}
	patience := access.Timing
	if access.Local != "" {
		local, err := access.local(opts, access.Local)
		if err != nil {
			return nil, err
		}
		opts, patience = local, access.timingOf(journal.LocalEndpoint)
		if region, _ := opts.LookupEnv("AWS_REGION"); opts.Region == "" && region == "" {
			opts.Region = embedded.Region
		}
	}
	s, err := session.Open(ctx, opts)
	if err != nil {
		return nil, err
	}
	// No default is no error: files may name all Regions.
	region, _ := s.Region()
	if region == "" && stsRegionHint != "" {
		opts.Region = stsRegionHint
		if s, err = session.Open(ctx, opts); err != nil {
			return nil, err
		}
	}
	return &Connection{access: access, base: s, region: region, timing: patience}, nil
}

// local points a session to the embedded AWS, which accepts any keys.
func (a Access) local(opts session.Options, dir string) (session.Options, error) {
	endpoint, err := a.Embedded.Endpoint(dir)
	if err != nil {
		return opts, err
	}
	opts.Endpoint, opts.Tokens, opts.Unlimited = endpoint, nil, true
	if opts.AccessKeyID == "" {
		opts.AccessKeyID, opts.SecretAccessKey, opts.SessionToken = embedded.Key, embedded.Key, ""
		opts.Mask = nil
	}
	return opts, nil
}

// timingOf is the timing for an endpoint: there is no network between the program
// and the embedded AWS, whose metrics arrive at once.
func (a Access) timingOf(endpoint string) timing.Timing {
	t := a.Timing
	if strings.HasPrefix(endpoint, journal.LocalEndpoint) {
		t.FirstPoll, t.MetricDelay = min(t.FirstPoll, localPoll), 0
	}
	return t
}

// belief is what environment and inputs name, to compare a journal with. It makes
// no call.
func (a Access) belief(ctx context.Context) (journal.Belief, error) {
	s, err := session.Open(ctx, a.Session)
	if err != nil {
		return journal.Belief{}, err
	}
	return journal.Belief{
		Endpoint: s.Endpoint(), Endpoints: a.Endpoints, LocalDir: a.LocalDir, Local: a.Local != "",
		Role: a.Role.ARN, Connectors: slices.Collect(maps.Values(a.Connectors)), Accounts: a.Session.AllowedAccountIDs,
	}, nil
}

// assume returns the session of a connector's role; base where it has none.
func (a Access) assume(base *session.Session, arn string) (*session.Session, error) {
	if arn == "" {
		return base, nil
	}
	return base.Assume(session.Role{ARN: arn, SessionName: a.Role.SessionName})
}

// Session returns the run's own session.
func (c *Connection) Session() *session.Session { return c.base }

// regionOf is the Region that the ARN or the infrastructure names, else the
// default.
func (c *Connection) regionOf(arn, infrastructure string) (string, error) {
	asked := c.access.Session.Region
	if err := agree(arn, infrastructure, asked); err != nil {
		return "", err
	}
	region := cmp.Or(arn, infrastructure, asked, c.region)
	if region == "" {
		return "", session.NoRegion{}
	}
	return region, nil
}

// agree refuses Regions of which two contradict each other.
func agree(arn, infrastructure, asked string) error {
	for _, pair := range [][2]string{{arn, infrastructure}, {arn, asked}, {infrastructure, asked}} {
		if pair[0] != "" && pair[1] != "" && pair[0] != pair[1] {
			return fmt.Errorf("it is in Region %s, but %s is requested (aws-region, the infrastructure and the function's ARN must agree)", pair[0], pair[1])
		}
	}
	return nil
}

// at says where a function is, as a journal records it.
func (c *Connection) at(function, region string, identity session.Identity) journal.Target {
	t := journal.Target{
		Function: function, Region: region, Account: identity.Account, Partition: identity.Partition,
		Endpoint: c.base.Endpoint(), Role: c.access.Role.ARN,
	}
	if c.access.Local != "" {
		t.Endpoint = journal.LocalEndpoint + c.access.Local
	}
	return t
}

// STSRegionHint returns the first Region that a target names itself.
func STSRegionHint(set *service.Set) string {
	for _, t := range set.Targets {
		name, err := definition.ParseFunctionName(t.Function.FunctionName)
		if region := cmp.Or(t.Infrastructure.Region, name.Region); err == nil && region != "" {
			return region
		}
	}
	return ""
}

// targetSessions are the sessions with which the targets of a journal are rolled
// back, one for each account, Region and role.
type targetSessions struct {
	access    Access
	endpoints map[string]string
	open      map[journal.Target]*session.Session
}

// of opens the session that a target was deployed with: endpoints and roles
// from the journal, credentials from this process. The account is checked before
// any other call.
func (p *targetSessions) of(ctx context.Context, t journal.Target) (*session.Session, error) {
	t.Function = ""
	if s := p.open[t]; s != nil {
		return s, nil
	}
	opts := p.access.Session
	opts.AllowedAccountIDs = nil
	opts.Region, opts.Endpoint, opts.Pinned, opts.Endpoints = t.Region, t.Endpoint, true, p.endpoints
	if t.Role != "" {
		role := p.access.Role
		role.ARN = t.Role
		opts.Role = &role
	}
	if dir, local := strings.CutPrefix(t.Endpoint, journal.LocalEndpoint); local {
		var err error
		if opts, err = p.access.local(opts, dir); err != nil {
			return nil, err
		}
	}
	s, err := session.Open(ctx, opts)
	if err != nil {
		return nil, err
	}
	if s, err = p.access.assume(s, t.Connector); err != nil {
		return nil, err
	}
	if err := s.RequireAccount(ctx, t.Account); err != nil {
		return nil, err
	}
	p.open[t] = s
	return s, nil
}
