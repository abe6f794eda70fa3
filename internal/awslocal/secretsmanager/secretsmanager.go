// Package secretsmanager is the embedded AWS Secrets Manager.
//
// It promises to answer CreateSecret, PutSecretValue, GetSecretValue,
// BatchGetSecretValue, DescribeSecret, UpdateSecretVersionStage and DeleteSecret as
// the AWS Secrets Manager API Reference says: versions with stages, text and binary
// values. It encrypts nothing: the state folder holds the values as they are. It
// rotates and replicates nothing, and a deleted secret is gone at once.
package secretsmanager

import (
	"context"
	"encoding/base64"
	"fmt"
	"hash/fnv"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/api"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/awsjson"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/store"
	"github.com/lambda-rollout/lambda-rollout/internal/lazyregexp"
)

const (
	prefix = "secretsmanager/"
	// maxValue is the size of a value in bytes ("AWS Secrets Manager quotas").
	maxValue = 65536
	maxBatch = 20 // "BatchGetSecretValue", SecretIdList

	current  = "AWSCURRENT"
	previous = "AWSPREVIOUS"
)

// Service keeps the secrets of every account and Region.
type Service struct {
	awsjson.Service
	store *store.Store
	now   api.Clock
	mu    sync.Mutex
}

// secret is one name with its versions by id. A version without a stage is
// forgotten with the next change, as AWS forgets it some time later.
type secret struct {
	Name        string
	Description string `json:",omitempty"`
	KMSKeyID    string `json:",omitempty"`
	Created     time.Time
	Changed     time.Time
	Versions    map[string]*version
}

type version struct {
	String  *string `json:",omitempty"`
	Binary  []byte  `json:",omitempty"`
	Created time.Time
	Stages  []string
}

// New serves the secrets that st holds.
func New(st *store.Store, now api.Clock) *Service {
	s := &Service{store: st, now: now}
	s.Service = awsjson.Service{
		Target: "secretsmanager.",
		Operations: map[string]awsjson.Operation{
			"CreateSecret":             awsjson.Op(s.createSecret),
			"PutSecretValue":           awsjson.Op(s.putSecretValue),
			"GetSecretValue":           awsjson.Op(s.getSecretValue),
			"BatchGetSecretValue":      awsjson.Op(s.batchGetSecretValue),
			"DescribeSecret":           awsjson.Op(s.describeSecret),
			"UpdateSecretVersionStage": awsjson.Op(s.updateSecretVersionStage),
			"DeleteSecret":             awsjson.Op(s.deleteSecret),
		},
		Changing: map[string]bool{"CreateSecret": true, "PutSecretValue": true, "UpdateSecretVersionStage": true, "DeleteSecret": true},
	}
	return s
}

// ARN is a secret's, with the six characters that Secrets Manager adds to its
// name; here they depend on the name alone.
func ARN(c api.Caller, name string) string {
	if strings.HasPrefix(name, "arn:") {
		return name
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(c.Account + c.Region + name)) // a hash takes everything
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	suffix, n := make([]byte, 6), h.Sum64()
	for i := range suffix {
		suffix[i] = letters[n%uint64(len(letters))]
		n /= uint64(len(letters))
	}
	return "arn:" + api.Partition(c.Region) + ":secretsmanager:" + c.Region + ":" + c.Account + ":secret:" + name + "-" + string(suffix)
}

func keyOf(c api.Caller, name string) string {
	return prefix + c.Account + "/" + c.Region + "/=" + name
}

func refusal(code, format string, args ...any) *api.Error {
	return api.NewError(http.StatusBadRequest, code, fmt.Sprintf(format, args...))
}

