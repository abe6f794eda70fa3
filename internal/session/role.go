package session

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"

	"github.com/lambda-rollout/lambda-rollout/internal/awsfacts"
	"github.com/lambda-rollout/lambda-rollout/internal/lazyregexp"
)

// Role is a role to assume and how.
type Role struct {
	// ARN names the role.
	ARN string
	// SessionName appears in CloudTrail; it is made legal by SessionName.
	SessionName string
	// Duration of the credentials, 15 minutes to 12 hours; 0 means an hour.
	Duration time.Duration
	// ExternalID is what a role of another company may ask for.
	ExternalID string
	// Chaining uses the current credentials although the job has an OIDC token.
	Chaining bool
	// Audience of the OIDC token; empty means sts.amazonaws.com.
	Audience string
}

const (
	defaultAudience    = "sts.amazonaws.com"
	defaultSessionName = "lambda-rollout"
)

// roleARN is the shape of a role's ARN in every partition.
var roleARN = lazyregexp.New(`^arn:aws[a-zA-Z-]*:iam::\d{12}:role/[\w+=,.@/-]+$`)

// check refuses what STS would refuse, in words that name the input.
func (r Role) check() error {
	switch {
	case !roleARN.MatchString(r.ARN):
		return fmt.Errorf("role %q is not the ARN of a role: it looks like arn:aws:iam::123456789012:role/name", r.ARN)
	case r.Duration != 0 && (r.Duration < awsfacts.MinRoleSession || r.Duration > awsfacts.MaxRoleSession):
		return fmt.Errorf("role-duration-seconds %d is out of range: 900 (15 minutes) to 43200 (12 hours)", int(r.Duration.Seconds()))
	case r.Chaining && r.Duration > awsfacts.MaxChainedSession:
		return fmt.Errorf("role-duration-seconds %d is too long with role-chaining: a role that is assumed by another role gets at most 3600", int(r.Duration.Seconds()))
	}
	return nil
}

// SessionName makes a legal role session name out of its parts (2 to 64 of
// [\w+=,.@-], https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html):
// joined by hyphens, every other character a hyphen, cut at 64.
func SessionName(parts ...string) string {
	name := strings.Map(func(c rune) rune {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', strings.ContainsRune("_+=,.@-", c):
			return c
		}
		return '-'
	}, strings.Join(parts, "-"))
	if len(name) < awsfacts.MinSessionNameSize {
		return defaultSessionName
	}
	return name[:min(len(name), awsfacts.MaxSessionNameSize)]
}

// Assume returns a Session that works as the role: by the job's OIDC token where
// there is one and this Session has no role or explicit keys of its own, else
// by this Session's credentials. It makes no call yet.
func (s *Session) Assume(role Role) (*Session, error) {
	role.ARN = strings.TrimSpace(role.ARN)
	if err := role.check(); err != nil {
		return nil, err
	}
	role.SessionName = SessionName(role.SessionName)
	role.Audience = cmp.Or(role.Audience, defaultAudience)
	p := &roleProvider{from: s, role: role}
	p.byToken = s.role == nil && s.opts.AccessKeyID == "" && !role.Chaining && s.tokens != nil
	out := &Session{asking: make(chan struct{}, 1), opts: s.opts, base: s.base.Copy(), tokens: s.tokens, role: &role, endpoints: s.endpoints}
	p.into = out
	out.base.Credentials = aws.NewCredentialsCache(p, expiryWindow)
	return out, nil
}

// expiryWindow renews credentials a minute before they end, so that no call
// goes out with a key that dies on the way.
func expiryWindow(o *aws.CredentialsCacheOptions) { o.ExpiryWindow = time.Minute }

// roleProvider assumes a role each time it is asked; the cache around it asks
// when credentials run out.
type roleProvider struct {
	from, into *Session
	role       Role
	// byToken is false where the role is assumed by credentials.
	byToken bool
}

// Retrieve assumes the role.
func (p *roleProvider) Retrieve(ctx context.Context) (aws.Credentials, error) {
	if _, err := p.from.Region(); err != nil {
		return aws.Credentials{}, err
	}
	assume := p.assumeByCredentials
	if p.byToken {
		assume = p.assumeByToken
	}
	got, user, err := assume(ctx)
	if err != nil {
		return aws.Credentials{}, err
	}
	creds := aws.Credentials{
		AccessKeyID:     aws.ToString(got.AccessKeyId),
		SecretAccessKey: aws.ToString(got.SecretAccessKey),
		SessionToken:    aws.ToString(got.SessionToken),
		Source:          "role " + p.role.ARN,
		CanExpire:       true,
		Expires:         aws.ToTime(got.Expiration),
		AccountID:       accountOf(p.role.ARN),
	}
	p.into.mask(creds)
	if user != nil {
		p.into.keep(aws.ToString(user.Arn), aws.ToString(user.AssumedRoleId))
	}
	return creds, nil
}

