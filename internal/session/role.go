package session

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"
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
	// Chaining uses the credentials at hand although an OIDC token is there.
	Chaining bool
	// Audience of the OIDC token; empty means sts.amazonaws.com.
	Audience string
}

const (
	// The limits of the STS API: AssumeRole, DurationSeconds; a role that
	// assumes a role is held to an hour whatever the second role allows.
	minDuration   = 15 * time.Minute
	maxDuration   = 12 * time.Hour
	chainDuration = time.Hour

	defaultAudience    = "sts.amazonaws.com"
	defaultSessionName = "lambda-rollout"
)

// roleARN is the shape of a role's ARN in every partition.
var roleARN = regexp.MustCompile(`^arn:aws[a-zA-Z-]*:iam::\d{12}:role/[\w+=,.@/-]+$`)

// check refuses what STS would refuse, in words that name the input.
func (r Role) check() error {
	switch {
	case !roleARN.MatchString(r.ARN):
		return fmt.Errorf("role %q is not the ARN of a role: it looks like arn:aws:iam::123456789012:role/name", r.ARN)
	case r.Duration != 0 && (r.Duration < minDuration || r.Duration > maxDuration):
		return fmt.Errorf("role-duration-seconds %d is out of range: 900 (15 minutes) to 43200 (12 hours)", int(r.Duration.Seconds()))
	case r.Chaining && r.Duration > chainDuration:
		return fmt.Errorf("role-duration-seconds %d is too long with role-chaining: AWS gives a role that was assumed by another role at most 3600", int(r.Duration.Seconds()))
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
	if len(name) < 2 {
		return defaultSessionName
	}
	return name[:min(len(name), 64)]
}

// Assume gives a Session that works as the role: by the job's OIDC token where
// there is one and this Session has no role or explicit keys of its own, else
// by this Session's credentials. It makes no call yet.
func (s *Session) Assume(role Role) (*Session, error) {
	if err := role.check(); err != nil {
		return nil, err
	}
	role.SessionName = SessionName(role.SessionName)
	role.Audience = cmp.Or(role.Audience, defaultAudience)
	p := &roleProvider{from: s, role: role}
	if s.role == nil && s.opts.AccessKeyID == "" && !role.Chaining && s.tokens != nil {
		p.tokens = s.tokens
	}
	out := &Session{opts: s.opts, base: s.base.Copy(), tokens: s.tokens, role: &role}
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
	// tokens is nil where the role is assumed by credentials.
	tokens TokenSource
}

// Retrieve assumes the role.
func (p *roleProvider) Retrieve(ctx context.Context) (aws.Credentials, error) {
	if _, err := p.from.Region(); err != nil {
		return aws.Credentials{}, err
	}
	assume := p.byCredentials
	if p.tokens != nil {
		assume = p.byToken
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
		return aws.Int32(int32(chainDuration.Seconds()))
	}
	return aws.Int32(int32(p.role.Duration.Seconds()))
}

func (p *roleProvider) byToken(ctx context.Context) (*types.Credentials, *types.AssumedRoleUser, error) {
	const action = "sts:AssumeRoleWithWebIdentity"
	token, err := p.tokens.Token(ctx, p.role.Audience)
	if err != nil {
		return nil, nil, NoIDToken{Role: p.role.ARN, Err: err}
	}
	p.from.opts.Mask("OIDC token", token)
	out, err := p.client().AssumeRoleWithWebIdentity(ctx, &sts.AssumeRoleWithWebIdentityInput{
		RoleArn:          &p.role.ARN,
		RoleSessionName:  &p.role.SessionName,
		DurationSeconds:  p.seconds(),
		WebIdentityToken: &token,
	}, func(o *sts.Options) {
		o.Retryer = retry.AddWithMaxAttempts(retry.AddWithErrorCodes(o.Retryer, "IDPCommunicationError"), tokenTries)
	})
	if err == nil && out.Credentials == nil {
		err = errors.New("the answer holds no credentials")
	}
	if err != nil {
		return nil, nil, AssumeRefused{Role: p.role.ARN, Action: action, Audience: p.role.Audience, Err: err}
	}
	return out.Credentials, out.AssumedRoleUser, nil
}

func (p *roleProvider) byCredentials(ctx context.Context) (*types.Credentials, *types.AssumedRoleUser, error) {
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

// refused keeps apart credentials that are missing, or ended, from a role that
// says no.
func (p *roleProvider) refused(err error) error {
	if known := credentialsError(err); known != nil {
		if _, missing := errors.AsType[NoCredentials](known); missing && p.from.env("GITHUB_ACTIONS") == "true" && !p.role.Chaining {
			return NoIDToken{Role: p.role.ARN, Err: errors.New("the job has no OIDC endpoint, and there are no other credentials")}
		}
		return known
	}
	return AssumeRefused{Role: p.role.ARN, Action: "sts:AssumeRole", Err: err}
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
