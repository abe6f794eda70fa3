// Package session builds the SDK's configuration for the account and Region
// that a run works in, and owns the run's credentials.
//
// It promises:
//
//   - Credentials come from one source that the user can name: the explicit
//     inputs, or the role to assume (by the job's OIDC token, else by the
//     current credentials), or the environment, the settings files and the
//     machine, in the order of AWS's SDKs. Roles are assumed again when they are
//     about to expire, each time with a fresh OIDC token, because GitHub's lives
//     for minutes only.
//   - Each secret goes to Options.Mask before anything else sees it.
//   - Every call, those for credentials included, goes to the endpoint that the
//     inputs, the environment or the profile name.
//   - A cause that concerns every call, such as a missing Region, expired
//     credentials, a certificate that is not trusted, a clock that is off or a
//     proxy's login page, is an error of its own type: see Cause.
//   - Reads are retried by one policy, calls that change something never
//     (NoRetry); one Limits keeps each account and Region below Lambda's quotas.
//   - Nothing is read from the process environment: Options.LookupEnv is all of
//     it. With an HTTPClient, calls need no network and no real time.
//
// It never makes a call before somebody needs an answer (Open is offline), it
// never waits for EC2's metadata service longer than a second, and it never
// writes a credential anywhere. It has a client for STS alone; other services
// are called through Config by their SDK clients, or through Service.
//
// Sources: https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html,
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_temp_request.html,
// https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html.
package session

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/lambda-rollout/lambda-rollout/internal/redact"
)

// Options is what a run knows about its account before the first call.
type Options struct {
	// Region is the default Region; empty asks AWS_REGION,
	// AWS_DEFAULT_REGION and the profile.
	Region string

	// AccessKeyID, SecretAccessKey and SessionToken are explicit credentials.
	AccessKeyID, SecretAccessKey, SessionToken string

	// Role is the role to assume, nil for none.
	Role *Role

	// AllowedAccountIDs refuses every other account; empty allows all.
	AllowedAccountIDs []string

	// Endpoint takes the place of every service's endpoint (the embedded AWS).
	Endpoint string

	// Pinned keeps the session from endpoints that the environment or the
	// settings files name: only Endpoint counts, empty for AWS itself, and
	// Endpoints, by the names of the variables of single services.
	Pinned    bool
	Endpoints map[string]string

	// LookupEnv is the environment, os.LookupEnv in the program; nil is an empty
	// one. The settings files are found through it, too.
	LookupEnv func(string) (string, bool)

	// HTTPClient carries every call; nil means the SDK's own client, which
	// honours proxies and AWS_CA_BUNDLE.
	HTTPClient aws.HTTPClient

	// Wrap puts something between the calls and the client that carries them; nil for
	// nothing.
	Wrap func(aws.HTTPClient) aws.HTTPClient

	// Tokens mints the job's OIDC tokens; nil asks GitHub's endpoint where the
	// environment names one.
	Tokens TokenSource

	// Mask gets each secret, and what the user calls it, as soon as it is known;
	// may be nil. Credentials have no name: AWS's own are long, and a short one is
	// what an emulator takes, of which the user needs no warning.
	Mask func(name string, secrets ...string)

	// Redact returns a text without the secrets of the run; may be nil.
	Redact func(text string) string

	// Trace receives each attempt of each call when it has ended; may be nil. It
	// is called by several goroutines at once.
	Trace func(Attempt)

	// Limits is shared by all Sessions of a process; nil means one of its own.
	Limits *Limits
	// Unlimited lets calls go out at any rate: an AWS inside this process has no
	// quotas.
	Unlimited bool

	// CallTimeout bounds one attempt of one call; 0 means a minute.
	CallTimeout time.Duration

	// ReadBackoff is the longest pause before a read is tried again; 0 means 5 s.
	ReadBackoff time.Duration

	// Version goes into the user agent, lambda-rollout/Version.
	Version string
}

// Session is one set of credentials and the SDK configuration around it. It is
// safe for use by several goroutines.
type Session struct {
	opts   Options
	base   aws.Config
	tokens TokenSource
	// role is the role that this Session has assumed, nil for none.
	role *Role
	// endpoints are where the calls go, by service.
	endpoints endpoints

	// asking has an element while GetCallerIdentity is under way.
	asking chan struct{}

	mu       sync.Mutex
	identity Identity
	masked   string
}

// Open reads inputs, environment and the settings files. It makes no call:
// credentials are fetched when the first call needs them. Its errors are
// problems of the user's input.
func Open(ctx context.Context, opts Options) (*Session, error) {
	if opts.LookupEnv == nil {
		opts.LookupEnv = func(string) (string, bool) { return "", false }
	}
	if opts.Mask == nil {
		opts.Mask = func(string, ...string) {}
	}
	if opts.Redact == nil {
		opts.Redact = func(text string) string { return text }
	}
	if opts.Limits == nil {
		opts.Limits = NewLimits()
	}
	if opts.CallTimeout == 0 {
		opts.CallTimeout = time.Minute
	}
	if err := checkInputs(&opts); err != nil {
		return nil, err
	}
	s := &Session{asking: make(chan struct{}, 1), opts: opts, tokens: opts.Tokens}
	if err := s.load(ctx); err != nil {
		return nil, err
	}
	if s.tokens == nil {
		s.tokens = gitHubTokens(s.env, s.base.HTTPClient)
	}
	if opts.Role == nil {
		return s, nil
	}
	return s.Assume(*opts.Role)
}

// mask reports each set of credentials once. A secret key that is the key's id is a word
// that an emulator takes, such as local or test, and protects nothing.
func (s *Session) mask(c aws.Credentials) {
	s.mu.Lock()
	known := s.masked == c.AccessKeyID
	s.masked = c.AccessKeyID
	s.mu.Unlock()
	if known {
		return
	}
	if redact.AccessKeyID(c.AccessKeyID) {
		s.opts.Mask("", c.AccessKeyID)
	}
	if c.SecretAccessKey != c.AccessKeyID {
		s.opts.Mask("", c.SecretAccessKey)
	}
	if c.SessionToken != "" {
		s.opts.Mask("", c.SessionToken)
	}
}

// Config is the SDK's configuration for a Region; empty means the default one.
func (s *Session) Config(region string) aws.Config {
	cfg := s.base.Copy()
	if region != "" {
		cfg.Region = region
	}
	cfg.APIOptions = slices.Clone(cfg.APIOptions)
	return cfg
}

// Redact returns a text of AWS without the secrets of the run.
func (s *Session) Redact(text string) string { return s.opts.Redact(text) }

// Region is the default Region, or NoRegion.
func (s *Session) Region() (string, error) {
	if s.base.Region == "" {
		return "", NoRegion{}
	}
	return s.base.Region, nil
}

// HTTPClient carries requests that are signed already or need no signature,
// such as the address where Lambda keeps a function's code: with the same
// proxies and certificates as all others.
func (s *Session) HTTPClient() aws.HTTPClient { return s.base.HTTPClient }
