package lambda

import (
	"maps"
	"net/http"
	"strings"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/call"
)

// maxTags is the limit of TestLambdaTags::test_tag_limits.
const maxTags = 50

var errTooManyTags = invalid("Number of tags exceeds resource tag limit.")

var resourcePattern = newPattern(`arn:(aws[a-zA-Z-]*):lambda:(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:\d{12}:(function:[a-zA-Z0-9-_]+(:(\$LATEST|[a-zA-Z0-9-_]+))?|layer:([a-zA-Z0-9-_]+)|code-signing-config:csc-[a-z0-9]{17}|event-source-mapping:[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}|capacity-provider:[a-zA-Z0-9-_]+)`)

// tagged finds the function whose ARN a tag call names. Messages: TestLambdaTags
// and TestLambdaTag::test_tag_exceptions.
func (s *Service) tagged(r *request) (*function, error) {
	arn := r.vars["Resource"]
	var broken faults
	broken.pattern("resource", arn, resourcePattern)
	if err := broken.err(); err != nil {
		return nil, err
	}
	call.RecordOf(r.ctx).Resource = arn
	parts := strings.Split(arn, ":")
	if parts[5] != "function" {
		return nil, notFound("Resource not found: " + arn)
	}
	if len(parts) > 7 {
		return nil, invalid("Tags on function aliases and versions are not supported. Please specify a function ARN.")
	}
	f, err := s.edit(r.caller.Account, parts[3], parts[6])
	if err != nil {
		return nil, err
	}
	if f == nil || parts[4] != r.caller.Account {
		return nil, functionNotFound(arn)
	}
	return f, nil
}

func (s *Service) listTags(r *request) (answer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := s.tagged(r)
	if err != nil {
		return answer{}, err
	}
	tags := f.Tags
	if tags == nil {
		tags = map[string]string{}
	}
	return answer{http.StatusOK, map[string]any{"Tags": tags}}, nil
}

// tagResource moves the RevisionId (TestLambdaTags::test_tag_lifecycle).
func (s *Service) tagResource(r *request) (answer, error) {
	var in struct{ Tags map[string]string }
	if err := r.decode(&in); err != nil {
		return answer{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := s.tagged(r)
	if err != nil {
		return answer{}, err
	}
	if len(in.Tags) == 0 {
		return answer{}, invalid("An error occurred and the request cannot be processed.")
	}
	if err := checkTags(in.Tags); err != nil {
		return answer{}, err
	}
	if f.Tags == nil {
		f.Tags = map[string]string{}
	}
	maps.Copy(f.Tags, in.Tags)
	if len(f.Tags) > maxTags {
		return answer{}, errTooManyTags
	}
	if f.Latest.Life.LastUpdateStatus == updateRunning {
		return answer{}, f.busy()
	}
	f.Latest.RevisionID = call.NewID()
	return answer{status: http.StatusNoContent}, s.save(r, f)
}

func checkTags(tags map[string]string) error {
	for k, v := range tags {
		switch {
		case strings.HasPrefix(strings.ToLower(k), "aws:"):
			return invalid("Tag keys starting with aws: are reserved for system use")
		case k == "" || len(k) > 128:
			return invalid("Invalid tag key: the key must have between 1 and 128 characters")
		case len(v) > 256:
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
		return answer{}, faults{"Value null at 'tagKeys' failed to satisfy constraint: Member must not be null"}.err()
	}
	f, err := s.tagged(r)
	if err != nil {
		return answer{}, err
	}
	for _, k := range keys {
		delete(f.Tags, k)
	}
	f.Latest.RevisionID = call.NewID()
	return answer{status: http.StatusNoContent}, s.save(r, f)
}
