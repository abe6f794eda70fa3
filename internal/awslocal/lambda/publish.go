package lambda

import (
	"net/http"
	"strconv"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/api"
)

// publishVersion compares with the last version, and returns that one where
// nothing changed; the new description is then ignored
// (TestLambdaVersions::test_version_lifecycle).
func (s *Service) publishVersion(r *request) (answer, error) {
	t, err := r.target()
	if err != nil {
		return answer{}, err
	}
	var in struct {
		CodeSha256  string
		Description *string
		RevisionId  string
		PublishTo   string
	}
	if err := r.decode(&in); err != nil {
		return answer{}, err
	}
	var broken violations
	if in.Description != nil {
		broken.length("description", *in.Description, 256)
	}
	if err := broken.err(); err != nil {
		return answer{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := s.change(t, in.RevisionId)
	if err != nil {
		return answer{}, err
	}
	if in.CodeSha256 != "" && in.CodeSha256 != f.Latest.Code.Sha256 {
		return answer{}, invalid("CodeSHA256 (" + in.CodeSha256 + ") is different from current CodeSHA256 in $LATEST (" +
			f.Latest.Code.Sha256 + "). Please try again with the CodeSHA256 in $LATEST.")
	}
	description := f.Latest.Config.Description
	if in.Description != nil && *in.Description != "" {
		description = *in.Description
	}
	if in.PublishTo != "" {
		v, err := s.publishLatest(f, t, in.PublishTo, description)
		if err != nil {
			return answer{}, err
		}
		return answer{http.StatusCreated, f.show(v, latestPublished)}, s.save(r, f)
	}
	if last := f.newest(); last != nil && last.same(&f.Latest) {
		return answer{http.StatusCreated, f.show(last, last.Version)}, nil
	}
	v := s.newVersion(f, t, description)
	return answer{http.StatusCreated, f.show(v, v.Version)}, s.save(r, f)
}

// publishLatest makes $LATEST.PUBLISHED anew, which callers without a qualifier
// reach ("$LATEST.PUBLISHED version in Lambda Managed Instances"). That AWS refuses
// it for other functions, that it is Pending until its environments are there, and
// that it takes a description as a numbered version does, is inferred.
func (s *Service) publishLatest(f *function, t target, to, description string) (*version, error) {
	var broken violations
	broken.enum("publishTo", to, "LATEST_PUBLISHED")
	if err := broken.err(); err != nil {
		return nil, err
	}
	if f.Latest.Config.CapacityProviderConfig == nil {
		return nil, invalid("PublishTo LATEST_PUBLISHED is only supported for functions with a capacity provider.")
	}
	now := s.Clock()
	v := version{Version: latestPublished, Config: f.Latest.Config.clone(), Code: f.Latest.Code}
	v.Life = creating(now.Add(s.InProgress), s.failures.take(t, stateOfVersion))
	v.touch(now)
	v.LatestDescription, v.Config.Description = f.Latest.Config.Description, description
	f.LatestPublished = &v
	f.Latest.RevisionID = api.NewID()
	return &v, nil
}

// newVersion publishes a settled $LATEST. The version is Active at once, but
// for SnapStart, where it is Pending until the snapshot is there
// (TestLambdaSnapStart::test_snapstart_lifecycle). $LATEST's own RevisionId moves
// (TestLambdaRevisions::test_function_revisions_version_and_alias).
func (s *Service) newVersion(f *function, t target, description string) *version {
	now := s.Clock()
	v := f.publish(now, description)
	f.Latest.RevisionID = api.NewID()
	fail := s.failures.take(t, stateOfVersion)
	if fail != nil || v.Config.SnapStart.ApplyOn == snapStartPublished {
		v.Life = creating(now.Add(s.Pending), fail)
	}
	return v
}

// same reports whether nothing has changed in $LATEST since v was published. A new
// Description of $LATEST is a change (TestLambdaVersions::test_version_lifecycle),
// that of the call to PublishVersion is not.
func (v *version) same(latest *version) bool {
	a, b := v.Config.clone(), latest.Config.clone()
	a.Description = v.LatestDescription
	a.SnapStart.OptimizationStatus, b.SnapStart.OptimizationStatus = "", ""
	left, err1 := compactJSON([]any{a, v.Code.Sha256, v.Code.KMSKeyArn})
	right, err2 := compactJSON([]any{b, latest.Code.Sha256, latest.Code.KMSKeyArn})
	return err1 == nil && err2 == nil && left == right
}

// publishPending makes the version that an update of the code asked for: it is
// Pending, without a LastUpdateStatus, until the update is through
// (TestLambdaVersions::test_publish_with_update). Where nothing differs from the
// last version, that one stays.
func (s *Service) publishPending(f *function, t target) *version {
	if last := f.newest(); last != nil && last.same(&f.Latest) {
		return last
	}
	now := s.Clock()
	v := f.publish(now, f.Latest.Config.Description)
	v.Life = creating(now.Add(s.InProgress), s.failures.take(t, stateOfVersion))
	return v
}

// publish makes a version of the current $LATEST.
func (f *function) publish(now time.Time, description string) *version {
	f.Counter++
	v := version{Version: strconv.Itoa(f.Counter), Config: f.Latest.Config.clone(), Code: f.Latest.Code, Life: active()}
	v.touch(now)
	v.LatestDescription, v.Config.Description = f.Latest.Config.Description, description
	f.Versions = append(f.Versions, v)
	return f.newest()
}
