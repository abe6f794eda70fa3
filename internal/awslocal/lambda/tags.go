package lambda

import (
	"maps"
	"net/http"
	"strings"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/api"
)

// maxTags is the limit of TestLambdaTags::test_tag_limits.
const maxTags = 50

var errTooManyTags = invalid("Number of tags exceeds resource tag limit.")

var resourcePattern = newPattern(`arn:(aws[a-zA-Z-]*):lambda:(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:\d{12}:(function:[a-zA-Z0-9-_]+(:(\$LATEST|[a-zA-Z0-9-_]+))?|layer:([a-zA-Z0-9-_]+)|code-signing-config:csc-[a-z0-9]{17}|event-source-mapping:[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}|capacity-provider:[a-zA-Z0-9-_]+)`)

// tagOwner is a function or an event source mapping as tag calls see it.
type tagOwner struct {
	tags *map[string]string
	// busy refuses new tags while the owner is being updated.
	busy func() error
	save func() error
}

// tagged finds what the ARN of a tag call names. Messages: TestLambdaTags and
// TestLambdaTag::test_tag_exceptions. The caller holds s.mu.
func (s *Service) tagged(r *request) (tagOwner, error) {
	arn := r.vars["Resource"]
	var broken violations
	broken.pattern("resource", arn, resourcePattern)
	if err := broken.err(); err != nil {
		return tagOwner{}, err
	}
	api.RecordOf(r.ctx).Resource = arn
	switch parts := strings.Split(arn, ":"); parts[5] {
	case "function":
		return s.taggedFunction(r, arn, parts)
	case "event-source-mapping":
		return s.taggedMapping(r, arn, parts)
	}
	return tagOwner{}, notFound("Resource not found: " + arn)
}

// taggedFunction moves the RevisionId with each change of tags
// (TestLambdaTags::test_tag_lifecycle).
func (s *Service) taggedFunction(r *request, arn string, parts []string) (tagOwner, error) {
	if len(parts) > 7 {
		return tagOwner{}, invalid("Tags on function aliases and versions are not supported. Please specify a function ARN.")
	}
	f, err := s.edit(r.caller.Account, parts[3], parts[6])
	if err != nil {
		return tagOwner{}, err
	}
	if f == nil || parts[4] != r.caller.Account {
		return tagOwner{}, functionNotFound(arn)
	}
	return tagOwner{
		tags: &f.Tags,
		busy: func() error {
			if f.Latest.Life.LastUpdateStatus == updateRunning {
				return f.busy()
			}
			return nil
		},
		save: func() error {
			f.Latest.RevisionID = api.NewID()
			return s.save(r, f)
		},
	}, nil
}

func (s *Service) taggedMapping(r *request, arn string, parts []string) (tagOwner, error) {
	m := new(eventSourceMapping)
	found, err := s.Store.Get(mappingPrefix(r.caller.Account, parts[3])+parts[6], m)
	if err != nil {
		return tagOwner{}, err
	}
	if !found || parts[4] != r.caller.Account || m.gone(s.Clock()) {
		return tagOwner{}, notFound("Resource not found: " + arn)
	}
	return tagOwner{tags: &m.Tags, busy: func() error { return nil }, save: func() error { return s.saveMapping(r, m) }}, nil
}

func (s *Service) listTags(r *request) (answer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	owner, err := s.tagged(r)
	if err != nil {
		return answer{}, err
	}
	tags := *owner.tags
	if tags == nil {
		tags = map[string]string{}
	}
	return answer{http.StatusOK, map[string]any{"Tags": tags}}, nil
}

func (s *Service) tagResource(r *request) (answer, error) {
	var in struct{ Tags map[string]string }
	if err := r.decode(&in); err != nil {
		return answer{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	owner, err := s.tagged(r)
	if err != nil {
		return answer{}, err
	}
	if len(in.Tags) == 0 {
		return answer{}, invalid("An error occurred and the request cannot be processed.")
	}
	if err := checkTags(in.Tags); err != nil {
		return answer{}, err
	}
	if *owner.tags == nil {
		*owner.tags = map[string]string{}
	}
	maps.Copy(*owner.tags, in.Tags)
	if len(*owner.tags) > maxTags {
		return answer{}, errTooManyTags
	}
	if err := owner.busy(); err != nil {
		return answer{}, err
	}
	return answer{status: http.StatusNoContent}, owner.save()
}

func checkTags(tags map[string]string) error {
	for k, v := range tags {
		switch {
		case strings.HasPrefix(strings.ToLower(k), "aws:"):
			return invalid("Tag keys starting with aws: are reserved for system use")
		case k == "" || characters(k) > 128:
			return invalid("Invalid tag key: the key must have between 1 and 128 characters")
		case characters(v) > 256:
			return invalid("Invalid tag value: the value must have at most 256 characters")
		}
	}
	return nil
}

func (s *Service) untagResource(r *request) (answer, error) {
	keys := r.http.URL.Query()["tagKeys"]
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(keys) == 0 {
		return answer{}, violations{"Value null at 'tagKeys' failed to satisfy constraint: Member must not be null"}.err()
	}
	owner, err := s.tagged(r)
	if err != nil {
		return answer{}, err
	}
	for _, k := range keys {
		delete(*owner.tags, k)
	}
	return answer{status: http.StatusNoContent}, owner.save()
}