func notFound() *api.Error {
	return refusal("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
}

// find reads a secret by its name, its ARN, or its ARN without the suffix.
func (s *Service) find(c api.Caller, id string) (*secret, *api.Error) {
	name := id
	if _, after, ok := strings.Cut(id, ":secret:"); ok && strings.HasPrefix(id, "arn:") {
		name = after
		if n := strings.LastIndexByte(after, '-'); n >= 0 && ARN(c, after[:n]) == id {
			name = after[:n]
		}
	}
	var found secret
	ok, err := s.store.Get(keyOf(c, name), &found)
	switch {
	case err != nil:
		return nil, awsjson.Internal(err)
	case !ok:
		return nil, notFound()
	}
	return &found, nil
}

func (s *Service) save(c api.Caller, sec *secret) *api.Error {
	sec.Changed = s.now().UTC()
	maps.DeleteFunc(sec.Versions, func(_ string, v *version) bool { return len(v.Stages) == 0 })
	if err := s.store.Put(keyOf(c, sec.Name), sec); err != nil {
		return awsjson.Internal(err)
	}
	return nil
}

// move gives a stage to a version and takes it from the one that had it; the one
// that was AWSCURRENT becomes AWSPREVIOUS.
func (sec *secret) move(stage, id string) {
	had := sec.staged(stage)
	if had == id {
		return
	}
	for _, v := range sec.Versions {
		v.Stages = slices.DeleteFunc(v.Stages, func(s string) bool { return s == stage })
	}
	if v := sec.Versions[id]; v != nil {
		v.Stages = append(v.Stages, stage)
	}
	if stage == current && had != "" {
		sec.move(previous, had)
	}
}

// staged is the id of the version that has a stage, "" for none.
func (sec *secret) staged(stage string) string {
	for id, v := range sec.Versions {
		if slices.Contains(v.Stages, stage) {
			return id
		}
	}
	return ""
}

var namePattern = lazyregexp.New(`^[A-Za-z0-9/_+=.@-]{1,512}$`)

type createInput struct {
	Name, Description, KmsKeyId, ClientRequestToken string
	SecretString                                    *string
	SecretBinary                                    []byte
	ForceOverwriteReplicaSecret                     bool
}

type versionOutput struct {
	ARN, Name     string
	VersionId     string   `json:",omitempty"`
	VersionStages []string `json:",omitempty"`
}

// createSecret rests on "CreateSecret": a value is optional, and the same token
// with the same value is the same call.
func (s *Service) createSecret(ctx context.Context, in *createInput) (any, *api.Error) {
	c := api.From(ctx)
	if !namePattern.MatchString(in.Name) {
		return nil, refusal("ValidationException", "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	old, err := s.find(c, in.Name)
	if err != nil && err.Code != "ResourceNotFoundException" {
		return nil, err
	}
	if old != nil && (in.ClientRequestToken == "" || old.Versions[in.ClientRequestToken] == nil) {
		return nil, refusal("ResourceExistsException", "The operation failed because the secret %s already exists.", in.Name)
	}
	sec := old
	if sec == nil {
		sec = &secret{Name: in.Name, Description: in.Description, KMSKeyID: in.KmsKeyId, Created: s.now().UTC(), Versions: map[string]*version{}}
	}
	out := versionOutput{ARN: ARN(c, in.Name), Name: in.Name}
	if in.SecretString != nil || in.SecretBinary != nil {
		if out.VersionId, err = s.put(sec, in.ClientRequestToken, in.SecretString, in.SecretBinary, []string{current}); err != nil {
			return nil, err
		}
	}
	return out, s.save(c, sec)
}

// put adds a version, or finds the one that the same call made before.
func (s *Service) put(sec *secret, token string, text *string, binary []byte, stages []string) (string, *api.Error) {
	size := len(binary)
	if text != nil {
		size = len(*text)
	}
	switch {
	case text != nil && binary != nil:
		return "", refusal("InvalidParameterException", "You can't specify both SecretString and SecretBinary.")
	case text == nil && binary == nil:
		return "", refusal("InvalidRequestException", "You must provide either SecretString or SecretBinary.")
	case size > maxValue:
		return "", refusal("ValidationException", "1 validation error detected: Value at 'secretString' failed to satisfy constraint: Member must have length less than or equal to %d", maxValue)
	}
	if token == "" {
		token = api.NewID()
	}
	if old := sec.Versions[token]; old != nil {
		if (text == nil) != (old.String == nil) || text != nil && *text != *old.String || string(binary) != string(old.Binary) {
			return "", refusal("ResourceExistsException", "You provided a ClientRequestToken that is already in use by a version with another value.")
		}
		return token, nil
	}
	sec.Versions[token] = &version{String: text, Binary: binary, Created: s.now().UTC()}
	if sec.staged(current) == "" && !slices.Contains(stages, current) {
		stages = append(slices.Clone(stages), current) // the first version is always current
	}
	for _, stage := range stages {
		sec.move(stage, token)
	}
	return token, nil
}

type putInput struct {
	SecretId, ClientRequestToken string
	SecretString                 *string
	SecretBinary                 []byte
	VersionStages                []string
}

// putSecretValue rests on "PutSecretValue": the new version is AWSCURRENT unless
// VersionStages says otherwise.
func (s *Service) putSecretValue(ctx context.Context, in *putInput) (any, *api.Error) {
	c := api.From(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	sec, err := s.find(c, in.SecretId)
	if err != nil {
		return nil, err
	}
	stages := in.VersionStages
	if len(stages) == 0 {
		stages = []string{current}
	}
	id, err := s.put(sec, in.ClientRequestToken, in.SecretString, in.SecretBinary, stages)
	if err != nil {
		return nil, err
	}
	return versionOutput{ARN(c, sec.Name), sec.Name, id, sec.Versions[id].Stages}, s.save(c, sec)
}

type valueOutput struct {
	ARN, Name, VersionId string
	SecretString         *string `json:",omitempty"`
	SecretBinary         string  `json:",omitempty"` // base64
	VersionStages        []string
	CreatedDate          awsjson.Time
}

// value finds a version by id, by stage or by both, which must agree.
func (sec *secret) value(c api.Caller, id, stage string) (*valueOutput, *api.Error) {
	asked := "VersionId: " + id
	if id == "" {
		if stage == "" {
			stage = current
		}
		asked, id = "staging label: "+stage, sec.staged(stage)
	}
	v := sec.Versions[id]
	if v == nil {
		return nil, refusal("ResourceNotFoundException", "Secrets Manager can't find the specified secret value for %s", asked)
	}
	if stage != "" && !slices.Contains(v.Stages, stage) {
		return nil, refusal("InvalidRequestException", "You provided a VersionStage that is not associated to the provided VersionId.")
	}
	return &valueOutput{
		ARN: ARN(c, sec.Name), Name: sec.Name, VersionId: id, SecretString: v.String, SecretBinary: base64.StdEncoding.EncodeToString(v.Binary),
		VersionStages: v.Stages, CreatedDate: awsjson.Time{Time: v.Created},
	}, nil
}

// getSecretValue rests on "GetSecretValue".
func (s *Service) getSecretValue(ctx context.Context, in *struct{ SecretId, VersionId, VersionStage string }) (any, *api.Error) {
	c := api.From(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	sec, err := s.find(c, in.SecretId)
	if err != nil {
		return nil, err
	}
	out, err := sec.value(c, in.VersionId, in.VersionStage)
	if err != nil {
		return nil, err
	}
	return out, nil
}

type batchInput struct {
	SecretIdList []string
	Filters      []struct {
		Key    string
		Values []string
	}
	MaxResults *int
	NextToken  string
}

type batchError struct{ SecretId, ErrorCode, Message string }

// batchGetSecretValue rests on "BatchGetSecretValue": the current values of up to 20
// secrets, what failed apart; by filters on the name's beginning as well.
func (s *Service) batchGetSecretValue(ctx context.Context, in *batchInput) (any, *api.Error) {
	c := api.From(ctx)
	limit := maxBatch
	if in.MaxResults != nil {
		limit = *in.MaxResults
	}
	switch {
	case (len(in.SecretIdList) == 0) == (len(in.Filters) == 0):
		return nil, refusal("InvalidParameterException", "You must specify either SecretIdList or Filters, and not both.")
	case len(in.SecretIdList) > maxBatch:
		return nil, refusal("ValidationException", "1 validation error detected: Value at 'secretIdList' failed to satisfy constraint: Member must have length less than or equal to 20")
	case limit < 1 || limit > maxBatch:
		return nil, refusal("ValidationException", "1 validation error detected: Value '%d' at 'maxResults' failed to satisfy constraint: Member must have value less than or equal to 20", limit)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	ids, err := s.batchIDs(c, in)
	if err != nil {
		return nil, err
	}
	page, next, err := awsjson.Page(ids, in.NextToken, limit, refusal("InvalidNextTokenException", "Invalid NextToken provided."))
	if err != nil {
		return nil, err
	}
	out := struct {
		SecretValues []*valueOutput
		Errors       []batchError
		NextToken    string `json:",omitempty"`
	}{[]*valueOutput{}, []batchError{}, next}
	for _, id := range page {
		sec, err := s.find(c, id)
		var value *valueOutput
		if err == nil {
			value, err = sec.value(c, "", "")
		}
		if err != nil {
			out.Errors = append(out.Errors, batchError{id, err.Code, err.Message})
			continue
		}
		out.SecretValues = append(out.SecretValues, value)
	}
	return out, nil
}

// batchIDs are the names that a batch asks for.
func (s *Service) batchIDs(c api.Caller, in *batchInput) ([]string, *api.Error) {
	ids := in.SecretIdList
	if len(in.Filters) > 0 {
		for _, key := range s.store.Keys(keyOf(c, "")) {
			ids = append(ids, strings.TrimPrefix(key, keyOf(c, "")))
		}
	}
	for _, f := range in.Filters {
		if f.Key != "name" {
			return nil, refusal("InvalidParameterException", "The embedded AWS filters secrets by name alone, not by %s.", f.Key)
		}
		ids = slices.DeleteFunc(ids, func(id string) bool {
			return !slices.ContainsFunc(f.Values, func(v string) bool { return strings.HasPrefix(id, v) })
		})
	}
	return ids, nil
}

// describeSecret rests on "DescribeSecret".
func (s *Service) describeSecret(ctx context.Context, in *struct{ SecretId string }) (any, *api.Error) {
	c := api.From(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	sec, err := s.find(c, in.SecretId)
	if err != nil {
		return nil, err
	}
	stages := map[string][]string{}
	for id, v := range sec.Versions {
		stages[id] = v.Stages
	}
	return struct {
		ARN, Name          string
		Description        string `json:",omitempty"`
		KmsKeyId           string `json:",omitempty"`
		CreatedDate        awsjson.Time
		LastChangedDate    awsjson.Time
		VersionIdsToStages map[string][]string
	}{ARN(c, sec.Name), sec.Name, sec.Description, sec.KMSKeyID, awsjson.Time{Time: sec.Created}, awsjson.Time{Time: sec.Changed}, stages}, nil
}

// updateSecretVersionStage rests on "UpdateSecretVersionStage": a stage that a
// version has moves only where the call names that version.
func (s *Service) updateSecretVersionStage(ctx context.Context, in *struct{ SecretId, VersionStage, RemoveFromVersionId, MoveToVersionId string }) (any, *api.Error) {
	c := api.From(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	sec, err := s.find(c, in.SecretId)
	if err != nil {
		return nil, err
	}
	switch had := sec.staged(in.VersionStage); {
	case in.MoveToVersionId != "" && sec.Versions[in.MoveToVersionId] == nil, in.RemoveFromVersionId != "" && sec.Versions[in.RemoveFromVersionId] == nil:
		return nil, refusal("ResourceNotFoundException", "Secrets Manager can't find the specified secret value for VersionId.")
	case had != "" && had != in.RemoveFromVersionId && had != in.MoveToVersionId:
		return nil, refusal("InvalidParameterException", "The parameter RemoveFromVersionId can't be empty. Staging label %s is currently attached to version %s, so you must explicitly reference that version in RemoveFromVersionId.", in.VersionStage, had)
	case in.MoveToVersionId == "" && in.VersionStage == current:
		return nil, refusal("InvalidParameterException", "You can only move staging label %s to a different secret version. It can't be completely removed.", current)
	}
	sec.move(in.VersionStage, in.MoveToVersionId)
	return versionOutput{ARN: ARN(c, sec.Name), Name: sec.Name}, s.save(c, sec)
}

// deleteSecret rests on "DeleteSecret", without the days in which a secret can be
// restored.
func (s *Service) deleteSecret(ctx context.Context, in *struct{ SecretId string }) (any, *api.Error) {
	c := api.From(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	sec, err := s.find(c, in.SecretId)
	if err != nil {
		return nil, err
	}
	if err := s.store.Delete(keyOf(c, sec.Name)); err != nil {
		return nil, awsjson.Internal(err)
	}
	return struct {
		ARN, Name    string
		DeletionDate awsjson.Time
	}{ARN(c, sec.Name), sec.Name, awsjson.Time{Time: s.now().UTC()}}, nil
}
