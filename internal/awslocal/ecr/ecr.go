// Package ecr is the embedded Amazon Elastic Container Registry: repositories
// and image manifests, as much as deploying functions from images needs.
//
// Digests are the SHA-256 of the manifests that were put. It stores no layers
// and serves no registry protocol: nothing can be pulled from it.
//
// Rules are those of the Amazon ECR API Reference.
package ecr

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/api"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/store"
)

const (
	target     = "AmazonEC2ContainerRegistry_V20150921."
	repoPrefix = "ecr/repository/"
	// maxBody holds the largest manifest (4 MiB) with every byte escaped.
	maxBody = 9 << 20
)

// Access is what ECR asks of IAM. A refusal is in AWS's words, "" is yes.
type Access interface {
	// RepositoryAccess reports whether a repository's policy lets a caller of
	// another account do action.
	RepositoryAccess(caller api.Caller, policy, action, resource string) (refusal string)
	// Allow reports whether the caller's own policies let it.
	Allow(caller api.Caller, action, resource string, condition map[string][]string) (refusal string)
}

// Service answers ECR's requests. Its methods may be called side by side.
type Service struct {
	store  *store.Store
	now    api.Clock
	access Access

	mu           sync.RWMutex
	repositories map[string]*repository // by store key; never changed once in here
}

// New serves the repositories that st holds. Without access, repositories of
// other accounts are closed. Errors: a document that cannot be read.
func New(st *store.Store, now api.Clock, access Access) (*Service, error) {
	s := &Service{store: st, now: now, access: access, repositories: map[string]*repository{}}
	for _, key := range st.Keys(repoPrefix) {
		var r repository
		if _, err := st.Get(key, &r); err != nil {
			return nil, fmt.Errorf("load repositories: %w", err)
		}
		s.repositories[key] = &r
	}
	return s, nil
}

// Blobs yields the hash of each manifest that ECR still needs.
func (s *Service) Blobs(yield func(sha256 string) bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, r := range s.repositories {
		for digest := range r.Images {
			if !yield(strings.TrimPrefix(digest, "sha256:")) {
				return
			}
		}
	}
}

// operation decodes its input and returns its output.
type operation func(*Service, api.Caller, []byte) (any, *api.Error)

// op makes an operation of a function on its decoded input.
func op[T any](serve func(*Service, api.Caller, *T) (any, *api.Error)) operation {
	return func(s *Service, c api.Caller, body []byte) (any, *api.Error) {
		in := new(T)
		if err := json.Unmarshal(body, in); err != nil {
			return nil, api.NewError(http.StatusBadRequest, "SerializationException", err.Error())
		}
		return serve(s, c, in)
	}
}

var operations = map[string]operation{
	"CreateRepository":       op((*Service).createRepository),
	"DescribeRepositories":   op((*Service).describeRepositories),
	"DeleteRepository":       op((*Service).deleteRepository),
	"GetRepositoryPolicy":    op((*Service).getRepositoryPolicy),
	"SetRepositoryPolicy":    op((*Service).setRepositoryPolicy),
	"DeleteRepositoryPolicy": op((*Service).deleteRepositoryPolicy),
	"PutImage":               op((*Service).putImage),
	"DescribeImages":         op((*Service).describeImages),
	"ListImages":             op((*Service).listImages),
	"BatchGetImage":          op((*Service).batchGetImage),
	"BatchDeleteImage":       op((*Service).batchDeleteImage),
	"GetAuthorizationToken":  op((*Service).getAuthorizationToken),
}

// changing are the operations that change something that lasts.
var changing = map[string]bool{
	"CreateRepository": true, "DeleteRepository": true, "SetRepositoryPolicy": true,
	"DeleteRepositoryPolicy": true, "PutImage": true, "BatchDeleteImage": true,
}

// Operation names the API call that r makes.
func (s *Service) Operation(r *http.Request) string {
	name, ok := strings.CutPrefix(r.Header.Get("X-Amz-Target"), target)
	if !ok {
		return ""
	}
	return name
}

// WriteError writes an error that the server has found before ECR was asked.
func (s *Service) WriteError(w http.ResponseWriter, _ *http.Request, e *api.Error) {
	api.WriteJSON11(w, e)
}

// ServeHTTP answers one ECR request.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	out, err := s.serve(w, r)
	if err != nil {
		api.WriteJSON11(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	_ = json.NewEncoder(w).Encode(out) // a client that has gone has no use for the answer
}

func (s *Service) serve(w http.ResponseWriter, r *http.Request) (any, *api.Error) {
	name := s.Operation(r)
	serve := operations[name]
	if serve == nil {
		return nil, api.NewError(
			http.StatusBadRequest,
			"UnknownOperationException",
			"ECR has no operation "+r.Header.Get("X-Amz-Target")+" here",
		)
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return nil, api.NewError(
			http.StatusRequestEntityTooLarge,
			"RequestEntityTooLargeException",
			fmt.Sprintf("Request must be smaller than %d bytes", maxBody),
		)
	}
	if err != nil {
		return nil, api.NewError(http.StatusBadRequest, "SerializationException", err.Error())
	}
	if len(body) == 0 {
		body = []byte("{}")
	}
	out, refusal := serve(s, api.From(r.Context()), body)
	if refusal == nil && changing[name] {
		api.Changed(r.Context())
	}
	return out, refusal
}
