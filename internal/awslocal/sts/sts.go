// Package sts is the embedded AWS Security Token Service: the caller's identity,
// and sessions of roles that end by the server's clock.
//
// IAM decides about roles (iam.Service.Trust): the trust policy and the longest
// session of a role that was created count. Web identity tokens are read, never
// verified: their claims are kept for tests. No secret is ever compared.
//
// Rules are those of the AWS Security Token Service API Reference.
package sts

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/api"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/awsquery"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/store"
	"github.com/lambda-rollout/lambda-rollout/internal/lazyregexp"
)

const (
	xmlns         = "https://sts.amazonaws.com/doc/2011-06-15/"
	sessionPrefix = "sts/session/"
	// maxSessions bounds the sessions kept; above it the one that ends first is
	// forgotten.
	maxSessions = 10000
	// maxIdentities bounds the web identities kept for tests.
	maxIdentities = 100
)

// Roles is what STS asks of IAM.
type Roles interface {
	// Trust reports whether caller may assume the role by action, with the
	// condition keys of the request; message is IAM's refusal, "" for yes.
	// longest is the role's longest session, 0 for a role that IAM does not
	// know.
	Trust(caller api.Caller, action, roleARN string, keys map[string][]string) (longest time.Duration, message string)
}

// Session is what an access key of STS represents.
type Session struct {
	AccessKeyID  string
	SecretKey    string
	Token        string
	Account      string
	PrincipalARN string // arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION
	RoleARN      string
	UserID       string // ROLE-ID:SESSION
	Expires      time.Time
	Tags         map[string]string `json:",omitempty"`
	WebIdentity  *WebIdentity      `json:",omitempty"`
}

// Service answers STS's requests. Its methods may be called side by side.
type Service struct {
	store *store.Store
	now   api.Clock
	roles Roles

	mu         sync.RWMutex
	sessions   map[string]*Session
	identities []WebIdentity
}

// New serves the sessions that st holds; roles may be nil. Errors: a document
// that cannot be read.
func New(st *store.Store, now api.Clock, roles Roles) (*Service, error) {
	s := &Service{store: st, now: now, roles: roles, sessions: map[string]*Session{}}
	for _, key := range st.Keys(sessionPrefix) {
		var session Session
		if _, err := st.Get(key, &session); err != nil {
			return nil, fmt.Errorf("load sessions: %w", err)
		}
		s.sessions[session.AccessKeyID] = &session
	}
	return s, nil
}

// Operation names the API call that r makes.
func (s *Service) Operation(r *http.Request) string { return awsquery.Operation(r) }

// ServeHTTP answers one STS request.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	awsquery.Operations{
		"GetCallerIdentity":         s.getCallerIdentity,
		"AssumeRole":                s.assumeRole,
		"AssumeRoleWithWebIdentity": s.assumeRoleWithWebIdentity,
	}.Handle(w, r, xmlns)
}

// WriteError writes an error that the server has found before STS was asked.
func (s *Service) WriteError(w http.ResponseWriter, _ *http.Request, e *api.Error) {
	awsquery.WriteError(w, xmlns, e)
}

// Session is the session of an access key, ended or not; false for a key that
// STS did not hand out.
func (s *Service) Session(accessKeyID string) (Session, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if session := s.sessions[accessKeyID]; session != nil {
		return *session, true
	}
	return Session{}, false
}

// Principal is the owner of an access key that STS handed out.
func (s *Service) Principal(accessKeyID string) (account, arn string, ok bool) {
	session, ok := s.Session(accessKeyID)
	return session.Account, session.PrincipalARN, ok
}

// Expired tells an access key whose session has ended. The service that is
// called refuses it: ExpiredToken in the query protocol and S3,
// ExpiredTokenException elsewhere ("Common errors" of each service).
func (s *Service) Expired(accessKeyID string) bool {
	session, ok := s.Session(accessKeyID)
	return ok && !s.now().Before(session.Expires)
}

// getCallerIdentity rests on "GetCallerIdentity": it needs no permission.
func (s *Service) getCallerIdentity(r *http.Request) (any, *api.Error) {
	type result struct{ Arn, UserId, Account string }
	c := api.From(r.Context())
	if c.AccessKeyID == "" {
		return nil, api.NewError(http.StatusForbidden, "MissingAuthenticationToken", "Request is missing Authentication Token")
	}
	id := c.Account
	if session, ok := s.Session(c.AccessKeyID); ok {
		id = session.UserID
	}
	return result{Arn: c.PrincipalARN, UserId: id, Account: c.Account}, nil
}

// Forms of "AssumeRole".
var (
	roleARN     = lazyregexp.New(`^arn:(aws[a-zA-Z-]*):iam::(\d{12}):role/([\x21-\x7e]*/)?([\w+=,.@-]{1,64})$`)
	sessionName = lazyregexp.New(`^[\w+=,.@-]{2,64}$`)
	externalID  = lazyregexp.New(`^[\w+=,.@:/-]{2,}$`)
)

// request is what both ways to assume a role have in common.
type request struct {
	role, name string
	duration   time.Duration
	tags       map[string]string
}

