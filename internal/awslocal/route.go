package awslocal

import (
	"net/http"
	"strings"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/api"
	"github.com/lambda-rollout/lambda-rollout/internal/lazyregexp"
)

// defaultRegion is where a request belongs that names no Region.
const defaultRegion = "us-east-1"

// scope is the part of a SigV4 signature that says who asks for what, where:
// AKID/20060102/REGION/SERVICE/aws4_request.
type scope struct{ key, region, service string }

// scopeOf reads the scope of a signed request or a presigned URL.
func scopeOf(r *http.Request) (scope, bool) {
	credential := r.URL.Query().Get("X-Amz-Credential")
	if _, rest, ok := strings.Cut(r.Header.Get("Authorization"), "Credential="); ok {
		credential, _, _ = strings.Cut(rest, ",")
	}
	parts := strings.Split(strings.TrimSpace(credential), "/")
	if len(parts) < 5 {
		return scope{}, false
	}
	// An access key may hold slashes; what follows it may not.
	n := len(parts)
	return scope{key: strings.Join(parts[:n-4], "/"), region: parts[n-3], service: parts[n-2]}, true
}

var twelveDigits = lazyregexp.New(`^\d{12}$`)

// identify finds which service a request is for and who makes it. A key of
// twelve digits is the account itself; one that STS handed out has its own.
func (s *Server) identify(r *http.Request) (service string, c api.Caller) {
	at, signed := scopeOf(r)
	if !signed {
		at.service = guessService(r)
	}
	if at.region == "" {
		at.region = defaultRegion
	}
	c = api.Caller{Account: s.options.Account, Region: at.region, AccessKeyID: at.key}
	if twelveDigits.MatchString(at.key) {
		c.Account = at.key
	}
	c.PrincipalARN = "arn:" + api.Partition(c.Region) + ":iam::" + c.Account + ":root"
	if account, arn, ok := s.sts.Principal(at.key); ok {
		c.Account, c.PrincipalARN = account, arn
	}
	return at.service, c
}

var lambdaPath = lazyregexp.New(`^/20\d\d-\d\d-\d\d/(functions|layers|tags|account-settings|event-source-mappings|code-signing-configs|capacity-providers|durable)`)

// guessService reads an unsigned request's service from its shape:
// AssumeRoleWithWebIdentity, an image's manifest, a public object.
func guessService(r *http.Request) string {
	switch {
	case lambdaPath.MatchString(r.URL.Path):
		return "lambda"
	case strings.Contains(r.Header.Get("X-Amz-Target"), "ContainerRegistry"):
		return "ecr"
	case r.Method == http.MethodPost && r.URL.Path == "/" &&
		strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded"):
		return "sts"
	}
	return "s3"
}
