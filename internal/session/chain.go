package session

import (
	"cmp"
	"context"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/credentials/ec2rolecreds"
	"github.com/aws/aws-sdk-go-v2/credentials/endpointcreds"
	"github.com/aws/aws-sdk-go-v2/credentials/logincreds"
	"github.com/aws/aws-sdk-go-v2/credentials/processcreds"
	"github.com/aws/aws-sdk-go-v2/credentials/ssocreds"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
	"github.com/aws/aws-sdk-go-v2/service/signin"
	"github.com/aws/aws-sdk-go-v2/service/sso"
	"github.com/aws/aws-sdk-go-v2/service/ssooidc"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// findCredentials finds the source of the current credentials in the order of
// AWS's SDKs (https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html):
// the inputs, the environment, the profile, the container, the instance. The
// SDK's own chain would read the process environment, and would take AWS's
// endpoint for its calls to STS where the environment names another one.
func (s *Session) findCredentials(profile config.SharedConfig) *ambient {
	a := &ambient{session: s}
	var err error
	keys, partial := s.environmentKeys()
	switch file := s.env("AWS_WEB_IDENTITY_TOKEN_FILE"); {
	case s.opts.AccessKeyID != "":
		a.source = credentials.NewStaticCredentialsProvider(s.opts.AccessKeyID, s.opts.SecretAccessKey, s.opts.SessionToken)
	case keys.HasKeys() || partial != nil:
		a.source, err = credentials.StaticCredentialsProvider{Value: keys}, partial
	case file != "":
		a.source, err = s.webIdentity(file, s.env("AWS_ROLE_ARN"), s.env("AWS_ROLE_SESSION_NAME"))
	default:
		a.source, a.guess, err = s.ofProfile(profile)
	}
	if err != nil {
		a.source, a.guess = unusable{err}, false
	}
	if static, is := a.source.(credentials.StaticCredentialsProvider); is {
		s.mask(static.Value)
	}
	return a
}

// unusable is a source that is configured wrongly. It says so when credentials
// are needed: a role that is assumed by the job's token needs none.
type unusable struct{ err error }

func (u unusable) Retrieve(context.Context) (aws.Credentials, error) {
	return aws.Credentials{}, u.err
}

// environmentKeys are the keys in the environment. Half a pair is an error, as it
// is for the AWS CLI: other credentials than the expected ones would be used.
func (s *Session) environmentKeys() (aws.Credentials, error) {
	keys := aws.Credentials{Source: "the environment"}
	var wrong [3]error
	keys.AccessKeyID, wrong[0] = cleanSecret("AWS_ACCESS_KEY_ID", s.env("AWS_ACCESS_KEY_ID"))
	keys.SecretAccessKey, wrong[1] = cleanSecret("AWS_SECRET_ACCESS_KEY", s.env("AWS_SECRET_ACCESS_KEY"))
	keys.SessionToken, wrong[2] = cleanSecret("AWS_SESSION_TOKEN", s.env("AWS_SESSION_TOKEN"))
	if err := errors.Join(wrong[:]...); err != nil {
		return keys, err
	}
	switch {
	case keys.AccessKeyID != "" && keys.SecretAccessKey == "":
		return keys, errors.New("AWS_ACCESS_KEY_ID is set, but AWS_SECRET_ACCESS_KEY is not")
	case keys.AccessKeyID == "" && keys.SecretAccessKey != "":
		return keys, errors.New("AWS_SECRET_ACCESS_KEY is set, but AWS_ACCESS_KEY_ID is not")
	}
	return keys, nil
}

// ofProfile is what a profile says, its source profiles first; guess is true
// where nothing is configured and the instance's metadata service is asked.
func (s *Session) ofProfile(p config.SharedConfig) (provider aws.CredentialsProvider, guess bool, err error) {
	switch {
	case p.Source != nil:
		provider, _, err = s.ofProfile(*p.Source)
	case p.Credentials.HasKeys():
		provider = credentials.StaticCredentialsProvider{Value: p.Credentials}
	case p.CredentialSource != "":
		provider, err = s.ofSource(p.CredentialSource)
	case p.WebIdentityTokenFile != "":
		provider, err = s.webIdentity(p.WebIdentityTokenFile, p.RoleARN, p.RoleSessionName)
		return provider, false, err
	case p.SSOSession != nil || p.SSOStartURL != "":
		provider, err = s.singleSignOn(p)
	case p.LoginSession != "":
		provider, err = s.login(p)
	case p.CredentialProcess != "":
		provider = processcreds.NewProvider(p.CredentialProcess)
	case s.env("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") != "", s.env("AWS_CONTAINER_CREDENTIALS_FULL_URI") != "":
		provider, err = s.container()
	default:
		provider, guess = s.instance(), true
	}
	if err != nil || p.RoleARN == "" {
		return provider, guess, err
	}
	provider, err = s.assumeProfile(p, provider)
	return provider, false, err
}

// ofSource is credential_source of a profile.
func (s *Session) ofSource(name string) (aws.CredentialsProvider, error) {
	switch name {
	case "Environment":
		return credentials.NewStaticCredentialsProvider(s.env("AWS_ACCESS_KEY_ID"), s.env("AWS_SECRET_ACCESS_KEY"), s.env("AWS_SESSION_TOKEN")), nil
	case "Ec2InstanceMetadata":
		return s.instance(), nil
	case "EcsContainer":
		return s.container()
	}
	return nil, fmt.Errorf("credential_source %q of the profile is not one of Environment, Ec2InstanceMetadata, EcsContainer", name)
}

// with is the configuration under other credentials, for the calls that fetch
// the Session's own.
func (s *Session) with(provider aws.CredentialsProvider, region string) aws.Config {
	cfg := s.base.Copy()
	cfg.Credentials = provider
	cfg.Region = cmp.Or(region, cfg.Region)
	return cfg
}

func (s *Session) webIdentity(file, role, name string) (aws.CredentialsProvider, error) {
	if role == "" {
		return nil, errors.New("AWS_WEB_IDENTITY_TOKEN_FILE is set, but AWS_ROLE_ARN names no role")
	}
	client := sts.NewFromConfig(s.with(nil, ""))
	return stscreds.NewWebIdentityRoleProvider(client, role, stscreds.IdentityTokenFile(file), func(o *stscreds.WebIdentityRoleOptions) {
		o.RoleSessionName = name
	}), nil
}

func (s *Session) assumeProfile(p config.SharedConfig, from aws.CredentialsProvider) (aws.CredentialsProvider, error) {
	if p.MFASerial != "" {
		return nil, fmt.Errorf("profile %s asks for a code of the device %s (mfa_serial), which nobody can type here: "+
			"run with the credentials of `aws configure export-credentials --profile %s`", p.Profile, p.MFASerial, p.Profile)
	}
	client := sts.NewFromConfig(s.with(aws.NewCredentialsCache(from), ""))
	return stscreds.NewAssumeRoleProvider(client, p.RoleARN, func(o *stscreds.AssumeRoleOptions) {
		o.RoleSessionName = p.RoleSessionName
		if p.ExternalID != "" {
			o.ExternalID = &p.ExternalID
		}
		if p.RoleDurationSeconds != nil {
			o.Duration = *p.RoleDurationSeconds
		}
	}), nil
}

// singleSignOn takes the token that `aws sso login` left in its cache, which is
// named after the session, else after the start URL.
func (s *Session) singleSignOn(p config.SharedConfig) (aws.CredentialsProvider, error) {
	if p.SSOSession == nil {
		file := s.cachedToken("sso", sha1Name(p.SSOStartURL))
		return ssocreds.New(sso.NewFromConfig(s.with(nil, p.SSORegion)), p.SSOAccountID, p.SSORoleName, p.SSOStartURL, func(o *ssocreds.Options) {
			o.CachedTokenFilepath = file
		}), nil
	}
	cfg := s.with(nil, p.SSOSession.SSORegion)
	file := s.cachedToken("sso", sha1Name(p.SSOSession.Name))
	tokens := ssocreds.NewSSOTokenProvider(ssooidc.NewFromConfig(cfg), file)
	return ssocreds.New(sso.NewFromConfig(cfg), p.SSOAccountID, p.SSORoleName, p.SSOSession.SSOStartURL, func(o *ssocreds.Options) {
		o.SSOTokenProvider, o.CachedTokenFilepath = tokens, file
	}), nil
}

// cachedToken is a file in one of the AWS CLI's caches.
func (s *Session) cachedToken(cache, name string) string {
	return filepath.Join(s.home(), ".aws", cache, "cache", name)
}

// sha1Name is the AWS CLI's name for a cached token; SHA-1 secures nothing here.
func sha1Name(key string) string {
	sum := sha1.Sum([]byte(key))
	return hex.EncodeToString(sum[:]) + ".json"
}

// login takes the token that `aws login` left in its cache.
func (s *Session) login(p config.SharedConfig) (aws.CredentialsProvider, error) {
	folder := cmp.Or(s.env("AWS_LOGIN_CACHE_DIRECTORY"), s.cachedToken("login", ""))
	file, err := logincreds.StandardCachedTokenFilepath(p.LoginSession, folder)
	if err != nil {
		return nil, err
	}
	return logincreds.New(signin.NewFromConfig(s.with(nil, "")), file, func(o *logincreds.Options) {
		o.RestrictPermissions = s.env("AWS_RESTRICT_FILE_PERMISSIONS") != "unrestricted"
	}), nil
}

// instance asks EC2's metadata service. Nothing is left for the SDK to look up
// (https://docs.aws.amazon.com/sdkref/latest/guide/feature-imds-credentials.html).
func (s *Session) instance() aws.CredentialsProvider {
	client := imds.NewFromConfig(s.with(nil, ""), func(o *imds.Options) {
		usual := "http://169.254.169.254"
		if strings.EqualFold(s.env("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE"), "IPv6") {
			usual = "http://[fd00:ec2::254]"
		}
		o.Endpoint = cmp.Or(s.env("AWS_EC2_METADATA_SERVICE_ENDPOINT"), usual)
		o.ClientEnableState = imds.ClientEnabled
		if strings.EqualFold(s.env("AWS_EC2_METADATA_DISABLED"), "true") {
			o.ClientEnableState = imds.ClientDisabled
		}
	})
	return aws.NewCredentialsCache(ec2rolecreds.New(func(o *ec2rolecreds.Options) { o.Client = client }))
}

// containerHosts may be asked over plain HTTP, as loopback addresses may
// (https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html).
var containerHosts = []string{"169.254.170.2", "169.254.170.23", "fd00:ec2::23"}

// container asks the endpoint of ECS, of EKS, or of what acts as one.
func (s *Session) container() (aws.CredentialsProvider, error) {
	address := s.env("AWS_CONTAINER_CREDENTIALS_FULL_URI")
	if relative := s.env("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"); relative != "" {
		address = "http://" + containerHosts[0] + relative
	}
	if err := checkContainer(address); err != nil {
		return nil, err
	}
	provider := endpointcreds.New(address, func(o *endpointcreds.Options) {
		o.HTTPClient = s.base.HTTPClient
		o.APIOptions = s.base.APIOptions
		o.Retryer = s.opts.readRetryer()
		o.AuthorizationToken = s.env("AWS_CONTAINER_AUTHORIZATION_TOKEN")
		if file := s.env("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"); file != "" {
			o.AuthorizationTokenProvider = endpointcreds.TokenProviderFunc(func() (string, error) {
				token, err := os.ReadFile(file)
				return strings.TrimSpace(string(token)), err
			})
		}
	})
	return aws.NewCredentialsCache(provider, func(o *aws.CredentialsCacheOptions) { o.ExpiryWindow = 5 * time.Minute }), nil
}

func checkContainer(address string) error {
	parsed, err := url.Parse(address)
	if err != nil || parsed.Hostname() == "" {
		return fmt.Errorf("AWS_CONTAINER_CREDENTIALS_FULL_URI: %q is not an address; credential_source EcsContainer needs it, or AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", address)
	}
	host := parsed.Hostname()
	ip := net.ParseIP(host)
	if parsed.Scheme == "https" || host == "localhost" || ip.IsLoopback() || slices.Contains(containerHosts, host) {
		return nil
	}
	return fmt.Errorf("AWS_CONTAINER_CREDENTIALS_FULL_URI: %s is neither https, nor this machine, nor the address of ECS or EKS", host)
}
