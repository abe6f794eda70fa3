package ecr

import (
	"fmt"
)

// openToAll is the policy of a repository of which another account's functions are made.
const openToAll = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"*","Service":"lambda.amazonaws.com"},"Action":"ecr:*"}]}`

// Plant makes an image that exists elsewhere exist here, by its URI with a digest, and its
// repository, which account reads. Nothing of what it holds is here.
func (s *Service) Plant(account, uri string) error {
	m := imageURI.FindStringSubmatch(uri)
	if m == nil || m[5] == "" {
		return fmt.Errorf("%s names no image of ECR by its digest", uri)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.repositories[repoKey(m[1], m[2], m[3])]
	if r == nil {
		r = &repository{Account: m[1], Region: m[2], Name: m[3], Created: s.now().UTC(), Mutability: "MUTABLE", Images: map[string]image{}, Tags: map[string]string{}}
	}
	next := r.copy()
	if m[1] != account {
		next.Policy = openToAll
	}
	next.Images[m[5]] = image{MediaType: "application/vnd.docker.distribution.manifest.v2+json", Pushed: s.now().UTC()}
	if m[4] != "" {
		next.Tags[m[4]] = m[5]
	}
	if err := s.keep(next); err != nil {
		return err
	}
	return nil
}
