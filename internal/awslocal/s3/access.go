package s3

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/api"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/store"
	"github.com/lambda-rollout/lambda-rollout/internal/lazyregexp"
)

// checkOwners rests on "Verifying bucket ownership with bucket owner condition",
// Amazon S3 User Guide: a request may say which account it expects to own the
// bucket, and the source of a copy.
func (s *Service) checkOwners(r *request) *apiError {
	if err := s.checkOwner(r.bucket, r.Header.Get("x-amz-expected-bucket-owner")); err != nil {
		return err
	}
	source, _, _ := strings.Cut(strings.TrimPrefix(r.Header.Get("x-amz-copy-source"), "/"), "/")
	return s.checkOwner(source, r.Header.Get("x-amz-source-expected-bucket-owner"))
}

var accountID = lazyregexp.New(`^\d{12}$`)

func (s *Service) checkOwner(bucket, expected string) *apiError {
	switch {
	case expected == "":
		return nil
	case !accountID.MatchString(expected):
		return newError(http.StatusBadRequest, "InvalidBucketOwnerAWSAccountID", "The value of the expected bucket owner parameter must be an AWS account ID")
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if b := s.buckets[bucket]; b != nil && b.Account != expected {
		return errAccessDenied("Access Denied")
	}
	return nil
}

// matchesPrincipal compares an entry of a reader list with a caller: the whole
// ARN, the account, or the role of the caller's session ("AWS JSON policy
// elements: Principal").
func matchesPrincipal(entry string, c api.Caller) bool {
	switch {
	case entry == c.PrincipalARN, entry == c.Account:
		return true
	case strings.HasSuffix(entry, ":root"):
		return accountOf(entry) == c.Account
	}
	_, session, ok := strings.Cut(c.PrincipalARN, ":assumed-role/")
	_, role, ok2 := strings.Cut(entry, ":role/")
	if !ok || !ok2 || accountOf(entry) != c.Account {
		return false
	}
	name, _, _ := strings.Cut(session, "/")
	return role == name || strings.HasSuffix(role, "/"+name)
}

// accountOf reads the account from an ARN.
func accountOf(arn string) string {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) < 6 {
		return ""
	}
	return parts[4]
}

// Object is one version of an object as another service reads it.
type Object struct {
	Blob      store.Blob
	VersionID string // "" where the bucket has no versions
}

// Object finds an object for caller c, the newest version where version is
// empty. Errors carry S3's code and message: NoSuchBucket, NoSuchKey,
// NoSuchVersion, AccessDenied, and PermanentRedirect for a bucket of another
// Region.
func (s *Service) Object(c api.Caller, bucket, key, version string) (Object, *api.Error) {
	query := url.Values{}
	if version != "" {
		query.Set("versionId", version)
	}
	if c.AccessKeyID == "" {
		c.AccessKeyID = "service" // a service acts for its caller, never anonymously
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	b, v, err := s.find(&request{w: discard{http.Header{}}, query: query, bucket: bucket, key: key, caller: c})
	if err != nil {
		if err.Status == http.StatusMovedPermanently {
			err.Message = "The bucket is in this region: " + s.buckets[bucket].Region + ". Please use this region to retry the request"
		}
		return Object{}, api.NewError(err.Status, err.Code, err.Message)
	}
	found := Object{Blob: v.Blob}
	if b.Versioning != "" {
		found.VersionID = v.ID
	}
	return found, nil
}
