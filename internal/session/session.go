// Package session builds the SDK's configuration for the account and Region
// that a run works in, and owns the run's credentials.
//
// It promises:
//
//   - Credentials come from one place that a person can name: the explicit
//     inputs, or the role to assume (by the job's OIDC token, else from the
//     credentials at hand), or what the SDK's default chain finds. Roles are
//     assumed again when they are about to expire, each time with a fresh OIDC
//     token, because GitHub's lives for minutes only.
//   - Each secret goes to Options.Mask before anything else sees it.
//   - What is wrong with credentials is told apart by type: see errors.go.
//   - Reads are retried by one policy, calls that change something never
//     (NoRetry); one Limits keeps an account and Region below Lambda's 15
//     control-plane calls a second.
//
// It never makes a call before somebody needs an answer (Open is offline), it
// never waits for EC2's metadata service longer than a second, and it never
// writes a credential anywhere. It knows no service but STS.
//
// Sources: https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html,
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_temp_request.html,
// https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html.
package session

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/smithy-go/logging"

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

	// LookupEnv is the environment, os.LookupEnv in the program. The SDK reads
	// its settings files and the rarer variables by itself.
	LookupEnv func(string) (string, bool)

	// HTTPClient carries every call; nil means the SDK's own client, which
	// honours proxies and AWS_CA_BUNDLE.
	HTTPClient aws.HTTPClient

	// Tokens gives the job's OIDC tokens; nil asks GitHub's endpoint where the
	// environment names one.
	Tokens TokenSource

	// Mask gets each secret, and what the user calls it, as soon as it is known;
	// may be nil.
	Mask func(name string, secrets ...string)

	// Limits is shared by all Sessions of a process; nil means one of its own.
	Limits *Limits

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
	// role is the role that this Session has assumed, nil for the credentials
	// at hand.
	role *Role

	// asking is held while GetCallerIdentity is under way.
	asking sync.Mutex

	mu       sync.Mutex
	identity Identity
	masked   string
}

