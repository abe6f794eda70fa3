package session

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/smithy-go/logging"
	"github.com/aws/smithy-go/middleware"

	"github.com/lambda-rollout/lambda-rollout/internal/awsfacts"
)

// Check reports, without a file or a call, what Open, Assume and the first call
// would refuse in the inputs and the environment: the names of Regions, explicit
// credentials, the ARN and duration of the role.
func Check(opts Options) error {
	if opts.LookupEnv == nil {
		opts.LookupEnv = func(string) (string, bool) { return "", false }
	}
	s := &Session{asking: make(chan struct{}, 1), opts: opts}
	_, noRegion := s.findRegion(config.SharedConfig{})
	wrong := []error{checkInputs(&s.opts), noRegion}
	if opts.Role != nil {
		role := *opts.Role
		role.ARN = strings.TrimSpace(role.ARN)
		wrong = append(wrong, role.check())
	}
	return errors.Join(wrong...)
}

// checkInputs trims explicit credentials and refuses what cannot be some.
func checkInputs(opts *Options) error {
	var wrong [3]error
	opts.AccessKeyID, wrong[0] = cleanSecret("aws-access-key-id", opts.AccessKeyID)
	opts.SecretAccessKey, wrong[1] = cleanSecret("aws-secret-access-key", opts.SecretAccessKey)
	opts.SessionToken, wrong[2] = cleanSecret("aws-session-token", opts.SessionToken)
	if err := errors.Join(wrong[:]...); err != nil {
		return err
	}
	id, secret := opts.AccessKeyID != "", opts.SecretAccessKey != ""
	// Half a pair would otherwise be skipped silently for what the chain finds.
	switch {
	case id && !secret:
		return errors.New("aws-access-key-id is set, but aws-secret-access-key is empty")
	case secret && !id:
		return errors.New("aws-secret-access-key is set, but aws-access-key-id is empty")
	case opts.SessionToken != "" && !id:
		return errors.New("aws-session-token is set, but aws-access-key-id is empty")
	}
	return nil
}

// cleanSecret trims the white space around a credential, which often comes with a
// secret that was pasted or read from a file. White space inside is an error: such
// a value cannot be sent in a header. Quotes around it were pasted with it: no
// credential has them.
func cleanSecret(name, value string) (string, error) {
	clean := strings.TrimSpace(value)
	if strings.ContainsFunc(clean, func(c rune) bool { return c <= ' ' || c >= 0x7f || c == '"' || c == '\'' }) {
		return "", MalformedCredentials{Name: name}
	}
	return clean, nil
}

// load builds the configuration that all services share.
func (s *Session) load(ctx context.Context) error {
	profile, err := s.readProfile(ctx)
	if missing, is := errors.AsType[config.SharedConfigProfileNotExistError](err); is {
		return fmt.Errorf("the AWS configuration files have no profile %q, which AWS_PROFILE names", missing.Profile)
	}
	if err != nil {
		return fmt.Errorf("read the AWS settings: %w", err)
	}
	region, err := s.findRegion(profile)
	if err != nil {
		return err
	}
	client, err := s.client(profile)
	if err != nil {
		return err
	}
	if s.opts.Wrap != nil {
		client = s.opts.Wrap(client)
	}
	s.endpoints = s.findEndpoints(profile)
	if err := s.endpoints.check(); err != nil {
		return err
	}
	s.base = aws.Config{
		Region:                      region,
		HTTPClient:                  &transport{next: client},
		Retryer:                     s.opts.readRetryer,
		APIOptions:                  apiOptions(s.opts),
		ServiceOptions:              []func(string, any){s.endpoints.apply},
		ConfigSources:               []any{variants{s.env, profile}},
		Logger:                      logging.Nop{}, // what it would warn of comes back as an error
		AppID:                       cmp.Or(s.env("AWS_SDK_UA_APP_ID"), profile.AppID),
		AccountIDEndpointMode:       aws.AccountIDEndpointModePreferred,
		RequestMinCompressSizeBytes: 10240, // the SDK's default
		RequestChecksumCalculation:  aws.RequestChecksumCalculationWhenSupported,
		ResponseChecksumValidation:  aws.ResponseChecksumValidationWhenSupported,
	}
	if s.onlyRequired("AWS_REQUEST_CHECKSUM_CALCULATION", profile.RequestChecksumCalculation == aws.RequestChecksumCalculationWhenRequired) {
		s.base.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
	}
	if s.onlyRequired("AWS_RESPONSE_CHECKSUM_VALIDATION", profile.ResponseChecksumValidation == aws.ResponseChecksumValidationWhenRequired) {
		s.base.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired
	}
	s.base.Credentials = aws.NewCredentialsCache(s.findCredentials(profile), expiryWindow)
	return nil
}