func read(r *http.Request) (request, *api.Error) {
	req := request{role: r.Form.Get("RoleArn"), name: r.Form.Get("RoleSessionName"), tags: map[string]string{}}
	switch {
	case len(req.role) < 20:
		return req, awsquery.Invalid(req.role, "RoleArn", "Member must have length greater than or equal to 20")
	case !roleARN.MatchString(req.role):
		return req, api.NewError(http.StatusBadRequest, "ValidationError", req.role+" is invalid")
	case !sessionName.MatchString(req.name):
		return req, awsquery.Invalid(
			req.name,
			"RoleSessionName",
			`Member must satisfy regular expression pattern: [\w+=,.@-]*, and have length between 2 and 64`,
		)
	}
	seconds, err := awsquery.Int(r.Form, "DurationSeconds", 3600, 900, 43200)
	req.duration = time.Duration(seconds) * time.Second
	for _, tag := range awsquery.Structs(r.Form, "Tags") {
		req.tags[tag.Get("Key")] = tag.Get("Value")
	}
	if err == nil && len(req.tags) > 50 {
		err = awsquery.Invalid("tags", "Tags", "Member must have length less than or equal to 50")
	}
	return req, err
}

// assumeRole rests on "AssumeRole" and, for the hour that a session's own
// session may last, on "Roles terms and concepts: role chaining".
func (s *Service) assumeRole(r *http.Request) (any, *api.Error) {
	req, err := read(r)
	if err != nil {
		return nil, err
	}
	caller := api.From(r.Context())
	if caller.AccessKeyID == "" {
		return nil, api.NewError(http.StatusForbidden, "MissingAuthenticationToken", "Request is missing Authentication Token")
	}
	keys := map[string][]string{"sts:RoleSessionName": {req.name}}
	if id := r.Form.Get("ExternalId"); r.Form.Has("ExternalId") {
		if !externalID.MatchString(id) || len(id) > 1224 {
			return nil, awsquery.Invalid(id, "ExternalId", `Member must satisfy regular expression pattern: [\w+=,.@:\/-]*`)
		}
		keys["sts:ExternalId"] = []string{id}
	}
	for key, value := range req.tags {
		keys["aws:RequestTag/"+key] = []string{value}
	}
	if _, chained := s.Session(caller.AccessKeyID); chained && req.duration > time.Hour {
		return nil, api.NewError(
			http.StatusBadRequest,
			"ValidationError",
			"The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining",
		)
	}
	if err := s.trust(caller, "sts:AssumeRole", req, keys); err != nil {
		return nil, err
	}
	session, err := s.issue(req, nil)
	if err != nil {
		return nil, err
	}
	api.RecordOf(r.Context()).Resource = req.role
	return assumed(session), nil
}

func (s *Service) trust(caller api.Caller, action string, req request, keys map[string][]string) *api.Error {
	if s.roles == nil {
		return nil
	}
	longest, message := s.roles.Trust(caller, action, req.role, keys)
	if message != "" {
		return api.NewError(http.StatusForbidden, "AccessDenied", message)
	}
	if longest > 0 && req.duration > longest {
		return api.NewError(
			http.StatusBadRequest,
			"ValidationError",
			"The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
		)
	}
	return nil
}

// issue makes and keeps the credentials of a session.
func (s *Service) issue(req request, identity *WebIdentity) (*Session, *api.Error) {
	m := roleARN.FindStringSubmatch(req.role)
	partition, account, role := m[1], m[2], m[4]
	session := &Session{
		AccessKeyID:  "ASIA" + rand.Text()[:16],
		SecretKey:    (rand.Text() + rand.Text())[:40],
		Token:        strings.Repeat(rand.Text(), 8),
		Account:      account,
		PrincipalARN: "arn:" + partition + ":sts::" + account + ":assumed-role/" + role + "/" + req.name,
		RoleARN:      req.role,
		UserID:       RoleID(req.role) + ":" + req.name,
		Expires:      s.now().Add(req.duration).UTC().Truncate(time.Second),
		Tags:         req.tags,
		WebIdentity:  identity,
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.forgetEnded()
	if err == nil {
		err = s.store.Put(sessionPrefix+session.AccessKeyID, session)
	}
	if err != nil {
		return nil, api.NewError(http.StatusInternalServerError, "InternalFailure", err.Error())
	}
	s.sessions[session.AccessKeyID] = session
	return session, nil
}

// forgetEnded drops sessions that ended more than an hour ago (until then they
// are refused as expired, later as unknown), and the first to end where there
// are too many.
func (s *Service) forgetEnded() error {
	first := ""
	for id, session := range s.sessions {
		if session.Expires.Add(time.Hour).Before(s.now()) {
			if err := s.forget(id); err != nil {
				return err
			}
		} else if first == "" || session.Expires.Before(s.sessions[first].Expires) {
			first = id
		}
	}
	if len(s.sessions) >= maxSessions {
		return s.forget(first)
	}
	return nil
}

func (s *Service) forget(id string) error {
	delete(s.sessions, id)
	return s.store.Delete(sessionPrefix + id)
}

// RoleID is the unique id that a role has for IAM and STS alike; here it
// follows from the role's ARN.
func RoleID(arn string) string {
	sum := sha256.Sum256([]byte(arn))
	return "AROA" + base32.StdEncoding.EncodeToString(sum[:])[:17]
}

type issued struct {
	AccessKeyId, SecretAccessKey, SessionToken string
	Expiration                                 string
}

type assumedRoleUser struct{ Arn, AssumedRoleId string }

type assumeRoleResult struct {
	Credentials                 issued
	AssumedRoleUser             assumedRoleUser
	SubjectFromWebIdentityToken string `xml:",omitempty"`
	Audience                    string `xml:",omitempty"`
	Provider                    string `xml:",omitempty"`
	PackedPolicySize            int
}

func assumed(session *Session) assumeRoleResult {
	return assumeRoleResult{
		Credentials:      issued{session.AccessKeyID, session.SecretKey, session.Token, session.Expires.Format(time.RFC3339)},
		AssumedRoleUser:  assumedRoleUser{session.PrincipalARN, session.UserID},
		PackedPolicySize: 6,
	}
}