// Open reads inputs, environment and the SDK's settings files. It makes no
// call: credentials are fetched when the first call needs them. Its errors are
// faults of the input.
func Open(ctx context.Context, opts Options) (*Session, error) {
	if opts.LookupEnv == nil {
		opts.LookupEnv = func(string) (string, bool) { return "", false }
	}
	if opts.Mask == nil {
		opts.Mask = func(string, ...string) {}
	}
	if opts.Limits == nil {
		opts.Limits = NewLimits()
	}
	if opts.CallTimeout == 0 {
		opts.CallTimeout = time.Minute
	}
	if err := checkKeys(opts); err != nil {
		return nil, err
	}
	s := &Session{opts: opts, tokens: opts.Tokens}
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

// checkKeys refuses half a pair of keys, which would otherwise be passed over
// in silence for whatever the chain finds.
func checkKeys(opts Options) error {
	id, secret := opts.AccessKeyID != "", opts.SecretAccessKey != ""
	switch {
	case id && !secret:
		return fmt.Errorf("aws-access-key-id is set, but aws-secret-access-key is empty")
	case secret && !id:
		return fmt.Errorf("aws-secret-access-key is set, but aws-access-key-id is empty")
	case opts.SessionToken != "" && !id:
		return fmt.Errorf("aws-session-token is set, but aws-access-key-id is empty")
	}
	return nil
}

// load builds the configuration that all services share.
func (s *Session) load(ctx context.Context) error {
	loaders := []func(*config.LoadOptions) error{
		config.WithRetryer(s.opts.readRetryer),
		config.WithAPIOptions(apiOptions(s.opts)),
		config.WithCredentialsCacheOptions(expiryWindow),
		// The SDK would write past the host's masks; what it warns of comes
		// back as an error.
		config.WithLogger(logging.Nop{}),
	}
	if s.opts.HTTPClient != nil {
		loaders = append(loaders, config.WithHTTPClient(s.opts.HTTPClient))
	}
	if region := s.region(); region != "" {
		loaders = append(loaders, config.WithRegion(region))
	}
	if provider := s.staticKeys(); provider != nil {
		loaders = append(loaders, config.WithCredentialsProvider(provider))
	}
	cfg, err := config.LoadDefaultConfig(ctx, loaders...)
	if err != nil {
		return fmt.Errorf("read the AWS settings: %w", err)
	}
	s.setEndpoints(&cfg)
	cfg.HTTPClient = shared(cfg.HTTPClient)
	cfg.Credentials = &ambient{session: s, chain: cfg.Credentials}
	s.base = cfg
	return nil
}

// idleConnections, to one host, are kept for as many Targets as run at once.
const idleConnections = 16

// shared makes one pool of connections for all clients of the Session: each
// client would make its own, and each pool pays for its own TLS handshakes.
func shared(client aws.HTTPClient) aws.HTTPClient {
	buildable := awshttp.NewBuildableClient()
	switch given := client.(type) {
	case nil:
	case *awshttp.BuildableClient:
		// It trusts AWS_CA_BUNDLE.
		buildable = given
	default:
		return client
	}
	return buildable.WithTransportOptions(func(t *http.Transport) {
		t.MaxIdleConnsPerHost = idleConnections
	}).Freeze()
}

func (s *Session) region() string {
	for _, r := range []string{s.opts.Region, s.env("AWS_REGION"), s.env("AWS_DEFAULT_REGION")} {
		if r != "" {
			return r
		}
	}
	return ""
}

func (s *Session) env(name string) string {
	value, _ := s.opts.LookupEnv(name)
	return value
}

// staticKeys are the keys of the inputs, else those of the environment; nil
// where neither has any.
func (s *Session) staticKeys() aws.CredentialsProvider {
	keys := credentials.NewStaticCredentialsProvider(s.opts.AccessKeyID, s.opts.SecretAccessKey, s.opts.SessionToken)
	if s.opts.AccessKeyID == "" {
		keys = credentials.NewStaticCredentialsProvider(
			s.env("AWS_ACCESS_KEY_ID"), s.env("AWS_SECRET_ACCESS_KEY"), s.env("AWS_SESSION_TOKEN"))
	}
	if !keys.Value.HasKeys() {
		return nil
	}
	s.mask(keys.Value)
	return keys
}

// mask tells each set of credentials once.
func (s *Session) mask(c aws.Credentials) {
	s.mu.Lock()
	known := s.masked == c.AccessKeyID
	s.masked = c.AccessKeyID
	s.mu.Unlock()
	if known {
		return
	}
	if redact.AccessKeyID(c.AccessKeyID) {
		s.opts.Mask("access key id", c.AccessKeyID)
	}
	s.opts.Mask("AWS_SECRET_ACCESS_KEY", c.SecretAccessKey)
	if c.SessionToken != "" {
		s.opts.Mask("AWS_SESSION_TOKEN", c.SessionToken)
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

// Endpoint is where the calls go that have no endpoint of their own service; ""
// is AWS itself.
func (s *Session) Endpoint() string { return aws.ToString(s.base.BaseEndpoint) }

// setEndpoints lets Options.Endpoint, and then the environment that the Session
// was given, decide about endpoints.
func (s *Session) setEndpoints(cfg *aws.Config) {
	e := endpoints{all: s.opts.Endpoint, env: s.env}
	switch {
	case e.all != "":
		cfg.BaseEndpoint = &e.all
	case s.opts.Pinned:
		cfg.BaseEndpoint = nil
		e.env = func(name string) string { return s.opts.Endpoints[name] }
		e.pinned = len(s.opts.Endpoints) == 0
	case s.env("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS") == "true":
		return
	case s.env("AWS_ENDPOINT_URL") != "":
		cfg.BaseEndpoint = aws.String(s.env("AWS_ENDPOINT_URL"))
	}
	cfg.ConfigSources = append([]any{e}, cfg.ConfigSources...)
}

// endpoints answers the SDK's question for the endpoint of one service
// (https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html).
type endpoints struct {
	all string
	env func(string) string
	// pinned says that nobody else is to be asked.
	pinned bool
}

// GetIgnoreConfiguredEndpoints is the SDK's question whether endpoints are
// configured at all.
func (e endpoints) GetIgnoreConfiguredEndpoints(context.Context) (value, found bool, err error) {
	return e.pinned, e.pinned, nil
}

// GetServiceBaseEndpoint is called by each service client on the sources of its
// configuration, in their order.
func (e endpoints) GetServiceBaseEndpoint(_ context.Context, sdkID string) (string, bool, error) {
	if e.all != "" {
		return e.all, true, nil
	}
	url := e.env("AWS_ENDPOINT_URL_" + strings.ToUpper(strings.ReplaceAll(sdkID, " ", "_")))
	return url, url != "", nil
}
