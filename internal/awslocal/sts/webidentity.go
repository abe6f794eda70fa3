package sts

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/api"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/awsquery"
)

// WebIdentity is what a token said when a role was assumed with it.
type WebIdentity struct {
	Issuer   string
	Audience []string
	Subject  string
	RoleARN  string
	Expires  time.Time
}

// WebIdentities are the last identities that assumed a role, oldest first.
func (s *Service) WebIdentities() []WebIdentity {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.Clone(s.identities)
}

// assumeRoleWithWebIdentity rests on "AssumeRoleWithWebIdentity": the call is
// not signed, the token says who calls.
func (s *Service) assumeRoleWithWebIdentity(r *http.Request) (any, *api.Error) {
	req, err := read(r)
	if err != nil {
		return nil, err
	}
	identity, err := s.readToken(r.Form.Get("WebIdentityToken"))
	if err != nil {
		return nil, err
	}
	identity.RoleARN = req.role
	provider := strings.TrimPrefix(identity.Issuer, "https://")
	keys := map[string][]string{
		provider + ":aud":       identity.Audience,
		provider + ":sub":       {identity.Subject},
		"aws:FederatedProvider": {"arn:aws:iam::" + roleARN.FindStringSubmatch(req.role)[2] + ":oidc-provider/" + provider},
	}
	if err := s.trust(api.Caller{}, "sts:AssumeRoleWithWebIdentity", req, keys); err != nil {
		return nil, err
	}
	session, err := s.issue(req, &identity)
	if err != nil {
		return nil, err
	}
	s.remember(identity)
	api.RecordOf(r.Context()).Resource = req.role
	result := assumed(session)
	result.SubjectFromWebIdentityToken, result.Provider = identity.Subject, identity.Issuer
	result.Audience = identity.Audience[0]
	return result, nil
}

func (s *Service) remember(identity WebIdentity) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.identities) == maxIdentities {
		s.identities = slices.Delete(s.identities, 0, 1)
	}
	s.identities = append(s.identities, identity)
}

// audience is a string or a list of them (RFC 7519, section 4.1.3).
type audience []string

func (a *audience) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*a = audience{one}
		return nil
	}
	return json.Unmarshal(b, (*[]string)(a))
}

// readToken decodes a JSON Web Token without verifying it.
func (s *Service) readToken(token string) (WebIdentity, *api.Error) {
	if len(token) < 4 || len(token) > 20000 {
		return WebIdentity{}, awsquery.Invalid("***", "WebIdentityToken", "Member must have length between 4 and 20000")
	}
	var claims struct {
		Issuer   string   `json:"iss"`
		Audience audience `json:"aud"`
		Subject  string   `json:"sub"`
		Expires  float64  `json:"exp"`
		IssuedAt float64  `json:"iat"`
	}
	parts := strings.Split(token, ".")
	var payload []byte
	err := fmt.Errorf("%d parts", len(parts))
	if len(parts) == 3 {
		payload, err = base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[1], "="))
	}
	if err == nil {
		err = json.Unmarshal(payload, &claims)
	}
	invalid := func(message string) (WebIdentity, *api.Error) {
		return WebIdentity{}, api.NewError(http.StatusBadRequest, "InvalidIdentityToken", message)
	}
	switch {
	case err != nil:
		return invalid("The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)")
	case claims.Issuer == "" || claims.Subject == "" || len(claims.Audience) == 0 || claims.Expires == 0:
		return invalid("Missing a required claim: iss, sub, aud and exp must be there")
	}
	expires := time.Unix(int64(claims.Expires), 0).UTC()
	if now := s.now(); !now.Before(expires) {
		return WebIdentity{}, api.NewError(
			http.StatusBadRequest,
			"ExpiredTokenException",
			fmt.Sprintf("Token expired: current date/time %d must be before the expiration date/time %d", now.Unix(), expires.Unix()),
		)
	}
	return WebIdentity{Issuer: claims.Issuer, Audience: claims.Audience, Subject: claims.Subject, Expires: expires}, nil
}