func (p *roleProvider) seconds() *int32 {
	if p.role.Duration == 0 {
		return aws.Int32(int32(awsfacts.MaxChainedSession.Seconds()))
	}
	return aws.Int32(int32(p.role.Duration.Seconds()))
}

func (p *roleProvider) assumeByToken(ctx context.Context) (*types.Credentials, *types.AssumedRoleUser, error) {
	const action = "sts:AssumeRoleWithWebIdentity"
	token, err := p.from.mint(ctx, p.role.Audience)
	if err != nil {
		if shared := Cause(err); shared != nil {
			return nil, nil, shared
		}
		return nil, nil, NoIDToken{Role: p.role.ARN, Err: err}
	}
	out, err := p.client().AssumeRoleWithWebIdentity(ctx, &sts.AssumeRoleWithWebIdentityInput{
		RoleArn:          &p.role.ARN,
		RoleSessionName:  &p.role.SessionName,
		DurationSeconds:  p.seconds(),
		WebIdentityToken: &token,
	}, func(o *sts.Options) {
		o.Retryer = unreachableProvider{retry.AddWithMaxAttempts(o.Retryer, tokenTries)}
	})
	if err == nil && out.Credentials == nil {
		err = errors.New("the answer holds no credentials")
	}
	if err != nil {
		return nil, nil, p.refusedToken(action, token, err)
	}
	return out.Credentials, out.AssumedRoleUser, nil
}

// unreachableProvider tries again, too, when STS could not reach the provider of
// the token, as STS asks for
// (https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html).
type unreachableProvider struct{ aws.Retryer }

func (r unreachableProvider) IsErrorRetryable(err error) bool {
	return errorCode(err) == "IDPCommunicationError" || strings.Contains(errorMessage(err), noVerificationKey) || r.Retryer.IsErrorRetryable(err)
}

func (p *roleProvider) assumeByCredentials(ctx context.Context) (*types.Credentials, *types.AssumedRoleUser, error) {
	in := &sts.AssumeRoleInput{
		RoleArn:         &p.role.ARN,
		RoleSessionName: &p.role.SessionName,
		DurationSeconds: p.seconds(),
	}
	if p.role.ExternalID != "" {
		in.ExternalId = &p.role.ExternalID
	}
	out, err := p.client().AssumeRole(ctx, in)
	if err == nil && out.Credentials == nil {
		err = errors.New("the answer holds no credentials")
	}
	if err != nil {
		return nil, nil, p.refused(err)
	}
	return out.Credentials, out.AssumedRoleUser, nil
}

// refused tells credentials that are missing, or have ended, from a role that
// says no.
func (p *roleProvider) refused(err error) error {
	if known := Cause(err); known != nil {
		if isType[NoCredentials](known) && p.from.env("GITHUB_ACTIONS") == "true" && !p.role.Chaining {
			return NoIDToken{Role: p.role.ARN, PullRequest: p.from.env("GITHUB_EVENT_NAME") == "pull_request", Err: noEndpoint{}}
		}
		return known
	}
	return AssumeRefused{Role: p.role.ARN, Action: "sts:AssumeRole", Seconds: int(*p.seconds()), Err: err}
}

// refusedToken adds what the token says, which is what the role's trust policy
// was compared with.
func (p *roleProvider) refusedToken(action, token string, err error) error {
	var expired ExpiredCredentials
	var refused RefusedCredentials
	// Expired or refused is the token, not the credentials: the call is not signed.
	if known := Cause(err); known != nil && !errors.As(known, &expired) && !errors.As(known, &refused) {
		return known
	}
	claims, unread := ParseToken(token)
	if unread != nil || claims.Audience == "" {
		claims.Audience = p.role.Audience
	}
	return AssumeRefused{Role: p.role.ARN, Action: action, Token: claims, Seconds: int(*p.seconds()), Err: err}
}

func (p *roleProvider) client() *sts.Client { return sts.NewFromConfig(p.from.base) }

// accountOf is the account in an ARN, empty where it has none.
func accountOf(arn string) string {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) < 6 {
		return ""
	}
	return parts[4]
}
