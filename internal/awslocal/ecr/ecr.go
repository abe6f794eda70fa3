// Package ecr is the embedded Amazon Elastic Container Registry: repositories
// and image manifests, as much as deploying functions from images needs.
//
// Digests are the SHA-256 of the manifests that were put. It stores no layers
// and serves no registry protocol: nothing can be pulled from it.
//
// Rules are those of the Amazon ECR API Reference.
package ecr

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/api"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/awsjson"
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
	awsjson.Service

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
	s.Service = awsjson.Service{
		Target:  target,
		MaxBody: maxBody,
		Operations: map[string]awsjson.Operation{
			"CreateRepository":       op(s.createRepository),
			"DescribeRepositories":   op(s.describeRepositories),
			"DeleteRepository":       op(s.deleteRepository),
			"GetRepositoryPolicy":    op(s.getRepositoryPolicy),
			"SetRepositoryPolicy":    op(s.setRepositoryPolicy),
			"DeleteRepositoryPolicy": op(s.deleteRepositoryPolicy),
			"PutImage":               op(s.putImage),
			"DescribeImages":         op(s.describeImages),
			"ListImages":             op(s.listImages),
			"BatchGetImage":          op(s.batchGetImage),
			"BatchDeleteImage":       op(s.batchDeleteImage),
			"GetAuthorizationToken":  op(s.getAuthorizationToken),
		},
		Changing: map[string]bool{
			"CreateRepository": true, "DeleteRepository": true, "SetRepositoryPolicy": true,
			"DeleteRepositoryPolicy": true, "PutImage": true, "BatchDeleteImage": true,
		},
	}
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

// op gives an operation its caller.
func op[In any](serve func(api.Caller, *In) (any, *api.Error)) awsjson.Operation {
	return awsjson.Op(func(ctx context.Context, in *In) (any, *api.Error) { return serve(api.From(ctx), in) })
}