// onlyRequired reports whether checksums are wanted only where S3 requires them, by
// the environment, else by the profile: some stores that speak S3's protocol know
// none.
func (s *Session) onlyRequired(variable string, inProfile bool) bool {
	if value := s.env(variable); value != "" {
		return strings.EqualFold(value, "when_required")
	}
	return inProfile
}

// env is a variable without white space at its ends, which no setting of AWS
// means.
func (s *Session) env(name string) string {
	value, _ := s.opts.LookupEnv(name)
	return strings.TrimSpace(value)
}

// readProfile reads the settings files. A default profile need not exist; one
// that is named must.
func (s *Session) readProfile(ctx context.Context) (config.SharedConfig, error) {
	name := cmp.Or(s.env("AWS_PROFILE"), s.env("AWS_DEFAULT_PROFILE"))
	profile, err := config.LoadSharedConfigProfile(ctx, cmp.Or(name, config.DefaultSharedConfigProfile), func(o *config.LoadSharedConfigOptions) {
		o.Logger = logging.Nop{}
		o.ConfigFiles = s.settingsFile("AWS_CONFIG_FILE", "config")
		o.CredentialsFiles = s.settingsFile("AWS_SHARED_CREDENTIALS_FILE", "credentials")
	})
	if name == "" && isType[config.SharedConfigProfileNotExistError](err) {
		return config.SharedConfig{}, nil
	}
	return profile, err
}

// settingsFile is the file that a variable names, else the one in the home
// folder (https://docs.aws.amazon.com/sdkref/latest/guide/file-location.html).
func (s *Session) settingsFile(variable, name string) []string {
	switch file := s.env(variable); {
	case file != "":
		return []string{file}
	case s.home() != "":
		return []string{filepath.Join(s.home(), ".aws", name)}
	}
	// Not nil, for which the SDK would look by itself.
	return []string{}
}

func (s *Session) home() string {
	if runtime.GOOS == "windows" {
		return s.env("USERPROFILE")
	}
	return s.env("HOME")
}

func isType[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

// findRegion is the Region of the inputs, the environment or the profile; empty
// where nothing names one.
func (s *Session) findRegion(profile config.SharedConfig) (string, error) {
	for _, from := range []struct{ name, value string }{
		{"aws-region", strings.TrimSpace(s.opts.Region)},
		{"AWS_REGION", s.env("AWS_REGION")},
		{"AWS_DEFAULT_REGION", s.env("AWS_DEFAULT_REGION")},
		{"region of the profile " + profile.Profile, strings.TrimSpace(profile.Region)},
	} {
		if from.value == "" {
			continue
		}
		if err := awsfacts.CheckRegion(from.value); err != nil {
			return "", fmt.Errorf("%s: %w", from.name, err)
		}
		return from.value, nil
	}
	return "", nil
}

// RegionOfEnvironment is the Region that the environment's variables name, as far as
// it is known without files; "" where they name none or what is none.
func RegionOfEnvironment(lookupEnv func(string) (string, bool)) string {
	s := &Session{opts: Options{LookupEnv: lookupEnv}}
	region, _ := s.findRegion(config.SharedConfig{}) // Check says what is wrong with it
	return region
}

// idleConnections, to one host, are kept for as many Targets as run at once.
const idleConnections = 16

// client is one pool of connections for all clients of the Session: each client
// would make its own, and each pool pays for its own TLS handshakes. It trusts
// AWS_CA_BUNDLE.
func (s *Session) client(profile config.SharedConfig) (aws.HTTPClient, error) {
	if s.opts.HTTPClient != nil {
		return s.opts.HTTPClient, nil
	}
	var trusted *x509.CertPool
	if bundle := cmp.Or(s.env("AWS_CA_BUNDLE"), profile.CustomCABundle); bundle != "" {
		var err error
		if trusted, err = s.opts.Limits.certificates(bundle); err != nil {
			return nil, err
		}
	}
	return awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
		t.MaxIdleConnsPerHost = idleConnections
		t.OnProxyConnectResponse = tunnelRefused
		if trusted != nil {
			if t.TLSClientConfig == nil {
				t.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
			}
			t.TLSClientConfig.RootCAs = trusted
		}
	}).Freeze(), nil
}

// apiOptions are the middlewares of every client.
func apiOptions(opts Options) []func(*middleware.Stack) error {
	return []func(*middleware.Stack) error{
		addUserAgent(opts),
		addTrace(opts.Trace),
		addCallTimeout(opts),
		addRefusals,
	}
}
